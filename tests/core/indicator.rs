//! Roll-up, indicators and alarms, against models that are as simple as they can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use veduta::city::{AggregateExpression, Scope, Value};
use veduta::indicator::{
    AlarmEvent, Alarms, Hierarchy, IndicatorError, IndicatorState, Indicators, ObjectTree, Rollup,
};
use veduta::quantity::Timestamp;
use veduta::scene::{AlarmDocument, IndicatorDocument, RollupRule, Severity};

use super::live::seconds;

/// Row 0 the city, 1 and 2 campuses, then 3 buildings a campus, then 4 devices a building.
struct Town;

const DEVICES: std::ops::Range<u32> = 9..33;

impl ObjectTree for Town {
    fn row_count(&self) -> u32 {
        33
    }
    fn parent(&self, row: u32) -> Option<u32> {
        match row {
            0 => None,
            1 | 2 => Some(0),
            3..=8 => Some(1 + (row - 3) / 3),
            _ => Some(3 + (row - 9) / 4),
        }
    }
    fn class(&self, row: u32) -> &str {
        match row {
            0 => "City",
            1 | 2 => "Campus",
            3..=8 => "Building",
            _ => "Device",
        }
    }
    fn rows_in(&self, area: &[[f64; 2]]) -> Vec<u32> {
        // The "polygon" holds the rows whose number lies between its first two longitudes.
        (area[0][0] as u32..area[1][0] as u32).collect()
    }
    fn matching(&self, filter: &str) -> Result<Vec<u32>, String> {
        match filter {
            "even" => Ok((0..33).filter(|row| row % 2 == 0).collect()),
            other => Err(format!("unknown attribute '{other}'")),
        }
    }
}

fn hierarchy() -> Arc<Hierarchy> {
    Arc::new(Hierarchy::new(&Town))
}

fn indicator(name: &str, expression: &str) -> IndicatorDocument {
    IndicatorDocument { name: name.into(), expression: expression.into(), ..IndicatorDocument::default() }
}

fn compile(documents: &[IndicatorDocument]) -> Result<Indicators, IndicatorError> {
    Indicators::compile(documents, hierarchy(), &Town)
}

fn number(indicators: &Indicators, name: &str) -> Vec<Option<f64>> {
    indicators.values().filter(|v| v.indicator.name == name).map(|v| v.value).collect()
}

#[test]
fn values_roll_up_the_tree() {
    let rules = [(0, RollupRule::Sum), (1, RollupRule::Mean), (2, RollupRule::Max), (3, RollupRule::Last)];
    let mut rollup = Rollup::new(hierarchy(), rules);
    for row in DEVICES {
        for property in 0..4 {
            rollup.set(row, property, Some((f64::from(row), seconds(i64::from(row) % 5))));
        }
    }
    let value = |rollup: &mut Rollup, row: u32| [0, 1, 2, 3].map(|p| rollup.value(row, p).unwrap());
    assert_eq!(value(&mut rollup, 3), [42.0, 10.5, 12.0, 9.0], "devices 9 to 12; 9 is the latest");
    assert_eq!(value(&mut rollup, 1), [174.0, 14.5, 20.0, 19.0], "devices 9 to 20");
    assert_eq!(value(&mut rollup, 0)[0], 492.0);
    rollup.take_changes();
    rollup.set(9, 0, None);
    assert_eq!(rollup.take_changes().into_iter().collect::<Vec<_>>(), [(0, 0), (1, 0), (3, 0), (9, 0)]);
    assert_eq!((rollup.value(3, 0), rollup.value(9, 0)), (Some(33.0), None));
    assert_eq!(rollup.value(3, 9), None, "nothing is bound to it");
}

#[test]
fn indicators_by_city_object_area_and_filter() {
    let area = Some(vec![[9.0, 0.0], [13.0, 0.0], [13.0, 1.0]]);
    let mut indicators = compile(&[
        IndicatorDocument { per: Some("Campus".into()), ..indicator("share", "power / total") },
        indicator("total", "sum(power)"),
        IndicatorDocument { per: Some("Campus".into()), ..indicator("power", "sum(power)") },
        IndicatorDocument { area, ..indicator("quarter", "mean(power)") },
        IndicatorDocument { filter: Some("even".into()), ..indicator("even", "count(power > 10)") },
        indicator("none", "max(water)"),
    ])
    .unwrap();
    assert!(indicators.uses("power") && !indicators.uses("other"));
    DEVICES.for_each(|row| indicators.set(row, "power", Some((f64::from(row).into(), seconds(0)))));
    while indicators.due() > 0 {
        indicators.update(2);
    }
    assert_eq!(number(&indicators, "total"), [Some(492.0)]);
    assert_eq!(number(&indicators, "power"), [Some(174.0), Some(318.0)]);
    assert_eq!(number(&indicators, "share"), [Some(174.0 / 492.0), Some(318.0 / 492.0)]);
    assert_eq!(number(&indicators, "quarter"), [Some(10.5)]);
    assert_eq!(number(&indicators, "even"), [Some(11.0)]);
    assert_eq!(number(&indicators, "none"), [None]);
    assert!(indicators.values().all(|v| (v.state == IndicatorState::Unknown) == v.value.is_none()));
    indicators.set(9, "power", None);
    let changed: Vec<String> = indicators
        .update(100)
        .into_iter()
        .map(|(i, g)| {
            let value = indicators.value(i, g).unwrap();
            format!("{} {:?}", value.indicator.name, value.row)
        })
        .collect();
    let expected = ["total None", "power Some(1)", "share Some(1)", "share Some(2)", "quarter None"];
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(changed), sorted(expected.map(str::to_owned).to_vec()));
}

#[test]
fn thresholds_in_either_direction() {
    use IndicatorState::{Critical, Normal, Warning};
    for (warning, critical, expected) in [
        (Some(10.0), Some(20.0), [Normal, Normal, Warning, Warning, Critical]),
        (Some(20.0), Some(10.0), [Critical, Critical, Critical, Warning, Warning]),
        (Some(10.0), None, [Normal, Normal, Warning, Warning, Warning]),
        (None, Some(20.0), [Normal, Normal, Normal, Normal, Critical]),
        (None, None, [Normal; 5]),
    ] {
        let mut indicators = compile(&[IndicatorDocument { warning, critical, ..indicator("i", "sum(p)") }]).unwrap();
        for (value, state) in [0.0, 9.9, 10.0, 19.9, 20.0].into_iter().zip(expected) {
            indicators.set(9, "p", Some((value.into(), seconds(0))));
            indicators.update(9);
            assert_eq!(indicators.value(0, 0).unwrap().state, state, "{value} {warning:?} {critical:?}");
        }
    }
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    for (documents, expected) in [
        (vec![indicator("a", "sum(power")], "expected ',' or ')', found the end, column 10, in the indicator 'a'"),
        (
            vec![indicator("a", "1 + power")],
            "no indicator is named 'power'; a property stands in an aggregate, like sum(power), column 5, in the indicator 'a'",
        ),
        (vec![indicator("a", "b"), indicator("b", "a + 1")], "it needs itself by way of 'b', in the indicator 'a'"),
        (
            vec![IndicatorDocument { filter: Some("heigth > 3".into()), ..indicator("a", "1") }],
            "unknown attribute 'heigth > 3', in the indicator 'a'",
        ),
    ] {
        assert_eq!(compile(&documents).unwrap_err().to_string(), expected);
    }
    let document = AlarmDocument { name: "x".into(), above: Some(f64::NAN), ..AlarmDocument::default() };
    assert!(Alarms::compile(&[document], hierarchy()).unwrap_err().to_string().contains("'x'"));
}

fn alarms(above: f64, hysteresis: f64, for_s: f64) -> Alarms {
    let document = AlarmDocument {
        name: "high".into(),
        property: "level".into(),
        class: Some("Device".into()),
        severity: Severity::Critical,
        above: Some(above),
        hysteresis,
        for_s,
        ..AlarmDocument::default()
    };
    Alarms::compile(&[document], hierarchy()).unwrap()
}

fn event(time: i64, raised: bool, value: f64) -> AlarmEvent {
    AlarmEvent { time: seconds(time), rule: 0, row: 9, raised, value }
}

#[test]
fn an_alarm_waits_is_raised_on_its_building_and_is_cleared() {
    let mut alarms = alarms(10.0, 2.0, 60.0);
    let observe = |alarms: &mut Alarms, t: i64, value: Option<f64>| {
        alarms.observe(9, "Device", true, "level", value, seconds(t));
        alarms.advance(seconds(t));
        alarms.take_events()
    };
    alarms.observe(9, "Building", true, "level", Some(99.0), seconds(0));
    assert_eq!(observe(&mut alarms, 0, Some(11.0)), []);
    assert_eq!(observe(&mut alarms, 30, Some(9.0)), [], "back before its time");
    assert_eq!(observe(&mut alarms, 40, Some(12.0)), []);
    assert_eq!(observe(&mut alarms, 60, None), [], "unknown: the wait ends");
    assert_eq!(observe(&mut alarms, 70, Some(12.0)), []);
    assert_eq!(alarms.worst(3), None);
    assert_eq!(observe(&mut alarms, 200, Some(13.0)), [event(130, true, 12.0)], "raised when its time had come");
    let worst = |alarms: &Alarms| [9, 3, 1, 0, 4].map(|row| alarms.worst(row));
    let critical = Some(Severity::Critical);
    assert_eq!(worst(&alarms), [critical, critical, critical, critical, None]);
    assert_eq!(
        alarms
            .raised()
            .map(|alarm| (alarm.rule.document.name.as_str(), alarm.row, alarm.since, alarm.value))
            .collect::<Vec<_>>(),
        [("high", 9, seconds(130), 13.0)]
    );
    assert_eq!(observe(&mut alarms, 210, Some(9.0)), [], "not well back");
    let current = |alarms: &Alarms| alarms.raised().map(|alarm| alarm.current).collect::<Vec<_>>();
    assert_eq!(current(&alarms), [true]);
    assert_eq!(observe(&mut alarms, 220, None), [], "unknown: it stays");
    assert_eq!(current(&alarms), [false], "and says that it is not known");
    assert_eq!(observe(&mut alarms, 230, Some(8.0)), [event(230, false, 8.0)]);
    assert_eq!(worst(&alarms), [None; 5]);
}

#[test]
fn an_alarm_is_raised_by_time_alone() {
    let mut alarms = alarms(10.0, 0.0, 60.0);
    alarms.observe(9, "Device", true, "level", Some(11.0), seconds(0));
    alarms.advance(seconds(59));
    assert_eq!(alarms.take_events(), []);
    alarms.advance(seconds(500));
    assert_eq!(alarms.take_events(), [event(60, true, 11.0)]);
}

#[test]
fn words_and_truths_are_counted() {
    let mut indicators = compile(&[
        indicator("away", "count(status = 'away')"),
        indicator("known", "count(status)"),
        indicator("both", "count(status = 'away' and open)"),
        indicator("sum", "sum(status)"),
    ])
    .unwrap();
    let mut set = |row, name, value: Value| indicators.set(row, name, Some((value, seconds(0))));
    for (row, status) in [(9, "away"), (10, "here"), (11, "away")] {
        set(row, "status", Value::Text(status.into()));
        set(row, "open", Value::Bool(row < 11));
    }
    indicators.update(100);
    let figures = |indicators: &Indicators| ["away", "known", "both", "sum"].map(|name| number(indicators, name)[0]);
    assert_eq!(figures(&indicators), [Some(2.0), Some(3.0), Some(1.0), None]);
    indicators.set(11, "status", Some((Value::Text("here".into()), seconds(1))));
    indicators.set(9, "open", None);
    indicators.update(100);
    assert_eq!(figures(&indicators), [Some(1.0), Some(3.0), Some(0.0), None]);
}

proptest! {
    /// Inside of the hysteresis band nothing is ever raised or cleared; lines of one alarm alternate; every raising value is
    /// beyond the threshold, every clearing one well back.
    #[test]
    fn no_chatter(values in prop::collection::vec(0.0..20.0_f64, 1..200)) {
        let mut alarms = alarms(10.0, 4.0, 0.0);
        let mut raised = false;
        for (t, value) in values.into_iter().enumerate() {
            alarms.observe(9, "Device", true, "level", Some(value), seconds(t as i64));
            let events = alarms.take_events();
            if value > 6.0 && value <= 10.0 {
                prop_assert!(events.is_empty());
            }
            for event in events {
                prop_assert_eq!(event.raised, !raised);
                raised = event.raised;
                let right = if raised { event.value > 10.0 } else { event.value <= 6.0 };
                prop_assert!(right);
            }
            prop_assert_eq!(raised, raised && value > 6.0 || value > 10.0);
        }
    }

    /// However often a frame looks, the log is the same; and from a snapshot on it goes as it went.
    #[test]
    fn the_log_does_not_depend_on_frames(
        steps in prop::collection::vec((1_i64..90, prop::option::weighted(0.9, 0.0..20.0_f64)), 1..80), cut in 0_usize..80,
    ) {
        let play = |alarms: &mut Alarms, steps: &[(i64, Option<f64>)], start: i64, frame: Option<i64>| {
            let mut now = start;
            let mut log = Vec::new();
            for (wait, value) in steps {
                if let Some(frame) = frame {
                    (now..now + wait).step_by(frame as usize).for_each(|t| alarms.advance(seconds(t)));
                }
                now += wait;
                alarms.observe(9, "Device", true, "level", *value, seconds(now));
                log.extend(alarms.take_events());
            }
            (log, now)
        };
        let (log, _) = play(&mut alarms(10.0, 4.0, 60.0), &steps, 0, None);
        let (with_frames, _) = play(&mut alarms(10.0, 4.0, 60.0), &steps, 0, Some(7));
        prop_assert_eq!(&log, &with_frames);
        let mut played = alarms(10.0, 4.0, 60.0);
        let cut = cut.min(steps.len());
        let (before, now) = play(&mut played, &steps[..cut], 0, None);
        let snapshot = played.snapshot();
        let (after, _) = play(&mut played, &steps[cut..], now, None);
        let hash = played.state_hash();
        prop_assert_eq!([before, after.clone()].concat(), log);
        played.restore(&snapshot);
        let (again, _) = play(&mut played, &steps[cut..], now, None);
        prop_assert_eq!(again, after);
        prop_assert_eq!(played.state_hash(), hash);
        let worst = played.raised().next().map(|_| Severity::Critical);
        prop_assert_eq!(played.worst(0), worst);
    }

    /// What is kept up to date by every change is what the expression says of all members at once.
    #[test]
    fn indicators_speak_the_language_of_expressions(
        steps in prop::collection::vec((0_u32..33, any::<bool>(), prop::option::weighted(0.8, -50_i32..50)), 1..80),
        text in prop::sample::select(vec![
            "sum(p) - sum(q)", "sum(p * q)", "max(p + q) - min(coalesce(p, 7))", "count()", "count(p)", "count(p is null)",
            "share(p > q)", "share(p between -10 and 10 and q > 0)", "mean(if(p > 0, p, -p))", "if(count(p) > 3, sum(p), -1)",
            "max(abs(sum(p)), mean(q))", "round(sum(p) / count(q > 0), 2)", "sum(p) > sum(q)", "coalesce(sum(p), 0)",
        ]),
    ) {
        let per = IndicatorDocument { per: Some("Building".into()), ..indicator("i", text) };
        let mut played = compile(&[per]).unwrap();
        let mut held: BTreeMap<(u32, &str), f64> = BTreeMap::new();
        for (row, first, value) in steps {
            let name = if first { "p" } else { "q" };
            let value = value.map(f64::from);
            played.set(row, name, value.map(|v| (v.into(), seconds(0))));
            match value {
                Some(value) => drop(held.insert((row, name), value)),
                None => drop(held.remove(&(row, name))),
            }
        }
        played.update(usize::MAX);
        let expression = AggregateExpression::parse(text).unwrap();
        for (building, figure) in (3..9_u32).zip(played.values()) {
            let devices = 9 + (building - 3) * 4;
            let held = &held;
            let scopes: Vec<_> = std::iter::once(building)
                .chain(devices..devices + 4)
                .map(|row| move |name: &str| held.get(&(row, name)).map_or(Value::Null, |v| Value::Float(*v)))
                .collect();
            let expected = expression.evaluate(scopes.iter().map(|s| s as &dyn Scope), &|_: &str| Value::Null);
            let expected = match expected {
                Value::Bool(truth) => Some(f64::from(u8::from(truth))),
                value => value.number(),
            };
            prop_assert_eq!(figure.row, Some(building));
            prop_assert_eq!(figure.value, expected, "{} of {}", text, building);
        }
    }

    /// Figures are functions of the values that are there, whatever came before and whichever objects ever had one: so
    /// setting what held at an instant is coming back to it, to the last bit.
    #[test]
    fn setting_what_held_is_coming_back(
        steps in prop::collection::vec((0_u32..33, prop::option::weighted(0.8, -50_i32..50)), 1..150), cut in 0_usize..150,
    ) {
        let documents = [
            IndicatorDocument { per: Some("Building".into()), ..indicator("b", "sum(p) + max(p) - min(p)") },
            indicator("mean", "mean(p)"),
            IndicatorDocument { per: Some("Building".into()), ..indicator("share", "b / mean") },
        ];
        let rules = [(0, RollupRule::Sum), (1, RollupRule::Mean), (2, RollupRule::Last)];
        let new = || (Rollup::new(hierarchy(), rules), compile(&documents).unwrap());
        let set = |(rollup, indicators): &mut (Rollup, Indicators), row: u32, value: Option<(f64, Timestamp)>| {
            (0..3).for_each(|property| rollup.set(row, property, value));
            indicators.set(row, "p", value.map(|(value, time)| (value.into(), time)));
            indicators.update(2);
        };
        let state = |(rollup, indicators): &mut (Rollup, Indicators)| {
            indicators.update(usize::MAX);
            let rolled = (0..33).flat_map(|row| [0, 1, 2].map(|property| (row, property)));
            let rolled: Vec<_> = rolled.map(|(row, property)| rollup.value(row, property).map(f64::to_bits)).collect();
            let figures: Vec<_> = indicators.values().map(|v| v.value.map(f64::to_bits)).collect();
            (rolled, figures, indicators.state_hash())
        };
        let mut played = new();
        let mut held: BTreeMap<u32, (f64, Timestamp)> = BTreeMap::new();
        let cut = cut.min(steps.len());
        for (i, (row, value)) in steps.into_iter().enumerate() {
            let value = value.map(|v| (f64::from(v) * 0.1, seconds(i as i64 / 4)));
            set(&mut played, row, value);
            if i < cut {
                match value {
                    Some(value) => drop(held.insert(row, value)),
                    None => drop(held.remove(&row)),
                }
            }
        }
        (0..33).for_each(|row| set(&mut played, row, held.get(&row).copied()));
        let mut fresh = new();
        held.iter().rev().for_each(|(row, value)| set(&mut fresh, *row, Some(*value)));
        prop_assert_eq!(state(&mut played), state(&mut fresh));
        let sum: f64 = held.values().map(|(value, _)| value).sum();
        let mean = (!held.is_empty()).then(|| sum / held.len() as f64);
        let got = number(&played.1, "mean")[0];
        prop_assert!(got.zip(mean).map_or(got == mean, |(a, b)| (a - b).abs() <= 1e-9));
    }
}
