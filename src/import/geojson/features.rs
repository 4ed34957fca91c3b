//! One feature as JSON to one that is decoded.

use super::GEOMETRIES;
use crate::formats::geojson::{GeometryError, parts};
use crate::formats::json_documents::without_line;
use crate::import::Severity;
use crate::import::cityjson::{attributes, value};
use crate::import::vector::{Feature, FeatureMaker, Geometry, MadeFeature};

/// Reads a feature and makes an object of it. `at` is its place in the file.
pub(super) fn read(maker: &FeatureMaker<'_>, json: &str, at: &str) -> MadeFeature {
    let source = match crate::formats::geojson::Feature::parse(json) {
        Ok(source) => source,
        Err(error) => return maker.unreadable("feature-unreadable", without_line(&error), at),
    };
    let mut made = MadeFeature::default();
    let mut feature = Feature::default();
    if let Some(entries) = &source.properties {
        let (found, bad) = attributes(entries);
        feature.attributes = found;
        for message in bad {
            made.note(Severity::Error, "attribute-unreadable", message, maker.place(at));
        }
    }
    feature.id = source.id.and_then(|raw| serde_json::from_str(raw.get()).ok()).map(|json| value(&json));
    // A document may be a bare geometry.
    let bare = source.geometry.is_none() && GEOMETRIES.iter().any(|kind| json.contains(&format!("\"{kind}\"")));
    let whole = if bare { serde_json::from_str(json).ok() } else { None };
    match source.geometry.or(whole).map(parts).transpose() {
        Ok(found) => {
            let found = found.unwrap_or_default();
            feature.geometry =
                Geometry { points: found.points, lines: found.lines, polygons: found.polygons, faces: Vec::new() };
            maker.make_into(feature, at, &mut made);
        }
        Err(error @ GeometryError::Unknown(_)) => {
            made.note(Severity::Error, "geometry-unknown", error.to_string(), maker.place(at));
        }
        Err(error) => made.note(Severity::Error, "geometry-unreadable", error.to_string(), maker.place(at)),
    }
    made
}
