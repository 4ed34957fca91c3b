//! Buildings as closed bodies with walls and a roof (Simple 3D Buildings), over a footprint in metres on a plane.
//!
//! Each roof is planes over the footprint: gabled and skillion roofs over any outline, hipped ones over convex outlines (the
//! least of the planes that rise from the edges), pyramids and domes over outlines that are seen whole from their middle.

use glam::{DVec2, DVec3};

use crate::geometry::{SurfaceKind, signed_area};

/// Heights of a body above the ground, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    pub(super) base_m: f64,
    /// Where the walls end; for pitched roofs where they are lowest.
    pub(super) eaves_m: f64,
    pub(super) top_m: f64,
}

/// A shape of roof that is not flat, after `roof:shape`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RoofShape {
    /// The ridge runs the long way, or across.
    Gabled {
        across: bool,
    },
    Hipped,
    Pyramidal,
    Dome,
    /// One plane that falls this way, a unit vector; away from the longest edge's middle where nobody says it.
    Skillion {
        downhill: Option<DVec2>,
    },
}

/// A face of a body: its rings, counter-clockwise seen from outside.
pub(super) type Face = (Vec<Vec<DVec3>>, SurfaceKind);

/// Rings of a dome from the eaves to the top.
const DOME_STEPS: u32 = 6;
/// More corners than a hipped roof is worked out for.
const MAX_CORNERS: usize = 24;
/// Nearer than this is the same, metres.
const NEAR_M: f64 = 1e-6;

/// The least rectangle around a ring: the direction of its long side, and half its sizes along and across.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Box2 {
    pub(super) center: DVec2,
    pub(super) along: DVec2,
    pub(super) half: DVec2,
}

impl Box2 {
    /// `None` for a ring without area.
    pub(super) fn around(ring: &[DVec2]) -> Option<Self> {
        let edges = ring.iter().zip(ring.iter().cycle().skip(1));
        let boxes = edges.filter_map(|(a, b)| {
            let along = (*b - *a).try_normalize()?;
            let frame = |p: &DVec2| DVec2::new(p.dot(along), p.dot(along.perp()));
            let low = ring.iter().map(frame).fold(DVec2::INFINITY, DVec2::min);
            let high = ring.iter().map(frame).fold(DVec2::NEG_INFINITY, DVec2::max);
            let (middle, half) = ((low + high) * 0.5, (high - low) * 0.5);
            let center = along * middle.x + along.perp() * middle.y;
            let turned = half.y > half.x;
            let (along, half) = if turned { (along.perp(), DVec2::new(half.y, half.x)) } else { (along, half) };
            Some(Self { center, along, half })
        });
        let area = |b: &Self| b.half.x * b.half.y;
        boxes.min_by(|a, b| area(a).total_cmp(&area(b))).filter(|found| area(found) > NEAR_M)
    }
}

/// A block with a flat roof. Rings as `repair` gives them: the outer one counter-clockwise, holes clockwise.
pub(super) fn flat(rings: &[Vec<DVec2>], extent: Extent) -> Vec<Face> {
    let lift = |z: f64| rings.iter().map(|ring| ring.iter().map(|p| p.extend(z)).collect()).collect();
    let mut faces: Vec<Face> = vec![(lift(extent.top_m), SurfaceKind::Roof), ground(rings, extent.base_m)];
    rings.iter().for_each(|ring| faces.extend(walls(ring, extent.base_m, |_| extent.top_m)));
    faces
}

/// A body under a pitched roof; `None` where the shape does not fit the outline (counter-clockwise, without holes).
pub(super) fn pitched(ring: &[DVec2], shape: RoofShape, extent: Extent) -> Option<Vec<Face>> {
    let rise_m = extent.top_m - extent.eaves_m;
    let frame = Box2::around(ring).filter(|_| rise_m > 0.0 && signed_area(ring) > 0.0)?;
    let eaves_m = extent.eaves_m;
    let mut faces = vec![ground(&[ring.to_vec()], extent.base_m)];
    match shape {
        RoofShape::Gabled { across } => {
            let (ridge, half_m) = if across { (frame.along.perp(), frame.half.x) } else { (frame.along, frame.half.y) };
            let off = |p: DVec2| (p - frame.center).perp_dot(ridge);
            let height = |p: DVec2| eaves_m + rise_m * (1.0 - off(p).abs() / half_m).max(0.0);
            for side in [1.0, -1.0] {
                let half = clipped(ring, |p| off(p) * side);
                faces.extend(roof(half.into_iter().map(|p| p.extend(height(p))).collect()));
            }
            faces.extend(walls(&crossed(ring, off), extent.base_m, height));
        }
        RoofShape::Skillion { downhill } => {
            let downhill = downhill.unwrap_or_else(|| -frame.along.perp());
            let along = |p: DVec2| p.dot(downhill);
            let low = ring.iter().map(|p| along(*p)).fold(f64::INFINITY, f64::min);
            let high = ring.iter().map(|p| along(*p)).fold(f64::NEG_INFINITY, f64::max);
            let height = |p: DVec2| eaves_m + rise_m * ((high - along(p)) / (high - low)).clamp(0.0, 1.0);
            faces.extend(roof(ring.iter().map(|p| p.extend(height(*p))).collect()));
            faces.extend(walls(ring, extent.base_m, height));
        }
        RoofShape::Hipped => {
            faces.extend(hips(ring, eaves_m, rise_m)?);
            faces.extend(walls(ring, extent.base_m, |_| eaves_m));
        }
        RoofShape::Pyramidal => {
            let steps = [(1.0, 0.0), (0.0, 1.0)];
            faces.extend(shells(ring, &steps, eaves_m, rise_m)?);
            faces.extend(walls(ring, extent.base_m, |_| eaves_m));
        }
        RoofShape::Dome => {
            let steps: Vec<(f64, f64)> = (0..=DOME_STEPS)
                .map(|step| {
                    let (sin, cos) = (std::f64::consts::FRAC_PI_2 * f64::from(step) / f64::from(DOME_STEPS)).sin_cos();
                    (if step == DOME_STEPS { 0.0 } else { cos }, sin)
                })
                .collect();
            faces.extend(shells(ring, &steps, eaves_m, rise_m)?);
            faces.extend(walls(ring, extent.base_m, |_| eaves_m));
        }
    }
    Some(faces)
}

fn ground(rings: &[Vec<DVec2>], base_m: f64) -> Face {
    let turned = |ring: &Vec<DVec2>| ring.iter().rev().map(|p| p.extend(base_m)).collect();
    (rings.iter().map(turned).collect(), SurfaceKind::Ground)
}

/// One plane of a roof, unless it is none.
fn roof(mut ring: Vec<DVec3>) -> Option<Face> {
    let near = |a: &DVec3, b: &DVec3| a.distance_squared(*b) < NEAR_M * NEAR_M;
    ring.dedup_by(|next, kept| near(next, kept));
    while ring.len() > 1 && ring.first().zip(ring.last()).is_some_and(|(a, b)| near(a, b)) {
        ring.pop();
    }
    let flat: Vec<DVec2> = ring.iter().map(|p| p.truncate()).collect();
    (ring.len() >= 3 && signed_area(&flat) > NEAR_M).then(|| (vec![ring], SurfaceKind::Roof))
}

/// A wall under each edge, up to the roof's height over its ends.
fn walls(ring: &[DVec2], base_m: f64, height: impl Fn(DVec2) -> f64) -> Vec<Face> {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    let wall = |(a, b): (&DVec2, &DVec2)| {
        let (left, right) = (height(*a), height(*b));
        let mut corners = vec![a.extend(base_m), b.extend(base_m)];
        corners.extend((right > base_m + NEAR_M).then(|| b.extend(right)));
        corners.extend((left > base_m + NEAR_M).then(|| a.extend(left)));
        (corners.len() >= 3).then(|| (vec![corners], SurfaceKind::Wall))
    };
    edges.filter_map(wall).collect()
}

/// Where the line on which `side` is zero cuts an edge.
fn cut(a: DVec2, b: DVec2, side: &impl Fn(DVec2) -> f64) -> Option<DVec2> {
    let (from, to) = (side(a), side(b));
    (from * to < 0.0).then(|| a.lerp(b, from / (from - to)))
}

/// The ring with the points where a line cuts it.
fn crossed(ring: &[DVec2], side: impl Fn(DVec2) -> f64) -> Vec<DVec2> {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    edges.flat_map(|(a, b)| std::iter::once(*a).chain(cut(*a, *b, &side))).collect()
}

/// The part of a ring where `side` is not below zero (Sutherland and Hodgman); pieces that lie apart stay joined along the
/// line.
fn clipped(ring: &[DVec2], side: impl Fn(DVec2) -> f64) -> Vec<DVec2> {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    edges.flat_map(|(a, b)| (side(*a) >= 0.0).then_some(*a).into_iter().chain(cut(*a, *b, &side))).collect()
}

fn is_convex(ring: &[DVec2]) -> bool {
    let corner = |i: usize| ring.get(i % ring.len()).copied().unwrap_or_default();
    (0..ring.len()).all(|i| (corner(i + 1) - corner(i)).perp_dot(corner(i + 2) - corner(i + 1)) > -NEAR_M)
}

/// Planes that rise equally from all edges of a convex ring: over each edge the part of the ring that is nearest to it.
fn hips(ring: &[DVec2], eaves_m: f64, rise_m: f64) -> Option<Vec<Face>> {
    if ring.len() > MAX_CORNERS || !is_convex(ring) {
        return None;
    }
    let edges: Vec<(DVec2, DVec2)> = ring
        .iter()
        .zip(ring.iter().cycle().skip(1))
        .filter_map(|(a, b)| Some((*a, (*b - *a).try_normalize()?.perp())))
        .collect();
    let distance = |(origin, inward): (DVec2, DVec2), p: DVec2| (p - origin).dot(inward);
    let over = |edge: (DVec2, DVec2)| {
        edges.iter().filter(|other| **other != edge).fold(ring.to_vec(), |face, other| {
            clipped(&face, |p| {
                let nearer = distance(*other, p) - distance(edge, p);
                if nearer.abs() < NEAR_M { 0.0 } else { nearer }
            })
        })
    };
    let faces: Vec<(usize, Vec<DVec2>)> = edges.iter().map(|edge| over(*edge)).enumerate().collect();
    let depth = |(index, face): &(usize, Vec<DVec2>)| {
        let edge = edges.get(*index).copied().unwrap_or_default();
        face.iter().map(|p| distance(edge, *p)).collect::<Vec<_>>()
    };
    let deepest = faces.iter().flat_map(depth).fold(0.0, f64::max);
    if deepest < NEAR_M {
        return None;
    }
    let lift = |face: &(usize, Vec<DVec2>)| {
        let heights = depth(face).into_iter().map(|depth| eaves_m + rise_m * (depth / deepest).clamp(0.0, 1.0));
        roof(face.1.iter().zip(heights).map(|(p, z)| p.extend(z)).collect())
    };
    Some(faces.iter().filter_map(lift).collect())
}

/// Rings that shrink to the middle of the outline as they rise: shares of its size, and of the rise.
fn shells(ring: &[DVec2], steps: &[(f64, f64)], eaves_m: f64, rise_m: f64) -> Option<Vec<Face>> {
    let middle = centroid(ring);
    let edges: Vec<(DVec2, DVec2)> = ring.iter().copied().zip(ring.iter().copied().cycle().skip(1)).collect();
    if edges.iter().any(|(a, b)| (*a - middle).perp_dot(*b - middle) <= NEAR_M) {
        return None;
    }
    let mut faces = Vec::new();
    for ((outer, low), (inner, high)) in steps.iter().zip(steps.iter().skip(1)) {
        let at = |p: DVec2, share: f64, rise: f64| middle.lerp(p, share).extend(eaves_m + rise_m * rise);
        for (a, b) in &edges {
            let quad = vec![at(*a, *outer, *low), at(*b, *outer, *low), at(*b, *inner, *high), at(*a, *inner, *high)];
            faces.extend(roof(quad));
        }
    }
    Some(faces)
}

fn centroid(ring: &[DVec2]) -> DVec2 {
    let origin = ring.first().copied().unwrap_or_default();
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    let (sum, doubled) = edges.fold((DVec2::ZERO, 0.0), |(sum, doubled), (a, b)| {
        let (a, b) = (*a - origin, *b - origin);
        let cross = a.perp_dot(b);
        (sum + (a + b) * cross, doubled + cross)
    });
    origin + sum / (3.0 * doubled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const EXTENT: Extent = Extent { base_m: 1.0, eaves_m: 4.0, top_m: 6.0 };

    fn ring(points: &[(f64, f64)]) -> Vec<DVec2> {
        points.iter().map(|(x, y)| DVec2::new(*x, *y)).collect()
    }

    fn house() -> Vec<DVec2> {
        let turned = DVec2::from_angle(0.3);
        ring(&[(0., 0.), (10., 0.), (10., 6.), (0., 6.)]).into_iter().map(|p| turned.rotate(p)).collect()
    }

    /// Volume by the divergence theorem; `None` where an edge has one side only. Points on an edge may part it.
    fn volume(faces: &[Face]) -> Option<f64> {
        let key = |p: DVec3| (p * 1e5).round().to_array().map(|v| v as i64);
        let corners: Vec<DVec3> = faces.iter().flat_map(|(rings, _)| rings.iter().flatten().copied()).collect();
        let mut edges = BTreeMap::<_, i32>::new();
        let mut six_fold = 0.0;
        for ring in faces.iter().flat_map(|(rings, _)| rings) {
            for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                let mut on: Vec<DVec3> = corners
                    .iter()
                    .copied()
                    .filter(|p| ((*p - *a).length() + (*p - *b).length() - (*b - *a).length()).abs() < 1e-9)
                    .collect();
                on.sort_by(|p, q| (*p - *a).length().total_cmp(&(*q - *a).length()));
                on.dedup_by_key(|p| key(*p));
                for pair in on.windows(2) {
                    *edges.entry([key(pair[0]), key(pair[1])]).or_default() += 1;
                    *edges.entry([key(pair[1]), key(pair[0])]).or_default() -= 1;
                }
            }
            six_fold += (2..ring.len()).map(|i| ring[0].dot(ring[i - 1].cross(ring[i]))).sum::<f64>();
        }
        edges.values().all(|balance| *balance == 0).then_some(six_fold / 6.0)
    }

    fn volume_of(ring: &[DVec2], shape: RoofShape) -> Option<f64> {
        let found = volume(&pitched(ring, shape, EXTENT)?);
        Some((found.unwrap_or(f64::NAN) * 1000.0).round() / 1000.0)
    }

    #[test]
    fn roofs_are_closed_and_as_large_as_they_should_be() {
        let box_m3 = 60.0 * 3.0;
        for (shape, roof_m3) in [
            (RoofShape::Gabled { across: false }, 60.0),
            (RoofShape::Gabled { across: true }, 60.0),
            (RoofShape::Skillion { downhill: None }, 60.0),
            (RoofShape::Pyramidal, 40.0),
            // A prism of 4 m between two halves of a pyramid over 6 m x 6 m.
            (RoofShape::Hipped, 24.0 + 24.0),
        ] {
            assert_eq!(volume_of(&house(), shape), Some(box_m3 + roof_m3), "{shape:?}");
        }
        let dome = volume_of(&house(), RoofShape::Dome).unwrap() - box_m3;
        assert!(dome > 70.0 && dome < 80.0, "two thirds of the block: {dome}");
        let flat = volume(&flat(&[house()], EXTENT)).unwrap();
        assert!((flat - 300.0).abs() < 1e-9, "{flat}");
    }

    #[test]
    fn outlines_that_do_not_fit_are_told() {
        let corner = ring(&[(0., 0.), (10., 0.), (10., 4.), (4., 4.), (4., 10.), (0., 10.)]);
        assert_eq!(pitched(&corner, RoofShape::Hipped, EXTENT), None);
        let hook = ring(&[(0., 0.), (10., 0.), (10., 1.), (1., 1.), (1., 10.), (0., 10.)]);
        assert_eq!(pitched(&hook, RoofShape::Pyramidal, EXTENT), None);
        assert_eq!(pitched(&ring(&[(0., 0.), (1., 0.)]), RoofShape::Hipped, EXTENT), None);
        assert_eq!(pitched(&house(), RoofShape::Hipped, Extent { top_m: 4.0, ..EXTENT }), None);
        // A gable over a corner: both halves, and walls up to them.
        let gable = pitched(&corner, RoofShape::Gabled { across: false }, EXTENT).unwrap();
        assert!(volume(&gable).is_some());
        let six = ring(&[(3., 0.), (6., 2.), (6., 5.), (3., 7.), (0., 5.), (0., 2.)]);
        assert!(volume_of(&six, RoofShape::Hipped).unwrap() > 90.0);
        assert!(volume_of(&six, RoofShape::Dome).unwrap() > 90.0);
    }
}
