//! The stages of a server: each scene with live values or a play is ticked on a thread of its own and published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use prometheus_client::metrics::gauge::Gauge;

use super::added::added_contents;
use super::documents::Documents;
use super::runs::{run, start_of};
use super::serve_memory::StageMemory;
use super::stage::{SharedStage, Stage, place_of};
use crate::geodesy::SitePoint;
use crate::indicator::{Alarms, IndicatorState, ObjectTree, RaisedAlarm};
use crate::live::ObjectDirectory;
use crate::platform::transport::wall_clock;
use crate::quantity::Timestamp;
use crate::scenario::wire::{Alarm, Figure, Hello, IndicatorAbout, LiveValueOf, OwnValue, Play, Staging, Told};
use crate::scenario::{
    AddedContent, CameraForViewers, CityLive, EffectsForViewers, Happening, RunForViewers, SceneForViewers,
};
use crate::scene::{BindingDocument, CameraDocument, SceneDocument, SimulationDocument};
use crate::service::live::{About, Board, Fact, Live, PlayCommand, PlayOrder, SceneAbout, SceneChannel, SceneParts};

/// Time between two states of a stage.
const TICK: Duration = Duration::from_millis(50);
/// Rows whose values are put on the board in one go; readers get their turn between two.
const ROWS_AT_ONCE: usize = 2048;
/// Orders carried out in a tick.
const ORDERS_A_TICK: usize = 8;

/// A stage that is served until this is dropped.
pub struct ServedStage {
    /// The stage, for what draws it.
    pub stage: SharedStage,
    channel: Arc<SceneChannel>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ServedStage {
    /// Publishes a stage under a name and keeps it going. `city` is its package in addresses.
    pub fn start(name: &str, city: &str, stage: Stage, live: &Live) -> Result<Self> {
        let (board, mut about) = (board(name, &stage), about_scene(name, city, &stage)?);
        let stage = SharedStage::new(stage);
        about.memory = Some(Arc::new(StageMemory::of(stage.clone(), live.limits().history_bytes)));
        let (channel, orders) = live.open(board, about);
        let share = |gauge: &Gauge| Share { gauge: gauge.clone(), told: 0 };
        let mut publisher = Publisher {
            stage: stage.clone(),
            channel: channel.clone(),
            figures: Vec::new(),
            alarms: BTreeMap::new(),
            inbox: share(&live.counters.inbox),
            history: share(&live.counters.history),
        };
        publisher.publish(Vec::new());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let run = move || publisher.run(&orders, &stopped);
        let thread = std::thread::Builder::new().name(format!("stage {name}")).spawn(run);
        let thread = Some(thread.context("cannot start a stage's thread")?);
        Ok(Self { stage, channel, stop, thread })
    }

    /// Computes (or reads) the simulations of its play beside it, on a play of their own, and hands them to whoever draws.
    pub fn compute_runs(&self, documents: Documents) -> Result<()> {
        let (stage, channel, stop) = (self.stage.clone(), self.channel.clone(), self.stop.clone());
        let shown = documents.shown.clone();
        let compute = move || {
            let Some(scenario) = documents.scenario.clone() else { return };
            let own = Stage::open(documents, None);
            for document in &scenario.simulations {
                let computed = own
                    .as_ref()
                    .map_err(|error| anyhow!("{error:#}"))
                    .and_then(|own| run(own, document, scenario.seed, &mut |_, _| !stop.load(Ordering::Relaxed)));
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                match computed {
                    Ok(run) => {
                        channel.add_run(&run.name, Some(run.recording.clone()));
                        stage.lock().runs.push(run);
                    }
                    Err(error) => {
                        channel.add_run(&document.name, None);
                        tracing::error!("simulation '{}' is not drawn: {error:#}: {shown}", document.name);
                    }
                }
            }
        };
        std::thread::Builder::new().name("simulations".to_owned()).spawn(compute).context("cannot start a thread")?;
        Ok(())
    }
}

impl Drop for ServedStage {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in there was told by itself.
            drop(thread.join());
        }
    }
}

/// The board of a stage of which nothing is known yet.
fn board(name: &str, stage: &Stage) -> Board {
    let bindings = stage.live().latest().bindings();
    let unit = |property: &str| {
        let of = bindings.bindings().iter().find(|binding| bindings.property(property) == Some(binding.property));
        of.and_then(|binding| binding.unit.clone()).unwrap_or_default()
    };
    let hello = Hello {
        scene: name.to_owned(),
        title: stage.scene.name.clone(),
        properties: bindings.properties().iter().map(|property| (property.to_string(), unit(property))).collect(),
        indicators: stage.scene.indicators.iter().map(IndicatorAbout::of).collect(),
    };
    Board::new(hello, stage.scene.layers.iter().map(|layer| layer.name.clone()).collect())
}

fn about_scene(name: &str, city: &str, stage: &Stage) -> Result<SceneAbout> {
    let scenario = stage.scenario.as_ref();
    let variants: Vec<String> = scenario.iter().flat_map(|s| &s.variants).map(|variant| variant.name.clone()).collect();
    let added = added_contents(stage)?;
    Ok(SceneAbout {
        scenario: scenario.map(|scenario| scenario.name.clone()),
        variant: variants.first().cloned(),
        variants,
        for_viewers: scene_for_viewers(name, city, stage),
        added: if added.is_empty() { Arc::default() } else { AddedContent::encode(&added).into() },
        sources: scene_sources(&stage.scene),
        memory: None,
        // What connections need (addresses, passwords) is nobody's business here.
        parts: Some(Arc::new(SceneParts {
            city: stage.city.clone(),
            scene: SceneDocument { sources: Vec::new(), ..stage.scene.clone() },
        })),
    })
}

/// By number of the binding: the source that brings its values, where it can be only one.
fn scene_sources(scene: &SceneDocument) -> Vec<Option<String>> {
    let only = scene.sources.first().filter(|_| scene.sources.len() == 1).map(|source| source.name.clone());
    scene.bindings.iter().map(|binding| binding.source.clone().or_else(|| only.clone())).collect()
}

fn scene_for_viewers(name: &str, city: &str, stage: &Stage) -> SceneForViewers {
    let scene = &stage.scene;
    let effects = |binding: &BindingDocument| EffectsForViewers {
        property: binding.property.clone(),
        unit: binding.unit.clone(),
        effects: binding.effects.clone(),
    };
    let moves = stage.scenario.is_some() || !scene.sources.is_empty();
    let removed = stage.objects.removed().iter();
    let run = |document: &SimulationDocument| {
        Some(RunForViewers { name: document.name.clone(), start: start_of(stage, document).ok()?.to_string() })
    };
    SceneForViewers {
        scene: name.to_owned(),
        title: scene.name.clone(),
        city: city.to_owned(),
        layers: scene.layers.clone(),
        bindings: scene.bindings.iter().map(effects).collect(),
        cameras: scene.cameras.iter().filter_map(|camera| camera_for_viewers(camera, stage)).collect(),
        tour: scene.tour.clone(),
        panel: scene.panel.clone(),
        sun: if moves { None } else { scene.time.start.clone() },
        zone_s: stage.zone_s,
        removed: removed.map(|row| stage.objects.id(*row).to_owned()).collect(),
        added: (stage.objects.row_count() > stage.city.table().rows()).then(|| stage.city.table().rows()),
        runs: stage.scenario.iter().flat_map(|scenario| &scenario.simulations).filter_map(run).collect(),
    }
}

/// A camera at its place; `None` where its object is nowhere.
fn camera_for_viewers(camera: &CameraDocument, stage: &Stage) -> Option<CameraForViewers> {
    let (eye_in_site, _) = place_of(&stage.objects, camera, &stage.site())?;
    let eye = stage.site().to_geodetic(SitePoint(eye_in_site));
    Some(CameraForViewers {
        name: camera.name.clone(),
        longitude: eye.longitude_rad.to_degrees(),
        latitude: eye.latitude_rad.to_degrees(),
        height: eye.ellipsoid_height_m,
        heading: camera.heading,
        pitch: camera.pitch,
        field_of_view: camera.field_of_view,
    })
}

/// Takes what has changed from a stage to its board.
struct Publisher {
    stage: SharedStage,
    channel: Arc<SceneChannel>,
    /// The figures that were published last, in the order of the indicators: bits of the value, state.
    figures: Vec<(Option<u64>, IndicatorState)>,
    /// The alarms that were published last, by rule and row: since when, bits of the value, whether it is current.
    alarms: BTreeMap<(String, u32), (Timestamp, u64, bool)>,
    inbox: Share,
    history: Share,
}

/// What a stage adds to a gauge that all stages share.
struct Share {
    gauge: Gauge,
    told: i64,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.tell(0);
    }
}

impl Share {
    fn tell(&mut self, now: usize) {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.gauge.inc_by(now - std::mem::replace(&mut self.told, now));
    }
}

impl Publisher {
    fn run(&mut self, orders: &Receiver<PlayOrder>, stop: &AtomicBool) {
        let mut last = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            let begin = Instant::now();
            let waiting: Vec<PlayOrder> = orders.try_iter().take(ORDERS_A_TICK).collect();
            let happenings = {
                let mut stage = self.stage.lock();
                waiting.iter().for_each(|order| carry_out(&mut stage, order.command));
                let happenings = stage.advance(begin.duration_since(last).as_secs_f64(), wall_clock());
                self.inbox.tell(stage.waiting());
                self.history.tell(stage.live().latest().history_bytes());
                happenings
            };
            last = begin;
            self.publish(happenings);
            for order in waiting {
                // Whoever asked may have gone.
                let _ = order.done.send(());
            }
            std::thread::sleep(TICK.saturating_sub(begin.elapsed()));
        }
    }

    fn publish(&mut self, happenings: Vec<Happening>) {
        let shared = self.stage.clone();
        let mut stage = shared.lock();
        let rows: Vec<u32> = stage.take_rows_to_publish().into_iter().collect();
        let play = stage.play().map(|play| {
            let timeline = play.timeline();
            let (start, end, step_s) = (timeline.start(), timeline.end(), timeline.step_s());
            let (playing, looping, speed) = (play.is_playing(), play.is_looping(), play.speed());
            Play { time: play.shown_time(), start, end, step_s, playing, looping, speed }
        });
        let figures = self.changed_figures(&stage);
        let (changed, raised) = self.changed_alarms(&stage);
        // What follows from values comes before them, the time that all of it is of after them: who waits for a value finds what
        // follows from it, who waits for a time finds everything.
        self.channel.publish(|board| {
            introduce(board, &stage, figures.iter().chain(&changed).filter_map(Fact::row));
            figures.into_iter().chain(changed).for_each(|fact| board.put(fact));
            board.clear_alarms_but(&raised);
        });
        for rows in rows.chunks(ROWS_AT_ONCE) {
            let values: Vec<Fact> = rows.iter().flat_map(|row| values_of(stage.live(), *row)).collect();
            self.channel.publish(|board| {
                introduce(board, &stage, rows.iter().copied());
                values.into_iter().for_each(|value| board.put(value));
            });
        }
        self.channel.publish(|board| {
            board.set_now(stage.time());
            if let Some(play) = play {
                board.put(Fact::Staging(Staging::from(stage.state())));
                board.put(Fact::Play(play));
            }
            happenings.iter().for_each(|happening| board.tell(Told::from(happening)));
        });
    }

    fn changed_figures(&mut self, stage: &Stage) -> Vec<Fact> {
        let names = stage.scene.indicators.iter().map(|indicator| indicator.name.as_str()).zip(0_u16..);
        let numbers: BTreeMap<&str, u16> = names.collect();
        let mut changed = Vec::new();
        for (at, figure) in stage.live().indicators().values().enumerate() {
            let now = (figure.value.map(f64::to_bits), figure.state);
            match self.figures.get_mut(at) {
                Some(known) if *known == now => continue,
                Some(known) => *known = now,
                None => self.figures.push(now),
            }
            let Some(indicator) = numbers.get(figure.indicator.name.as_str()) else { continue };
            let (row, value, state) = (figure.row, figure.value, figure.state);
            changed.push(Fact::Figure(Figure { indicator: *indicator, row, value, state }));
        }
        changed
    }

    /// The alarms that are new or have another value, and the names and objects of all that are raised.
    fn changed_alarms(&mut self, stage: &Stage) -> (Vec<Fact>, BTreeSet<(String, String)>) {
        let (mut changed, mut raised, mut known) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        for alarm in stage.live().alarms().raised() {
            let RaisedAlarm { rule, row, since, value, current } = alarm;
            let name = &rule.document.name;
            let city = row == Alarms::CITY;
            let object = if city { String::new() } else { stage.objects.id(row).to_owned() };
            let key = (name.clone(), row);
            if self.alarms.get(&key) != Some(&(since, value.to_bits(), current)) {
                changed.push(Fact::Alarm(Alarm {
                    name: name.clone(),
                    object: object.clone(),
                    row: (!city).then_some(row),
                    raised: true,
                    severity: rule.document.severity,
                    message: stage.words_of_alarm(&alarm),
                    since,
                    value: Some(value),
                }));
            }
            known.insert(key, (since, value.to_bits(), current));
            raised.insert((name.clone(), object));
        }
        self.alarms = known;
        for (object, alarm) in &stage.state().alarms {
            raised.insert((String::new(), object.clone()));
            let row = stage.objects.row_of(object);
            let (message, severity, since) = (alarm.message.clone(), alarm.severity, alarm.since);
            let (name, object) = (String::new(), object.clone());
            changed.push(Fact::Alarm(Alarm { name, object, row, raised: true, severity, message, since, value: None }));
        }
        (changed, raised)
    }
}

fn carry_out(stage: &mut Stage, command: PlayCommand) {
    let Some(play) = stage.play() else { return };
    match command {
        PlayCommand::Play => play.play(),
        PlayCommand::Pause => play.pause(),
        PlayCommand::Seek(time) => play.seek(time),
        PlayCommand::Step(steps) => play.step_by(steps),
        PlayCommand::Speed(speed) => play.set_speed(speed),
        PlayCommand::Loop(looping) => play.set_looping(looping),
    }
}

/// The live properties of an object.
fn values_of(live: &CityLive, row: u32) -> impl Iterator<Item = Fact> {
    let count = live.latest().bindings().properties().len();
    (0..count as u16).map(move |property| {
        let own = live.latest().reading_of(row, property).map(|reading| OwnValue {
            state: reading.state,
            binding: reading.binding,
            value: reading.latest.map(|latest| latest.value.clone()).unwrap_or_default(),
            time: reading.latest.map(|latest| latest.time).unwrap_or_default(),
        });
        Fact::Value(LiveValueOf { row, property, own, rolled_up: live.rolled_up(row, property) })
    })
}

fn introduce(board: &mut Board, stage: &Stage, rows: impl Iterator<Item = u32>) {
    for row in rows {
        board.introduce(row, || {
            let bounds = stage.objects.bounds(row);
            let place = (!bounds.is_empty()).then(|| stage.site().to_geodetic(SitePoint(bounds.center())));
            About {
                id: stage.objects.id(row).to_owned(),
                class: stage.objects.class(row).to_owned(),
                layers: stage.appearance.layers_of(row, &stage.objects),
                place: place.map(|at| [at.longitude_rad.to_degrees(), at.latitude_rad.to_degrees()]),
            }
        });
    }
}
