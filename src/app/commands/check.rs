//! `veduta check`: every problem of a source, package, scene, scenario or server's configuration, with its place.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::check_documents::document;
use super::simulate::facts;
use super::{is_package, open_city, serve};
use crate::app::cli::CheckArgs;
use crate::app::runs::{is_recording, read};
use crate::import::check::check_tileset;
use crate::import::{Gathered, ImportOptions, Severity, recognise};
use crate::package::{City, HEIGHT_GRID_FILE, Query, decode_height_grid};
use crate::platform::{FolderSource, open_source};
use crate::streaming::ByteSource;

const TILESET: &str = "tileset.json";
const TERRAIN: &str = "terrain/tileset.json";
/// Bytes of a first line by which a file is known.
const MOST_LINE: u64 = 1 << 16;

/// One line of the answer.
pub struct Problem {
    level: Level,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Note,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl Problem {
    /// What must be mended.
    pub fn error(text: impl Into<String>) -> Self {
        Self { level: Level::Error, text: text.into() }
    }

    /// What may be meant.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { level: Level::Warning, text: text.into() }
    }

    /// No problem, but worth knowing.
    pub fn note(text: impl Into<String>) -> Self {
        Self { level: Level::Note, text: text.into() }
    }

    /// Whether it must be mended.
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// What some check says of a source or a tileset.
    fn of(severity: Severity, text: String) -> Self {
        match severity {
            Severity::Error => Self::error(text),
            Severity::Warning => Self::warning(text),
            Severity::Note => Self::note(text),
        }
    }
}

/// Whether it is an audit log, by what its first line says; other lines of JSON are sources.
fn is_audit(path: &Path) -> bool {
    let mut line = String::new();
    let first =
        std::fs::File::open(path).map(|file| std::io::BufReader::new(file).take(MOST_LINE).read_line(&mut line));
    let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
    let called = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("audit.jsonl"));
    called || (first.is_ok() && ["n", "before", "status"].iter().all(|key| line.get(key).is_some()))
}

pub fn run(arguments: &CheckArgs) -> Result<ExitCode> {
    let path = &arguments.path;
    let problems = if is_package(path) {
        package(path)?
    } else if is_audit(path) {
        serve::check_audit(path)?
    } else if path.extension().is_some_and(|extension| extension == "toml") {
        if serve::is_config(path) { serve::check_config(path)? } else { document(path)? }
    } else if is_recording(path) {
        let damage = read(path).and_then(|recording| facts(&recording)).err();
        damage.into_iter().map(|error| Problem::error(format!("{error:#}"))).collect()
    } else {
        source(path)?
    };
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = problems.iter().filter(|problem| problem.level == Level::Warning).count();
    if arguments.json {
        let line = |p: &Problem| serde_json::json!({ "severity": p.level.word(), "text": p.text });
        say!("{}", serde_json::to_string_pretty(&problems.iter().map(line).collect::<Vec<_>>())?);
    } else {
        for problem in &problems {
            say!("{}: {}", problem.level.word(), problem.text);
        }
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        say!("{}: {}, {}", path.display(), count(errors, "error"), count(warnings, "warning"));
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The tilesets with all their files, the object table, the index, and what the manifest says of them.
fn package(path: &Path) -> Result<Vec<Problem>> {
    let source = FolderSource::new(path).with_context(|| format!("cannot open the package {}", path.display()))?;
    let city = open_city(path);
    // What a manifest that cannot be read would say, the files say.
    let has_terrain = city.as_ref().map_or_else(|_| source.size(TERRAIN).is_ok(), |city| city.manifest().terrain);
    let mut problems = tilesets(&source, has_terrain);
    match city {
        Ok(city) => objects(&city, &mut problems),
        Err(error) => problems.push(Problem::error(format!("{error:#}"))),
    }
    Ok(problems)
}

fn tilesets(source: &FolderSource, has_terrain: bool) -> Vec<Problem> {
    let mut found = check_tileset(source, TILESET);
    let mut problems = Vec::new();
    if has_terrain {
        found.extend(check_tileset(source, TERRAIN));
        let grid = source.read(HEIGHT_GRID_FILE, None).map_err(|error| error.to_string());
        if let Err(cause) = grid.and_then(|bytes| decode_height_grid(&bytes).map_err(|error| error.to_string())) {
            problems.push(Problem::error(format!("{cause}: {HEIGHT_GRID_FILE}")));
        }
    }
    problems.extend(found.iter().map(|d| Problem::of(d.severity, d.to_string())));
    problems
}

fn objects(city: &City, problems: &mut Vec<Problem>) {
    let mut tell = |severity: Severity, text: String| problems.push(Problem::of(severity, text));
    let mut classes: BTreeMap<String, u64> = BTreeMap::new();
    for row in 0..city.table().rows() {
        let object = match city.object(row).and_then(|object| city.table().footprint(row).map(|_| object)) {
            Ok(Some(object)) => object,
            Ok(None) => continue,
            Err(error) => return tell(Severity::Error, error.to_string()),
        };
        if let Some(parent) = object.parent.as_ref().filter(|parent| city.table().row(parent).is_none()) {
            tell(Severity::Warning, format!("its parent '{parent}' is not there: {}", object.id));
        }
        if object.bounds.min.is_nan() || object.bounds.max.is_nan() {
            tell(Severity::Error, format!("its box is no number: {}", object.id));
        }
        *classes.entry(object.class).or_default() += 1;
    }
    let manifest = city.manifest();
    if classes != manifest.counts || manifest.objects != u64::from(city.table().rows()) {
        tell(Severity::Error, "the counts of city.toml are not those of the object table".to_owned());
    }
    if let Err(error) = city.query(&Query { text: Some("a".to_owned()), ..Query::default() }) {
        tell(Severity::Error, error.to_string());
    }
}

fn source(path: &Path) -> Result<Vec<Problem>> {
    let opened = open_source(path)?;
    let files = &*opened;
    let mut gathered = Gathered::default();
    let mut report = recognise(files)?.read(files, &ImportOptions::default(), &mut gathered)?;
    // Pixels are decoded only where somebody looks, which here is everywhere.
    for dem in &gathered.dems {
        report.damaged(dem.raster.look_everywhere()?, &dem.path);
    }
    for image in &gathered.images {
        report.damaged(image.raster.look_everywhere()?, &image.path);
    }
    let tally = |(code, tally): (&&'static str, &crate::import::Tally)| {
        let examples: Vec<String> = tally.examples.iter().map(ToString::to_string).collect();
        let text = format!("{code}: {} times, such as {}", tally.count, examples.join("; "));
        Problem::of(tally.severity, text)
    };
    Ok(report.tallies.iter().map(tally).collect())
}
