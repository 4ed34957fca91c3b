//! `veduta import`: sources of any supported kind to one city package.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use glam::DVec3;
use indicatif::{ProgressBar, ProgressStyle};

use super::import_plan::{Job, Plan, hash, stop_if};
use super::rasters::{self, Rasters};
use crate::app::city_builder::{CityDraft, Part, Written, write_city};
use crate::app::cli::ImportArgs;
use crate::city::CityObject;
use crate::geodesy::{CrsRegistry, Separation, SiteFrame};
use crate::geometry::{HeightGrid, Shape};
use crate::import::terrain::{Dem, Imagery, TerrainReport};
use crate::import::tiler::Pictures;
use crate::import::tree::{self, TreeReport};
use crate::import::{
    HeightsAbove, ImportError, ObjectSink, Place, Placement, SourceFiles, SourceFrame, SourceObject, SourceReport,
    Tally, UNUSABLE_FOOTPRINT, anchor, extent, recognise,
};
use crate::package::{Manifest, ObjectsBuilder, Scratch, SourceSummary};
use crate::platform::{AtomicFolder, FileScratch, Interrupt, open_source};

/// One source, read but not yet placed.
struct Read {
    /// Among all sources, rasters too.
    number: usize,
    frame: Option<SourceFrame>,
    batches: Batches,
    rasters: Rasters,
    separation: Separation,
    report: SourceReport,
    summary: SourceSummary,
    seconds: f64,
}

pub fn run(arguments: &ImportArgs) -> Result<ExitCode> {
    let interrupt = Interrupt::on_signals().map_err(anyhow::Error::msg)?;
    let plan = Plan::of(arguments)?;
    if arguments.update && plan.is_done(&arguments.output, &interrupt)? {
        match arguments.json {
            true => say!("{}", serde_json::json!({ "unchanged": true })),
            false => say!("{}: nothing to do, sources and settings are the same", arguments.output.display()),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let begin = Instant::now();
    // Begun first: a folder that cannot be written is known before an hour of reading.
    let mark = if arguments.partition.is_some() { Part::NAME } else { Manifest::NAME };
    let mut folder = AtomicFolder::create(&arguments.output, mark)?;
    let scratch = FileScratch::beside(&arguments.output)?;
    let registry = &plan.registry;
    let mut reads = Vec::new();
    for (number, job) in plan.jobs.iter().enumerate() {
        reads.push(read((number, job), registry, &scratch, &interrupt)?);
    }
    let rasters = Rasters::of(reads.iter().map(|read| &read.rasters));
    let site = site(registry, &reads, &rasters).inspect_err(|_| tell_what_was_left_out(&reads))?;
    let ground = rasters.ground(registry, &site, extent(registry, &site, &places(&reads))?)?;
    let (ground, told) = ground.map_or((None, Vec::new()), |ground| (Some(ground.grid), ground.told));
    let mut placed = Placed::new(ObjectsBuilder::new(Box::new(FileScratch::beside(&arguments.output)?)));
    for read in &mut reads {
        placed.take(registry, site, ground.as_ref(), read, &scratch)?;
        stop_if(&interrupt)?;
    }
    drop(scratch);
    placed.is_something(ground.as_ref(), &reads)?;
    let tree = tree::build(&mut placed.builder, &plan.tree)?;
    stop_if(&interrupt)?;
    let objects = placed.builder.finish();
    let (repeated, first) = (objects.repeated().0, objects.repeated().1.first().cloned().unwrap_or_default());
    let name = arguments.name.clone().unwrap_or_else(|| stem(&arguments.output));
    let sources = reads.iter().map(|read| read.summary.clone()).collect();
    let settings = plan.settings.clone();
    let pictures = Box::new(PicturesOf::sources(&plan.jobs)?);
    let draft = CityDraft { name, site, objects, pictures, settings, sources, ground, images: rasters.images.clone() };
    if let Some(partition) = arguments.partition {
        let part = Part::write((partition.number, partition.of), &draft, registry, &mut folder)?;
        stop_if(&interrupt)?;
        folder.commit()?;
        say!("{}: part {}/{}; veduta merge joins all parts", arguments.output.display(), part.number + 1, part.of);
        return Ok(ExitCode::SUCCESS);
    }
    let written = write_city(&draft, registry, &mut folder)?;
    stop_if(&interrupt)?;
    folder.commit()?;
    rasters.left_out().iter().chain(&told).for_each(|text| eprintln!("veduta: {text}"));
    reads.iter_mut().for_each(Read::tell_damage);
    tell(arguments, &reads, &written, &tree, (repeated, &first))?;
    if !arguments.json {
        print_city(&arguments.output, &written, begin)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What came of each source, and how many objects were there before.
fn tell(
    arguments: &ImportArgs,
    reads: &[Read],
    written: &Written,
    tree: &TreeReport,
    (repeated, first): (u64, &str),
) -> Result<()> {
    if let Some(first) = written.tiling.problems.first() {
        let count = written.tiling.pictures_left_out;
        eprintln!("veduta: {count} times objects of a tile are drawn without a picture of theirs, first: {first}");
    }
    let reports: Vec<(&SourceReport, f64)> = reads.iter().map(|read| (&read.report, read.seconds)).collect();
    if arguments.json {
        return print_json(&written.manifest, &reports, repeated, tree);
    }
    print(&reports, repeated, first)?;
    print_tree(tree)
}

fn print_city(output: &Path, Written { manifest, tiling, terrain }: &Written, begin: Instant) -> Result<()> {
    let ground = |report: &TerrainReport| {
        let pictured = match report.textured {
            0 => String::new(),
            textured => format!(", {textured} with a picture"),
        };
        format!("; ground: {} triangles, {} tiles{pictured},", report.triangles, report.tiles)
    };
    say!(
        "{}: {} objects, {} triangles, {} tiles{} in {:.1} s",
        output.display(),
        manifest.objects,
        manifest.triangles,
        tiling.leaves + tiling.inner,
        terrain.as_ref().map(ground).unwrap_or_default(),
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Objects of a source in scratch space, and what the anchor is found by.
#[derive(Default)]
struct Batches {
    /// Place and length.
    places: Vec<(u64, usize)>,
    first_points: Vec<DVec3>,
}

/// Bytes of objects that are placed at one time.
const PLACED_AT_ONCE: usize = 32 << 20;

/// The pictures of all sources, called by the number of the source and their names in it.
struct PicturesOf(Vec<Box<dyn SourceFiles>>);

impl PicturesOf {
    fn sources(jobs: &[Job]) -> Result<Self> {
        Ok(Self(jobs.iter().map(|job| open_source(&job.path)).collect::<Result<_, _>>()?))
    }

    /// Calls the pictures of an object of a source so that they are told from those of others.
    fn call(object: &mut CityObject, source: usize) {
        let call = |name: &mut Arc<str>| *name = format!("{source}/{name}").into();
        for lod in &mut object.shapes {
            match &mut lod.shape {
                Shape::Prisms(_) => {}
                Shape::Surfaces(surfaces) => surfaces
                    .iter_mut()
                    .filter_map(|surface| surface.paint.as_mut()?.picture.as_mut())
                    .for_each(|picture| call(&mut picture.name)),
                Shape::Meshes(meshes) => meshes.iter_mut().filter_map(|placed| placed.picture.as_mut()).for_each(call),
            }
        }
    }
}

impl Pictures for PicturesOf {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let (source, name) = name.split_once('/').unwrap_or_default();
        let files = source.parse().ok().and_then(|source: usize| self.0.get(source)).ok_or("no such source")?;
        files.read(name).map_err(|error| error.to_string())
    }
}

/// Keeps what comes, shows how far it is, and stops when the user says so.
struct Progress<'a> {
    frame: Option<SourceFrame>,
    batches: Batches,
    rasters: Rasters,
    scratch: &'a dyn Scratch,
    bar: ProgressBar,
    interrupt: &'a Interrupt,
}

impl ObjectSink for Progress<'_> {
    fn describe(&mut self, frame: &SourceFrame) -> Result<(), ImportError> {
        self.frame = Some(frame.clone());
        Ok(())
    }

    fn take(&mut self, batch: Vec<SourceObject>) -> Result<(), ImportError> {
        self.batches.first_points.extend(batch.iter().filter_map(SourceObject::first_point));
        let failed = |cause: String| ImportError::Read { cause, path: "scratch".to_owned() };
        let bytes = postcard::to_allocvec(&batch).map_err(|error| failed(error.to_string()))?;
        let at = self.scratch.append(&bytes).map_err(|error| failed(error.to_string()))?;
        self.batches.places.push((at, bytes.len()));
        Ok(())
    }

    fn elevation(&mut self, dem: Dem) -> Result<(), ImportError> {
        self.rasters.dems.push(dem);
        Ok(())
    }

    fn image(&mut self, image: Imagery) -> Result<(), ImportError> {
        self.rasters.images.push(image);
        Ok(())
    }

    fn progress(&mut self, done: u64, total: u64) -> Result<(), ImportError> {
        self.bar.set_length(total);
        self.bar.set_position(done);
        if self.interrupt.is_set() { Err(ImportError::Cancelled) } else { Ok(()) }
    }
}

fn read(
    (number, job): (usize, &Job),
    registry: &CrsRegistry,
    scratch: &dyn Scratch,
    interrupt: &Interrupt,
) -> Result<Read> {
    let begin = Instant::now();
    let path = job.path.as_path();
    let opened = open_source(path)?;
    let files = &*opened;
    let importer = match job.importer {
        Some(importer) => importer,
        None => recognise(files)?,
    };
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{msg} {bar:30} {percent}% {per_sec} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(path.display().to_string());
    let (batches, rasters) = (Batches::default(), Rasters::default());
    let mut sink = Progress { frame: None, batches, rasters, scratch, bar, interrupt };
    let mut report = importer.read(files, &job.options, &mut sink)?;
    sink.bar.finish_and_clear();
    tell_missing_geoid(job, registry, &mut report);
    let skipped =
        report.tallies.values().filter(|t| t.severity == crate::import::Severity::Error).map(|t| t.count).sum();
    let frame = report.frame.as_ref().map(|frame| format!("{} ({})", frame.crs, frame.stated_by)).unwrap_or_default();
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let summary = SourceSummary {
        name,
        importer: importer.name().to_owned(),
        crs: frame,
        hash: hash(files, interrupt)?,
        objects: report.objects,
        skipped,
    };
    Ok(Read {
        number,
        frame: sink.frame,
        batches: sink.batches,
        rasters: sink.rasters,
        separation: job.options.separation(),
        report,
        summary,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

/// Heights above a levelling of which nobody says how high it is above the ellipsoid.
fn tell_missing_geoid(job: &Job, registry: &CrsRegistry, report: &mut SourceReport) {
    let Some(frame) = &report.frame else { return };
    let vertical = registry.crs_info(&frame.crs).ok().and_then(|info| info.vertical);
    let (Some(vertical), HeightsAbove::Geoid, None) = (vertical, frame.heights_above, &job.options.separation) else {
        return;
    };
    let message = format!(
        "heights are above {vertical}, and how high that is above the ellipsoid nobody says: they are taken as if it were at the \
         ellipsoid; give a geoid model with --geoid FILE or geoid = \"FILE\", or geoid_separation_m, in a recipe"
    );
    report.warn("no-geoid", message, Place::file(report.path.clone()));
}

impl Read {
    /// What of its rasters could not be decoded, which is known only when all is done.
    fn tell_damage(&mut self) {
        let of_dems = self.rasters.dems.iter().map(|dem| (dem.raster.damage(), &dem.path));
        let of_images = self.rasters.images.iter().map(|image| (image.raster.damage(), &image.path));
        of_dems.chain(of_images).for_each(|(damage, path)| self.report.damaged(damage, path));
    }
}

/// Where the objects of sources are: their frame, their geoid, one point of each.
fn places(reads: &[Read]) -> Vec<(&SourceFrame, &Separation, &[DVec3])> {
    fn place(read: &Read) -> Option<(&SourceFrame, &Separation, &[DVec3])> {
        Some((read.frame.as_ref()?, &read.separation, read.batches.first_points.as_slice()))
    }
    reads.iter().filter_map(place).collect()
}

/// The site frame, with its anchor in the middle of all objects, or of the rasters where there are no objects.
fn site(registry: &CrsRegistry, reads: &[Read], rasters: &Rasters) -> Result<SiteFrame> {
    let anchor = match anchor(registry, &places(reads))? {
        Some(anchor) => Some(anchor),
        None => rasters.middle(registry)?,
    };
    let nowhere = "nothing in the sources is anywhere (is their CRS right? --crs EPSG:CODE says another one): \
                   there is no city to write";
    let anchor = anchor.context(nowhere)?;
    let (longitude, latitude) = (anchor.longitude_rad.to_degrees(), anchor.latitude_rad.to_degrees());
    if let Some(read) = reads.iter().find(|read| read.separation.at(longitude, latitude).is_nan()) {
        bail!("its geoid model does not reach the city at {longitude:.4}, {latitude:.4}: {}", read.report.path);
    }
    Ok(SiteFrame::new(anchor))
}

/// Objects in the site frame, set on the ground where their heights are above it.
struct Placed {
    builder: ObjectsBuilder,
    has_shape: bool,
}

impl Placed {
    fn new(builder: ObjectsBuilder) -> Self {
        Self { builder, has_shape: false }
    }

    /// Places the objects of a source, some at a time.
    fn take(
        &mut self,
        registry: &CrsRegistry,
        site: SiteFrame,
        ground: Option<&HeightGrid>,
        read: &mut Read,
        scratch: &dyn Scratch,
    ) -> Result<()> {
        let (Some(frame), batches) = (&read.frame, std::mem::take(&mut read.batches)) else { return Ok(()) };
        let placement = Placement { registry, site, separation: read.separation.clone(), ground };
        let (mut some, mut bytes) = (Vec::new(), 0);
        for (number, (at, length)) in batches.places.iter().copied().enumerate() {
            let batch: Vec<SourceObject> = postcard::from_bytes(&scratch.read(at, length)?)?;
            some.extend(batch);
            bytes += length;
            if bytes >= PLACED_AT_ONCE || number + 1 == batches.places.len() {
                let mut objects = placement.place(frame, std::mem::take(&mut some), &mut read.report)?;
                objects.iter_mut().for_each(|object| PicturesOf::call(object, read.number));
                self.has_shape |= objects.iter().any(|object| !object.shapes.is_empty());
                self.builder.add(read.number as u16, objects)?;
                bytes = 0;
            }
        }
        Ok(())
    }

    /// Refuses sources with outlines of which none is usable: degrees taken for metres.
    fn is_something(&self, ground: Option<&HeightGrid>, reads: &[Read]) -> Result<()> {
        let unusable = reads.iter().any(|read| read.report.tallies.contains_key(UNUSABLE_FOOTPRINT));
        if unusable && ground.is_none() && !self.has_shape {
            tell_what_was_left_out(reads);
            bail!(
                "no outline in the sources is usable (is their CRS right? --crs EPSG:CODE says another one): there is no city to write"
            );
        }
        Ok(())
    }
}

fn print(reports: &[(&SourceReport, f64)], repeated: u64, first: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (report, seconds) in reports {
        let frame =
            report.frame.as_ref().map(|frame| format!(", {} ({})", frame.crs, frame.stated_by)).unwrap_or_default();
        let what = match report.rasters.is_empty() {
            true => format!("{} objects, {} surfaces from {} records", report.objects, report.surfaces, report.records),
            false => rasters::in_words(&report.rasters),
        };
        writeln!(out, "{}: {what} by {}{frame}, {seconds:.1} s", report.path, report.importer)?;
        for (code, tally) in &report.tallies {
            writeln!(out, "  {}", in_words(code, tally))?;
        }
    }
    if repeated > 0 {
        writeln!(out, "  {repeated} objects have an id that was there before and are left out, first: {first}")?;
    }
    Ok(())
}

fn print_tree(tree: &TreeReport) -> Result<()> {
    if tree.joined > 0 {
        let (kept, joined) = tree.examples.first().cloned().unwrap_or_default();
        say!(
            "  {} objects are the same as one of another source and joined with it, first: {joined} with {kept}",
            tree.joined
        );
    }
    for (count, what) in [(tree.storeys, "storeys made"), (tree.placed, "objects got a parent by their place")] {
        if count > 0 {
            say!("  {count} {what}");
        }
    }
    Ok(())
}

fn in_words(code: &str, tally: &Tally) -> String {
    let example = tally.examples.first().map(ToString::to_string).unwrap_or_default();
    format!("{} {code}: {} times, first: {example}", tally.severity.word(), tally.count)
}

/// Why nothing is left: on stderr, above the line that says that nothing is.
fn tell_what_was_left_out(reads: &[Read]) {
    for read in reads {
        for (code, tally) in &read.report.tallies {
            eprintln!("{}: {}", read.report.path, in_words(code, tally));
        }
    }
}

fn print_json(manifest: &Manifest, reports: &[(&SourceReport, f64)], repeated: u64, tree: &TreeReport) -> Result<()> {
    let source = |(report, seconds): &(&SourceReport, f64)| {
        let problems: Vec<serde_json::Value> = report
            .tallies
            .iter()
            .map(|(code, tally)| {
                let examples: Vec<String> = tally.examples.iter().map(ToString::to_string).collect();
                serde_json::json!({ "code": code, "severity": format!("{:?}", tally.severity).to_lowercase(), "count": tally.count, "examples": examples })
            })
            .collect();
        serde_json::json!({ "path": report.path, "importer": report.importer, "records": report.records, "objects": report.objects, "surfaces": report.surfaces, "rasters": report.rasters, "seconds": seconds, "problems": problems })
    };
    let sources: Vec<serde_json::Value> = reports.iter().map(source).collect();
    let tree = serde_json::json!({ "joined": tree.joined, "storeys": tree.storeys, "placed": tree.placed });
    let json = serde_json::json!({ "manifest": manifest, "sources": sources, "duplicates": repeated, "tree": tree });
    say!("{}", serde_json::to_string_pretty(&json).context("cannot write JSON")?);
    Ok(())
}
