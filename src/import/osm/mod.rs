//! OpenStreetMap extracts: `.osm.pbf`, and `.osm` XML, plain or in gzip.
//!
//! Four passes over a file, so that memory is bounded by what is drawn and not by what is in it: relations tell which ways
//! they need; ways tell which nodes they need and which of these they share ([`graph`]); nodes fill a sorted table and become
//! places; ways and relations become objects. Tags are classes in CityGML 3.0 words ([`classify`]), rings are put together
//! from members in any order ([`rings`]), buildings get their heights, roofs and parts ([`buildings`], [`parts`]), and roads
//! are cut where they meet ([`lines`], [`ways`]).
//!
//! Coordinates are longitude and latitude on WGS 84, heights are above the ground.

mod buildings;
mod classify;
mod colours;
mod element;
mod extract;
mod graph;
mod lines;
mod nodes;
mod output;
mod parts;
mod pbf;
mod relations;
mod rings;
mod roofs;
mod ways;
mod xml;

use super::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, SourceFiles, SourceFrame, SourceReport,
};
use extract::Extract;
use output::Output;

/// Bytes that tell what a file is.
const HEAD_BYTES: usize = 64;
/// Endings of names of files that may be extracts.
const ENDINGS: &[&str] = &[".pbf", ".osm", ".osm.gz", ".osm.xml", ".osm.bz2", ".osc", ".osc.gz"];

/// Reads OpenStreetMap extracts.
#[derive(Debug, Clone, Copy)]
pub struct OsmImporter;

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Pbf,
    Xml,
    /// XML in bzip2, which is not unpacked here.
    Bzip2,
}

impl Importer for OsmImporter {
    fn name(&self) -> &'static str {
        "osm"
    }

    fn title(&self) -> &'static str {
        "OpenStreetMap"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.osm.pbf", "*.osm", "*.osm.gz"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        if files.names().iter().any(|name| encoding(files, name).is_some()) { Confidence::Yes } else { Confidence::No }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let stated = "OGC:CRS84".parse().map_err(|error: crate::geodesy::GeodesyError| ImportError::Crs {
            cause: error.to_string(),
            path: files.path().to_owned(),
        })?;
        let settled = options.settle_crs(Some((stated, "OpenStreetMap is on WGS 84")), files.path())?;
        if let Some((crs, stated_by)) = settled {
            let heights_above = options.heights_above.unwrap_or(HeightsAbove::Ground);
            let frame = SourceFrame { crs, heights_above, stated_by };
            sink.describe(&frame)?;
            report.frame = Some(frame);
        }
        let names = files.names().iter().filter_map(|name| Some((name, encoding(files, name)?)));
        let names: Vec<(&String, Encoding)> = names.collect();
        let mut output = Output::new(sink, options);
        for (name, encoding) in names {
            Extract::open(files, name, encoding, options, &mut report)?.read(&mut output, &mut report)?;
            report.files += 1;
        }
        output.flush(&mut report)?;
        Ok(report)
    }
}

/// How a file is encoded; `None` where it is no extract.
fn encoding(files: &dyn SourceFiles, name: &str) -> Option<Encoding> {
    let lower = name.to_ascii_lowercase();
    // Folders of vector tiles have a hundred thousand files `Z/X/Y.pbf`, which need not be opened to tell.
    let stem = lower.rsplit('/').next().unwrap_or_default().trim_end_matches(".pbf");
    let is_tile = lower.ends_with(".pbf") && stem.bytes().all(|byte| byte.is_ascii_digit());
    if is_tile || !ENDINGS.iter().any(|ending| lower.ends_with(ending)) {
        return None;
    }
    let head = files.head(name, HEAD_BYTES).unwrap_or_default();
    if pbf::is_pbf(&head) {
        return Some(Encoding::Pbf);
    }
    if lower.ends_with(".bz2") {
        return head.starts_with(b"BZh").then_some(Encoding::Bzip2);
    }
    xml::root(files, name).map(|_| Encoding::Xml)
}

fn invalid(path: &str, cause: impl Into<String>) -> ImportError {
    ImportError::Invalid { expected: "an OpenStreetMap extract", cause: cause.into(), path: path.to_owned() }
}
