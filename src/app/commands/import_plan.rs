//! What an import shall do: its sources, with what the command line and the recipe say about each.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::is_package;
use crate::app::cli::ImportArgs;
use crate::geodesy::{CrsId, CrsRegistry, GeoidModel, Separation};
use crate::import::tree::TreeOptions;
use crate::import::{
    ImportError, ImportOptions, Importer, Recipe, RecipeSource, SourceFiles, importer, read_geoid, read_recipe,
};
use crate::package::Manifest;
use crate::platform::{Interrupt, open_source};

/// One source and all that is said about it.
pub struct Job {
    pub path: PathBuf,
    /// The importer that the recipe names.
    pub importer: Option<&'static dyn Importer>,
    pub options: ImportOptions,
}

/// All sources.
pub struct Plan {
    pub jobs: Vec<Job>,
    pub registry: CrsRegistry,
    pub tree: TreeOptions,
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
        let folder = folder.unwrap_or(Path::new(""));
        let mut geoids = Geoids { crs, everywhere: None, folder, read: BTreeMap::new(), hashes: String::new() };
        geoids.everywhere = arguments.geoid.as_deref().map(|path| geoids.model(path)).transpose()?;
        let mut jobs = Vec::new();
        if arguments.sources.is_empty() {
            for said in &recipe.sources {
                let is_address = said.path.starts_with("http://") || said.path.starts_with("https://");
                let path = if is_address { PathBuf::from(&said.path) } else { folder.join(&said.path) };
                jobs.push(geoids.job(path, said)?);
            }
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
            jobs.push(geoids.job(path.clone(), &said)?);
        }
        let unused = used.iter().position(|used| !used).filter(|_| !arguments.sources.is_empty());
        if let (Some(unused), Some(path)) = (unused, &arguments.recipe) {
            let name = recipe.sources.get(unused).map(|source| source.path.clone()).unwrap_or_default();
            bail!("source {}, path: no source of the command line is called '{name}': {}", unused + 1, path.display());
        }
        if jobs.is_empty() {
            bail!("there is nothing to import: the recipe has no [[source]] and the command line names none");
        }
        let _ = write!(settings, " {}", geoids.hashes);
        Ok(Self {
            jobs,
            registry: recipe.registry,
            tree: recipe.tree,
            settings: format!("{:032x}", xxh3_128(settings.as_bytes())),
        })
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
            now.push(hash(&*open_source(&job.path)?, interrupt)?);
        }
        before.sort();
        now.sort();
        Ok(before == now)
    }
}

/// What is said about all sources, and the geoid models that are named, each read once.
struct Geoids<'a> {
    crs: Option<CrsId>,
    /// That of `--geoid`, for sources that name none.
    everywhere: Option<Separation>,
    folder: &'a Path,
    read: BTreeMap<PathBuf, Arc<GeoidModel>>,
    hashes: String,
}

impl Geoids<'_> {
    fn job(&mut self, path: PathBuf, said: &RecipeSource) -> Result<Job> {
        let mut options = said.options.clone();
        options.crs_where_unsaid = self.crs.clone();
        if let Some(name) = &said.geoid {
            options.separation = Some(self.model(&self.folder.join(name))?);
        }
        options.separation = options.separation.or_else(|| self.everywhere.clone());
        let importer = said.kind.as_deref().and_then(importer);
        Ok(Job { path, importer, options })
    }

    fn model(&mut self, path: &Path) -> Result<Separation> {
        if let Some(model) = self.read.get(path) {
            return Ok(Separation::Model(Arc::clone(model)));
        }
        let files = open_source(path)?;
        let model = Arc::new(read_geoid(&*files)?);
        self.hashes += &hash(&*files, &Interrupt::default())?;
        self.read.insert(path.to_owned(), Arc::clone(&model));
        Ok(Separation::Model(model))
    }
}

/// Bytes of a file that are hashed at one time.
const HASHED_AT_ONCE: u64 = 8 << 20;

/// XXH3-128 over the names and contents of all files.
pub fn hash(files: &dyn SourceFiles, interrupt: &Interrupt) -> Result<String> {
    let mut hasher = Xxh3::new();
    for name in files.names() {
        let size = files.size(name)?;
        hasher.update(name.as_bytes());
        hasher.update(&size.to_le_bytes());
        for start in (0..size).step_by(HASHED_AT_ONCE as usize) {
            stop_if(interrupt)?;
            hasher.update(&files.read_range(name, start..(start + HASHED_AT_ONCE).min(size))?);
        }
    }
    Ok(format!("{:032x}", hasher.digest128()))
}

/// An error where the user stopped the work.
pub fn stop_if(interrupt: &Interrupt) -> Result<()> {
    if interrupt.is_set() { Err(ImportError::Cancelled.into()) } else { Ok(()) }
}
