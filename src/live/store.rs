//! The latest value of every bound property, and what is wrong with it.

mod past;
mod stream;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use self::stream::Stream;
use super::{
    Binding, Bindings, Diagnostics, FaultKind, History, ObjectDirectory, Observation, Quality, SourceIndex, SourceTally,
};
use crate::city::Value;
use crate::geodesy::Geodetic;
use crate::quantity::Timestamp;

/// More streams than this are not remembered: their observations count as unbound.
const MOST_STREAMS: usize = 1 << 20;
/// More streams than this that lead nowhere are not remembered, but looked up again each time: names that are never used
/// twice must not fill the memory.
const MOST_UNBOUND_STREAMS: usize = 1 << 16;
/// An observation more than this in the future, microseconds, would lock its stream for as long: a sender's clock is wrong.
pub const MOST_AHEAD_US: i64 = 300_000_000;

/// What a value is worth at an instant. Where several hold, the first named here wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum ValueState {
    /// Bound, but never seen.
    #[default]
    Missing,
    /// The sender doubts it.
    Suspect,
    /// Outside of the binding's `range`.
    OutOfRange,
    /// Older than the binding's `stale_after_s`. What was no good reading is none either when it is old.
    Stale,
    /// Good.
    Fresh,
}

impl ValueState {
    /// The word for it in answers and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Suspect => "suspect",
            Self::OutOfRange => "out_of_range",
            Self::Fresh => "fresh",
        }
    }
}

/// The latest observation of a property.
#[derive(Debug, Clone, PartialEq)]
pub struct LatestValue {
    /// When it was observed.
    pub time: Timestamp,
    /// The instant of the store at which it was applied.
    pub received: Timestamp,
    /// What was observed.
    pub value: Value,
    /// What the sender says of it.
    pub quality: Quality,
    /// Number of the binding that brought it.
    pub binding: u16,
    stream: u32,
}

/// What became of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is the latest of at least one property now.
    Applied,
    /// The same value of the same instant was there already.
    Duplicate,
    /// A later one was there already.
    Late,
    /// No binding, or no object for it.
    Unbound,
    /// More than five minutes after the store's instant: refused.
    Ahead,
    /// A binding with a unit or a range wants a number: refused.
    NotANumber,
}

/// What became of the observations, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveCounters {
    /// Became the latest.
    pub applied: u64,
    /// Known already.
    pub duplicate: u64,
    /// Older than the latest.
    pub late: u64,
    /// Without binding or object.
    pub unbound: u64,
    /// Refused, from the future.
    pub ahead: u64,
    /// Refused, no number.
    pub not_a_number: u64,
    /// Applied, but outside of the binding's range.
    pub out_of_range: u64,
}

/// A property of an object, as [`LiveCity::reading`] shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading<'l> {
    /// Row of the object.
    pub row: u32,
    /// Number of the property, see [`Bindings::properties`].
    pub property: u16,
    /// Number of the binding, see [`Bindings::bindings`].
    pub binding: u16,
    /// What the value is worth at the store's instant.
    pub state: ValueState,
    /// The latest value; `None` where `state` is `Missing`.
    pub latest: Option<&'l LatestValue>,
    /// The instant after which the value is stale.
    pub stale_after: Option<Timestamp>,
}

/// All values of a [`LiveCity`] at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSnapshot {
    now: Timestamp,
    latest: Vec<Option<LatestValue>>,
    counters: LiveCounters,
}

#[derive(Debug)]
struct Slot {
    row: u32,
    property: u16,
    /// The binding that made the slot.
    binding: u16,
    state: ValueState,
    changed: bool,
    /// Its entry in the heap of deadlines is still to come up: one entry a slot at most.
    awaited: bool,
    latest: Option<LatestValue>,
}

/// The latest values of a city. A slot is one property of one object; several streams may lead to one slot, then the
/// latest of all of them holds. A value never gives way to an older one; of two with the same instant the one that came
/// last holds (a correction).
#[derive(Debug, Default)]
pub struct LiveCity {
    bindings: Bindings,
    now: Timestamp,
    numbers: Vec<HashMap<Arc<str>, u32>>,
    streams: Vec<Stream>,
    /// How many of them lead nowhere.
    unbound_streams: usize,
    /// Slot and binding.
    targets: Vec<(u32, u16)>,
    slots: Vec<Slot>,
    slot_numbers: HashMap<(u32, u16), u32>,
    changed: Vec<u32>,
    deadlines: BinaryHeap<Reverse<(Timestamp, u32)>>,
    counters: LiveCounters,
    /// By source.
    tallies: Vec<SourceTally>,
    history: Option<History>,
}

impl LiveCity {
    /// A city without values at `now`.
    pub fn new(bindings: Bindings, now: Timestamp) -> Self {
        Self { bindings, now, ..Self::default() }
    }

    /// The bindings it was made with.
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// The store's instant.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Makes a stream known before its first observation: its properties are `Missing` until then.
    pub fn announce(
        &mut self,
        source: SourceIndex,
        stream: &Arc<str>,
        place: Option<Geodetic>,
        directory: &dyn ObjectDirectory,
    ) {
        // One that cannot be remembered is told of when it brings something.
        let _ = self.stream(source, stream, place, directory);
    }

    /// Moves the instant forward and finds what became stale by it. An earlier instant is only reached by
    /// [`LiveCity::restore`]; here it changes nothing.
    pub fn advance(&mut self, now: Timestamp) {
        if now <= self.now {
            return;
        }
        self.now = now;
        while let Some(Reverse((deadline, number))) = self.deadlines.peek().copied() {
            if deadline >= now {
                return;
            }
            self.deadlines.pop();
            if let Some(slot) = self.slots.get_mut(number as usize) {
                slot.awaited = false;
            }
            self.settle(number, false);
        }
    }

    /// Applies one observation at the store's instant.
    pub fn apply(
        &mut self,
        source: SourceIndex,
        observation: &Observation,
        directory: &dyn ObjectDirectory,
    ) -> Outcome {
        let (outcome, reason) = if observation.time.0 > self.now.0.saturating_add(MOST_AHEAD_US) {
            (Outcome::Ahead, FaultKind::Ahead)
        } else {
            match self.stream(source, &observation.stream, observation.place, directory) {
                Ok((number, stream)) if stream.count > 0 => {
                    (self.apply_to(number, stream, observation), FaultKind::NotANumber)
                }
                Ok((_, stream)) => (Outcome::Unbound, stream.why),
                Err(why) => (Outcome::Unbound, why),
            }
        };
        let Observation { stream, time, value, .. } = observation;
        self.tally(source).count(outcome, reason, || match reason {
            FaultKind::Ahead => format!("{stream} at {time}"),
            FaultKind::NotANumber => format!("{stream} is {value}"),
            _ => stream.to_string(),
        });
        let counter = match outcome {
            Outcome::Applied => &mut self.counters.applied,
            Outcome::Duplicate => &mut self.counters.duplicate,
            Outcome::Late => &mut self.counters.late,
            Outcome::Unbound => &mut self.counters.unbound,
            Outcome::Ahead => &mut self.counters.ahead,
            Outcome::NotANumber => &mut self.counters.not_a_number,
        };
        *counter += 1;
        outcome
    }

    fn tally(&mut self, source: SourceIndex) -> &mut SourceTally {
        let at = usize::from(source.0);
        if self.tallies.len() <= at {
            self.tallies.resize_with(at + 1, SourceTally::default);
        }
        &mut self.tallies[at]
    }

    /// Counts what never became an observation: messages and records that could not be read.
    pub fn note(&mut self, source: SourceIndex, faults: &Diagnostics) {
        self.tally(source).faults.merge(faults);
    }

    /// What became of everything that came, by source.
    pub fn tallies(&self) -> &[SourceTally] {
        &self.tallies
    }

    fn apply_to(&mut self, number: u32, stream: Stream, observation: &Observation) -> Outcome {
        let mut outcome = Outcome::Late;
        for at in stream.start..stream.start + stream.count {
            let Some(&(slot_number, binding_number)) = self.targets.get(at as usize) else { continue };
            let Some(binding) = self.bindings.bindings().get(usize::from(binding_number)) else { continue };
            let Some(slot) = self.slots.get_mut(slot_number as usize) else { continue };
            if binding.wants_number() && observation.value.number().is_none() {
                outcome = Outcome::NotANumber;
                continue;
            }
            if let Some(latest) = &slot.latest {
                if observation.time < latest.time {
                    continue;
                }
                let same = observation.time == latest.time && observation.value == latest.value;
                if same && latest.stream == number {
                    if outcome == Outcome::Late {
                        outcome = Outcome::Duplicate;
                    }
                    continue;
                }
            }
            slot.latest = Some(LatestValue {
                time: observation.time,
                received: self.now,
                value: observation.value.clone(),
                quality: observation.quality,
                binding: binding_number,
                stream: number,
            });
            if let Some(history) = &mut self.history {
                history.push(slot_number, observation.time, &observation.value);
            }
            outcome = Outcome::Applied;
            self.counters.out_of_range += u64::from(out_of_range(binding, &observation.value));
            self.settle(slot_number, true);
        }
        outcome
    }

    /// Brings a slot's state up to the store's instant, notes the change and awaits the next.
    fn settle(&mut self, number: u32, value_changed: bool) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        let (state, deadline) = match &slot.latest {
            None => (ValueState::Missing, None),
            Some(latest) => judge(latest, self.bindings.bindings().get(usize::from(latest.binding)), self.now),
        };
        if (value_changed || state != slot.state) && !slot.changed {
            slot.changed = true;
            self.changed.push(number);
        }
        slot.state = state;
        if let Some(deadline) = deadline
            && !slot.awaited
        {
            slot.awaited = true;
            self.deadlines.push(Reverse((deadline, number)));
        }
    }

    /// The number of a stream and where it leads; resolved once, and again when its place becomes known or another one. Why
    /// not, where it cannot be remembered.
    fn stream(
        &mut self,
        source: SourceIndex,
        name: &Arc<str>,
        place: Option<Geodetic>,
        directory: &dyn ObjectDirectory,
    ) -> Result<(u32, Stream), FaultKind> {
        let too_many = FaultKind::TooManyStreams;
        let sources = usize::from(source.0) + 1;
        if self.numbers.len() < sources {
            self.numbers.resize_with(sources, HashMap::new);
        }
        let known = self.numbers.get(usize::from(source.0)).and_then(|numbers| numbers.get(name).copied());
        if let Some(number) = known {
            let stream = *self.streams.get(number as usize).ok_or(too_many)?;
            if !stream.has_moved(place) {
                return Ok((number, stream));
            }
        } else if self.streams.len() >= MOST_STREAMS {
            return Err(too_many);
        }
        let number = known.unwrap_or(self.streams.len() as u32);
        let before = self.streams.get(number as usize).map(|stream| (number, *stream));
        let stream = self.resolve(source, name, place, directory, before);
        match before {
            Some((_, before)) => {
                self.unbound_streams -= usize::from(before.count == 0 && stream.count > 0);
                self.unbound_streams += usize::from(before.count > 0 && stream.count == 0);
                self.streams[number as usize] = stream;
            }
            None => {
                if stream.count == 0 && self.unbound_streams >= MOST_UNBOUND_STREAMS {
                    return Err(stream.why);
                }
                self.unbound_streams += usize::from(stream.count == 0);
                self.streams.push(stream);
                if let Some(numbers) = self.numbers.get_mut(usize::from(source.0)) {
                    numbers.insert(name.clone(), number);
                }
            }
        }
        Ok((number, stream))
    }

    /// Where a stream leads. What it brought where it led `before` is not known there any more.
    fn resolve(
        &mut self,
        source: SourceIndex,
        name: &str,
        place: Option<Geodetic>,
        directory: &dyn ObjectDirectory,
        before: Option<(u32, Stream)>,
    ) -> Stream {
        let resolution = self.bindings.resolve(source, name, place, directory);
        let count = resolution.targets.len() as u32;
        let (old_start, old_count, room) =
            before.map_or((0, 0, 0), |(_, old)| (old.start as usize, old.count as usize, old.room));
        let left = self.targets.get(old_start..old_start + old_count).unwrap_or_default().to_vec();
        // What moves all day needs no more room than what stands.
        let start = if count <= room { old_start } else { self.targets.len() };
        self.targets.resize(self.targets.len().max(start + resolution.targets.len()), (0, 0));
        for (at, (row, property, binding)) in resolution.targets.iter().enumerate() {
            self.targets[start + at] = (self.slot_for(*row, *property, *binding), *binding);
        }
        let kept = start..start + resolution.targets.len();
        for (slot, _) in left {
            let stays = self.targets[kept.clone()].iter().any(|(now, _)| *now == slot);
            if let Some((number, _)) = before.filter(|_| !stays) {
                self.forget(slot, number);
            }
        }
        Stream {
            start: start as u32,
            count,
            room: room.max(count),
            by_place: resolution.by_place,
            place,
            why: resolution.why,
        }
    }

    /// Takes what a stream has brought out of a slot; what another one has brought stays.
    fn forget(&mut self, number: u32, stream: u32) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        if slot.latest.as_ref().is_some_and(|latest| latest.stream == stream) {
            slot.latest = None;
            self.settle(number, true);
        }
    }

    fn slot_for(&mut self, row: u32, property: u16, binding: u16) -> u32 {
        let number = self.slots.len() as u32;
        if let Some(known) = self.slot_numbers.get(&(row, property)) {
            return *known;
        }
        self.slot_numbers.insert((row, property), number);
        let state = ValueState::Missing;
        self.slots.push(Slot { row, property, binding, state, changed: true, awaited: false, latest: None });
        self.changed.push(number);
        number
    }

    /// Hands over the numbers of the slots whose value or state changed since the last call, in the order of their first
    /// change, each once.
    pub fn take_changes(&mut self, into: &mut Vec<u32>) {
        for number in &self.changed {
            if let Some(slot) = self.slots.get_mut(*number as usize) {
                slot.changed = false;
            }
        }
        into.append(&mut self.changed);
    }

    /// How many streams of a source are known, and those of them that lead nowhere, by name, with the reason.
    pub fn streams_of(&self, source: SourceIndex) -> (usize, BTreeMap<Arc<str>, FaultKind>) {
        let Some(numbers) = self.numbers.get(usize::from(source.0)) else { return Default::default() };
        let nowhere = numbers.iter().filter_map(|(name, number)| {
            let stream = self.streams.get(*number as usize)?;
            (stream.count == 0).then(|| (name.clone(), stream.why))
        });
        (numbers.len(), nowhere.collect())
    }

    /// How many slots there are; their numbers are below this.
    pub fn slot_count(&self) -> u32 {
        self.slots.len() as u32
    }

    /// A slot by its number.
    pub fn reading(&self, slot: u32) -> Option<Reading<'_>> {
        let slot = self.slots.get(slot as usize)?;
        let binding = slot.latest.as_ref().map_or(slot.binding, |latest| latest.binding);
        let (row, property, state) = (slot.row, slot.property, slot.state);
        let limit = self.bindings.bindings().get(usize::from(binding)).and_then(|binding| binding.stale_after_us);
        let stale_after = slot.latest.as_ref().zip(limit).map(|(v, limit)| Timestamp(v.time.0.saturating_add(limit)));
        Some(Reading { row, property, binding, state, latest: slot.latest.as_ref(), stale_after })
    }

    /// A property of an object; `None` where nothing is bound to it.
    pub fn reading_of(&self, row: u32, property: u16) -> Option<Reading<'_>> {
        self.reading(*self.slot_numbers.get(&(row, property))?)
    }

    /// What became of all observations.
    pub fn counters(&self) -> LiveCounters {
        self.counters
    }

    /// About how much memory it takes, bytes.
    pub fn bytes(&self) -> usize {
        let names = self.numbers.iter().map(|numbers| {
            let texts: usize = numbers.keys().map(|name| name.len() + 2 * size_of::<usize>()).sum();
            texts + numbers.capacity() * (size_of::<(Arc<str>, u32)>() + 1)
        });
        let text = |slot: &Slot| slot.latest.as_ref().and_then(|latest| latest.value.text()).map_or(0, str::len);
        let texts: usize = self.slots.iter().map(text).sum();
        names.sum::<usize>()
            + self.streams.capacity() * size_of::<Stream>()
            + self.targets.capacity() * size_of::<(u32, u16)>()
            + self.slots.capacity() * size_of::<Slot>()
            + texts
            + self.slot_numbers.capacity() * (size_of::<((u32, u16), u32)>() + 1)
            + self.changed.capacity() * size_of::<u32>()
            + self.deadlines.capacity() * size_of::<Reverse<(Timestamp, u32)>>()
            + self.history_bytes()
    }

    /// A hash over every value (row, property, instant, value, quality), whatever the order in which the slots were made.
    pub fn state_hash(&self) -> u64 {
        let mut bytes = Vec::new();
        let mut hash = 0_u64;
        for slot in &self.slots {
            let Some(latest) = &slot.latest else { continue };
            bytes.clear();
            bytes.extend(slot.row.to_le_bytes());
            bytes.extend(slot.property.to_le_bytes());
            bytes.extend(latest.time.0.to_le_bytes());
            bytes.push(latest.quality as u8);
            put(&latest.value, &mut bytes);
            hash = hash.wrapping_add(xxh3_64(&bytes));
        }
        hash
    }

    /// All values, to come back to.
    pub fn snapshot(&self) -> LiveSnapshot {
        let latest = self.slots.iter().map(|slot| slot.latest.clone()).collect();
        LiveSnapshot { now: self.now, latest, counters: self.counters }
    }

    /// Goes to a snapshot of this city, backwards or forwards. What streams lead to is kept: it does not depend on time.
    pub fn restore(&mut self, snapshot: &LiveSnapshot) {
        self.now = snapshot.now;
        self.counters = snapshot.counters;
        self.deadlines.clear();
        for number in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(number) else { continue };
            let then = snapshot.latest.get(number).and_then(Option::as_ref);
            slot.awaited = false;
            let differs = slot.latest.as_ref() != then;
            if differs {
                slot.latest = then.cloned();
            }
            self.settle(number as u32, differs);
        }
        self.rewind_history();
    }
}

/// A value's state at `now`, and the instant after which it becomes stale.
fn judge(latest: &LatestValue, binding: Option<&Binding>, now: Timestamp) -> (ValueState, Option<Timestamp>) {
    if latest.quality == Quality::Suspect {
        return (ValueState::Suspect, None);
    }
    if binding.is_some_and(|b| out_of_range(b, &latest.value)) {
        return (ValueState::OutOfRange, None);
    }
    let limit = binding.and_then(|b| b.stale_after_us);
    let deadline = limit.map(|limit| Timestamp(latest.time.0.saturating_add(limit)));
    match deadline.is_some_and(|deadline| now > deadline) {
        true => (ValueState::Stale, None),
        false => (ValueState::Fresh, deadline),
    }
}

fn out_of_range(binding: &Binding, value: &Value) -> bool {
    match (binding.range, value.number()) {
        (Some([least, greatest]), Some(number)) => number < least || number > greatest,
        _ => false,
    }
}

fn put(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(0),
        Value::Bool(b) => bytes.extend([1, u8::from(*b)]),
        Value::Int(i) => {
            bytes.push(2);
            bytes.extend(i.to_le_bytes());
        }
        Value::Float(f) => {
            bytes.push(3);
            bytes.extend(f.to_bits().to_le_bytes());
        }
        Value::Text(text) => {
            bytes.push(4);
            bytes.extend(text.as_bytes());
        }
    }
}
