//! Playing: steps, speed, and seeking that is exact.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::event_log::{Happening, HappeningKind};
use super::state::CityState;
use super::timeline::Timeline;
use crate::quantity::Timestamp;

/// Slowest and fastest play, by real time.
const SPEEDS: [f64; 2] = [0.1, 1000.0];
/// Steps that one call of `advance` plays at most; what is left is played by the next ones.
const MOST_STEPS_AT_ONCE: u64 = 4096;
/// Steps between keyframes at first.
const SPACING: u64 = 64;
/// Keyframes kept at most.
const MOST_KEYFRAMES: usize = 256;
/// Bytes of keyframes kept at most (the first one always stays).
const KEYFRAME_BYTES: usize = 96 << 20;

/// Happenings kept for the reader at most; older ones go unread.
const MOST_HAPPENINGS: usize = 65_536;

/// The part of a play that is not made by events: live values, alarms. Its state after `advance` may depend only on its
/// state before and on the instant, and a restored snapshot must be the state that it was taken of, bit for bit.
///
/// ```
/// use veduta::quantity::Timestamp;
/// use veduta::scenario::{CityState, Happening, Playable};
/// /// Counts its steps.
/// struct Counter(u64);
/// impl Playable for Counter {
///     type Snapshot = u64;
///     fn advance(&mut self, _to: Timestamp, _state: &CityState, _happenings: &mut Vec<Happening>) { self.0 += 1 }
///     fn snapshot(&self) -> u64 { self.0 }
///     fn restore(&mut self, snapshot: &u64, _state: &CityState) { self.0 = *snapshot }
///     fn hash(&self) -> u64 { self.0 }
/// }
/// let mut counter = Counter(0);
/// counter.advance(Timestamp(5), &CityState::default(), &mut Vec::new());
/// assert_eq!(counter.hash(), 1);
/// ```
pub trait Playable {
    /// Everything that `advance` changes.
    type Snapshot;

    /// Goes on to an instant, one step later (or the start, on the first call), in the state that events have made by then.
    /// Adds what people want to read of.
    fn advance(&mut self, to: Timestamp, state: &CityState, happenings: &mut Vec<Happening>);

    /// The state, to come back to.
    fn snapshot(&self) -> Self::Snapshot;

    /// Goes to a snapshot, backwards or forwards, and to the state that events had made then.
    fn restore(&mut self, snapshot: &Self::Snapshot, state: &CityState);

    /// A hash over the state.
    fn hash(&self) -> u64;

    /// About how much memory a snapshot takes, bytes.
    fn snapshot_bytes(&self) -> usize {
        size_of::<Self::Snapshot>()
    }
}

/// A play without a live part.
impl Playable for () {
    type Snapshot = ();
    fn advance(&mut self, _to: Timestamp, _state: &CityState, _happenings: &mut Vec<Happening>) {}
    fn snapshot(&self) {}
    fn restore(&mut self, (): &(), _state: &CityState) {}
    fn hash(&self) -> u64 {
        0
    }
}

struct Keyframe<S> {
    state: CityState,
    live: S,
    bytes: usize,
}

/// A play: where it is, how fast it goes, and how it comes back.
pub struct Playback<L: Playable> {
    timeline: Timeline,
    state: CityState,
    live: L,
    step: u64,
    keyframes: BTreeMap<u64, Keyframe<L::Snapshot>>,
    keyframe_bytes: usize,
    spacing: u64,
    playing: bool,
    looping: bool,
    speed: f64,
    /// Played time that is not yet a whole step, seconds.
    owed_s: f64,
    happenings: Vec<Happening>,
}

impl<L: Playable> Playback<L> {
    /// A play at its start, paused, at real speed. `live` has seen nothing yet.
    pub fn new(timeline: Timeline, live: L) -> Self {
        let mut playback = Self {
            timeline,
            state: CityState::default(),
            live,
            step: 0,
            keyframes: BTreeMap::new(),
            keyframe_bytes: 0,
            spacing: SPACING,
            playing: false,
            looping: false,
            speed: 1.0,
            owed_s: 0.0,
            happenings: Vec::new(),
        };
        playback.play_into(0);
        playback
    }

    /// The time line.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The state that events made.
    pub fn state(&self) -> &CityState {
        &self.state
    }

    /// The live part.
    pub fn live(&self) -> &L {
        &self.live
    }

    /// The live part, for what does not change its state: taking the list of changes to draw.
    pub fn live_mut(&mut self) -> &mut L {
        &mut self.live
    }

    /// Number of the step that the state is of.
    pub fn step_number(&self) -> u64 {
        self.step
    }

    /// The instant of the state.
    pub fn time(&self) -> Timestamp {
        self.timeline.time_of(self.step)
    }

    /// The instant to show on a clock and to move the sun and cameras by: it runs on between two steps.
    pub fn shown_time(&self) -> Timestamp {
        self.time().plus_seconds(self.owed_s.min(self.timeline.step_s())).min(self.timeline.end())
    }

    /// Whether it plays.
    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// Plays on; from the start again where it stands at its end.
    pub fn play(&mut self) {
        if self.step == self.timeline.last_step() && !self.looping {
            self.seek_step(0);
        }
        self.playing = true;
    }

    /// Stops where it is.
    pub fn pause(&mut self) {
        self.playing = false;
    }

    /// Whether it begins again at its end.
    pub fn set_looping(&mut self, looping: bool) {
        self.looping = looping;
    }

    /// Whether it begins again at its end.
    pub fn is_looping(&self) -> bool {
        self.looping
    }

    /// Played seconds a second.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Sets the speed, kept between 0.1 and 1000; what is no number is left unheard.
    pub fn set_speed(&mut self, speed: f64) {
        if speed.is_finite() {
            self.speed = speed.clamp(SPEEDS[0], SPEEDS[1]);
        }
    }

    /// Lets real time go by, seconds. Plays whole steps, at most a few thousand a call; at the end it stops or begins again.
    pub fn advance(&mut self, wall_dt_s: f64) {
        let goes_on = self.playing && wall_dt_s.is_finite() && wall_dt_s > 0.0;
        if !goes_on {
            return;
        }
        let step_s = self.timeline.step_s();
        // What cannot be caught up with in two calls is let go: a machine that was asleep does not replay its night.
        self.owed_s = (self.owed_s + wall_dt_s * self.speed).min(2.0 * MOST_STEPS_AT_ONCE as f64 * step_s);
        for _ in 0..MOST_STEPS_AT_ONCE {
            if self.owed_s < step_s {
                break;
            }
            if self.step < self.timeline.last_step() {
                self.owed_s -= step_s;
                self.play_into(self.step + 1);
            } else if self.looping {
                self.owed_s -= step_s;
                self.seek_step(0);
            } else {
                self.owed_s = 0.0;
                self.playing = false;
                break;
            }
        }
    }

    /// Plays one step, whatever the speed. `false` at the end.
    pub fn play_step(&mut self) -> bool {
        if self.step == self.timeline.last_step() {
            return false;
        }
        self.play_into(self.step + 1);
        true
    }

    /// Pauses and goes some steps on (or back, where negative).
    pub fn step_by(&mut self, steps: i64) {
        self.pause();
        self.owed_s = 0.0;
        self.seek_step(self.step.saturating_add_signed(steps));
    }

    /// Goes to the last step that is not after an instant. The state is bit for bit the one that playing there gives.
    pub fn seek(&mut self, time: Timestamp) {
        self.owed_s = 0.0;
        self.seek_step(self.timeline.step_at(time));
    }

    /// What happened since the last call, in order. Steps passed in seeking leave no trace here.
    pub fn take_happenings(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.happenings)
    }

    /// A hash over everything that a step changes.
    pub fn state_hash(&self) -> u64 {
        let parts = [self.step, self.state.hash(), self.live.hash()];
        xxh3_64(&parts.map(u64::to_le_bytes).concat())
    }

    /// Keyframes kept and their bytes, for diagnostics.
    pub fn keyframes(&self) -> (usize, usize) {
        (self.keyframes.len(), self.keyframe_bytes)
    }

    fn seek_step(&mut self, target: u64) {
        let target = target.min(self.timeline.last_step());
        let nearest = self.keyframes.range(..=target).next_back();
        let nearest = nearest.filter(|(step, _)| target < self.step || **step > self.step);
        if let Some((step, keyframe)) = nearest {
            self.state = keyframe.state.clone();
            self.live.restore(&keyframe.live, &keyframe.state);
            self.step = *step;
        }
        let mut unread = Vec::new();
        while self.step < target {
            self.enter(self.step + 1, &mut unread);
            unread.clear();
        }
    }

    /// Plays into a step from the one before it, for people to read of.
    fn play_into(&mut self, step: u64) {
        let mut happenings = std::mem::take(&mut self.happenings);
        self.enter(step, &mut happenings);
        let unread = happenings.len().saturating_sub(MOST_HAPPENINGS);
        happenings.drain(..unread);
        self.happenings = happenings;
    }

    /// Plays into a step from the one before it.
    fn enter(&mut self, step: u64, happenings: &mut Vec<Happening>) {
        let now = self.timeline.time_of(step);
        for event in self.timeline.events_of(step) {
            self.state.apply(event);
            happenings.push(Happening { time: event.at, kind: HappeningKind::Event(event.action.clone()) });
        }
        self.state.pass(now);
        self.live.advance(now, &self.state, happenings);
        self.step = step;
        if step.is_multiple_of(self.spacing) && !self.keyframes.contains_key(&step) {
            self.keep();
        }
    }

    /// Keeps the state here as a keyframe; where there are too many, every other one goes and the spacing doubles.
    fn keep(&mut self) {
        let bytes = self.state.bytes() + self.live.snapshot_bytes();
        let keyframe = Keyframe { state: self.state.clone(), live: self.live.snapshot(), bytes };
        self.keyframe_bytes += bytes;
        self.keyframes.insert(self.step, keyframe);
        while self.keyframes.len() > 1
            && (self.keyframes.len() > MOST_KEYFRAMES || self.keyframe_bytes > KEYFRAME_BYTES)
        {
            self.spacing = self.spacing.saturating_mul(2);
            let spacing = self.spacing;
            self.keyframes.retain(|step, _| step.is_multiple_of(spacing));
            self.keyframe_bytes = self.keyframes.values().map(|keyframe| keyframe.bytes).sum();
        }
    }
}
