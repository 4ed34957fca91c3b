//! The scenario document: a base scene, edits, events on a time line, simulations, recordings and variants.

use serde::{Deserialize, Serialize};

use super::scene_document::{Severity, TimeDocument};

/// A scenario: `scenes/NAME.scenario.toml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioDocument {
    /// See [`super::FORMAT_VERSION`].
    pub format_version: u32,
    /// Title.
    #[serde(default)]
    pub name: String,
    /// The base scene, relative to this document.
    pub scene: String,
    /// Start and end of the play; events lie between.
    pub time: TimeDocument,
    /// Seed of everything random in the play.
    #[serde(default)]
    pub seed: u64,
    /// Seconds between two states of the play; values are applied in these steps (default 1).
    #[serde(default)]
    pub step_s: Option<f64>,
    /// Changes to the city that hold from the start (or from their variant's).
    #[serde(default, rename = "edit")]
    pub edits: Vec<EditDocument>,
    /// What happens when.
    #[serde(default, rename = "event")]
    pub events: Vec<EventDocument>,
    /// Recorded observations that are played.
    #[serde(default, rename = "recording")]
    pub recordings: Vec<RecordingDocument>,
    /// What is computed.
    #[serde(default, rename = "simulation")]
    pub simulations: Vec<SimulationDocument>,
    /// Alternatives of one base.
    #[serde(default, rename = "variant")]
    pub variants: Vec<VariantDocument>,
    /// What is handed over at the end.
    #[serde(default)]
    pub report: Option<ReportDocument>,
}

/// `[[edit]]`: one building more or one less.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EditDocument {
    /// Unique in the scenario.
    pub name: String,
    /// What is done.
    #[serde(flatten)]
    pub action: EditAction,
}

/// What an edit does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EditAction {
    /// A block on a footprint.
    AddFootprint {
        /// Identifier of the new object.
        id: String,
        /// Outer ring, [longitude, latitude] in degrees.
        footprint: Vec<[f64; 2]>,
        /// Metres.
        height_m: f64,
        /// Metres above the ellipsoid; on the ground where left out.
        base_m: Option<f64>,
        /// `#rrggbb`.
        color: Option<String>,
    },
    /// A glTF model.
    AddModel {
        /// Identifier of the new object.
        id: String,
        /// .glb or .gltf, relative to the document.
        model: String,
        /// [longitude, latitude] in degrees and metres above the ellipsoid.
        at: [f64; 3],
        /// Clockwise from north, degrees.
        heading: f64,
    },
    /// Takes an object away.
    Remove {
        /// Its identifier.
        id: String,
    },
}

/// `[[event]]`: something that happens at an instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventDocument {
    /// RFC 3339, or seconds after the start as `+90` (a string).
    pub at: String,
    /// What happens.
    #[serde(flatten)]
    pub action: EventAction,
}

/// What an event does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventAction {
    /// Sets an attribute of an object.
    Set {
        /// The object.
        object: String,
        /// The attribute.
        property: String,
        /// Its new value.
        value: toml::Value,
    },
    /// Shows an object or layer again.
    Show {
        /// Identifier or layer name.
        object: String,
    },
    /// Hides an object or layer.
    Hide {
        /// Identifier or layer name.
        object: String,
    },
    /// Closes an object (a road, a bridge) until `open`.
    Close {
        /// Its identifier.
        object: String,
    },
    /// Opens it again.
    Open {
        /// Its identifier.
        object: String,
    },
    /// Raises an alarm by hand, until `clear_alarm`.
    Alarm {
        /// The object it is about.
        object: String,
        /// Words for people.
        message: String,
        /// How bad.
        severity: Severity,
    },
    /// Clears the alarm that an event has raised.
    ClearAlarm {
        /// The object that it is about.
        object: String,
    },
    /// Flies to a named camera.
    Camera {
        /// The camera's name.
        camera: String,
        /// Flight time, seconds.
        flight_s: f64,
    },
    /// Shows words.
    Message {
        /// The words.
        text: String,
        /// How long, seconds.
        for_s: f64,
    },
}

/// `[[recording]]`: recorded observations, CSV.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordingDocument {
    /// The source name that bindings see; left out in a `[source.recording]`, which has its source's.
    #[serde(default)]
    pub name: String,
    /// CSV files, relative to the document; `*` matches within a name.
    pub files: Vec<String>,
    /// Column with the time.
    pub time_column: String,
    /// Columns with values; each becomes the stream `NAME/STATION/COLUMN`.
    pub value_columns: Vec<String>,
    /// Column with the station; the file's stem where left out.
    #[serde(default)]
    pub station_column: Option<String>,
    /// CSV with the stations' places.
    #[serde(default)]
    pub stations: Option<String>,
    /// Its columns: [station, longitude, latitude]; of a plane `crs` [station, east, north].
    #[serde(default)]
    pub station_columns: Option<[String; 3]>,
    /// CRS of the places: `EPSG:4547`, or one under `[city.crs]` of the scene; longitude and latitude where left out.
    #[serde(default)]
    pub crs: Option<String>,
    /// Offset of times without a zone, `+09:00`.
    #[serde(default)]
    pub zone: Option<String>,
}

/// `[[simulation]]`: something computed, seeded, recorded. One that is read from a `recording` needs nothing else but its
/// name and kind; one that is computed needs `bbox`, `cell_m`, `duration_s` and `output_s`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulationDocument {
    /// Unique in the scenario.
    pub name: String,
    /// `flood`.
    pub kind: String,
    /// [west, south, east, north] in degrees.
    #[serde(default)]
    pub bbox: [f64; 4],
    /// Edge of a cell, metres.
    #[serde(default)]
    pub cell_m: f64,
    /// From when, as an event's `at`.
    #[serde(default)]
    pub start: Option<String>,
    /// How long, seconds.
    #[serde(default)]
    pub duration_s: f64,
    /// Seconds between two recorded frames.
    #[serde(default)]
    pub output_s: f64,
    /// Rain by time: [seconds after the start, mm/h], constant until the next.
    #[serde(default)]
    pub rain_mm_h: Vec<[f64; 2]>,
    /// Manning's n, s/m^(1/3).
    #[serde(default)]
    pub manning: Option<f64>,
    /// Still water at the start: height above the ellipsoid, metres.
    #[serde(default)]
    pub water_level_m: Option<f64>,
    /// A recording to read instead of computing, relative to the document.
    #[serde(default)]
    pub recording: Option<String>,
}

/// `[[variant]]`: which edits hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantDocument {
    /// Unique in the scenario; `--variant NAME`.
    pub name: String,
    /// As people call it.
    #[serde(default)]
    pub title: Option<String>,
    /// Names of the edits that hold in it. Without variants all edits hold.
    #[serde(default)]
    pub edits: Vec<String>,
}

/// `[report]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportDocument {
    /// Seconds of play between two pictures.
    #[serde(default)]
    pub picture_every_s: Option<f64>,
    /// Indicators written at each picture; all where empty.
    #[serde(default)]
    pub indicators: Vec<String>,
}
