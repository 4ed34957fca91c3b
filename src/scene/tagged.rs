//! Tables whose keys depend on their `kind`. Read with all keys optional and sorted out afterwards: serde's own tagged
//! enums lose the places of their values and let unknown keys pass where they are flattened.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::scenario_document::{EditAction, EditDocument, EventAction, EventDocument};
use super::scene_document::{Effect, RampDocument, Severity};

/// Reads a table as `F` and makes a `T` of it. Unlike with `try_from` the error is raised while the deserializer is still
/// at the table, which gives it its place.
struct Sorted<F, T>(PhantomData<(F, T)>);

impl<'de, F: Deserialize<'de>, T: TryFrom<F, Error = String>> Visitor<'de> for Sorted<F, T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a table with a 'kind'")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::try_from(F::deserialize(MapAccessDeserializer::new(map))?).map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for EditDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sorted::<EditFields, Self>(PhantomData))
    }
}

impl<'de> Deserialize<'de> for EventDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sorted::<EventFields, Self>(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Effect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sorted::<EffectFields, Self>(PhantomData))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditFields {
    name: String,
    kind: EditKind,
    id: Option<String>,
    footprint: Option<Vec<[f64; 2]>>,
    height_m: Option<f64>,
    base_m: Option<f64>,
    color: Option<String>,
    model: Option<String>,
    at: Option<[f64; 3]>,
    heading: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EditKind {
    AddFootprint,
    AddModel,
    Remove,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventFields {
    at: String,
    kind: EventKind,
    object: Option<String>,
    property: Option<String>,
    value: Option<toml::Value>,
    message: Option<String>,
    severity: Option<Severity>,
    camera: Option<String>,
    flight_s: Option<f64>,
    text: Option<String>,
    for_s: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EventKind {
    Set,
    Show,
    Hide,
    Close,
    Open,
    Alarm,
    ClearAlarm,
    Camera,
    Message,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EffectFields {
    kind: EffectKind,
    ramp: Option<RampDocument>,
    text: Option<String>,
    when: Option<String>,
    color: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EffectKind {
    Color,
    Label,
    Pulse,
}

/// In serde's words, so that one reader of messages serves both.
fn needed<T>(field: Option<T>, name: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("missing field `{name}`"))
}

/// Fails on the first key that is there and does not belong to this kind.
fn only(allowed: &[&str], there: &[(&str, bool)]) -> Result<(), String> {
    match there.iter().find(|(name, there)| *there && !allowed.contains(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let allowed: Vec<String> = allowed.iter().map(|name| format!("`{name}`")).collect();
            Err(format!("unknown field `{name}`, expected one of {}", allowed.join(", ")))
        }
    }
}

impl TryFrom<EditFields> for EditDocument {
    type Error = String;

    fn try_from(fields: EditFields) -> Result<Self, String> {
        let allowed: &[&str] = match fields.kind {
            EditKind::AddFootprint => &["id", "footprint", "height_m", "base_m", "color"],
            EditKind::AddModel => &["id", "model", "at", "heading"],
            EditKind::Remove => &["id"],
        };
        let there = [
            ("id", fields.id.is_some()),
            ("footprint", fields.footprint.is_some()),
            ("height_m", fields.height_m.is_some()),
            ("base_m", fields.base_m.is_some()),
            ("color", fields.color.is_some()),
            ("model", fields.model.is_some()),
            ("at", fields.at.is_some()),
            ("heading", fields.heading.is_some()),
        ];
        only(allowed, &there)?;
        let id = needed(fields.id, "id")?;
        let action = match fields.kind {
            EditKind::AddFootprint => EditAction::AddFootprint {
                id,
                footprint: needed(fields.footprint, "footprint")?,
                height_m: needed(fields.height_m, "height_m")?,
                base_m: fields.base_m,
                color: fields.color,
            },
            EditKind::AddModel => EditAction::AddModel {
                id,
                model: needed(fields.model, "model")?,
                at: needed(fields.at, "at")?,
                heading: fields.heading.unwrap_or_default(),
            },
            EditKind::Remove => EditAction::Remove { id },
        };
        Ok(Self { name: fields.name, action })
    }
}

impl EventFields {
    fn check_keys(&self) -> Result<(), String> {
        let allowed: &[&str] = match self.kind {
            EventKind::Set => &["object", "property", "value"],
            EventKind::Show | EventKind::Hide | EventKind::Close | EventKind::Open | EventKind::ClearAlarm => {
                &["object"]
            }
            EventKind::Alarm => &["object", "message", "severity"],
            EventKind::Camera => &["camera", "flight_s"],
            EventKind::Message => &["text", "for_s"],
        };
        let there = [
            ("object", self.object.is_some()),
            ("property", self.property.is_some()),
            ("value", self.value.is_some()),
            ("message", self.message.is_some()),
            ("severity", self.severity.is_some()),
            ("camera", self.camera.is_some()),
            ("flight_s", self.flight_s.is_some()),
            ("text", self.text.is_some()),
            ("for_s", self.for_s.is_some()),
        ];
        only(allowed, &there)
    }
}

impl TryFrom<EventFields> for EventDocument {
    type Error = String;

    fn try_from(fields: EventFields) -> Result<Self, String> {
        fields.check_keys()?;
        let object = needed(fields.object, "object");
        let action = match fields.kind {
            EventKind::Set => EventAction::Set {
                object: object?,
                property: needed(fields.property, "property")?,
                value: needed(fields.value, "value")?,
            },
            EventKind::Show => EventAction::Show { object: object? },
            EventKind::Hide => EventAction::Hide { object: object? },
            EventKind::Close => EventAction::Close { object: object? },
            EventKind::Open => EventAction::Open { object: object? },
            EventKind::Alarm => EventAction::Alarm {
                object: object?,
                message: needed(fields.message, "message")?,
                severity: fields.severity.unwrap_or_default(),
            },
            EventKind::ClearAlarm => EventAction::ClearAlarm { object: object? },
            EventKind::Camera => EventAction::Camera {
                camera: needed(fields.camera, "camera")?,
                flight_s: fields.flight_s.unwrap_or_default(),
            },
            EventKind::Message => {
                EventAction::Message { text: needed(fields.text, "text")?, for_s: fields.for_s.unwrap_or_default() }
            }
        };
        Ok(Self { at: fields.at, action })
    }
}

impl TryFrom<EffectFields> for Effect {
    type Error = String;

    fn try_from(fields: EffectFields) -> Result<Self, String> {
        let allowed: &[&str] = match fields.kind {
            EffectKind::Color => &["ramp"],
            EffectKind::Label => &["text"],
            EffectKind::Pulse => &["when", "color"],
        };
        let there = [
            ("ramp", fields.ramp.is_some()),
            ("text", fields.text.is_some()),
            ("when", fields.when.is_some()),
            ("color", fields.color.is_some()),
        ];
        only(allowed, &there)?;
        Ok(match fields.kind {
            EffectKind::Color => Self::Color { ramp: needed(fields.ramp, "ramp")? },
            EffectKind::Label => Self::Label { text: needed(fields.text, "text")? },
            EffectKind::Pulse => {
                Self::Pulse { when: needed(fields.when, "when")?, color: needed(fields.color, "color")? }
            }
        })
    }
}
