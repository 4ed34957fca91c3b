//! `veduta simulate`: the simulations of a scenario, recorded.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::app::cli::SimulateArgs;
use crate::app::documents::Documents;
use crate::app::progress::Bar;
use crate::app::runs::compute;
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
    let stage = Stage::open(documents, arguments.variant.as_deref())?;
    let interrupt = Interrupt::on_signals().map_err(anyhow::Error::msg)?;
    let begin = Instant::now();
    let bar = Bar::new("simulating", 1000);
    let recording = compute(&stage, document, scenario.seed, &mut |_, part| {
        bar.set((part * 1000.0) as u64);
        !interrupt.is_set()
    })?;
    bar.finish();
    write_atomically(&arguments.output, recording.bytes())?;
    let facts = facts(&recording, begin.elapsed().as_secs_f64())?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&facts)?);
    } else {
        println!("{}: {facts}", arguments.output.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// What a recording holds.
#[derive(Debug, serde::Serialize)]
struct Facts {
    kind: String,
    name: String,
    cells: usize,
    frames: usize,
    max_depth_m: f64,
    /// Cubic metres: what came in, less what went out and what is there, over what came in.
    imbalance: f64,
    hash: String,
    seconds: f64,
}

fn facts(recording: &Recording, seconds: f64) -> Result<Facts> {
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
        cells: recording.grid().cells(),
        frames,
        max_depth_m,
        imbalance,
        hash: format!("{:016x}", last.hash()),
        seconds,
    })
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} '{}', {} cells, {} frames, at most {:.2} m deep, mass off by {:.1e}, in {:.1} s",
            self.kind, self.name, self.cells, self.frames, self.max_depth_m, self.imbalance, self.seconds
        )
    }
}
