//! JSON payloads by a mapping of JSON pointers (RFC 6901).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::diagnostics::shortened;
use super::{Connector, Decoded, FaultKind, LiveError, Message, Observation, Quality};
use crate::city::Value;
use crate::geodesy::Geodetic;
use crate::quantity::Timestamp;

/// Larger payloads are refused unread.
const MOST_BYTES: usize = 1 << 20;
const MOST_NAME_BYTES: usize = 512;
const MOST_TEXT_BYTES: usize = 1024;
const KEYS: [&str; 8] = ["stream", "value", "time", "quality", "items", "longitude", "latitude", "height"];

/// Reads JSON by the mapping of a source.
///
/// - `value`: pointer to the value; the whole payload (or item) where left out. A number, a numeric text, a word or a
///   truth value. `null`, NaN and infinities are no values.
/// - `time`: pointer to RFC 3339 text or to a number since 1970: seconds below 1e11, milliseconds below 1e14, then
///   microseconds. The instant of receipt where the mapping, or a message, leaves it out.
/// - `stream`: pointer to the name, or a template over the topic: `{1}` its first segment, `{0}` all of it. `{0}` where
///   left out.
/// - `quality`: `good`, `ok`, `valid` or `true` is good, as is a message that says nothing of it; anything else is suspect.
/// - `longitude`, `latitude` (degrees), `height` (ellipsoidal metres, 0 where left out): the place.
/// - `items`: pointer to an array; the other pointers are then looked up in each item, and where they lead nowhere there,
///   in the whole payload.
#[derive(Debug, Clone)]
pub struct JsonConnector {
    stream: StreamName,
    value: String,
    time: Option<String>,
    quality: Option<String>,
    items: Option<String>,
    place: Option<(String, String, Option<String>)>,
}

#[derive(Debug, Clone)]
enum StreamName {
    Pointer(String),
    /// Literal text and the number of the topic's segment after it.
    Topic(Vec<(String, Option<usize>)>),
}

/// Why one item is no observation.
type Refusal = (FaultKind, String);

impl JsonConnector {
    /// Compiles a mapping; `source` is only for messages.
    pub fn new(source: &str, mapping: &BTreeMap<String, String>) -> Result<Self, LiveError> {
        let refuse = |key: &str, cause: &str| LiveError::Mapping {
            cause: cause.to_owned(),
            key: key.to_owned(),
            text: mapping.get(key).cloned().unwrap_or_default(),
            source_name: source.to_owned(),
        };
        for (key, text) in mapping {
            if !KEYS.contains(&key.as_str()) {
                return Err(refuse(key, &format!("no such field; there are {}", KEYS.join(", "))));
            }
            if key != "stream" && !text.is_empty() && !text.starts_with('/') {
                return Err(refuse(key, "a JSON pointer begins with '/'"));
            }
        }
        let stream = match mapping.get("stream") {
            Some(text) if text.starts_with('/') => StreamName::Pointer(text.clone()),
            Some(text) => StreamName::Topic(topic_template(text).map_err(|cause| refuse("stream", &cause))?),
            None => StreamName::Topic(vec![(String::new(), Some(0))]),
        };
        let get = |key: &str| mapping.get(key).cloned();
        let place = match (get("longitude"), get("latitude")) {
            (Some(longitude), Some(latitude)) => Some((longitude, latitude, get("height"))),
            (None, None) => None,
            (Some(_), None) => return Err(refuse("longitude", "needs 'latitude' too")),
            (None, Some(_)) => return Err(refuse("latitude", "needs 'longitude' too")),
        };
        let value = get("value").unwrap_or_default();
        Ok(Self { stream, value, time: get("time"), quality: get("quality"), items: get("items"), place })
    }

    /// An observation, and whether its time was looked for in vain.
    fn observation(&self, message: &Message<'_>, item: &Json, root: &Json) -> Result<(Observation, bool), Refusal> {
        let find = |pointer: &str| item.pointer(pointer).or_else(|| root.pointer(pointer));
        let need = |pointer: &str| find(pointer).ok_or_else(|| (FaultKind::MissingField, format!("no {pointer}")));
        let stream: Arc<str> = match &self.stream {
            StreamName::Topic(template) => named(template, message.topic)
                .ok_or_else(|| {
                    (FaultKind::BadStream, "the topic has fewer segments than the template asks for".to_owned())
                })?
                .into(),
            StreamName::Pointer(pointer) => match need(pointer)? {
                Json::String(name) => name.as_str().into(),
                Json::Number(number) => number.to_string().into(),
                other => return Err((FaultKind::BadStream, format!("{pointer} is {other}"))),
            },
        };
        if stream.is_empty() || stream.len() > MOST_NAME_BYTES {
            return Err((FaultKind::BadStream, format!("'{stream}'")));
        }
        let place_of_value = item.pointer(&self.value);
        let value = value(place_of_value.ok_or_else(|| (FaultKind::MissingField, format!("no '{}'", self.value)))?)?;
        let time = match &self.time {
            Some(pointer) => find(pointer).filter(|found| !found.is_null()).map(time).transpose()?,
            None => None,
        };
        let no_time = self.time.is_some() && time.is_none();
        let time = time.unwrap_or(message.received);
        let quality = match self.quality.as_deref().map(find) {
            None => Quality::Good,
            Some(field) => field.map_or(Quality::Good, quality),
        };
        let place = match &self.place {
            Some((longitude, latitude, height)) => {
                let height = height.as_deref().and_then(find);
                place(find(longitude), find(latitude), height)?
            }
            None => None,
        };
        Ok((Observation { stream, time, value, quality, place }, no_time))
    }
}

impl Connector for JsonConnector {
    fn decode(&self, message: &Message<'_>, into: &mut Decoded) {
        if message.payload.len() > MOST_BYTES {
            let size = message.payload.len();
            into.diagnostics.add(FaultKind::TooLarge, || format!("{}: {size} bytes", message.topic));
            return;
        }
        let root: Json = match serde_json::from_slice(message.payload) {
            Ok(root) => root,
            Err(error) => {
                into.diagnostics.add(FaultKind::Syntax, || format!("{}: {error}", message.topic));
                return;
            }
        };
        let mut take = |item: &Json| {
            let example = |cause: &str| format!("{}: {cause} in {}", message.topic, shortened(&item.to_string()));
            match self.observation(message, item, &root) {
                Ok((observation, no_time)) => {
                    into.observations.push(observation);
                    if let (true, Some(pointer)) = (no_time, &self.time) {
                        into.diagnostics.add(FaultKind::NoTime, || example(&format!("no {pointer}")));
                    }
                }
                Err((kind, cause)) => into.diagnostics.add(kind, || example(&cause)),
            }
        };
        let Some(pointer) = &self.items else { return take(&root) };
        match root.pointer(pointer) {
            Some(Json::Array(items)) => items.iter().for_each(take),
            Some(_) => {
                into.diagnostics.add(FaultKind::WrongType, || format!("{}: {pointer} is no array", message.topic))
            }
            None => into.diagnostics.add(FaultKind::MissingField, || format!("{}: no {pointer}", message.topic)),
        }
    }
}

fn topic_template(text: &str) -> Result<Vec<(String, Option<usize>)>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let number = after.split_once('}').and_then(|(inside, after)| Some((inside.parse::<usize>().ok()?, after)));
        let (number, after) = number.ok_or("braces hold the number of a topic segment, like {1}")?;
        parts.push((before.to_owned(), Some(number)));
        rest = after;
    }
    parts.push((rest.to_owned(), None));
    Ok(parts)
}

/// The stream's name by a template; none where the topic lacks a segment of it.
fn named(template: &[(String, Option<usize>)], topic: &str) -> Option<String> {
    let mut name = String::new();
    for (literal, segment) in template {
        name.push_str(literal);
        match segment {
            Some(0) => name.push_str(topic),
            Some(number) => name.push_str(topic.split('/').nth(number - 1)?),
            None => {}
        }
    }
    Some(name)
}

fn value(json: &Json) -> Result<Value, Refusal> {
    let value = match json {
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::Null,
        },
        Json::String(text) if text.len() > MOST_TEXT_BYTES => {
            return Err((FaultKind::WrongType, format!("a text of {} bytes", text.len())));
        }
        Json::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => Value::from(number),
            Err(_) if text.trim().is_empty() => return Err((FaultKind::MissingField, "an empty text".to_owned())),
            Err(_) => Value::Text(text.clone()),
        },
        Json::Null => return Err((FaultKind::MissingField, "the value is null".to_owned())),
        Json::Array(_) | Json::Object(_) => return Err((FaultKind::WrongType, format!("the value is {json}"))),
    };
    match value {
        Value::Null => Err((FaultKind::NotFinite, format!("the value is {json}"))),
        value => Ok(value),
    }
}

fn time(json: &Json) -> Result<Timestamp, Refusal> {
    let bad = || (FaultKind::BadTime, format!("the time is {json}"));
    let number = match json {
        Json::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => number,
            Err(_) => return Timestamp::parse(text).map_err(|_| bad()),
        },
        Json::Number(number) => number.as_f64().ok_or_else(bad)?,
        _ => return Err(bad()),
    };
    let micros = match number.abs() {
        size if size < 1e11 => number * 1e6,
        size if size < 1e14 => number * 1e3,
        size if size < 1e17 => number,
        _ => return Err(bad()),
    };
    Ok(Timestamp(micros.round() as i64))
}

fn quality(json: &Json) -> Quality {
    let good = match json {
        Json::Bool(good) => *good,
        Json::String(word) => ["good", "ok", "valid", "true"].iter().any(|good| word.eq_ignore_ascii_case(good)),
        _ => false,
    };
    if good { Quality::Good } else { Quality::Suspect }
}

/// A place; none where neither coordinate is there.
fn place(
    longitude: Option<&Json>,
    latitude: Option<&Json>,
    height: Option<&Json>,
) -> Result<Option<Geodetic>, Refusal> {
    if longitude.is_none() && latitude.is_none() {
        return Ok(None);
    }
    let number = |json: Option<&Json>| json.and_then(|json| value(json).ok()).and_then(|value| value.number());
    let height = number(height).unwrap_or(0.0);
    match (number(longitude), number(latitude)) {
        (Some(lon), Some(lat)) if lon.abs() <= 180.0 && lat.abs() <= 90.0 => {
            Ok(Some(Geodetic::from_degrees(lon, lat, height)))
        }
        (lon, lat) => Err((FaultKind::BadPlace, format!("longitude {lon:?}, latitude {lat:?}"))),
    }
}
