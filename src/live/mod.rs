//! Live data: from messages to the latest value of every bound property.
//!
//! ```text
//! Message --Connector--> Observation --ObservationQueue--> LiveCity --changes--> drawing, indicators, alarms
//! RecordedObservations ------------------^                    ^ Bindings (stream -> object row and property)
//! SimulatedFeed -------------------------^                    ^ ObjectDirectory (the city's objects)
//!                                                             +--> History (past values, within a budget of bytes)
//! ```
//!
//! Everything is a function of what comes in and of the instants handed in: no clock, no thread and no socket lives
//! here. Transports (`platform`) fill the queue from their own threads; a frame takes a bounded batch out of it. Every
//! table is bounded, and what is not applied is counted with an example.

mod bench;
mod binding;
mod connector;
mod diagnostics;
mod history;
mod json_connector;
mod observation;
mod pattern;
mod queue;
mod recorded;
mod simulated;
mod store;
mod tally;

pub use bench::{LiveBench, bench_live};
pub use binding::{Binding, Bindings, ObjectDirectory};
pub use connector::{Connector, Decoded, Message};
pub use diagnostics::{Diagnostics, Fault, FaultKind};
pub use history::{History, PastQuery};
pub use json_connector::JsonConnector;
pub use observation::{NotObserved, Observation, Quality, SourceIndex};
pub use pattern::StreamPattern;
pub use queue::{ObservationQueue, QueueCounters};
pub use recorded::{RecordedObservations, ReplayedRecording};
pub use simulated::{DeviceKind, SimulatedFeed, Storm};
pub use store::{LatestValue, LiveCity, LiveCounters, LiveSnapshot, MOST_AHEAD_US, Outcome, Reading, ValueState};
pub use tally::SourceTally;

/// Why a live source or a binding cannot work at all. Bad messages are no errors: they are counted in [`Diagnostics`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// A mapping of a source that cannot be used.
    #[error("mapping '{key}' = '{text}': {cause}, in source '{source_name}'")]
    Mapping {
        /// What is wrong.
        cause: String,
        /// The key.
        key: String,
        /// What is written.
        text: String,
        /// Name of the source.
        source_name: String,
    },
    /// A binding that cannot be used.
    #[error("{cause}, in the binding of '{stream}'")]
    Binding {
        /// What is wrong.
        cause: String,
        /// Its stream pattern.
        stream: String,
    },
    /// Recorded observations that cannot be read.
    #[error("{cause}: {file}")]
    Recording {
        /// What is wrong.
        cause: String,
        /// Name of the file.
        file: String,
    },
}
