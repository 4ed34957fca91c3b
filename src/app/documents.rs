//! What a user names: a package, a scene or a scenario; from its path to its documents and the package that it is about.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::commands::demo;
use crate::city::did_you_mean;
use crate::import::demo::{DemoCity, DemoSize};
use crate::package::{City, Manifest, ObjectTable};
use crate::scene::{
    CityDocument, CityFacts, DocumentError, Environment, EventAction, ScenarioDocument, SceneDocument,
    check_scenario_in, check_scene_in, problem_at, read_partly, read_scenario, read_scene,
};

/// A scene, perhaps with a scenario, and where their files lie.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// The scene; an empty one around a bare package.
    pub scene: SceneDocument,
    /// Paths in the scene are relative to this.
    pub scene_folder: PathBuf,
    /// What happens.
    pub scenario: Option<ScenarioDocument>,
    /// Paths in the scenario are relative to this.
    pub scenario_folder: PathBuf,
    /// As messages call it.
    pub shown: String,
    /// File name and text of the scene and of the scenario, where they are files.
    pub texts: Vec<(String, String)>,
}

impl Documents {
    /// Opens a package, a scene or a scenario with its scene.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        if path.join(Manifest::NAME).is_file() {
            let city = CityDocument { packages: vec![shown.clone()], ..CityDocument::default() };
            let scene = SceneDocument { city, ..SceneDocument::default() };
            return Ok(Self { scene, shown, ..Self::default() });
        }
        if path.is_dir() {
            bail!("no city package is there: {shown}");
        }
        if path.is_file() && path.extension().is_none_or(|extension| extension != "toml") {
            bail!(
                "no city package, scene or scenario (scenes end with .toml; 'veduta import' makes a package of sources): {shown}"
            );
        }
        let text = read_text(path)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        if !is_scenario(&text) {
            let scene = read_scene(&text, &shown, &environment())?;
            let texts = vec![(shown.clone(), text)];
            return Ok(Self { scene, scene_folder: folder, shown, texts, ..Self::default() });
        }
        // A scenario's references into its scene can only be checked once it has said which that is.
        let alone = read_scenario(&text, &shown, &environment(), None);
        let base = match &alone {
            Ok(scenario) => scenario.scene.clone(),
            Err(_) => written_base(&text).unwrap_or_default(),
        };
        if let (true, Err(error)) = (base.is_empty(), &alone) {
            return Err(error.clone().into());
        }
        let scene_path = folder.join(base);
        let scene_name = scene_path.display().to_string();
        let named = |error: anyhow::Error| problem_at(&text, &shown, &environment(), &["scene"], &format!("{error:#}"));
        let scene_text = read_text(&scene_path).map_err(named)?;
        let scene = match (read_scene(&scene_text, &scene_name, &environment()), alone) {
            (Ok(scene), _) => scene,
            // What is wrong with both is told at once.
            (Err(of_scene), Err(of_scenario)) => bail!("{of_scenario}\n{of_scene}"),
            (Err(of_scene), Ok(_)) => return Err(of_scene.into()),
        };
        let scenario = Some(read_scenario(&text, &shown, &environment(), Some(&scene))?);
        let scene_folder = scene_path.parent().unwrap_or(Path::new("")).to_owned();
        let texts = vec![(scene_name, scene_text), (shown.clone(), text)];
        Ok(Self { scene, scene_folder, scenario, scenario_folder: folder, shown, texts })
    }

    /// What can be read of documents with mistakes in them, for whoever looks for more of them.
    pub fn open_partly(path: &Path) -> Option<Self> {
        let (shown, text) = (path.display().to_string(), read_text(path).ok()?);
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        if !is_scenario(&text) {
            let scene = read_partly(&text, &environment())?;
            return Some(Self { scene, scene_folder: folder, texts: vec![(shown, text)], ..Self::default() });
        }
        let scene_path = folder.join(written_base(&text)?);
        let scene_text = read_text(&scene_path).ok()?;
        let scene = read_partly(&scene_text, &environment())?;
        let scenario = Some(read_partly(&text, &environment())?);
        let scene_folder = scene_path.parent().unwrap_or(Path::new("")).to_owned();
        let texts = vec![(scene_path.display().to_string(), scene_text), (shown, text)];
        Some(Self { scene, scene_folder, scenario, texts, ..Self::default() })
    }

    /// The scene and the scenario of the demo city, which are part of the program.
    pub fn demo(seed: u64, size: DemoSize) -> Result<Self> {
        let [scene, scenario] =
            [include_str!("../../scenes/demo.toml"), include_str!("../../scenes/demo.scenario.toml")];
        let mut scene = read_scene(scene, "scenes/demo.toml", &environment())?;
        let mut scenario = read_scenario(scenario, "scenes/demo.scenario.toml", &environment(), Some(&scene))?;
        // The document is about the small city; the harbour of a larger one lies elsewhere.
        let harbour = DemoCity::new(seed, size).harbour_box();
        scenario.simulations.iter_mut().for_each(|simulation| simulation.bbox = harbour);
        if let Some(demo) = &mut scene.city.demo {
            (demo.seed, demo.size) = (seed, size.name().to_owned());
        }
        Ok(Self { scene, scenario: Some(scenario), shown: "scenes/demo.scenario.toml".to_owned(), ..Self::default() })
    }

    /// What they say of their city that it does not have: classes, objects, names in expressions.
    pub fn against(&self, city: &City) -> Vec<DocumentError> {
        let scenario = self.scenario.as_ref();
        let mut names = city.names();
        let mut classes: Vec<&str> = city.manifest().counts.keys().map(String::as_str).collect();
        for event in scenario.iter().flat_map(|scenario| &scenario.events) {
            if let EventAction::Set { property, .. } = &event.action {
                names.push(property);
            }
        }
        if scenario.is_some_and(|scenario| scenario.added().next().is_some()) {
            names.extend(["height", "color"]);
            classes.push("Building");
        }
        let there = |id: &str| city.table().row(id).is_some();
        let has_object =
            |id: &str| there(id) || scenario.is_some_and(|scenario| scenario.added().any(|added| added == id));
        let like = |id: &str| alike(city.table(), id);
        let facts = CityFacts { classes, names, has_object: &has_object, like: &like, with_events: scenario.is_some() };
        let (environment, mut texts) = (environment(), self.texts.iter());
        let of_scene = texts.next().and_then(|(name, text)| check_scene_in(text, name, &environment, &facts));
        let of_scenario = scenario.and(texts.next());
        let of_scenario =
            of_scenario.and_then(|(name, text)| check_scenario_in(text, name, &environment, &self.scene, &facts));
        of_scene.into_iter().chain(of_scenario).collect()
    }

    /// The package of the scene; a generated city is made where it is not there yet.
    pub fn package(&self) -> Result<PathBuf> {
        match (&self.scene.city.packages[..], &self.scene.city.demo) {
            ([package], None) => Ok(self.scene_folder.join(package)),
            ([], Some(document)) => {
                let size = DemoSize::from_name(&document.size)
                    .with_context(|| format!("no demo city has the size '{}': {}", document.size, self.shown))?;
                demo::cached(document.seed, size)
            }
            ([], None) if self.scene.city.tilesets.is_empty() => {
                bail!("the scene names no city ('packages' or 'demo' under [city]): {}", self.shown)
            }
            _ => bail!("a scene shows one package; import several sources into one: {}", self.shown),
        }
    }
}

/// Signs that an identifier begins or ends with as one that is not there, and how many such are compared.
const SAME: usize = 4;
const MOST_ALIKE: usize = 1000;

/// What may be meant by an identifier that no object has, as the end of a sentence: of those that begin or end with the same
/// signs, so that a million objects are no million comparisons.
fn alike(table: &ObjectTable, id: &str) -> String {
    let starts = |known: &str| known.chars().zip(id.chars()).take(SAME).all(|(a, b)| a == b);
    let ends = |known: &str| known.chars().rev().zip(id.chars().rev()).take(SAME).all(|(a, b)| a == b);
    let near = (0..table.rows()).map(|row| table.id(row));
    let near = near.filter(|known| known.len().abs_diff(id.len()) <= 2 && (starts(known) || ends(known)));
    did_you_mean(id, &near.take(MOST_ALIKE).collect::<Vec<_>>())
}

/// A scenario is told from a scene by its `scene` key: whoever lacks it is read as a scene.
pub fn is_scenario(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("scene"))
}

/// The scene that a scenario names which cannot be read.
fn written_base(text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).ok()?;
    table.get("scene")?.as_str().filter(|scene| !scene.contains("${")).map(str::to_owned)
}

/// The variables that documents may name.
pub(super) fn environment() -> Environment {
    std::env::vars().collect()
}

/// The text of a document.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let shown = || path.display().to_string();
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("no such package, scene or scenario: {}", path.display())
        }
        other => other.with_context(shown),
    }
}
