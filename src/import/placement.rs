//! From a source's coordinates to city objects in the site frame.
//!
//! Points of many objects are converted in one batch; objects whose heights are above the ground are set on it, as low as
//! the lowest ground under their corners; footprints are repaired and turned the way [`Prism`] wants them.

use glam::{DVec2, DVec3};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    Diagnostic, HeightsAbove, ImportError, LineSection, Place, Severity, SourceForm, SourceFrame, SourceMesh,
    SourceObject, SourcePolygon, SourceReport,
};
use crate::city::{CityObject, LodShape};
use crate::geodesy::{CrsId, CrsRegistry, Geodetic, HeightReference, Separation, SiteConversion, SiteFrame};
use crate::geometry::{Bounds, HeightGrid, Mesh, PlacedMesh, Prism, Shape, Surface, band, parallel, repair, tube};

/// Objects converted at one time by one thread: enough that finding the operation does not count.
const OBJECTS_AT_ONCE: usize = 4096;

/// Points of a line that follows the ground lie no closer than this, metres, and there are no more of them in a leg.
const LEAST_STEP_M: f64 = 5.0;
const MOST_STEPS: usize = 1000;

const WHITE: [u8; 4] = [u8::MAX; 4];
const NOWHERE: &str = "a coordinate in the source's CRS is nowhere on the earth";

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
                let on_ground = frame.heights_above == HeightsAbove::Ground;
                let ground_m = if on_ground { self.ground_under(&degrees) } else { 0.0 };
                let (degrees, problems) = (degrees.into_iter(), Vec::new());
                let ground = self.ground.filter(|_| on_ground);
                let mut maker = ShapeMaker { site: &self.site, degrees, ground_m, ground, problems };
                let geometry = fingerprint(&source);
                let object = CityObject { geometry, ..maker.object(source) };
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

/// A good anchor for some sources with the first points of their objects: the middle one of these places, by longitude, latitude and height each for
/// itself, so that a few objects far off do not move it. Height 0 where no source has heights of places.
pub fn anchor(
    registry: &CrsRegistry,
    sources: &[(&SourceFrame, &Separation, &[DVec3])],
) -> Result<Option<Geodetic>, ImportError> {
    let (mut longitudes, mut latitudes, mut heights_m) = (Vec::new(), Vec::new(), Vec::new());
    for (frame, separation, places) in sources {
        let points = on_earth(registry, frame, separation, places)?;
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

/// South-west and north-east corner of most of these places in the plane of a site: of all but a hundredth at either end.
pub fn extent(
    registry: &CrsRegistry,
    site: &SiteFrame,
    sources: &[(&SourceFrame, &Separation, &[DVec3])],
) -> Result<Option<(DVec2, DVec2)>, ImportError> {
    let (mut east, mut north) = (Vec::new(), Vec::new());
    let anchor_m = site.anchor().ellipsoid_height_m;
    for (frame, separation, places) in sources {
        for point in on_earth(registry, frame, separation, places)? {
            let place = site.from_geodetic(Geodetic::from_degrees(point.x, point.y, anchor_m)).0;
            east.push(place.x);
            north.push(place.y);
        }
    }
    let most = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        Some((*values.get(last / 100)?, *values.get(last - last / 100)?))
    };
    let (east, north) = (most(&mut east), most(&mut north));
    Ok(east.zip(north).map(|((west, east), (south, north))| (DVec2::new(west, south), DVec2::new(east, north))))
}

/// Those of a source's places that are on earth, in degrees and metres above the ellipsoid.
fn on_earth(
    registry: &CrsRegistry,
    frame: &SourceFrame,
    separation: &Separation,
    places: &[DVec3],
) -> Result<Vec<DVec3>, ImportError> {
    let failed = |error: crate::geodesy::GeodesyError| ImportError::Crs {
        cause: error.to_string(),
        path: frame.crs.to_string(),
    };
    let site = SiteFrame::new(Geodetic::default());
    let conversion = SiteConversion::new(registry, &frame.crs, heights(frame, separation), site).map_err(failed)?;
    let mut points = places.to_vec();
    conversion.to_degrees(&mut points).map_err(failed)?;
    points.retain(|p| is_on_earth(*p));
    Ok(points)
}

fn heights(frame: &SourceFrame, separation: &Separation) -> HeightReference {
    match frame.heights_above {
        HeightsAbove::Ellipsoid => HeightReference::Ellipsoidal,
        HeightsAbove::Geoid => HeightReference::Orthometric(separation.clone()),
        HeightsAbove::Ground => HeightReference::AboveGround,
    }
}

/// A hash of an object's geometry as it is in its source; 0 where it has none.
fn fingerprint(source: &SourceObject) -> u64 {
    let bytes = postcard::to_allocvec(&source.geometry).unwrap_or_default();
    if source.geometry.is_empty() { 0 } else { xxh3_64(&bytes) }
}

/// All points of an object, in the order in which [`ShapeMaker`] takes them back.
fn points_of(object: &SourceObject) -> Box<dyn Iterator<Item = DVec3> + '_> {
    Box::new(object.geometry.iter().flat_map(|shape| -> Box<dyn Iterator<Item = DVec3> + '_> {
        match &shape.form {
            SourceForm::Footprints { polygons, .. } => Box::new(polygons.iter().flatten().flatten().copied()),
            SourceForm::Surfaces(surfaces) => {
                Box::new(surfaces.iter().flat_map(|s| s.polygon.iter().flatten().copied()))
            }
            SourceForm::Lines { lines, .. } => Box::new(lines.iter().flatten().copied()),
            SourceForm::Meshes(meshes) => Box::new(meshes.iter().flat_map(|mesh| mesh.positions.iter().copied())),
            SourceForm::Points(points) => Box::new(points.iter().copied()),
        }
    }))
}

/// Makes the shapes of one object of its converted points.
struct ShapeMaker<'a> {
    site: &'a SiteFrame,
    degrees: std::vec::IntoIter<DVec3>,
    ground_m: f64,
    /// The ground that lines follow, where heights are above it.
    ground: Option<&'a HeightGrid>,
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
                        Some(Surface { rings, kind: surface.kind, paint: surface.paint.clone() })
                    });
                    Shape::Surfaces(made.collect())
                }
                SourceForm::Lines { lines, section } => {
                    let made = lines.iter().map(|line| self.line(line.len(), section));
                    Shape::Meshes(made.filter(|placed| !placed.mesh.indices.is_empty()).collect())
                }
                SourceForm::Meshes(meshes) => {
                    Shape::Meshes(meshes.into_iter().filter_map(|mesh| self.mesh(mesh)).collect())
                }
                SourceForm::Points(points) => {
                    let found = self.degrees.by_ref().take(points.len()).map(|p| at(self.site, p, self.ground_m));
                    places = found.filter(|p| p.is_finite()).fold(places, Bounds::with);
                    continue;
                }
            };
            let empty = matches!(&made, Shape::Prisms(p) if p.is_empty())
                || matches!(&made, Shape::Surfaces(s) if s.is_empty())
                || matches!(&made, Shape::Meshes(m) if m.is_empty());
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
        self.problems.push((Severity::Error, "not-convertible", NOWHERE.to_owned()));
        None
    }

    /// The next points as a line, on the ground where heights are above it.
    fn line(&mut self, points: usize, section: LineSection) -> PlacedMesh {
        let found = self.degrees.by_ref().take(points);
        let level: Vec<DVec3> = found.map(|p| at(self.site, p, self.ground_m)).collect();
        let line = self.ground.map_or_else(|| level.clone(), |ground| self.draped(&level, ground));
        match section {
            LineSection::Band(width_m) => band(&line, width_m),
            LineSection::Tube(diameter_m) => tube(&line, diameter_m),
        }
    }

    /// A line that is level over the lowest ground under it as high over the ground everywhere, with points as close as the
    /// ground may bend.
    fn draped(&self, level: &[DVec3], ground: &HeightGrid) -> Vec<DVec3> {
        let step_m = ground.cell_m.max(LEAST_STEP_M);
        let mut line = Vec::with_capacity(level.len());
        for (number, point) in level.iter().enumerate() {
            let before = number.checked_sub(1).map_or(*point, |before| level[before]);
            let steps = ((point.distance(before) / step_m).ceil() as usize).clamp(1, MOST_STEPS);
            line.extend((1..=steps).map(|step| before.lerp(*point, step as f64 / steps as f64)));
        }
        let base_m = level.iter().filter_map(|p| ground.sample(p.truncate())).fold(f64::INFINITY, f64::min);
        let lift_m = |p: &DVec3| ground.sample(p.truncate()).map_or(0.0, |height| (height - base_m).max(0.0));
        line.iter().map(|p| *p + DVec3::Z * lift_m(p)).collect()
    }

    /// The next points as the vertices of a mesh; `None` (and a problem) where one cannot be converted.
    fn mesh(&mut self, source: SourceMesh) -> Option<PlacedMesh> {
        let found = self.degrees.by_ref().take(source.positions.len());
        let places: Vec<DVec3> = found.map(|p| at(self.site, p, self.ground_m)).collect();
        if places.iter().any(|p| !p.is_finite()) {
            self.problems.push((Severity::Error, "not-convertible", NOWHERE.to_owned()));
            return None;
        }
        let center_in_site = Bounds::around(places.iter().copied()).center();
        let colors = if source.color == WHITE { Vec::new() } else { vec![source.color; places.len()] };
        let mesh = Mesh {
            positions: places.iter().map(|p| (*p - center_in_site).as_vec3()).collect(),
            normals: source.normals,
            colors,
            texture_coordinates: source.texture_coordinates,
            indices: source.indices,
            feature_ids: Vec::new(),
        };
        (!mesh.indices.is_empty()).then_some(PlacedMesh { center_in_site, mesh, picture: source.picture })
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
