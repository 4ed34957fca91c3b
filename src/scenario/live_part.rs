//! The live part of a play: recorded and simulated observations applied to the city's live values, step by step.

use std::sync::Arc;

use super::event_log::Happening;
use super::playback::Playable;
use crate::live::{LiveCity, LiveSnapshot, ObjectDirectory, Observation, SourceIndex};
use crate::quantity::Timestamp;

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

/// Live values that follow the play. Feeds are merged by time; those of one instant come in the order of the feeds.
pub struct LivePart {
    city: LiveCity,
    directory: Arc<dyn ObjectDirectory + Send + Sync>,
    feeds: Vec<(SourceIndex, Box<dyn ObservationFeed>)>,
    /// The instant of the last step; `None` before the first.
    reached: Option<Timestamp>,
}

/// A [`LivePart`] at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct LivePartSnapshot {
    city: LiveSnapshot,
    reached: Option<Timestamp>,
}

impl LivePart {
    /// A city without values and what will be observed in it. `city` must stand before the start of the play.
    pub fn new(
        city: LiveCity,
        directory: Arc<dyn ObjectDirectory + Send + Sync>,
        feeds: Vec<(SourceIndex, Box<dyn ObservationFeed>)>,
    ) -> Self {
        Self { city, directory, feeds, reached: None }
    }

    /// The values.
    pub fn city(&self) -> &LiveCity {
        &self.city
    }

    /// Hands over the slots that changed since the last call, to be drawn.
    pub fn take_changes(&mut self, into: &mut Vec<u32>) {
        self.city.take_changes(into);
    }
}

impl Playable for LivePart {
    type Snapshot = LivePartSnapshot;

    fn advance(&mut self, to: Timestamp, _happenings: &mut Vec<Happening>) {
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
        for (source, observation) in &due {
            self.city.advance(observation.time);
            self.city.apply(*source, observation, self.directory.as_ref());
        }
        self.city.advance(to);
        self.reached = Some(to);
    }

    fn snapshot(&self) -> LivePartSnapshot {
        LivePartSnapshot { city: self.city.snapshot(), reached: self.reached }
    }

    fn restore(&mut self, snapshot: &LivePartSnapshot) {
        self.city.restore(&snapshot.city);
        self.reached = snapshot.reached;
    }

    fn hash(&self) -> u64 {
        self.city.state_hash()
    }

    fn snapshot_bytes(&self) -> usize {
        self.city.slot_count() as usize * size_of::<crate::live::LatestValue>() + size_of::<LivePartSnapshot>()
    }
}
