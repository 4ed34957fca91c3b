//! Networks underground: water supply of EPANET and drainage of SWMM, both in `.inp` files.
//!
//! The file is read into sections of rows ([`inp`]), each program's rows into nodes and links in metres ([`epanet`],
//! [`swmm`]), and those into objects with depth and size ([`model`]): pipes are tubes along their bends, manholes and tanks
//! standing tubes. Topology stays for tracing: `from_node` and `to_node` of a link are the identifiers of other objects. Raw
//! columns are attributes under the manuals' names, what is in metres ends with `_m`.
//!
//! Neither format has a coordinate reference system.

mod epanet;
mod inp;
mod model;
mod sections;
mod swmm;

use std::collections::BTreeSet;

use glam::DVec2;

use super::{
    Confidence, Diagnostic, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place as Where, Severity,
    SourceFiles, SourceFrame, SourceObject, SourceReport,
};
use inp::{Inp, MAX_BYTES, decode, heading};
use model::Maker;

/// Bytes that are looked at to tell the programs apart, and how many of them at one time.
const PROBED_BYTES: u64 = 64 << 20;
const PROBED_AT_ONCE: u64 = 1 << 20;
/// Objects handed on at one time.
const BATCH: usize = 4096;
/// No CRS in metres or feet goes further.
const MAX_COORDINATE: f64 = 1e8;

/// Sections that only one of the programs has.
const EPANET_ONLY: &[&str] = &["PIPES", "RESERVOIRS", "TANKS", "VALVES", "EMITTERS", "DEMANDS"];
const SWMM_ONLY: &[&str] =
    &["CONDUITS", "OUTFALLS", "SUBCATCHMENTS", "XSECTIONS", "STORAGE", "RAINGAGES", "SUBAREAS", "INFILTRATION"];

/// Reads water supply networks of EPANET.
#[derive(Debug, Clone, Copy)]
pub struct EpanetImporter;

/// Reads drainage networks of SWMM.
#[derive(Debug, Clone, Copy)]
pub struct SwmmImporter;

/// The two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Epanet,
    Swmm,
}

impl Importer for EpanetImporter {
    fn name(&self) -> &'static str {
        "epanet"
    }

    fn title(&self) -> &'static str {
        "EPANET water networks"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.inp"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        probe(files, Program::Epanet)
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        read(files, Program::Epanet, options, sink, SourceReport::new(files.path(), self.name()))
    }
}

impl Importer for SwmmImporter {
    fn name(&self) -> &'static str {
        "swmm"
    }

    fn title(&self) -> &'static str {
        "SWMM drainage networks"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.inp"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        probe(files, Program::Swmm)
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        read(files, Program::Swmm, options, sink, SourceReport::new(files.path(), self.name()))
    }
}

fn mine(files: &dyn SourceFiles) -> impl Iterator<Item = &String> {
    files.names().iter().filter(|name| name.to_ascii_lowercase().ends_with(".inp"))
}

fn probe(files: &dyn SourceFiles, program: Program) -> Confidence {
    if mine(files).any(|name| program_of(files, name) == Some(program)) { Confidence::Yes } else { Confidence::No }
}

/// The program of a file, by the first section that only one of them has.
fn program_of(files: &dyn SourceFiles, name: &str) -> Option<Program> {
    let size = files.size(name).ok()?.min(PROBED_BYTES);
    let mut rest = Vec::new();
    let mut at = 0;
    while at < size {
        rest.extend(files.read_range(name, at..(at + PROBED_AT_ONCE).min(size)).ok()?);
        at += PROBED_AT_ONCE;
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = if at >= size { rest.len() } else { whole };
        let text: String = String::from_utf8_lossy(rest.get(..lines)?).into_owned();
        for heading in text.lines().filter_map(heading) {
            let is_of = |names: &[&str]| names.iter().any(|name| heading.len() >= 4 && name.starts_with(&heading));
            match (is_of(EPANET_ONLY), is_of(SWMM_ONLY)) {
                (true, false) => return Some(Program::Epanet),
                (false, true) => return Some(Program::Swmm),
                _ => {}
            }
        }
        rest.drain(..lines);
    }
    None
}

fn read(
    files: &dyn SourceFiles,
    program: Program,
    options: &ImportOptions,
    sink: &mut dyn ObjectSink,
    mut report: SourceReport,
) -> Result<SourceReport, ImportError> {
    let all: Vec<&String> = mine(files).collect();
    let names: Vec<&String> =
        all.iter().copied().filter(|name| all.len() == 1 || program_of(files, name) == Some(program)).collect();
    for (index, name) in names.iter().enumerate() {
        let path = files.path_of(name);
        if files.size(name)? > MAX_BYTES {
            let cause = format!("it has more than {} MiB", MAX_BYTES >> 20);
            return Err(ImportError::Invalid { expected: expected(program), cause, path });
        }
        let bytes = files.read(name)?;
        let text = decode(&bytes);
        let inp = Inp::parse(&text);
        // Several files have the same identifiers.
        let stem = name.strip_suffix(".inp").unwrap_or(name);
        let prefix = if names.len() > 1 { format!("{stem}/") } else { String::new() };
        read_file(&inp, program, &prefix, &path, options, sink, &mut report)?;
        report.files += 1;
        sink.progress(index as u64 + 1, names.len() as u64)?;
    }
    Ok(report)
}

fn expected(program: Program) -> &'static str {
    match program {
        Program::Epanet => "an EPANET network",
        Program::Swmm => "a SWMM network",
    }
}

fn read_file(
    inp: &Inp<'_>,
    program: Program,
    prefix: &str,
    path: &str,
    options: &ImportOptions,
    sink: &mut dyn ObjectSink,
    report: &mut SourceReport,
) -> Result<(), ImportError> {
    let (mut network, kind, known) = match program {
        Program::Epanet => (epanet::network(inp, options.cover_m, path, report), "water", epanet::SECTIONS),
        Program::Swmm => (swmm::network(inp, path, report), "drainage", swmm::SECTIONS),
    };
    if network.nodes.is_empty() {
        let cause = "it has no nodes ([JUNCTIONS])".to_owned();
        return Err(ImportError::Invalid { expected: expected(program), cause, path: path.to_owned() });
    }
    for (section, rows) in inp.others(known) {
        let message = format!("[{section}] says how the network is run, not where it is: {rows} rows are not taken");
        let place = Where::file(path);
        report.note(Diagnostic { severity: Severity::Note, code: "section-not-taken", message, place });
    }
    let frame = frame(inp, &network, options, path)?;
    if frame.heights_above == HeightsAbove::Ground {
        network.set_on_ground();
    }
    match &report.frame {
        None => sink.describe(&frame)?,
        Some(first) if first.crs != frame.crs => {
            let what = format!("this file is in {} and those before it are not; import them apart", frame.crs);
            return Err(ImportError::Option { what, path: path.to_owned() });
        }
        Some(_) => {}
    }
    report.frame.get_or_insert(frame);
    let mut maker = Maker::new(prefix, kind, path);
    let diameters = network.diameters_at_nodes();
    let nodes: Vec<_> = network.nodes.iter().zip(diameters).collect();
    for nodes in nodes.chunks(BATCH) {
        let made = nodes.iter().map(|(node, diameter_m)| maker.node(node, *diameter_m, report)).collect();
        hand_on(made, sink, report)?;
    }
    for links in network.links.chunks(BATCH) {
        let made = links.iter().map(|link| maker.link(link, &network, report)).collect();
        hand_on(made, sink, report)?;
    }
    if program == Program::Swmm {
        let made = swmm::surroundings(inp, &network, &mut maker, report);
        hand_on(made, sink, report)?;
    }
    Ok(())
}

fn hand_on(batch: Vec<SourceObject>, sink: &mut dyn ObjectSink, report: &mut SourceReport) -> Result<(), ImportError> {
    report.records += batch.len() as u64;
    report.count(&batch);
    if batch.is_empty() { Ok(()) } else { sink.take(batch) }
}

/// Where the coordinates are: only the user knows.
fn frame(
    inp: &Inp<'_>,
    network: &model::Network<'_>,
    options: &ImportOptions,
    path: &str,
) -> Result<SourceFrame, ImportError> {
    let low = network.places().fold(DVec2::INFINITY, DVec2::min);
    let high = network.places().fold(DVec2::NEG_INFINITY, DVec2::max);
    let units: BTreeSet<&str> =
        ["BACKDROP", "MAP"].into_iter().filter_map(|section| inp.option(section, "UNITS")).collect();
    let units = units.into_iter().collect::<Vec<_>>().join(", ");
    let found = match (low.is_finite(), units.as_str()) {
        (false, _) => "it has no [COORDINATES]".to_owned(),
        (true, "") => format!("x goes from {} to {}, y from {} to {}", low.x, high.x, low.y, high.y),
        (true, units) => {
            format!("x goes from {} to {}, y from {} to {}, its map units are '{units}'", low.x, high.x, low.y, high.y)
        }
    };
    let Some((crs, stated_by)) = options.settle_crs(None, path)? else {
        let hint = format!(", or say in a recipe where a network that is only a sketch has its place ({found})");
        return Err(ImportError::NoCrs { hint, path: path.to_owned() });
    };
    let largest = low.abs().max(high.abs()).max_element();
    if low.is_finite() && crs.epsg_code().is_some() && largest > MAX_COORDINATE {
        let what = format!(
            "{found}: no coordinates in {crs} are so large. Millimetres are told by a PROJ string, for the British grid \
             --crs '+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy +to_meter=0.001'"
        );
        return Err(ImportError::Option { what, path: path.to_owned() });
    }
    let heights_above = options.heights_above.unwrap_or(HeightsAbove::Geoid);
    Ok(SourceFrame { crs, heights_above, stated_by })
}
