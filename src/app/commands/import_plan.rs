//! What an import shall do: its sources, with what the command line and the recipe say about each.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::is_package;
use crate::app::cli::ImportArgs;
use crate::geodesy::{CrsId, CrsRegistry, HeightReference, Separation};
use crate::import::{
    HeightsAbove, ImportError, ImportOptions, Importer, Recipe, RecipeSource, SourceFiles, importer, read_recipe,
};
use crate::package::Manifest;
use crate::platform::{Interrupt, LocalFiles};

/// One source and all that is said about it.
pub struct Job {
    pub path: PathBuf,
    /// The importer that the recipe names.
    pub importer: Option<&'static dyn Importer>,
    pub options: ImportOptions,
    /// The geoid above the ellipsoid. Where nothing is said, heights above the sea are taken as heights above the ellipsoid:
    /// everything of the city is off by the same metres.
    pub separation: Separation,
}

/// All sources.
pub struct Plan {
    pub jobs: Vec<Job>,
    pub registry: CrsRegistry,
    /// What besides the sources decides about the package, hashed.
    pub settings: String,
}

impl Plan {
    /// The sources of the command line, or where it names none those of the recipe, which lie beside it.
    pub fn of(arguments: &ImportArgs) -> Result<Self> {
        let mut settings = format!("{} {:?} {:?}", env!("CARGO_PKG_VERSION"), arguments.crs, arguments.name);
        let (recipe, folder) = match &arguments.recipe {
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                let _ = write!(settings, " {text}");
                let environment = std::env::vars().collect();
                (read_recipe(&text, &path.display().to_string(), &environment)?, path.parent())
            }
            None => (Recipe::default(), None),
        };
        let crs = arguments.crs.as_deref().map(str::parse::<CrsId>).transpose()?;
        if let Some(crs) = &crs {
            recipe.registry.crs_info(crs)?;
        }
        let mut jobs = Vec::new();
        if arguments.sources.is_empty() {
            let folder = folder.unwrap_or(Path::new(""));
            jobs.extend(recipe.sources.iter().map(|said| Job::new(folder.join(&said.path), said, crs.as_ref())));
        }
        let mut used = vec![false; recipe.sources.len()];
        for path in &arguments.sources {
            let said = recipe.source(&path.display().to_string());
            let said = said.cloned().unwrap_or_default();
            recipe
                .sources
                .iter()
                .zip(&mut used)
                .filter(|(source, _)| **source == said)
                .for_each(|(_, used)| *used = true);
            jobs.push(Job::new(path.clone(), &said, crs.as_ref()));
        }
        let unused = used.iter().position(|used| !used).filter(|_| !arguments.sources.is_empty());
        if let (Some(unused), Some(path)) = (unused, &arguments.recipe) {
            let name = recipe.sources.get(unused).map(|source| source.path.clone()).unwrap_or_default();
            bail!("source {}, path: no source of the command line is called '{name}': {}", unused + 1, path.display());
        }
        if jobs.is_empty() {
            bail!("there is nothing to import: the recipe has no [[source]] and the command line names none");
        }
        Ok(Self { jobs, registry: recipe.registry, settings: format!("{:032x}", xxh3_128(settings.as_bytes())) })
    }

    /// Whether the package at `output` was made of the same files with the same settings.
    pub fn is_done(&self, output: &Path, interrupt: &Interrupt) -> Result<bool> {
        if !is_package(output) {
            return Ok(false);
        }
        let text = fs::read_to_string(output.join(Manifest::NAME)).with_context(|| output.display().to_string())?;
        // A package that cannot be read is made anew.
        let Ok(manifest) = Manifest::read(&text) else { return Ok(false) };
        let mut before: Vec<String> = manifest.sources.into_iter().map(|source| source.hash).collect();
        if manifest.settings != self.settings || before.len() != self.jobs.len() {
            return Ok(false);
        }
        let mut now = Vec::with_capacity(self.jobs.len());
        for job in &self.jobs {
            now.push(hash(&LocalFiles::open(&job.path)?, interrupt)?);
        }
        before.sort();
        now.sort();
        Ok(before == now)
    }
}

impl Job {
    fn new(path: PathBuf, said: &RecipeSource, crs: Option<&CrsId>) -> Self {
        let mut options = said.options.clone();
        options.crs_where_unsaid = crs.cloned();
        let importer = said.kind.as_deref().and_then(importer);
        Self { path, importer, options, separation: Separation::Constant(said.geoid_separation_m) }
    }

    /// What the heights of an elevation model are above: the geoid, unless the recipe says otherwise.
    pub fn height_reference(&self) -> Result<HeightReference> {
        match self.options.heights_above {
            Some(HeightsAbove::Ellipsoid) => Ok(HeightReference::Ellipsoidal),
            None | Some(HeightsAbove::Geoid) => Ok(HeightReference::Orthometric(self.separation.clone())),
            Some(HeightsAbove::Ground) => {
                bail!("an elevation model's heights are not above the ground: {}", self.path.display())
            }
        }
    }
}

/// XXH3-128 over the names and contents of all files.
pub fn hash(files: &dyn SourceFiles, interrupt: &Interrupt) -> Result<String> {
    let mut hasher = Xxh3::new();
    for name in files.names() {
        stop_if(interrupt)?;
        let bytes = files.read(name)?;
        hasher.update(name.as_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(format!("{:032x}", hasher.digest128()))
}

/// An error where the user stopped the work.
pub fn stop_if(interrupt: &Interrupt) -> Result<()> {
    if interrupt.is_set() { Err(ImportError::Cancelled.into()) } else { Ok(()) }
}
