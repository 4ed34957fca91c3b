//! `[[alarm]]`: raised by a threshold that a value has been beyond for long enough, cleared when it is well back.
//!
//! Raised where a value is above `above` (below `below`) and stays there for `for_s`; cleared by the first value that is
//! back by `hysteresis`. An absent value (missing, stale, suspect, out of range) neither raises nor clears: it ends the
//! wait of an alarm that is about to be raised, because nobody knows any more where the value is, and leaves a raised one
//! raised. Instants are those of the observations, so the log does not depend on when a frame looks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::{Hierarchy, IndicatorError};
use crate::quantity::Timestamp;
use crate::scene::{AlarmDocument, Severity};

/// Lines of the log that wait to be taken at most.
const MOST_EVENTS: usize = 1 << 16;

/// One compiled rule.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmRule {
    /// As written: name, message, severity, camera, thresholds.
    pub document: AlarmDocument,
    for_us: i64,
}

/// Where the alarm of a rule on an object stands; one that is calm has no phase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AlarmPhase {
    /// Beyond the threshold, not yet long enough.
    Pending {
        /// Beyond since.
        since: Timestamp,
        /// The latest value.
        value: f64,
    },
    /// Raised.
    Raised {
        /// When it was raised.
        since: Timestamp,
        /// The latest value that was worth believing.
        value: f64,
        /// Whether it still is.
        current: bool,
    },
}

/// An alarm that is raised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaisedAlarm<'a> {
    /// What raised it.
    pub rule: &'a AlarmRule,
    /// The object; [`Alarms::CITY`] for an indicator of the city or an area.
    pub row: u32,
    /// Since when.
    pub since: Timestamp,
    /// The latest value that was worth believing.
    pub value: f64,
    /// Whether it still is: neither stale nor in doubt since.
    pub current: bool,
}

/// A line of the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlarmEvent {
    /// When.
    pub time: Timestamp,
    /// Number of the rule in the scene.
    pub rule: u16,
    /// The object; [`Alarms::CITY`] for an indicator of the city or an area.
    pub row: u32,
    /// Raised; cleared otherwise.
    pub raised: bool,
    /// The value that did it.
    pub value: f64,
}

/// The phases at an instant, to come back to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlarmSnapshot {
    phases: BTreeMap<(u16, u32), AlarmPhase>,
}

/// All alarms of a scene: one for each rule and object.
#[derive(Debug, Clone)]
pub struct Alarms {
    hierarchy: Arc<Hierarchy>,
    rules: Vec<AlarmRule>,
    by_property: BTreeMap<String, Vec<u16>>,
    phases: BTreeMap<(u16, u32), AlarmPhase>,
    /// When those pending will be raised.
    deadlines: BTreeSet<(Timestamp, u16, u32)>,
    /// By object: raised alarms on it and in it, by severity.
    raised: BTreeMap<u32, [u32; 3]>,
    /// Not yet taken, in the order in which they came about.
    events: VecDeque<AlarmEvent>,
    lost_events: u64,
}

impl AlarmRule {
    fn beyond(&self, value: f64) -> bool {
        self.document.above.is_some_and(|above| value > above) || self.document.below.is_some_and(|below| value < below)
    }

    fn well_back(&self, value: f64) -> bool {
        let width = self.document.hysteresis;
        self.document.above.is_none_or(|above| value <= above - width)
            && self.document.below.is_none_or(|below| value >= below + width)
    }
}

impl Alarms {
    /// Stands for the city where an alarm is on no object.
    pub const CITY: u32 = u32::MAX;

    /// Compiles the alarms of a scene.
    pub fn compile(documents: &[AlarmDocument], hierarchy: Arc<Hierarchy>) -> Result<Self, IndicatorError> {
        let mut rules = Vec::new();
        let mut by_property: BTreeMap<String, Vec<u16>> = BTreeMap::new();
        for document in documents {
            let refuse = || IndicatorError::Alarm(document.name.clone());
            let numbers = [document.above, document.below, Some(document.hysteresis), Some(document.for_s)];
            let finite = numbers.iter().flatten().all(|number| number.is_finite());
            if !finite || (document.above.is_none() && document.below.is_none()) {
                return Err(refuse());
            }
            let number = u16::try_from(rules.len()).map_err(|_| refuse())?;
            by_property.entry(document.property.clone()).or_default().push(number);
            let for_us = (document.for_s.max(0.0) * 1e6).round() as i64;
            rules.push(AlarmRule { document: document.clone(), for_us });
        }
        let (phases, deadlines, raised) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Ok(Self { hierarchy, rules, by_property, phases, deadlines, raised, events: VecDeque::new(), lost_events: 0 })
    }

    /// The rules, in the order of the scene.
    pub fn rules(&self) -> &[AlarmRule] {
        &self.rules
    }

    /// Whether any rule watches this property or indicator.
    pub fn watches(&self, property: &str) -> bool {
        self.by_property.contains_key(property)
    }

    /// Tells the value of a property (or of an indicator, by its name) of an object of a class, observed at `time`; `None`
    /// where it has none worth believing. `own`: the object has a value itself, not only by what is in it; rules that name
    /// no class watch own values only, so that one device does not raise an alarm on everything that it is part of.
    pub fn observe(&mut self, row: u32, class: &str, own: bool, property: &str, value: Option<f64>, time: Timestamp) {
        let rules = self.by_property.get(property).cloned().unwrap_or_default();
        for number in rules {
            let Some(rule) = self.rules.get(usize::from(number)) else { continue };
            if rule.document.class.as_ref().map_or(own, |only| only == class) {
                self.step(number, row, value, time);
            }
        }
    }

    fn step(&mut self, number: u16, row: u32, value: Option<f64>, time: Timestamp) {
        let key = (number, row);
        if let Some(AlarmPhase::Pending { since, .. }) = self.phases.get(&key) {
            // It had been beyond for long enough before this value came.
            let deadline = self.deadline(number, *since);
            if deadline <= time {
                self.raise(number, row, deadline);
            }
        }
        let Some(rule) = self.rules.get(usize::from(number)) else { return };
        let Some(value) = value else {
            match self.phases.get(&key).copied() {
                Some(AlarmPhase::Pending { since, .. }) => {
                    self.deadlines.remove(&(self.deadline(number, since), number, row));
                    self.phases.remove(&key);
                }
                Some(AlarmPhase::Raised { since, value, .. }) => {
                    self.phases.insert(key, AlarmPhase::Raised { since, value, current: false });
                }
                None => {}
            }
            return;
        };
        match self.phases.get(&key).copied() {
            None if rule.beyond(value) => {
                let deadline = self.deadline(number, time);
                self.phases.insert(key, AlarmPhase::Pending { since: time, value });
                self.deadlines.insert((deadline, number, row));
                if deadline <= time {
                    self.raise(number, row, deadline);
                }
            }
            None => {}
            Some(AlarmPhase::Pending { since, .. }) if rule.beyond(value) => {
                self.phases.insert(key, AlarmPhase::Pending { since, value });
            }
            Some(AlarmPhase::Pending { since, .. }) => {
                self.deadlines.remove(&(self.deadline(number, since), number, row));
                self.phases.remove(&key);
            }
            Some(AlarmPhase::Raised { .. }) if rule.well_back(value) => {
                self.phases.remove(&key);
                self.count(number, row, false);
                self.log(AlarmEvent { time, rule: number, row, raised: false, value });
            }
            Some(AlarmPhase::Raised { since, .. }) => {
                self.phases.insert(key, AlarmPhase::Raised { since, value, current: true });
            }
        }
    }

    /// Raises what has been beyond its threshold for long enough at `now`.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((deadline, number, row)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            self.raise(number, row, deadline);
        }
    }

    fn deadline(&self, number: u16, since: Timestamp) -> Timestamp {
        Timestamp(since.0.saturating_add(self.rules.get(usize::from(number)).map_or(0, |rule| rule.for_us)))
    }

    fn raise(&mut self, number: u16, row: u32, deadline: Timestamp) {
        self.deadlines.remove(&(deadline, number, row));
        let Some(AlarmPhase::Pending { value, .. }) = self.phases.get(&(number, row)).copied() else { return };
        self.phases.insert((number, row), AlarmPhase::Raised { since: deadline, value, current: true });
        self.count(number, row, true);
        self.log(AlarmEvent { time: deadline, rule: number, row, raised: true, value });
    }

    /// Counts a raised alarm on its object and on all that this is part of.
    fn count(&mut self, number: u16, row: u32, up: bool) {
        let Some(severity) = self.rules.get(usize::from(number)).map(|rule| rule.document.severity as usize) else {
            return;
        };
        let rows: Vec<u32> = match row {
            Self::CITY => vec![row],
            _ => self.hierarchy.with_ancestors(row).collect(),
        };
        for row in rows {
            let counts = self.raised.entry(row).or_default();
            counts[severity] = if up { counts[severity] + 1 } else { counts[severity].saturating_sub(1) };
            if *counts == [0; 3] {
                self.raised.remove(&row);
            }
        }
    }

    /// The worst alarm raised on an object or on anything in it.
    pub fn worst(&self, row: u32) -> Option<Severity> {
        let [_, warning, critical] = *self.raised.get(&row)?;
        Some(match (critical > 0, warning > 0) {
            (true, _) => Severity::Critical,
            (_, true) => Severity::Warning,
            _ => Severity::Info,
        })
    }

    /// The raised alarms.
    pub fn raised(&self) -> impl Iterator<Item = RaisedAlarm<'_>> {
        self.phases.iter().filter_map(|(&(rule, row), phase)| match *phase {
            AlarmPhase::Raised { since, value, current } => {
                Some(RaisedAlarm { rule: self.rules.get(usize::from(rule))?, row, since, value, current })
            }
            AlarmPhase::Pending { .. } => None,
        })
    }

    fn log(&mut self, event: AlarmEvent) {
        if self.events.len() >= MOST_EVENTS {
            self.events.pop_front();
            self.lost_events += 1;
        }
        self.events.push_back(event);
    }

    /// Lines of the log that are lost because nobody took them: the oldest of more than 65536.
    pub fn lost_events(&self) -> u64 {
        self.lost_events
    }

    /// About how much memory it takes, bytes.
    pub fn bytes(&self) -> usize {
        // Entries of a B-tree with what they take in its nodes, which are two thirds full.
        let entries = self.phases.len() * size_of::<((u16, u32), AlarmPhase)>()
            + self.deadlines.len() * size_of::<(Timestamp, u16, u32)>()
            + self.raised.len() * size_of::<(u32, [u32; 3])>();
        entries * 3 / 2 + self.events.capacity() * size_of::<AlarmEvent>()
    }

    /// The log since the last call, by time, then rule, then object. A late observation may still bring an earlier line
    /// in a later call.
    pub fn take_events(&mut self) -> Vec<AlarmEvent> {
        let mut events = Vec::from(std::mem::take(&mut self.events));
        events.sort_by_key(|event| (event.time, event.rule, event.row));
        events
    }

    /// A hash over all phases.
    pub fn state_hash(&self) -> u64 {
        let mut bytes = Vec::new();
        for ((rule, row), phase) in &self.phases {
            let (kind, since, value) = match phase {
                AlarmPhase::Pending { since, value } => (0_u8, since, value),
                AlarmPhase::Raised { since, value, current } => (1 + u8::from(!current), since, value),
            };
            bytes.extend(rule.to_le_bytes());
            bytes.extend(row.to_le_bytes());
            bytes.push(kind);
            bytes.extend(since.0.to_le_bytes());
            bytes.extend(value.to_bits().to_le_bytes());
        }
        xxh3_64(&bytes)
    }

    /// The phases, to come back to.
    pub fn snapshot(&self) -> AlarmSnapshot {
        AlarmSnapshot { phases: self.phases.clone() }
    }

    /// Goes to a snapshot, backwards or forwards; nothing is logged by that.
    pub fn restore(&mut self, snapshot: &AlarmSnapshot) {
        self.phases = snapshot.phases.clone();
        self.events.clear();
        self.deadlines.clear();
        self.raised.clear();
        for ((rule, row), phase) in snapshot.phases.clone() {
            match phase {
                AlarmPhase::Pending { since, .. } => {
                    self.deadlines.insert((self.deadline(rule, since), rule, row));
                }
                AlarmPhase::Raised { .. } => self.count(rule, row, true),
            }
        }
    }
}
