//! The live part of a play: recorded and simulated observations applied to the city's live values, step by step.

use super::city_live::{CityLive, CityLiveSnapshot};
use super::event_log::Happening;
use super::playback::Playable;
use super::state::CityState;
use crate::live::{Observation, RecordedObservations, ReplayedRecording, SimulatedFeed, SourceIndex};
use crate::quantity::Timestamp;

/// Observations of an endless feed in one step at most; a longer step keeps the latest.
const MOST_OF_A_STEP: usize = 1 << 20;

/// Observations that are known beforehand: a recording, a simulated feed. What it tells depends on the instants alone.
///
/// ```
/// use veduta::{live::Observation, quantity::Timestamp, scenario::ObservationFeed};
/// let feed = vec![Observation::number("a/b", Timestamp(5), 1.0), Observation::number("a/b", Timestamp(9), 2.0)];
/// assert_eq!(feed.between(Timestamp(5), Timestamp(9)).len(), 1);
/// assert_eq!(feed.latest_at(Timestamp(6))[0].value, veduta::city::Value::Float(1.0));
/// ```
pub trait ObservationFeed: Send + Sync {
    /// The observations after `after` up to and with `until`, in the order of time.
    fn between(&self, after: Timestamp, until: Timestamp) -> Vec<Observation>;

    /// The latest observation of each stream up to and with `until`.
    fn latest_at(&self, until: Timestamp) -> Vec<Observation>;
}

/// Observations in the order of time.
impl ObservationFeed for Vec<Observation> {
    fn between(&self, after: Timestamp, until: Timestamp) -> Vec<Observation> {
        let from = self.partition_point(|observation| observation.time <= after);
        let to = self.partition_point(|observation| observation.time <= until).max(from);
        self.get(from..to).unwrap_or_default().to_vec()
    }

    fn latest_at(&self, until: Timestamp) -> Vec<Observation> {
        let to = self.partition_point(|observation| observation.time <= until);
        let mut seen = std::collections::BTreeSet::new();
        let latest = self.get(..to).unwrap_or_default().iter().rev();
        latest.filter(|observation| seen.insert(observation.stream.clone())).cloned().collect()
    }
}

impl ObservationFeed for RecordedObservations {
    fn between(&self, after: Timestamp, until: Timestamp) -> Vec<Observation> {
        RecordedObservations::between(self, after, until).collect()
    }

    fn latest_at(&self, until: Timestamp) -> Vec<Observation> {
        RecordedObservations::latest_at(self, until).collect()
    }
}

impl ObservationFeed for SimulatedFeed {
    fn between(&self, after: Timestamp, until: Timestamp) -> Vec<Observation> {
        SimulatedFeed::between(self, after, until, MOST_OF_A_STEP)
    }

    fn latest_at(&self, until: Timestamp) -> Vec<Observation> {
        SimulatedFeed::latest_at(self, until).collect()
    }
}

impl ObservationFeed for ReplayedRecording {
    fn between(&self, after: Timestamp, until: Timestamp) -> Vec<Observation> {
        ReplayedRecording::between(self, after, until, MOST_OF_A_STEP)
    }

    fn latest_at(&self, until: Timestamp) -> Vec<Observation> {
        ReplayedRecording::latest_at(self, until)
    }
}

/// Live values that follow the play. Feeds are merged by time; those of one instant come in the order of the feeds.
pub struct LivePart {
    city: CityLive,
    feeds: Vec<(SourceIndex, Box<dyn ObservationFeed>)>,
    /// The instant of the last step; `None` before the first.
    reached: Option<Timestamp>,
}

/// A [`LivePart`] at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct LivePartSnapshot {
    city: CityLiveSnapshot,
    reached: Option<Timestamp>,
}

impl LivePart {
    /// A city without values and what will be observed in it. `city` must stand before the start of the play.
    pub fn new(city: CityLive, feeds: Vec<(SourceIndex, Box<dyn ObservationFeed>)>) -> Self {
        Self { city, feeds, reached: None }
    }

    /// Values, figures and alarms.
    pub fn city(&self) -> &CityLive {
        &self.city
    }

    /// The same, to take the changes that are to be drawn.
    pub fn city_mut(&mut self) -> &mut CityLive {
        &mut self.city
    }
}

impl Playable for LivePart {
    type Snapshot = LivePartSnapshot;

    fn advance(&mut self, to: Timestamp, state: &CityState, happenings: &mut Vec<Happening>) {
        let observed = |feed: &dyn ObservationFeed| match self.reached {
            Some(before) => feed.between(before, to),
            None => feed.latest_at(to),
        };
        let of_feed = |(source, feed): &(SourceIndex, Box<dyn ObservationFeed>)| -> Vec<(SourceIndex, Observation)> {
            observed(feed.as_ref()).into_iter().map(|observation| (*source, observation)).collect()
        };
        let mut due: Vec<(SourceIndex, Observation)> = self.feeds.iter().flat_map(of_feed).collect();
        // Stable: what one feed tells of one instant stays in its order, and feeds stay in theirs.
        due.sort_by_key(|(_, observation)| observation.time);
        self.city.replay(&due, happenings);
        // After what was observed on the way: nothing follows from an event before it happens.
        self.city.set_attributes(&state.attributes);
        self.city.advance(to, happenings);
        self.reached = Some(to);
    }

    fn snapshot(&self) -> LivePartSnapshot {
        LivePartSnapshot { city: self.city.snapshot(), reached: self.reached }
    }

    fn restore(&mut self, snapshot: &LivePartSnapshot, state: &CityState) {
        self.city.set_attributes(&state.attributes);
        self.city.restore(&snapshot.city);
        self.reached = snapshot.reached;
    }

    fn hash(&self) -> u64 {
        self.city.state_hash()
    }

    fn snapshot_bytes(&self) -> usize {
        self.city.snapshot_bytes()
    }
}
