//! A computed part of a play.

use std::sync::Arc;

use crate::quantity::Timestamp;
use crate::sim::Recording;

/// A recorded simulation in a play.
#[derive(Debug, Clone)]
pub struct Run {
    /// Name in the scenario.
    pub name: String,
    /// When its first frame is.
    pub start: Timestamp,
    /// Its frames.
    pub recording: Arc<Recording>,
}

impl Run {
    /// Number of the frame that holds at an instant; none before its start.
    pub fn frame_at(&self, time: Timestamp) -> Option<usize> {
        let since = time.seconds_since(self.start);
        (since >= 0.0).then(|| self.recording.frame_at(since))
    }
}
