//! Footprints in GeoJSON: collections, single features, one feature a line, and folders of them.
//!
//! Features are read in parallel and become buildings: pushed up by their height where one is known ([`HeightRule`]), flat
//! where not. Longitude and latitude on WGS 84 is the format's own CRS (RFC 7946, 4), so none need be given.

mod features;

use std::collections::BTreeSet;

use super::attributes::HeightRule;
use super::{
    Confidence, Diagnostic, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, Severity,
    SourceFiles, SourceFrame, SourceReport,
};
use crate::formats::geojson::{Collection, GEOMETRIES};
use crate::formats::json_documents::{Text, documents};
use crate::geodesy::CrsId;
use crate::geometry::parallel;
use features::{FeatureReader, ReadFeature};

/// Features read and handed on at one time.
const FEATURES_AT_ONCE: usize = 8192;
/// Bytes that tell what a file is.
const HEAD_BYTES: usize = 4096;

/// Reads footprints in GeoJSON.
#[derive(Debug, Clone, Copy)]
pub struct GeoJsonImporter;

impl Importer for GeoJsonImporter {
    fn name(&self) -> &'static str {
        "geojson"
    }

    fn title(&self) -> &'static str {
        "GeoJSON footprints"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.geojson", "*.geojsonl", "*.json"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let own = mine(files).any(|name| name.contains(".geojson"));
        let speaks = mine(files).next().is_some_and(|name| {
            let head = files.head(name, HEAD_BYTES).unwrap_or_default();
            let head = String::from_utf8_lossy(&head);
            head.contains("\"Feature") && !head.contains("CityJSON")
        });
        match (own, speaks) {
            (_, true) => Confidence::Yes,
            (true, false) => Confidence::Maybe,
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
        let mut run =
            Run { options, heights: HeightRule::new(options), ids: BTreeSet::new(), stated_by: String::new() };
        for (index, name) in names.iter().enumerate() {
            let bytes = files.read(name)?;
            run.read_file(&files.path_of(name), &bytes, sink, &mut report)?;
            report.files += 1;
            sink.progress(index as u64 + 1, names.len() as u64)?;
        }
        Ok(report)
    }
}

fn mine(files: &dyn SourceFiles) -> impl Iterator<Item = &String> {
    let endings = [".geojson", ".json", ".geojsonl", ".ndjson", ".jsonl", ".geojsons"];
    files.names().iter().filter(move |name| {
        let name = name.to_ascii_lowercase();
        endings.iter().any(|ending| name.ends_with(ending)) && !name.contains(".city.json")
    })
}

fn invalid(path: &str, cause: impl Into<String>) -> ImportError {
    ImportError::Invalid { expected: "GeoJSON", cause: cause.into(), path: path.to_owned() }
}

/// Reads the files of one source.
struct Run<'o> {
    options: &'o ImportOptions,
    heights: HeightRule,
    ids: BTreeSet<String>,
    /// How the CRS is known.
    stated_by: String,
}

impl Run<'_> {
    fn read_file(
        &mut self,
        path: &str,
        bytes: &[u8],
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let text = std::str::from_utf8(bytes).map_err(|error| invalid(path, format!("not UTF-8: {error}")))?;
        let texts = documents(text);
        let first = texts.first().ok_or_else(|| invalid(path, "the file is empty"))?;
        let head = Collection::parse(first).map_err(|error| invalid(path, first.explain(&error)))?;
        let kind = head.kind.as_deref().ok_or_else(|| invalid(path, "it has no 'type'"))?;
        if !["FeatureCollection", "Feature"].contains(&kind) && !GEOMETRIES.contains(&kind) {
            return Err(invalid(path, format!("its 'type' is '{kind}'")));
        }
        let mut features: Vec<(&str, String)> = Vec::new();
        for text in &texts {
            match Collection::parse(text) {
                Ok(collection) => features.extend(split(text, &collection)),
                Err(error) => {
                    let place = Place::file(path).detail(format!("line {}", text.line));
                    report.skip("line-unreadable", text.explain(&error), place);
                }
            }
        }
        let (crs, stated_by) = self.crs(&head, path)?;
        self.stated_by = stated_by;
        let heights = self.heights.clone();
        let reader = FeatureReader { options: self.options, heights: &heights, crs: &crs, path };
        for chunk in features.chunks(FEATURES_AT_ONCE) {
            let read = parallel::map(chunk.to_vec(), |(json, place)| reader.read(json, place));
            self.hand_on(read, &crs, path, sink, report)?;
        }
        Ok(())
    }

    /// The CRS, and how it is known: what the old `crs` member says, `--crs` where there is none, else RFC 7946.
    fn crs(&self, head: &Collection<'_>, path: &str) -> Result<(CrsId, String), ImportError> {
        let read = |name: &str| name.parse::<CrsId>().map_err(|error| no_crs(error, path));
        let stated = match head.crs_name().filter(|_| self.options.crs.is_none()) {
            Some(name) => Some((read(&name)?, "its 'crs'")),
            None => None,
        };
        match self.options.settle_crs(stated, path)? {
            Some(settled) => Ok(settled),
            None => Ok((read("OGC:CRS84")?, "RFC 7946".to_owned())),
        }
    }

    fn hand_on(
        &mut self,
        read: Vec<ReadFeature>,
        crs: &CrsId,
        path: &str,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let mut batch = Vec::with_capacity(read.len());
        for feature in read {
            report.records += 1;
            feature.diagnostics.into_iter().for_each(|diagnostic| report.note(diagnostic));
            let Some(mut object) = feature.object else { continue };
            if report.frame.is_none() {
                let found = if feature.has_heights { HeightsAbove::Ellipsoid } else { HeightsAbove::Ground };
                let frame = SourceFrame {
                    crs: crs.clone(),
                    heights_above: self.options.heights_above.unwrap_or(found),
                    stated_by: self.stated_by.clone(),
                };
                sink.describe(&frame)?;
                report.frame = Some(frame);
            }
            if report.frame.as_ref().is_some_and(|frame| frame.crs != *crs) {
                let what = format!("this file is in {crs} and those before it are not; import them apart");
                return Err(ImportError::Option { what, path: path.to_owned() });
            }
            let id = object.object.id.clone();
            let mut number = 2;
            while !self.ids.insert(object.object.id.clone()) {
                object.object.id = format!("{id}#{number}");
                number += 1;
            }
            if number > 2 {
                let message = format!("the identifier occurs again; this one is called {}", object.object.id);
                report.warn("duplicate-id", message, Place::file(path).object(id));
            }
            batch.push(object);
        }
        report.count(&batch);
        if batch.is_empty() { Ok(()) } else { sink.take(batch) }
    }
}

fn no_crs(error: crate::geodesy::GeodesyError, path: &str) -> ImportError {
    ImportError::NoCrs { hint: format!(" ({error})"), path: path.to_owned() }
}

/// The features of a document as text, each with what to call its place.
fn split<'a>(text: &Text<'a>, collection: &Collection<'a>) -> Vec<(&'a str, String)> {
    match &collection.features {
        Some(features) => {
            features.iter().enumerate().map(|(index, raw)| (raw.get(), format!("feature {index}"))).collect()
        }
        None => vec![(text.json, format!("line {}", text.line))],
    }
}
