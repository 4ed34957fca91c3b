//! Live data without a network: messages to observations to the latest values.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use veduta::city::Value;
use veduta::geodesy::Geodetic;
use veduta::live::{
    Bindings, Connector, Decoded, FaultKind, JsonConnector, LiveCity, Message, ObjectDirectory, Observation, Outcome,
    Quality, SourceIndex, ValueState, bench_live,
};
use veduta::quantity::Timestamp;
use veduta::scenario::bench_city_live;
use veduta::scene::{Attach, BindingDocument};

const SOURCE: SourceIndex = SourceIndex(0);

/// Buildings `B0`, `B1` ... at longitude 0, 0.001 ... degrees on the equator.
pub struct Row(pub u32);

impl ObjectDirectory for Row {
    fn row_of(&self, id: &str) -> Option<u32> {
        id.strip_prefix('B')?.parse().ok().filter(|row| *row < self.0)
    }

    fn nearest(&self, class: &str, place: Geodetic, within_m: f64) -> Option<u32> {
        let metres = |row: u32| (place.longitude_rad.to_degrees() - f64::from(row) * 0.001).abs() * 111_320.0;
        let row = (0..self.0).min_by(|a, b| metres(*a).total_cmp(&metres(*b)))?;
        (class == "Building" && metres(row) <= within_m).then_some(row)
    }
}

pub fn binding(stream: &str, to: Attach, property: &str) -> BindingDocument {
    BindingDocument { stream: stream.into(), to, property: property.into(), ..BindingDocument::default() }
}

pub fn by_id(id: &str) -> Attach {
    Attach { id: Some(id.into()), ..Attach::default() }
}

pub fn seconds(s: i64) -> Timestamp {
    Timestamp(s * 1_000_000)
}

fn city(documents: &[BindingDocument]) -> LiveCity {
    LiveCity::new(Bindings::compile(documents, &["a", "b"]).unwrap(), seconds(1000))
}

fn connector(mapping: &[(&str, &str)]) -> JsonConnector {
    let mapping: BTreeMap<String, String> = mapping.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    JsonConnector::new("broker", &mapping).unwrap()
}

fn decode(connector: &JsonConnector, topic: &str, payload: &str) -> Decoded {
    let mut decoded = Decoded::default();
    connector.decode(&Message { topic, payload: payload.as_bytes(), received: seconds(77) }, &mut decoded);
    decoded
}

#[test]
fn json_is_read_by_its_mapping() {
    let c = connector(&[("stream", "{1}/{3}"), ("value", "/d/v"), ("time", "/t"), ("quality", "/q")]);
    let read = decode(&c, "city/x/B7", r#"{"d": {"v": "12.5"}, "t": "2026-07-01T06:00:00+08:00", "q": "GOOD"}"#);
    let o = &read.observations[0];
    assert_eq!((&*o.stream, o.time.to_string().as_str()), ("city/B7", "2026-06-30T22:00:00Z"));
    assert_eq!((o.value.clone(), o.quality), (Value::Float(12.5), Quality::Good));
    for (time, expected) in [("1700000000", 1_700_000_000_000_000), ("1700000000123", 1_700_000_000_123_000)] {
        let read = decode(&c, "a/b/c", &format!(r#"{{"d": {{"v": true}}, "t": {time}, "q": "bad"}}"#));
        let o = &read.observations[0];
        assert_eq!((o.time.0, &o.value, o.quality), (expected, &Value::Bool(true), Quality::Suspect));
    }
    let silent = decode(&c, "a/b/c", r#"{"d": {"v": 1}}"#);
    assert_eq!(silent.observations[0].quality, Quality::Good, "nobody doubts it");
    let bare = decode(&connector(&[]), "t/1", "17");
    assert_eq!((&*bare.observations[0].stream, bare.observations[0].time), ("t/1", seconds(77)));
}

#[test]
fn a_bad_item_does_not_spoil_the_others() {
    let c = connector(&[("items", "/list"), ("stream", "/id"), ("value", "/v"), ("time", "/t")]);
    let text = r#"{"t": 5, "list": [{"id": "a", "v": 1}, {"id": "b"}, {"id": "c", "v": "NaN"}, {"id": "d", "v": [1]},
        {"id": "", "v": 1}, {"id": "e", "v": null}, {"id": "f", "v": 2, "t": "soon"}, {"id": 9, "v": "open", "t": 6}]}"#;
    let read = decode(&c, "x", text);
    let names: Vec<(&str, i64)> = read.observations.iter().map(|o| (&*o.stream, o.time.0 / 1_000_000)).collect();
    assert_eq!(names, [("a", 5), ("9", 6)]);
    let counts: Vec<(FaultKind, u64)> = read.diagnostics.iter().map(|(kind, fault)| (kind, fault.count)).collect();
    let expected = [
        (FaultKind::MissingField, 2),
        (FaultKind::WrongType, 1),
        (FaultKind::NotFinite, 1),
        (FaultKind::BadTime, 1),
        (FaultKind::BadStream, 1),
    ];
    assert_eq!(counts, expected);
    let (_, missing) = read.diagnostics.iter().next().unwrap();
    assert_eq!(missing.examples[0], r#"x: no '/v' in {"id":"b"}"#);
}

#[test]
fn a_message_without_its_time_counts_as_of_its_receipt() {
    let c = connector(&[("value", "/v"), ("time", "/t")]);
    for text in [r#"{"v": 1}"#, r#"{"v": 1, "t": null}"#] {
        let read = decode(&c, "x", text);
        assert_eq!(read.observations[0].time, seconds(77), "the instant of receipt");
        assert_eq!((read.diagnostics.count(FaultKind::NoTime), read.diagnostics.lost()), (1, 0), "and it is told");
    }
}

#[test]
fn hostile_payloads_are_counted() {
    let c = connector(&[("value", "/v")]);
    let mut decoded = Decoded::default();
    let deep = "[".repeat(100_000);
    let large = format!("{{\"v\": \"{}\"}}", "x".repeat(2 << 20));
    let payloads: [&[u8]; 6] = [b"", b"{", b"\xff\xfe", deep.as_bytes(), large.as_bytes(), b"{\"v\": 1e999}"];
    for payload in payloads {
        c.decode(&Message { topic: "t", payload, received: seconds(0) }, &mut decoded);
    }
    assert!(decoded.observations.is_empty());
    assert_eq!(decoded.diagnostics.total(), 6);
    assert_eq!(decoded.diagnostics.count(FaultKind::TooLarge), 1);
    assert!(decoded.diagnostics.iter().all(|(_, f)| f.examples.len() <= 5 && f.examples[0].len() < 400));
}

#[test]
fn a_mapping_that_cannot_work_is_refused() {
    for (key, text, part) in [
        ("valeu", "/v", "no such field"),
        ("value", "v", "begins with '/'"),
        ("stream", "{x}", "number of a topic segment"),
        ("longitude", "/x", "needs 'latitude'"),
    ] {
        let error = JsonConnector::new("broker", &BTreeMap::from([(key.into(), text.into())])).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("'broker'") && error.contains(key), "{error}");
    }
}

#[test]
fn streams_find_their_objects() {
    let near = Attach { nearest: Some("Building".into()), within_m: Some(60.0), ..Attach::default() };
    let fixed = Attach { nearest: Some("Building".into()), at: Some([0.0029, 0.0]), ..Attach::default() };
    let mut city = city(&[
        BindingDocument { source: Some("b".into()), ..binding("p/{n}", by_id("B{n}"), "other") },
        binding("p/{n}", by_id("B{n}"), "power"),
        binding("air/#", near, "pm25"),
        binding("mast", fixed, "wind"),
    ]);
    let row = Row(10);
    let mut apply = |source: u16, o: Observation| city.apply(SourceIndex(source), &o, &row);
    let number = |stream: &str| Observation::number(stream, seconds(900), 5.0);
    let at =
        |stream: &str, lon: f64| Observation { place: Some(Geodetic::from_degrees(lon, 0.0, 0.0)), ..number(stream) };
    assert_eq!(apply(0, number("p/3")), Outcome::Applied);
    assert_eq!(apply(1, number("p/4")), Outcome::Applied);
    assert_eq!(apply(0, number("p/99")), Outcome::Unbound);
    assert_eq!(apply(0, number("q")), Outcome::Unbound);
    assert_eq!(apply(0, number("air/1")), Outcome::Unbound, "it has not said where it is");
    assert_eq!(apply(0, at("air/1", 0.0051)), Outcome::Applied);
    assert_eq!(apply(0, at("air/2", 0.0055)), Outcome::Applied);
    assert_eq!(apply(0, at("air/3", 0.02)), Outcome::Unbound, "too far");
    assert_eq!(apply(0, number("mast")), Outcome::Applied);
    let value = |row: u32, name: &str| {
        city.bindings().property(name).and_then(|p| city.reading_of(row, p)).and_then(|r| r.latest?.value.number())
    };
    assert_eq!((value(3, "power"), value(3, "other")), (Some(5.0), None));
    assert_eq!((value(4, "power"), value(4, "other")), (Some(5.0), Some(5.0)));
    assert_eq!((value(5, "pm25"), value(3, "wind")), (Some(5.0), Some(5.0)));
    assert_eq!(city.counters().unbound, 4);
    let told: Vec<_> = city.tallies()[0].not_bound().collect();
    let expected = [
        ("no binding matches the stream", 1, Some("q")),
        ("no such object", 1, Some("p/99")),
        ("no place is known to find the nearest object of", 1, Some("air/1")),
        ("no object near enough", 1, Some("air/3")),
    ];
    assert_eq!(told, expected);
    assert_eq!((city.tallies()[0].received(), city.tallies()[0].bound, city.tallies()[1].received()), (8, 4, 1));
}

/// A sensor that says another place is on another building from then on; where it was nothing is known any more, but what
/// others have brought there. However long it travels, it takes no more room.
#[test]
fn a_stream_that_moves_leads_elsewhere() {
    let near = Attach { nearest: Some("Building".into()), within_m: Some(60.0), ..Attach::default() };
    let mut city = city(&[binding("air/{n}", near, "pm25")]);
    let row = Row(10);
    let send = |city: &mut LiveCity, stream: &str, t: i64, lon: Option<f64>| {
        let place = lon.map(|lon| Geodetic::from_degrees(lon, 0.0, 0.0));
        let (stream, value) = (stream.into(), Value::Int(t));
        let observation = Observation { stream, time: seconds(t), value, quality: Quality::Good, place };
        city.apply(SOURCE, &observation, &row)
    };
    let known = |city: &LiveCity, row: u32| {
        let reading = city.reading_of(row, 0).unwrap();
        (reading.state == ValueState::Fresh).then(|| reading.latest.unwrap().value.number().unwrap())
    };
    send(&mut city, "air/1", 900, Some(0.0));
    send(&mut city, "air/1", 901, Some(0.000_001));
    send(&mut city, "air/1", 902, None);
    assert_eq!(known(&city, 0), Some(902.0), "a metre is no other place, and none is the same");
    send(&mut city, "air/1", 903, Some(0.003));
    assert_eq!((known(&city, 0), known(&city, 3)), (None, Some(903.0)));
    send(&mut city, "air/2", 904, Some(0.003));
    send(&mut city, "air/1", 905, Some(0.0005));
    assert_eq!(city.streams_of(SOURCE).1.len(), 0);
    assert_eq!((known(&city, 0), known(&city, 3)), (Some(905.0), Some(904.0)), "what another has brought stays");
    assert_eq!(send(&mut city, "air/1", 906, Some(5.0)), Outcome::Unbound);
    assert_eq!((known(&city, 0), city.streams_of(SOURCE).1.len()), (None, 1));
    let travel = |city: &mut LiveCity, from: i64| {
        for i in 0..10_000 {
            // Every other time it is far from everything.
            send(city, "air/1", from, Some(f64::from(i % 10) * 0.001 + f64::from(i % 2)));
        }
        city.bytes()
    };
    let before = travel(&mut city, 907);
    assert_eq!(travel(&mut city, 908), before);
}

#[test]
fn states_are_told_apart_and_change_by_themselves() {
    let document = BindingDocument {
        stale_after_s: Some(60.0),
        range: Some([0.0, 10.0]),
        ..binding("p/{n}", by_id("B{n}"), "level")
    };
    let mut city = city(&[document]);
    let row = Row(10);
    let names: Vec<Arc<str>> = (0..5).map(|i| format!("p/{i}").into()).collect();
    names.iter().for_each(|name| city.announce(SOURCE, name, None, &row));
    let send = |city: &mut LiveCity, n: usize, t: i64, value: Value, quality: Quality| {
        let o = Observation { stream: names[n].clone(), time: seconds(t), value, quality, place: None };
        city.apply(SOURCE, &o, &row)
    };
    send(&mut city, 0, 990, Value::Int(5), Quality::Good);
    send(&mut city, 1, 990, Value::Int(50), Quality::Good);
    send(&mut city, 2, 990, Value::Int(5), Quality::Suspect);
    send(&mut city, 3, 900, Value::Int(5), Quality::Good);
    assert_eq!(send(&mut city, 3, 901, Value::from("open"), Quality::Good), Outcome::NotANumber);
    assert_eq!(send(&mut city, 3, 1301, Value::Int(1), Quality::Good), Outcome::Ahead);
    let states = |city: &LiveCity| (0..5).map(|slot| city.reading(slot).unwrap().state).collect::<Vec<_>>();
    use ValueState::{Fresh, Missing, OutOfRange, Stale, Suspect};
    assert_eq!(states(&city), [Fresh, OutOfRange, Suspect, Stale, Missing]);
    let changes = |city: &mut LiveCity| {
        let mut changes = Vec::new();
        city.take_changes(&mut changes);
        changes
    };
    assert_eq!(changes(&mut city), [0, 1, 2, 3, 4]);
    city.advance(seconds(1050));
    assert_eq!(changes(&mut city), [0_u32; 0], "60 s old is not older than 60 s");
    send(&mut city, 1, 1040, Value::Int(6), Quality::Good);
    city.advance(seconds(1051));
    assert_eq!(changes(&mut city), [1, 0]);
    assert_eq!(states(&city), [Stale, Fresh, Suspect, Stale, Missing], "what is in doubt is so when it is old, too");
    city.advance(seconds(1101));
    assert_eq!(changes(&mut city), [1]);
    assert_eq!(city.counters().out_of_range, 1);
}

/// What the store must do, written as simply as it can be.
#[derive(Default)]
struct Model {
    latest: BTreeMap<u8, (i64, i64)>,
    outcomes: BTreeMap<&'static str, u64>,
}

impl Model {
    fn apply(&mut self, stream: u8, time: i64, value: i64) {
        let outcome = match self.latest.get(&stream) {
            Some((latest, _)) if time < *latest => "late",
            Some(same) if *same == (time, value) => "duplicate",
            _ => "applied",
        };
        if outcome == "applied" {
            self.latest.insert(stream, (time, value));
        }
        *self.outcomes.entry(outcome).or_default() += 1;
    }
}

proptest! {
    /// In any order, with any repetition: no value gives way to an older one, duplicates count once, and going back to a
    /// snapshot and on again ends in the same state.
    #[test]
    fn the_latest_holds_whatever_the_order(
        steps in prop::collection::vec((0_u8..6, 0_i64..8, 0_i64..3), 1..200), cut in 0_usize..200,
    ) {
        let row = Row(4);
        let mut model = Model::default();
        let mut city = city(&[binding("p/{n}", by_id("B{n}"), "power")]);
        let mut snapshot = city.snapshot();
        let send = |city: &mut LiveCity, step: &(u8, i64, i64)| {
            let o = Observation::number(format!("p/{}", step.0), seconds(step.1), step.2 as f64);
            city.apply(SOURCE, &o, &row)
        };
        let cut = cut.min(steps.len());
        for (i, step) in steps.iter().enumerate() {
            if i == cut {
                snapshot = city.snapshot();
            }
            if step.0 < 4 {
                model.apply(step.0, step.1, step.2);
            }
            send(&mut city, step);
        }
        if cut == steps.len() {
            snapshot = city.snapshot();
        }
        for (stream, (time, value)) in &model.latest {
            let latest = city.reading_of(u32::from(*stream), 0).unwrap().latest.unwrap();
            prop_assert_eq!((latest.time, latest.value.number()), (seconds(*time), Some(*value as f64)));
        }
        let counters = city.counters();
        let count = |name: &str| model.outcomes.get(name).copied().unwrap_or(0);
        prop_assert_eq!(counters.applied, count("applied"));
        prop_assert_eq!(counters.late, count("late"));
        prop_assert_eq!(counters.duplicate, count("duplicate"));
        prop_assert_eq!(counters.unbound, steps.iter().filter(|s| s.0 >= 4).count() as u64);
        let hash = city.state_hash();
        city.restore(&snapshot);
        steps[cut..].iter().for_each(|step| { send(&mut city, step); });
        prop_assert_eq!(city.state_hash(), hash);
        prop_assert_eq!(city.counters(), counters);
    }
}

/// The hash tells values, not the order in which streams were first seen.
#[test]
fn the_hash_is_one_of_values() {
    let row = Row(4);
    let documents = [binding("p/{n}", by_id("B{n}"), "power")];
    let observations = [("p/1", 3, 1.0), ("p/2", 4, 2.0), ("p/3", 5, 3.0)];
    let hash = |order: &[usize], extra: f64| {
        let mut city = city(&documents);
        for i in order {
            let (stream, time, value) = observations[*i];
            city.apply(SOURCE, &Observation::number(stream, seconds(time), value + extra), &row);
        }
        city.state_hash()
    };
    assert_eq!(hash(&[0, 1, 2], 0.0), hash(&[2, 0, 1], 0.0));
    assert_ne!(hash(&[0, 1, 2], 0.0), hash(&[0, 1, 2], 1.0));
    assert_ne!(hash(&[0, 1, 2], 0.0), hash(&[0, 1], 0.0));
}

/// What `veduta bench live` measures is what it says: every update reaches a device, figures follow, alarms come and go.
#[test]
fn the_bench_of_a_city_does_what_it_measures() {
    let start = std::time::Instant::now();
    let bench = bench_city_live(2_000, 10_000, &|| start.elapsed().as_secs_f64()).unwrap();
    println!("{bench:?}");
    assert_eq!((bench.devices, bench.applied), (2_000, 22_000), "once each to begin with, then twice as many as asked");
    assert_eq!(bench.figures, 20 + 1 + 2, "buildings, the campus, the city's two");
    assert!(bench.alarm_events > 100);
    let counts: Vec<(usize, u32)> = bench.frames.iter().map(|frame| (frame.most_a_frame, frame.frames)).collect();
    assert_eq!(counts, [(8192, 2), (834, 12)]);
    assert!(bench.frames.iter().all(|frame| frame.longest_frame_s >= frame.mean_frame_s && frame.updates_per_s > 0.0));
}

/// The issue's bar, even in a debug build: 50 000 updates a second on 100 000 bound objects.
#[test]
fn the_rate_of_the_issue_is_reached() {
    let start = std::time::Instant::now();
    let bench = bench_live(100_000, 300_000, &|| start.elapsed().as_secs_f64()).unwrap();
    println!("{bench:?}");
    assert!(bench.applied_per_s > 50_000.0 && bench.decoded_per_s > 50_000.0, "{bench:?}");
}
