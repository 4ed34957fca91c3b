//! Documents: what users write. A scene (`scenes/*.toml`) says what is shown and how; a scenario says what happens.
//!
//! `read` turns text into a document, with `${VAR}` filled in and unknown keys, dangling references and bad expressions
//! reported with line and suggestion. The layers above (`live`, `indicator`, `scenario`, `engine`) convert the parts they
//! need into their own types by hand; nothing but documents is serialised from here.

mod check_city;
mod check_scenario;
mod check_scene;
mod effects;
mod event_time;
mod place;
mod read;
mod scenario_document;
mod scene_document;
mod style;
mod tagged;
mod variables;

pub use check_city::{CityFacts, check_scenario_in, check_scene_in, problem_at};
pub use event_time::EventTime;
pub use read::{DocumentError, DocumentProblem, read_document, read_partly, read_scenario, read_scene};
pub use scenario_document::{
    EditAction, EditDocument, EventAction, EventDocument, RecordingDocument, ReportDocument, ScenarioDocument,
    SimulationDocument, VariantDocument,
};
pub use scene_document::{
    AlarmDocument, Attach, BindingDocument, CameraDocument, CityDocument, CrsDocument, DemoDocument, Effect,
    IndicatorDocument, LabelDocument, LayerDocument, PanelDocument, RampDocument, RollupRule, SceneDocument, Severity,
    SourceDocument, SourceKind, TimeDocument, TourDocument,
};
pub use variables::Environment;

pub use effects::{EffectSheet, LiveValue};
pub use style::{Color, Freshness, Label, MISSING_COLOR, ObjectStyle, Ramp, StyleError, StyleSheet, parse_color};

/// The version of scene and scenario documents that this program reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// The kinds of simulation that a scenario may name; `sim` holds what each of them is.
pub const SIMULATION_KINDS: &[&str] = &["flood"];
