//! A scene's sources as the program connects them: devices of a city, recordings played now, the present and plays.

use std::sync::Arc;

use veduta::app::feeds::{LiveFeeds, recorded_feeds};
use veduta::city::{CityObject, Value};
use veduta::quantity::Timestamp;
use veduta::scenario::{CityEdits, CityLive, CityState, Playable, VariantCity};
use veduta::scene::{ScenarioDocument, SceneDocument};

use crate::package::open;

pub fn station() -> Arc<VariantCity> {
    let device = |id: &str, kind: &str| CityObject {
        id: id.into(),
        class: "Device".into(),
        attributes: vec![("kind".into(), Value::from(kind))],
        ..CityObject::default()
    };
    let mut objects = vec![device("mast", "air"), device("meter", "power"), device("s1", "other")];
    objects.sort_by(|a, b| a.id.cmp(&b.id));
    Arc::new(VariantCity::new(Arc::new(open(&objects)), &CityEdits::default()).unwrap())
}

const SCENE: &str = r#"
format_version = 1
[[source]]
name = "own"
kind = "simulated"
rate_hz = 10
[[source]]
name = "csv"
kind = "csv"
repeat = true
[source.recording]
files = ["s*.csv"]
time_column = "t"
value_columns = ["v"]
[[binding]]
stream = "own/air/{d}"
to = { id = "{d}" }
property = "pm25"
[[binding]]
stream = "own/no2/{d}"
to = { id = "{d}" }
property = "no2"
[[binding]]
stream = "csv/{d}/v"
to = { id = "{d}" }
property = "level"
"#;

pub fn value(city: &CityLive, id: &str, property: &str) -> Option<f64> {
    let row = city.objects().city().table().row(id)?;
    city.latest().reading_of(row, city.latest().bindings().property(property)?)?.latest?.value.number()
}

#[test]
fn sources_bring_their_values_now_and_in_a_play() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s1.csv"), "t,v\n2001-01-01T00:00:00Z,1\n2001-01-01T00:01:00Z,2\n").unwrap();
    let scene: SceneDocument = toml::from_str(SCENE).unwrap();
    let now = Timestamp::parse("2026-07-01T06:00:00Z").unwrap();

    let mut live = LiveFeeds::start(&scene, folder.path(), station(), 0).unwrap();
    let at = |live: &mut LiveFeeds, seconds: f64| {
        live.advance(now.plus_seconds(seconds));
        value(live.city(), "s1", "level")
    };
    let seen = [0.0, 59.0, 60.0, 119.0, 120.0, 180.0].map(|seconds| at(&mut live, seconds));
    assert_eq!(seen, [1.0, 1.0, 2.0, 2.0, 1.0, 2.0].map(Some), "it begins when the program does, and again");
    let air = ["pm25", "no2"].map(|property| value(live.city(), "mast", property).unwrap());
    assert!(air.iter().all(|value| (1.0..200.0).contains(value)) && air[0] != air[1], "{air:?}");
    let before = live.city().latest().counters().applied;
    for second in 181..281 {
        at(&mut live, f64::from(second));
    }
    let applied = live.city().latest().counters().applied - before;
    // Two of three streams are bound; power, which comes five times as often as either, is not.
    assert!((200..=400).contains(&applied), "10 a second for 100 s, {applied} of them bound");

    let play = ScenarioDocument {
        time: toml::from_str(r#"start = "2026-07-01T06:00:00Z""#).unwrap(),
        ..ScenarioDocument::default()
    };
    let (names, feeds) = recorded_feeds(&scene, folder.path(), &play, folder.path(), &station(), 0).unwrap();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let city = CityLive::new(&scene, &names, station(), Timestamp(i64::MIN)).unwrap();
    let mut part = feeds.announced(city);
    let mut happenings = Vec::new();
    for (seconds, expected) in [(0.0, 1.0), (60.0, 2.0), (150.0, 1.0)] {
        part.advance(now.plus_seconds(seconds), &CityState::default(), &mut happenings);
        assert_eq!(value(part.city(), "s1", "level"), Some(expected), "{seconds} s into the play");
    }
}

#[test]
fn a_recording_that_is_not_there_is_told() {
    let scene: SceneDocument = toml::from_str(SCENE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = LiveFeeds::start(&scene, folder.path(), station(), 0).err().expect("refused");
    let text = format!("{error:#}");
    assert!(text.contains("s*.csv") && !text.contains('\n'), "{text}");
}
