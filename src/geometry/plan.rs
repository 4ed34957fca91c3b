//! Polygons of the horizontal plane: areas, hulls, and how much two of them share.

use geo::algorithm::bool_ops::{BooleanOps, FillRule, OpType};
use geo::{Area, ConvexHull, Coord, LineString, MultiPoint, MultiPolygon, Point, Polygon};
use glam::DVec2;

/// Square metres inside of some rings (even-odd: holes are rings, too).
pub fn area_m2(rings: &[Vec<DVec2>]) -> f64 {
    let origin = origin(rings);
    solid(rings, origin).unsigned_area()
}

/// Square metres that lie inside of both.
pub fn shared_area_m2(a: &[Vec<DVec2>], b: &[Vec<DVec2>]) -> f64 {
    let origin = origin(a);
    solid(a, origin).intersection(&solid(b, origin)).unsigned_area()
}

/// The least convex ring around some points; empty where they span no area.
pub fn convex_hull(points: impl Iterator<Item = DVec2>) -> Vec<DVec2> {
    let points: MultiPoint<f64> = points.filter(|p| p.is_finite()).map(|p| Point::new(p.x, p.y)).collect();
    let hull = points.convex_hull();
    if hull.unsigned_area() <= 0.0 {
        return Vec::new();
    }
    hull.exterior().0.iter().skip(1).map(|c| DVec2::new(c.x, c.y)).collect()
}

/// Coordinates near zero keep what a city far from its anchor would lose.
fn origin(rings: &[Vec<DVec2>]) -> DVec2 {
    rings.first().and_then(|ring| ring.first()).copied().unwrap_or_default()
}

fn solid(rings: &[Vec<DVec2>], origin: DVec2) -> MultiPolygon<f64> {
    let line = |ring: &Vec<DVec2>| -> LineString<f64> {
        ring.iter().map(|p| *p - origin).map(|p| Coord { x: p.x, y: p.y }).collect()
    };
    let all = MultiPolygon::new(rings.iter().map(|ring| Polygon::new(line(ring), Vec::new())).collect());
    all.boolean_op_with_fill_rule(&MultiPolygon::<f64>::new(Vec::new()), OpType::Union, FillRule::EvenOdd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(at: f64, side: f64) -> Vec<DVec2> {
        [(0., 0.), (1., 0.), (1., 1.), (0., 1.)].map(|(x, y)| DVec2::new(at + x * side, at + y * side)).to_vec()
    }

    #[test]
    fn holes_and_overlaps_count_once() {
        let far = 3.0e5;
        let court = [square(far, 10.0), square(far + 4.0, 2.0)];
        assert!((area_m2(&court) - 96.0).abs() < 1e-6);
        assert!((shared_area_m2(&court, &[square(far + 5.0, 10.0)]) - 24.0).abs() < 1e-6);
        assert_eq!(shared_area_m2(&court, &[square(far + 20.0, 1.0)]), 0.0);
        assert_eq!(area_m2(&[]), 0.0);
    }

    #[test]
    fn a_hull_is_around_everything() {
        let points = [(0., 0.), (2., 0.), (1., 0.5), (2., 2.), (0., 2.)].map(|(x, y)| DVec2::new(x, y));
        assert!((area_m2(&[convex_hull(points.into_iter())]) - 4.0).abs() < 1e-9);
        assert!(convex_hull([DVec2::ZERO, DVec2::ONE].into_iter()).is_empty());
    }
}
