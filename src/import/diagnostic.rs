//! What was wrong with a source, and what came out of it.

use std::collections::BTreeMap;

use super::raster::{Damage, RasterFacts};
use super::{SourceFrame, SourceObject};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Note,
    /// Something was mended or assumed.
    Warning,
    /// Something was left out.
    Error,
}

impl Severity {
    /// What became of the record, as a summary says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "mended",
            Self::Error => "left out",
        }
    }
}

/// Where in a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file, as the user can find it.
    pub file: String,
    /// Identifier of the object or feature.
    pub object: Option<String>,
    /// Where inside: `line 12`, `geometry 0, shell 0, surface 3`.
    pub detail: Option<String>,
}

/// One thing that was wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of thing, in a word that scripts can match: `vertex-out-of-range`.
    pub code: &'static str,
    /// What it is, for people.
    pub message: String,
    /// Where.
    pub place: Place,
}

/// All diagnostics of one code: how many, and the first few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The worst of them.
    pub severity: Severity,
    /// How many there were.
    pub count: u64,
    /// The first [`EXAMPLES`] of them.
    pub examples: Vec<Diagnostic>,
}

/// Diagnostics of one code that are kept as examples; all are counted.
pub const EXAMPLES: usize = 5;

/// What was read from one source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceReport {
    /// The path as the user gave it.
    pub path: String,
    /// Which importer read it.
    pub importer: &'static str,
    /// Where its coordinates are.
    pub frame: Option<SourceFrame>,
    /// Files read.
    pub files: u64,
    /// Records read: features, city objects; before joining.
    pub records: u64,
    /// Objects handed on.
    pub objects: u64,
    /// Their surfaces, all levels of detail.
    pub surfaces: u64,
    /// Surfaces that were read and left out, each with a diagnostic: no area, vertices that are not there.
    pub surfaces_left_out: u64,
    /// Rasters handed on.
    pub rasters: Vec<RasterFacts>,
    /// What was wrong, by code.
    pub tallies: BTreeMap<&'static str, Tally>,
}

impl Place {
    /// A place in a file.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    /// The same file, at an object.
    pub fn object(mut self, id: impl Into<String>) -> Self {
        self.object = Some(id.into());
        self
    }

    /// The same, more exactly.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, "{detail}: ")?;
        }
        f.write_str(&self.file)
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.message, self.place)
    }
}

impl SourceReport {
    /// A report with nothing in it yet.
    pub fn new(path: &str, importer: &'static str) -> Self {
        Self { path: path.to_owned(), importer, ..Self::default() }
    }

    /// Counts a diagnostic and keeps it if it is one of the first.
    pub fn note(&mut self, diagnostic: Diagnostic) {
        let tally = self.tallies.entry(diagnostic.code).or_insert(Tally {
            severity: diagnostic.severity,
            count: 0,
            examples: Vec::new(),
        });
        tally.count += 1;
        tally.severity = tally.severity.max(diagnostic.severity);
        if tally.examples.len() < EXAMPLES {
            tally.examples.push(diagnostic);
        }
    }

    /// Counts something left out.
    pub fn skip(&mut self, code: &'static str, message: impl Into<String>, place: Place) {
        self.note(Diagnostic { severity: Severity::Error, code, message: message.into(), place });
    }

    /// Counts something mended or assumed.
    pub fn warn(&mut self, code: &'static str, message: impl Into<String>, place: Place) {
        self.note(Diagnostic { severity: Severity::Warning, code, message: message.into(), place });
    }

    /// Counts objects that are handed on.
    pub fn count(&mut self, batch: &[SourceObject]) {
        self.objects += batch.len() as u64;
        self.surfaces += batch.iter().map(SourceObject::surfaces).sum::<u64>();
    }

    /// Counts tiles of a raster that could not be decoded.
    pub fn damaged(&mut self, damage: Damage, path: &str) {
        let Some(first) = damage.first.filter(|_| damage.tiles > 0) else { return };
        self.skip("raster-damaged", first, Place::file(path));
        if let Some(tally) = self.tallies.get_mut("raster-damaged") {
            tally.count += damage.tiles - 1;
        }
    }

    /// How many diagnostics of a code there were.
    pub fn count_of(&self, code: &str) -> u64 {
        self.tallies.get(code).map_or(0, |tally| tally.count)
    }

    /// Whether anything was left out.
    pub fn has_errors(&self) -> bool {
        self.tallies.values().any(|tally| tally.severity == Severity::Error)
    }
}
