//! One observed value.

use std::sync::Arc;

use crate::city::Value;
use crate::geodesy::Geodetic;
use crate::quantity::Timestamp;

/// Number of a source: its place in the scene's list of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceIndex(pub u16);

/// What the sender says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Quality {
    /// Nothing against it.
    #[default]
    Good,
    /// The sender doubts it.
    Suspect,
}

/// A value of a stream at an instant (the result, phenomenon time and data stream of OGC SensorThings).
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Name of the stream in its source, segments by `/`.
    pub stream: Arc<str>,
    /// When it was observed.
    pub time: Timestamp,
    /// What was observed; never `Null`.
    pub value: Value,
    /// What the sender says of it.
    pub quality: Quality,
    /// Where, if the sender says so.
    pub place: Option<Geodetic>,
}

impl Observation {
    /// A good number without a place.
    pub fn number(stream: impl Into<Arc<str>>, time: Timestamp, value: f64) -> Self {
        Self { stream: stream.into(), time, value: Value::from(value), quality: Quality::Good, place: None }
    }
}

/// Why an observation that is handed over for a property is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotObserved {
    /// What is observed in a play is known beforehand.
    #[error("a play takes no observations")]
    Play,
    /// No binding sets the property of this object.
    #[error("nothing is bound to this property")]
    Unbound,
    /// Its binding has a unit or a range.
    #[error("the property takes numbers")]
    NotANumber,
    /// The queue is full.
    #[error("too many observations wait")]
    TooMany,
}
