//! Playing scenarios: every instant is the same however it is reached.

use std::sync::Arc;

use proptest::prelude::*;
use veduta::city::{CityObject, Value};
use veduta::live::{Observation, SourceIndex};
use veduta::quantity::Timestamp;
use veduta::scenario::{
    CityEdits, CityLive, CityState, Happening, HappeningKind, LivePart, ObservationFeed, Playable, Playback, Timeline,
    VariantCity,
};
use veduta::scene::{
    AlarmDocument, BindingDocument, EventAction, EventDocument, IndicatorDocument, RollupRule, ScenarioDocument,
    SceneDocument, Severity, TimeDocument,
};

use crate::live::{binding, by_id};
use crate::package::open;

const START: &str = "2026-07-01T06:00:00Z";

fn start() -> Timestamp {
    Timestamp::parse(START).unwrap()
}

fn document(length_s: f64, step_s: f64, events: Vec<(f64, EventAction)>) -> ScenarioDocument {
    let event = |(at, action): (f64, EventAction)| EventDocument { at: format!("+{at}"), action };
    ScenarioDocument {
        format_version: 1,
        time: TimeDocument { start: Some(START.into()), end: Some(start().plus_seconds(length_s).to_string()) },
        step_s: Some(step_s),
        events: events.into_iter().map(event).collect(),
        ..Default::default()
    }
}

/// A live part that remembers everything: any step left out, repeated or swapped shows in its state.
struct Memory {
    state: u64,
    weight: usize,
}

impl Playable for Memory {
    type Snapshot = u64;

    fn advance(&mut self, to: Timestamp, _state: &CityState, happenings: &mut Vec<Happening>) {
        self.state = (self.state ^ to.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        if self.state.is_multiple_of(7) {
            let (alarm, object) = ("seven".to_owned(), self.state.to_string());
            happenings.push(Happening { time: to, kind: HappeningKind::AlarmCleared { alarm, object } });
        }
    }

    fn snapshot(&self) -> u64 {
        self.state
    }

    fn restore(&mut self, snapshot: &u64, _state: &CityState) {
        self.state = *snapshot;
    }

    fn hash(&self) -> u64 {
        self.state
    }

    fn snapshot_bytes(&self) -> usize {
        self.weight
    }
}

fn playback(document: &ScenarioDocument, weight: usize) -> Playback<Memory> {
    Playback::new(Timeline::new(document).unwrap(), Memory { state: 1, weight })
}

fn any_action() -> impl Strategy<Value = EventAction> {
    let object = || prop_oneof![Just("A".to_owned()), Just("B".to_owned()), Just("C".to_owned())];
    prop_oneof![
        (object(), any::<i64>()).prop_map(|(object, value)| EventAction::Set {
            object,
            property: "p".into(),
            value: toml::Value::Integer(value)
        }),
        object().prop_map(|object| EventAction::Show { object }),
        object().prop_map(|object| EventAction::Hide { object }),
        object().prop_map(|object| EventAction::Close { object }),
        object().prop_map(|object| EventAction::ClearAlarm { object }),
        object().prop_map(|object| EventAction::Open { object }),
        object().prop_map(|object| EventAction::Alarm { object, message: "m".into(), severity: Severity::Critical }),
        (0.0..30.0_f64).prop_map(|flight_s| EventAction::Camera { camera: "top".into(), flight_s }),
        (0.0..30.0_f64).prop_map(|for_s| EventAction::Message { text: "t".into(), for_s }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// The hash after any seek is that of playing there, for any document, any order of seeks, and any keyframes.
    #[test]
    fn seeking_is_playing(
        events in proptest::collection::vec((0.0..900.0_f64, any_action()), 0..40),
        length_s in 20.0..900.0_f64,
        step_s in 0.1..3.0_f64,
        seeks in proptest::collection::vec((-0.1..1.1_f64, any::<bool>()), 1..20),
        weight in prop_oneof![Just(8_usize), Just(20 << 20), Just(200 << 20)],
    ) {
        let document = document(length_s, step_s, events);
        let mut played = playback(&document, 8);
        let mut hashes = vec![played.state_hash()];
        while played.play_step() {
            hashes.push(played.state_hash());
        }
        prop_assert_eq!(hashes.len() as u64, played.timeline().last_step() + 1);
        prop_assert_eq!(played.time(), start().plus_seconds(length_s));
        let mut sought = playback(&document, weight);
        for (part, on) in seeks {
            let time = start().plus_seconds(part * length_s);
            sought.seek(time);
            let step = sought.step_number();
            prop_assert_eq!(step, sought.timeline().step_at(time));
            prop_assert_eq!(sought.state_hash(), hashes[step as usize], "step {}", step);
            if on && sought.play_step() {
                prop_assert_eq!(sought.state_hash(), hashes[step as usize + 1], "one on from step {}", step);
            }
        }
        let (count, bytes) = sought.keyframes();
        prop_assert!(count <= 256 && (bytes <= 97 << 20 || count == 1), "{} keyframes, {} bytes", count, bytes);
    }

    /// However real time is cut into frames, the same steps are played.
    #[test]
    fn frames_do_not_matter(cuts in proptest::collection::vec(0.001..2.0_f64, 1..60), speed in 0.05..2000.0_f64) {
        let document = document(5000.0, 1.0, vec![(10.0, EventAction::Hide { object: "A".into() })]);
        let mut played = playback(&document, 8);
        played.set_speed(speed);
        played.play();
        cuts.iter().for_each(|dt| played.advance(*dt));
        let step = (cuts.iter().sum::<f64>() * speed.clamp(0.1, 1000.0)).floor() as i64;
        let off = played.step_number() as i64 - step.min(5000);
        prop_assert!(off.abs() <= 1, "step {} for {}", played.step_number(), step);
        let mut stepped = playback(&document, 8);
        stepped.step_by(played.step_number() as i64);
        prop_assert_eq!(stepped.state_hash(), played.state_hash());
    }
}

#[test]
fn events_happen_on_their_step_and_in_the_order_of_the_document() {
    let set =
        |value: i64| EventAction::Set { object: "A".into(), property: "p".into(), value: toml::Value::Integer(value) };
    let events = vec![(2.5, set(3)), (1.0, set(1)), (1.0, set(2)), (0.0, set(0)), (4.0, set(4))];
    let mut played = Playback::new(Timeline::new(&document(4.5, 1.0, events)).unwrap(), ());
    let mut values = Vec::new();
    loop {
        values.push(played.state().attribute("A", "p").unwrap().to_string());
        if !played.play_step() {
            break;
        }
    }
    assert_eq!(values, ["0", "2", "2", "3", "4", "4"]);
    assert_eq!(played.take_happenings().len(), 5);
    played.seek(start());
    played.seek(start().plus_seconds(4.0));
    assert!(played.take_happenings().is_empty(), "seeking is not playing, for the reader");
}

#[test]
fn messages_end_and_alarms_stay() {
    let events = vec![
        (1.0, EventAction::Message { text: "rain".into(), for_s: 2.0 }),
        (1.0, EventAction::Alarm { object: "A".into(), message: "wet".into(), severity: Severity::Warning }),
    ];
    let mut played = Playback::new(Timeline::new(&document(10.0, 1.0, events)).unwrap(), ());
    let shown = |played: &mut Playback<()>, at: f64| {
        played.seek(start().plus_seconds(at));
        (played.state().message.is_some(), played.state().alarms.len())
    };
    assert_eq!(
        [0.0, 1.0, 2.0, 3.0, 10.0].map(|at| shown(&mut played, at)).map(|s| s.0),
        [false, true, true, false, false]
    );
    assert_eq!(shown(&mut played, 10.0), (false, 1));
    assert_eq!(shown(&mut played, 0.0), (false, 0));
}

#[test]
fn it_stops_at_its_end_or_begins_again() {
    let mut played = playback(&document(10.0, 1.0, vec![]), 8);
    played.advance(5.0);
    assert_eq!(played.step_number(), 0, "paused at first");
    played.play();
    played.advance(f64::NAN);
    played.advance(3.4);
    assert_eq!((played.step_number(), played.shown_time()), (3, start().plus_seconds(3.4)));
    played.advance(100.0);
    assert!(!played.is_playing() && played.time() == played.timeline().end());
    played.play();
    assert_eq!(played.step_number(), 0, "playing at the end begins again");
    let first = played.state_hash();
    played.set_looping(true);
    played.advance(11.0);
    assert_eq!((played.step_number(), played.state_hash(), played.is_playing()), (0, first, true));
    played.set_speed(1e9);
    assert_eq!(played.speed(), 1000.0);
    played.step_by(-5);
    assert!(!played.is_playing());
}

#[test]
fn senseless_time_lines_are_refused() {
    assert!(Timeline::new(&document(0.0, 1.0, vec![])).is_err());
    assert!(Timeline::new(&document(10.0, 0.0, vec![])).is_err());
    assert!(Timeline::new(&document(10.0, f64::NAN, vec![])).is_err());
    assert!(Timeline::new(&document(1e10, 1e-3, vec![])).is_err());
    assert!(Timeline::new(&ScenarioDocument::default()).is_err());
}

/// A campus with two buildings of two devices each, and a device that stands alone.
fn campus() -> Arc<VariantCity> {
    let object = |id: &str, class: &str, parent: Option<&str>| CityObject {
        id: id.into(),
        class: class.into(),
        parent: parent.map(str::to_owned),
        attributes: vec![("area".into(), Value::Float(100.0))],
        ..CityObject::default()
    };
    let mut objects = vec![
        object("campus", "Campus", None),
        object("H1", "Building", Some("campus")),
        object("H2", "Building", Some("campus")),
        object("D0", "Device", Some("H1")),
        object("D1", "Device", Some("H1")),
        object("D2", "Device", Some("H2")),
        object("D3", "Device", None),
    ];
    objects.sort_by(|a, b| a.id.cmp(&b.id));
    Arc::new(VariantCity::new(Arc::new(open(&objects)), &CityEdits::default()).unwrap())
}

fn campus_scene() -> SceneDocument {
    let stale = BindingDocument { stale_after_s: Some(20.0), ..binding("{d}/power", by_id("{d}"), "power") };
    let bindings =
        vec![BindingDocument { rollup: RollupRule::Sum, ..stale }, binding("{d}/level", by_id("{d}"), "level")];
    let indicator = |name: &str, expression: &str, per: Option<&str>| IndicatorDocument {
        name: name.into(),
        expression: expression.into(),
        per: per.map(str::to_owned),
        ..IndicatorDocument::default()
    };
    let alarm = |name: &str, property: &str, class: Option<&str>, above: f64, for_s: f64| AlarmDocument {
        name: name.into(),
        message: "{name} at {format(value, 1)}".into(),
        property: property.into(),
        class: class.map(str::to_owned),
        above: Some(above),
        hysteresis: 0.5,
        for_s,
        ..AlarmDocument::default()
    };
    SceneDocument {
        bindings,
        indicators: vec![
            indicator("load", "sum(power)", Some("Building")),
            indicator("density", "sum(power) / sum(area)", None),
            indicator("level", "mean(level)", None),
            indicator("last", "last(area)", None),
            indicator("whole", "mean(level)", None),
        ],
        alarms: vec![
            alarm("device", "power", None, 3.0, 0.0),
            alarm("building", "power", Some("Building"), 4.0, 10.0),
            // An indicator is called so, too: it is on the property.
            alarm("level", "level", None, 1.0, 0.0),
            alarm("city", "whole", None, 1.0, 0.0),
        ],
        ..SceneDocument::default()
    }
}

fn live_part(observations: &[(f64, u8, f64)]) -> LivePart {
    let mut feeds: [Vec<Observation>; 2] = [Vec::new(), Vec::new()];
    for (at, stream, value) in observations {
        let property = if stream & 4 == 0 { "power" } else { "level" };
        let name = format!("D{}/{property}", stream & 3);
        let observation = Observation::number(name, start().plus_seconds(*at), *value);
        feeds[usize::from(stream >> 3 & 1)].push(observation);
    }
    let feeds = feeds.into_iter().zip(0..).map(|(mut feed, number)| {
        feed.sort_by_key(|observation| observation.time);
        (SourceIndex(number), Box::new(feed) as Box<dyn ObservationFeed>)
    });
    let before = start().plus_seconds(-1.0);
    LivePart::new(CityLive::new(&campus_scene(), &["a", "b"], campus(), before).unwrap(), feeds.collect())
}

/// Everything of the live state that can be seen, without its hash.
fn seen(playback: &Playback<LivePart>) -> String {
    let city = playback.live().city();
    let latest = city.latest();
    let mut readings: Vec<_> = (0..latest.slot_count())
        .filter_map(|slot| latest.reading(slot))
        .filter_map(|r| Some((r.row, r.property, r.state, r.latest?.value.clone(), city.rolled_up(r.row, r.property))))
        .collect();
    readings.sort_by_key(|reading| (reading.0, reading.1));
    let figures: Vec<_> = city.indicators().values().map(|f| (f.row, f.value.map(f64::to_bits), f.state)).collect();
    let raised: Vec<_> = city.alarms().raised().map(|alarm| (alarm.rule.document.name.clone(), alarm.row)).collect();
    format!("{readings:?} {figures:?} {raised:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Live values too are where playing leads, for any order of seeks: values and whether they are stale, roll-ups,
    /// indicators to the last bit, alarms.
    #[test]
    fn live_values_seek_exactly(
        observations in proptest::collection::vec((-50.0..400.0_f64, 0_u8..16, -5.0..5.0_f64), 0..200),
        areas in proptest::collection::vec((0.0..400.0_f64, 1_i64..500), 0..4),
        levels in proptest::collection::vec((0.0..400.0_f64, 0_u8..8, 0_i64..5), 0..6),
        seeks in proptest::collection::vec(0.0..1.0_f64, 1..15),
    ) {
        let set = |(at, area): (f64, i64)| {
            let value = toml::Value::Integer(area);
            (at, EventAction::Set { object: "H1".into(), property: "area".into(), value })
        };
        let level = |(at, device, level): (f64, u8, i64)| {
            let (object, value) = (format!("D{}", device & 3), toml::Value::Integer(level));
            let property = if device & 4 == 0 { "level" } else { "power" };
            (at, EventAction::Set { object, property: property.into(), value })
        };
        let mut events: Vec<_> = areas.into_iter().map(set).chain(levels.into_iter().map(level)).collect();
        events.sort_by(|a, b| a.0.total_cmp(&b.0));
        let timeline = Timeline::new(&document(400.0, 1.5, events)).unwrap();
        let state = |playback: &Playback<LivePart>| (playback.state_hash(), seen(playback));
        let mut played = Playback::new(timeline.clone(), live_part(&observations));
        let mut expected = vec![state(&played)];
        while played.play_step() {
            expected.push(state(&played));
        }
        let mut sought = Playback::new(timeline, live_part(&observations));
        for part in seeks {
            sought.seek(start().plus_seconds(part * 400.0));
            prop_assert_eq!(state(&sought), expected[sought.step_number() as usize].clone());
        }
    }
}

#[test]
fn values_roll_up_feed_figures_and_raise_alarms() {
    let observations = [(1.0, 0, 2.0), (2.0, 1, 3.5), (5.0, 2, 1.0), (20.0, 1, 0.5), (30.0, 5, 2.0), (31.0, 5, 0.2)];
    let mut played = Playback::new(Timeline::new(&document(60.0, 1.0, vec![])).unwrap(), live_part(&observations));
    let figures = |played: &Playback<LivePart>| -> Vec<Option<f64>> {
        played.live().city().indicators().values().map(|figure| figure.value).collect()
    };
    assert_eq!(figures(&played)[..4], [None, None, None, None], "nothing is known at the start");
    played.seek(start().plus_seconds(5.0));
    assert_eq!(figures(&played)[..4], [Some(5.5), Some(1.0), Some(6.5 / 700.0), None]);
    let mut log = Vec::new();
    let mut played = Playback::new(Timeline::new(&document(60.0, 1.0, vec![])).unwrap(), live_part(&observations));
    while played.play_step() {
        log.extend(played.take_happenings());
    }
    let told: Vec<(f64, String)> = log
        .iter()
        .map(|happening| {
            let what = match &happening.kind {
                HappeningKind::AlarmRaised { alarm, object, message, .. } => format!("{alarm} {object}: {message}"),
                HappeningKind::AlarmCleared { alarm, object } => format!("{alarm} {object} cleared"),
                HappeningKind::Event(_) => String::new(),
            };
            (happening.time.seconds_since(start()), what)
        })
        .collect();
    let expected = [
        (2.0, "device D1: D1 at 3.5"),
        (12.0, "building H1: H1 at 5.5"),
        (20.0, "device D1 cleared"),
        (20.0, "building H1 cleared"),
        (30.0, "level D1: D1 at 2.0"),
        (30.0, "city :  at 2.0"),
        (31.0, "level D1 cleared"),
        (31.0, "city  cleared"),
    ];
    assert_eq!(told, expected.map(|(at, what)| (at, what.to_owned())));
    // Values older than 20 s are worth nothing; the figures are unknown again.
    assert_eq!(figures(&played)[..4], [None, None, None, Some(0.2)]);
}

/// What an event sets of a live property counts before what is observed, in figures and for alarms.
#[test]
fn what_an_event_sets_counts_before_what_is_observed() {
    let set = |at: f64, object: &str, property: &str, value: f64| {
        let value = toml::Value::Float(value);
        (at, EventAction::Set { object: object.into(), property: property.into(), value })
    };
    let events = vec![set(10.0, "D1", "level", 2.0), set(12.0, "D0", "power", 9.0)];
    let observations = [(1.0, 5, 0.25), (1.0, 0, 1.0), (1.0, 1, 1.0), (11.0, 5, 0.5)];
    let mut played = Playback::new(Timeline::new(&document(60.0, 1.0, events)).unwrap(), live_part(&observations));
    let raised = |played: &Playback<LivePart>| -> Vec<(String, f64)> {
        let raised = played.live().city().alarms().raised();
        raised.map(|alarm| (alarm.rule.document.name.clone(), alarm.since.seconds_since(start()))).collect()
    };
    played.seek(start().plus_seconds(9.0));
    assert_eq!((seen_level(&played), raised(&played)), (Some(0.25), vec![]));
    played.seek(start().plus_seconds(30.0));
    assert_eq!(seen_level(&played), Some(2.0), "what came later does not count");
    let mut told = raised(&played);
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [("building", 22.0), ("city", 10.0), ("device", 12.0), ("level", 10.0)];
    assert_eq!(told, expected.map(|(name, at)| (name.to_owned(), at)));
    played.seek(start().plus_seconds(9.0));
    assert_eq!((seen_level(&played), raised(&played)), (Some(0.25), vec![]));
}

/// The mean level of the city.
fn seen_level(playback: &Playback<LivePart>) -> Option<f64> {
    let mut figures = playback.live().city().indicators().values();
    figures.find(|figure| figure.indicator.name == "level")?.value
}
