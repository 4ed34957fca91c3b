//! What is wrong with a scene or scenario: the documents, what they say of their city, and everything else that a play
//! would fail with before its first step.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::check::Problem;
use super::{is_package, open_city};
use crate::app::documents::{Documents, environment, read_text};
use crate::app::feeds::LiveFeeds;
use crate::app::runs::{ground_of, partly_on_ground, read};
use crate::app::stage::{Stage, cameras_nowhere};
use crate::formats::gltf_model::read_model;
use crate::live::SourceIndex;
use crate::package::{City, Manifest};
use crate::scenario::{Appearance, CityEdits, CityLive, VariantCity, check_size};
use crate::scene::{DocumentError, EditAction, ScenarioDocument, problem_at};

/// The problems of a document, as far as they can be told: those of the text, then those against the city, then the rest.
pub fn document(path: &Path) -> Result<Vec<Problem>> {
    read_text(path)?;
    let documents = match Documents::open(path) {
        Ok(documents) => documents,
        Err(error) => return Ok(all_mistakes(path, &format!("{error:#}"))),
    };
    // A generated city is not made for that.
    if documents.scene.city.demo.is_some() {
        return Ok(Vec::new());
    }
    let cause = match documents.package() {
        Ok(package) if is_package(&package) => return in_city(&documents, &package),
        Ok(package) => format!("no city package is there: {}", package.display()),
        Err(cause) => return Ok(vec![Problem::error(format!("{cause:#}"))]),
    };
    let Some((name, text)) = documents.texts.first() else { return Ok(vec![Problem::error(&cause)]) };
    Ok(told(&problem_at(text, name, &environment(), &["city", "packages"], &cause)))
}

/// The mistakes of documents that cannot be opened, and what the rest says of the city that is not so: whoever mends the
/// ones must not find the others after that.
fn all_mistakes(path: &Path, told: &str) -> Vec<Problem> {
    let against = Documents::open_partly(path).and_then(|documents| {
        let city = open_city(&documents.package().ok().filter(|package| is_package(package))?).ok()?;
        Some(documents.against(&city).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    let mut lines: Vec<&str> = told.lines().chain(against.as_deref().unwrap_or_default().lines()).collect();
    let mut seen = std::collections::BTreeSet::new();
    lines.retain(|line| seen.insert(*line));
    lines.into_iter().map(Problem::error).collect()
}

fn in_city(documents: &Documents, package: &Path) -> Result<Vec<Problem>> {
    let city = open_city(package)?;
    let mut problems: Vec<Problem> = documents.against(&city).iter().flat_map(told).collect();
    if problems.is_empty() {
        problems.extend(far_places(documents, city.manifest()));
        problems.extend(before_the_first_step(documents, city)?);
    }
    Ok(problems)
}

/// Degrees around a city in which a camera may look at it.
const NEAR_DEG: f64 = 1.0;

/// Cameras that see nothing of the city and buildings that do not stand in it, such as those whose longitude and latitude are
/// swapped.
fn far_places(documents: &Documents, manifest: &Manifest) -> Vec<Problem> {
    let Some([west, south, east, north, _, _]) = manifest.extent else { return Vec::new() };
    let beyond = |at: f64, low: f64, high: f64| (low - at).max(at - high).max(0.0);
    let cameras = documents.scene.cameras.iter().filter_map(|camera| {
        let [longitude, latitude, _] = camera.place.or(camera.target)?;
        Some((format!("camera '{}'", camera.name), [longitude, latitude]))
    });
    let edits = documents.scenario.iter().flat_map(|scenario| &scenario.edits).filter_map(|edit| match &edit.action {
        EditAction::AddFootprint { footprint, .. } => Some((format!("edit '{}'", edit.name), *footprint.first()?)),
        EditAction::AddModel { at: [longitude, latitude, _], .. } => {
            Some((format!("edit '{}'", edit.name), [*longitude, *latitude]))
        }
        EditAction::Remove { .. } => None,
    });
    let told = |(what, [longitude, latitude]): (String, [f64; 2])| {
        let far_deg = beyond(longitude, west, east).max(beyond(latitude, south, north));
        let text = format!(
            "{what} stands at [{longitude}, {latitude}], {far_deg:.0} degrees from the city, which is around [{:.3}, {:.3}] \
             (longitude, then latitude): {}",
            (west + east) * 0.5,
            (south + north) * 0.5,
            documents.shown
        );
        (far_deg > NEAR_DEG).then(|| Problem::warning(text))
    };
    cameras.chain(edits).filter_map(told).collect()
}

/// Everything that `play` (or, for a scene, `view`) does before its first step, but for what takes long and for
/// connections.
fn before_the_first_step(documents: &Documents, city: City) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let Some(scenario) = &documents.scenario else {
        let objects = Arc::new(VariantCity::new(Arc::new(city), &CityEdits::default())?);
        let ready = Appearance::compile(&documents.scene).map_err(anyhow::Error::from);
        match ready.and_then(|_| LiveFeeds::check(&documents.scene, &documents.scene_folder, objects)) {
            Ok(live) => unbound(documents, &live, &mut problems),
            Err(error) => problems.push(Problem::error(format!("{error:#}: {}", documents.shown))),
        }
        return Ok(problems);
    };
    let mut variants: Vec<Option<&str>> = scenario.variants.iter().map(|variant| Some(variant.name.as_str())).collect();
    if variants.is_empty() {
        variants.push(None);
    }
    for (number, variant) in variants.into_iter().enumerate() {
        match Stage::open(documents.clone(), variant) {
            Ok(stage) => {
                if number == 0 {
                    unbound(documents, stage.live(), &mut problems);
                    grounds(scenario, &stage, &mut problems);
                }
                let of_variant = variant.map_or_else(String::new, |name| format!(" in variant '{name}'"));
                let told = cameras_nowhere(&stage).into_iter().map(|text| format!("{text}{of_variant}"));
                problems.extend(told.map(Problem::warning));
            }
            Err(error) => {
                problems.push(Problem::error(format!("{error:#}")));
                break;
            }
        }
    }
    files(scenario, &documents.scenario_folder, &mut problems);
    Ok(problems)
}

/// Simulations that are to run where there is no ground.
fn grounds(scenario: &ScenarioDocument, stage: &Stage, problems: &mut Vec<Problem>) {
    for document in scenario.simulations.iter().filter(|simulation| simulation.recording.is_none()) {
        if let Err(error) = check_size(document, &stage.site()) {
            problems.push(Problem::error(format!("simulation '{}': {error}", document.name)));
        }
        match ground_of(stage, document) {
            Ok(ground) => {
                problems.extend(partly_on_ground(stage, document, &ground).map(Problem::warning));
            }
            Err(error) => problems.push(Problem::error(format!("{error:#}"))),
        }
    }
}

/// Files that are read when the play begins: recorded simulations and models.
fn files(scenario: &ScenarioDocument, folder: &Path, problems: &mut Vec<Problem>) {
    let mut tell = |outcome: Result<()>| problems.extend(outcome.err().map(|e| Problem::error(format!("{e:#}"))));
    for file in scenario.simulations.iter().filter_map(|simulation| simulation.recording.as_ref()) {
        tell(read(&folder.join(file)).map(drop));
    }
    for edit in &scenario.edits {
        if let EditAction::AddModel { model, .. } = &edit.action {
            let path = folder.join(model);
            let beside = |name: &str| std::fs::read(path.parent().unwrap_or(Path::new("")).join(name)).ok();
            let shown = || path.display().to_string();
            let bytes = std::fs::read(&path).with_context(shown);
            tell(bytes.and_then(|bytes| read_model(&bytes, &beside).map(drop).with_context(shown)));
        }
    }
}

/// Recordings whose streams no binding takes to an object, and records that cannot be used.
fn unbound(documents: &Documents, live: &CityLive, problems: &mut Vec<Problem>) {
    let recordings = documents.scenario.iter().flat_map(|scenario| &scenario.recordings);
    let names = documents.scene.sources.iter().map(|source| &source.name).chain(recordings.map(|r| &r.name));
    for (number, name) in (0..).zip(names) {
        let source = SourceIndex(number);
        let (all, nowhere) = live.latest().streams_of(source);
        if let Some((stream, why)) = nowhere.first_key_value().filter(|_| !simulated(documents, name)) {
            let shown = &documents.shown;
            let text = format!(
                "'{name}': {} of its {all} streams are shown nowhere, {} (such as {stream}): {shown}",
                nowhere.len(),
                why.words()
            );
            problems.push(if nowhere.len() == all { Problem::error(text) } else { Problem::warning(text) });
        }
        let tally = live.latest().tallies().get(usize::from(number));
        for (reason, fault) in
            tally.iter().flat_map(|tally| tally.faults.iter()).filter(|(reason, _)| reason.is_of_reading())
        {
            let example = fault.examples.first().map(String::as_str).unwrap_or_default();
            problems.push(Problem::warning(format!(
                "'{name}': {}, {} times, such as {example}",
                reason.words(),
                fault.count
            )));
        }
    }
}

/// A simulated feed also tells of devices that no binding asks for.
fn simulated(documents: &Documents, name: &str) -> bool {
    let mut sources = documents.scene.sources.iter();
    sources.any(|source| source.name == name && source.kind == crate::scene::SourceKind::Simulated)
}

fn told(error: &DocumentError) -> Vec<Problem> {
    error.to_string().lines().map(Problem::error).collect()
}
