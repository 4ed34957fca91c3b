//! Past values, as many as a budget of bytes holds: the oldest go first, and a busy stream does not drive out a quiet one.
//!
//! ```text
//! slot --> track: [block] [block] [block] <-- newest      block: first instant, then (time since the one before, kind, value)*
//!             oldest go ^                                 256 bytes: some twenty numbers
//! ```
//!
//! Every block counts the same, so the bound is a number of blocks. When all are used, a track that has more than its share
//! (all blocks by all tracks) gives its oldest for the new one; one that has its share gives its own.

use std::collections::VecDeque;
use std::ops::Range;

use crate::city::Value;
use crate::quantity::Timestamp;

/// Bytes of samples in a block.
const BLOCK_BYTES: usize = 228;
/// A longer sample (a text) is not kept: it would drive out too much.
const MOST_SAMPLE_BYTES: usize = 128;
/// Bytes of a block with what an allocation takes, and twice its place in the track: those grow by doubling.
const BLOCK_COST: usize = size_of::<Block>() + 16 + 2 * size_of::<Box<Block>>();
/// Bytes of a track, twice, with its first few places for blocks.
const TRACK_COST: usize = 2 * size_of::<VecDeque<Box<Block>>>() + 4 * size_of::<Box<Block>>() + 16;

/// Which past values of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastQuery {
    /// From this instant on.
    pub from: Timestamp,
    /// Before this one.
    pub before: Timestamp,
    /// So many at most.
    pub most: usize,
    /// The newest first, and those of them that `most` leaves; else the oldest.
    pub newest_first: bool,
}

/// Samples of one slot in the order of time, the time of each as the distance from the one before.
#[derive(Debug, Clone)]
struct Block {
    first: Timestamp,
    /// The instant of the last sample but one.
    before: Timestamp,
    last: Timestamp,
    used: u16,
    /// Where the last sample begins.
    last_at: u16,
    bytes: [u8; BLOCK_BYTES],
}

impl Block {
    fn new() -> Self {
        let never = Timestamp::default();
        Self { first: never, before: never, last: never, used: 0, last_at: 0, bytes: [0; BLOCK_BYTES] }
    }

    /// Adds a sample that is not older than the last one, if there is room for it.
    fn append(&mut self, time: Timestamp, sample: &[u8]) -> bool {
        let at = usize::from(self.used);
        let since = if at == 0 { 0 } else { time.0.wrapping_sub(self.last.0) as u64 };
        let (head, length) = varint(since);
        let end = at + length + sample.len();
        let Some(place) = self.bytes.get_mut(at..end) else { return false };
        place.iter_mut().zip(head.iter().take(length).chain(sample)).for_each(|(place, byte)| *place = *byte);
        if at == 0 {
            self.first = time;
        }
        (self.before, self.last) = (self.last, time);
        (self.last_at, self.used) = (self.used, end as u16);
        true
    }

    /// Takes the sample away that was added last. Once: then another must come.
    fn pop(&mut self) {
        (self.used, self.last) = (self.last_at, self.before);
    }

    fn samples(&self) -> Samples<'_> {
        Samples { rest: self.bytes.get(..usize::from(self.used)).unwrap_or_default(), time: self.first }
    }

    /// Forgets what lies after an instant.
    fn truncate(&mut self, time: Timestamp) {
        let whole = self.clone();
        *self = Self::new();
        let mut sample = Vec::new();
        for (at, value) in whole.samples().take_while(|(at, _)| *at <= time) {
            sample.clear();
            put_value(&value, &mut sample);
            self.append(at, &sample);
        }
    }
}

/// Reads a block.
struct Samples<'b> {
    rest: &'b [u8],
    time: Timestamp,
}

impl Iterator for Samples<'_> {
    type Item = (Timestamp, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let since = take_varint(&mut self.rest)?;
        self.time = Timestamp(self.time.0.wrapping_add(since as i64));
        Some((self.time, take_value(&mut self.rest)?))
    }
}

/// The past values of the slots of a [`LiveCity`](super::LiveCity).
#[derive(Debug)]
pub struct History {
    budget: usize,
    tracks: Vec<VecDeque<Box<Block>>>,
    /// How many there are in all tracks.
    blocks: usize,
    /// The track that was asked last for a block beyond its share.
    hand: usize,
    sample: Vec<u8>,
}

impl History {
    /// An empty history that never takes more than `budget` bytes. Half of it at most goes into tracks: slots beyond are not
    /// remembered.
    pub fn new(budget: usize) -> Self {
        Self { budget, tracks: Vec::new(), blocks: 0, hand: 0, sample: Vec::new() }
    }

    /// About how much memory it takes, bytes; at most its budget.
    pub fn bytes(&self) -> usize {
        self.tracks.len() * TRACK_COST + self.blocks * BLOCK_COST
    }

    /// Remembers a value of a slot. One of the same instant as the newest takes its place; an older one, `Null`, and a text of
    /// more than some hundred bytes are not remembered.
    pub fn push(&mut self, slot: u32, time: Timestamp, value: &Value) {
        self.sample.clear();
        put_value(value, &mut self.sample);
        if value.is_null() || self.sample.len() > MOST_SAMPLE_BYTES || !self.has_track(slot) {
            return;
        }
        let Some(track) = self.tracks.get_mut(slot as usize) else { return };
        if let Some(newest) = track.back_mut() {
            if time < newest.last {
                return;
            }
            if time == newest.last {
                newest.pop();
            }
            if newest.append(time, &self.sample) {
                return;
            }
        }
        if self.make_room(slot as usize)
            && let Some(track) = self.tracks.get_mut(slot as usize)
        {
            let mut block = Box::new(Block::new());
            block.append(time, &self.sample);
            track.push_back(block);
            self.blocks += 1;
        }
    }

    /// Whether a slot has a track, made for it where there is room.
    fn has_track(&mut self, slot: u32) -> bool {
        let wanted = slot as usize + 1;
        if wanted > self.tracks.len() && wanted.saturating_mul(TRACK_COST) <= self.budget / 2 {
            self.tracks.resize_with(wanted, VecDeque::new);
        }
        wanted <= self.tracks.len()
    }

    fn most_blocks(&self) -> usize {
        (self.budget - (self.tracks.len() * TRACK_COST).min(self.budget)) / BLOCK_COST
    }

    /// Frees a block for a track where all are used; whether there is one.
    fn make_room(&mut self, wants: usize) -> bool {
        let most = self.most_blocks();
        let share = most / self.tracks.len().max(1);
        while self.blocks >= most {
            let own = self.tracks.get(wants).map_or(0, VecDeque::len);
            let has_its_share = own > 0 && own >= share;
            let giver = if has_its_share { Some(wants) } else { self.track_of_more_than(share) };
            // Where tracks have become more, each may have less than its new share.
            let Some(giver) = giver.or_else(|| self.track_of_more_than(0)) else { return false };
            self.blocks -= self.tracks.get_mut(giver).map_or(0, |track| usize::from(track.pop_front().is_some()));
        }
        true
    }

    /// The next track that has more blocks than so many. It is asked again first: who has too much gives until it has not.
    fn track_of_more_than(&mut self, least: usize) -> Option<usize> {
        for _ in 0..self.tracks.len() {
            if self.tracks.get(self.hand)?.len() > least {
                return Some(self.hand);
            }
            self.hand = (self.hand + 1) % self.tracks.len();
        }
        None
    }

    /// Past values of a slot, in the order that is asked for.
    pub fn past(&self, slot: u32, asked: &PastQuery) -> Vec<(Timestamp, Value)> {
        let Some(track) = self.tracks.get(slot as usize) else { return Vec::new() };
        let wanted = asked.from..asked.before;
        let start = track.partition_point(|block| block.last < wanted.start);
        let end = track.partition_point(|block| block.first < wanted.end).max(start);
        let blocks = track.range(start..end);
        match asked.newest_first {
            false => blocks.flat_map(|block| within(block, &wanted)).take(asked.most).collect(),
            true => {
                let found = blocks.rev().flat_map(|block| within(block, &wanted).collect::<Vec<_>>().into_iter().rev());
                found.take(asked.most).collect()
            }
        }
    }

    /// Forgets what lies after an instant: a play has gone back to it.
    pub fn forget_after(&mut self, time: Timestamp) {
        for track in &mut self.tracks {
            while track.back().is_some_and(|block| block.first > time) {
                track.pop_back();
                self.blocks -= 1;
            }
            if let Some(block) = track.back_mut().filter(|block| block.last > time) {
                block.truncate(time);
            }
        }
    }
}

fn within(block: &Block, wanted: &Range<Timestamp>) -> impl Iterator<Item = (Timestamp, Value)> {
    block.samples().filter(move |(time, _)| wanted.contains(time))
}

/// A number as LEB128, and how many of the bytes it takes.
fn varint(mut number: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        *byte = number as u8 & 0x7f;
        number >>= 7;
        if number == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, length)
}

fn put_varint(number: u64, bytes: &mut Vec<u8>) {
    let (varint, length) = varint(number);
    bytes.extend(varint.iter().take(length));
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Kind and value; numbers that lose nothing by it take four bytes.
fn put_value(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(truth) => bytes.push(u8::from(*truth)),
        Value::Int(number) => {
            bytes.push(2);
            // Zigzag: small negative numbers stay short.
            put_varint(((number << 1) ^ (number >> 63)) as u64, bytes);
        }
        Value::Float(number) if f64::from(*number as f32).to_bits() == number.to_bits() => {
            bytes.push(3);
            bytes.extend((*number as f32).to_le_bytes());
        }
        Value::Float(number) => {
            bytes.push(4);
            bytes.extend(number.to_le_bytes());
        }
        Value::Text(text) => {
            bytes.push(5);
            put_varint(text.len() as u64, bytes);
            bytes.extend(text.as_bytes());
        }
    }
}

fn take_value(bytes: &mut &[u8]) -> Option<Value> {
    let (kind, rest) = bytes.split_first()?;
    *bytes = rest;
    match kind {
        0 | 1 => Some(Value::Bool(*kind == 1)),
        2 => {
            let number = take_varint(bytes)?;
            Some(Value::Int((number >> 1) as i64 ^ -((number & 1) as i64)))
        }
        3 => Some(Value::Float(f32::from_le_bytes(take(bytes)?).into())),
        4 => Some(Value::Float(f64::from_le_bytes(take(bytes)?))),
        _ => {
            let length = take_varint(bytes)? as usize;
            let (text, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Some(Value::Text(std::str::from_utf8(text).ok()?.to_owned()))
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const ALL: PastQuery =
        PastQuery { from: Timestamp(i64::MIN), before: Timestamp(i64::MAX), most: usize::MAX, newest_first: false };

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e9..1e9_f64).prop_map(Value::Float),
            (-1e9..1e9_f32).prop_map(|number| Value::Float(number.into())),
            ".{0,45}".prop_map(Value::Text),
        ]
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(u32, i64, Value),
        ForgetAfter(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let push = (0..6_u32, -50..4000_i64, value()).prop_map(|(slot, time, value)| Step::Push(slot, time, value));
        prop_oneof![60 => push, 1 => (0..4000_i64).prop_map(Step::ForgetAfter)]
    }

    proptest! {
        /// Whatever comes, what is remembered is the newest of what was accepted, whole and in order, within the budget.
        #[test]
        fn what_is_remembered_is_the_end_of_what_was(budget in 0..12_000_usize, steps in prop::collection::vec(step(), 0..600)) {
            let mut history = History::new(budget);
            let mut model: BTreeMap<u32, BTreeMap<i64, Value>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Push(slot, time, value) => {
                        let newest = PastQuery { most: 1, newest_first: true, ..ALL };
                        let newest = history.past(slot, &newest).first().map(|(newest, _)| newest.0);
                        history.push(slot, Timestamp(time), &value);
                        let is_short = value.text().is_none_or(|text| text.len() + 3 <= MOST_SAMPLE_BYTES);
                        if is_short && newest.is_none_or(|newest| newest <= time) {
                            let slot = model.entry(slot).or_default();
                            drop(slot.split_off(&time));
                            slot.insert(time, value);
                        }
                    }
                    Step::ForgetAfter(time) => {
                        history.forget_after(Timestamp(time));
                        model.values_mut().for_each(|slot| drop(slot.split_off(&(time + 1))));
                    }
                }
                prop_assert!(history.bytes() <= budget);
                let counted: usize = history.tracks.iter().map(VecDeque::len).sum();
                prop_assert_eq!(counted, history.blocks);
            }
            let ample = budget > 6 * TRACK_COST + 300 * BLOCK_COST;
            for (slot, known) in &model {
                let past = history.past(*slot, &ALL);
                let known: Vec<_> = known.iter().map(|(time, value)| (Timestamp(*time), value.clone())).collect();
                prop_assert!(past.len() <= known.len());
                prop_assert!(known.ends_with(&past));
                if ample {
                    prop_assert_eq!(&past, &known);
                }
                let newest = history.past(*slot, &PastQuery { newest_first: true, ..ALL });
                prop_assert!(newest.iter().rev().eq(&past));
                let some = PastQuery { from: Timestamp(100), before: Timestamp(2000), most: 7, newest_first: true };
                let expected = newest.into_iter().filter(|(time, _)| (100..2000).contains(&time.0)).take(7);
                prop_assert_eq!(history.past(*slot, &some), expected.collect::<Vec<_>>());
            }
        }
    }

    /// A thousand streams, one of them a thousand times as fast: the slow ones keep what they would have alone.
    #[test]
    fn a_busy_stream_does_not_drive_out_quiet_ones() {
        let mut history = History::new(1 << 20);
        for minute in 0..200_i64 {
            for slot in 0..1000 {
                history.push(slot, Timestamp(minute * 60_000_000), &Value::Float(0.1 * minute as f64));
            }
            for tick in 0..1000 {
                history.push(0, Timestamp(minute * 60_000_000 + tick * 60_000), &Value::Float(0.1 * tick as f64));
            }
            assert!(history.bytes() <= 1 << 20);
        }
        let kept = |slot| history.past(slot, &ALL).len();
        let quiet: Vec<usize> = (1..1000).map(kept).collect();
        assert!(quiet.iter().all(|kept| *kept >= 30), "{:?}", quiet.iter().min());
        // What is over after sharing out whole blocks is all that the busy one has besides its share.
        let share = history.most_blocks() / 1000;
        assert!(share > 1 && history.tracks.iter().skip(1).all(|track| track.len() == share));
        assert_eq!(history.past(7, &ALL).last(), Some(&(Timestamp(199 * 60_000_000), Value::Float(0.1 * 199.0))));
    }

    /// What every block and track is counted as is what they take.
    #[test]
    fn a_hundred_thousand_streams_stay_inside_the_budget() {
        let budget = 64 << 20;
        let mut history = History::new(budget);
        // A value every six hours for a month.
        for hour in (0..720_i64).step_by(6) {
            for slot in 0..100_000 {
                history.push(slot, Timestamp(hour * 3_600_000_000), &Value::Float(f64::from(slot) / 7.0));
            }
        }
        let places: usize = history.tracks.iter().map(|track| track.capacity() * size_of::<Box<Block>>() + 16).sum();
        let tracks = history.tracks.capacity() * size_of::<VecDeque<Box<Block>>>();
        let taken = tracks + places + history.blocks * (size_of::<Block>() + 16);
        assert!(history.bytes() <= budget && taken <= budget, "{} counted, {taken} taken", history.bytes());
        assert!(history.past(99_999, &ALL).len() >= 20 && history.past(0, &ALL).len() >= 20);
    }
}
