//! The feed of the demo city: believable values that are a function of seed, stream and instant alone, so that any
//! instant can be jumped to.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Observation;
use crate::quantity::Timestamp;
use crate::scene::SourceDocument;

/// A year: slower is none at all, and instants stay far from the ends of their range.
const LONGEST_PERIOD_US: i64 = 31_557_600_000_000;

/// What a simulated device measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// Electric power of a room, kW.
    Power,
    /// PM2.5, micrograms per cubic metre.
    Air,
    /// Nitrogen dioxide, micrograms per cubic metre.
    No2,
    /// Water above the gauge's zero, metres.
    WaterLevel,
    /// Occupied places, per cent.
    Parking,
    /// People in sight.
    People,
}

impl DeviceKind {
    /// By the attribute `kind` of a device.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "power" => Self::Power,
            "air" => Self::Air,
            "no2" => Self::No2,
            "water_level" => Self::WaterLevel,
            "parking" => Self::Parking,
            "people" => Self::People,
            _ => return None,
        })
    }

    /// Microseconds between two observations.
    fn period_us(self) -> i64 {
        1_000_000
            * match self {
                Self::Power | Self::WaterLevel | Self::People => 60,
                Self::Parking => 120,
                Self::Air | Self::No2 => 300,
            }
    }
}

/// A storm: it raises the water, washes the air and clears the streets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Storm {
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// 1 brings the gauges to about 2 m.
    pub strength: f64,
}

#[derive(Debug, Clone)]
struct Device {
    stream: Arc<str>,
    kind: DeviceKind,
    seed: u64,
    /// Between two observations, microseconds; the same for all of a kind.
    period_us: i64,
    /// Its observations stand at this after a multiple of its period, microseconds.
    offset_us: i64,
}

/// The feed: every device observes once a period, each at its own second.
#[derive(Debug, Clone)]
pub struct SimulatedFeed {
    /// By kind, then offset.
    devices: Vec<Device>,
    storms: Vec<Storm>,
    /// Seconds from UTC to the city's clock.
    local_s: f64,
}

impl SimulatedFeed {
    /// A feed for these streams. `local_s`: seconds by which the city's clock is ahead of UTC.
    pub fn new(
        seed: u64,
        streams: impl IntoIterator<Item = (Arc<str>, DeviceKind)>,
        storms: Vec<Storm>,
        local_s: f64,
    ) -> Self {
        let device = |(stream, kind): (Arc<str>, DeviceKind)| {
            let seed = xxh3_64_with_seed(stream.as_bytes(), seed);
            Device { stream, kind, seed, period_us: kind.period_us(), offset_us: 0 }
        };
        let devices = streams.into_iter().map(device).collect();
        let mut feed = Self { devices, storms, local_s };
        feed.stagger();
        feed
    }

    /// The feed of a scene's source for devices by their attribute `kind` and their identifier: streams `SOURCE/KIND/ID`;
    /// devices of other kinds have none. One of kind `air` measures PM2.5 and, in a second stream of kind `no2`, NO2.
    pub fn of_devices<'d>(
        source: &SourceDocument,
        devices: impl IntoIterator<Item = (&'d str, &'d str)>,
        storms: Vec<Storm>,
        local_s: f64,
    ) -> Self {
        let stream = |kind: &str, id: &str| -> Arc<str> { format!("{}/{kind}/{id}", source.name).into() };
        let mut streams: Vec<(Arc<str>, DeviceKind)> = Vec::new();
        for (kind_name, id) in devices {
            let Some(kind) = DeviceKind::parse(kind_name) else { continue };
            streams.push((stream(kind_name, id), kind));
            if kind == DeviceKind::Air {
                streams.push((stream("no2", id), DeviceKind::No2));
            }
        }
        let feed = Self::new(source.seed.unwrap_or_default(), streams, storms, local_s);
        match source.rate_hz {
            Some(rate_hz) => feed.at_rate(rate_hz),
            None => feed,
        }
    }

    /// The same values observed more or less often: `rate_hz` observations a second by all devices together (on the
    /// average; no device observes more than once a microsecond). A rate that is not above 0 changes nothing.
    pub fn at_rate(mut self, rate_hz: f64) -> Self {
        let own_hz: f64 = self.devices.iter().map(|device| 1e6 / device.kind.period_us() as f64).sum();
        if rate_hz > 0.0 && rate_hz.is_finite() {
            for device in &mut self.devices {
                let period = device.kind.period_us() as f64 * own_hz / rate_hz;
                device.period_us = (period.round() as i64).clamp(1, LONGEST_PERIOD_US);
            }
            self.stagger();
        }
        self
    }

    /// Gives each device its own moment in the period.
    fn stagger(&mut self) {
        for device in &mut self.devices {
            device.offset_us = (device.seed % device.period_us as u64) as i64;
        }
        self.devices.sort_by(|a, b| (a.kind, a.offset_us, &a.stream).cmp(&(b.kind, b.offset_us, &b.stream)));
    }

    /// The streams: for [`super::LiveCity::announce`].
    pub fn streams(&self) -> impl Iterator<Item = &Arc<str>> {
        self.devices.iter().map(|device| &device.stream)
    }

    /// The observations after `after` up to and with `until`, by time, then stream; at most `most`, the latest ones.
    pub fn between(&self, after: Timestamp, until: Timestamp, most: usize) -> Vec<Observation> {
        let mut due: Vec<(Timestamp, &Device)> = Vec::new();
        for devices in self.devices.chunk_by(|a, b| a.kind == b.kind) {
            let Some(period) = devices.first().map(|device| device.period_us) else { continue };
            let first_cycle = after.0.div_euclid(period);
            // Older cycles cannot be among the `most` latest: a whole cycle has one observation of each device.
            let enough = i64::try_from(most / devices.len().max(1)).map_or(i64::MAX, |cycles| cycles.saturating_add(2));
            let last_cycle = until.0.div_euclid(period);
            for cycle in first_cycle.max(last_cycle.saturating_sub(enough))..=last_cycle {
                let start = cycle * period;
                let low = devices.partition_point(|device| start + device.offset_us <= after.0);
                let high = devices.partition_point(|device| start + device.offset_us <= until.0);
                let range = devices.get(low..high.max(low)).unwrap_or_default();
                due.extend(range.iter().map(|device| (Timestamp(start + device.offset_us), device)));
            }
        }
        due.sort_by(|a, b| (a.0, &a.1.stream).cmp(&(b.0, &b.1.stream)));
        let skip = due.len().saturating_sub(most);
        due.into_iter().skip(skip).map(|(time, device)| self.observation(device, time)).collect()
    }

    /// The latest observation of each device up to and with `until`: all that a jump to that instant needs.
    pub fn latest_at(&self, until: Timestamp) -> impl Iterator<Item = Observation> {
        self.devices.iter().map(move |device| {
            let period = device.period_us;
            let time = (until.0 - device.offset_us).div_euclid(period) * period + device.offset_us;
            self.observation(device, Timestamp(time))
        })
    }

    fn observation(&self, device: &Device, time: Timestamp) -> Observation {
        let value = (self.value(device, time) * 1000.0).round() / 1000.0;
        Observation::number(device.stream.clone(), time, value)
    }

    fn value(&self, device: &Device, time: Timestamp) -> f64 {
        let hour = (time.seconds() + self.local_s).rem_euclid(86_400.0) / 3600.0;
        let own = unit(device.seed, 0);
        let slow = wave(device.seed, time, 6.0 * 3600.0);
        let fast = wave(device.seed ^ 1, time, 600.0);
        match device.kind {
            DeviceKind::Power => {
                let work = bell(hour, 10.5, 2.2) + 0.9 * bell(hour, 15.0, 2.5);
                0.3 + 0.5 * own + (1.5 + 2.0 * own) * work + 0.25 * fast.abs() + 0.15 * slow.abs()
            }
            DeviceKind::Air => {
                let rush = bell(hour, 8.0, 1.5) + bell(hour, 18.5, 1.8);
                let washed = 1.0 - 0.6 * self.wetness(time).min(1.0);
                ((24.0 + 8.0 * own + 14.0 * slow + 16.0 * rush) * washed + 2.0 * fast).max(1.0)
            }
            DeviceKind::No2 => {
                // Traffic makes it, rain hardly washes it out.
                let rush = bell(hour, 8.0, 1.3) + 0.9 * bell(hour, 18.5, 1.6);
                let washed = 1.0 - 0.15 * self.wetness(time).min(1.0);
                ((14.0 + 10.0 * own + 7.0 * slow + 34.0 * rush) * washed + 1.5 * fast).max(1.0)
            }
            DeviceKind::WaterLevel => {
                // The principal lunar tide, 12.42 h.
                let tide = (time.seconds() / (12.42 * 3600.0) * std::f64::consts::TAU).sin();
                let flood = 1.55 * self.wetness(time) * (0.85 + 0.3 * own);
                0.35 + 0.18 * tide + 0.03 * fast + flood
            }
            DeviceKind::Parking => {
                let day = bell(hour, 13.0, 3.6);
                (18.0 + 10.0 * own + 62.0 * day + 7.0 * slow + 3.0 * fast).clamp(0.0, 100.0)
            }
            DeviceKind::People => {
                let commute = bell(hour, 8.3, 0.9) + 0.7 * bell(hour, 12.3, 1.0) + bell(hour, 18.0, 1.2);
                let out = (2.0 + (20.0 + 40.0 * own) * commute) * (1.0 + 0.3 * fast);
                (out * (1.0 - 0.8 * self.wetness(time).min(1.0))).max(0.0).round()
            }
        }
    }

    /// How much of the storms' rain is still about: rises within half an hour, drains within two hours; linear in them.
    fn wetness(&self, time: Timestamp) -> f64 {
        let one = |storm: &Storm| {
            let filled = |seconds: f64| 1.0 - (-seconds / 1800.0).exp();
            let since = time.seconds_since(storm.start);
            let lasted = storm.end.seconds_since(storm.start).max(0.0);
            match since {
                s if s <= 0.0 => 0.0,
                s if s <= lasted => storm.strength * filled(s),
                s => storm.strength * filled(lasted) * (-(s - lasted) / 7200.0).exp(),
            }
        };
        self.storms.iter().map(one).sum()
    }
}

/// A bell over the hours of a day, 1 at its middle.
fn bell(hour: f64, middle: f64, width: f64) -> f64 {
    let distance = (hour - middle + 12.0).rem_euclid(24.0) - 12.0;
    (-0.5 * (distance / width).powi(2)).exp()
}

/// A number in [0, 1) from a seed and a counter.
fn unit(seed: u64, counter: i64) -> f64 {
    (xxh3_64_with_seed(&counter.to_le_bytes(), seed) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Smooth noise in [-1, 1] that changes within about `period_s` (value noise with a cubic blend).
fn wave(seed: u64, time: Timestamp, period_s: f64) -> f64 {
    let at = time.seconds() / period_s;
    let cell = at.floor();
    let part = at - cell;
    let blend = part * part * (3.0 - 2.0 * part);
    let (a, b) = (unit(seed, cell as i64), unit(seed, cell as i64 + 1));
    2.0 * (a + (b - a) * blend) - 1.0
}
