//! Features in GeoJSON: collections, single ones, one a line, and folders of them.
//!
//! They are decoded in parallel (`features`) and become what features of every kind become ([`super::vector`]). Longitude and
//! latitude on WGS 84 is the format's own CRS (RFC 7946, 4), so none need be given.

mod features;

use super::vector::{FEATURES_AT_ONCE, FeatureMaker, HandOver, Layer, unending};
use super::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceReport,
};
use crate::formats::geojson::{Collection, GEOMETRIES};
use crate::formats::json_documents::{Text, documents};
use crate::geodesy::CrsId;
use crate::geometry::parallel;

/// Bytes that tell what a file is.
const HEAD_BYTES: usize = 4096;

/// Reads GeoJSON.
#[derive(Debug, Clone, Copy)]
pub struct GeoJsonImporter;

impl Importer for GeoJsonImporter {
    fn name(&self) -> &'static str {
        "geojson"
    }

    fn title(&self) -> &'static str {
        "GeoJSON"
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
        let mut run = Run { options, hand: HandOver::default() };
        for (index, name) in names.iter().enumerate() {
            let bytes = files.read(name)?;
            run.read_file((&files.path_of(name), unending(name)), &bytes, sink, &mut report)?;
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
    hand: HandOver,
}

impl Run<'_> {
    fn read_file(
        &mut self,
        (path, name): (&str, &str),
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
        let layer = Layer {
            path: path.to_owned(),
            name: name.to_owned(),
            // Files of one folder are parts of one set of features more often than not.
            among_others: false,
            crs,
            stated_by,
            heights_above: HeightsAbove::Ellipsoid,
        };
        let maker = FeatureMaker::new(self.options, &layer);
        for chunk in features.chunks(FEATURES_AT_ONCE) {
            let made = parallel::map(chunk.to_vec(), |(json, at)| features::read(&maker, json, &at));
            self.hand.take(made, &layer, self.options, sink, report)?;
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
