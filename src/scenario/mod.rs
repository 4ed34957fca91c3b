//! What happens when: time line, edits, variants, playback with exact seek.
//!
//! ```text
//! ScenarioDocument --Timeline--> events by time --------------+
//!                                                             +--> Playback --> CityState + CityLive --> Appearance, event log
//! feeds --LivePart--> CityLive (values, roll-ups, alarms) ----+        keyframes: any instant can be reached exactly
//! ScenarioDocument --VariantEdits--> VariantCity, AddedContent: what a variant adds and takes away
//! server: SceneForViewers, then wire messages --> ViewedScene (LiveMirror): what a viewer elsewhere knows of a scene
//! ```
//!
//! A play moves in steps of fixed length from a start to an end. The state after a step depends on the document and on
//! the number of the step, on nothing else: no clock, no frame rate. The host says how much time went by
//! ([`Playback::advance`]); seeking restores the keyframe before and replays the steps.

mod added;
mod appearance;
mod bench;
mod city_live;
mod edits;
mod event_log;
mod live_mirror;
mod live_part;
mod message;
mod playback;
mod run;
mod simulation;
mod state;
mod timeline;
mod variant_city;
mod viewed_scene;
pub mod wire;

pub use added::AddedContent;
pub use appearance::{Appearance, Bound, CLOSED_COLOR, Known, LiveProperty};
pub use bench::{CityLiveBench, FrameBench, bench_city_live};
pub use city_live::{CityLive, CityLiveSnapshot};
pub use edits::{AddedModel, CityEdits, VariantEdits};
pub use event_log::{EventLog, Happening, HappeningKind, IndicatorTable};
pub use live_mirror::LiveMirror;
pub use live_part::{LivePart, LivePartSnapshot, ObservationFeed};
pub use message::filled;
pub use playback::{Playable, Playback};
pub use run::Run;
pub use simulation::{check_size, ground_share, simulation};
pub use state::{CameraCue, CityState, HandAlarm, ShownMessage};
pub use timeline::{Action, Event, Timeline};
pub use variant_city::VariantCity;
pub use viewed_scene::{
    CameraForViewers, EffectsForViewers, RunForViewers, SceneForViewers, ViewedChange, ViewedScene,
};

/// Why a scenario cannot be played.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// A time that is missing or cannot be read.
    #[error("{0}")]
    Time(String),
    /// The play would have more steps than can be counted out.
    #[error("{0} steps are too many: choose a longer 'step_s'")]
    TooManySteps(f64),
    /// There is no such variant.
    #[error("no variant is named '{name}'; {known}")]
    NoVariant {
        /// What was asked for.
        name: String,
        /// What there is, in words.
        known: String,
    },
    /// A layer or an effect that cannot be used.
    #[error(transparent)]
    Style(#[from] crate::scene::StyleError),
    /// A binding that cannot be used.
    #[error(transparent)]
    Live(#[from] crate::live::LiveError),
    /// An indicator or an alarm that cannot be used.
    #[error(transparent)]
    Indicator(#[from] crate::indicator::IndicatorError),
    /// A city that cannot be read.
    #[error(transparent)]
    City(#[from] crate::package::PackageError),
    /// A footprint that is no polygon.
    #[error("the footprint of the edit '{0}' is no polygon")]
    Footprint(String),
}
