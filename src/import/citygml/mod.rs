//! CityGML 1.0 to 3.0: single files, and packages of them with code lists and pictures, as PLATEAU makes them.
//!
//! A file is text that slides through a window ([`members`]); each of its members becomes a [`tree`] that borrows from it,
//! and that becomes city objects ([`objects`]), many members in parallel. What objects of a file share by identifiers, looks
//! and linked geometries, is gathered before in a [`survey`]. Only names without prefixes are compared, because versions and
//! modules differ in little else.

mod appearance;
mod attributes;
mod axes;
mod classes;
mod codelists;
mod coordinates;
mod file;
mod findings;
mod geometry;
mod head;
mod identity;
mod levels;
mod members;
mod objects;
mod polygon;
mod reference;
mod scope;
mod stream;
mod surface_attributes;
mod survey;
mod tree;

use super::{
    Confidence, Diagnostic, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, Severity,
    SourceFiles, SourceFrame, SourceReport,
};
use crate::geodesy::CrsRegistry;
use codelists::CodeLists;
use file::Run;
use head::Head;
use identity::Identity;
use reference::Reference;

/// Bytes that tell what a file is: the root's start tag comes behind comments, with dozens of namespaces.
const HEAD_BYTES: usize = 16 << 10;
/// Files of a folder that are looked at to tell what it is.
const PROBED: usize = 16;

/// Reads CityGML.
#[derive(Debug, Clone, Copy)]
pub struct CityGmlImporter;

impl Importer for CityGmlImporter {
    fn name(&self) -> &'static str {
        "citygml"
    }

    fn title(&self) -> &'static str {
        "CityGML 1.0 to 3.0, PLATEAU packages"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.gml", "*.xml", "*.citygml", "*.gml.gz"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let mut names = mine(files);
        // Dictionaries are XML too: whoever has GML says what the folder is.
        names.sort_by_key(|name| name.to_ascii_lowercase().ends_with(".xml"));
        let speaks = names.into_iter().take(PROBED).any(|name| {
            let mut head = Vec::new();
            let read = stream::Stream::open(files, name).read(HEAD_BYTES, &mut head);
            read.is_ok() && is_citygml(&String::from_utf8_lossy(&head))
        });
        if speaks { Confidence::Yes } else { Confidence::No }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let registry = CrsRegistry::default();
        let found = heads(files, options, &registry, &mut report)?;
        let frame = frame(&found, options);
        sink.describe(&frame)?;
        report.frame = Some(frame.clone());
        let codelists = CodeLists::new(files);
        let run = Run { files, options, registry: &registry, frame: &frame, codelists: &codelists };
        let mut identity = Identity::default();
        let total = found.iter().map(|file| files.size(file.name).unwrap_or(0)).sum();
        let mut done = 0;
        for file in &found {
            let before = report.records;
            let size = files.size(file.name).unwrap_or(0);
            let broken = run.read(file, &mut identity, (done, size, total), sink, &mut report)?;
            if let Some(broken) = broken {
                // A file of which nothing could be read is not what it claims to be.
                if report.records == before && found.len() == 1 {
                    let cause = format!("{} (line {})", broken.message, broken.line);
                    return Err(invalid(files.path_of(file.name), cause));
                }
                let place = Place::file(files.path_of(file.name)).detail(format!("line {}", broken.line));
                report.skip("xml-malformed", format!("{}; nothing behind it is read", broken.message), place);
            }
            report.files += 1;
            done += size;
        }
        Ok(report)
    }
}

/// A file that is CityGML.
struct FoundFile<'f> {
    name: &'f str,
    head: Head,
    reference: Reference,
    stated_by: String,
}

fn mine(files: &dyn SourceFiles) -> Vec<&str> {
    let endings = [".gml", ".xml", ".citygml", ".gml.gz", ".xml.gz"];
    let names = files.names().iter().map(String::as_str);
    names.filter(|name| endings.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))).collect()
}

/// Whether the beginning of a file is that of CityGML.
fn is_citygml(head: &str) -> bool {
    head.contains("CityModel") && head.contains("citygml")
        || head.contains("FeatureCollection") && head.contains("/citygml/")
}

fn invalid(path: String, cause: impl Into<String>) -> ImportError {
    ImportError::Invalid { expected: "CityGML", cause: cause.into(), path }
}

/// The files that are CityGML, each with the CRS that it says; other GML is told.
fn heads<'f>(
    files: &'f dyn SourceFiles,
    options: &ImportOptions,
    registry: &CrsRegistry,
    report: &mut SourceReport,
) -> Result<Vec<FoundFile<'f>>, ImportError> {
    let names = mine(files);
    let mut found = Vec::new();
    for name in &names {
        let path = files.path_of(name);
        let head = match head::read(files, name) {
            // In an encoding that is not read: of many files beside the city, some are.
            Err(ImportError::Invalid { cause, .. }) => Err(cause),
            read => read?,
        };
        match head {
            Ok(mut head) => {
                // An engineering CRS that is defined and not meant.
                if head.said.as_deref().is_some_and(|said| !said.starts_with('#')) {
                    head.anchor = None;
                }
                let (reference, stated_by) = settle(&head, options, registry, &path)?;
                found.push(FoundFile { name, head, reference, stated_by });
            }
            Err(cause) if names.len() == 1 => return Err(invalid(path, cause)),
            Err(_) if name.to_ascii_lowercase().ends_with(".xml") => {}
            Err(cause) => {
                let message = format!("the file is not CityGML and passed over: {cause}");
                let place = Place::file(path);
                report.note(Diagnostic { severity: Severity::Note, code: "not-citygml", message, place });
            }
        }
    }
    if found.is_empty() {
        return Err(invalid(files.path().to_owned(), "no file in it is"));
    }
    Ok(found)
}

/// The CRS of a file: what it says if that is known, or what the user says.
fn settle(
    head: &Head,
    options: &ImportOptions,
    registry: &CrsRegistry,
    path: &str,
) -> Result<(Reference, String), ImportError> {
    let said = head.anchor.as_ref().map(|(crs, _)| crs.as_str()).or(head.said.as_deref());
    let reference = said.filter(|_| options.crs.is_none()).and_then(|said| Reference::parse(said, registry));
    let stated = reference.as_ref().map(|reference| (reference.crs.clone(), "srsName"));
    match (options.settle_crs(stated, path)?, reference) {
        (Some((_, by)), Some(reference)) => Ok((reference, by)),
        (Some((crs, by)), None) => Ok((Reference::by_authority(crs, registry), by)),
        (None, _) => {
            let hint = said.map(|said| format!(" (it says '{said:.100}', which is no known name)")).unwrap_or_default();
            Err(ImportError::NoCrs { hint, path: path.to_owned() })
        }
    }
}

/// Where the coordinates of a source are: the CRS of the first of its files with heights. Where no file has any, heights are
/// above the ground, for what is called 0 there is not the level of the sea.
fn frame(found: &[FoundFile<'_>], options: &ImportOptions) -> SourceFrame {
    let file = found.iter().find(|file| !file.head.is_flat).or_else(|| found.first());
    let crs = file.map_or_else(crate::geodesy::CrsId::wgs84, |file| file.reference.crs.clone());
    let is_flat = file.is_some_and(|file| file.head.is_flat);
    let above = if is_flat { HeightsAbove::Ground } else { HeightsAbove::of_crs(&crs) };
    let stated_by = file.map(|file| file.stated_by.clone()).unwrap_or_default();
    SourceFrame { crs, heights_above: options.heights_above.unwrap_or(above), stated_by }
}
