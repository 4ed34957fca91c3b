//! `veduta info`: what a package, a source or a scene holds.

use std::process::ExitCode;

use anyhow::Result;

use super::simulate::facts;
use super::{is_package, open_city};
use crate::app::cli::InfoArgs;
use crate::app::documents::Documents;
use crate::app::runs::{is_recording, read};
use crate::geodesy::CrsId;
use crate::import::raster::RasterFacts;
use crate::import::{Gathered, ImportError, ImportOptions, recognise};
use crate::package::Manifest;
use crate::platform::open_source;

pub fn run(arguments: &InfoArgs) -> Result<ExitCode> {
    if is_package(&arguments.path) {
        let city = open_city(&arguments.path)?;
        if arguments.json {
            say!("{}", serde_json::to_string_pretty(city.manifest())?);
        } else {
            print_manifest(city.manifest())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.path.extension().is_some_and(|extension| extension == "toml") {
        return scene(arguments);
    }
    if is_recording(&arguments.path) {
        let facts = facts(&read(&arguments.path)?)?;
        match arguments.json {
            true => say!("{}", serde_json::to_string_pretty(&facts)?),
            false => say!("{}: {facts}", arguments.path.display()),
        }
        return Ok(ExitCode::SUCCESS);
    }
    source(arguments)
}

/// What a source holds. One that does not say its CRS is read as if it were in degrees: what it holds is the same.
fn source(arguments: &InfoArgs) -> Result<ExitCode> {
    let opened = open_source(&arguments.path)?;
    let files = &*opened;
    let importer = recognise(files)?;
    let read = |options: &ImportOptions| importer.read(files, options, &mut Gathered::default());
    let (report, is_said) = match read(&ImportOptions::default()) {
        Err(ImportError::NoCrs { .. }) => {
            let crs_where_unsaid = Some(CrsId::wgs84());
            (read(&ImportOptions { crs_where_unsaid, ..ImportOptions::default() })?, false)
        }
        read => (read?, true),
    };
    let frame = report.frame.as_ref().filter(|_| is_said);
    let frame = frame.map(|frame| format!("{} ({})", frame.crs, frame.stated_by));
    if arguments.json {
        let problems: u64 = report.tallies.values().map(|tally| tally.count).sum();
        let mut facts = serde_json::json!({
            "path": report.path, "importer": report.importer, "crs": frame, "files": report.files,
            "records": report.records, "objects": report.objects, "surfaces": report.surfaces, "problems": problems,
        });
        if let ([raster], Some(facts)) = (report.rasters.as_slice(), facts.as_object_mut()) {
            let raster = serde_json::to_value(raster)?;
            facts.extend(raster.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        } else if !report.rasters.is_empty() {
            facts["rasters"] = serde_json::to_value(&report.rasters)?;
        }
        say!("{}", serde_json::to_string_pretty(&facts)?);
    } else {
        say!("{}: {}", report.path, importer.title());
        say!("  CRS       {}", frame.unwrap_or_else(|| "not said".to_owned()));
        if report.rasters.is_empty() {
            say!("  objects   {} from {} records in {} files", report.objects, report.records, report.files);
            say!("  surfaces  {}", report.surfaces);
        }
        report.rasters.iter().take(RASTERS_SHOWN).try_for_each(raster)?;
        if report.rasters.len() > RASTERS_SHOWN {
            say!("  and {} rasters more", report.rasters.len() - RASTERS_SHOWN);
        }
        for (code, tally) in &report.tallies {
            say!("  {} {code}: {} times", tally.severity.word(), tally.count);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Rasters of one source that are told one by one.
const RASTERS_SHOWN: usize = 10;

/// What an elevation model or an image holds.
fn raster(facts: &RasterFacts) -> Result<()> {
    say!(
        "  {:<9} {} x {} pixels, {} bands, {} levels",
        facts.kind.name(),
        facts.width,
        facts.height,
        facts.bands,
        facts.levels
    );
    match facts.extent {
        Some([west, south, east, north]) => say!("  extent    {west}, {south} to {east}, {north} in its CRS"),
        None => say!("  extent    not said"),
    }
    if let Some(nodata) = facts.nodata {
        say!("  unknown   where it is {nodata}");
    }
    Ok(())
}

/// What a scene or scenario holds.
fn scene(arguments: &InfoArgs) -> Result<ExitCode> {
    let Documents { scene, scenario, .. } = Documents::open(&arguments.path)?;
    let names = |all: Vec<&String>| all.into_iter().cloned().collect::<Vec<_>>();
    let mut parts: Vec<(&str, Vec<String>)> = vec![
        ("packages", scene.city.packages.clone()),
        ("layers", names(scene.layers.iter().map(|layer| &layer.name).collect())),
        ("sources", names(scene.sources.iter().map(|source| &source.name).collect())),
        ("bindings", names(scene.bindings.iter().map(|binding| &binding.stream).collect())),
        ("indicators", names(scene.indicators.iter().map(|indicator| &indicator.name).collect())),
        ("alarms", names(scene.alarms.iter().map(|alarm| &alarm.name).collect())),
        ("cameras", names(scene.cameras.iter().map(|camera| &camera.name).collect())),
    ];
    if let Some(scenario) = &scenario {
        let times = [&scenario.time.start, &scenario.time.end].into_iter().flatten().cloned();
        parts.extend([
            ("time", times.collect()),
            ("events", scenario.events.iter().map(|event| event.at.clone()).collect()),
            ("edits", names(scenario.edits.iter().map(|edit| &edit.name).collect())),
            ("variants", names(scenario.variants.iter().map(|variant| &variant.name).collect())),
            ("recordings", names(scenario.recordings.iter().map(|recording| &recording.name).collect())),
            ("simulations", names(scenario.simulations.iter().map(|simulation| &simulation.name).collect())),
        ]);
    }
    let name = scenario.as_ref().map(|scenario| &scenario.name).filter(|name| !name.is_empty()).unwrap_or(&scene.name);
    if arguments.json {
        let mut facts = serde_json::Map::from_iter([("name".to_owned(), serde_json::json!(name))]);
        facts.extend(parts.into_iter().map(|(part, names)| (part.to_owned(), serde_json::json!(names))));
        say!("{}", serde_json::to_string_pretty(&facts)?);
        return Ok(ExitCode::SUCCESS);
    }
    say!("{name}");
    for (part, names) in parts.into_iter().filter(|(_, names)| !names.is_empty()) {
        say!("  {part:<11} {}", names.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

fn print_manifest(manifest: &Manifest) -> Result<()> {
    let [longitude, latitude, height] = manifest.anchor;
    say!("{}", manifest.name);
    say!(
        "  anchor     {longitude:.6}, {latitude:.6}, {height:.1} m ({}, heights above the {})",
        manifest.crs,
        manifest.height_reference
    );
    if let Some([west, south, east, north, low, high]) = manifest.extent {
        say!("  extent     {west:.5}, {south:.5} to {east:.5}, {north:.5}; {low:.1} m to {high:.1} m");
    }
    say!(
        "  objects    {}; {} triangles in {} levels of tiles",
        manifest.objects,
        manifest.triangles,
        manifest.tile_levels
    );
    for (class, count) in &manifest.counts {
        say!("    {class}: {count}");
    }
    let levels: Vec<String> = manifest.cim_levels.iter().map(|(level, count)| format!("{level} {count}")).collect();
    say!("  levels     {}", levels.join(", "));
    say!("  terrain    {}", if manifest.terrain { "yes" } else { "none: objects stand on a plain ground" });
    say!("  attributes");
    for (name, about) in &manifest.attributes {
        say!("    {name}: {} ({} objects)", about.kind, about.filled);
    }
    for source in &manifest.sources {
        say!(
            "  source     {} by {}, {}{}",
            source.name,
            source.importer,
            if source.crs.is_empty() { "CRS not said" } else { &source.crs },
            match (source.objects, source.skipped) {
                (0, 0) => String::new(),
                (objects, skipped) => format!(", {objects} objects, {skipped} left out"),
            }
        );
    }
    Ok(())
}
