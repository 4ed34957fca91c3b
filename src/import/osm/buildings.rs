//! Polygons to shapes: buildings and their parts with heights, roofs and colours, and surfaces on the ground.

use glam::{DVec2, DVec3};

use super::colours::paint;
use super::element::Place;
use super::lines::{degrees_from, metres_from};
use super::roofs::{Box2, Extent, Face, RoofShape, flat, pitched};
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::{Paint, SurfaceKind, repair};
use crate::import::attributes::{HeightRule, metres, number};
use crate::import::{
    Diagnostic, Place as Where, Severity, SourceForm, SourceObject, SourcePolygon, SourceReport, SourceShape,
    SourceSurface,
};

/// A polygon: the outer ring first, none closed by repetition.
pub(super) type Polygon = Vec<Vec<Place>>;

/// Slope of a pitched roof of which no height is known.
const USUAL_SLOPE: f64 = 0.577;
/// The least slope that is seen, of roofs of one plane of which no height is known.
const SHED_SLOPE: f64 = 0.2;
/// The compass, from north.
const WINDS: [&str; 16] =
    ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"];

/// A surface on the ground, or so high above it. Directions are made right: up.
pub(super) fn surface(polygons: &[Polygon], kind: SurfaceKind, height_m: f64) -> SourceShape {
    let made = polygons.iter().map(|polygon| SourceSurface::plain(degrees(polygon, height_m), kind));
    SourceShape { lod: 0.0, form: SourceForm::Surfaces(made.collect()) }
}

fn degrees(polygon: &Polygon, height_m: f64) -> SourcePolygon {
    let ring = |(number, ring): (usize, &Vec<Place>)| {
        let mut points: Vec<DVec3> = ring.iter().map(|place| place.degrees().extend(height_m)).collect();
        let next = points.iter().cycle().skip(1);
        let origin = points.first().copied().unwrap_or_default().truncate();
        let doubled: f64 =
            points.iter().zip(next).map(|(a, b)| (a.truncate() - origin).perp_dot(b.truncate() - origin)).sum();
        if (doubled > 0.0) != (number == 0) {
            points.reverse();
        }
        points
    };
    polygon.iter().enumerate().map(ring).collect()
}

/// Makes the shapes of one building or part, and tells what was assumed.
pub(super) struct BuildingMaker<'a> {
    pub(super) heights: &'a HeightRule,
    pub(super) path: &'a str,
    pub(super) report: &'a mut SourceReport,
}

impl BuildingMaker<'_> {
    /// Pushes the polygons up by the height that the object says; flat on the ground where it says none. Colours and roofs
    /// make surfaces of it, everything else stays a footprint.
    pub(super) fn shape(&mut self, object: &mut SourceObject, polygons: &[Polygon]) {
        let shape = self.bodies(object, polygons);
        if shape.lod >= 2.0 {
            object.object.level = CimLevel::Standard;
        }
        object.geometry.push(shape);
    }

    fn bodies(&mut self, object: &mut SourceObject, polygons: &[Polygon]) -> SourceShape {
        let base_m = self.base_m(&object.object);
        let Some((height_m, storeys)) = self.heights.find(&object.object) else {
            self.tell("height-unknown", Severity::Note, "it says no height and no storeys; it is flat", object);
            return surface(polygons, SurfaceKind::Unknown, base_m);
        };
        let from_storeys = storeys.is_some();
        self.heights.apply(object);
        let pitch = roof_shape(&object.object);
        let looks = [("roof:colour", "roof:color"), ("building:colour", "building:color")].map(|(name, other)| {
            let words = |name: &str| object.object.attribute(name).text().and_then(paint);
            words(name).or_else(|| words(other))
        });
        let mut base_m = base_m;
        if base_m >= height_m {
            self.tell(
                "height-below-base",
                Severity::Warning,
                "its top is below its base; it stands on the ground",
                object,
            );
            base_m = 0.0;
        }
        let mut extent = Extent { base_m, eaves_m: height_m, top_m: height_m };
        let bodies: Vec<Local> = match looks.iter().any(Option::is_some) || !matches!(pitch, Pitch::Flat) {
            true => polygons.iter().flat_map(Local::repaired).collect(),
            false => Vec::new(),
        };
        let mut is_pitched = false;
        let mut faces = Vec::new();
        for body in &bodies {
            let made = pitch.over(body, object, self.heights, &mut extent, from_storeys);
            is_pitched |= made.is_some();
            let made = made.unwrap_or_else(|| flat(&body.rings, extent));
            faces.extend(made.into_iter().map(|face| body.surface(face, &looks)));
        }
        if !matches!(pitch, Pitch::Flat) && !is_pitched {
            let words = object.object.attribute("roof:shape").to_string();
            let message =
                format!("a roof of the shape '{words}' is drawn flat: not known here, or not over this outline");
            self.tell("roof-flat", Severity::Note, &message, object);
        }
        if is_pitched && extent.top_m > height_m {
            let measured = object.object.attributes.iter_mut().find(|(name, _)| &**name == "measuredHeight");
            measured.into_iter().for_each(|(_, value)| *value = Value::Float(extent.top_m));
        }
        if faces.is_empty() {
            let polygons = polygons.iter().map(|polygon| degrees(polygon, base_m)).collect();
            return SourceShape { lod: 1.0, form: SourceForm::Footprints { polygons, height_m: height_m - base_m } };
        }
        SourceShape { lod: if is_pitched { 2.0 } else { 1.0 }, form: SourceForm::Surfaces(faces) }
    }

    /// Where a part begins, metres above the ground.
    fn base_m(&self, object: &CityObject) -> f64 {
        let stated = ["min_height", "building:min_height"].iter().find_map(|name| metres(object.attribute(name)));
        let storeys = || number(object.attribute("building:min_level")).map(|n| n * self.heights.storey_height_m());
        stated.or_else(storeys).filter(|base| (0.0..2000.0).contains(base)).unwrap_or_default()
    }

    fn tell(&mut self, code: &'static str, severity: Severity, message: &str, object: &SourceObject) {
        let place = Where::file(self.path).object(object.object.id.clone());
        self.report.note(Diagnostic { severity, code, message: message.to_owned(), place });
    }
}

/// The shape of a roof, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pitch {
    Flat,
    Known(RoofShape),
    /// Only its name is known.
    Other,
}

fn roof_shape(object: &CityObject) -> Pitch {
    let words = object.attribute("roof:shape").text().or_else(|| object.attribute("building:roof:shape").text());
    let across = object.attribute("roof:orientation").text() == Some("across");
    match words {
        None | Some("flat" | "no" | "yes") => Pitch::Flat,
        Some("gabled" | "pitched") => Pitch::Known(RoofShape::Gabled { across }),
        Some("hipped") => Pitch::Known(RoofShape::Hipped),
        Some("pyramidal" | "cone" | "conical") => Pitch::Known(RoofShape::Pyramidal),
        Some("dome") => Pitch::Known(RoofShape::Dome),
        Some("skillion" | "lean_to") => Pitch::Known(RoofShape::Skillion { downhill: downhill(object) }),
        Some(_) => Pitch::Other,
    }
}

/// Which way a roof falls, east and north: `roof:direction` in degrees from north or as a wind.
fn downhill(object: &CityObject) -> Option<DVec2> {
    let value = object.attribute("roof:direction");
    let wind = value.text().and_then(|words| WINDS.iter().position(|wind| wind.eq_ignore_ascii_case(words.trim())));
    let degrees = wind.map(|wind| wind as f64 * 22.5).or_else(|| number(value))?;
    let (sin, cos) = degrees.to_radians().sin_cos();
    Some(DVec2::new(sin, cos))
}

impl Pitch {
    /// The faces of a body under this roof; `None` where that is not possible. `extent` gets its eaves, and where only
    /// storeys are known, its roof on top of them.
    fn over(
        self,
        body: &Local,
        object: &SourceObject,
        heights: &HeightRule,
        extent: &mut Extent,
        from_storeys: bool,
    ) -> Option<Vec<Face>> {
        let (Self::Known(mut shape), [ring]) = (self, body.rings.as_slice()) else { return None };
        let frame = Box2::around(ring)?;
        if let (RoofShape::Gabled { across }, Some(downhill)) = (&mut shape, downhill(&object.object)) {
            // The ridge runs across the way in which the roof falls.
            *across = downhill.dot(frame.along).abs() > downhill.dot(frame.along.perp()).abs();
        }
        let half_m = match shape {
            RoofShape::Gabled { across: true } => frame.half.x,
            RoofShape::Skillion { .. } => frame.half.y * 2.0,
            _ => frame.half.y,
        };
        let tag = |name: &str| object.object.attribute(name);
        let angle = number(tag("roof:angle")).filter(|angle| *angle > 0.0 && *angle < 85.0);
        let stated = metres(tag("roof:height"))
            .or_else(|| number(tag("roof:levels")).map(|n| n * heights.storey_height_m()))
            .or_else(|| angle.map(|angle| angle.to_radians().tan() * half_m))
            .filter(|rise| *rise > 0.0 && *rise < 500.0);
        let usual = match shape {
            RoofShape::Dome => half_m,
            RoofShape::Skillion { .. } => half_m * SHED_SLOPE,
            _ => half_m * USUAL_SLOPE,
        };
        let body_m = extent.eaves_m.max(extent.top_m) - extent.base_m;
        let rise_m = stated.unwrap_or_else(|| if from_storeys { usual } else { usual.min(body_m * 0.5) });
        let pitched_extent = if from_storeys {
            Extent { top_m: extent.eaves_m + rise_m, ..*extent }
        } else {
            Extent { eaves_m: (extent.top_m - rise_m).max(extent.base_m), ..*extent }
        };
        let faces = pitched(ring, shape, pitched_extent)?;
        extent.top_m = extent.top_m.max(pitched_extent.top_m);
        Some(faces)
    }
}

/// A valid polygon in metres around its first corner.
struct Local {
    origin: DVec2,
    rings: Vec<Vec<DVec2>>,
}

impl Local {
    /// The polygon made valid; nothing where it cannot be, and placing the footprint will tell why.
    fn repaired(polygon: &Polygon) -> Vec<Self> {
        let Some(origin) = polygon.first().and_then(|ring| ring.first()).map(|place| place.degrees()) else {
            return Vec::new();
        };
        let local = |ring: &Vec<Place>| ring.iter().map(|place| metres_from(origin, place.degrees())).collect();
        let rings: Vec<Vec<DVec2>> = polygon.iter().map(local).collect();
        let polygons = repair(&rings).map(|repaired| repaired.polygons).unwrap_or_default();
        polygons.into_iter().map(|polygon| Self { origin, rings: polygon.rings }).collect()
    }

    fn surface(&self, (rings, kind): Face, looks: &[Option<Paint>; 2]) -> SourceSurface {
        let place = |p: DVec3| degrees_from(self.origin, p.truncate()).extend(p.z);
        let polygon = rings.into_iter().map(|ring| ring.into_iter().map(place).collect()).collect();
        let paint = match kind {
            SurfaceKind::Roof => looks[0].clone(),
            SurfaceKind::Wall => looks[1].clone(),
            _ => None,
        };
        SourceSurface { polygon, kind, paint }
    }
}
