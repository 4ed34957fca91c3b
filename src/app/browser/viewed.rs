//! The scene that a page shows, between the page, which brings what the server says, and the engine, which draws it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bevy::prelude::Resource;
use serde_json::{Value as Json, json};

use super::mailbox::PageCamera;
use super::shell::controls::on_screen_s;
use super::shell::screen_words::change_of;
use crate::city::Value;
use crate::engine::{DrawnObject, ObjectChange, ObjectLooks};
use crate::scenario::wire::{IndicatorAbout, LiveMessage, ScreenOrder, Update, WireError};
use crate::scenario::{SceneForViewers, ViewedScene};
use crate::scene::{LayerDocument, StyleError};

/// Changed values that one event tells a page at most; the picture shows all.
const MOST_VALUES_TOLD: usize = 1000;

/// Shared by the page's handle and the engine.
#[derive(Clone, Resource)]
pub struct Viewed(Arc<Mutex<Inner>>);

/// The scene and what of it is still to be shown.
pub struct Inner {
    /// The scene.
    pub scene: ViewedScene,
    /// Objects that may look different.
    pub rows: BTreeSet<u32>,
    /// Any object may look different.
    pub all: bool,
    /// How often the page has set other layers.
    pub styles: usize,
    /// Something is to be written anew.
    pub words: bool,
    /// Why what is shown is old, where the server does not answer.
    pub trouble: Option<String>,
    /// Words that an operator has sent to this screen.
    pub message: Option<String>,
    /// The second in which ages were last looked at.
    pub aged_to_s: f64,
    /// The camera is where somebody wants it: where the play looked before this viewer came, or came back, is past.
    pub stays: bool,
    /// What is selected has its panel on the picture.
    pub panel: bool,
}

impl Viewed {
    /// A scene of which nothing is known yet but how it looks. Where the first view `stays`, the play moves it by its next
    /// camera; otherwise already by the one that holds.
    pub fn new(document: SceneForViewers, stays: bool) -> Result<Self, StyleError> {
        let scene = ViewedScene::new(document)?;
        let (rows, trouble, message) = (BTreeSet::new(), None, None);
        let (all, words, panel, styles) = (true, true, true, 0);
        let aged_to_s = f64::NAN;
        let inner = Inner { scene, rows, all, styles, words, trouble, message, aged_to_s, stays, panel };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    /// The scene; nobody else has it meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message of the server in; what it says, for the page.
    pub fn take(&self, bytes: &[u8]) -> Result<Taken, WireError> {
        let message = LiveMessage::decode(bytes)?;
        let mut inner = self.lock();
        if let LiveMessage::Order(order) = message {
            inner.message = order.message.clone().filter(|words| !words.is_empty()).or(inner.message.take());
            inner.words = true;
            return Ok(Taken { told: Json::Null, look: inner.ordered(&order), scene: order.scene.or(order.scenario) });
        }
        let (cue, known) = (inner.scene.mirror().staging.camera.clone(), inner.scene.mirror().complete);
        let told = match &message {
            LiveMessage::Update(update) => Some(update.clone()),
            _ => None,
        };
        let change = inner.scene.take(message);
        inner.rows.extend(change.rows);
        inner.all |= change.all;
        let second = inner.scene.mirror().now.seconds().floor();
        if std::mem::replace(&mut inner.aged_to_s, second) != second {
            let aging: Vec<u32> = inner.scene.aging_rows().collect();
            inner.rows.extend(aging);
        }
        inner.words = true;
        let told = told.map_or(Json::Null, |update| inner.told(&update));
        let now = inner.scene.mirror().staging.camera.clone();
        let look = now.filter(|now| (known || !inner.stays) && cue.as_ref() != Some(now));
        inner.stays |= inner.scene.mirror().complete;
        let speed = inner.scene.mirror().play.map_or(1.0, |play| play.speed);
        let look = look.and_then(|(name, _, flight_s)| Some((inner.camera(&name)?, on_screen_s(flight_s, speed))));
        Ok(Taken { told, look, scene: None })
    }

    /// Other layers from now on.
    pub fn set_layers(&self, layers: Vec<LayerDocument>) -> Result<(), StyleError> {
        let mut inner = self.lock();
        inner.scene.set_layers(layers)?;
        (inner.all, inner.words) = (true, true);
        inner.styles += 1;
        Ok(())
    }

    /// Tells why what is shown is old; nothing where it is not.
    pub fn set_trouble(&self, trouble: Option<String>) {
        let mut inner = self.lock();
        inner.words |= inner.trouble != trouble;
        inner.trouble = trouble;
    }
}

/// What came of a message.
pub struct Taken {
    /// What it says, for the page's listeners; null where it says nothing.
    pub told: Json,
    /// Where to look from now on, and seconds of the flight.
    pub look: Option<(PageCamera, f64)>,
    /// Another scene to show.
    pub scene: Option<String>,
}

impl Inner {
    /// A camera of the scene.
    pub fn camera(&self, name: &str) -> Option<PageCamera> {
        let camera = self.scene.document().cameras.iter().find(|camera| camera.name == name)?;
        let (longitude, latitude, height) = (camera.longitude, camera.latitude, camera.height);
        let (heading, pitch, field_of_view) = (camera.heading, camera.pitch, camera.field_of_view);
        Some(PageCamera { longitude, latitude, height, heading, pitch, field_of_view })
    }

    fn ordered(&self, order: &ScreenOrder) -> Option<(PageCamera, f64)> {
        const FLIGHT_S: f64 = 2.0;
        if let Some([longitude, latitude, height, heading, pitch]) = order.place {
            let camera = PageCamera { longitude, latitude, height, heading, pitch, field_of_view: None };
            return Some((camera, FLIGHT_S));
        }
        Some((self.camera(order.camera.as_ref()?)?, FLIGHT_S))
    }

    /// Everything that holds; null while it is not known.
    pub fn known(&self) -> Json {
        let mirror = self.scene.mirror();
        if !mirror.complete {
            return Json::Null;
        }
        self.told(&Update {
            now: mirror.now,
            values: mirror.values.values().take(MOST_VALUES_TOLD).cloned().collect(),
            figures: mirror.figures.values().cloned().collect(),
            alarms: mirror.alarms.values().cloned().collect(),
            play: mirror.play,
            ..Update::default()
        })
    }

    fn told(&self, update: &Update) -> Json {
        let hello = &self.scene.mirror().hello;
        let figure = |figure: &crate::scenario::wire::Figure| {
            let about = hello.indicators.get(usize::from(figure.indicator))?;
            let IndicatorAbout { name, title, unit, target, .. } = about;
            Some(
                json!({"indicator": name, "title": title, "unit": unit, "target": target, "row": figure.row, "value": figure.value,
                "state": figure.state.word()}),
            )
        };
        let value = |value: &crate::scenario::wire::LiveValueOf| {
            let (property, unit) = hello.properties.get(usize::from(value.property))?;
            let own = value.own.as_ref().map(|own| Json::from(&own.value));
            let worth = own.or(value.rolled_up.map(Json::from))?;
            Some(json!({"row": value.row, "property": property, "unit": unit, "value": worth}))
        };
        let alarm = |alarm: &crate::scenario::wire::Alarm| {
            json!({"alarm": alarm.name, "object": alarm.object, "row": alarm.row, "raised": alarm.raised,
                "severity": alarm.severity.word(), "message": alarm.message})
        };
        let play = update.play.map(|play| {
            json!({"time": play.time.to_string(), "start": play.start.to_string(), "end": play.end.to_string(),
                "playing": play.playing, "looping": play.looping, "speed": play.speed})
        });
        json!({
            "time": update.now.to_string(),
            "indicators": update.figures.iter().filter_map(figure).collect::<Vec<_>>(),
            "values": update.values.iter().take(MOST_VALUES_TOLD).filter_map(value).collect::<Vec<_>>(),
            "alarms": update.alarms.iter().map(alarm).collect::<Vec<_>>(),
            "play": play,
        })
    }
}

impl ObjectLooks for Viewed {
    fn change(&self, object: &DrawnObject<'_>) -> ObjectChange {
        change_of(&self.lock().scene.style(object.row, &|name| attribute(object, name)))
    }
}

/// An attribute of an object, as its tile tells it.
pub fn attribute(object: &DrawnObject<'_>, name: &str) -> Value {
    object.features.column(name).map_or(Value::Null, |column| column.value(object.feature))
}
