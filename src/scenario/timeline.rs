//! Steps and events of a play.

use super::ScenarioError;
use crate::city::Value;
use crate::quantity::Timestamp;
use crate::scene::{EventAction, EventTime, ScenarioDocument, Severity};

/// Seconds between two states where the document says nothing.
const STEP_S: f64 = 1.0;
const MICROS_PER_SECOND: f64 = 1.0e6;
/// A play of a century in seconds.
const MOST_STEPS: f64 = 4.0e9;

/// What an event does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sets an attribute of an object.
    Set {
        /// Its identifier.
        object: String,
        /// The attribute.
        property: String,
        /// The new value.
        value: Value,
    },
    /// Shows an object or layer again.
    Show(String),
    /// Hides an object or layer.
    Hide(String),
    /// Closes an object.
    Close(String),
    /// Opens it again.
    Open(String),
    /// Raises an alarm by hand.
    Alarm {
        /// The object it is about.
        object: String,
        /// Words for people.
        message: String,
        /// How bad.
        severity: Severity,
    },
    /// Clears the alarm that an event has raised.
    ClearAlarm(String),
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
        /// How long, seconds; until the next message where 0.
        for_s: f64,
    },
}

/// Something that happens at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
}

/// Start, end, steps and events of a play. Step 0 is the start; the last step is the end, and may be shorter.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    start: Timestamp,
    end: Timestamp,
    step_us: i64,
    events: Vec<Event>,
}

impl Timeline {
    /// The time line of a document. Events are in the order of their instants, those of one instant in the order of the
    /// document.
    pub fn new(document: &ScenarioDocument) -> Result<Self, ScenarioError> {
        let read = |text: &Option<String>, key: &str| {
            let text = text.as_deref().ok_or_else(|| ScenarioError::Time(format!("'{key}' is missing in [time]")))?;
            Timestamp::parse(text).map_err(|error| ScenarioError::Time(error.to_string()))
        };
        let (start, end) = (read(&document.time.start, "start")?, read(&document.time.end, "end")?);
        let step_us = (document.step_s.unwrap_or(STEP_S) * MICROS_PER_SECOND).round();
        let steps = end.seconds_since(start) * MICROS_PER_SECOND / step_us;
        if !(step_us >= 1.0 && steps > 0.0) {
            return Err(ScenarioError::Time("the play has no length, or its step has none".to_owned()));
        }
        if steps > MOST_STEPS {
            return Err(ScenarioError::TooManySteps(steps.ceil()));
        }
        let mut events = Vec::with_capacity(document.events.len());
        for event in &document.events {
            let at = EventTime::parse(&event.at).map_err(ScenarioError::Time)?.resolve(start);
            events.push(Event { at, action: action(&event.action) });
        }
        // Stable: events of one instant stay in the order of the document.
        events.sort_by_key(|event| event.at);
        Ok(Self { start, end, step_us: step_us as i64, events })
    }

    /// The first instant.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The last instant.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// Length of a step, seconds.
    pub fn step_s(&self) -> f64 {
        self.step_us as f64 / MICROS_PER_SECOND
    }

    /// Number of the last step.
    pub fn last_step(&self) -> u64 {
        let length = self.end.0.saturating_sub(self.start.0);
        (length / self.step_us) as u64 + u64::from(length % self.step_us != 0)
    }

    /// The instant of a step; the end for steps beyond the last.
    pub fn time_of(&self, step: u64) -> Timestamp {
        let step = step.min(self.last_step()) as i64;
        Timestamp(self.start.0.saturating_add(step.saturating_mul(self.step_us)).min(self.end.0))
    }

    /// The last step that is not after an instant; 0 before the start.
    pub fn step_at(&self, time: Timestamp) -> u64 {
        if time >= self.end {
            return self.last_step();
        }
        (time.0.saturating_sub(self.start.0).max(0) / self.step_us) as u64
    }

    /// All events, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Events that a step brings: those after the step before it and up to it; step 0 brings those up to the start.
    pub fn events_of(&self, step: u64) -> &[Event] {
        let until = |time: Timestamp| self.events.partition_point(|event| event.at <= time);
        let from = step.checked_sub(1).map_or(0, |before| until(self.time_of(before)));
        self.events.get(from..until(self.time_of(step))).unwrap_or_default()
    }
}

fn action(action: &EventAction) -> Action {
    match action.clone() {
        EventAction::Set { object, property, value } => Action::Set { object, property, value: attribute(&value) },
        EventAction::Show { object } => Action::Show(object),
        EventAction::Hide { object } => Action::Hide(object),
        EventAction::Close { object } => Action::Close(object),
        EventAction::Open { object } => Action::Open(object),
        EventAction::Alarm { object, message, severity } => Action::Alarm { object, message, severity },
        EventAction::ClearAlarm { object } => Action::ClearAlarm(object),
        EventAction::Camera { camera, flight_s } => Action::Camera { camera, flight_s },
        EventAction::Message { text, for_s } => Action::Message { text, for_s },
    }
}

fn attribute(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(number) => Value::Int(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(truth) => Value::Bool(*truth),
        toml::Value::Datetime(time) => Value::Text(time.to_string()),
        // Refused when the document is read.
        toml::Value::Array(_) | toml::Value::Table(_) => Value::Null,
    }
}
