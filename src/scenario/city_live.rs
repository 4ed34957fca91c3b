//! Everything that live values say about a city: latest values, roll-ups, indicators, alarms, kept in step.
//!
//! ```text
//! Observation --LiveCity--> changed values --Rollup--> values of rooms, buildings, zones --+--> Alarms --> happenings
//!                                 +--------Indicators--> figures --------------------------+
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::event_log::{Happening, HappeningKind};
use super::variant_city::VariantCity;
use super::{ScenarioError, message};
use crate::city::Value;
use crate::geodesy::Geodetic;
use crate::indicator::{AlarmSnapshot, Alarms, Hierarchy, Indicators, ObjectTree, Rollup};
use crate::live::{
    Binding, Bindings, Diagnostics, LiveCity, LiveSnapshot, Observation, Reading, SourceIndex, ValueState,
};
use crate::quantity::Timestamp;
use crate::scene::SceneDocument;

/// The instant of what an attribute or an event states: of no weight, since the latest of a group is asked of live values.
const STATED: Timestamp = Timestamp(i64::MIN + 1);

/// The live state of a city, in a scene's words.
pub struct CityLive {
    objects: Arc<VariantCity>,
    hierarchy: Arc<Hierarchy>,
    latest: LiveCity,
    rollup: Rollup,
    /// Rolled-up values that are known, by row and property.
    rolled: BTreeMap<(u32, u16), f64>,
    indicators: Indicators,
    alarms: Alarms,
    /// What events have set of properties that are live or that indicators use, by row and name.
    overrides: BTreeMap<u32, BTreeMap<String, Value>>,
    /// Rows whose look may have changed since they were last taken.
    changed: BTreeSet<u32>,
    slots: Vec<u32>,
}

/// A [`CityLive`] at an instant. Roll-ups and indicators follow from it.
#[derive(Debug, Clone, PartialEq)]
pub struct CityLiveSnapshot {
    latest: LiveSnapshot,
    alarms: AlarmSnapshot,
}

impl CityLive {
    /// The city at `now`, before the first observation. `sources` are the names that bindings see, in the order of their
    /// [`SourceIndex`].
    pub fn new(
        scene: &SceneDocument,
        sources: &[&str],
        objects: Arc<VariantCity>,
        now: Timestamp,
    ) -> Result<Self, ScenarioError> {
        let bindings = Bindings::compile(&scene.bindings, sources)?;
        let hierarchy = Arc::new(Hierarchy::new(&*objects));
        let rules = bindings.bindings().iter().map(|binding| (binding.property, binding.rollup));
        let rollup = Rollup::new(hierarchy.clone(), rules.collect::<Vec<_>>());
        let mut indicators = Indicators::compile(&scene.indicators, hierarchy.clone(), &*objects)?;
        let attributes: Vec<String> =
            indicators.properties().filter(|name| bindings.property(name).is_none()).map(str::to_owned).collect();
        for name in &attributes {
            objects.values(name).for_each(|(row, value)| indicators.set(row, name, Some((value, STATED))));
        }
        let alarms = Alarms::compile(&scene.alarms, hierarchy.clone())?;
        let mut live = Self {
            objects,
            hierarchy,
            latest: LiveCity::new(bindings, now),
            rollup,
            rolled: BTreeMap::new(),
            indicators,
            alarms,
            overrides: BTreeMap::new(),
            changed: BTreeSet::new(),
            slots: Vec::new(),
        };
        live.indicators.update(usize::MAX);
        Ok(live)
    }

    /// The latest values.
    pub fn latest(&self) -> &LiveCity {
        &self.latest
    }

    /// Remembers past values in so many bytes, see [`LiveCity::past`].
    pub fn keep_history(&mut self, budget: usize) {
        self.latest.keep_history(budget);
    }

    /// Makes a stream of our own that sets one property, see [`LiveCity::lead`].
    pub fn lead(&mut self, source: SourceIndex, name: &Arc<str>, row: u32, property: u16) -> Option<&Binding> {
        self.latest.lead(source, name, row, property)
    }

    /// The figures.
    pub fn indicators(&self) -> &Indicators {
        &self.indicators
    }

    /// The alarms.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// The objects that it is about.
    pub fn objects(&self) -> &Arc<VariantCity> {
        &self.objects
    }

    /// What a property of an object amounts to, from its own value and those of what is in it; `None` where no value is
    /// worth believing.
    pub fn rolled_up(&self, row: u32, property: u16) -> Option<f64> {
        self.rolled.get(&(row, property)).copied()
    }

    /// Makes a stream known before its first observation: its properties are missing until then.
    pub fn announce(&mut self, source: SourceIndex, stream: &Arc<str>, place: Option<Geodetic>) {
        self.latest.announce(source, stream, place, &*self.objects);
    }

    /// Counts what of a source never became an observation.
    pub fn note(&mut self, source: SourceIndex, faults: &Diagnostics) {
        self.latest.note(source, faults);
    }

    /// Moves the instant forward: values become stale, pending alarms are raised.
    pub fn advance(&mut self, now: Timestamp, happenings: &mut Vec<Happening>) {
        self.latest.advance(now);
        self.settle(happenings);
    }

    /// Applies observations in the order of time, each at its own instant: what follows does not depend on how they were
    /// cut into batches. Those of one instant are one change.
    pub fn replay(&mut self, observations: &[(SourceIndex, Observation)], happenings: &mut Vec<Happening>) {
        for together in observations.chunk_by(|(_, a), (_, b)| a.time == b.time) {
            let Some((_, first)) = together.first() else { continue };
            self.advance(first.time, happenings);
            self.apply(together, happenings);
        }
    }

    /// Applies observations as they came, at the instant of the city: what a live connection brings in a frame.
    pub fn apply(&mut self, observations: &[(SourceIndex, Observation)], happenings: &mut Vec<Happening>) {
        for (source, observation) in observations {
            self.latest.apply(*source, observation, &*self.objects);
        }
        self.settle(happenings);
    }

    /// Brings roll-ups, indicators and alarms up to the latest values.
    fn settle(&mut self, happenings: &mut Vec<Happening>) {
        let now = self.latest.now();
        self.alarms.advance(now);
        self.hand_on();
        let classes = self.objects.clone();
        for (row, property) in self.rollup.take_changes() {
            let value = self.rollup.value(row, property);
            match value {
                Some(value) => drop(self.rolled.insert((row, property), value)),
                None => drop(self.rolled.remove(&(row, property))),
            }
            self.changed.insert(row);
            let Some(name) = self.latest.bindings().properties().get(usize::from(property)) else { continue };
            let bound = self.latest.reading_of(row, property).is_some() || self.overridden(row, name).is_some();
            self.alarms.observe(row, classes.class(row), bound, name, value, now);
        }
        for (indicator, group) in self.indicators.update(usize::MAX) {
            let Some(figure) = self.indicators.value(indicator, group) else { continue };
            // An alarm on a name that both have is on the property.
            if self.latest.bindings().property(&figure.indicator.name).is_some() {
                continue;
            }
            let row = figure.row.unwrap_or(Alarms::CITY);
            let class = figure.row.map_or("", |row| classes.class(row));
            self.alarms.observe(row, class, true, &figure.indicator.name, figure.value, now);
        }
        // Those without a duration are raised at once.
        self.alarms.advance(now);
        self.tell_alarms(happenings);
    }

    /// Hands changed values on to roll-up and indicators.
    fn hand_on(&mut self) {
        let mut slots = std::mem::take(&mut self.slots);
        self.latest.take_changes(&mut slots);
        for slot in slots.drain(..) {
            let Some(reading) = self.latest.reading(slot) else { continue };
            let (row, property, value) = (reading.row, reading.property, worth_counting(&reading));
            self.changed.insert(row);
            let Some(name) = self.latest.bindings().properties().get(usize::from(property)) else { continue };
            if self.overridden(row, name).is_none() {
                self.rollup.set(row, property, as_number(value.as_ref()));
                self.indicators.set(row, name, value);
            }
        }
        self.slots = slots;
    }

    fn tell_alarms(&mut self, happenings: &mut Vec<Happening>) {
        for event in self.alarms.take_events() {
            let Some(rule) = self.alarms.rules().get(usize::from(event.rule)) else { continue };
            let city = event.row == Alarms::CITY;
            let object = if city { String::new() } else { self.objects.id(event.row).to_owned() };
            let scope = |name: &str| match name {
                "value" => Value::from(event.value),
                _ if city => Value::Null,
                _ => self.objects.attribute_in_words(event.row, name),
            };
            let alarm = rule.document.name.clone();
            let kind = if event.raised {
                let message = message::filled(&rule.document.message, &scope);
                HappeningKind::AlarmRaised {
                    alarm,
                    object,
                    severity: rule.document.severity,
                    message,
                    value: event.value,
                }
            } else {
                HappeningKind::AlarmCleared { alarm, object }
            };
            happenings.push(Happening { time: event.time, kind });
            self.changed.extend(self.hierarchy.with_ancestors(event.row));
        }
    }

    /// Takes what events have set (object, attribute, value) into roll-ups and indicators, before what is observed of it, and
    /// what no event sets any more back.
    pub fn set_attributes(&mut self, set: &BTreeMap<String, BTreeMap<String, Value>>) {
        let mut wanted: BTreeMap<u32, BTreeMap<String, Value>> = BTreeMap::new();
        for (id, attributes) in set {
            let Some(row) = crate::live::ObjectDirectory::row_of(&*self.objects, id) else { continue };
            for (name, value) in attributes {
                if self.indicators.uses(name) || self.latest.bindings().property(name).is_some() {
                    wanted.entry(row).or_default().insert(name.clone(), value.clone());
                }
            }
        }
        if wanted == self.overrides {
            return;
        }
        let before = std::mem::replace(&mut self.overrides, wanted);
        let names = |all: &BTreeMap<u32, BTreeMap<String, Value>>| -> Vec<(u32, String)> {
            all.iter().flat_map(|(row, set)| set.keys().map(|name| (*row, name.clone()))).collect()
        };
        for (row, name) in BTreeSet::from_iter(names(&before).into_iter().chain(names(&self.overrides))) {
            if before.get(&row).and_then(|set| set.get(&name)) != self.overridden(row, &name) {
                self.count_anew(row, &name);
            }
        }
    }

    /// What an event has set of a property; `None` where no event has set it.
    fn overridden(&self, row: u32, name: &str) -> Option<&Value> {
        self.overrides.get(&row)?.get(name)
    }

    /// Hands on what counts of a property: what an event has set, else what is observed, else the attribute.
    fn count_anew(&mut self, row: u32, name: &str) {
        let property = self.latest.bindings().property(name);
        let stated = |value: Value| (!value.is_null()).then_some((value, STATED));
        let value = match (self.overridden(row, name), property) {
            (Some(value), _) => stated(value.clone()),
            (None, Some(property)) => {
                self.latest.reading_of(row, property).and_then(|reading| worth_counting(&reading))
            }
            (None, None) => stated(self.objects.attribute(row, name)),
        };
        if let Some(property) = property {
            self.rollup.set(row, property, as_number(value.as_ref()));
        }
        self.indicators.set(row, name, value);
        self.changed.insert(row);
    }

    /// Hands over the rows whose look may have changed since the last call.
    pub fn take_changed_rows(&mut self) -> BTreeSet<u32> {
        std::mem::take(&mut self.changed)
    }

    /// A hash over values, alarms and figures.
    pub fn state_hash(&self) -> u64 {
        let mut bytes = Vec::from(self.latest.state_hash().to_le_bytes());
        bytes.extend(self.alarms.state_hash().to_le_bytes());
        for figure in self.indicators.values() {
            bytes.extend(figure.row.unwrap_or(Alarms::CITY).to_le_bytes());
            bytes.extend(figure.value.map_or(u64::MAX, f64::to_bits).to_le_bytes());
        }
        xxh3_64(&bytes)
    }

    /// The state, to come back to.
    pub fn snapshot(&self) -> CityLiveSnapshot {
        CityLiveSnapshot { latest: self.latest.snapshot(), alarms: self.alarms.snapshot() }
    }

    /// Goes to a snapshot, backwards or forwards; nothing is told by that.
    pub fn restore(&mut self, snapshot: &CityLiveSnapshot) {
        self.latest.restore(&snapshot.latest);
        self.hand_on();
        for (row, property) in self.rollup.take_changes() {
            match self.rollup.value(row, property) {
                Some(value) => drop(self.rolled.insert((row, property), value)),
                None => drop(self.rolled.remove(&(row, property))),
            }
            self.changed.insert(row);
        }
        self.indicators.update(usize::MAX);
        let raised: Vec<u32> = self.alarms.raised().map(|alarm| alarm.row).collect();
        self.alarms.restore(&snapshot.alarms);
        let rows = raised.into_iter().chain(self.alarms.raised().map(|alarm| alarm.row));
        self.changed.extend(rows.flat_map(|row| self.hierarchy.with_ancestors(row)));
    }

    /// About how much memory a snapshot takes, bytes.
    pub fn snapshot_bytes(&self) -> usize {
        self.latest.slot_count() as usize * size_of::<Option<crate::live::LatestValue>>()
            + self.alarms.raised().count() * 64
            + size_of::<CityLiveSnapshot>()
    }
}

/// A fresh value, and when it was.
fn worth_counting(reading: &Reading<'_>) -> Option<(Value, Timestamp)> {
    let fresh = reading.latest.filter(|_| reading.state == ValueState::Fresh)?;
    Some((fresh.value.clone(), fresh.time))
}

/// What rolls up: numbers.
fn as_number(value: Option<&(Value, Timestamp)>) -> Option<(f64, Timestamp)> {
    value.and_then(|(value, time)| Some((value.number()?, *time)))
}
