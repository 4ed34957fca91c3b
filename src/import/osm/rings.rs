//! Multipolygons: the segments of all members to rings, and rings to polygons with holes.
//!
//! Members come in any order and direction, and their roles are often wrong, so shapes decide: segments that occur twice
//! cancel out, a ring that touches itself is cut there, and what lies in an even number of others is an outer ring. Roles
//! count only where a relation is not whole.

use std::collections::HashMap;

use glam::DVec2;

use super::element::Place;
use super::nodes::NodeTable;

/// As many rings as the largest lakes have islands; sorting them out takes the square of their number.
pub(super) const MAX_RINGS: usize = 10_000;

/// What came out of a relation.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Assembled {
    /// Outer ring first; none closed by repetition.
    pub(super) polygons: Vec<Vec<Vec<Place>>>,
    /// Rings that do not close, whose nodes are not known, or that are too many.
    pub(super) open_rings: usize,
}

/// The polygons of the members of a relation: their nodes, and whether they say that they are inner ones. `is_whole` where
/// no member is missing.
pub(super) fn assemble(members: &[(&[i64], bool)], is_whole: bool, table: &NodeTable) -> Assembled {
    let mut walk = Walk::new(members);
    let mut rings = Vec::new();
    let mut open_rings = walk.drop_open_chains();
    for (nodes, is_inner) in walk.rings() {
        match table.all(&nodes).map(|places| Ring::new(places, is_inner)) {
            Some(Some(ring)) => rings.push(ring),
            // Without area: nothing is lost.
            Some(None) => {}
            None => open_rings += 1,
        }
    }
    let trust_roles = !is_whole || open_rings > 0;
    open_rings += rings.len().saturating_sub(MAX_RINGS);
    Assembled { polygons: nested(rings, trust_roles), open_rings }
}

/// A segment from one end; each has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    node: i64,
    other: i64,
    segment: usize,
}

/// Walks along segments, using each once.
struct Walk {
    ends: Vec<End>,
    is_inner: Vec<bool>,
    is_used: Vec<bool>,
}

impl Walk {
    fn new(members: &[(&[i64], bool)]) -> Self {
        let mut segments: Vec<(i64, i64, bool)> = Vec::new();
        for (nodes, is_inner) in members {
            let pairs = nodes.iter().zip(nodes.iter().skip(1)).filter(|(a, b)| a != b);
            segments.extend(pairs.map(|(a, b)| (*a.min(b), *a.max(b), *is_inner)));
        }
        segments.sort_unstable();
        let mut kept: Vec<(i64, i64, bool)> = Vec::with_capacity(segments.len());
        for segment in segments {
            match kept.last() {
                Some(last) if (last.0, last.1) == (segment.0, segment.1) => {
                    kept.pop();
                }
                _ => kept.push(segment),
            }
        }
        let mut ends: Vec<End> = Vec::with_capacity(kept.len() * 2);
        for (segment, (a, b, _)) in kept.iter().enumerate() {
            ends.extend([End { node: *a, other: *b, segment }, End { node: *b, other: *a, segment }]);
        }
        ends.sort_unstable();
        Self { ends, is_used: vec![false; kept.len()], is_inner: kept.into_iter().map(|(_, _, inner)| inner).collect() }
    }

    /// The next unused segment at a node; it is used then. `cursors` remember where the search at a node goes on.
    fn step(&mut self, node: i64, cursors: &mut HashMap<i64, usize>) -> Option<End> {
        let start = *cursors.entry(node).or_insert_with(|| self.ends.partition_point(|end| end.node < node));
        let mut at = start;
        while let Some(end) = self.ends.get(at).filter(|end| end.node == node) {
            at += 1;
            if let Some(used) = self.is_used.get_mut(end.segment).filter(|used| !**used) {
                *used = true;
                cursors.insert(node, at);
                return Some(*end);
            }
        }
        cursors.insert(node, at);
        None
    }

    /// Uses up what leads from one loose end to another; how many such chains there are.
    fn drop_open_chains(&mut self) -> usize {
        let loose: Vec<i64> = self
            .ends
            .chunk_by(|a, b| a.node == b.node)
            .filter(|ends| ends.len() % 2 == 1)
            .filter_map(|ends| ends.first().map(|end| end.node))
            .collect();
        let mut cursors = HashMap::new();
        let mut chains = 0;
        for start in loose {
            let mut node = start;
            let mut steps = 0;
            while let Some(end) = self.step(node, &mut cursors) {
                node = end.other;
                steps += 1;
            }
            chains += usize::from(steps > 0);
        }
        chains
    }

    /// All rings, each through different nodes, and whether most of it says that it is an inner one.
    fn rings(&mut self) -> Vec<(Vec<i64>, bool)> {
        let mut rings = Vec::new();
        let mut cursors = HashMap::new();
        let mut starts: Vec<i64> = self.ends.iter().map(|end| end.node).collect();
        starts.dedup();
        for start in starts {
            let mut path: Vec<(i64, bool)> = vec![(start, false)];
            let mut places: HashMap<i64, usize> = HashMap::from([(start, 0)]);
            while let Some(end) = path.last().and_then(|(node, _)| self.step(*node, &mut cursors)) {
                let is_inner = self.is_inner.get(end.segment).copied().unwrap_or_default();
                let Some(&back) = places.get(&end.other) else {
                    places.insert(end.other, path.len());
                    path.push((end.other, is_inner));
                    continue;
                };
                let ring: Vec<(i64, bool)> = path.drain(back + 1..).collect();
                let inner = ring.iter().filter(|(_, inner)| *inner).count() + usize::from(is_inner);
                let most = inner * 2 > ring.len() + 1;
                ring.iter().for_each(|(node, _)| _ = places.remove(node));
                let nodes = std::iter::once(end.other).chain(ring.into_iter().map(|(node, _)| node));
                rings.push((nodes.collect(), most));
            }
        }
        rings
    }
}

/// A ring with area.
#[derive(Debug, Clone)]
struct Ring {
    places: Vec<Place>,
    is_inner: bool,
    area: f64,
    bounds: [i32; 4],
    inside: DVec2,
}

impl Ring {
    fn new(places: Vec<Place>, is_inner: bool) -> Option<Self> {
        let area = area(&places);
        let inside = interior_point(std::slice::from_ref(&places))?;
        let bounds = bounds(&places);
        (area > 0.0).then_some(Self { places, is_inner, area, bounds, inside })
    }

    fn holds(&self, other: &Self) -> bool {
        let [west, south, east, north] = self.bounds;
        let [w, s, e, n] = other.bounds;
        west <= w && south <= s && e <= east && n <= north && contains(&self.places, other.inside)
    }
}

/// Rings that do not cross to polygons: largest first, each looks for the least one that holds it.
fn nested(mut rings: Vec<Ring>, trust_roles: bool) -> Vec<Vec<Vec<Place>>> {
    rings.sort_by(|a, b| b.area.total_cmp(&a.area));
    rings.truncate(MAX_RINGS);
    // For each ring how deep it lies, and the polygon that it is the outer ring of.
    let mut known: Vec<(usize, Option<usize>)> = Vec::with_capacity(rings.len());
    let mut polygons: Vec<Vec<Vec<Place>>> = Vec::new();
    for ring in &rings {
        let holder = rings.iter().zip(&known).rev().find(|(larger, _)| larger.holds(ring));
        let (depth, outer) = holder.map_or((0, None), |(_, (depth, outer))| (depth + 1, *outer));
        if depth % 2 == 1 {
            if let Some(polygon) = outer.and_then(|outer| polygons.get_mut(outer)) {
                polygon.push(ring.places.clone());
            }
            known.push((depth, None));
        } else if depth == 0 && trust_roles && ring.is_inner {
            // The hole of a ring that is not whole.
            known.push((1, None));
        } else {
            known.push((depth, Some(polygons.len())));
            polygons.push(vec![ring.places.clone()]);
        }
    }
    polygons
}

/// Area of a ring in square units; the direction does not count.
pub(super) fn area(ring: &[Place]) -> f64 {
    let Some(first) = ring.first() else { return 0.0 };
    let local = |place: &Place| {
        let (x, y) = (f64::from(place.longitude) - f64::from(first.longitude), f64::from(place.latitude));
        DVec2::new(x, y - f64::from(first.latitude))
    };
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| local(a).perp_dot(local(b))).sum::<f64>().abs() * 0.5
}

/// West, south, east, north.
pub(super) fn bounds(ring: &[Place]) -> [i32; 4] {
    ring.iter().fold([i32::MAX, i32::MAX, i32::MIN, i32::MIN], |[w, s, e, n], place| {
        let (x, y) = (place.longitude, place.latitude);
        [w.min(x), s.min(y), e.max(x), n.max(y)]
    })
}

/// Where the parallel of a latitude cuts a ring, from west to east.
fn cuts(ring: &[Place], latitude: f64) -> Vec<f64> {
    let next = ring.iter().cycle().skip(1);
    let mut cuts: Vec<f64> = ring
        .iter()
        .zip(next)
        .filter_map(|(a, b)| {
            let (low, high) = (f64::from(a.latitude), f64::from(b.latitude));
            let (from, to) = (f64::from(a.longitude), f64::from(b.longitude));
            ((low > latitude) != (high > latitude)).then(|| from + (to - from) * (latitude - low) / (high - low))
        })
        .collect();
    cuts.sort_by(f64::total_cmp);
    cuts
}

/// A place well inside a polygon, in its units; `None` where it has no height.
pub(super) fn interior_point(polygon: &[Vec<Place>]) -> Option<DVec2> {
    let [_, south, _, north] = bounds(polygon.first()?);
    // A quarter off the middle: between the units, where no corner is.
    let latitude = ((i64::from(south) + i64::from(north)).div_euclid(2)) as f64 + 0.25;
    let mut cuts: Vec<f64> = polygon.iter().flat_map(|ring| cuts(ring, latitude)).collect();
    cuts.sort_by(f64::total_cmp);
    let widest = cuts.as_chunks::<2>().0.iter().max_by(|a, b| (a[1] - a[0]).total_cmp(&(b[1] - b[0])))?;
    Some(DVec2::new((widest[0] + widest[1]) * 0.5, latitude))
}

/// Whether a point in units lies in a ring.
pub(super) fn contains(ring: &[Place], point: DVec2) -> bool {
    cuts(ring, point.y).iter().filter(|cut| **cut < point.x).count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::osm::nodes::{Budget, NeededNodes};

    /// Nodes by number: tens are the longitude, ones the latitude.
    fn table(members: &[(&[i64], bool)]) -> NodeTable {
        let mut needed = NeededNodes::default();
        members.iter().for_each(|(nodes, _)| needed.add(nodes, &Budget::new(10_000, "")).unwrap());
        let mut table = needed.into_table();
        for id in members.iter().flat_map(|(nodes, _)| nodes.iter()).filter(|id| **id != 999) {
            let (longitude, latitude) = ((id / 10) as i32 * 100, (id % 10) as i32 * 100);
            table.set(*id, Place { longitude, latitude });
        }
        table
    }

    fn areas(members: &[(&[i64], bool)], is_whole: bool) -> (Vec<Vec<i64>>, usize) {
        let found = assemble(members, is_whole, &table(members));
        let mut areas: Vec<Vec<i64>> = found
            .polygons
            .iter()
            .map(|rings| rings.iter().map(|ring| (area(ring) / 1e4).round() as i64).collect())
            .collect();
        areas.sort();
        (areas, found.open_rings)
    }

    #[test]
    fn members_in_any_order_and_direction() {
        let expected = (vec![vec![81, 4]], 0);
        let outer: [(&[i64], bool); 3] = [(&[0, 90], false), (&[9, 0], false), (&[9, 99, 90], false)];
        let hole: (&[i64], bool) = (&[22, 42, 44, 24, 22], true);
        for turn in 0..4 {
            let mut members = vec![outer[0], outer[1], outer[2], hole];
            members.rotate_left(turn);
            assert_eq!(areas(&members, true), expected, "{turn}");
            // Roles do not count in a relation that is whole.
            members.iter_mut().for_each(|member| member.1 = !member.1);
            assert_eq!(areas(&members, true), expected, "{turn}");
        }
    }

    #[test]
    fn islands_in_holes_and_touching_rings() {
        let big: (&[i64], bool) = (&[0, 90, 99, 9, 0], false);
        let (hole, island): (&[i64], &[i64]) = (&[11, 81, 88, 18, 11], &[33, 53, 55, 35, 33]);
        assert_eq!(areas(&[(island, false), (hole, true), big], true), (vec![vec![4], vec![81, 49]], 0));
        // Two holes that touch in a corner, given as one way that crosses itself.
        let eight: &[i64] = &[11, 31, 33, 53, 55, 35, 33, 13, 11];
        assert_eq!(areas(&[big, (eight, true)], true), (vec![vec![81, 4, 4]], 0));
        // Two squares side by side with the edge between them given by both: one outline.
        let (left, right): (&[i64], &[i64]) = (&[0, 20, 22, 2, 0], &[20, 40, 42, 22, 20]);
        assert_eq!(areas(&[(left, false), (right, false)], true), (vec![vec![8]], 0));
    }

    #[test]
    fn what_does_not_close_is_left_out_and_its_holes_with_it() {
        let open: (&[i64], bool) = (&[0, 90, 99, 9], false);
        let hole: (&[i64], bool) = (&[22, 42, 44, 24, 22], true);
        let other: (&[i64], bool) = (&[500, 520, 522, 502, 500], false);
        assert_eq!(areas(&[open, hole, other], true), (vec![vec![4]], 1));
        // A member that is not in the file: nothing is open, and the hole still is none of its own.
        assert_eq!(areas(&[hole, other], false), (vec![vec![4]], 0));
        // A node that is not in the file.
        assert_eq!(areas(&[(&[0, 90, 999, 9, 0], false), other], true), (vec![vec![4]], 1));
        assert_eq!(areas(&[], true), (vec![], 0));
        assert_eq!(areas(&[(&[1, 1, 1], false), (&[4, 5, 4], false)], true), (vec![], 0));
    }

    #[test]
    fn a_point_inside_is_inside() {
        let ring = |corners: &[(i32, i32)]| -> Vec<Place> {
            corners.iter().map(|&(longitude, latitude)| Place { longitude, latitude }).collect()
        };
        let unit = ring(&[(0, 0), (1, 0), (1, 1), (0, 1)]);
        assert!(contains(&unit, interior_point(std::slice::from_ref(&unit)).unwrap()));
        let bent = ring(&[(0, -45), (90, -45), (90, 45), (80, 45), (80, -35), (0, -35)]);
        assert!(contains(&bent, interior_point(std::slice::from_ref(&bent)).unwrap()));
        let (outer, hole) =
            (ring(&[(0, 0), (90, 0), (90, 90), (0, 90)]), ring(&[(10, 10), (80, 10), (80, 80), (10, 80)]));
        let inside = interior_point(&[outer.clone(), hole.clone()]).unwrap();
        assert!(contains(&outer, inside) && !contains(&hole, inside));
        assert_eq!(interior_point(&[unit[..2].to_vec()]), None);
    }
}
