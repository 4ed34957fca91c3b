//! What all transports share: the inbox they fill, how they tell their state, and when they try again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::live::{Decoded, Diagnostics, Observation, ObservationQueue, QueueCounters, SourceIndex};
use crate::quantity::Timestamp;

/// The wall clock's instant.
pub fn wall_clock() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
        Err(before) => Timestamp(i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us)),
    }
}

/// Where transports put observations and the frame takes them out. Clones share one queue; its memory is bounded and
/// nobody waits for it longer than another's push or take lasts.
#[derive(Debug, Clone)]
pub struct Inbox(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    queue: ObservationQueue,
    diagnostics: BTreeMap<SourceIndex, Diagnostics>,
}

impl Inbox {
    /// An inbox for at most `capacity` observations; see [`ObservationQueue`] for what happens when it is full.
    pub fn new(capacity: usize) -> Self {
        let queue = ObservationQueue::new(capacity);
        Self(Arc::new(Mutex::new(Held { queue, diagnostics: BTreeMap::new() })))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic elsewhere cannot leave the queue half changed in a way that matters here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in what a connector made of messages, and empties it.
    pub fn push(&self, source: SourceIndex, decoded: &mut Decoded) {
        let mut held = self.held();
        decoded.observations.drain(..).for_each(|observation| held.queue.push(source, observation));
        if decoded.diagnostics.total() > 0 {
            held.diagnostics.entry(source).or_default().merge(&decoded.diagnostics);
            decoded.diagnostics = Diagnostics::default();
        }
    }

    /// Takes up to `most` observations, oldest first. Takes none where a transport is at the inbox just now: the frame
    /// does not wait.
    pub fn take(&self, most: usize, into: &mut Vec<(SourceIndex, Observation)>) {
        match self.0.try_lock() {
            Ok(mut held) => held.queue.take(most, into),
            Err(TryLockError::Poisoned(held)) => held.into_inner().queue.take(most, into),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Observations in it.
    pub fn waiting(&self) -> usize {
        self.held().queue.len()
    }

    /// What went through the queue.
    pub fn counters(&self) -> QueueCounters {
        self.held().queue.counters()
    }

    /// Takes what the connectors could not use since the last call, by source.
    pub fn take_diagnostics(&self) -> BTreeMap<SourceIndex, Diagnostics> {
        std::mem::take(&mut self.held().diagnostics)
    }
}

/// State of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionState {
    /// Not yet connected, and no attempt has failed.
    #[default]
    Connecting,
    /// Connected and subscribed.
    Connected,
    /// Could not connect, or was cut off; it is tried again.
    Lost,
    /// Stopped by us.
    Stopped,
}

/// What a transport tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransportStatus {
    /// State of the connection.
    pub state: ConnectionState,
    /// Since when it is in this state (wall clock).
    pub since: Timestamp,
    /// Why it is lost, in one line.
    pub cause: Option<String>,
    /// Attempts to connect that failed since it last was connected.
    pub failed_attempts: u32,
    /// How often it was connected.
    pub connections: u32,
    /// Messages received.
    pub messages: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// When to try again: the delay doubles from `first` to `most`; a seeded jitter takes up to half of it away, so that a
/// thousand screens do not come back to a broker at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// The first delay.
    pub first: Duration,
    /// The longest delay.
    pub most: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), most: Duration::from_secs(30) }
    }
}

impl BackOff {
    /// The delay before attempt `attempt` (from 0) of the client with this seed.
    pub fn delay(&self, attempt: u32, seed: u64) -> Duration {
        let full = self.first.saturating_mul(1 << attempt.min(20)).min(self.most);
        // SplitMix64 (Steele, Lea, Flood 2014).
        let mut bits = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        full.mul_f64(0.5 + 0.5 * (bits >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_within_their_jitter_and_end_at_the_longest() {
        let back_off = BackOff { first: Duration::from_millis(100), most: Duration::from_secs(5) };
        for attempt in 0..40 {
            let full = 0.1_f64 * 2_f64.powi(attempt as i32);
            let delay = back_off.delay(attempt, 7).as_secs_f64();
            assert!(delay >= full.min(5.0) / 2.0 && delay <= full.min(5.0), "{attempt}: {delay}");
            assert_eq!(back_off.delay(attempt, 7), back_off.delay(attempt, 7));
        }
        assert_ne!(back_off.delay(3, 7), back_off.delay(3, 8));
    }
}
