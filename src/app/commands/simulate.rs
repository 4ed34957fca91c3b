//! `veduta simulate`: the simulations of a scenario, recorded.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::app::cli::SimulateArgs;
use crate::app::documents::Documents;
use crate::app::progress::Bar;
use crate::app::runs::{compute, is_recording};
use crate::app::stage::Stage;
use crate::platform::{Interrupt, write_atomically};
use crate::sim::Recording;

pub fn run(arguments: &SimulateArgs) -> Result<ExitCode> {
    let shown = arguments.scenario.display();
    let documents = Documents::open(&arguments.scenario)?;
    let Some(scenario) = documents.scenario.clone() else {
        bail!("this is no scenario (it names no 'scene'): {shown}");
    };
    let known: Vec<&str> = scenario.simulations.iter().map(|simulation| simulation.name.as_str()).collect();
    let named = |name: &String| scenario.simulations.iter().find(|simulation| simulation.name == *name);
    let document = match (&arguments.name, &scenario.simulations[..]) {
        (Some(name), _) => named(name),
        (None, [only]) => Some(only),
        (None, []) => bail!("the scenario has no simulation: {shown}"),
        (None, _) => bail!("say which simulation with --name; there are {}: {shown}", known.join(", ")),
    };
    let Some(document) = document else {
        let name = arguments.name.as_deref().unwrap_or_default();
        bail!("no simulation is named '{name}'; there are {}: {shown}", known.join(", "));
    };
    let output = &arguments.output;
    if output.exists() && !is_recording(output) {
        bail!("something else is there, and is not replaced; name another file with -o: {}", output.display());
    }
    let stage = Stage::open(documents, arguments.variant.as_deref())?;
    let interrupt = Interrupt::on_signals().map_err(anyhow::Error::msg)?;
    let begin = Instant::now();
    let bar = Bar::new("simulating", 1000);
    let recording = compute(&stage, document, scenario.seed, &mut |_, part| {
        bar.set((part * 1000.0) as u64);
        !interrupt.is_set()
    })?;
    bar.finish();
    write_atomically(output, recording.bytes())?;
    let facts = facts(&recording)?;
    let seconds = begin.elapsed().as_secs_f64();
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&Computed { facts, seconds })?);
    } else {
        say!("{}: {facts}, in {seconds:.1} s", output.display());
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(serde::Serialize)]
struct Computed {
    #[serde(flatten)]
    facts: Facts,
    seconds: f64,
}

/// What a recording holds.
#[derive(Debug, serde::Serialize)]
pub struct Facts {
    kind: String,
    name: String,
    seed: u64,
    columns: usize,
    rows: usize,
    cell_m: f64,
    cells: usize,
    frames: usize,
    /// Seconds after its start: of the last frame.
    lasts_s: f64,
    max_depth_m: f64,
    /// Cubic metres: what came in, less what went out and what is there, over what came in.
    imbalance: f64,
    hash: String,
}

/// Reads every frame: fails where one is damaged.
pub fn facts(recording: &Recording) -> Result<Facts> {
    let frames = recording.times_s().len();
    let (mut max_depth_m, mut last) = (0.0_f64, recording.frame(0)?);
    let before = last.statistics.volume_m3;
    for number in 1..frames {
        last = recording.frame(number)?;
        max_depth_m = max_depth_m.max(last.statistics.max_depth_m);
    }
    let s = last.statistics;
    let imbalance = (before + s.inflow_m3 - s.outflow_m3 - s.volume_m3) / (before + s.inflow_m3).max(1e-9);
    Ok(Facts {
        kind: recording.header().kind.clone(),
        name: recording.header().name.clone(),
        seed: recording.header().seed,
        columns: recording.grid().columns,
        rows: recording.grid().rows,
        cell_m: recording.grid().cell_m,
        cells: recording.grid().cells(),
        frames,
        lasts_s: recording.times_s().last().unwrap_or_default(),
        max_depth_m,
        imbalance,
        hash: format!("{:016x}", last.hash()),
    })
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} '{}', {} x {} cells of {} m, {} frames over {} s, at most {:.2} m deep, mass off by {:.1e}",
            self.kind,
            self.name,
            self.columns,
            self.rows,
            self.cell_m,
            self.frames,
            self.lasts_s,
            self.max_depth_m,
            self.imbalance
        )
    }
}
