//! `veduta demo`: the demo city.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::app::city_builder::{CityDraft, write_city};
use crate::app::cli::DemoArgs;
use crate::app::documents::Documents;
use crate::geodesy::CrsRegistry;
use crate::import::demo::{DemoCity, DemoSize};
use crate::import::tiler::NoPictures;
use crate::package::{Manifest, Objects, ObjectsBuilder, SourceSummary};
use crate::platform::{AtomicFolder, FileScratch};

pub fn run(arguments: &DemoArgs) -> Result<ExitCode> {
    let begin = Instant::now();
    let folder = arguments.output.clone().map_or_else(cache, Ok)?;
    let path = package(&folder, arguments.seed, arguments.size);
    let manifest = make(arguments.seed, arguments.size, &path)?;
    say!(
        "{}: {} objects, {} of them buildings, {} triangles, in {:.1} s",
        path.display(),
        manifest.objects,
        manifest.counts.get("Building").copied().unwrap_or_default(),
        manifest.triangles,
        begin.elapsed().as_secs_f64()
    );
    let mut documents = Documents::demo(arguments.seed, arguments.size)?;
    documents.scene.city.demo = None;
    documents.scene.city.packages = vec![std::path::absolute(&path)?.display().to_string()];
    super::viewer::show_demo(arguments, documents)?;
    Ok(ExitCode::SUCCESS)
}

/// The package of a demo city that a scene names; made where it is not there yet, or where another version of the program
/// made it.
pub fn cached(seed: u64, size: DemoSize) -> Result<PathBuf> {
    let path = package(&cache()?, seed, size);
    let kept = std::fs::read_to_string(path.join(Manifest::NAME)).ok().and_then(|text| Manifest::read(&text).ok());
    if kept.is_none_or(|kept| kept.settings != DemoCity::VERSION) {
        make(seed, size, &path)?;
    }
    Ok(path)
}

fn package(folder: &Path, seed: u64, size: DemoSize) -> PathBuf {
    folder.join(format!("demo-{}-{seed}.city", size.name()))
}

/// Where generated cities are kept that nobody asked a place for.
fn cache() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Ok(base
        .or_else(home)
        .context("neither XDG_CACHE_HOME nor HOME says where to keep the city; give a folder with -o")?
        .join("veduta"))
}

/// The objects of the city, in a file beside its package.
fn objects(city: &DemoCity, path: &Path) -> Result<Objects> {
    const AT_ONCE: usize = 10_000;
    let mut builder = ObjectsBuilder::new(Box::new(FileScratch::beside(path)?));
    let (mut some, mut added) = (Vec::new(), Ok(()));
    city.for_each(&mut |object| {
        some.push(object);
        if some.len() == AT_ONCE && added.is_ok() {
            added = builder.add(0, std::mem::take(&mut some));
        }
    });
    added?;
    builder.add(0, some)?;
    Ok(builder.finish())
}

/// Makes the demo city's package.
fn make(seed: u64, size: DemoSize, path: &Path) -> Result<Manifest> {
    let city = DemoCity::new(seed, size);
    let mut sink = AtomicFolder::create(path, Manifest::NAME)?;
    let objects = objects(&city, path)?;
    let source = SourceSummary {
        name: format!("demo {} {seed}", size.name()),
        importer: "demo".to_owned(),
        objects: objects.rows() as u64,
        ..SourceSummary::default()
    };
    let draft = CityDraft {
        name: "维都市 Veduta City".to_owned(),
        site: city.site(),
        objects,
        pictures: Box::new(NoPictures),
        settings: DemoCity::VERSION.to_owned(),
        sources: vec![source],
        ground: Some(city.ground()),
        images: Vec::new(),
    };
    let manifest = write_city(&draft, &CrsRegistry::default(), &mut sink)?.manifest;
    sink.commit()?;
    Ok(manifest)
}
