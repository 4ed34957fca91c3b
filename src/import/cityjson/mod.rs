//! CityJSON and CityJSONSeq.
//!
//! Each document of a file becomes a [`Scope`]: its coordinates, once transformed, and its templates. Objects are then read in
//! parallel, each with its own diagnostics, so that what is wrong in one costs only that one.

mod attributes;
mod materials;
mod objects;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::{
    Confidence, Diagnostic, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, Severity,
    SourceFiles, SourceFrame, SourceReport,
};
use crate::formats::cityjson::{Document, Object};
use crate::formats::json_documents::{Text, documents};
use crate::geodesy::CrsId;
use crate::geometry::parallel;
pub(super) use attributes::{attributes, value};
use materials::Materials;
use objects::ObjectReader;
pub(super) use objects::level;
use scope::Scope;

/// Objects handed on at one time.
const OBJECTS_AT_ONCE: usize = 4096;
/// Bytes that tell what a file is.
const HEAD_BYTES: usize = 4096;

/// Reads CityJSON 1.0, 1.1, 2.0 and sequences of its features.
#[derive(Debug, Clone, Copy)]
pub struct CityJsonImporter;

impl Importer for CityJsonImporter {
    fn name(&self) -> &'static str {
        "cityjson"
    }

    fn title(&self) -> &'static str {
        "CityJSON and CityJSONSeq"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.city.json", "*.city.jsonl", "*.json", "*.jsonl"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let own = files.names().iter().any(|name| name.ends_with(".city.json") || name.ends_with(".city.jsonl"));
        let speaks = mine(files).next().is_some_and(|name| {
            let head = files.head(name, HEAD_BYTES).unwrap_or_default();
            let head = String::from_utf8_lossy(&head);
            head.contains("CityJSON") || head.contains("CityObjects")
        });
        match (speaks, own) {
            (true, _) => Confidence::Yes,
            (false, true) => Confidence::Maybe,
            (false, false) => Confidence::No,
        }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let names: Vec<&String> = mine(files).collect();
        for (index, name) in names.iter().enumerate() {
            let bytes = files.read(name)?;
            let path = files.path_of(name);
            let text = std::str::from_utf8(&bytes).map_err(|error| invalid(&path, format!("not UTF-8: {error}")))?;
            FileReader { files, name, path, options, frame: report.frame.clone() }.read(text, sink, &mut report)?;
            report.files += 1;
            sink.progress(index as u64 + 1, names.len() as u64)?;
        }
        Ok(report)
    }
}

fn mine(files: &dyn SourceFiles) -> impl Iterator<Item = &String> {
    files.names().iter().filter(|name| {
        let name = name.to_ascii_lowercase();
        name.ends_with(".json") || name.ends_with(".jsonl")
    })
}

/// Parents by their children's identifiers, as the parents have it; the first of several.
fn parents<'a>(entries: &[(&'a str, &'a RawValue)]) -> BTreeMap<String, &'a str> {
    let mut parents = BTreeMap::new();
    for (id, raw) in entries.iter().filter(|(_, raw)| raw.get().contains("\"children\"")) {
        for child in Object::parse(raw).ok().and_then(|object| object.children).into_iter().flatten() {
            parents.entry(child.into_owned()).or_insert(*id);
        }
    }
    parents
}

fn invalid(path: &str, cause: impl Into<String>) -> ImportError {
    ImportError::Invalid { expected: "CityJSON", cause: cause.into(), path: path.to_owned() }
}

/// Reads one file.
struct FileReader<'o> {
    files: &'o dyn SourceFiles,
    name: &'o str,
    path: String,
    options: &'o ImportOptions,
    /// Where the coordinates of the files before this one are.
    frame: Option<SourceFrame>,
}

impl FileReader<'_> {
    fn read(mut self, text: &str, sink: &mut dyn ObjectSink, report: &mut SourceReport) -> Result<(), ImportError> {
        let texts = documents(text);
        let Some((first, rest)) = texts.split_first() else { return Err(invalid(&self.path, "the file is empty")) };
        let head = Document::parse(first).map_err(|error| invalid(&self.path, first.explain(&error)))?;
        self.check_kind(&head)?;
        self.settle_frame(&head, sink, report)?;
        let before = report.records;
        let is_feature = head.kind.as_deref() == Some("CityJSONFeature");
        if is_feature && !head.vertices.is_empty() && head.transform.is_none() {
            return Err(invalid(
                &self.path,
                "the first line is a CityJSONFeature; the CityJSON line before it, with transform and CRS, is missing",
            ));
        }
        for picture in Materials::of(head.appearance, self.files, self.name).missing {
            let place = Place::file(self.path.clone());
            let message = format!("the picture '{picture}' is not there");
            report.note(Diagnostic { severity: Severity::Note, code: "picture-missing", message, place });
        }
        let old = head.version.as_deref().is_some_and(|version| version.starts_with("1.0"));
        if head.transform.is_none() && !old && !(head.vertices.is_empty() && rest.is_empty()) {
            let message =
                "there is no 'transform', which CityJSON 1.1 and 2.0 ask for; vertices are taken as coordinates";
            report.warn("no-transform", message, Place::file(self.path.clone()));
        }
        self.read_document(&head, &head, first, sink, report)?;
        for text in rest {
            match Document::parse(text) {
                Ok(feature) if feature.kind.as_deref() == Some("CityJSONFeature") => {
                    self.read_document(&head, &feature, text, sink, report)?;
                }
                Ok(other) => {
                    let kind = other.kind.unwrap_or_default();
                    let message = format!("a CityJSONFeature is expected, not '{kind}'");
                    report.skip("not-a-feature", message, self.place_of(text));
                }
                Err(error) => report.skip("line-unreadable", text.explain(&error), self.place_of(text)),
            }
        }
        // A file of which nothing could be read is not what it claims to be.
        let example = report.tallies.values().find(|tally| tally.severity == Severity::Error);
        match example.and_then(|tally| tally.examples.first()) {
            Some(example) if report.records == before => Err(invalid(&self.path, example.to_string())),
            _ => Ok(()),
        }
    }

    fn place_of(&self, text: &Text<'_>) -> Place {
        Place::file(self.path.clone()).detail(format!("line {}", text.line))
    }

    fn check_kind(&self, head: &Document<'_>) -> Result<(), ImportError> {
        match head.kind.as_deref() {
            Some("CityJSON" | "CityJSONFeature") => {}
            Some(other) => return Err(invalid(&self.path, format!("its 'type' is '{other}'"))),
            None => return Err(invalid(&self.path, "it has no 'type'")),
        }
        match head.version.as_deref() {
            Some(version) if !["1.0", "1.1", "2.0"].iter().any(|known| version.starts_with(known)) => {
                Err(invalid(&self.path, format!("its version is '{version}'; 1.0, 1.1 and 2.0 are read")))
            }
            _ => Ok(()),
        }
    }

    /// The CRS of a file, which must be that of the files before it: a source has one.
    fn settle_frame(
        &mut self,
        head: &Document<'_>,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let no_crs = |hint: String| ImportError::NoCrs { hint, path: self.path.clone() };
        let stated = match head.reference_system().filter(|_| self.options.crs.is_none()) {
            Some(words) => {
                let crs: CrsId = words.parse().map_err(|error| no_crs(format!(" ({error})")))?;
                Some((crs, "metadata.referenceSystem"))
            }
            None => None,
        };
        let settled = self.options.settle_crs(stated, &self.path)?;
        let (crs, stated_by) = settled.ok_or_else(|| no_crs(String::new()))?;
        if let Some(frame) = &self.frame {
            if frame.crs != crs {
                let what = format!("this file is in {crs} and those before it in {}; import them apart", frame.crs);
                return Err(ImportError::Option { what, path: self.path.clone() });
            }
            return Ok(());
        }
        let heights_above = self.options.heights_above.unwrap_or(HeightsAbove::of_crs(&crs));
        let frame = SourceFrame { crs, heights_above, stated_by };
        sink.describe(&frame)?;
        report.frame = Some(frame.clone());
        self.frame = Some(frame);
        Ok(())
    }

    fn read_document(
        &self,
        head: &Document<'_>,
        document: &Document<'_>,
        text: &Text<'_>,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        if document.kind.as_deref() == Some("CityJSONFeature") {
            let root = document.id.as_deref().unwrap_or_default();
            if !document.objects.0.iter().any(|(id, _)| id == root) {
                let message = format!("the feature's id '{root}' is none of its objects");
                report.skip("feature-root-missing", message, self.place_of(text));
                return Ok(());
            }
        }
        let scope = Scope::new(head, document);
        let mut known = BTreeSet::new();
        let mut entries = Vec::with_capacity(document.objects.0.len());
        for (id, raw) in &document.objects.0 {
            if known.insert(id.as_ref()) {
                entries.push((id.as_ref(), *raw));
            } else {
                let message = "the identifier occurs twice; the first object is kept";
                report.skip("duplicate-id", message, self.place_of(text).object(id.as_ref()));
            }
        }
        let parents = parents(&entries);
        let materials = Materials::of(document.appearance.or(head.appearance), self.files, self.name);
        let reader = ObjectReader {
            scope: &scope,
            options: self.options,
            path: &self.path,
            known: &known,
            parents: &parents,
            materials: &materials,
        };
        for chunk in entries.chunks(OBJECTS_AT_ONCE) {
            let read = parallel::map(chunk.to_vec(), |(id, raw)| reader.read(id, raw));
            let mut batch = Vec::with_capacity(read.len());
            for object in read {
                report.records += 1;
                report.surfaces_left_out += object.surfaces_left_out;
                object.diagnostics.into_iter().for_each(|diagnostic| report.note(diagnostic));
                batch.extend(object.object);
            }
            report.count(&batch);
            sink.take(batch)?;
        }
        Ok(())
    }
}
