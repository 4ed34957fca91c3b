//! A scene as a viewer elsewhere draws it: told once how things look, and from then on what holds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::appearance::{Appearance, Bound, Known, LiveProperty};
use super::live_mirror::LiveMirror;
use super::wire::{LiveMessage, LiveValueOf, OwnValue};
use crate::city::Value;
use crate::live::ValueState;
use crate::scene::{Effect, LayerDocument, ObjectStyle, PanelDocument, Severity, StyleError, TourDocument};

/// What a viewer elsewhere needs to draw a scene, and nothing else: no connections, no streams, no rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SceneForViewers {
    /// Name in addresses and subscriptions.
    pub scene: String,
    /// As people call it.
    pub title: String,
    /// The city that it is about, by its name in addresses.
    pub city: String,
    /// What to show and how; later layers win.
    pub layers: Vec<LayerDocument>,
    /// By number of the binding.
    pub bindings: Vec<EffectsForViewers>,
    /// Named views, the first one first.
    pub cameras: Vec<CameraForViewers>,
    /// Where the camera flies while nobody moves it.
    pub tour: Option<TourDocument>,
    /// What stands beside the city on the screen.
    pub panel: PanelDocument,
    /// The instant whose sun shines (RFC 3339) in a scene in which nothing moves; otherwise it is the scene's own.
    pub sun: Option<String>,
    /// Seconds by which the city's clocks are ahead of UTC.
    pub zone_s: i32,
    /// Identifiers of the objects that the variant has taken away.
    pub removed: Vec<String>,
    /// Row of the first object that the variant adds, see [`super::AddedContent`]; `None` where it adds nothing.
    pub added: Option<u32>,
    /// Simulations of the play, in the order of the scenario.
    pub runs: Vec<RunForViewers>,
}

/// A simulation of a play, whose recording is to be had under its name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunForViewers {
    /// Name in the scenario.
    pub name: String,
    /// When its first frame is (RFC 3339).
    pub start: String,
}

/// What a binding's values do to their objects.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EffectsForViewers {
    /// The property that they bring; empty where it is withheld.
    pub property: String,
    /// UCUM unit.
    pub unit: Option<String>,
    /// Colours, words, pulses.
    pub effects: Vec<Effect>,
}

/// A camera at its place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CameraForViewers {
    /// Unique in the scene.
    pub name: String,
    /// Degrees, east positive.
    pub longitude: f64,
    /// Degrees, north positive.
    pub latitude: f64,
    /// Metres above the ellipsoid.
    pub height: f64,
    /// Degrees, clockwise from north.
    pub heading: f64,
    /// Degrees above the horizon.
    pub pitch: f64,
    /// Degrees from the lower to the upper edge of the picture; 45 where absent.
    pub field_of_view: Option<f64>,
}

/// What a message has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ViewedChange {
    /// Objects that may look different, each once, in order.
    pub rows: Vec<u32>,
    /// Any object may look different.
    pub all: bool,
}

/// A scene as it is known now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ViewedScene {
    document: SceneForViewers,
    appearance: Appearance,
    mirror: LiveMirror,
    /// What events have set, by object.
    set: BTreeMap<String, BTreeMap<String, Value>>,
    hidden: BTreeSet<String>,
    closed: BTreeSet<String>,
    removed: BTreeSet<String>,
    /// The worst alarm of each object that has one.
    alarms: BTreeMap<u32, Severity>,
}

impl ViewedScene {
    /// A scene of which nothing is known yet but how it looks.
    pub fn new(document: SceneForViewers) -> Result<Self, StyleError> {
        let effects = document.bindings.iter().map(|binding| (&binding.effects[..], "the scene"));
        let appearance = Appearance::of_parts(&document.layers, effects)?;
        let removed = document.removed.iter().cloned().collect();
        Ok(Self { document, appearance, removed, ..Self::default() })
    }

    /// How it looks.
    pub fn document(&self) -> &SceneForViewers {
        &self.document
    }

    /// What holds.
    pub fn mirror(&self) -> &LiveMirror {
        &self.mirror
    }

    /// The same, to take the happenings out.
    pub fn mirror_mut(&mut self) -> &mut LiveMirror {
        &mut self.mirror
    }

    /// Other layers from now on; every object may look different.
    pub fn set_layers(&mut self, layers: Vec<LayerDocument>) -> Result<(), StyleError> {
        self.appearance.set_layers(&layers)?;
        self.document.layers = layers;
        Ok(())
    }

    /// Takes a message of the server in.
    pub fn take(&mut self, message: LiveMessage) -> ViewedChange {
        let (all, alarms) = match &message {
            LiveMessage::Hello(_) => (true, true),
            LiveMessage::Update(update) => {
                (update.snapshot || update.staging.is_some(), update.snapshot || !update.alarms.is_empty())
            }
            LiveMessage::Notice(_) | LiveMessage::Order(_) => (false, false),
        };
        let rows = self.mirror.take(message);
        if all {
            self.restage();
        }
        if alarms {
            self.alarms.clear();
            for (row, severity) in self.mirror.alarms.values().filter_map(|alarm| Some((alarm.row?, alarm.severity))) {
                let worst = self.alarms.entry(row).or_insert(severity);
                *worst = severity.max(*worst);
            }
        }
        ViewedChange { rows, all }
    }

    fn restage(&mut self) {
        let staging = &self.mirror.staging;
        self.set.clear();
        for (object, attribute, value) in &staging.attributes {
            self.set.entry(object.clone()).or_default().insert(attribute.clone(), value.clone());
        }
        self.hidden = staging.hidden.iter().cloned().collect();
        self.closed = staging.closed.iter().cloned().collect();
    }

    /// The worst alarm of the object in a row.
    pub fn alarm(&self, row: u32) -> Option<Severity> {
        self.alarms.get(&row).copied()
    }

    /// Rows with a value whose effects tell its age.
    pub fn aging_rows(&self) -> impl Iterator<Item = u32> {
        let aging: Vec<bool> =
            (0..self.document.bindings.len() as u16).map(|binding| self.appearance.follows_age(binding)).collect();
        let known = aging.contains(&true).then_some(&self.mirror.values).into_iter().flatten();
        let ages = move |own: &OwnValue| aging.get(usize::from(own.binding)) == Some(&true);
        known.filter(move |(_, value)| value.own.as_ref().is_some_and(&ages)).map(|((row, _), _)| *row)
    }

    /// The live properties of an object: those that have a value of their own or of what is in the object, and those of
    /// which none has come.
    pub fn values(&self, row: u32) -> impl Iterator<Item = LiveProperty<'_>> {
        let known = self.mirror.values.range((row, 0)..=(row, u16::MAX)).map(|(_, value)| value);
        known.filter_map(|value| {
            let (name, unit) = self.mirror.hello.properties.get(usize::from(value.property))?;
            let own = value.own.as_ref().filter(|own| own.state != ValueState::Missing);
            let rolled_up = value.rolled_up.map(Value::from);
            let (state, age_s) = match own {
                Some(own) => (own.state, self.mirror.now.seconds_since(own.time)),
                None if rolled_up.is_some() => (ValueState::Fresh, 0.0),
                None => (ValueState::Missing, 0.0),
            };
            let value = own.map(|own| own.value.clone()).or(rolled_up).unwrap_or(Value::Null);
            Some(LiveProperty { name, value, unit, state, age_s })
        })
    }

    /// Whether an event has closed something.
    pub fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// What events have set of an object.
    pub fn set(&self, id: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.set.get(id).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// How the object in `row` looks whose attributes, `id` and `class` among them, are what `attribute` says.
    pub fn style(&self, row: u32, attribute: &dyn Fn(&str) -> Value) -> ObjectStyle {
        let (id, class) = (words(attribute("id")), words(attribute("class")));
        let live = |name: &str| self.live(row, name);
        self.appearance.style_of(&Known {
            id: &id,
            class: &class,
            attribute,
            live: &live,
            set: self.set.get(&id),
            bound: self.bound(row),
            hidden: &self.hidden,
            planned: self.document.added.is_some_and(|first| row >= first) && !attribute("color").is_null(),
            closed: self.closed.contains(&id),
            removed: self.removed.contains(&id),
            alarm: self.alarm(row),
        })
    }

    fn live(&self, row: u32, name: &str) -> Option<Value> {
        let property = self.mirror.hello.properties.iter().position(|(known, _)| known == name)?;
        let value = self.mirror.values.get(&(row, u16::try_from(property).ok()?))?;
        match &value.own {
            Some(own) => (own.state != ValueState::Missing).then(|| own.value.clone()),
            None => value.rolled_up.map(Value::from),
        }
    }

    fn bound(&self, row: u32) -> Vec<Bound<'_>> {
        let values = self.mirror.values.range((row, 0)..=(row, u16::MAX)).map(|(_, value)| value);
        let bound = |value: &LiveValueOf, own: &OwnValue| {
            let (property, _) = self.mirror.hello.properties.get(usize::from(value.property))?;
            let binding = self.document.bindings.get(usize::from(own.binding));
            let came = own.state != ValueState::Missing;
            Some(Bound {
                binding: own.binding,
                property,
                value: own.value.clone(),
                age_s: if came { self.mirror.now.seconds_since(own.time) } else { 0.0 },
                unit: binding.and_then(|binding| binding.unit.as_deref()).unwrap_or_default(),
                state: own.state,
            })
        };
        values.filter_map(|value| bound(value, value.own.as_ref()?)).collect()
    }
}

fn words(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        _ => String::new(),
    }
}
