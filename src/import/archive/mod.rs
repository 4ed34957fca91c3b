//! ZIP archives of what other importers read: a folder of GeoJSON, a shapefile with its companions.
//!
//! `files` shows what is in the archive as files; the importer that is surest of them reads them. Archives in archives are left
//! alone.

mod files;

use super::{Confidence, IMPORTERS, ImportError, ImportOptions, Importer, ObjectSink, SourceFiles, SourceReport};
pub(super) use files::ArchiveFiles;

/// How an archive begins; an empty one with its end.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// Reads zipped sources.
#[derive(Debug, Clone, Copy)]
pub struct ArchiveImporter;

impl Importer for ArchiveImporter {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn title(&self) -> &'static str {
        "ZIP archives of these"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.zip"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let [name] = files.names() else { return Confidence::No };
        if !files.head(name, MAGIC.len()).is_ok_and(|head| head == MAGIC) {
            return Confidence::No;
        }
        let inner = ArchiveFiles::open(files, name);
        inner.map_or(Confidence::Maybe, |inner| surest(&inner).map_or(Confidence::No, |(confidence, _)| confidence))
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let [name] = files.names() else {
            let what = "archives are read one by one".to_owned();
            return Err(ImportError::Option { what, path: files.path().to_owned() });
        };
        let inner = ArchiveFiles::open(files, name)?;
        let Some((_, importer)) = surest(&inner) else {
            let known: Vec<&str> = others().map(|importer| importer.title()).collect();
            return Err(ImportError::Unknown { known: known.join(", "), path: files.path().to_owned() });
        };
        importer.read(&inner, options, sink)
    }
}

fn others() -> impl Iterator<Item = &'static &'static dyn Importer> {
    IMPORTERS.iter().filter(|importer| importer.name() != ArchiveImporter.name())
}

/// The first of those that are surest.
fn surest(files: &dyn SourceFiles) -> Option<(Confidence, &'static dyn Importer)> {
    let sure = others().map(|importer| (importer.probe(files), *importer));
    sure.filter(|(confidence, _)| *confidence > Confidence::No)
        .reduce(|best, other| if other.0 > best.0 { other } else { best })
}
