//! The bounded queue between transports and frames.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{Observation, SourceIndex};

/// What went through a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueCounters {
    /// Handed in.
    pub pushed: u64,
    /// Taken out.
    pub taken: u64,
    /// Replaced by a newer one of the same stream, or older than one that waited, because the queue was full.
    pub conflated: u64,
    /// Lost: the queue was full of other streams.
    pub dropped: u64,
    /// The most that ever waited.
    pub most_waiting: u64,
}

/// A bounded queue. While there is room every observation waits its turn, so that a short peak is seen by the alarms.
/// When it is full only the latest of each stream is kept (conflation) until it has been emptied by half; an observation
/// of a stream of which none waits is then dropped. A capacity above the number of streams loses no stream.
#[derive(Debug)]
pub struct ObservationQueue {
    waiting: VecDeque<(SourceIndex, Observation)>,
    capacity: usize,
    /// While conflating: where the one waiting observation of a stream is, counted from the first ever taken.
    newest: Option<HashMap<(SourceIndex, Arc<str>), u64>>,
    taken_ever: u64,
    counters: QueueCounters,
}

impl ObservationQueue {
    /// A queue for at most `capacity` (at least 1) observations.
    pub fn new(capacity: usize) -> Self {
        let counters = QueueCounters::default();
        Self { waiting: VecDeque::new(), capacity: capacity.max(1), newest: None, taken_ever: 0, counters }
    }

    /// Hands an observation in.
    pub fn push(&mut self, source: SourceIndex, observation: Observation) {
        self.counters.pushed += 1;
        if self.newest.is_none() && self.waiting.len() >= self.capacity {
            self.conflate();
        }
        let at = self.taken_ever + self.waiting.len() as u64;
        if let Some(newest) = &mut self.newest {
            let key = (source, observation.stream.clone());
            if let Some(place) = newest.get(&key) {
                let slot = self.waiting.get_mut((*place - self.taken_ever) as usize);
                self.counters.conflated += 1;
                if let Some((_, waiting)) = slot
                    && waiting.time <= observation.time
                {
                    *waiting = observation;
                }
                return;
            }
            if self.waiting.len() >= self.capacity {
                self.counters.dropped += 1;
                return;
            }
            newest.insert(key, at);
        }
        self.waiting.push_back((source, observation));
        self.counters.most_waiting = self.counters.most_waiting.max(self.waiting.len() as u64);
    }

    /// Keeps the latest of each stream, in the order in which the streams came.
    fn conflate(&mut self) {
        let mut newest: HashMap<(SourceIndex, Arc<str>), u64> = HashMap::new();
        let mut kept: VecDeque<(SourceIndex, Observation)> = VecDeque::new();
        for (source, observation) in self.waiting.drain(..) {
            let at = self.taken_ever + kept.len() as u64;
            let place = *newest.entry((source, observation.stream.clone())).or_insert(at);
            match kept.get_mut((place - self.taken_ever) as usize) {
                Some((_, waiting)) => {
                    self.counters.conflated += 1;
                    if waiting.time <= observation.time {
                        *waiting = observation;
                    }
                }
                None => kept.push_back((source, observation)),
            }
        }
        self.waiting = kept;
        self.newest = Some(newest);
    }

    /// Takes up to `most` observations out, oldest first, and adds them to `into`.
    pub fn take(&mut self, most: usize, into: &mut Vec<(SourceIndex, Observation)>) {
        let count = most.min(self.waiting.len());
        if let Some(newest) = &mut self.newest {
            for (source, observation) in self.waiting.iter().take(count) {
                newest.remove(&(*source, observation.stream.clone()));
            }
        }
        into.extend(self.waiting.drain(..count));
        self.taken_ever += count as u64;
        self.counters.taken += count as u64;
        if self.waiting.len() <= self.capacity / 2 {
            self.newest = None;
        }
    }

    /// About how much memory it takes, bytes, the names of streams left out: they are shared.
    pub fn bytes(&self) -> usize {
        let conflating = self.newest.as_ref().map_or(0, HashMap::capacity);
        self.waiting.capacity() * size_of::<(SourceIndex, Observation)>()
            + conflating * size_of::<((SourceIndex, Arc<str>), u64)>()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What went through it.
    pub fn counters(&self) -> QueueCounters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::quantity::Timestamp;

    #[test]
    fn with_room_nothing_is_conflated() {
        let mut queue = ObservationQueue::new(10);
        (0..10).for_each(|i| queue.push(SourceIndex(0), Observation::number("a", Timestamp(i), i as f64)));
        let mut out = Vec::new();
        queue.take(4, &mut out);
        queue.take(100, &mut out);
        assert_eq!(out.iter().map(|(_, o)| o.time.0).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }

    proptest::proptest! {
        /// However full it gets, the latest of every stream comes out while there is room for one of each.
        #[test]
        fn full_it_keeps_the_latest_of_each_stream(
            steps in proptest::collection::vec((0_u8..8, 0_i64..1000, proptest::bool::weighted(0.1)), 1..400),
        ) {
            let mut queue = ObservationQueue::new(8);
            let mut expected: BTreeMap<String, i64> = BTreeMap::new();
            let mut seen: BTreeMap<String, i64> = BTreeMap::new();
            let mut out = Vec::new();
            for (stream, time, take) in steps {
                let name = format!("s{stream}");
                queue.push(SourceIndex(0), Observation::number(name.as_str(), Timestamp(time), 0.0));
                let latest = expected.entry(name).or_insert(time);
                *latest = time.max(*latest);
                proptest::prop_assert!(queue.len() <= 8);
                if take {
                    queue.take(3, &mut out);
                }
            }
            queue.take(usize::MAX, &mut out);
            for (_, o) in &out {
                let latest = seen.entry(o.stream.to_string()).or_insert(o.time.0);
                *latest = o.time.0.max(*latest);
            }
            let counters = queue.counters();
            proptest::prop_assert_eq!(seen, expected);
            proptest::prop_assert_eq!(counters.pushed, counters.taken + counters.conflated + counters.dropped);
            proptest::prop_assert_eq!(counters.dropped, 0);
        }
    }
}
