//! A stream of a source: where it leads, and whether it may lead elsewhere by now.

use crate::geodesy::Geodetic;
use crate::live::FaultKind;

/// Places are the same that are less than about a metre apart: the angle between them as the earth sees it.
const MOVED_RAD: f64 = 1.6e-7;

/// Where a stream leads: a run of `LiveCity::targets`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// Number of the first target.
    pub start: u32,
    /// How many there are.
    pub count: u32,
    /// The most that it has ever led to: its run stays its own while it leads to less.
    pub room: u32,
    /// A binding looks for what is nearest to where the stream says that it is.
    pub by_place: bool,
    /// Where it was when it was resolved.
    pub place: Option<Geodetic>,
    /// Why it leads nowhere, where it does.
    pub why: FaultKind,
}

impl Stream {
    /// Whether it may lead elsewhere from a place on that it says now.
    pub fn has_moved(&self, place: Option<Geodetic>) -> bool {
        let is_other = |before: Geodetic, now: Geodetic| before.up_in_ecef().distance(now.up_in_ecef()) > MOVED_RAD;
        self.by_place && place.is_some_and(|now| self.place.is_none_or(|before| is_other(before, now)))
    }
}
