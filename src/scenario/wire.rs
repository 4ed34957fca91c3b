//! What a server tells the viewers of a scene: messages and their bytes.
//!
//! ```text
//! server --Hello--> --Update (snapshot, in parts)--> --Update (what has changed)--> ... --Notice, Order--> viewer: LiveMirror
//! ```
//!
//! One message is one WebSocket frame: the byte [`WIRE_VERSION`], then the message as postcard writes it (wire format 1:
//! whole numbers as LEB128 varints, signed ones zigzag, `f64` as eight bytes little endian, texts and lists after their
//! length, `Option` after a byte 0 or 1, an enum after the number of its variant in the order of this file). Reading takes
//! any bytes: memory stays within a few times their number, whatever lengths they claim.

use serde::{Deserialize, Serialize};

use super::event_log::Happening;
use super::state::CityState;
use crate::city::Value;
use crate::indicator::IndicatorState;
use crate::live::ValueState;
use crate::quantity::Timestamp;
use crate::scene::{IndicatorDocument, Severity};

/// The first byte of every message.
pub const WIRE_VERSION: u8 = 1;

/// A message that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Written by another version.
    #[error("the message has version {0}, this viewer reads {WIRE_VERSION}: reload it")]
    Version(u8),
    /// No message.
    #[error("these bytes are no message")]
    Damaged,
}

/// From the server to a viewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LiveMessage {
    /// First after each subscription: what the numbers in updates mean.
    Hello(Hello),
    /// The state, or what has changed of it.
    Update(Update),
    /// The viewer reads too slowly for the rate that it asked for.
    Notice(Notice),
    /// What an operator asks this screen to do.
    Order(ScreenOrder),
}

/// What the numbers in updates mean.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Hello {
    /// Name in addresses.
    pub scene: String,
    /// As people call it.
    pub title: String,
    /// By number of the property: name and UCUM unit (empty where it has none).
    pub properties: Vec<(String, String)>,
    /// By number of the indicator.
    pub indicators: Vec<IndicatorAbout>,
}

/// What figures of an indicator mean.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct IndicatorAbout {
    /// Unique in the scene.
    pub name: String,
    /// As people call it.
    pub title: String,
    /// UCUM unit; empty where it has none.
    pub unit: String,
    /// The value aimed at.
    pub target: Option<f64>,
    /// Whether it has thresholds: without, its state says only whether it is known.
    pub judged: bool,
}

impl IndicatorAbout {
    /// What a document says of its indicator.
    pub fn of(document: &IndicatorDocument) -> Self {
        Self {
            name: document.name.clone(),
            title: document.title.clone().unwrap_or_else(|| document.name.clone()),
            unit: document.unit.clone().unwrap_or_default(),
            target: document.target,
            judged: document.warning.is_some() || document.critical.is_some(),
        }
    }
}

/// The state of a scene or what has changed of it since the last update. Everything here replaces what was known under the
/// same key.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Update {
    /// The first part of a snapshot: what was known before is void.
    pub snapshot: bool,
    /// Further parts follow at once; the state is whole after the first update without this.
    pub more: bool,
    /// Number of the state that this leads to; rises.
    pub version: u64,
    /// The scene's instant.
    pub now: Timestamp,
    /// Live values, key: row and property.
    pub values: Vec<LiveValueOf>,
    /// Figures, key: indicator and row.
    pub figures: Vec<Figure>,
    /// Alarms, key: name and object.
    pub alarms: Vec<Alarm>,
    /// The play, where there is one and it has changed.
    pub play: Option<Play>,
    /// What events have made of the city, where that has changed.
    pub staging: Option<Staging>,
    /// What happened, in order.
    pub happenings: Vec<Told>,
}

/// A live property of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveValueOf {
    /// Row of the object in the object table.
    pub row: u32,
    /// Number of the property in [`Hello::properties`].
    pub property: u16,
    /// Its own value; `None` where nothing is bound to it.
    pub own: Option<OwnValue>,
    /// What it and everything in it amount to.
    pub rolled_up: Option<f64>,
}

/// A value as it was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnValue {
    /// What it is worth.
    pub state: ValueState,
    /// Number of the scene's binding that brought it.
    pub binding: u16,
    /// The value; `Null` where `state` is `Missing`.
    pub value: Value,
    /// When it was observed; its age is the update's `now` less this.
    pub time: Timestamp,
}

/// A figure of an indicator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Number of the indicator in [`Hello::indicators`].
    pub indicator: u16,
    /// The object it is for; `None` for the city or an area.
    pub row: Option<u32>,
    /// The value.
    pub value: Option<f64>,
    /// Where it stands against the thresholds.
    pub state: IndicatorState,
}

/// An alarm that is raised, or no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Name of its rule; empty for one that an event raised.
    pub name: String,
    /// Identifier of the object; empty for the city.
    pub object: String,
    /// Its row; `None` for the city.
    pub row: Option<u32>,
    /// Raised; cleared otherwise.
    pub raised: bool,
    /// How bad.
    pub severity: Severity,
    /// Words for people.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// The latest value.
    pub value: Option<f64>,
}

/// Where a play is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Play {
    /// The shown instant.
    pub time: Timestamp,
    /// The first instant.
    pub start: Timestamp,
    /// The last one.
    pub end: Timestamp,
    /// Length of a step, seconds.
    pub step_s: f64,
    /// Whether it plays.
    pub playing: bool,
    /// Whether it begins again at its end.
    pub looping: bool,
    /// Played seconds a second.
    pub speed: f64,
}

/// What events have made of the city. Objects are named by identifier, layers by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Staging {
    /// Object, attribute, value.
    pub attributes: Vec<(String, String, Value)>,
    /// Objects and layers not shown.
    pub hidden: Vec<String>,
    /// Objects closed.
    pub closed: Vec<String>,
    /// Words on the screen.
    pub message: Option<String>,
    /// The last flight: camera, since when, seconds.
    pub camera: Option<(String, Timestamp, f64)>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub time: Timestamp,
    /// Kind, object, property, value, severity, text: the columns of the event log; empty where it has none.
    pub columns: [String; 6],
}

/// A viewer is thinned: states in between were left out, the latest values are sent whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Sends left out since the last notice.
    pub left_out: u64,
    /// The same since the connection was made.
    pub left_out_in_all: u64,
    /// Happenings that are lost to this viewer, in all.
    pub lost_happenings: u64,
}

/// What a screen is asked to do; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScreenOrder {
    /// Show this scene.
    pub scene: Option<String>,
    /// Play this scenario.
    pub scenario: Option<String>,
    /// Look from this camera of the scene.
    pub camera: Option<String>,
    /// Look from here: longitude and latitude in degrees, height in metres, heading and pitch in degrees.
    pub place: Option<[f64; 5]>,
    /// Show these words.
    pub message: Option<String>,
}

impl LiveMessage {
    /// The bytes of a message.
    pub fn encode(&self) -> Vec<u8> {
        // Plain data into memory: this does not fail.
        postcard::to_extend(self, vec![WIRE_VERSION]).unwrap_or_default()
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let (version, rest) = bytes.split_first().ok_or(WireError::Damaged)?;
        if *version != WIRE_VERSION {
            return Err(WireError::Version(*version));
        }
        match postcard::take_from_bytes(rest) {
            Ok((message, [])) => Ok(message),
            _ => Err(WireError::Damaged),
        }
    }
}

impl From<&Happening> for Told {
    fn from(happening: &Happening) -> Self {
        Self { time: happening.time, columns: happening.kind.row() }
    }
}

impl From<&CityState> for Staging {
    fn from(state: &CityState) -> Self {
        let set = |(object, set): (&String, &std::collections::BTreeMap<String, Value>)| {
            let one = |(name, value): (&String, &Value)| (object.clone(), name.clone(), value.clone());
            set.iter().map(one).collect::<Vec<_>>()
        };
        Self {
            attributes: state.attributes.iter().flat_map(set).collect(),
            hidden: state.hidden.iter().cloned().collect(),
            closed: state.closed.iter().cloned().collect(),
            message: state.message.as_ref().map(|message| message.text.clone()),
            camera: state.camera.as_ref().map(|cue| (cue.camera.clone(), cue.since, cue.flight_s)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e9..1e9).prop_map(Value::Float),
            ".{0,12}".prop_map(Value::Text),
        ]
    }

    fn states() -> impl Strategy<Value = ValueState> {
        use ValueState::{Fresh, Missing, OutOfRange, Stale, Suspect};
        prop::sample::select(vec![Missing, Stale, Suspect, OutOfRange, Fresh])
    }

    prop_compose! {
        fn own()(state in states(), binding: u16, value in value(), time: i64) -> OwnValue {
            OwnValue { state, binding, value, time: Timestamp(time) }
        }
    }

    prop_compose! {
        fn live_value()(row: u32, property: u16, own in prop::option::of(own()), up in prop::option::of(-1e9..1e9))
            -> LiveValueOf {
            LiveValueOf { row, property, own, rolled_up: up }
        }
    }

    prop_compose! {
        fn update()(snapshot: bool, more: bool, version: u64, now: i64, values in vec(live_value(), 0..20),
            row in prop::option::of(any::<u32>()), text in ".{0,20}", number in prop::option::of(-1e9..1e9)) -> Update {
            let (now, state, severity) = (Timestamp(now), IndicatorState::Warning, Severity::Critical);
            let alarm = Alarm { name: text.clone(), object: text.clone(), row, raised: more, severity,
                message: text.clone(), since: now, value: number };
            let play = Play { time: now, start: now, end: now, step_s: 1.5, playing: more, looping: snapshot, speed: 2.0 };
            let told = Told { time: now, columns: std::array::from_fn(|_| text.clone()) };
            let staging = Staging { hidden: vec![text.clone()], camera: Some((text, now, 3.0)), ..Staging::default() };
            Update { snapshot, more, version, now, values, figures: vec![Figure { indicator: 3, row, value: number, state }],
                alarms: vec![alarm], play: more.then_some(play), staging: Some(staging), happenings: vec![told] }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(update in update(), left_out: u64) {
            let notice = Notice { left_out, left_out_in_all: left_out, lost_happenings: 1 };
            for message in [LiveMessage::Update(update), LiveMessage::Notice(notice)] {
                prop_assert_eq!(LiveMessage::decode(&message.encode()), Ok(message));
            }
        }

        #[test]
        fn any_bytes_are_answered(mut bytes in vec(any::<u8>(), 0..400), update in update(), at: usize, with: u8) {
            let _ = LiveMessage::decode(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = WIRE_VERSION;
            }
            let _ = LiveMessage::decode(&bytes);
            let mut damaged = LiveMessage::Update(update).encode();
            let at = at % damaged.len();
            prop_assert_eq!(LiveMessage::decode(&damaged[..at]).is_err(), true);
            damaged[at] = with;
            let _ = LiveMessage::decode(&damaged);
        }
    }

    /// A list that claims to hold four thousand million values is refused without room being made for them.
    #[test]
    fn claims_are_not_believed() {
        let mut bytes = vec![WIRE_VERSION, 1, 0, 0, 1, 0];
        bytes.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert_eq!(LiveMessage::decode(&bytes), Err(WireError::Damaged));
        assert_eq!(LiveMessage::decode(&[2, 0]), Err(WireError::Version(2)));
    }
}
