//! Areas of the plane, and whether footprints touch them.

use glam::DVec2;

use crate::city::CityObject;
use crate::geometry::{Bounds, Shape, SurfaceKind};

/// A part of the site frame's horizontal plane, metres east and north.
#[derive(Debug, Clone, PartialEq)]
pub enum Area {
    /// One place.
    Point(DVec2),
    /// Inside of a ring and on it; the last point joins the first.
    Polygon(Vec<DVec2>),
    /// Within a distance of a place.
    Circle {
        /// Its middle.
        center: DVec2,
        /// Metres.
        radius_m: f64,
    },
}

impl Area {
    /// The least box around it, without limits in height.
    pub fn bounds(&self) -> Bounds {
        let (low, high) = match self {
            Self::Point(p) => (*p, *p),
            Self::Circle { center, radius_m } => (*center - *radius_m, *center + *radius_m),
            Self::Polygon(ring) => {
                ring.iter().fold((DVec2::INFINITY, DVec2::NEG_INFINITY), |(low, high), p| (low.min(*p), high.max(*p)))
            }
        };
        Bounds { min: low.extend(f64::NEG_INFINITY), max: high.extend(f64::INFINITY) }
    }

    /// Whether all of a box in plan is surely in it, so that whatever is in the box touches it.
    pub(super) fn holds(&self, bounds: Bounds) -> bool {
        let (low, high) = (bounds.min.truncate(), bounds.max.truncate());
        let corners = [low, DVec2::new(high.x, low.y), high, DVec2::new(low.x, high.y)];
        match self {
            Self::Point(_) => false,
            Self::Circle { center, radius_m } => corners.iter().all(|corner| corner.distance(*center) < *radius_m),
            Self::Polygon(ring) => {
                let (own, rectangle) = (std::slice::from_ref(ring), [corners.to_vec()]);
                corners.iter().all(|corner| contains(own, *corner))
                    && !edges(own).any(|(a, b)| edges(&rectangle).any(|(c, d)| cross(a, b, c, d)))
            }
        }
    }

    /// Whether it shares a point with the polygons of `rings` (even-odd: holes are rings too).
    pub fn touches(&self, rings: &[Vec<DVec2>]) -> bool {
        match self {
            Self::Point(p) => contains(rings, *p),
            Self::Circle { center, radius_m } => {
                contains(rings, *center) || edges(rings).any(|(a, b)| distance(*center, a, b) <= *radius_m)
            }
            Self::Polygon(ring) => {
                let own = std::slice::from_ref(ring);
                rings.iter().flatten().any(|p| contains(own, *p))
                    || ring.iter().any(|p| contains(rings, *p))
                    || edges(own).any(|(a, b)| edges(rings).any(|(c, d)| cross(a, b, c, d)))
            }
        }
    }
}

fn edges(rings: &[Vec<DVec2>]) -> impl Iterator<Item = (DVec2, DVec2)> {
    rings.iter().flat_map(|ring| ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| (*a, *b)))
}

fn contains(rings: &[Vec<DVec2>], p: DVec2) -> bool {
    let crossed =
        |(a, b): (DVec2, DVec2)| (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x;
    edges(rings).filter(|edge| crossed(*edge)).count() % 2 == 1
}

fn distance(p: DVec2, a: DVec2, b: DVec2) -> f64 {
    let along = b - a;
    let t = if along == DVec2::ZERO { 0.0 } else { ((p - a).dot(along) / along.length_squared()).clamp(0.0, 1.0) };
    p.distance(a + along * t)
}

fn cross(a: DVec2, b: DVec2, c: DVec2, d: DVec2) -> bool {
    let side = |a: DVec2, b: DVec2, p: DVec2| (b - a).perp_dot(p - a);
    side(a, b, c) * side(a, b, d) <= 0.0
        && side(c, d, a) * side(c, d, b) <= 0.0
        && a.min(b).cmple(c.max(d)).all()
        && c.min(d).cmple(a.max(b)).all()
}

/// The footprint's rings from the coarsest shape that has one: prisms' bases, or ground surfaces.
pub fn footprint(object: &CityObject) -> Vec<Vec<DVec2>> {
    for lod in &object.shapes {
        let rings: Vec<Vec<DVec2>> = match &lod.shape {
            Shape::Prisms(prisms) => prisms.iter().flat_map(|p| &p.rings).map(|r| flat(r)).collect(),
            Shape::Surfaces(surfaces) => surfaces
                .iter()
                .filter(|s| s.kind == SurfaceKind::Ground)
                .flat_map(|s| &s.rings)
                .map(|r| flat(r))
                .collect(),
            Shape::Meshes(_) => Vec::new(),
        };
        if !rings.is_empty() {
            return rings;
        }
    }
    Vec::new()
}

fn flat(ring: &[glam::DVec3]) -> Vec<DVec2> {
    ring.iter().map(|p| p.truncate()).collect()
}
