//! When something happens in a play: an instant, or seconds after the start.

use crate::quantity::Timestamp;

/// An event's `at`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EventTime {
    /// RFC 3339.
    At(Timestamp),
    /// Seconds after the start of the play, `+90`.
    After(f64),
}

impl EventTime {
    /// Reads `+90`, `+0.5` or RFC 3339. Fails with the words for the reader.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(seconds) = text.trim().strip_prefix('+') else {
            return Timestamp::parse(text).map(Self::At).map_err(|_| no_time(text));
        };
        match seconds.parse::<f64>() {
            Ok(seconds) if (0.0..=1e11).contains(&seconds) => Ok(Self::After(seconds)),
            _ => Err(no_time(text)),
        }
    }

    /// The instant, in a play that starts at `start`.
    pub fn resolve(self, start: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::After(seconds) => start.plus_seconds(seconds),
        }
    }
}

fn no_time(text: &str) -> String {
    format!(
        "'{text}' is no time; write seconds after the start like '+90', or an instant like '2026-07-01T06:00:00+08:00'"
    )
}
