//! Believable shapes of buildings. Every form stands on a rectangle given by its middle, its half edges and its turn, and
//! is built from prisms, roofs and simple solids of revolution.

use glam::{DVec2, DVec3, Vec3};

use super::plan::Plan;
use super::random::Random;
use crate::geometry::{Mesh, PlacedMesh, Prism, Shape, Surface, SurfaceKind};

/// A rectangle on the ground: middle, half edges, turn of its first axis from east, radians.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lot {
    pub center: DVec2,
    pub half: DVec2,
    pub turn: f64,
}

impl Lot {
    /// From the lot's own axes to the plan.
    pub fn to_plan(self, local: DVec2) -> DVec2 {
        self.center + DVec2::from_angle(self.turn).rotate(local)
    }

    /// The four corners, counter-clockwise, grown by a margin.
    pub fn corners(self, margin: f64) -> [DVec2; 4] {
        let half = self.half + DVec2::splat(margin);
        [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)].map(|(x, y)| self.to_plan(DVec2::new(x, y) * half))
    }

    /// A part of the lot: middle and half edges as shares of the lot's half edges.
    pub fn part(self, center: DVec2, half: DVec2) -> Self {
        Self { center: self.to_plan(center * self.half), half: half * self.half, turn: self.turn }
    }
}

/// Builds prisms that share one base height, so that no part of a building floats or sinks on a slope.
pub(super) struct Builder<'a> {
    plan: &'a Plan,
    base_m: f64,
    pub prisms: Vec<Prism>,
}

impl<'a> Builder<'a> {
    /// A building on a lot: the base is the lowest ground under its corners.
    pub fn on(plan: &'a Plan, lot: Lot) -> Self {
        let base_m = lot.corners(0.0).iter().map(|corner| plan.ground(*corner)).fold(f64::INFINITY, f64::min);
        Self { plan, base_m, prisms: Vec::new() }
    }

    /// Adds a prism over a ring (counter-clockwise) with holes (clockwise), from `from_m` to `to_m` above the base.
    pub fn prism(&mut self, rings: &[Vec<DVec2>], from_m: f64, to_m: f64) {
        let Some(first) = rings.first().and_then(|ring| ring.first()) else { return };
        let base = self.base_m + from_m;
        let rings = rings.iter().map(|ring| ring.iter().map(|p| self.plan.at(*p, base)).collect()).collect();
        self.prisms.push(Prism { rings, extrusion: self.plan.up(*first, to_m - from_m) });
    }

    /// Adds a box over a lot.
    pub fn lot(&mut self, lot: Lot, from_m: f64, to_m: f64) {
        self.prism(&[lot.corners(0.0).to_vec()], from_m, to_m);
    }

    pub fn shape(self) -> Shape {
        Shape::Prisms(self.prisms)
    }
}

/// An ellipse of `corners` corners, counter-clockwise.
pub(super) fn ellipse(lot: Lot, corners: usize, scale: f64) -> Vec<DVec2> {
    (0..corners)
        .map(|i| {
            let angle = std::f64::consts::TAU * (i as f64 + 0.5) / corners as f64;
            lot.to_plan(DVec2::from_angle(angle) * lot.half * scale)
        })
        .collect()
}

/// A rectangle with cut corners.
fn chamfered(lot: Lot, cut: f64) -> Vec<DVec2> {
    let (x, y) = (lot.half.x, lot.half.y);
    let c = cut.min(x * 0.6).min(y * 0.6);
    [(-x + c, -y), (x - c, -y), (x, -y + c), (x, y - c), (x - c, y), (-x + c, y), (-x, y - c), (-x, -y + c)]
        .map(|(x, y)| lot.to_plan(DVec2::new(x, y)))
        .to_vec()
}

/// A tower on a podium, set back once or twice, with a plant room on top.
pub(super) fn tower(plan: &Plan, lot: Lot, storeys: i64, random: &mut Random) -> Shape {
    let height = storeys as f64 * 3.6;
    let mut builder = Builder::on(plan, lot);
    let podium = random.between(9.0, 18.0).min(height * 0.4);
    builder.lot(lot, 0.0, podium);
    let shaft = lot.part(DVec2::ZERO, DVec2::splat(random.between(0.62, 0.80)));
    let round = random.chance(0.22);
    let cut = random.between(0.0, 7.0);
    let tiers = random.whole(1, 3);
    for tier in 0..tiers {
        let scale = 1.0 - 0.13 * tier as f64;
        let part = Lot { half: shaft.half * scale, ..shaft };
        let ring = if round { ellipse(part, 20, 1.0) } else { chamfered(part, cut) };
        let share = |t: i64| (t as f64 / tiers as f64).powf(0.7);
        builder.prism(&[ring], podium + (height - podium) * share(tier), podium + (height - podium) * share(tier + 1));
    }
    let crown = Lot { half: shaft.half * 0.42, ..shaft };
    builder.lot(crown, height, height + random.between(4.0, 9.0));
    if storeys > 38 && random.chance(0.5) {
        let mast = Lot { half: DVec2::splat(0.9), ..shaft };
        builder.lot(mast, height + 4.0, height + random.between(22.0, 46.0));
    }
    builder.shape()
}

/// Rows of flats, long side to the south as the sun wants it, with a stair head on each.
pub(super) fn slab(plan: &Plan, lot: Lot, storeys: i64) -> Shape {
    let height = storeys as f64 * 3.0;
    let mut builder = Builder::on(plan, lot);
    builder.lot(lot, 0.0, height);
    let heads = (lot.half.x / 12.0).floor().max(1.0) as i64;
    for i in 0..heads {
        let x = (i as f64 + 0.5) / heads as f64 * 2.0 - 1.0;
        let head =
            Lot { center: lot.to_plan(DVec2::new(x * lot.half.x, 0.0)), half: DVec2::new(3.0, 2.6), turn: lot.turn };
        builder.lot(head, height, height + 3.2);
    }
    builder.shape()
}

/// Houses around a court.
pub(super) fn court(plan: &Plan, lot: Lot, storeys: i64, random: &mut Random) -> Shape {
    let height = storeys as f64 * 3.3;
    let depth = random.between(11.0, 14.0).min(lot.half.min_element() * 0.7);
    let inner = Lot { half: lot.half - DVec2::splat(depth), ..lot };
    let mut builder = Builder::on(plan, lot);
    if random.chance(0.6) {
        let hole = inner.corners(0.0).into_iter().rev().collect();
        builder.prism(&[lot.corners(0.0).to_vec(), hole], 0.0, height);
    } else {
        let (o, i) = (lot.corners(0.0), inner.corners(0.0));
        let gap = |a: DVec2, b: DVec2| a + (b - a) * 0.12;
        builder.prism(
            &[vec![
                gap(o[0], o[1]),
                o[1],
                o[2],
                o[3],
                o[0].lerp(o[3], 0.12),
                i[0].lerp(i[3], 0.08),
                i[3],
                i[2],
                i[1],
                gap(i[0], i[1]),
            ]],
            0.0,
            height,
        );
    }
    builder.shape()
}

/// A house or shed under a ridged roof: walls, two gables, two slopes and the floor.
pub(super) fn ridged(plan: &Plan, lot: Lot, eaves_m: f64, ridge_m: f64) -> Shape {
    let base = lot.corners(0.0).iter().map(|corner| plan.ground(*corner)).fold(f64::INFINITY, f64::min);
    let at = |x: f64, y: f64, z: f64| plan.at(lot.to_plan(DVec2::new(x * lot.half.x, y * lot.half.y)), base + z);
    let corner = |i: usize, z: f64| {
        let (x, y) = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)][i % 4];
        at(x, y, z)
    };
    let (west, east) = (at(-1.0, 0.0, ridge_m), at(1.0, 0.0, ridge_m));
    let face = |kind: SurfaceKind, ring: Vec<DVec3>| Surface::plain(vec![ring], kind);
    let wall = |i: usize| vec![corner(i, 0.0), corner(i + 1, 0.0), corner(i + 1, eaves_m), corner(i, eaves_m)];
    Shape::Surfaces(vec![
        face(SurfaceKind::Wall, wall(0)),
        face(SurfaceKind::Wall, vec![corner(1, 0.0), corner(2, 0.0), corner(2, eaves_m), east, corner(1, eaves_m)]),
        face(SurfaceKind::Wall, wall(2)),
        face(SurfaceKind::Wall, vec![corner(3, 0.0), corner(0, 0.0), corner(0, eaves_m), west, corner(3, eaves_m)]),
        face(SurfaceKind::Roof, vec![corner(0, eaves_m), corner(1, eaves_m), east, west]),
        face(SurfaceKind::Roof, vec![corner(2, eaves_m), corner(3, eaves_m), west, east]),
        face(SurfaceKind::Ground, vec![corner(3, 0.0), corner(2, 0.0), corner(1, 0.0), corner(0, 0.0)]),
    ])
}

/// The tower that the city is known by: rings that narrow and turn, and a mast.
pub(super) fn landmark(plan: &Plan, lot: Lot, height: f64) -> Shape {
    let mut builder = Builder::on(plan, lot);
    builder.lot(lot, 0.0, 16.0);
    let tiers = 14;
    for tier in 0..tiers {
        let t = tier as f64 / tiers as f64;
        let scale = 0.78 * (1.0 - 0.62 * t * t);
        let turned = Lot { turn: lot.turn + 0.9 * t, ..lot };
        let from = 16.0 + (height - 16.0) * t;
        builder.prism(&[ellipse(turned, 8, scale)], from, 16.0 + (height - 16.0) * (t + 1.0 / tiers as f64));
    }
    builder.lot(Lot { half: DVec2::splat(1.6), ..lot }, height, height * 1.16);
    builder.shape()
}

/// An oval stand around a field.
pub(super) fn stadium(plan: &Plan, lot: Lot) -> Shape {
    let mut builder = Builder::on(plan, lot);
    let ring = |scale: f64| ellipse(lot, 40, scale);
    let hole = |scale: f64| ring(scale).into_iter().rev().collect::<Vec<_>>();
    builder.prism(&[ring(0.78), hole(0.60)], 0.0, 9.0);
    builder.prism(&[ring(0.90), hole(0.78)], 0.0, 17.0);
    builder.prism(&[ring(1.0), hole(0.90)], 0.0, 26.0);
    builder.shape()
}

/// A solid of revolution around local up, coloured by ring: trees, tanks, masts. `profile` is (radius, height).
pub(super) fn revolved(plan: &Plan, place: DVec2, base_m: f64, sides: usize, profile: &[(f64, f64, [u8; 3])]) -> Shape {
    let center_in_site = plan.at(place, base_m);
    let up = plan.up(place, 1.0).as_vec3();
    let mut mesh = Mesh::default();
    for (&(r0, z0, color), &(r1, z1, _)) in profile.iter().zip(profile.iter().skip(1)) {
        for side in 0..sides {
            let arm = |i: usize| {
                let angle = std::f32::consts::TAU * i as f32 / sides as f32;
                Vec3::new(angle.cos(), angle.sin(), 0.0)
            };
            let (a, b) = (arm(side), arm(side + 1));
            let corner = |arm: Vec3, r: f64, z: f64| arm * r as f32 + up * z as f32;
            let quad = [corner(a, r0, z0), corner(b, r0, z0), corner(b, r1, z1), corner(a, r1, z1)];
            push_face(&mut mesh, &quad, color);
        }
    }
    Shape::Meshes(vec![PlacedMesh::plain(center_in_site, mesh)])
}

/// Adds a flat, convex face (counter-clockwise from outside) of one colour; corners that coincide are left out.
pub(super) fn push_face(mesh: &mut Mesh, corners: &[Vec3], color: [u8; 3]) {
    let mut ring: Vec<Vec3> = Vec::with_capacity(corners.len());
    for corner in corners {
        if ring.iter().all(|other| other.distance_squared(*corner) > 1e-8) {
            ring.push(*corner);
        }
    }
    let [a, b, c, ..] = ring.as_slice() else { return };
    let normal = (*b - *a).cross(*c - *a).normalize_or_zero();
    let first = mesh.positions.len() as u32;
    let count = ring.len() as u32;
    mesh.positions.extend(ring);
    mesh.normals.extend((0..count).map(|_| normal));
    mesh.colors.extend((0..count).map(|_| [color[0], color[1], color[2], 255]));
    mesh.feature_ids.extend((0..count).map(|_| 0));
    mesh.indices.extend((2..count).flat_map(|i| [first, first + i - 1, first + i]));
}
