//! `/api/history`: past values of a scene in the present and of a play.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use veduta::live::{Bindings, LiveCity, ObjectDirectory, Observation, Outcome, PastQuery, SourceIndex};
use veduta::platform::transport::wall_clock;
use veduta::quantity::Timestamp;
use veduta::scene::SceneDocument;
use veduta::service::live::{Live, LiveLimits};
use veduta::service::{Catalogue, Service};

use crate::service_live::staged;
use crate::service_sta::town;
use crate::service_viewer::PATIENCE;
use crate::service_world::World;

fn samples(reply: &Json) -> Vec<(Timestamp, f64)> {
    let sample =
        |one: &Json| (Timestamp::parse(one["time"].as_str().unwrap()).unwrap(), one["value"].as_f64().unwrap());
    reply["values"].as_array().unwrap().iter().map(sample).collect()
}

#[test]
fn past_values_come_oldest_first_and_by_pages() {
    let town = town();
    let begin = wall_clock();
    let at = |second: u32| begin.plus_seconds(f64::from(second));
    for second in 1..=9 {
        assert_eq!(town.send(at(second), f64::from(second)).status, 201);
    }
    let get = |question: &str| town.world.get(&format!("/api/history?object=a&property=power{question}")).json();
    let all = get("");
    assert_eq!((&all["scene"], &all["unit"], &all["object"]), (&json!("town"), &json!("kW"), &json!("a")));
    let sent: Vec<(Timestamp, f64)> = (1..=9).map(|second| (at(second), f64::from(second))).collect();
    assert_eq!(&samples(&all)[1..], &sent, "behind the value that the recording has brought");
    assert_eq!(samples(&all)[0].1, 10.5);
    let (from, until) = (at(3).to_string(), at(5).to_string());
    assert_eq!(samples(&get(&format!("&from={from}&until={until}"))), &sent[2..5]);
    assert_eq!(samples(&get(&format!("&until={}", begin.plus_seconds(-3600.0)))), []);
    let mut page = get(&format!("&from={}&limit=4&scene=town", at(1)));
    let mut paged = samples(&page);
    while let Some(next) = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next") {
        page = town.world.send(|client| client.get(next["href"].as_str().unwrap())).json();
        paged.extend(samples(&page));
    }
    assert_eq!(paged, sent);
    for (question, status) in [
        ("", 400),
        ("?object=a", 400),
        ("?object=a&property=nothing", 404),
        ("?object=c&property=power", 404),
        ("?object=a&property=power&scene=other", 404),
        ("?object=a&property=power&from=yesterday", 400),
        ("?object=a&property=power&limit=0", 400),
        ("?object=a&property=power&limit=-1", 400),
        ("?object=a&property=power&more=1", 400),
    ] {
        town.world.get(&format!("/api/history{question}")).problem(status);
    }
}

#[test]
fn a_play_that_goes_back_takes_what_has_not_happened_out_of_its_past() {
    let folder = tempfile::tempdir().unwrap();
    crate::play::town(folder.path());
    let live = Arc::new(Live::default());
    let _stage = staged(folder.path(), "town.scenario.toml", "storm", &live);
    let world = World::serving(Service::new(Catalogue::default()).with_live(live));
    let past = || samples(&world.get("/api/history?object=a&property=level").json());
    let seek = |hour: u32| {
        let body = json!({ "action": "seek", "time": format!("2026-05-01T{hour:02}:00:00+08:00") });
        let reply = world.send(|client| {
            client.post(world.url("/api/playback")).header("content-type", "application/json").body(body.to_string())
        });
        assert_eq!(reply.status, 200);
    };
    // The recording of `play.rs`: a level an hour from one o'clock on.
    let levels = [0.1, 0.4, 1.2, 1.8, 0.9, 0.2];
    let known = |hours: usize| -> Vec<(Timestamp, f64)> {
        let hour = |hour: usize| Timestamp::parse(&format!("2026-05-01T{:02}:00:00+08:00", hour + 1)).unwrap();
        levels[..hours].iter().enumerate().map(|(at, level)| (hour(at), *level)).collect()
    };
    assert_eq!(past(), []);
    for (hour, hours) in [(5, 5), (2, 2), (4, 4), (1, 1), (6, 6), (0, 0)] {
        seek(hour);
        assert_eq!(past(), known(hours), "at {hour} o'clock");
    }
}

struct Numbered;

impl ObjectDirectory for Numbered {
    fn row_of(&self, id: &str) -> Option<u32> {
        id.parse().ok()
    }
    fn nearest(&self, _: &str, _: veduta::geodesy::Geodetic, _: f64) -> Option<u32> {
        None
    }
}

const ALL: PastQuery =
    PastQuery { from: Timestamp(i64::MIN), before: Timestamp(i64::MAX), most: usize::MAX, newest_first: false };

#[test]
fn only_what_was_applied_is_remembered_and_a_snapshot_brings_back_what_was() {
    let scene: SceneDocument = toml::from_str(
        "format_version = 1\n[[binding]]\nstream = \"s/{o}\"\nto = { id = \"{o}\" }\nproperty = \"p\"\nunit = \"m\"\n",
    )
    .unwrap();
    let mut city = LiveCity::new(Bindings::compile(&scene.bindings, &[]).unwrap(), Timestamp(100));
    let apply = |city: &mut LiveCity, time: i64, value: f64| {
        city.apply(SourceIndex(0), &Observation::number("s/7", Timestamp(time), value), &Numbered)
    };
    apply(&mut city, 5, 0.5);
    assert_eq!(city.past(7, 0, &ALL), [], "nobody has asked it to remember");
    city.keep_history(1 << 20);
    let outcomes = [(10, 1.0), (20, 2.0), (20, 2.0), (15, 9.0), (30, 3.0), (30, 3.5)]
        .map(|(time, value)| apply(&mut city, time, value));
    use Outcome::{Applied, Duplicate, Late};
    assert_eq!(outcomes, [Applied, Applied, Duplicate, Late, Applied, Applied]);
    let past = |city: &LiveCity| -> Vec<(i64, f64)> {
        city.past(7, 0, &ALL).iter().map(|(time, value)| (time.0, value.number().unwrap())).collect()
    };
    assert_eq!(past(&city), [(5, 0.5), (10, 1.0), (20, 2.0), (30, 3.5)]);
    let before = city.snapshot();
    city.advance(Timestamp(200));
    apply(&mut city, 150, 4.0);
    let later = city.snapshot();
    apply(&mut city, 160, 5.0);
    city.restore(&before);
    assert_eq!(past(&city), [(5, 0.5), (10, 1.0), (20, 2.0), (30, 3.5)]);
    city.restore(&later);
    assert_eq!(past(&city), [(5, 0.5), (10, 1.0), (20, 2.0), (30, 3.5), (150, 4.0)]);
    assert!(city.history_bytes() > 0 && city.history_bytes() <= 1 << 20);
}

#[test]
fn a_scene_without_room_for_the_past_knows_what_holds() {
    let folder = tempfile::tempdir().unwrap();
    crate::play::town(folder.path());
    let live = Arc::new(Live::with_limits(LiveLimits { history_bytes: 0, ..LiveLimits::default() }));
    let stage = staged(folder.path(), "town.scenario.toml", "storm", &live);
    let six = Timestamp::parse("2026-05-01T06:00:00+08:00").unwrap();
    stage.stage.lock().seek(six);
    let world = World::serving(Service::new(Catalogue::default()).with_live(live));
    let begin = std::time::Instant::now();
    let past = || samples(&world.get("/api/history?object=a&property=level").json());
    while past().is_empty() {
        assert!(begin.elapsed() < PATIENCE, "the stage publishes where it is");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(past(), [(six, 0.2)]);
    assert_eq!(stage.stage.lock().live().latest().history_bytes(), 0);
}
