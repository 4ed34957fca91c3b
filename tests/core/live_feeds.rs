//! Recorded and simulated observations.

use std::sync::Arc;

use proptest::prelude::*;
use veduta::geodesy::{CrsRegistry, Geodetic};
use veduta::live::{
    Bindings, DeviceKind, FaultKind, LiveCity, ObjectDirectory, Observation, RecordedObservations, ReplayedRecording,
    SimulatedFeed, SourceIndex, Storm,
};
use veduta::quantity::Timestamp;
use veduta::scene::{Attach, RecordingDocument, SourceDocument};

use super::live::{Row, binding, by_id};
use super::shared_data::shared;

const SOURCE: SourceIndex = SourceIndex(0);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn recording() -> RecordingDocument {
    RecordingDocument {
        name: "air".into(),
        time_column: "date".into(),
        value_columns: vec!["PM25_mean".into(), "NO2_mean".into()],
        station_columns: Some(["station_code".into(), "longitude".into(), "latitude".into()]),
        zone: Some("+09:00".into()),
        ..RecordingDocument::default()
    }
}

const STATIONS: &str = "station_code,latitude,longitude\n1,35.5,139.5\n2,x,139.6\n";

fn read(files: &[(&str, &str)]) -> Result<RecordedObservations, String> {
    let files: Vec<(String, Vec<u8>)> =
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    RecordedObservations::read(
        &recording(),
        &files,
        Some(("stations.csv", STATIONS.as_bytes())),
        &CrsRegistry::default(),
    )
    .map_err(|error| error.to_string())
}

#[test]
fn a_recording_keeps_its_gaps_and_counts_its_faults() {
    let one = "\u{feff}date,PM25_mean,NO2_mean\n2011-01-02,2,20\n2011-01-01,,10\nsoon,1,1\n2011-01-03,NaN,inf\n2011-01-04,four,40\n";
    let two = "date,PM25_mean\n2011-01-02T12:00:00Z,7\n";
    let recorded = read(&[("dir/1.csv", one), ("2.csv", two)]).unwrap();
    let all: Vec<(String, String, Option<f64>)> = recorded
        .between(at("2000-01-01"), at("2020-01-01"))
        .map(|o| (o.time.to_string(), o.stream.to_string(), o.value.number()))
        .collect();
    let row = |time: &str, stream: &str, value: f64| (time.to_owned(), stream.to_owned(), Some(value));
    assert_eq!(
        all,
        [
            row("2010-12-31T15:00:00Z", "air/1/NO2_mean", 10.0),
            row("2011-01-01T15:00:00Z", "air/1/PM25_mean", 2.0),
            row("2011-01-01T15:00:00Z", "air/1/NO2_mean", 20.0),
            row("2011-01-02T12:00:00Z", "air/2/PM25_mean", 7.0),
            row("2011-01-03T15:00:00Z", "air/1/NO2_mean", 40.0),
        ]
    );
    assert_eq!(recorded.gaps(), 2);
    let counts: Vec<(FaultKind, u64)> = recorded.diagnostics().iter().map(|(k, f)| (k, f.count)).collect();
    let expected =
        [(FaultKind::WrongType, 1), (FaultKind::NotFinite, 1), (FaultKind::BadTime, 1), (FaultKind::BadPlace, 1)];
    assert_eq!(counts, expected);
    let (_, time) = recorded.diagnostics().iter().find(|(k, _)| *k == FaultKind::BadTime).unwrap();
    assert_eq!(time.examples, ["dir/1.csv:4: 'soon'"]);
    let places: Vec<bool> = recorded.streams().iter().map(|(_, place)| place.is_some()).collect();
    assert_eq!(places, [true, true, false]);
    let latest: Vec<Option<f64>> = recorded.latest_at(at("2011-01-02T00:00:00Z")).map(|o| o.value.number()).collect();
    assert_eq!(latest, [Some(2.0), Some(20.0)]);
}

#[test]
fn a_recording_that_cannot_be_read_is_refused() {
    for (files, expected) in [
        (vec![("a.csv", "day,PM25_mean\n")], "there is no column 'date'; there are day, PM25_mean: a.csv"),
        (vec![("a.csv", "")], "there is no column 'date', and no other: a.csv"),
        (
            vec![("a.csv", "date,PM25_mean\n2011-01-01,3\n")],
            "no file of the recording 'air' has the column 'NO2_mean': a.csv",
        ),
    ] {
        assert_eq!(read(&files).unwrap_err(), expected);
    }
}

/// Every building is where it is asked for; enough to see that stations bring their places.
struct Anywhere;

impl ObjectDirectory for Anywhere {
    fn row_of(&self, _: &str) -> Option<u32> {
        None
    }
    fn nearest(&self, _: &str, place: Geodetic, _: f64) -> Option<u32> {
        Some((place.longitude_rad.to_degrees() * 10_000.0) as u32 % 100_000)
    }
}

/// Tokyo's own: values, gaps and places as the files have them, and a jump to any day ends where playing there ends.
#[test]
fn tokyo_air_quality_is_played_and_jumped_in() {
    let Some(folder) = shared("tokyo/air_quality") else { return };
    let mut files = Vec::new();
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names.iter().filter(|p| p.extension().is_some_and(|e| e == "csv") && !p.ends_with("stations_info.csv"))
    {
        files.push((path.display().to_string(), std::fs::read(path).unwrap()));
    }
    let stations = std::fs::read(folder.join("stations_info.csv")).unwrap();
    let recorded = RecordedObservations::read(
        &recording(),
        &files,
        Some(("stations_info.csv", &stations)),
        &CrsRegistry::default(),
    )
    .unwrap();
    assert_eq!(recorded.diagnostics().total(), 0, "{:?}", recorded.diagnostics());
    assert!(recorded.streams().iter().all(|(_, place)| place.is_some()));
    let day = recorded.between(at("2010-12-31T14:59:59Z"), at("2010-12-31T15:00:00Z"));
    let value = day.into_iter().find(|o| &*o.stream == "air/13101010/PM25_mean").unwrap().value;
    assert_eq!(value.number(), Some(24.0), "13101010.csv, 2011-01-01");
    // 13101510.csv has no PM2.5 on its first three days.
    let first = recorded.between(at("2000-01-01"), at("2030-01-01")).find(|o| &*o.stream == "air/13101510/PM25_mean");
    assert!(first.is_none_or(|o| o.time > at("2011-01-02T15:00:00Z")) && recorded.gaps() > 1000);

    let near = Attach { nearest: Some("Building".into()), ..Attach::default() };
    let documents = [binding("air/+/PM25_mean", near.clone(), "pm25"), binding("air/+/NO2_mean", near, "no2")];
    let city = || LiveCity::new(Bindings::compile(&documents, &["air"]).unwrap(), Timestamp(0));
    let feed = |city: &mut LiveCity, observations: &mut dyn Iterator<Item = Observation>, now: Timestamp| {
        city.advance(now);
        for o in observations {
            city.apply(SOURCE, &o, &Anywhere);
        }
    };
    let (start, _) = recorded.span().unwrap();
    let mut played = city();
    let mut now = start.plus_seconds(-1.0);
    for days in [1, 10, 400, 1000] {
        let until = start.plus_seconds(f64::from(days) * 86_400.0);
        feed(&mut played, &mut recorded.between(now, until), until);
        now = until;
        let mut jumped = city();
        feed(&mut jumped, &mut recorded.latest_at(until), until);
        assert_eq!(played.state_hash(), jumped.state_hash(), "day {days}");
    }
    assert!(played.counters().applied > 10_000 && played.counters().late == 0);
}

fn feed(seed: u64, storms: Vec<Storm>) -> SimulatedFeed {
    let kinds = ["power", "air", "no2", "water_level", "parking", "people"];
    let streams = (0..120).map(|i| {
        let kind = kinds[i % 6];
        (Arc::from(format!("demo/{kind}/{i}")), DeviceKind::parse(kind).unwrap())
    });
    SimulatedFeed::new(seed, streams, storms, 8.0 * 3600.0)
}

proptest! {
    /// However a span is cut, the same observations come; a jump brings the last of each device.
    #[test]
    fn the_simulated_feed_is_a_function_of_time(
        start in 1_700_000_000_i64..1_800_000_000, cuts in prop::collection::vec(1_i64..500, 1..12),
    ) {
        let feed = feed(3, Vec::new());
        let start = Timestamp(start * 1_000_000 + 123);
        let end = start.plus_seconds(cuts.iter().sum::<i64>() as f64);
        let whole = feed.between(start, end, usize::MAX);
        let mut parts = Vec::new();
        let mut from = start;
        for cut in &cuts {
            let to = from.plus_seconds(*cut as f64);
            parts.extend(feed.between(from, to, usize::MAX));
            from = to;
        }
        prop_assert_eq!(&whole, &parts);
        prop_assert!(whole.iter().all(|o| o.time > start && o.time <= end));
        prop_assert!(whole.windows(2).all(|w| w[0].time <= w[1].time));
        let few = feed.between(start, end, 10);
        prop_assert_eq!(&few[..], &whole[whole.len().saturating_sub(10)..]);
        for latest in feed.latest_at(end) {
            prop_assert!(latest.time <= end && end.seconds_since(latest.time) < 300.0);
            if let Some(last) = whole.iter().rev().find(|o| o.stream == latest.stream) {
                prop_assert_eq!(last, &latest);
            }
        }
    }
}

#[test]
fn simulated_values_are_believable_and_the_storm_floods() {
    let (start, end) = (at("2026-07-01T14:00:00+08:00"), at("2026-07-01T15:30:00+08:00"));
    let storm = Storm { start, end, strength: 1.0 };
    let (calm, wet) = (feed(1, Vec::new()), feed(1, vec![storm]));
    let (from, to) = (at("2026-07-01T00:00:00+08:00"), at("2026-07-02T00:00:00+08:00"));
    let highest = |feed: &SimulatedFeed, kind: &str, from: Timestamp, to: Timestamp| {
        let all = feed.between(from, to, usize::MAX);
        let values = all.iter().filter(|o| o.stream.contains(kind)).filter_map(|o| o.value.number());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
    };
    for (kind, least, greatest) in [
        ("power", 0.0, 15.0),
        ("air", 1.0, 75.0),
        ("no2", 1.0, 90.0),
        ("water_level", 0.05, 1.0),
        ("parking", 0.0, 100.0),
        ("people", 0.0, 150.0),
    ] {
        let (low, high) = highest(&calm, kind, from, to);
        assert!(low >= least && high <= greatest && high > low + 0.1, "{kind}: {low} to {high}");
    }
    let (_, flood) = highest(&wet, "water_level", start, end);
    assert!(flood > 1.6, "the demo's alarm is raised: {flood} m");
    assert_eq!(highest(&wet, "water_level", from, start), highest(&calm, "water_level", from, start));
    assert_ne!(feed(1, Vec::new()).between(from, to, 500), feed(2, Vec::new()).between(from, to, 500));
}

proptest! {
    /// A rate changes when things are observed, not what; as many come as it says, however often somebody looks.
    #[test]
    fn a_simulated_feed_keeps_its_rate(rate_hz in 0.5..200.0_f64, start in 1_700_000_000_i64..1_800_000_000) {
        let feed = feed(3, Vec::new()).at_rate(rate_hz);
        let from = Timestamp(start * 1_000_000);
        let whole = feed.between(from, from.plus_seconds(1000.0), usize::MAX);
        let expected = 1000.0 * rate_hz;
        // One more or less of each device.
        prop_assert!((whole.len() as f64 - expected).abs() <= 120.0 + 0.001 * expected, "{} {expected}", whole.len());
        let middle = from.plus_seconds(333.3);
        let [a, b] = [(from, middle), (middle, from.plus_seconds(1000.0))].map(|(a, b)| feed.between(a, b, usize::MAX));
        prop_assert_eq!([a, b].concat(), whole);
    }

    /// Played now, a recording tells what it holds at its own distances, round after round, however the span is cut; a
    /// jump brings the last of each stream.
    #[test]
    fn a_recording_plays_now(
        rows in prop::collection::vec((0_i64..20, 0_u8..3), 1..20), repeat in any::<bool>(),
        begin in -50_i64..50, cuts in prop::collection::vec(1_i64..40, 1..8), most in 1_usize..30,
    ) {
        let second = |s: i64| Timestamp(1_700_000_000_000_000 + s * 1_000_000);
        let mut files: Vec<(String, Vec<u8>)> = (0..3).map(|i| (format!("{i}.csv"), b"date,v\n".to_vec())).collect();
        for (i, (time, station)) in rows.iter().enumerate() {
            files[usize::from(*station)].1.extend(format!("{},{i}\n", second(*time)).into_bytes());
        }
        let document = RecordingDocument {
            name: "r".into(),
            time_column: "date".into(),
            value_columns: vec!["v".into()],
            ..RecordingDocument::default()
        };
        let recorded = RecordedObservations::read(&document, &files, None, &CrsRegistry::default()).unwrap();
        let (first, last) = recorded.span().unwrap();
        let replayed = ReplayedRecording::new(recorded.clone(), second(begin), repeat);
        let mut now = second(-60);
        let mut played = replayed.between(second(-200), now, usize::MAX);
        for cut in &cuts {
            let until = Timestamp(now.0 + cut * 1_000_000);
            played.extend(replayed.between(now, until, usize::MAX));
            now = until;
        }
        let whole = replayed.between(second(-200), now, usize::MAX);
        prop_assert_eq!(&whole, &played);
        prop_assert!(whole.windows(2).all(|w| w[0].time <= w[1].time));
        prop_assert_eq!(replayed.between(second(-200), now, most), &whole[whole.len().saturating_sub(most)..]);
        let once: Vec<Observation> = recorded.between(Timestamp(i64::MIN), Timestamp(i64::MAX)).collect();
        for (i, o) in whole.iter().enumerate() {
            let (round, own) = (i / once.len(), &once[i % once.len()]);
            prop_assert!(repeat || round == 0);
            prop_assert_eq!((&o.stream, &o.value), (&own.stream, &own.value));
            if round == 0 {
                prop_assert_eq!(o.time.0 - second(begin).0, own.time.0 - first.0);
            } else {
                let since = (o.time.0 - whole[i - once.len()].time.0) as f64;
                prop_assert!(since > last.seconds_since(first) * 1e6, "a round is longer than the recording");
            }
        }
        if !repeat && now.0 - second(begin).0 >= last.0 - first.0 {
            prop_assert_eq!(whole.len(), once.len());
        }
        for latest in replayed.latest_at(now) {
            prop_assert_eq!(Some(&latest), whole.iter().rev().find(|o| o.stream == latest.stream));
        }
        let streams: std::collections::BTreeSet<_> = whole.iter().map(|o| &o.stream).collect();
        prop_assert_eq!(replayed.latest_at(now).len(), streams.len());
    }
}

/// An air station is two streams; what is no device of the feed is none.
#[test]
fn devices_become_streams() {
    let devices = [("air", "air-01"), ("power", "p-1"), ("toaster", "t-1")];
    let source =
        SourceDocument { name: "demo".into(), seed: Some(1), rate_hz: Some(30.0), ..SourceDocument::default() };
    let feed = SimulatedFeed::of_devices(&source, devices, Vec::new(), 0.0);
    let streams: Vec<&str> = feed.streams().map(|stream| &**stream).collect();
    assert_eq!(streams, ["demo/power/p-1", "demo/air/air-01", "demo/no2/air-01"]);
    let minute = feed.between(at("2026-07-01T00:00:00Z"), at("2026-07-01T00:01:00Z"), usize::MAX);
    assert!((1797..=1803).contains(&minute.len()), "{}", minute.len());
}

/// The devices' own stream names bind to them by identifier, as in the demo scene.
#[test]
fn the_feed_binds_by_device() {
    let feed = SimulatedFeed::new(1, [(Arc::from("demo/power/B3"), DeviceKind::Power)], Vec::new(), 0.0);
    let documents = [binding("demo/power/{device}", by_id("{device}"), "power")];
    let mut city = LiveCity::new(Bindings::compile(&documents, &["demo"]).unwrap(), at("2026-07-01"));
    for o in feed.latest_at(city.now()) {
        city.apply(SOURCE, &o, &Row(5));
    }
    assert!(city.reading_of(3, 0).unwrap().latest.is_some());
}
