//! Footprints as sources give them, to polygons that can be triangulated and extruded.

use geo::algorithm::bool_ops::{BooleanOps, FillRule, OpType};
use geo::{Coord, LineString, MultiPolygon, Polygon, Validation};
use glam::DVec2;

/// Points nearer than this are one, and a corner this little off its neighbours' line is none, metres.
const TOLERANCE_M: f64 = 1e-3;
/// Least area of a polygon and of a hole, square metres.
const LEAST_AREA_M2: f64 = 1e-4;
/// Checking a ring takes the square of its points; longer ones are rebuilt without asking, which is quicker.
const CHECKED_POINTS: usize = 1000;

/// A valid polygon (OGC Simple Features 06-103r4, 6.1.11.1): the outer ring counter-clockwise and first, holes clockwise,
/// none closed by repetition; no ring crosses itself or another.
#[derive(Debug, Clone, PartialEq)]
pub struct RepairedPolygon {
    /// The rings, metres.
    pub rings: Vec<Vec<DVec2>>,
}

impl RepairedPolygon {
    /// Area without the holes, square metres.
    pub fn area(&self) -> f64 {
        self.rings.iter().map(|ring| signed_area(ring)).sum()
    }
}

/// What [`repair`] made of a footprint.
#[derive(Debug, Clone, PartialEq)]
pub struct Repair {
    /// Valid polygons; several where the outer ring crossed or touched itself.
    pub polygons: Vec<RepairedPolygon>,
    /// Whether the footprint was not valid as given: double points, spikes, crossings, holes outside. A closing point, the
    /// direction of a ring and corners on a straight line are no faults.
    pub changed: bool,
}

/// Why a footprint cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FootprintProblem {
    /// A coordinate is NaN or infinite.
    #[error("a coordinate is not a number")]
    NotFinite,
    /// The outer ring has fewer than three different corners.
    #[error("fewer than three corners")]
    TooFewPoints,
    /// It covers nothing.
    #[error("no area")]
    NoArea,
    /// What comes out of the overlay is still not valid.
    #[error("rings cross in a way that cannot be untangled")]
    NotRepairable,
}

/// Valid polygons of a footprint whose first ring is the outer one, in metres on a plane.
///
/// What the outer ring winds around is the polygon (non-zero rule, so both lobes of a bow-tie stay and a hole cut in by a
/// bridge stays a hole), and what the other rings wind around is taken away from it.
pub fn repair(rings: &[Vec<DVec2>]) -> Result<Repair, FootprintProblem> {
    if rings.iter().flatten().any(|p| !p.is_finite()) {
        return Err(FootprintProblem::NotFinite);
    }
    let mut changed = false;
    let mut clean = Vec::with_capacity(rings.len());
    for (i, ring) in rings.iter().enumerate() {
        let (ring, faulty) = simplify_ring(ring);
        changed |= faulty;
        match (ring.len() < 3, signed_area(&ring).abs() < LEAST_AREA_M2) {
            (false, false) => clean.push(orient(ring, i == 0)),
            (true, _) if i == 0 => return Err(FootprintProblem::TooFewPoints),
            // A bow-tie of equal lobes has no signed area: the overlay tells.
            (false, true) if i == 0 => clean.push(ring),
            _ => changed = true,
        }
    }
    if clean.is_empty() {
        return Err(FootprintProblem::TooFewPoints);
    }
    let points: usize = clean.iter().map(Vec::len).sum();
    if points <= CHECKED_POINTS && is_valid(&clean) {
        if signed_area(&clean[0]) < LEAST_AREA_M2 {
            return Err(FootprintProblem::NoArea);
        }
        return Ok(Repair { polygons: vec![RepairedPolygon { rings: clean }], changed });
    }
    let polygons = rebuild(&clean)?;
    let same = polygons.len() == 1 && polygons[0].rings.iter().map(Vec::len).eq(clean.iter().map(Vec::len));
    Ok(Repair { polygons, changed: changed || !same })
}

/// Twice summed and halved: positive for a ring that runs counter-clockwise. Square metres.
pub fn signed_area(ring: &[DVec2]) -> f64 {
    // Around the first corner, so that nothing is lost far from the origin.
    let Some(&origin) = ring.first() else { return 0.0 };
    let pairs = ring.iter().zip(ring.iter().cycle().skip(1));
    pairs.map(|(a, b)| (*a - origin).perp_dot(*b - origin)).sum::<f64>() * 0.5
}

fn orient(mut ring: Vec<DVec2>, counter_clockwise: bool) -> Vec<DVec2> {
    if (signed_area(&ring) > 0.0) != counter_clockwise {
        ring.reverse();
    }
    ring
}

/// What a corner is between its neighbours.
#[derive(PartialEq)]
enum Corner {
    Real,
    /// On the line between them: left out without a word.
    Straight,
    /// On one of them, or the tip of a spike: a fault.
    Faulty,
}

fn corner(before: DVec2, at: DVec2, after: DVec2) -> Corner {
    let (back, on) = (before - at, after - at);
    if back.length() < TOLERANCE_M || on.length() < TOLERANCE_M {
        return Corner::Faulty;
    }
    let longer = back.length().max(on.length());
    if back.dot(on) > 0.0 {
        // Both arms leave the same way: a spike where the shorter one's end lies on the longer one.
        let off = back.perp_dot(on).abs() / longer;
        return if off < TOLERANCE_M { Corner::Faulty } else { Corner::Real };
    }
    let off = back.perp_dot(on).abs() / (after - before).length().max(TOLERANCE_M);
    if off < TOLERANCE_M { Corner::Straight } else { Corner::Real }
}

/// The ring without its closing point, double points, spikes and corners on a line; and whether there was a fault.
fn simplify_ring(ring: &[DVec2]) -> (Vec<DVec2>, bool) {
    let mut points = ring.to_vec();
    if points.len() > 1 && points.first() == points.last() {
        points.pop();
    }
    let mut faulty = false;
    // One pass drops what is seen from the kept corners; a spike's stump may need another, so passes go on while they help.
    loop {
        let before = points.len();
        let mut kept: Vec<DVec2> = Vec::with_capacity(points.len());
        for (i, point) in points.iter().enumerate() {
            let previous = kept.last().copied().or_else(|| points.last().copied()).unwrap_or(*point);
            let next = points.get(i + 1).or_else(|| kept.first()).copied().unwrap_or(*point);
            match corner(previous, *point, next) {
                Corner::Real => kept.push(*point),
                Corner::Straight => {}
                Corner::Faulty => faulty = true,
            }
        }
        points = kept;
        if points.len() == before || points.len() < 3 {
            return (points, faulty);
        }
    }
}

fn line_string(ring: &[DVec2]) -> LineString<f64> {
    let mut line = LineString::new(ring.iter().map(|p| Coord { x: p.x, y: p.y }).collect());
    line.close();
    line
}

fn is_valid(rings: &[Vec<DVec2>]) -> bool {
    let Some((outer, holes)) = rings.split_first() else { return false };
    Polygon::new(line_string(outer), holes.iter().map(|hole| line_string(hole)).collect()).is_valid()
}

fn rebuild(rings: &[Vec<DVec2>]) -> Result<Vec<RepairedPolygon>, FootprintProblem> {
    let (outer, holes) = rings.split_first().ok_or(FootprintProblem::TooFewPoints)?;
    // The overlay works on a grid over the extent: around the first corner the grid is finest.
    let origin = outer.first().copied().unwrap_or_default();
    let local = |ring: &Vec<DVec2>| -> Vec<DVec2> { ring.iter().map(|p| *p - origin).collect() };
    let outer = solid(&[local(outer)]);
    let covered = if holes.is_empty() {
        outer
    } else {
        let holes = solid(&holes.iter().map(local).collect::<Vec<_>>());
        outer.boolean_op_with_fill_rule(&holes, OpType::Difference, FillRule::NonZero)
    };
    let mut polygons = Vec::new();
    for polygon in covered {
        let exterior = open_ring(polygon.exterior(), origin);
        if exterior.len() < 3 || signed_area(&exterior).abs() < LEAST_AREA_M2 {
            continue;
        }
        let mut rings = vec![orient(exterior, true)];
        let holes = polygon.interiors().iter().map(|hole| open_ring(hole, origin));
        let real = holes.filter(|hole| hole.len() >= 3 && signed_area(hole).abs() >= LEAST_AREA_M2);
        rings.extend(real.map(|hole| orient(hole, false)));
        if rings.iter().map(Vec::len).sum::<usize>() <= CHECKED_POINTS && !is_valid(&rings) {
            return Err(FootprintProblem::NotRepairable);
        }
        polygons.push(RepairedPolygon { rings });
    }
    if polygons.is_empty() { Err(FootprintProblem::NoArea) } else { Ok(polygons) }
}

/// What the rings wind around, each for itself, together.
fn solid(rings: &[Vec<DVec2>]) -> MultiPolygon<f64> {
    let nothing = MultiPolygon::<f64>::new(Vec::new());
    rings.iter().fold(nothing, |all, ring| {
        // Each ring may run either way: it is made solid before it is joined to the others.
        let alone = MultiPolygon::new(vec![Polygon::new(line_string(ring), Vec::new())]);
        let alone =
            alone.boolean_op_with_fill_rule(&MultiPolygon::<f64>::new(Vec::new()), OpType::Union, FillRule::NonZero);
        all.boolean_op_with_fill_rule(&alone, OpType::Union, FillRule::NonZero)
    })
}

fn open_ring(ring: &LineString<f64>, origin: DVec2) -> Vec<DVec2> {
    let points: Vec<DVec2> = ring.0.iter().map(|c| DVec2::new(c.x, c.y) + origin).collect();
    simplify_ring(&points).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(points: &[(f64, f64)]) -> Vec<DVec2> {
        points.iter().map(|(x, y)| DVec2::new(*x, *y)).collect()
    }

    fn square(x: f64, y: f64, side: f64) -> Vec<DVec2> {
        ring(&[(x, y), (x + side, y), (x + side, y + side), (x, y + side)])
    }

    fn area(repair: &Repair) -> f64 {
        repair.polygons.iter().map(RepairedPolygon::area).sum()
    }

    #[test]
    fn a_sound_footprint_is_left_alone() {
        let rings = vec![square(1e5, -2e5, 10.0), square(1e5 + 2.0, -2e5 + 2.0, 3.0)];
        let repaired = repair(&rings).unwrap();
        assert!(!repaired.changed);
        assert_eq!(repaired.polygons[0].rings[0], rings[0]);
        assert_eq!(area(&repaired), 91.0);
        let mut closed = rings[0].clone();
        closed.push(closed[0]);
        closed.reverse();
        let repaired = repair(&[closed]).unwrap();
        assert!(!repaired.changed);
        assert_eq!((repaired.polygons[0].rings[0].len(), area(&repaired)), (4, 100.0));
    }

    #[test]
    fn double_points_spikes_and_straight_corners_go() {
        let straight = ring(&[(0., 0.), (5., 0.), (10., 0.), (10., 10.), (0., 10.)]);
        let repaired = repair(&[straight]).unwrap();
        assert_eq!((repaired.changed, repaired.polygons[0].rings[0].len()), (false, 4));
        let spike = ring(&[(0., 0.), (10., 0.), (10., 10.), (20., 20.), (10., 10.), (0., 10.), (0., 10.)]);
        let repaired = repair(&[spike]).unwrap();
        assert_eq!((repaired.changed, repaired.polygons[0].rings[0].len(), area(&repaired)), (true, 4, 100.0));
        let inward = ring(&[(0., 0.), (10., 0.), (10., 10.), (5., 10.), (5., 4.), (5., 10.), (0., 10.)]);
        assert_eq!(area(&repair(&[inward]).unwrap()), 100.0);
    }

    #[test]
    fn bow_ties_become_two_and_stray_holes_go() {
        let repaired = repair(&[ring(&[(0., 0.), (10., 10.), (10., 0.), (0., 10.)])]).unwrap();
        assert!(repaired.changed);
        assert_eq!(repaired.polygons.len(), 2);
        assert!((area(&repaired) - 50.0).abs() < 1e-3);
        let repaired = repair(&[square(0., 0., 10.), square(20., 0., 5.)]).unwrap();
        assert!(repaired.changed);
        assert!((area(&repaired) - 100.0).abs() < 1e-3);
        let repaired = repair(&[square(0., 0., 10.), square(8., 2., 5.)]).unwrap();
        assert!((area(&repaired) - 90.0).abs() < 1e-3);
    }

    #[test]
    fn a_bridge_to_an_inner_ring_is_a_hole() {
        let bridged = ring(&[
            (0., 0.),
            (10., 0.),
            (10., 10.),
            (0., 10.),
            (0., 0.),
            (2., 2.),
            (2., 4.),
            (4., 4.),
            (4., 2.),
            (2., 2.),
        ]);
        let repaired = repair(&[bridged]).unwrap();
        assert!((area(&repaired) - 96.0).abs() < 1e-3, "{repaired:?}");
    }

    #[test]
    fn what_covers_nothing_is_refused() {
        assert_eq!(repair(&[]), Err(FootprintProblem::TooFewPoints));
        assert_eq!(repair(&[ring(&[(0., 0.), (1., 0.)])]), Err(FootprintProblem::TooFewPoints));
        assert_eq!(repair(&[ring(&[(0., 0.), (5., 0.), (9., 0.)])]), Err(FootprintProblem::TooFewPoints));
        assert_eq!(repair(&[ring(&[(0., 0.), (f64::NAN, 0.), (9., 0.)])]), Err(FootprintProblem::NotFinite));
        assert_eq!(repair(&[square(0., 0., 0.005)]), Err(FootprintProblem::NoArea));
    }

    proptest! {
        /// Any scribble gives valid polygons or a reason.
        #[test]
        fn whatever_comes_out_is_valid(
            outer in prop::collection::vec((0..40_i32, 0..40_i32), 0..24),
            hole in prop::collection::vec((0..40_i32, 0..40_i32), 0..10),
            scale in prop::sample::select(vec![1.0, 0.37, 1.0 / 3.0]),
        ) {
            let points = |all: Vec<(i32, i32)>| -> Vec<DVec2> {
                all.into_iter().map(|(x, y)| DVec2::new(x as f64 * scale + 5e4, y as f64 * scale)).collect()
            };
            if let Ok(repaired) = repair(&[points(outer), points(hole)]) {
                for polygon in &repaired.polygons {
                    prop_assert!(is_valid(&polygon.rings), "{polygon:?}");
                    prop_assert!(signed_area(&polygon.rings[0]) > 0.0);
                    prop_assert!(polygon.rings[1..].iter().all(|hole| signed_area(hole) < 0.0));
                }
            }
        }

        /// A star-shaped ring is valid: it stays one polygon of the same area, whichever way it runs.
        #[test]
        fn valid_rings_keep_their_area(radii in prop::collection::vec(2.0..30.0_f64, 3..20), clockwise in any::<bool>()) {
            let step = std::f64::consts::TAU / radii.len() as f64;
            let mut star: Vec<DVec2> =
                radii.iter().enumerate().map(|(i, r)| DVec2::from_angle(i as f64 * step) * *r).collect();
            if clockwise {
                star.reverse();
            }
            let expected = signed_area(&star).abs();
            let repaired = repair(&[star]).unwrap();
            prop_assert_eq!(repaired.polygons.len(), 1);
            prop_assert!(!repaired.changed);
            prop_assert!((area(&repaired) - expected).abs() < 0.1, "{} of {expected}", area(&repaired));
        }
    }
}
