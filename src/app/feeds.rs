//! Where a stage's live values come from: recordings and simulated feeds for a play, connections and the clock for the
//! present.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::stage::files_of;
use crate::city::Value;
use crate::geodesy::CrsRegistry;
use crate::import::city_crs;
use crate::indicator::ObjectTree;
use crate::live::{
    Decoded, Diagnostics, JsonConnector, NotObserved, Observation, Quality, RecordedObservations, ReplayedRecording,
    SimulatedFeed, SourceIndex, Storm,
};
use crate::platform::mqtt::MqttTransport;
use crate::platform::transport::{BackOff, ConnectionState, Inbox, TransportStatus};
use crate::quantity::Timestamp;
use crate::scenario::{CityLive, Happening, LivePart, ObservationFeed, VariantCity};
use crate::scene::{EventTime, RecordingDocument, ScenarioDocument, SceneDocument, SourceDocument, SourceKind};

/// Observations waiting for a frame at most.
const INBOX: usize = 200_000;
/// Observations of a feed of our own that a frame applies at most.
const A_FRAME: usize = 8192;
/// Observations of connections that are applied together.
const A_BATCH: usize = 1024;
/// After this no further batch is begun in a frame.
const A_FRAMES_TIME: Duration = Duration::from_millis(6);

/// The feeds of a play, and the streams that they will tell of.
pub struct RecordedFeeds {
    feeds: Vec<(SourceIndex, Box<dyn ObservationFeed>)>,
    streams: Vec<(SourceIndex, Arc<str>, Option<crate::geodesy::Geodetic>)>,
    /// What could not be read of recordings.
    faults: Vec<(SourceIndex, Diagnostics)>,
}

impl RecordedFeeds {
    /// The live part of a play: every stream is known from the start, so that what has not come yet shows as missing.
    pub fn announced(self, mut city: CityLive) -> LivePart {
        for (source, stream, place) in &self.streams {
            city.announce(*source, stream, *place);
        }
        for (source, faults) in &self.faults {
            city.note(*source, faults);
        }
        LivePart::new(city, self.feeds)
    }
}

/// The names that bindings see (sources of the scene, then recordings of the scenario) and their feeds. Connections to the
/// outside have no part in a play; a recording that plays as if it were observed now begins with it.
pub fn recorded_feeds(
    scene: &SceneDocument,
    scene_folder: &Path,
    scenario: &ScenarioDocument,
    scenario_folder: &Path,
    objects: &VariantCity,
    zone_s: i32,
) -> Result<(Vec<String>, RecordedFeeds)> {
    let registry = registry(scene)?;
    let mut names: Vec<String> = scene.sources.iter().map(|source| source.name.clone()).collect();
    let mut made = RecordedFeeds { feeds: Vec::new(), streams: Vec::new(), faults: Vec::new() };
    let storms = storms(scenario);
    let start = scenario.time.start.as_deref().and_then(|text| Timestamp::parse(text).ok()).unwrap_or_default();
    for (source, number) in scene.sources.iter().zip(0..).map(|(source, number)| (source, SourceIndex(number))) {
        match source.kind {
            SourceKind::Simulated => {
                let feed = simulated(source, objects, storms.clone(), zone_s);
                made.streams.extend(feed.streams().map(|stream| (number, stream.clone(), None)));
                made.feeds.push((number, Box::new(feed)));
            }
            SourceKind::Csv => {
                let feed = replayed(source, scene_folder, &registry, start)?;
                made.streams.extend(streams_of(&feed).map(|(stream, place)| (number, stream.clone(), *place)));
                made.faults.push((number, feed.recorded().diagnostics().clone()));
                made.feeds.push((number, Box::new(feed)));
            }
            SourceKind::Mqtt => {}
        }
    }
    for document in &scenario.recordings {
        let source = SourceIndex(u16::try_from(names.len()).context("too many sources")?);
        names.push(document.name.clone());
        let recorded = read_recording(document, scenario_folder, &registry)?;
        made.streams.extend(recorded.streams().iter().map(|(stream, place)| (source, stream.clone(), *place)));
        made.faults.push((source, recorded.diagnostics().clone()));
        made.feeds.push((source, Box::new(recorded)));
    }
    Ok((names, made))
}

/// The CRS that places of a scene may be in.
fn registry(scene: &SceneDocument) -> Result<CrsRegistry> {
    let cities = scene.city.crs.iter().map(|(name, document)| city_crs(name, document));
    Ok(CrsRegistry::new(cities.collect::<Result<Vec<_>, _>>()?)?)
}

fn read_recording(document: &RecordingDocument, folder: &Path, registry: &CrsRegistry) -> Result<RecordedObservations> {
    let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
    let mut files = Vec::new();
    for pattern in &document.files {
        for path in files_of(folder, pattern)? {
            files.push((path.display().to_string(), read(&path)?));
        }
    }
    let stations = document.stations.as_ref().map(|name| folder.join(name));
    let stations =
        stations.map(|path| Ok::<_, anyhow::Error>((path.display().to_string(), read(&path)?))).transpose()?;
    let borrowed = stations.as_ref().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    Ok(RecordedObservations::read(document, &files, borrowed, registry)?)
}

/// The recording of a `csv` source, as if its first instant were `begin`.
fn replayed(
    source: &SourceDocument,
    folder: &Path,
    registry: &CrsRegistry,
    begin: Timestamp,
) -> Result<ReplayedRecording> {
    let document = source.named_recording().with_context(|| format!("no [source.recording]: {}", source.name))?;
    Ok(ReplayedRecording::new(read_recording(&document, folder, registry)?, begin, source.repeat))
}

fn streams_of(feed: &ReplayedRecording) -> impl Iterator<Item = &(Arc<str>, Option<crate::geodesy::Geodetic>)> {
    feed.recorded().streams().iter()
}

/// The feed of every device of the city whose kind it knows.
fn simulated(source: &SourceDocument, objects: &VariantCity, storms: Vec<Storm>, zone_s: i32) -> SimulatedFeed {
    let devices = (0..objects.row_count()).filter(|row| objects.class(*row) == "Device");
    let devices: Vec<(Value, &str)> = devices.map(|row| (objects.attribute(row, "kind"), objects.id(row))).collect();
    let devices = devices.iter().filter_map(|(kind, id)| Some((kind.text()?, *id)));
    SimulatedFeed::of_devices(source, devices, storms, f64::from(zone_s))
}

/// The rain of the scenario's floods, as the simulated feed knows storms: 250 mm are one of strength 1.
fn storms(scenario: &ScenarioDocument) -> Vec<Storm> {
    let start = scenario.time.start.as_deref().and_then(|text| Timestamp::parse(text).ok());
    let storm = |simulation: &crate::scene::SimulationDocument| {
        let begin = match &simulation.start {
            Some(text) => EventTime::parse(text).ok()?.resolve(start?),
            None => start?,
        };
        let spells = simulation.rain_mm_h.iter().zip(simulation.rain_mm_h.iter().skip(1));
        let rain_mm: f64 = spells.map(|([from, rate], [to, _])| rate * (to - from) / 3600.0).sum();
        let lasts_s = simulation.rain_mm_h.last().map_or(0.0, |[seconds, _]| *seconds);
        (rain_mm > 0.0).then(|| Storm { start: begin, end: begin.plus_seconds(lasts_s), strength: rain_mm / 250.0 })
    };
    scenario.simulations.iter().filter_map(storm).collect()
}

/// The present: connections fill an inbox, the clock asks simulated feeds and recordings.
pub struct LiveFeeds {
    city: CityLive,
    inbox: Inbox,
    transports: Vec<(String, MqttTransport)>,
    simulated: Vec<(SourceIndex, SimulatedFeed)>,
    replayed: Vec<(SourceIndex, ReplayedRecording)>,
    batch: Vec<(SourceIndex, Observation)>,
    /// Number of the source of what is handed over here, after those of the scene.
    handed_over: SourceIndex,
    /// The instant up to which simulated feeds and recordings were asked.
    asked: Option<Timestamp>,
}

impl LiveFeeds {
    /// Makes everything that a scene's sources need and connects nothing: what `start` would fail with.
    pub fn check(scene: &SceneDocument, folder: &Path, objects: Arc<VariantCity>) -> Result<CityLive> {
        let names: Vec<&str> = scene.sources.iter().map(|source| source.name.as_str()).collect();
        let registry = registry(scene)?;
        let mut city = CityLive::new(scene, &names, objects, Timestamp(i64::MIN))?;
        for (source, number) in scene.sources.iter().zip(0..).map(|(source, number)| (source, SourceIndex(number))) {
            match source.kind {
                SourceKind::Mqtt => {
                    JsonConnector::new(&source.name, &source.mapping)?;
                    MqttTransport::check(source, folder).with_context(|| format!("source '{}'", source.name))?;
                }
                SourceKind::Csv => {
                    let feed = replayed(source, folder, &registry, Timestamp::default())?;
                    streams_of(&feed).for_each(|(stream, place)| city.announce(number, stream, *place));
                    city.note(number, feed.recorded().diagnostics());
                }
                SourceKind::Simulated => {}
            }
        }
        Ok(city)
    }

    /// Connects the sources of a scene; a broker that is down is tried again from then on.
    pub fn start(scene: &SceneDocument, folder: &Path, objects: Arc<VariantCity>, zone_s: i32) -> Result<Self> {
        let names: Vec<&str> = scene.sources.iter().map(|source| source.name.as_str()).collect();
        let registry = registry(scene)?;
        let mut city = CityLive::new(scene, &names, objects.clone(), Timestamp(i64::MIN))?;
        let inbox = Inbox::new(INBOX);
        let (mut transports, mut simulated_feeds, mut recordings) = (Vec::new(), Vec::new(), Vec::new());
        for (source, number) in scene.sources.iter().zip(0..).map(|(source, number)| (source, SourceIndex(number))) {
            match source.kind {
                SourceKind::Mqtt => {
                    let connector = Arc::new(JsonConnector::new(&source.name, &source.mapping)?);
                    let back_off = BackOff::default();
                    let transport = MqttTransport::start(source, folder, number, connector, inbox.clone(), back_off)?;
                    transports.push((source.name.clone(), transport));
                }
                SourceKind::Simulated => {
                    let feed = simulated(source, &objects, Vec::new(), zone_s);
                    feed.streams().for_each(|stream| city.announce(number, stream, None));
                    simulated_feeds.push((number, feed));
                }
                SourceKind::Csv => {
                    let feed = replayed(source, folder, &registry, Timestamp::default())?;
                    streams_of(&feed).for_each(|(stream, place)| city.announce(number, stream, *place));
                    city.note(number, feed.recorded().diagnostics());
                    recordings.push((number, feed));
                }
            }
        }
        let (simulated, replayed) = (simulated_feeds, recordings);
        let handed_over = SourceIndex(u16::try_from(names.len()).context("too many sources")?);
        Ok(Self { city, inbox, transports, simulated, replayed, batch: Vec::new(), handed_over, asked: None })
    }

    /// The values.
    pub fn city(&self) -> &CityLive {
        &self.city
    }

    /// The values, to take changes.
    pub fn city_mut(&mut self) -> &mut CityLive {
        &mut self.city
    }

    /// Whether nothing is connected, simulated or played.
    pub fn is_empty(&self) -> bool {
        self.transports.is_empty() && self.simulated.is_empty() && self.replayed.is_empty()
    }

    /// Whether something comes from outside, at its own time.
    pub fn has_connections(&self) -> bool {
        !self.transports.is_empty()
    }

    /// Observations of connections that wait for a frame.
    pub fn waiting(&self) -> usize {
        self.inbox.waiting()
    }

    /// State of each connection, by the name of its source.
    pub fn statuses(&self) -> impl Iterator<Item = (&str, TransportStatus)> {
        self.transports.iter().map(|(name, transport)| (name.as_str(), transport.status()))
    }

    /// A line for each connection that is down: source, cause and address.
    pub fn troubles(&self) -> Vec<String> {
        let down = self.statuses().filter(|(_, status)| status.state == ConnectionState::Lost);
        down.map(|(name, status)| format!("source '{name}': {}", status.cause.unwrap_or_default())).collect()
    }

    /// Applies what has come by `now`, as much as a frame can take: connections wait where the time is up.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Happening> {
        let begin = Instant::now();
        let mut happenings = Vec::new();
        self.city.advance(now, &mut happenings);
        self.ask_own_feeds(now);
        self.city.apply(&self.batch, &mut happenings);
        for (source, faults) in self.inbox.take_diagnostics() {
            self.city.note(source, &faults);
        }
        loop {
            self.batch.clear();
            self.inbox.take(A_BATCH, &mut self.batch);
            self.city.apply(&self.batch, &mut happenings);
            if self.batch.len() < A_BATCH || begin.elapsed() >= A_FRAMES_TIME {
                return happenings;
            }
        }
    }

    /// What simulated feeds and recordings tell up to `now`.
    fn ask_own_feeds(&mut self, now: Timestamp) {
        self.batch.clear();
        for (source, feed) in &self.simulated {
            let due = match self.asked {
                Some(asked) => feed.between(asked, now, A_FRAME),
                None => feed.latest_at(now).collect(),
            };
            self.batch.extend(due.into_iter().map(|observation| (*source, observation)));
        }
        for (source, feed) in &mut self.replayed {
            let due = match self.asked {
                Some(asked) => feed.between(asked, now, A_FRAME),
                None => {
                    feed.begin_at(now);
                    feed.latest_at(now)
                }
            };
            self.batch.extend(due.into_iter().map(|observation| (*source, observation)));
        }
        self.asked = Some(now);
    }

    /// Goes to an instant that only simulated feeds know of, and at which recordings begin: a picture of a scene at a time.
    pub fn jump(&mut self, time: Timestamp) {
        self.asked = None;
        self.advance(time);
    }

    /// Hands over an observation of a property that is bound: it waits with those of connections and is judged as they are.
    pub fn observe(&mut self, row: u32, property: u16, time: Timestamp, value: Value) -> Result<(), NotObserved> {
        let stream: Arc<str> = format!("{row}/{property}").into();
        let binding = self.city.lead(self.handed_over, &stream, row, property).ok_or(NotObserved::Unbound)?;
        if binding.wants_number() && value.number().is_none() {
            return Err(NotObserved::NotANumber);
        }
        if self.inbox.waiting() >= INBOX {
            return Err(NotObserved::TooMany);
        }
        let observation = Observation { stream, time, value, quality: Quality::Good, place: None };
        self.inbox.push(self.handed_over, &mut Decoded { observations: vec![observation], ..Decoded::default() });
        Ok(())
    }

    /// Waits for the first values of connections, so long.
    pub fn settle(&mut self, wait: Duration, now: &dyn Fn() -> Timestamp) {
        let begin = Instant::now();
        self.advance(now());
        while !self.transports.is_empty() && begin.elapsed() < wait {
            std::thread::sleep(Duration::from_millis(20));
            self.advance(now());
        }
    }
}
