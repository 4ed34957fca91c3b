//! A month of live data, in virtual time: whatever comes, and whatever nobody takes, memory stays where it was.

use std::sync::Arc;

use veduta::indicator::{Alarms, Hierarchy, Indicators, ObjectTree, Rollup};
use veduta::live::{Bindings, LiveCity, Observation, ObservationQueue, Outcome, SourceIndex, ValueState};
use veduta::quantity::Timestamp;
use veduta::scene::{AlarmDocument, BindingDocument, IndicatorDocument, RollupRule};

use super::live::{Row, binding, by_id};

const SOURCE: SourceIndex = SourceIndex(0);
const DEVICES: u32 = 60;
const MINUTES_A_DAY: i64 = 1440;

/// Devices 0 to 59, in ten buildings that come after them.
struct Street;

impl ObjectTree for Street {
    fn row_count(&self) -> u32 {
        DEVICES + 10
    }
    fn parent(&self, row: u32) -> Option<u32> {
        (row < DEVICES).then_some(DEVICES + row / 6)
    }
    fn class(&self, row: u32) -> &str {
        if row < DEVICES { "Device" } else { "Building" }
    }
    fn rows_in(&self, _: &[[f64; 2]]) -> Vec<u32> {
        Vec::new()
    }
    fn matching(&self, _: &str) -> Result<Vec<u32>, String> {
        Ok(Vec::new())
    }
}

struct Town {
    queue: ObservationQueue,
    city: LiveCity,
    rollup: Rollup,
    indicators: Indicators,
    alarms: Alarms,
}

impl Town {
    fn new() -> Self {
        let power = BindingDocument { stale_after_s: Some(90.0), ..binding("p/{n}", by_id("B{n}"), "power") };
        let level = BindingDocument { range: Some([0.0, 50.0]), ..binding("w/{n}", by_id("B{n}"), "level") };
        let bindings = Bindings::compile(&[power, level], &["a"]).unwrap();
        let hierarchy = Arc::new(Hierarchy::new(&Street));
        let indicator = |expression: &str, per: Option<&str>| IndicatorDocument {
            name: expression.into(),
            expression: expression.into(),
            per: per.map(str::to_owned),
            ..IndicatorDocument::default()
        };
        let figures = [indicator("sum(power * level)", Some("Building")), indicator("share(power > 10)", None)];
        let alarm = AlarmDocument {
            name: "high".into(),
            property: "power".into(),
            above: Some(10.0),
            ..AlarmDocument::default()
        };
        Self {
            queue: ObservationQueue::new(256),
            city: LiveCity::new(bindings, Timestamp(0)),
            rollup: Rollup::new(hierarchy.clone(), [(0, RollupRule::Sum), (1, RollupRule::Max)]),
            indicators: Indicators::compile(&figures, hierarchy.clone(), &Street).unwrap(),
            alarms: Alarms::compile(&[alarm], hierarchy).unwrap(),
        }
    }

    /// What comes in the minute that begins at `now`: values good, twice, late, from the future and out of range, streams
    /// that lead to no object, names that are never used again.
    fn come(&mut self, minute: i64, now: Timestamp) {
        let mut send = |stream: String, ahead_s: f64, value: f64| {
            self.queue.push(SOURCE, Observation::number(stream, now.plus_seconds(ahead_s), value));
        };
        for k in 0..4 {
            let device = (minute * 4 + k) % i64::from(DEVICES);
            let value = if (minute / 15) % 2 == 0 { 20.0 } else { 5.0 };
            send(format!("p/{device}"), k as f64, value);
            send(format!("p/{device}"), k as f64, value);
        }
        send(format!("w/{}", minute % i64::from(DEVICES)), 0.0, (minute % 70) as f64);
        send("w/7".into(), -7200.0, 1.0);
        send("w/8".into(), 86_400.0, 1.0);
        send(format!("p/{}", 1000 + minute % 50), 0.0, 1.0);
        for k in 0..8 {
            send(format!("once/{minute}/{k}"), 0.0, 1.0);
        }
    }

    /// What a frame does, but nobody takes the log of the alarms.
    fn frame(&mut self, now: Timestamp) {
        let mut batch = Vec::new();
        self.queue.take(64, &mut batch);
        self.city.advance(now);
        for (source, observation) in &batch {
            self.city.apply(*source, observation, &Row(DEVICES));
        }
        let mut slots = Vec::new();
        self.city.take_changes(&mut slots);
        for slot in slots {
            let reading = self.city.reading(slot).unwrap();
            let fresh = reading.latest.filter(|_| reading.state == ValueState::Fresh);
            let value = fresh.map(|latest| (latest.value.number().unwrap(), latest.time));
            self.rollup.set(reading.row, reading.property, value);
            let property = ["power", "level"][usize::from(reading.property)];
            self.indicators.set(reading.row, property, value.map(|(value, time)| (value.into(), time)));
            self.alarms.observe(reading.row, "Device", true, property, value.map(|(value, _)| value), now);
        }
        self.alarms.advance(now);
        self.indicators.update(5);
    }

    fn bytes(&self) -> [usize; 5] {
        [self.queue.bytes(), self.city.bytes(), self.rollup.bytes(), self.indicators.bytes(), self.alarms.bytes()]
    }
}

#[test]
fn a_month_takes_no_more_memory_than_its_first_days() {
    let mut town = Town::new();
    let mut most_by_day: Vec<[usize; 5]> = Vec::new();
    for day in 0..30 {
        let mut most = [0; 5];
        for minute in day * MINUTES_A_DAY..(day + 1) * MINUTES_A_DAY {
            let now = Timestamp(minute * 60_000_000);
            town.come(minute, now);
            // Every day the screen stands still for two hours.
            if minute % MINUTES_A_DAY >= 120 {
                town.frame(now);
            }
            // After a standstill, and once an hour.
            if minute % 60 == 0 {
                most.iter_mut().zip(town.bytes()).for_each(|(most, bytes)| *most = bytes.max(*most));
            }
        }
        most_by_day.push(most);
    }
    println!("{most_by_day:?}");
    let (counters, queue) = (town.city.counters(), town.queue.counters());
    println!("{counters:?} {queue:?}, {} lines of the log lost", town.alarms.lost_events());
    for what in [counters.applied, counters.duplicate, counters.late, counters.ahead, counters.out_of_range] {
        assert!(what > 1000, "{counters:?}");
    }
    assert!(counters.unbound > 300_000 && queue.conflated > 0 && queue.dropped > 0, "{counters:?} {queue:?}");
    assert!(town.alarms.lost_events() > 10_000);
    // Names that are used once fill their table in the first days; from then on nothing grows.
    let (first, rest) = most_by_day.split_at(12);
    let settled: Vec<usize> = (0..5).map(|what| first.iter().map(|most| most[what]).max().unwrap()).collect();
    assert!(rest.iter().all(|most| most.iter().zip(&settled).all(|(now, then)| now <= then)), "{most_by_day:?}");
    assert!(settled.iter().sum::<usize>() < 16 << 20, "{settled:?}");
    // A stream that comes late still finds its object.
    let now = town.city.now();
    let late = Observation::number("w/59", now, 2.0);
    assert_eq!(town.city.apply(SourceIndex(1), &late, &Row(DEVICES)), Outcome::Applied);
}
