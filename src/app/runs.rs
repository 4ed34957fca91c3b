//! The simulations of a scenario: read where they were computed before, else computed, on the ground and among the
//! buildings of the variant.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use glam::DVec3;

use super::stage::Stage;
use crate::city::CityObject;
use crate::geometry::{HeightGrid, Shape};
use crate::indicator::ObjectTree;
use crate::package::{City, Query};
use crate::quantity::Timestamp;
use crate::scenario::{Run, VariantCity, ground_share, simulation};
use crate::scene::{EventTime, SimulationDocument};
use crate::sim::{Recording, RecordingHeader, RecordingWriter, Simulation};

/// What is told while a simulation runs: its name and the part that is done, 0 to 1. `false` stops it.
pub type Progress<'p> = &'p mut dyn FnMut(&str, f64) -> bool;

/// Reads or computes all simulations of a stage, in the order of the scenario.
pub fn runs(stage: &Stage, progress: Progress<'_>) -> Result<Vec<Run>> {
    let Some(scenario) = &stage.scenario else { return Ok(Vec::new()) };
    scenario.simulations.iter().map(|document| run(stage, document, scenario.seed, progress)).collect()
}

/// Reads or computes one of them.
pub fn run(stage: &Stage, document: &SimulationDocument, seed: u64, progress: Progress<'_>) -> Result<Run> {
    let recording = match &document.recording {
        Some(file) => read(&stage.scenario_folder.join(file))?,
        None => compute(stage, document, seed, progress)?,
    };
    Ok(Run { name: document.name.clone(), start: start_of(stage, document)?, recording: Arc::new(recording) })
}

/// When the first frame of a simulation is.
pub fn start_of(stage: &Stage, document: &SimulationDocument) -> Result<Timestamp> {
    let begin = stage.scenario.as_ref().and_then(|scenario| scenario.time.start.as_deref()).unwrap_or_default();
    let begin = Timestamp::parse(begin)?;
    let own = document.start.as_deref().map(EventTime::parse).transpose().map_err(anyhow::Error::msg)?;
    Ok(own.map_or(begin, |own| own.resolve(begin)))
}

/// Whether this is a file with a recorded simulation.
pub fn is_recording(path: &Path) -> bool {
    let mut head = [0; 8];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && Recording::is_one(&head)
}

/// Opens a recorded simulation.
pub fn read(path: &Path) -> Result<Recording> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    Recording::open(bytes.into()).with_context(|| path.display().to_string())
}

/// Computes one simulation.
pub fn compute(stage: &Stage, document: &SimulationDocument, seed: u64, progress: Progress<'_>) -> Result<Recording> {
    let place = || format!("simulation '{}'", document.name);
    let ground = ground_of(stage, document)?;
    if let Some(text) = partly_on_ground(stage, document, &ground) {
        tracing::warn!("{text}");
    }
    let buildings = footprints(&stage.objects, document.bbox)?;
    let mut simulation = simulation(document, &stage.site(), &ground, buildings).with_context(place)?;
    let header = RecordingHeader { kind: document.kind.clone(), name: document.name.clone(), seed };
    record(&mut *simulation, header, document, progress).with_context(place)
}

/// The ground that a simulation runs on; fails where it has none.
pub fn ground_of(stage: &Stage, document: &SimulationDocument) -> Result<HeightGrid> {
    let name = &document.name;
    let package = stage.package.display();
    let Some(ground) = stage.ground()? else {
        bail!("simulation '{name}': the city has no terrain for water to run over; import a DEM with it: {package}");
    };
    if ground_share(document, &stage.site(), &ground) == 0.0 {
        bail!("simulation '{name}': no part of its 'bbox' lies on the city's terrain: {package}");
    }
    Ok(ground)
}

/// What to say of a simulation that has ground under a part of its box only.
pub fn partly_on_ground(stage: &Stage, document: &SimulationDocument, ground: &HeightGrid) -> Option<String> {
    let share = ground_share(document, &stage.site(), ground);
    (share < 1.0).then(|| {
        let (name, percent) = (&document.name, (share * 100.0).floor());
        format!("simulation '{name}': the terrain is under {percent} % of its 'bbox' only; water ends where it ends")
    })
}

fn record(
    simulation: &mut dyn Simulation,
    header: RecordingHeader,
    document: &SimulationDocument,
    progress: Progress<'_>,
) -> Result<Recording> {
    let frames = (document.duration_s / document.output_s).floor();
    if !(0.0..=1e6).contains(&frames) {
        bail!("{} s in steps of {} s", document.duration_s, document.output_s);
    }
    let (mut writer, mut bytes) = RecordingWriter::begin(header, simulation.grid())?;
    for i in 0..=frames as u64 {
        if !progress(&document.name, i as f64 / frames.max(1.0)) {
            bail!("stopped");
        }
        simulation.advance_to(i as f64 * document.output_s)?;
        bytes.extend(writer.frame(&simulation.publish())?);
    }
    bytes.extend(writer.finish());
    Ok(Recording::open(bytes.into())?)
}

/// Footprints of the variant's buildings that touch a box in degrees: rings in the site frame.
fn footprints(objects: &VariantCity, [west, south, east, north]: [f64; 4]) -> Result<Vec<Vec<Vec<DVec3>>>> {
    let city: &City = objects.city();
    let area = Some(city.area_from_degrees(west, south, east, north));
    let rows = city.query(&Query { area, class: Some("Building".to_owned()), ..Query::default() })?;
    let mut found = Vec::new();
    for row in rows.into_iter().filter(|row| !objects.removed().contains(row)) {
        let rings = city.table().footprint(row)?;
        if !rings.is_empty() {
            found.push(rings.into_iter().map(|ring| ring.into_iter().map(|p| p.extend(0.0)).collect()).collect());
        }
    }
    let added = (city.table().rows()..objects.row_count()).filter_map(|row| objects.added(row));
    found.extend(added.flat_map(rings_of));
    Ok(found)
}

fn rings_of(object: &CityObject) -> Vec<Vec<Vec<DVec3>>> {
    let prisms = object.shapes.iter().filter_map(|lod| match &lod.shape {
        Shape::Prisms(prisms) => Some(prisms.iter().map(|prism| prism.rings.clone())),
        _ => None,
    });
    prisms.flatten().collect()
}
