//! What the events of a play have made of the city.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::timeline::{Action, Event};
use crate::city::Value;
use crate::quantity::Timestamp;
use crate::scene::Severity;

/// An alarm raised by an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandAlarm {
    /// Words for people.
    pub message: String,
    /// How bad.
    pub severity: Severity,
    /// Since when.
    pub since: Timestamp,
}

/// A flight to a camera that has begun.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraCue {
    /// The camera's name.
    pub camera: String,
    /// The camera that it comes from.
    pub from: Option<String>,
    /// When the flight began.
    pub since: Timestamp,
    /// How long it takes, seconds.
    pub flight_s: f64,
}

/// Words on the screen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownMessage {
    /// The words.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; until the next message where `None`.
    pub until: Option<Timestamp>,
}

/// What differs from the city as its package tells it. Objects are named by identifier, layers by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CityState {
    /// Attributes set by events: object, attribute, value.
    pub attributes: BTreeMap<String, BTreeMap<String, Value>>,
    /// Objects and layers not shown.
    pub hidden: BTreeSet<String>,
    /// Objects closed.
    pub closed: BTreeSet<String>,
    /// Alarms raised by events, by object.
    pub alarms: BTreeMap<String, HandAlarm>,
    /// The last flight.
    pub camera: Option<CameraCue>,
    /// Words shown now.
    pub message: Option<ShownMessage>,
}

impl CityState {
    /// Lets an event happen.
    pub fn apply(&mut self, event: &Event) {
        let since = event.at;
        match event.action.clone() {
            Action::Set { object, property, value } => {
                self.attributes.entry(object).or_default().insert(property, value);
            }
            Action::Show(object) => drop(self.hidden.remove(&object)),
            Action::Hide(object) => drop(self.hidden.insert(object)),
            Action::Close(object) => drop(self.closed.insert(object)),
            Action::Open(object) => drop(self.closed.remove(&object)),
            Action::Alarm { object, message, severity } => {
                self.alarms.insert(object, HandAlarm { message, severity, since });
            }
            Action::ClearAlarm(object) => drop(self.alarms.remove(&object)),
            Action::Camera { camera, flight_s } => {
                let from = self.camera.take().map(|cue| cue.camera);
                self.camera = Some(CameraCue { camera, from, since, flight_s });
            }
            Action::Message { text, for_s } => {
                let until = (for_s > 0.0).then(|| since.plus_seconds(for_s));
                self.message = Some(ShownMessage { text, since, until });
            }
        }
    }

    /// Lets time go by: messages end.
    pub fn pass(&mut self, now: Timestamp) {
        if self.message.as_ref().and_then(|message| message.until).is_some_and(|until| until <= now) {
            self.message = None;
        }
    }

    /// The value that an event gave an attribute.
    pub fn attribute(&self, object: &str, property: &str) -> Option<&Value> {
        self.attributes.get(object)?.get(property)
    }

    /// The same for equal states, and different otherwise for all practical purposes (XXH3).
    pub fn hash(&self) -> u64 {
        // A state is plain data: writing it into memory does not fail.
        xxh3_64(&postcard::to_allocvec(self).unwrap_or_default())
    }

    /// About how much memory it takes, bytes.
    pub fn bytes(&self) -> usize {
        postcard::to_allocvec(self).map_or(0, |bytes| bytes.len() * 4)
    }
}
