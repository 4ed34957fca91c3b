//! Coarser stand-ins of shapes, for the distance.

use geo::{ConvexHull, Coord, LineString, MinimumRotatedRect, MultiPoint, Point, Simplify};
use glam::DVec3;

use super::{Bounds, PlacedMesh, Prism, Shape};

/// Shapes lower than this are flat: roads, water, footprints. They have no stand-in.
const FLAT_M: f64 = 2.0;

/// The shape with details below `tolerance_m` left out: prisms with fewer corners, one upright box around anything else
/// that stands up. `None` where nothing would be won.
pub fn coarser(shape: &Shape, bounds: Bounds, tolerance_m: f64) -> Option<Shape> {
    match shape {
        Shape::Prisms(prisms) => Some(Shape::Prisms(coarser_prisms(prisms, tolerance_m))),
        Shape::Surfaces(_) | Shape::Meshes(_) if bounds.size().z < FLAT_M => None,
        Shape::Surfaces(surfaces) => {
            upright_box(surfaces.iter().flat_map(|s| s.rings.iter().flatten().copied()), bounds)
        }
        Shape::Meshes(meshes) => upright_box(meshes.iter().flat_map(PlacedMesh::places), bounds),
    }
}

/// The smallest upright box around the points.
fn upright_box(points: impl Iterator<Item = DVec3>, bounds: Bounds) -> Option<Shape> {
    let points: MultiPoint<f64> = points.map(|p| Point::new(p.x, p.y)).collect();
    let rectangle = MinimumRotatedRect::minimum_rotated_rect(&points.convex_hull())?;
    let ring = open(rectangle.exterior(), bounds.min.z);
    let extrusion = DVec3::Z * bounds.size().z;
    (ring.len() >= 3).then(|| Shape::Prisms(vec![Prism { rings: vec![counter_clockwise(ring)], extrusion }]))
}

fn coarser_prisms(prisms: &[Prism], tolerance_m: f64) -> Vec<Prism> {
    let mut kept: Vec<Prism> = prisms.iter().filter_map(|prism| coarser_prism(prism, tolerance_m)).collect();
    if kept.is_empty() {
        // All of them are below the tolerance: the object is not, so its largest one stays as it is.
        let area =
            |prism: &&Prism| prism.rings.first().map_or(0.0, |ring| super::triangulate::newell_normal(ring).length());
        kept.extend(prisms.iter().max_by(|a, b| area(a).total_cmp(&area(b))).cloned());
    }
    kept
}

fn coarser_prism(prism: &Prism, tolerance_m: f64) -> Option<Prism> {
    let outer = prism.rings.first()?;
    let area = super::triangulate::newell_normal(outer).length() * 0.5;
    if area < tolerance_m * tolerance_m {
        return None;
    }
    let outer = coarser_ring(outer, tolerance_m);
    // Courts stay where they are as wide as some tolerances; the others close.
    let is_seen =
        |hole: &&Vec<DVec3>| super::triangulate::newell_normal(hole).length() > 8.0 * tolerance_m * tolerance_m;
    let holes = prism.rings.iter().skip(1).filter(is_seen).map(|hole| coarser_ring(hole, tolerance_m));
    Some(Prism { rings: std::iter::once(outer).chain(holes).collect(), extrusion: prism.extrusion })
}

/// Ramer-Douglas-Peucker; a ring that would lose its area keeps its corners.
fn coarser_ring(ring: &[DVec3], tolerance_m: f64) -> Vec<DVec3> {
    if ring.len() <= 4 {
        return ring.to_vec();
    }
    let height = ring.iter().map(|p| p.z).sum::<f64>() / ring.len() as f64;
    let mut line = LineString::new(ring.iter().map(|p| Coord { x: p.x, y: p.y }).collect());
    line.close();
    let simple = open(&line.simplify(tolerance_m), height);
    if simple.len() >= 4 { simple } else { ring.to_vec() }
}

fn open(ring: &LineString<f64>, height: f64) -> Vec<DVec3> {
    let closed = ring.0.len().saturating_sub(1);
    ring.0.iter().take(closed).map(|c| DVec3::new(c.x, c.y, height)).collect()
}

fn counter_clockwise(mut ring: Vec<DVec3>) -> Vec<DVec3> {
    if super::triangulate::newell_normal(&ring).z < 0.0 {
        ring.reverse();
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Surface, SurfaceKind};

    fn ring(points: &[(f64, f64)]) -> Vec<DVec3> {
        points.iter().map(|(x, y)| DVec3::new(*x, *y, 1.0)).collect()
    }

    #[test]
    fn small_jogs_and_courts_go_and_the_height_stays() {
        let outer = ring(&[(0., 0.), (10., 0.), (10.2, 5.), (10., 10.), (5., 10.3), (0., 10.)]);
        let prism =
            Prism { rings: vec![outer, ring(&[(4., 4.), (4., 5.), (5., 5.), (5., 4.)])], extrusion: DVec3::Z * 30.0 };
        let shape = Shape::Prisms(vec![prism]);
        let Some(Shape::Prisms(coarse)) = coarser(&shape, shape.bounds(), 1.0) else { panic!("no stand-in") };
        assert_eq!((coarse[0].rings.len(), coarse[0].rings[0].len()), (1, 4));
        assert_eq!(coarse[0].extrusion.z, 30.0);
    }

    #[test]
    fn standing_surfaces_become_a_box_and_flat_ones_stay() {
        let wall = ring(&[(0., 0.), (10., 0.), (10., 4.), (5., 8.), (0., 4.)]);
        let lift = |ring: &[DVec3], z| ring.iter().map(|p| *p + DVec3::Z * z).collect::<Vec<_>>();
        let surface = |ring| Surface::plain(vec![ring], SurfaceKind::Roof);
        let shape = Shape::Surfaces(vec![surface(wall.clone()), surface(lift(&wall, 9.0))]);
        let Some(Shape::Prisms(coarse)) = coarser(&shape, shape.bounds(), 1.0) else { panic!("no stand-in") };
        assert_eq!((coarse[0].rings[0].len(), coarse[0].extrusion.z), (4, 9.0));
        assert!(super::super::triangulate::newell_normal(&coarse[0].rings[0]).z > 0.0);
        let flat = Shape::Surfaces(vec![surface(wall)]);
        assert_eq!(coarser(&flat, flat.bounds(), 1.0), None);
    }
}
