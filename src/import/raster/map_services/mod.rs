//! Maps by the documents of their services: WMTS for tiles of a server or kept in a folder, WMS of a server.
//!
//! The capabilities document is the source. Where it was named by its address, pictures come from its server, tile by tile and
//! only those that the city needs; where it is a file, only files beside it are read: nothing goes to the network that the user
//! did not name.

mod wms;
mod wmts;
mod xml;

use glam::DVec2;

use super::map_tiles::{Found, Pyramid, decode_picture, hand_on};
use crate::geodesy::CrsId;
use crate::import::{Confidence, ImportError, ImportOptions, Importer, ObjectSink, SourceFiles, SourceReport};
use xml::Element;

/// Bytes of the largest capabilities document.
const MOST_BYTES: usize = 64 << 20;
/// Bytes by which a document is known.
const HEAD_BYTES: usize = 4096;

/// Reads maps by WMTS and WMS documents.
#[derive(Debug, Clone, Copy)]
pub struct MapServicesImporter;

impl Importer for MapServicesImporter {
    fn name(&self) -> &'static str {
        "map-services"
    }

    fn title(&self) -> &'static str {
        "WMTS and WMS capabilities"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.xml", "https://..."]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        if document_name(files).is_some() { Confidence::Yes } else { Confidence::No }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let invalid = |cause: String| ImportError::Invalid {
            expected: "a WMTS or WMS capabilities document",
            cause,
            path: files.path().to_owned(),
        };
        let name = document_name(files).ok_or_else(|| invalid("there is none".to_owned()))?;
        let document = Element::read(&files.head(name, MOST_BYTES)?).map_err(invalid)?;
        let shared = files.shared();
        report.files = 1;
        if document.name != "Capabilities" {
            let (store, set) = wms::WmsStore::new(&document, &shared, options)?;
            return hand(Box::new(store), set, files, options, sink, report);
        }
        for layer in wmts::layers(&document, &shared, options)? {
            report = hand(Box::new(layer.store), layer.set, files, options, sink, report)?;
        }
        Ok(report)
    }
}

fn hand(
    store: Box<dyn super::map_tiles::TileStore>,
    set: super::map_tiles::MatrixSet,
    files: &dyn SourceFiles,
    options: &ImportOptions,
    sink: &mut dyn ObjectSink,
    mut report: SourceReport,
) -> Result<SourceReport, ImportError> {
    let nothing =
        || ImportError::Option { what: "there are no tiles of any zoom".to_owned(), path: files.path().to_owned() };
    let (pyramid, transform) = Pyramid::new(store, decode_picture, &set, options.zoom).ok_or_else(nothing)?;
    hand_on(Found { pyramid, transform, set, kind: None, is_exact: false }, files, options, sink, &mut report)?;
    Ok(report)
}

/// The file that is a capabilities document, by its first bytes.
fn document_name(files: &dyn SourceFiles) -> Option<&String> {
    let is_document = |name: &&String| {
        let may_be = files.names().len() == 1 || name.to_ascii_lowercase().ends_with(".xml");
        let Ok(head) = files.head(name, if may_be { HEAD_BYTES } else { 0 }) else { return false };
        let head = String::from_utf8_lossy(&head);
        let is_wmts = head.contains("<Capabilities") && head.contains("opengis.net/wmts");
        is_wmts || head.contains("<WMS_Capabilities") || head.contains("<WMT_MS_Capabilities")
    };
    files.names().iter().find(is_document)
}

/// Whether a source was named by its address.
fn is_address(path: &str) -> bool {
    path.starts_with("http://") || path.starts_with("https://")
}

/// A box in degrees as one of a CRS.
fn box_in(crs: &CrsId, low: DVec2, high: DVec2) -> Option<(DVec2, DVec2)> {
    wmts::converted(&CrsId::wgs84(), crs, low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_go_to_the_crs_of_matrices() {
        let (low, high) = box_in(&CrsId::epsg(3857), DVec2::new(-180.0, -85.0), DVec2::new(180.0, 85.0)).unwrap();
        assert!((high.x - 20_037_508.342_789).abs() < 1e-3 && (low.x + high.x).abs() < 1e-3);
        assert!(is_address("https://a/b") && !is_address("a/https"));
    }
}
