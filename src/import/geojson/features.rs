//! One feature to one building.

use glam::DVec3;

use super::{CrsId, Diagnostic, GEOMETRIES, HeightRule, ImportOptions, Place, Severity};
use crate::city::{CimLevel, Value};
use crate::formats::geojson::{Feature, Polygon, polygons};
use crate::formats::json_documents::without_line;
use crate::geometry::SurfaceKind;
use crate::import::attributes::{ID_NAMES, describe};
use crate::import::cityjson::{attributes, value};
use crate::import::{SourceForm, SourceObject, SourcePolygon, SourceShape, SourceSurface};

/// No place on earth has a coordinate beyond this in metres or feet.
const MAX_COORDINATE: f64 = 1e9;

/// Reads features of one file; shared by the threads that do so.
pub(super) struct FeatureReader<'a> {
    pub(super) options: &'a ImportOptions,
    pub(super) heights: &'a HeightRule,
    pub(super) crs: &'a CrsId,
    pub(super) path: &'a str,
}

/// What reading one feature gave.
#[derive(Default)]
pub(super) struct ReadFeature {
    pub(super) object: Option<SourceObject>,
    pub(super) has_heights: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl FeatureReader<'_> {
    pub(super) fn read(&self, json: &str, place: String) -> ReadFeature {
        let mut read = ReadFeature::default();
        let at = Place::file(self.path).detail(place.clone());
        if let Err((code, message, at)) = self.try_read(json, &place, at, &mut read) {
            read.object = None;
            read.note(Severity::Error, code, message, at);
        }
        read
    }

    fn try_read(
        &self,
        json: &str,
        place: &str,
        at: Place,
        read: &mut ReadFeature,
    ) -> Result<(), (&'static str, String, Place)> {
        let feature = Feature::parse(json).map_err(|e| ("feature-unreadable", without_line(&e), at.clone()))?;
        let mut made = SourceObject::default();
        if let Some(entries) = &feature.properties {
            let (found, bad) = attributes(entries);
            made.object.attributes = found;
            bad.into_iter().for_each(|message| read.note(Severity::Error, "attribute-unreadable", message, at.clone()));
        }
        made.object.id = self.id(&feature, &made).unwrap_or_else(|| place.replace(' ', "-"));
        made.object.class = self.options.class.clone().unwrap_or_else(|| "Building".to_owned());
        made.object.level = CimLevel::Frame;
        describe(&mut made.object, self.options);
        let at = at.object(made.object.id.clone());
        // A document may be a bare geometry.
        let bare = feature.geometry.is_none() && GEOMETRIES.iter().any(|kind| json.contains(&format!("\"{kind}\"")));
        let whole = if bare { serde_json::from_str(json).ok() } else { None };
        let Some(raw) = feature.geometry.or(whole) else {
            return Err(("no-geometry", "the feature has no geometry".to_owned(), at));
        };
        let found = polygons(raw).map_err(|error| match error {
            crate::formats::geojson::GeometryError::NotPolygons(_) => ("not-a-polygon", error.to_string(), at.clone()),
            _ => ("geometry-unreadable", error.to_string(), at.clone()),
        })?;
        read.has_heights = found.iter().flatten().flatten().any(|p| p.z.is_finite());
        let mut kept: Vec<SourcePolygon> = Vec::with_capacity(found.len());
        for polygon in found {
            if let Some(outside) = polygon.iter().flatten().find(|p| !self.is_place(**p)) {
                let message = format!("({}, {}) is no place in {}; is the CRS right?", outside.x, outside.y, self.crs);
                return Err(("coordinate-out-of-range", message, at));
            }
            kept.extend(opened(polygon, &at, read));
        }
        if kept.is_empty() {
            return Err(("polygon-degenerate", "no ring has three different points".to_owned(), at));
        }
        let height = self.heights.apply(&mut made);
        made.geometry.push(shape(kept, height));
        read.object = Some(made);
        Ok(())
    }

    /// The attribute that the user named, the feature's own id, or an attribute that is called like one.
    fn id(&self, feature: &Feature<'_>, made: &SourceObject) -> Option<String> {
        let words = |value: &Value| match value {
            Value::Text(_) | Value::Int(_) => Some(value.to_string()).filter(|words| !words.is_empty()),
            _ => None,
        };
        if let Some(name) = &self.options.id_attribute {
            return words(made.object.attribute(name));
        }
        let own = feature.id.and_then(|raw| serde_json::from_str(raw.get()).ok()).map(|json| value(&json));
        own.as_ref().and_then(words).or_else(|| ID_NAMES.iter().find_map(|name| words(made.object.attribute(name))))
    }

    fn is_place(&self, p: DVec3) -> bool {
        let degrees = ["OGC:CRS84", "OGC:CRS84h", "EPSG:4326", "EPSG:4979", "EPSG:4490", "GCJ02", "BD09"];
        if degrees.contains(&self.crs.as_str()) {
            return p.x.abs() <= 360.0 && p.y.abs() <= 90.0;
        }
        p.truncate().is_finite() && p.truncate().abs().max_element() <= MAX_COORDINATE
    }
}

impl ReadFeature {
    fn note(&mut self, severity: Severity, code: &'static str, message: String, place: Place) {
        self.diagnostics.push(Diagnostic { severity, code, message, place });
    }
}

/// The polygon with open rings at the least height of its outer ring (0 where it has none); `None` without area.
fn opened(polygon: Polygon, at: &Place, read: &mut ReadFeature) -> Option<SourcePolygon> {
    let base = polygon.first()?.iter().map(|p| p.z).fold(f64::INFINITY, f64::min);
    let base = if base.is_finite() { base } else { 0.0 };
    let mut rings = Vec::with_capacity(polygon.len());
    for (number, ring) in polygon.into_iter().enumerate() {
        let closed = ring.len() > 1 && ring.first().map(|p| p.truncate()) == ring.last().map(|p| p.truncate());
        let mut ring: Vec<DVec3> = ring.into_iter().map(|p| p.truncate().extend(base)).collect();
        if closed {
            ring.pop();
        } else {
            let message = format!("ring {number} is not closed; it was closed");
            read.note(Severity::Warning, "ring-unclosed", message, at.clone());
        }
        ring.dedup();
        match (ring.len() >= 3, number) {
            (true, _) => rings.push(ring),
            (false, 0) => return None,
            (false, _) => {}
        }
    }
    Some(rings)
}

fn shape(polygons: Vec<SourcePolygon>, height: Option<f64>) -> SourceShape {
    match height {
        Some(height_m) => SourceShape { lod: 1.0, form: SourceForm::Footprints { polygons, height_m } },
        None => {
            let surface = |polygon| SourceSurface { polygon, kind: SurfaceKind::Unknown };
            SourceShape { lod: 0.0, form: SourceForm::Surfaces(polygons.into_iter().map(surface).collect()) }
        }
    }
}
