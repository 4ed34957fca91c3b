//! From a source's coordinates to city objects in the site frame.
//!
//! Points of many objects are converted in one batch; objects whose heights are above the ground are set on it, as low as
//! the lowest ground under their corners; footprints are repaired and turned the way [`Prism`] wants them.

use glam::{DVec2, DVec3};

use super::{
    Diagnostic, HeightsAbove, ImportError, Place, Severity, SourceForm, SourceFrame, SourceObject, SourcePolygon,
    SourceReport,
};
use crate::city::{CityObject, LodShape};
use crate::geodesy::{CrsId, CrsRegistry, Geodetic, HeightReference, Separation, SiteConversion, SiteFrame};
use crate::geometry::{Bounds, HeightGrid, Prism, Shape, Surface, parallel, repair};

/// Objects converted at one time by one thread: enough that finding the operation does not count.
const OBJECTS_AT_ONCE: usize = 4096;

/// Code of outlines that are no areas.
pub const UNUSABLE_FOOTPRINT: &str = "footprint-unusable";

/// Where objects are placed.
#[derive(Debug, Clone)]
pub struct Placement<'a> {
    /// Knows the CRS of the sources.
    pub registry: &'a CrsRegistry,
    /// The site.
    pub site: SiteFrame,
    /// The geoid above the ellipsoid, for sources whose heights are above it.
    pub separation: Separation,
    /// The ground, for sources whose heights are above it. Where it is not known the ground is at the anchor's height.
    pub ground: Option<&'a HeightGrid>,
}

impl Placement<'_> {
    /// Objects of one source in the site frame, in their order. What cannot be placed is told in the report; its object stays,
    /// without that shape.
    pub fn place(
        &self,
        frame: &SourceFrame,
        objects: Vec<SourceObject>,
        report: &mut SourceReport,
    ) -> Result<Vec<CityObject>, ImportError> {
        let mut chunks = Vec::with_capacity(objects.len() / OBJECTS_AT_ONCE + 1);
        let mut objects = objects.into_iter().peekable();
        while objects.peek().is_some() {
            chunks.push(objects.by_ref().take(OBJECTS_AT_ONCE).collect::<Vec<_>>());
        }
        let path = report.path.clone();
        let outskirts = self.registry.area_of_use(&frame.crs).map(outskirts);
        let placed = parallel::map(chunks, |chunk| self.place_chunk(frame, chunk, outskirts, &path));
        let mut all = Vec::new();
        for chunk in placed {
            let (objects, diagnostics) = chunk?;
            all.extend(objects);
            diagnostics.into_iter().for_each(|diagnostic| report.note(diagnostic));
        }
        Ok(all)
    }

    fn place_chunk(
        &self,
        frame: &SourceFrame,
        chunk: Vec<SourceObject>,
        outskirts: Option<[f64; 4]>,
        path: &str,
    ) -> Result<(Vec<CityObject>, Vec<Diagnostic>), ImportError> {
        let failed =
            |error: crate::geodesy::GeodesyError| ImportError::Crs { cause: error.to_string(), path: path.to_owned() };
        let heights = heights(frame, &self.separation);
        let conversion = SiteConversion::new(self.registry, &frame.crs, heights, self.site).map_err(failed)?;
        let mut points: Vec<DVec3> = chunk.iter().flat_map(points_of).collect();
        conversion.to_degrees(&mut points).map_err(failed)?;
        let mut points = points.into_iter().map(|place| if is_on_earth(place) { place } else { DVec3::NAN });
        let mut diagnostics = Vec::new();
        let objects = chunk
            .into_iter()
            .map(|source| {
                let count = points_of(&source).count();
                let degrees: Vec<DVec3> = points.by_ref().take(count).collect();
                let first = degrees.iter().find(|place| place.is_finite()).copied();
                let ground_m =
                    if frame.heights_above == HeightsAbove::Ground { self.ground_under(&degrees) } else { 0.0 };
                let mut maker =
                    ShapeMaker { site: &self.site, degrees: degrees.into_iter(), ground_m, problems: Vec::new() };
                let object = maker.object(source);
                let place = Place::file(path).object(object.id.clone());
                if let (Some(at), Some(outskirts)) = (first, outskirts)
                    && !contains(outskirts, at)
                {
                    maker.problems.push((Severity::Note, "outside-crs-area", far_off(&frame.crs, at)));
                }
                diagnostics.extend(maker.problems.into_iter().map(|(severity, code, message)| Diagnostic {
                    severity,
                    code,
                    message,
                    place: place.clone(),
                }));
                object
            })
            .collect();
        Ok((objects, diagnostics))
    }

    /// The lowest ground under some places in degrees, metres above the ellipsoid.
    fn ground_under(&self, degrees: &[DVec3]) -> f64 {
        let anchor_m = self.site.anchor().ellipsoid_height_m;
        let Some(ground) = self.ground else { return anchor_m };
        let sample = |p: &DVec3| {
            let place = self.site.from_geodetic(Geodetic::from_degrees(p.x, p.y, anchor_m)).0;
            ground.sample(place.truncate())
        };
        let lowest = degrees.iter().filter_map(sample).fold(f64::INFINITY, f64::min);
        if lowest.is_finite() { lowest } else { anchor_m }
    }
}

/// Whether this is a place, in degrees: what is taken in a wrong CRS can be anything.
fn is_on_earth(place: DVec3) -> bool {
    place.is_finite() && place.x.abs() <= 360.0 && place.y.abs() <= 90.0
}

/// How far beyond its area of use a CRS is taken without a word, degrees, and parts of that area's size.
const OUTSKIRTS: (f64, f64) = (0.5, 0.25);

/// An area (west, south, east, north in degrees) with what lies about it.
fn outskirts([west, south, east, north]: [f64; 4]) -> [f64; 4] {
    let wide = if east < west { east - west + 360.0 } else { east - west };
    let (least, part) = OUTSKIRTS;
    let (x, y) = (wide * part + least, (north - south) * part + least);
    [west - x, south - y, west + wide + x, north + y]
}

/// Whether a place in degrees lies in an area whose east is beyond 180 where it crosses that meridian.
fn contains([west, south, east, north]: [f64; 4], place: DVec3) -> bool {
    let turned = west + (place.x - west).rem_euclid(360.0);
    turned <= east && (south..=north).contains(&place.y)
}

fn far_off(crs: &CrsId, at: DVec3) -> String {
    format!(
        "lies at {:.4}, {:.4} (longitude, latitude), far outside of where {crs} is used: is that its CRS? --crs or a recipe says another",
        at.x, at.y
    )
}

/// A good anchor for some sources: the middle one of their objects' places, by longitude, latitude and height each for
/// itself, so that a few objects far off do not move it. Height 0 where no source has heights of places.
pub fn anchor(
    registry: &CrsRegistry,
    sources: &[(&SourceFrame, &Separation, &[SourceObject])],
) -> Result<Option<Geodetic>, ImportError> {
    let (mut longitudes, mut latitudes, mut heights_m) = (Vec::new(), Vec::new(), Vec::new());
    for (frame, separation, objects) in sources {
        let failed = |error: crate::geodesy::GeodesyError| ImportError::Crs {
            cause: error.to_string(),
            path: frame.crs.to_string(),
        };
        let site = SiteFrame::new(Geodetic::default());
        let conversion = SiteConversion::new(registry, &frame.crs, heights(frame, separation), site).map_err(failed)?;
        let mut points: Vec<DVec3> = objects.iter().filter_map(|object| points_of(object).next()).collect();
        conversion.to_degrees(&mut points).map_err(failed)?;
        points.retain(|p| is_on_earth(*p));
        longitudes.extend(points.iter().map(|p| p.x));
        latitudes.extend(points.iter().map(|p| p.y));
        if frame.heights_above != HeightsAbove::Ground {
            heights_m.extend(points.iter().map(|p| p.z));
        }
    }
    let middle = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let (Some(longitude), Some(latitude)) = (middle(&mut longitudes), middle(&mut latitudes)) else { return Ok(None) };
    // A round number reads better in a document and costs nothing.
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    let height_m = middle(&mut heights_m).unwrap_or_default().round();
    Ok(Some(Geodetic::from_degrees(round(longitude), round(latitude), height_m)))
}

fn heights(frame: &SourceFrame, separation: &Separation) -> HeightReference {
    match frame.heights_above {
        HeightsAbove::Ellipsoid => HeightReference::Ellipsoidal,
        HeightsAbove::Geoid => HeightReference::Orthometric(separation.clone()),
        HeightsAbove::Ground => HeightReference::AboveGround,
    }
}

/// All points of an object, in the order in which [`ShapeMaker`] takes them back.
fn points_of(object: &SourceObject) -> Box<dyn Iterator<Item = DVec3> + '_> {
    Box::new(object.geometry.iter().flat_map(|shape| -> Box<dyn Iterator<Item = DVec3> + '_> {
        match &shape.form {
            SourceForm::Footprints { polygons, .. } => Box::new(polygons.iter().flatten().flatten().copied()),
            SourceForm::Surfaces(surfaces) => {
                Box::new(surfaces.iter().flat_map(|s| s.polygon.iter().flatten().copied()))
            }
            SourceForm::Points(points) => Box::new(points.iter().copied()),
        }
    }))
}

/// Makes the shapes of one object of its converted points.
struct ShapeMaker<'a> {
    site: &'a SiteFrame,
    degrees: std::vec::IntoIter<DVec3>,
    ground_m: f64,
    problems: Vec<(Severity, &'static str, String)>,
}

impl ShapeMaker<'_> {
    fn object(&mut self, source: SourceObject) -> CityObject {
        let mut object = source.object;
        let mut places = Bounds::EMPTY;
        for shape in source.geometry {
            let made = match shape.form {
                SourceForm::Footprints { polygons, height_m } => {
                    let prisms = polygons.iter().flat_map(|polygon| self.prisms(polygon, height_m)).collect();
                    Shape::Prisms(prisms)
                }
                SourceForm::Surfaces(surfaces) => {
                    let made = surfaces.iter().filter_map(|surface| {
                        let rings = self.rings(&surface.polygon, 0.0)?;
                        Some(Surface { rings, kind: surface.kind })
                    });
                    Shape::Surfaces(made.collect())
                }
                SourceForm::Points(points) => {
                    let found = self.degrees.by_ref().take(points.len()).map(|p| at(self.site, p, self.ground_m));
                    places = found.filter(|p| p.is_finite()).fold(places, Bounds::with);
                    continue;
                }
            };
            let empty = matches!(&made, Shape::Prisms(p) if p.is_empty())
                || matches!(&made, Shape::Surfaces(s) if s.is_empty());
            if !empty {
                object.shapes.push(LodShape { lod: shape.lod, shape: made });
            }
        }
        if object.shapes.is_empty() && !places.is_empty() {
            object.place = Some(places);
        }
        object
    }

    /// The rings of a polygon in the site frame; `None` (and a problem) where a point cannot be converted.
    fn rings(&mut self, polygon: &SourcePolygon, lift_m: f64) -> Option<Vec<Vec<DVec3>>> {
        let mut all = Vec::with_capacity(polygon.len());
        for ring in polygon {
            let found = self.degrees.by_ref().take(ring.len());
            all.push(found.map(|p| at(self.site, p, self.ground_m + lift_m)).collect::<Vec<_>>());
        }
        if all.iter().flatten().all(|p| p.is_finite()) {
            return Some(all);
        }
        let message = "a coordinate in the source's CRS is nowhere on the earth".to_owned();
        self.problems.push((Severity::Error, "not-convertible", message));
        None
    }

    fn prisms(&mut self, polygon: &SourcePolygon, height_m: f64) -> Vec<Prism> {
        let foot = self.degrees.as_slice().first().copied();
        let Some(rings) = self.rings(polygon, 0.0) else { return Vec::new() };
        let (Some(foot), Some(base)) = (foot, rings.first().and_then(|ring| ring.first())) else { return Vec::new() };
        let extrusion = at(self.site, foot, self.ground_m + height_m) - *base;
        let flat: Vec<Vec<DVec2>> = rings.iter().map(|ring| ring.iter().map(|p| p.truncate()).collect()).collect();
        match repair(&flat) {
            Ok(repaired) if repaired.changed => {
                let message = "the footprint was not valid and was repaired".to_owned();
                self.problems.push((Severity::Warning, "footprint-repaired", message));
                let z = base.z;
                let raise = |ring: Vec<DVec2>| ring.into_iter().map(|p| p.extend(z)).collect();
                let prism = |rings: Vec<Vec<DVec2>>| Prism { rings: rings.into_iter().map(raise).collect(), extrusion };
                repaired.polygons.into_iter().map(|polygon| prism(polygon.rings)).collect()
            }
            Ok(_) => vec![Prism { rings: turned(rings), extrusion }],
            Err(error) => {
                self.problems.push((Severity::Error, UNUSABLE_FOOTPRINT, error.to_string()));
                Vec::new()
            }
        }
    }
}

fn at(site: &SiteFrame, degrees: DVec3, ground_m: f64) -> DVec3 {
    site.from_geodetic(Geodetic::from_degrees(degrees.x, degrees.y, degrees.z + ground_m)).0
}

/// Outer ring counter-clockwise from above, holes clockwise.
fn turned(mut rings: Vec<Vec<DVec3>>) -> Vec<Vec<DVec3>> {
    for (number, ring) in rings.iter_mut().enumerate() {
        let next = ring.iter().cycle().skip(1);
        let doubled: f64 = ring
            .iter()
            .zip(next)
            .map(|(a, b)| (a.truncate() - ring[0].truncate()).perp_dot(b.truncate() - ring[0].truncate()))
            .sum();
        if (doubled > 0.0) != (number == 0) {
            ring.reverse();
        }
    }
    rings
}
