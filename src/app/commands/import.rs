//! `veduta import`: sources of any supported kind to one city package.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::import_plan::{Job, Plan, hash, stop_if};
use super::rasters::Rasters;
use crate::app::city_builder::{CityDraft, Written, write_city};
use crate::app::cli::ImportArgs;
use crate::city::CityObject;
use crate::geodesy::{CrsRegistry, Separation, SiteFrame};
use crate::geometry::HeightGrid;
use crate::import::terrain::TerrainReport;
use crate::import::{
    Gathered, ImportError, ObjectSink, Placement, SourceFrame, SourceObject, SourceReport, Tally, UNUSABLE_FOOTPRINT,
    anchor, recognise,
};
use crate::package::{Manifest, SourceSummary};
use crate::platform::{AtomicFolder, Interrupt, LocalFiles};

/// One source, read but not yet placed.
struct Read {
    gathered: Gathered,
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
    let mut folder = AtomicFolder::create(&arguments.output, Manifest::NAME)?;
    let mut rasters = Rasters::default();
    let mut reads = Vec::new();
    for job in &plan.jobs {
        if !rasters.take(job, &interrupt)? {
            reads.push(read(job, &interrupt)?);
        }
    }
    let registry = &plan.registry;
    let site = site(registry, &reads, &rasters).inspect_err(|_| tell_what_was_left_out(&reads))?;
    let ground = rasters.ground(registry, &site)?;
    let objects = place(registry, site, ground.as_ref(), &mut reads)?;
    something_left(&objects, ground.as_ref(), &reads)?;
    stop_if(&interrupt)?;
    let name = arguments.name.clone().unwrap_or_else(|| stem(&arguments.output));
    let sources = reads.iter().map(|read| read.summary.clone()).chain(rasters.summaries()).collect();
    let settings = plan.settings.clone();
    let draft = CityDraft { name, site, objects, settings, sources, ground, imagery: rasters.imagery() };
    let Written { manifest, tiling, terrain, twice } = write_city(draft, registry, &mut folder)?;
    stop_if(&interrupt)?;
    folder.commit()?;
    rasters.left_out().iter().for_each(|text| eprintln!("veduta: {text}"));
    let reports: Vec<(&SourceReport, f64)> = reads.iter().map(|read| (&read.report, read.seconds)).collect();
    if arguments.json {
        print_json(&manifest, &reports, &twice)?;
    } else {
        print(&reports, &twice)?;
        let ground = |report: TerrainReport| {
            let pictured =
                if report.textured > 0 { format!(", {} with a picture", report.textured) } else { String::new() };
            format!("; ground: {} triangles, {} tiles{pictured},", report.triangles, report.tiles)
        };
        say!(
            "{}: {} objects, {} triangles, {} tiles{} in {:.1} s",
            arguments.output.display(),
            manifest.objects,
            manifest.triangles,
            tiling.leaves + tiling.inner,
            terrain.map(ground).unwrap_or_default(),
            begin.elapsed().as_secs_f64()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Keeps what comes, shows how far it is, and stops when the user says so.
struct Progress<'a> {
    gathered: Gathered,
    bar: ProgressBar,
    interrupt: &'a Interrupt,
}

impl ObjectSink for Progress<'_> {
    fn describe(&mut self, frame: &SourceFrame) -> Result<(), ImportError> {
        self.gathered.describe(frame)
    }

    fn take(&mut self, batch: Vec<SourceObject>) -> Result<(), ImportError> {
        self.gathered.take(batch)
    }

    fn progress(&mut self, done: u64, total: u64) -> Result<(), ImportError> {
        self.bar.set_length(total);
        self.bar.set_position(done);
        if self.interrupt.is_set() { Err(ImportError::Cancelled) } else { Ok(()) }
    }
}

fn read(job: &Job, interrupt: &Interrupt) -> Result<Read> {
    let begin = Instant::now();
    let path = job.path.as_path();
    let files = LocalFiles::open(path)?;
    let importer = match job.importer {
        Some(importer) => importer,
        None => recognise(&files)?,
    };
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{msg} {bar:30} {percent}% {per_sec} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(path.display().to_string());
    let mut sink = Progress { gathered: Gathered::default(), bar, interrupt };
    let report = importer.read(&files, &job.options, &mut sink)?;
    sink.bar.finish_and_clear();
    let skipped =
        report.tallies.values().filter(|t| t.severity == crate::import::Severity::Error).map(|t| t.count).sum();
    let frame = report.frame.as_ref().map(|frame| format!("{} ({})", frame.crs, frame.stated_by)).unwrap_or_default();
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let summary = SourceSummary {
        name,
        importer: importer.name().to_owned(),
        crs: frame,
        hash: hash(&files, interrupt)?,
        objects: report.objects,
        skipped,
    };
    Ok(Read {
        gathered: sink.gathered,
        separation: job.separation.clone(),
        report,
        summary,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

/// The site frame, with its anchor in the middle of all objects, or of the rasters where there are no objects.
fn site(registry: &CrsRegistry, reads: &[Read], rasters: &Rasters) -> Result<SiteFrame> {
    let sources: Vec<(&SourceFrame, &Separation, &[SourceObject])> = reads
        .iter()
        .filter_map(|read| Some((read.gathered.frame.as_ref()?, &read.separation, read.gathered.objects.as_slice())))
        .collect();
    let anchor = match anchor(registry, &sources)? {
        Some(anchor) => Some(anchor),
        None => rasters.middle(registry)?,
    };
    let nowhere = "nothing in the sources is anywhere (is their CRS right? --crs EPSG:CODE says another one): \
                   there is no city to write";
    Ok(SiteFrame::new(anchor.context(nowhere)?))
}

/// Refuses sources with outlines of which none is usable: degrees taken for metres.
fn something_left(objects: &[CityObject], ground: Option<&HeightGrid>, reads: &[Read]) -> Result<()> {
    let unusable = reads.iter().any(|read| read.report.tallies.contains_key(UNUSABLE_FOOTPRINT));
    if unusable && ground.is_none() && objects.iter().all(|object| object.shapes.is_empty()) {
        tell_what_was_left_out(reads);
        bail!(
            "no outline in the sources is usable (is their CRS right? --crs EPSG:CODE says another one): there is no city to write"
        );
    }
    Ok(())
}

/// All objects in the site frame, set on the ground where their heights are above it.
fn place(
    registry: &CrsRegistry,
    site: SiteFrame,
    ground: Option<&HeightGrid>,
    reads: &mut [Read],
) -> Result<Vec<CityObject>> {
    let mut objects = Vec::new();
    for read in reads {
        let gathered = std::mem::take(&mut read.gathered);
        if let Some(frame) = gathered.frame {
            let placement = Placement { registry, site, separation: read.separation.clone(), ground };
            objects.extend(placement.place(&frame, gathered.objects, &mut read.report)?);
        }
    }
    Ok(objects)
}

fn print(reports: &[(&SourceReport, f64)], twice: &[String]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for (report, seconds) in reports {
        let frame =
            report.frame.as_ref().map(|frame| format!(", {} ({})", frame.crs, frame.stated_by)).unwrap_or_default();
        writeln!(
            out,
            "{}: {} objects, {} surfaces from {} records by {}{frame}, {seconds:.1} s",
            report.path, report.objects, report.surfaces, report.records, report.importer
        )?;
        for (code, tally) in &report.tallies {
            writeln!(out, "  {}", in_words(code, tally))?;
        }
    }
    if let Some(first) = twice.first() {
        writeln!(out, "  {} objects have an id that was there before and are left out, first: {first}", twice.len())?;
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

fn print_json(manifest: &Manifest, reports: &[(&SourceReport, f64)], twice: &[String]) -> Result<()> {
    let source = |(report, seconds): &(&SourceReport, f64)| {
        let problems: Vec<serde_json::Value> = report
            .tallies
            .iter()
            .map(|(code, tally)| {
                let examples: Vec<String> = tally.examples.iter().map(ToString::to_string).collect();
                serde_json::json!({ "code": code, "severity": format!("{:?}", tally.severity).to_lowercase(), "count": tally.count, "examples": examples })
            })
            .collect();
        serde_json::json!({ "path": report.path, "importer": report.importer, "records": report.records, "objects": report.objects, "surfaces": report.surfaces, "seconds": seconds, "problems": problems })
    };
    let sources: Vec<serde_json::Value> = reports.iter().map(source).collect();
    let json = serde_json::json!({ "manifest": manifest, "sources": sources, "duplicates": twice.len() });
    say!("{}", serde_json::to_string_pretty(&json).context("cannot write JSON")?);
    Ok(())
}
