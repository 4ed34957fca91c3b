//! Which rings of a polygon shape are holes, and of what.

use glam::{DVec2, DVec3};

use crate::import::SourcePolygon;

/// Pairs of rings that are compared; more are nobody's map.
const MOST_PAIRS: usize = 20_000_000;

struct Ring {
    points: Vec<DVec3>,
    doubled_area: f64,
    low: DVec2,
    high: DVec2,
}

/// The polygons of rings in any order: clockwise ones are outlines, the others holes of the least outline around them (white
/// paper, page 8). Where that cannot be, a hole is an outline: better an area too much than one lost.
pub(super) fn polygons(rings: Vec<Vec<DVec3>>) -> Vec<SourcePolygon> {
    if rings.len() <= 1 {
        return rings.into_iter().filter(|ring| !ring.is_empty()).map(|ring| vec![ring]).collect();
    }
    let (mut outlines, holes): (Vec<Ring>, Vec<Ring>) =
        rings.into_iter().filter(|ring| !ring.is_empty()).map(measured).partition(|ring| ring.doubled_area <= 0.0);
    let too_many = outlines.len().saturating_mul(holes.len()) > MOST_PAIRS;
    // From large to small, so that the last one around a hole is the least.
    outlines.sort_by(|a, b| a.doubled_area.total_cmp(&b.doubled_area));
    let mut found: Vec<SourcePolygon> = Vec::with_capacity(outlines.len());
    let mut held: Vec<Vec<Vec<DVec3>>> = outlines.iter().map(|_| Vec::new()).collect();
    let mut alone = Vec::new();
    for hole in holes {
        let around = if too_many { None } else { outlines.iter().rposition(|outline| surrounds(outline, &hole)) };
        match around.and_then(|at| held.get_mut(at)) {
            Some(holes) => holes.push(hole.points),
            None => alone.push(vec![hole.points]),
        }
    }
    for (outline, holes) in outlines.into_iter().zip(held) {
        found.push([outline.points].into_iter().chain(holes).collect());
    }
    found.extend(alone);
    found
}

fn measured(points: Vec<DVec3>) -> Ring {
    let origin = points.first().map(|p| p.truncate()).unwrap_or_default();
    let doubled_area = points
        .iter()
        .zip(points.iter().cycle().skip(1))
        .map(|(a, b)| (a.truncate() - origin).perp_dot(b.truncate() - origin))
        .sum();
    let low = points.iter().fold(DVec2::INFINITY, |low, p| low.min(p.truncate()));
    let high = points.iter().fold(DVec2::NEG_INFINITY, |high, p| high.max(p.truncate()));
    Ring { points, doubled_area, low, high }
}

/// Whether a ring lies in another: by its first point that is not on the other's corners.
fn surrounds(outline: &Ring, hole: &Ring) -> bool {
    let boxed = outline.low.cmple(hole.low).all() && outline.high.cmpge(hole.high).all();
    let corner = |p: &&DVec3| outline.points.iter().any(|q| q.truncate() == p.truncate());
    boxed
        && hole
            .points
            .iter()
            .take(8)
            .find(|p| !corner(p))
            .or(hole.points.first())
            .is_some_and(|p| inside(outline, p.truncate()))
}

fn inside(ring: &Ring, place: DVec2) -> bool {
    let edges = ring.points.iter().zip(ring.points.iter().cycle().skip(1));
    let crossings = edges.filter(|(a, b)| {
        (a.y > place.y) != (b.y > place.y) && place.x < (b.x - a.x) * (place.y - a.y) / (b.y - a.y) + a.x
    });
    crossings.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64, size: f64, clockwise: bool) -> Vec<DVec3> {
        let mut ring =
            [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)].map(|(a, b)| DVec3::new(x + a * size, x + b * size, 0.0));
        if !clockwise {
            ring.reverse();
        }
        ring.to_vec()
    }

    #[test]
    fn holes_find_the_least_outline_around_them() {
        let rings = vec![
            square(2.0, 1.0, false),
            square(0.0, 10.0, true),
            square(4.0, 4.0, false),
            square(5.0, 2.0, true),
            square(5.5, 1.0, false),
        ];
        let found = polygons(rings);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
        // All the wrong way round: none is lost.
        assert_eq!(polygons(vec![square(0.0, 1.0, false), square(5.0, 1.0, false)]).len(), 2);
        assert_eq!(polygons(vec![square(0.0, 1.0, false)]).len(), 1);
        assert!(polygons(vec![vec![]]).is_empty());
    }
}
