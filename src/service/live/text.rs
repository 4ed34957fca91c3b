//! Messages as JSON, in words instead of numbers: for people and charts.

use serde_json::{Map, Value as Json, json};

use super::board::Board;
use super::sight::Sight;
use crate::live::ValueState;
use crate::scenario::wire::{Alarm, Figure, Hello, LiveMessage, LiveValueOf, Play, Staging, Told, Update};

/// What gives names to the numbers of an update.
#[derive(Clone, Copy)]
pub(super) enum Names<'n> {
    /// To one who sees everything.
    Whole(&'n Board),
    /// To one who sees a part.
    Part(&'n Sight),
    /// To nothing.
    None,
}

impl<'n> Names<'n> {
    fn object(self, row: u32) -> Option<&'n str> {
        match self {
            Self::Whole(board) => board.about(row).map(|about| about.id.as_str()),
            Self::Part(sight) => Some(sight.id(row)),
            Self::None => None,
        }
    }

    fn hello(self) -> Option<&'n Hello> {
        match self {
            Self::Whole(board) => Some(board.hello()),
            Self::Part(sight) => Some(sight.hello()),
            Self::None => None,
        }
    }
}

/// A message as JSON.
pub(super) fn json_text(message: &LiveMessage, names: Names<'_>) -> String {
    let json = match message {
        LiveMessage::Hello(hello) => json!({"hello": {
            "scene": hello.scene,
            "title": hello.title,
            "properties": hello.properties.iter().map(|(name, unit)| json!({"name": name, "unit": unit})).collect::<Vec<_>>(),
            "indicators": hello.indicators.iter()
                .map(|about| json!({"name": about.name, "title": about.title, "unit": about.unit, "target": about.target}))
                .collect::<Vec<_>>(),
        }}),
        LiveMessage::Update(update) => json!({"update": update_json(update, names)}),
        LiveMessage::Notice(notice) => json!({"notice": notice}),
        LiveMessage::Order(order) => json!({"order": order}),
    };
    json.to_string()
}

fn update_json(update: &Update, names: Names<'_>) -> Json {
    let mut out = Map::new();
    out.insert("snapshot".to_owned(), update.snapshot.into());
    out.insert("more".to_owned(), update.more.into());
    out.insert("version".to_owned(), update.version.into());
    out.insert("now".to_owned(), update.now.to_string().into());
    let mut list = |key: &str, items: Vec<Json>| {
        if !items.is_empty() {
            out.insert(key.to_owned(), items.into());
        }
    };
    list("values", update.values.iter().map(|value| value_json(value, names)).collect());
    list("figures", update.figures.iter().map(|figure| figure_json(figure, names)).collect());
    list("alarms", update.alarms.iter().map(alarm_json).collect());
    list("happenings", update.happenings.iter().map(told_json).collect());
    if let Some(play) = &update.play {
        out.insert("play".to_owned(), play_json(play));
    }
    if let Some(staging) = &update.staging {
        out.insert("staging".to_owned(), staging_json(staging));
    }
    Json::Object(out)
}

fn value_json(value: &LiveValueOf, names: Names<'_>) -> Json {
    let property = names.hello().and_then(|hello| hello.properties.get(usize::from(value.property)));
    let mut out = Map::new();
    out.insert("object".to_owned(), names.object(value.row).into());
    out.insert("row".to_owned(), value.row.into());
    out.insert("property".to_owned(), property.map(|(name, _)| name.as_str()).into());
    if let Some(own) = &value.own {
        out.insert("state".to_owned(), own.state.word().into());
        out.insert("value".to_owned(), Json::from(&own.value));
        if own.state != ValueState::Missing {
            out.insert("time".to_owned(), own.time.to_string().into());
        }
    }
    if let Some(rolled_up) = value.rolled_up {
        out.insert("rolled_up".to_owned(), rolled_up.into());
    }
    Json::Object(out)
}

fn figure_json(figure: &Figure, names: Names<'_>) -> Json {
    let indicator = names.hello().and_then(|hello| hello.indicators.get(usize::from(figure.indicator)));
    let object = figure.row.and_then(|row| names.object(row));
    json!({
        "indicator": indicator.map(|about| &about.name), "object": object, "row": figure.row,
        "value": figure.value, "state": figure.state.word(),
    })
}

fn alarm_json(alarm: &Alarm) -> Json {
    json!({
        "alarm": alarm.name, "object": alarm.object, "row": alarm.row, "raised": alarm.raised,
        "severity": alarm.severity.word(), "message": alarm.message, "since": alarm.since.to_string(),
        "value": alarm.value,
    })
}

fn play_json(play: &Play) -> Json {
    json!({
        "time": play.time.to_string(), "start": play.start.to_string(), "end": play.end.to_string(),
        "step_s": play.step_s, "playing": play.playing, "looping": play.looping, "speed": play.speed,
    })
}

fn staging_json(staging: &Staging) -> Json {
    let set = staging.attributes.iter();
    let set = set.map(|(object, name, value)| json!({"object": object, "attribute": name, "value": Json::from(value)}));
    let camera = staging.camera.as_ref();
    let camera = camera.map(|(camera, since, s)| json!({"camera": camera, "since": since.to_string(), "flight_s": s}));
    json!({
        "attributes": set.collect::<Vec<_>>(), "hidden": staging.hidden, "closed": staging.closed,
        "message": staging.message, "camera": camera,
    })
}

fn told_json(told: &Told) -> Json {
    let mut out = Map::from_iter([("time".to_owned(), told.time.to_string().into())]);
    let names = ["kind", "object", "property", "value", "severity", "text"];
    for (name, text) in names.iter().zip(&told.columns).filter(|(_, text)| !text.is_empty()) {
        out.insert((*name).to_owned(), text.as_str().into());
    }
    Json::Object(out)
}
