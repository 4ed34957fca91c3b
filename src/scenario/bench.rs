//! How fast a city follows its live values: latest values, roll-ups, indicators and alarms together. `veduta bench live`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CityEdits, CityLive, ScenarioError, VariantCity};
use crate::city::CityObject;
use crate::live::{Observation, ObservationQueue, SourceIndex};
use crate::package::{City, Manifest, Objects, PackageError, write_objects};
use crate::quantity::Timestamp;
use crate::scene::{AlarmDocument, Attach, BindingDocument, IndicatorDocument, RollupRule, SceneDocument};
use crate::streaming::MemorySource;

/// Devices in a building; buildings in a campus.
const FAN_OUT: u32 = 100;
/// Between two observations, microseconds: 50 000 a second.
const APART_US: i64 = 20;

/// What frames of one kind cost.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct FrameBench {
    /// Observations that a frame takes at most.
    pub most_a_frame: usize,
    /// Frames.
    pub frames: u32,
    /// Observations followed by values, roll-ups, indicators and alarms a second.
    pub updates_per_s: f64,
    /// A frame's share, seconds.
    pub mean_frame_s: f64,
    /// The dearest frame, seconds.
    pub longest_frame_s: f64,
}

/// What it costs a city to follow its live values.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CityLiveBench {
    /// Bound devices, in buildings and campuses.
    pub devices: u32,
    /// Values that have come to one of them.
    pub applied: u64,
    /// Figures kept: one for each building, each campus and the city.
    pub figures: usize,
    /// Alarms raised and cleared on the way.
    pub alarm_events: usize,
    /// Frames by what they may take: a backlog worked off, and 50 000 observations a second at 60 frames a second.
    pub frames: Vec<FrameBench>,
    /// A snapshot of everything, seconds.
    pub snapshot_s: f64,
    /// Back to it, with roll-ups and indicators, seconds.
    pub restore_s: f64,
}

/// Measures `updates` updates of `devices` devices, for each kind of frame. `clock` tells seconds since any fixed instant.
pub fn bench_city_live(devices: u32, updates: u32, clock: &dyn Fn() -> f64) -> Result<CityLiveBench, ScenarioError> {
    let objects = Arc::new(town(devices)?);
    let mut city = CityLive::new(&scene(), &["bench"], objects, Timestamp(0))?;
    let streams: Vec<Arc<str>> = (0..devices).map(|i| format!("city/power/d{i:07}").into()).collect();
    streams.iter().for_each(|stream| city.announce(SourceIndex(0), stream, None));
    let mut run = Run { city: &mut city, streams: &streams, sent: 0, alarm_events: 0 };
    // Every device has a value before anything is measured.
    run.frames(devices, 8192, clock);
    run.alarm_events = 0;
    let frames = [8192, 834].map(|most| run.frames(updates, most, clock)).to_vec();
    let alarm_events = run.alarm_events;
    let start = clock();
    let snapshot = city.snapshot();
    let snapshot_s = clock() - start;
    let start = clock();
    city.restore(&snapshot);
    let restore_s = clock() - start;
    let applied = city.latest().counters().applied;
    let figures = city.indicators().values().count();
    Ok(CityLiveBench { devices, applied, figures, alarm_events, frames, snapshot_s, restore_s })
}

struct Run<'r> {
    city: &'r mut CityLive,
    streams: &'r [Arc<str>],
    sent: u32,
    alarm_events: usize,
}

impl Run<'_> {
    /// Sends `updates` observations and follows them in frames that take `most` at most.
    fn frames(&mut self, updates: u32, most: usize, clock: &dyn Fn() -> f64) -> FrameBench {
        let mut queue = ObservationQueue::new(updates as usize);
        let due = self.sent..self.sent.saturating_add(updates);
        due.clone().filter_map(|i| self.observation(i)).for_each(|o| queue.push(SourceIndex(0), o));
        self.sent = due.end;
        let (mut batch, mut happenings) = (Vec::with_capacity(most), Vec::new());
        let (mut frames, mut all_s, mut longest_frame_s) = (0, 0.0, 0.0_f64);
        while !queue.is_empty() {
            let start = clock();
            queue.take(most, &mut batch);
            let now = batch.last().map_or(self.city.latest().now(), |(_, observation)| observation.time);
            self.city.advance(now, &mut happenings);
            self.city.apply(&batch, &mut happenings);
            self.city.take_changed_rows();
            let frame_s = clock() - start;
            batch.clear();
            self.alarm_events += happenings.drain(..).count();
            all_s += frame_s;
            longest_frame_s = longest_frame_s.max(frame_s);
            frames += 1;
        }
        let mean_frame_s = all_s / f64::from(frames.max(1));
        let updates_per_s = f64::from(updates) / all_s.max(1e-9);
        FrameBench { most_a_frame: most, frames, updates_per_s, mean_frame_s, longest_frame_s }
    }

    /// Update `i`: the devices in a scattered order (a multiplicative permutation), now and then a value that alarms.
    fn observation(&self, i: u32) -> Option<Observation> {
        let scattered = u64::from(i).wrapping_mul(2_654_435_761);
        let stream = self.streams.get((scattered % (self.streams.len() as u64).max(1)) as usize)?;
        let value = f64::from(i % 997) + f64::from(i % 7) * 0.1;
        Some(Observation::number(stream.clone(), Timestamp(i64::from(i) * APART_US), value))
    }
}

/// Devices in buildings in campuses, as a package in memory.
fn town(devices: u32) -> Result<VariantCity, PackageError> {
    let object = |id: String, class: &str, parent: Option<String>| CityObject {
        id,
        class: class.into(),
        parent,
        ..CityObject::default()
    };
    let buildings = devices.div_ceil(FAN_OUT);
    let objects: Vec<CityObject> = (0..devices)
        .map(|i| object(format!("d{i:07}"), "Device", Some(format!("b{:05}", i / FAN_OUT))))
        .chain((0..buildings).map(|i| object(format!("b{i:05}"), "Building", Some(format!("c{:03}", i / FAN_OUT)))))
        .chain((0..buildings.div_ceil(FAN_OUT)).map(|i| object(format!("c{i:03}"), "Campus", None)))
        .collect();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    write_objects(&Objects::in_memory(objects)?, &mut files)?;
    let manifest = Manifest { format_version: Manifest::FORMAT_VERSION, ..Manifest::default() };
    files.insert(Manifest::NAME.to_owned(), manifest.write()?.into_bytes());
    let city = City::open(Arc::new(MemorySource::from_iter(files)))?;
    VariantCity::new(Arc::new(city), &CityEdits::default())
}

/// Power summed by building, campus and city, and watched on every device and building.
fn scene() -> SceneDocument {
    let power = BindingDocument {
        stream: "city/power/{device}".to_owned(),
        to: Attach { id: Some("{device}".to_owned()), ..Attach::default() },
        property: "power".to_owned(),
        unit: Some("kW".to_owned()),
        stale_after_s: Some(60.0),
        range: Some([0.0, 990.0]),
        rollup: RollupRule::Sum,
        ..BindingDocument::default()
    };
    let indicator = |name: &str, per: Option<&str>, expression: &str| IndicatorDocument {
        name: name.to_owned(),
        per: per.map(str::to_owned),
        expression: expression.to_owned(),
        ..IndicatorDocument::default()
    };
    let alarm = |name: &str, class: &str, above: f64| AlarmDocument {
        name: name.to_owned(),
        message: "{name} {format(value, 0)} kW".to_owned(),
        property: "power".to_owned(),
        class: Some(class.to_owned()),
        above: Some(above),
        hysteresis: 5.0,
        ..AlarmDocument::default()
    };
    SceneDocument {
        bindings: vec![power],
        indicators: vec![
            indicator("building", Some("Building"), "sum(power)"),
            indicator("campus", Some("Campus"), "sum(power)"),
            indicator("share", None, "share(power > 500)"),
            indicator("mean", None, "mean(power)"),
        ],
        alarms: vec![alarm("device", "Device", 980.0), alarm("building", "Building", 60_000.0)],
        ..SceneDocument::default()
    }
}
