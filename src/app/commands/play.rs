//! `veduta play`: a scenario in a window, or as frames, figures and an event log.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

use super::viewer;
use crate::app::cli::PlayArgs;
use crate::app::documents::Documents;
use crate::app::losses::{SourceSummary, in_words};
use crate::app::progress::Bar;
use crate::app::runs::runs;
use crate::app::stage::{SharedStage, Stage};
use crate::package::PackageSink;
use crate::platform::{AtomicFolder, Interrupt};
use crate::quantity::Timestamp;
use crate::scenario::{EventLog, IndicatorTable};

/// Pictures of a play whose scenario does not say how often.
const PICTURES: f64 = 24.0;

/// The file by which a folder of a play is known.
const SUMMARY: &str = "play.json";

/// What came of a play without a window: `play.json`.
#[derive(Debug, Serialize)]
struct Summary {
    scenario: String,
    /// The one that held: the first where none was named.
    variant: Option<String>,
    start: String,
    end: String,
    steps: u64,
    /// Hash of the last state: the same for the same documents, whatever the machine.
    state_hash: String,
    events: usize,
    observations: u64,
    /// What became of what each source sent.
    sources: Vec<SourceSummary>,
    pictures: usize,
    simulations: Vec<SimulationSummary>,
}

#[derive(Debug, Serialize)]
struct SimulationSummary {
    name: String,
    frames: usize,
    max_depth_m: f64,
    /// Hash of the last frame.
    hash: String,
}

pub fn run(arguments: &PlayArgs) -> Result<ExitCode> {
    let documents = Documents::open(&arguments.path)?;
    if documents.scenario.is_none() {
        anyhow::bail!("this is no scenario (it names no 'scene'): {}", arguments.path.display());
    }
    let stage = Stage::open(documents, arguments.scene.variant.as_deref())?;
    tell_warnings(&stage);
    if arguments.headless {
        headless(arguments, stage)?;
    } else {
        viewer::play(arguments, stage)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the documents say that is not so, on stderr.
pub fn tell_warnings(stage: &Stage) {
    stage.warnings.iter().for_each(|text| eprintln!("veduta: warning: {text}"));
}

fn headless(arguments: &PlayArgs, mut stage: Stage) -> Result<()> {
    let begin = Instant::now();
    let folder = arguments.out.as_deref().context("--headless needs --out DIR")?;
    let mut sink = AtomicFolder::create(folder, SUMMARY)?;
    let interrupt = Interrupt::on_signals().map_err(anyhow::Error::msg)?;
    compute_runs(&mut stage, &interrupt)?;
    let pictures = pictures(&mut stage, arguments.speed);
    let shared = SharedStage::new(stage);
    let mut painter = viewer::painter(&shared, arguments.size, arguments.scene.memory)?;
    let mut written = Written::default();
    let bar = Bar::new("playing", pictures.len() as u64);
    for (number, time) in pictures.iter().enumerate() {
        play_to(&mut shared.lock(), *time, &mut written.log);
        if interrupt.is_set() {
            anyhow::bail!("stopped: nothing is left in {}", folder.display());
        }
        written.note(&shared.lock());
        if let Some(png) = painter.picture(&shared)? {
            sink.write(&format!("frames/{number:04}.png"), &png)?;
            written.pictures += 1;
        }
        bar.set(number as u64 + 1);
    }
    bar.finish();
    let summary = written.summary(&mut shared.lock(), arguments);
    sink.write("events.jsonl", written.log.json_lines().as_bytes())?;
    sink.write("events.csv", written.log.csv().as_bytes())?;
    sink.write("indicators.csv", written.figures.csv().as_bytes())?;
    sink.write(SUMMARY, (serde_json::to_string_pretty(&summary)? + "\n").as_bytes())?;
    sink.commit()?;
    say!(
        "{}: {} pictures, {} events, {} observations, state {} after {} steps, in {:.1} s",
        folder.display(),
        summary.pictures,
        summary.events,
        summary.observations,
        summary.state_hash,
        summary.steps,
        begin.elapsed().as_secs_f64()
    );
    if !summary.sources.is_empty() {
        say!("{}", in_words(&summary.sources));
    }
    Ok(())
}

/// Reads or computes the simulations, with a bar.
pub fn compute_runs(stage: &mut Stage, interrupt: &Interrupt) -> Result<()> {
    let bar = Bar::new("simulating", 1000);
    stage.runs = runs(stage, &mut |_, part| {
        bar.set((part * 1000.0) as u64);
        !interrupt.is_set()
    })?;
    bar.finish();
    Ok(())
}

/// The instants of pictures: the start, then every so often, and the end.
fn pictures(stage: &mut Stage, speed: Option<f64>) -> Vec<Timestamp> {
    let every = stage.scenario.as_ref().and_then(|scenario| scenario.report.as_ref()?.picture_every_s);
    let Some(play) = stage.play() else { return Vec::new() };
    let (start, end) = (play.timeline().start(), play.timeline().end());
    let length = end.seconds_since(start);
    // A speed asks for the pictures of a film with one a second.
    let every = speed.or(every).unwrap_or(length / PICTURES).max(play.timeline().step_s());
    let count = (length / every).floor() as u64;
    let mut times: Vec<Timestamp> = (0..=count).map(|i| start.plus_seconds(i as f64 * every)).collect();
    if times.last().is_some_and(|last| *last < end) {
        times.push(end);
    }
    times
}

fn play_to(stage: &mut Stage, time: Timestamp, log: &mut EventLog) {
    let Some(play) = stage.play() else { return };
    while play.timeline().time_of(play.step_number() + 1) <= time && play.play_step() {
        log.add(play.take_happenings());
    }
    log.add(play.take_happenings());
    stage.tell_losses();
}

#[derive(Default)]
struct Written {
    log: EventLog,
    figures: IndicatorTable,
    pictures: usize,
}

impl Written {
    /// Writes down the figures of the instant that the stage is at.
    fn note(&mut self, stage: &Stage) {
        let report = stage.scenario.as_ref().and_then(|scenario| scenario.report.as_ref());
        let wanted = |name: &str| {
            report.is_none_or(|report| report.indicators.is_empty() || report.indicators.iter().any(|w| w == name))
        };
        let figures = stage.live().indicators().values().filter(|figure| wanted(&figure.indicator.name));
        self.figures
            .add(stage.time(), figures.map(|figure| (figure, figure.row.map_or("", |row| stage.objects.id(row)))));
    }

    fn summary(&self, stage: &mut Stage, arguments: &PlayArgs) -> Summary {
        let simulations = stage.runs.iter().map(|run| {
            let frames = run.recording.times_s().len();
            let all = (0..frames).filter_map(|number| run.recording.frame(number).ok());
            let deepest = all.map(|frame| frame.statistics.max_depth_m).fold(0.0, f64::max);
            let last = run.recording.frame(frames.saturating_sub(1)).map_or(0, |frame| frame.hash());
            SimulationSummary { name: run.name.clone(), frames, max_depth_m: deepest, hash: format!("{last:016x}") }
        });
        let simulations = simulations.collect();
        let observations = stage.live().latest().counters().applied;
        let sources = stage.losses.summary(stage.live().latest().tallies());
        let scenario = arguments.path.display().to_string();
        let first = stage.scenario.as_ref().and_then(|scenario| scenario.variants.first());
        let variant = arguments.scene.variant.clone().or_else(|| Some(first?.name.clone()));
        let (events, pictures) = (self.log.happenings().len(), self.pictures);
        let at = |time: Timestamp| time.to_string();
        let (start, end, steps, state_hash) = stage.play().map_or_else(Default::default, |play| {
            let hash = format!("{:016x}", play.state_hash());
            (at(play.timeline().start()), at(play.timeline().end()), play.step_number(), hash)
        });
        Summary {
            scenario,
            variant,
            start,
            end,
            steps,
            state_hash,
            events,
            observations,
            sources,
            pictures,
            simulations,
        }
    }
}
