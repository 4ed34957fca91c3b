//! The scene document, section by section. Angles are degrees here and nowhere below.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RecordingDocument;

/// A scene: `scenes/NAME.toml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneDocument {
    /// See [`super::FORMAT_VERSION`].
    pub format_version: u32,
    /// Title, shown in the window.
    #[serde(default)]
    pub name: String,
    /// What city.
    #[serde(default)]
    pub city: CityDocument,
    /// When.
    #[serde(default)]
    pub time: TimeDocument,
    /// What to show and how; later layers win where several match an object.
    #[serde(default, rename = "layer")]
    pub layers: Vec<LayerDocument>,
    /// Live connections.
    #[serde(default, rename = "source")]
    pub sources: Vec<SourceDocument>,
    /// Streams to objects.
    #[serde(default, rename = "binding")]
    pub bindings: Vec<BindingDocument>,
    /// Figures of merit.
    #[serde(default, rename = "indicator")]
    pub indicators: Vec<IndicatorDocument>,
    /// What is worth waking somebody for.
    #[serde(default, rename = "alarm")]
    pub alarms: Vec<AlarmDocument>,
    /// Named views.
    #[serde(default, rename = "camera")]
    pub cameras: Vec<CameraDocument>,
    /// A flight along cameras.
    #[serde(default)]
    pub tour: Option<TourDocument>,
    /// What stands beside the city on the screen.
    #[serde(default)]
    pub panel: PanelDocument,
}

/// `[city]`: packages and tilesets, paths relative to the document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CityDocument {
    /// City packages.
    #[serde(default)]
    pub packages: Vec<String>,
    /// 3D Tiles tilesets without a package.
    #[serde(default)]
    pub tilesets: Vec<String>,
    /// A generated city, where there are no data.
    #[serde(default)]
    pub demo: Option<DemoDocument>,
    /// City CRS that no registry knows, by name.
    #[serde(default)]
    pub crs: BTreeMap<String, CrsDocument>,
}

/// `[city.demo]`: the generated city.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoDocument {
    /// Same seed, same city.
    #[serde(default)]
    pub seed: u64,
    /// `small`, `city` or `metro`.
    pub size: String,
}

/// `[city.crs.NAME]`: a plane city CRS by its relation to a known one. Exactly one of the two is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrsDocument {
    /// The known CRS, `EPSG:4547`.
    pub base: String,
    /// Plane similarity from the city CRS to the base: [dx m, dy m, rotation in arc-seconds, scale - 1 in ppm].
    #[serde(default)]
    pub four_parameter: Option<[f64; 4]>,
    /// Helmert, position vector (EPSG method 9606), from the city's datum to the base's:
    /// [tx m, ty m, tz m, rx, ry, rz in arc-seconds, ppm].
    #[serde(default)]
    pub seven_parameter: Option<[f64; 7]>,
}

/// `[time]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeDocument {
    /// RFC 3339; the instant of sun and playback at the start.
    #[serde(default)]
    pub start: Option<String>,
    /// RFC 3339; the end of playback.
    #[serde(default)]
    pub end: Option<String>,
}

/// `[[layer]]`: the objects that match, and how they look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerDocument {
    /// Unique in the scene.
    pub name: String,
    /// Only objects of this class.
    #[serde(default)]
    pub class: Option<String>,
    /// Only objects for which this expression over attributes is true.
    #[serde(default, rename = "where")]
    pub filter: Option<String>,
    /// Whether they are drawn at all.
    #[serde(default)]
    pub visible: Option<bool>,
    /// One colour, `#rrggbb` or `#rrggbbaa`.
    #[serde(default)]
    pub color: Option<String>,
    /// A colour by a number.
    #[serde(default)]
    pub ramp: Option<RampDocument>,
    /// Factor on the drawn height, an expression.
    #[serde(default)]
    pub height: Option<String>,
    /// Words above the objects.
    #[serde(default)]
    pub label: Option<LabelDocument>,
}

/// Colours along an expression's value; between two stops the mix, beyond the ends the end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RampDocument {
    /// Expression; in a binding's effect it may be left out and is `value`.
    #[serde(default = "value_expression")]
    pub by: String,
    /// Rising values with their colours.
    pub stops: Vec<(f64, String)>,
    /// Where the expression has no value.
    #[serde(default)]
    pub missing: Option<String>,
}

fn value_expression() -> String {
    "value".to_owned()
}

/// Labels of a layer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelDocument {
    /// Expression that gives the words.
    pub text: String,
    /// Drawn up to this distance, metres.
    #[serde(default)]
    pub within_m: Option<f64>,
    /// At most this many at once, nearest first.
    #[serde(default)]
    pub limit: Option<u32>,
}

impl LabelDocument {
    /// What holds where it does not say it: 50.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(50)
    }
}

/// `[[source]]`: a live connection.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceDocument {
    /// Unique in the scene.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Of an `mqtt` source: `mqtt://host:1883`, `mqtts://host:8883`.
    #[serde(default)]
    pub url: Option<String>,
    /// MQTT topic filters.
    #[serde(default)]
    pub topics: Vec<String>,
    /// User name.
    #[serde(default)]
    pub username: Option<String>,
    /// `${VAR}`.
    #[serde(default)]
    pub password: Option<String>,
    /// PEM file with the authorities to trust.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// JSON pointers (RFC 6901) into a payload, by field of the observation: `stream`, `value`, `time`, `quality`,
    /// `items` (an array of observations), `longitude`, `latitude` and `height` of the place. `stream` may instead be a
    /// template over the topic: `{1}/{2}`.
    #[serde(default)]
    pub mapping: BTreeMap<String, String>,
    /// Of a `csv` source: what is played as if it were observed now. Its name is the source's.
    #[serde(default)]
    pub recording: Option<RecordingDocument>,
    /// Of a `csv` source: it begins again when it is over.
    #[serde(default)]
    pub repeat: bool,
    /// Observations a second of the simulated feed, all devices together; each kind's own pace where left out.
    #[serde(default)]
    pub rate_hz: Option<f64>,
    /// Seed of the simulated feed.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// Kinds of live source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The feed of the demo city, made in the process.
    #[default]
    Simulated,
    /// MQTT 3.1.1.
    Mqtt,
    /// Recorded observations, played as if they were observed now.
    Csv,
}

impl SourceDocument {
    /// The recording of a `csv` source by the source's name, under which bindings see its streams.
    pub fn named_recording(&self) -> Option<RecordingDocument> {
        self.recording.clone().map(|recording| RecordingDocument { name: self.name.clone(), ..recording })
    }
}

/// `[[binding]]`: which streams set which property of which objects, and how that shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindingDocument {
    /// Only streams of this source.
    #[serde(default)]
    pub source: Option<String>,
    /// Stream pattern: segments by `/`, `+` one segment, `#` the rest (MQTT), `{name}` one segment with a name.
    pub stream: String,
    /// Which object.
    pub to: Attach,
    /// The property that it sets, as expressions call it.
    pub property: String,
    /// UCUM unit of the value.
    #[serde(default)]
    pub unit: Option<String>,
    /// Older than this it is stale, seconds.
    #[serde(default)]
    pub stale_after_s: Option<f64>,
    /// Values outside are kept, but shown as out of range.
    #[serde(default)]
    pub range: Option<[f64; 2]>,
    /// What the values of everything in an object amount to for the object itself.
    #[serde(default)]
    pub rollup: RollupRule,
    /// How it shows.
    #[serde(default, rename = "effect")]
    pub effects: Vec<Effect>,
}

/// What several values amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollupRule {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum: power, people.
    Sum,
    /// The least.
    Min,
    /// The greatest: water level.
    Max,
    /// The latest.
    Last,
}

/// How a stream finds its object. Exactly one is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attach {
    /// This object; `{name}` is replaced by the stream's segment of that name.
    #[serde(default)]
    pub id: Option<String>,
    /// The nearest object of this class to the stream's place.
    #[serde(default)]
    pub nearest: Option<String>,
    /// With `nearest`: no farther than this, metres.
    #[serde(default)]
    pub within_m: Option<f64>,
    /// With `nearest`: the place [longitude, latitude] in degrees, where the observations do not carry one.
    #[serde(default)]
    pub at: Option<[f64; 2]>,
}

/// What a value does to the picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Colours the object.
    Color {
        /// The colours.
        ramp: RampDocument,
    },
    /// Writes above the object.
    Label {
        /// Expression over `value`, `age_s`, `unit`, `state` and the object's attributes.
        text: String,
    },
    /// Lets the object pulse while the expression is true.
    Pulse {
        /// Expression over `value`.
        when: String,
        /// `#rrggbb`.
        color: String,
    },
}

/// `[[indicator]]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndicatorDocument {
    /// Unique in the scene; other indicators' expressions use it.
    pub name: String,
    /// As people call it.
    #[serde(default)]
    pub title: Option<String>,
    /// Expression; `sum(p)`, `mean(p)`, `min(p)`, `max(p)`, `last(p)`, `count(p)`, `share(condition)` run over the members.
    pub expression: String,
    /// UCUM unit.
    #[serde(default)]
    pub unit: Option<String>,
    /// For each object of this class, over what is in it (the tree); the whole city where neither this nor `area` is given.
    #[serde(default)]
    pub per: Option<String>,
    /// Over the objects in this polygon, [longitude, latitude] in degrees.
    #[serde(default)]
    pub area: Option<Vec<[f64; 2]>>,
    /// Only members for which this is true.
    #[serde(default, rename = "where")]
    pub filter: Option<String>,
    /// The value aimed at.
    #[serde(default)]
    pub target: Option<f64>,
    /// From this value on it is worth a look.
    #[serde(default)]
    pub warning: Option<f64>,
    /// From this value on it is bad. Below `warning`, low values are the bad ones.
    #[serde(default)]
    pub critical: Option<f64>,
}

/// `[[alarm]]`: raised by a threshold, cleared by another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmDocument {
    /// Unique in the scene.
    pub name: String,
    /// Words for people; expression text in `{}`.
    #[serde(default)]
    pub message: String,
    /// How bad.
    #[serde(default)]
    pub severity: Severity,
    /// The property watched, or an indicator's name.
    pub property: String,
    /// Only objects of this class.
    #[serde(default)]
    pub class: Option<String>,
    /// Raised above this.
    #[serde(default)]
    pub above: Option<f64>,
    /// Raised below this.
    #[serde(default)]
    pub below: Option<f64>,
    /// How far back over the threshold the value must come to clear.
    #[serde(default)]
    pub hysteresis: f64,
    /// How long the value must stay beyond the threshold, seconds.
    #[serde(default)]
    pub for_s: f64,
}

/// How bad an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth a look.
    #[default]
    Warning,
    /// Act.
    Critical,
}

impl Severity {
    /// The word for it in answers and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// `[[camera]]`: a named view. With `object` or `target` it looks at that from `distance_m`; otherwise it stands at `place`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraDocument {
    /// Unique in the scene.
    pub name: String,
    /// Where it stands: [longitude, latitude] in degrees and metres above the ellipsoid.
    #[serde(default)]
    pub place: Option<[f64; 3]>,
    /// What it looks at: [longitude, latitude] in degrees and metres above the ellipsoid.
    #[serde(default)]
    pub target: Option<[f64; 3]>,
    /// The object it looks at.
    #[serde(default)]
    pub object: Option<String>,
    /// From target to camera, metres.
    #[serde(default)]
    pub distance_m: Option<f64>,
    /// Clockwise from north, degrees.
    #[serde(default)]
    pub heading: f64,
    /// Up from the horizon, degrees; -90 looks straight down.
    #[serde(default)]
    pub pitch: f64,
    /// Vertical field of view, degrees.
    #[serde(default)]
    pub field_of_view: Option<f64>,
}

/// `[tour]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TourDocument {
    /// Names of cameras, in order.
    pub cameras: Vec<String>,
    /// How long each is held, seconds.
    #[serde(default = "ten_seconds")]
    pub hold_s: f64,
    /// How long each flight takes, seconds.
    #[serde(default = "four_seconds")]
    pub flight_s: f64,
}

fn ten_seconds() -> f64 {
    10.0
}

fn four_seconds() -> f64 {
    4.0
}

/// `[panel]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelDocument {
    /// Indicators shown, by name, in order.
    #[serde(default)]
    pub indicators: Vec<String>,
    /// Whether active alarms are listed.
    #[serde(default)]
    pub alarms: bool,
    /// Whether the time bar is shown.
    #[serde(default)]
    pub time_bar: bool,
    /// Whether it is said what the colours mean.
    #[serde(default)]
    pub legend: bool,
}
