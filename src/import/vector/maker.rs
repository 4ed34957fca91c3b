//! One feature to one object.

use std::collections::BTreeSet;

use glam::DVec3;

use super::{Feature, Geometry, Layer, class};
use crate::city::Value;
use crate::geodesy::CrsRegistry;
use crate::geometry::SurfaceKind;
use crate::import::attributes::{HeightRule, ID_NAMES, describe};
use crate::import::{
    Diagnostic, ImportOptions, LineSection, Place, Severity, SourceForm, SourceObject, SourcePolygon, SourceShape,
    SourceSurface,
};

/// No place on earth has a coordinate beyond this in metres or feet.
const MAX_COORDINATE: f64 = 1e9;

/// What CityGML calls the height above ground.
const MEASURED_HEIGHT: &str = "measuredHeight";

/// Makes objects of the features of one layer; shared by the threads that do so.
pub(in crate::import) struct FeatureMaker<'a> {
    options: &'a ImportOptions,
    heights: HeightRule,
    layer: &'a Layer,
    in_degrees: bool,
}

/// What one feature gave.
#[derive(Debug, Default)]
pub(in crate::import) struct MadeFeature {
    /// The object; `None` where the feature cannot be used, for which there is a diagnostic then.
    pub object: Option<SourceObject>,
    /// Whether its coordinates have heights other than 0, which is what many writers put where they know none.
    pub has_heights: bool,
    /// What was wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> FeatureMaker<'a> {
    pub fn new(options: &'a ImportOptions, layer: &'a Layer) -> Self {
        let info = CrsRegistry::default().crs_info(&layer.crs);
        let in_degrees = info.is_ok_and(|info| info.is_geographic);
        Self { options, heights: HeightRule::new(options), layer, in_degrees }
    }

    /// The object of a feature. `at` is its place in the file (`record 7`), which is its identifier too where it has none.
    pub fn make(&self, feature: Feature, at: &str) -> MadeFeature {
        let mut made = MadeFeature::default();
        self.make_into(feature, at, &mut made);
        made
    }

    /// A feature that could not be decoded.
    pub fn unreadable(&self, code: &'static str, message: String, at: &str) -> MadeFeature {
        let mut made = MadeFeature::default();
        made.note(Severity::Error, code, message, self.place(at));
        made
    }

    /// Where in the source `at` is.
    pub fn place(&self, at: &str) -> Place {
        Place::file(self.layer.path.clone()).detail(at.to_owned())
    }

    /// The same after what is already known about the feature.
    pub fn make_into(&self, feature: Feature, at: &str, made: &mut MadeFeature) {
        if let Err((code, message, place)) = self.try_make(feature, at, made) {
            made.object = None;
            made.note(Severity::Error, code, message, place);
        }
    }

    fn try_make(
        &self,
        feature: Feature,
        at: &str,
        made: &mut MadeFeature,
    ) -> Result<(), (&'static str, String, Place)> {
        let Feature { id, attributes, geometry, height_m } = feature;
        let mut source = SourceObject::default();
        source.object.attributes = attributes;
        source.object.id = self.id(id, &source).unwrap_or_else(|| self.within_layer(at.replace(' ', "-")));
        let place = self.place(at).object(source.object.id.clone());
        if geometry.is_empty() {
            return Err(("no-geometry", "the feature has no geometry".to_owned(), place));
        }
        if let Some(outside) = geometry.all().find(|p| !self.is_place(**p)) {
            let message =
                format!("({}, {}) is no place in {}; is the CRS right?", outside.x, outside.y, self.layer.crs);
            return Err(("coordinate-out-of-range", message, place));
        }
        made.has_heights = geometry.all().any(|p| p.z.is_finite() && p.z != 0.0);
        let said = self.options.class.as_deref();
        let inferred = || class::infer(&self.layer.name, &source.object.attributes, &geometry);
        source.object.class = said.unwrap_or_else(inferred).to_owned();
        describe(&mut source.object, self.options);
        let class = class::known(&source.object.class);
        source.object.level = class.level;
        // An area of the ground with a column called "floor" is not pushed up, unless the user says that it is.
        let rises = class.rises || self.options.height_attribute.is_some() || self.options.storey_attribute.is_some();
        let areas = !geometry.polygons.is_empty();
        let height = match height_m.filter(|_| areas) {
            Some(height) => {
                source.derive_attribute(&MEASURED_HEIGHT.into(), Value::Float(height));
                Some(height)
            }
            None if areas && rises => self.heights.apply(&mut source),
            None => None,
        };
        let width_m = class::line_width_m(&class, &source.object.attributes);
        source.geometry = shapes(geometry, height, width_m, &place, made);
        if source.geometry.is_empty() {
            let (code, message) = match areas {
                true => ("polygon-degenerate", "no ring has three different points"),
                false => ("line-degenerate", "no line has two different points"),
            };
            return Err((code, message.to_owned(), place));
        }
        made.object = Some(source);
        Ok(())
    }

    /// The attribute that the user named, the feature's own id, or an attribute that is called like one.
    fn id(&self, own: Option<Value>, source: &SourceObject) -> Option<String> {
        let words = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()).filter(|words| !words.is_empty()),
            Value::Int(number) => Some(self.within_layer(number.to_string())),
            _ => None,
        };
        if let Some(name) = &self.options.id_attribute {
            return words(source.object.attribute(name));
        }
        let own = own.as_ref().and_then(words);
        own.or_else(|| ID_NAMES.iter().find_map(|name| words(source.object.attribute(name))))
    }

    /// A number with the name of its layer, where there are others.
    fn within_layer(&self, number: String) -> String {
        if self.layer.among_others { format!("{}/{number}", self.layer.name) } else { number }
    }

    fn is_place(&self, p: DVec3) -> bool {
        if self.in_degrees {
            return p.x.abs() <= 360.0 && p.y.abs() <= 90.0;
        }
        p.truncate().is_finite() && p.truncate().abs().max_element() <= MAX_COORDINATE
    }
}

impl MadeFeature {
    /// Keeps what was wrong.
    pub fn note(&mut self, severity: Severity, code: &'static str, message: String, place: Place) {
        self.diagnostics.push(Diagnostic { severity, code, message, place });
    }
}

/// The shapes of a geometry; polygons last, because the last of equal detail is what is drawn.
fn shapes(
    geometry: Geometry,
    height: Option<f64>,
    width_m: f64,
    place: &Place,
    made: &mut MadeFeature,
) -> Vec<SourceShape> {
    let mut found = Vec::new();
    let mut push = |lod: f32, form: SourceForm| found.push(SourceShape { lod, form });
    let parts = geometry.lines.len() + geometry.faces.len() + geometry.polygons.len();
    if !geometry.points.is_empty() {
        push(0.0, SourceForm::Points(geometry.points.into_iter().map(level).collect()));
    }
    let lines: Vec<Vec<DVec3>> = geometry.lines.into_iter().filter_map(line).collect();
    let lines_kept = lines.len();
    if !lines.is_empty() {
        push(0.0, SourceForm::Lines { lines, section: LineSection::Band(width_m) });
    }
    let mut open = BTreeSet::new();
    let mut surfaces: Vec<SourcePolygon> =
        geometry.faces.into_iter().filter_map(|polygon| opened(polygon, &mut open)).collect();
    let polygons: Vec<SourcePolygon> =
        geometry.polygons.into_iter().filter_map(|polygon| opened(polygon, &mut open)).collect();
    let left_out = parts - lines_kept - surfaces.len() - polygons.len();
    match height {
        Some(height_m) if !polygons.is_empty() => {
            let polygons = polygons.into_iter().map(flattened).collect();
            push(1.0, SourceForm::Footprints { polygons, height_m });
        }
        _ => surfaces.extend(polygons),
    }
    if !surfaces.is_empty() {
        let plain = |polygon| SourceSurface::plain(polygon, SurfaceKind::Unknown);
        push(0.0, SourceForm::Surfaces(surfaces.into_iter().map(plain).collect()));
    }
    for number in open {
        let message = format!("ring {number} is not closed; it was closed");
        made.note(Severity::Warning, "ring-unclosed", message, place.clone());
    }
    if left_out > 0 && !found.is_empty() {
        let message = format!("{left_out} of its {parts} parts have no area or length");
        made.note(Severity::Warning, "part-degenerate", message, place.clone());
    }
    found
}

/// The point at height 0 where it has none.
fn level(p: DVec3) -> DVec3 {
    if p.z.is_finite() { p } else { p.truncate().extend(0.0) }
}

/// The line without points that repeat the one before; `None` where fewer than two are left.
fn line(points: Vec<DVec3>) -> Option<Vec<DVec3>> {
    let mut points: Vec<DVec3> = points.into_iter().map(level).collect();
    points.dedup_by_key(|p| p.truncate());
    (points.len() >= 2).then_some(points)
}

/// The polygon with open rings; `None` without area. Numbers of rings that were not closed are kept.
fn opened(polygon: SourcePolygon, open: &mut BTreeSet<usize>) -> Option<SourcePolygon> {
    let mut rings = Vec::with_capacity(polygon.len());
    for (number, ring) in polygon.into_iter().enumerate() {
        let mut ring: Vec<DVec3> = ring.into_iter().map(level).collect();
        if ring.len() > 1 && ring.first() == ring.last() {
            ring.pop();
        } else {
            open.insert(number);
        }
        ring.dedup();
        match (ring.len() >= 3, number) {
            (true, _) => rings.push(ring),
            (false, 0) => return None,
            (false, _) => {}
        }
    }
    (!rings.is_empty()).then_some(rings)
}

/// The polygon at the least height of its outer ring.
fn flattened(mut polygon: SourcePolygon) -> SourcePolygon {
    let base = polygon.first().into_iter().flatten().map(|p| p.z).fold(f64::INFINITY, f64::min);
    for ring in &mut polygon {
        ring.iter_mut().for_each(|p| p.z = base);
        ring.dedup();
    }
    polygon
}
