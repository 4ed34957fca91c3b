//! Streets of the grid, the ring road, and the bridges where an avenue meets the river.

use glam::{DVec2, Vec3};

use super::blocks::{AVENUE_HALF_M, STREET_HALF_M};
use super::forms::push_face;
use super::plan::{AVENUE_EVERY, BLOCK_M, Plan};
use super::random::smoothstep;
use super::{district_of, names, shaped};
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::{Mesh, PlacedMesh, Shape};

const ASPHALT: [u8; 3] = [68, 71, 76];
const PAVEMENT: [u8; 3] = [150, 148, 142];
const PAINT: [u8; 3] = [214, 212, 200];
const CONCRETE: [u8; 3] = [164, 162, 156];
/// Height of a bridge's deck above the sea.
const DECK_M: f64 = 9.5;

pub(super) fn make(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let (columns, rows) = plan.blocks();
    for j in -rows..=rows {
        for i in -columns..=columns {
            segment(plan, true, i, j, take);
            segment(plan, false, j, i, take);
        }
    }
    ring(plan, take);
}

/// One street between two crossings: `along` the grid's first axis or across it; `line` numbers the street, `n` the block.
fn segment(plan: &Plan, along: bool, n: i64, line: i64, take: &mut dyn FnMut(CityObject)) {
    let avenue = line.rem_euclid(AVENUE_EVERY) == 0;
    let node = |n: i64| {
        let grid = if along { DVec2::new(n as f64, line as f64) } else { DVec2::new(line as f64, n as f64) };
        plan.grid_to_plan(grid * BLOCK_M)
    };
    let (from, to) = (node(n), node(n + 1));
    let steps: Vec<DVec2> = (0..=8).map(|i| from.lerp(to, i as f64 / 8.0)).collect();
    let bridge = along && avenue && steps.iter().any(|p| plan.river_distance(*p) < 0.0);
    let ramp = along && avenue && steps.iter().any(|p| plan.river_distance(*p) < 130.0);
    let firm = |p: &DVec2| plan.river_distance(*p) > 12.0 && plan.slope(*p) < 0.20;
    let allowed = |p: &DVec2| plan.inside(*p) && plan.sea_distance(*p) > 14.0 && (ramp || firm(p));
    let reserved = |p: &DVec2| [plan.park(), plan.campus(), plan.harbour()].iter().any(|r| r.holds(*p, 2.0));
    if !steps.iter().all(allowed) || steps.iter().any(reserved) {
        return;
    }
    let half = if avenue { AVENUE_HALF_M } else { STREET_HALF_M } - 2.0;
    let class = if bridge { "Bridge" } else { "Road" };
    let id = format!("{}-{}-{line}-{n}", if bridge { "bridge" } else { "road" }, if along { "e" } else { "n" });
    let raised = along && avenue;
    let mut object = shaped(&id, class, CimLevel::Standard, 2.0, strip(plan, &steps, half, raised));
    let name = names::street(along, line, avenue);
    object.name = Some(if bridge { format!("{name} Bridge 桥") } else { name });
    object.parent = Some(district_of(plan, from));
    object.attributes = vec![
        ("width".into(), Value::Float(2.0 * half)),
        ("function".into(), Value::from(if avenue { "avenue" } else { "street" })),
        ("lanes".into(), Value::Int(if avenue { 6 } else { 2 })),
    ];
    take(object);
}

/// Height of a road's surface: on the ground, and up to the deck where an avenue comes to the river.
fn road_height(plan: &Plan, place: DVec2, raised: bool) -> f64 {
    let ground = plan.ground(place).max(1.5) + 0.28;
    if !raised {
        return ground;
    }
    let near = 1.0 - smoothstep(6.0, 120.0, plan.river_distance(place));
    ground.max(ground * (1.0 - near) + DECK_M * near)
}

/// A strip along a line: pavement, asphalt and paint on top, and walls down to the ground where it is raised.
fn strip(plan: &Plan, line: &[DVec2], half: f64, raised: bool) -> Shape {
    let middle = line.get(line.len() / 2).copied().unwrap_or_default();
    let center_in_site = plan.on_ground(middle, 0.0);
    let mut mesh = Mesh::default();
    let lift = |p: DVec2, z: f64| (plan.at(p, z) - center_in_site).as_vec3();
    for pair in line.windows(2) {
        let [a, b] = pair else { continue };
        let side = (*b - *a).normalize_or_zero().perp();
        let height = [*a, *b].map(|p| road_height(plan, p, raised));
        let mut band = |left: f64, right: f64, up: f64, color: [u8; 3]| {
            let corner = |p: DVec2, offset: f64, z: f64| lift(p + side * offset, z + up);
            let ring = [
                corner(*a, right, height[0]),
                corner(*b, right, height[1]),
                corner(*b, left, height[1]),
                corner(*a, left, height[0]),
            ];
            push_face(&mut mesh, &ring, color);
        };
        band(half, -half, 0.0, PAVEMENT);
        band(half - 2.2, 2.2 - half, 0.06, ASPHALT);
        band(0.14, -0.14, 0.10, PAINT);
        if height.iter().zip([a, b]).any(|(h, p)| *h > plan.ground(*p) + 1.0) {
            for edge in [half, -half] {
                let foot = |p: DVec2, h: f64| if plan.river_distance(p) < 0.0 { h - 1.6 } else { plan.ground(p) - 0.5 };
                let corner = |p: DVec2, z: f64| lift(p + side * edge, z);
                let (low_a, low_b) = (foot(*a, height[0]), foot(*b, height[1]));
                let ring =
                    [corner(*a, low_a), corner(*b, low_b), corner(*b, height[1] + 0.9), corner(*a, height[0] + 0.9)];
                let turned: Vec<Vec3> = if edge > 0.0 { ring.iter().rev().copied().collect() } else { ring.to_vec() };
                push_face(&mut mesh, &turned, CONCRETE);
                push_face(&mut mesh, &turned.into_iter().rev().collect::<Vec<_>>(), CONCRETE);
            }
        }
    }
    Shape::Meshes(vec![PlacedMesh::plain(center_in_site, mesh)])
}

/// The ring road, in pieces of a few degrees; open where it would run into water.
fn ring(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let pieces = ((plan.ring_radius() * std::f64::consts::TAU) / 110.0).round().max(24.0) as i64;
    for piece in 0..pieces {
        let point = |t: f64| {
            let angle = std::f64::consts::TAU * (piece as f64 + t) / pieces as f64;
            plan.center() + DVec2::from_angle(angle) * plan.ring_radius()
        };
        let steps: Vec<DVec2> = (0..=6).map(|i| point(i as f64 / 6.0)).collect();
        if steps.iter().any(|p| plan.sea_distance(*p) < 16.0 || !plan.inside(*p) || plan.harbour().holds(*p, 2.0)) {
            continue;
        }
        let bridge = steps.iter().any(|p| plan.river_distance(*p) < 0.0);
        let class = if bridge { "Bridge" } else { "Road" };
        let shape = strip(plan, &steps, 14.0, true);
        let mut object = shaped(&format!("ring-{piece}"), class, CimLevel::Standard, 2.0, shape);
        object.name = Some("环城路 Ring Road".to_owned());
        object.parent = Some(district_of(plan, point(0.5)));
        object.attributes = vec![
            ("width".into(), Value::Float(28.0)),
            ("function".into(), Value::from("ring")),
            ("lanes".into(), Value::Int(6)),
        ];
        take(object);
    }
}
