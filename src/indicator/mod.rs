//! Figures of merit and alarms: what the values of single devices say about rooms, buildings and the city.
//!
//! ```text
//!                     +-> Rollup      a property of any object, from what is in it
//! row, property, value --> Indicators  expressions over the members of a class, an area or the city, with thresholds
//!                     +-> Alarms      thresholds with hysteresis and duration, raised and cleared
//! ```
//!
//! Values come in one at a time (`set`, `observe`); a change costs the logarithm of the number of members. Aggregates are
//! kept in trees of partial results that are recomputed along one path, never adjusted by differences: they depend on the
//! current values only, not on their history, so that nothing drifts and a seek ends in the same bits.
//!
//! A value that is missing, stale, suspect or out of range is handed in as `None`: it takes part in no aggregate, and
//! neither raises nor clears an alarm.

mod aggregate_tree;
mod alarm;
mod hierarchy;
mod indicators;
mod rollup;

pub use aggregate_tree::{Aggregate, AggregateTree};
pub use alarm::{AlarmEvent, AlarmPhase, AlarmRule, AlarmSnapshot, Alarms, RaisedAlarm};
pub use hierarchy::{Hierarchy, ObjectTree};
pub use indicators::{IndicatorState, IndicatorValue, Indicators};
pub use rollup::Rollup;

/// Why indicators or alarms cannot be made from their documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndicatorError {
    /// An expression that cannot be read.
    #[error("{cause}, column {column}, in the indicator '{indicator}'")]
    Expression {
        /// What is wrong.
        cause: String,
        /// Characters from 1.
        column: usize,
        /// Name of the indicator.
        indicator: String,
    },
    /// Indicators that need each other.
    #[error("it needs itself by way of '{through}', in the indicator '{indicator}'")]
    Circle {
        /// The next in the circle.
        through: String,
        /// Name of the indicator.
        indicator: String,
    },
    /// Members that cannot be found.
    #[error("{cause}, in the indicator '{indicator}'")]
    Members {
        /// What is wrong.
        cause: String,
        /// Name of the indicator.
        indicator: String,
    },
    /// An alarm without a threshold, or with one that is no number.
    #[error("needs 'above' or 'below', and finite numbers, in the alarm '{0}'")]
    Alarm(String),
}
