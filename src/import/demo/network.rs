//! The underground water network: pipes under the streets, a manhole at each crossing, valves on the avenues and pumps by
//! the river. Topology is in the attributes `from` and `to`.

use glam::{DVec2, Vec3};

use super::forms::{push_face, revolved};
use super::plan::{AVENUE_EVERY, BLOCK_M, Plan};
use super::{district_of, shaped};
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::{Mesh, PlacedMesh, Shape};

const PIPE: [u8; 3] = [70, 120, 200];
const IRON: [u8; 3] = [96, 98, 104];

pub(super) fn make(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let (columns, rows) = plan.blocks();
    for j in -rows..=rows {
        for i in -columns..=columns {
            if !served(plan, i, j) {
                continue;
            }
            manhole(plan, i, j, take);
            for (di, dj) in [(1, 0), (0, 1)] {
                if served(plan, i + di, j + dj) {
                    pipe(plan, (i, j), (i + di, j + dj), take);
                }
            }
        }
    }
}

fn place_of(plan: &Plan, i: i64, j: i64) -> DVec2 {
    plan.grid_to_plan(DVec2::new(i as f64, j as f64) * BLOCK_M)
}

/// Crossings on dry, gentle ground are served.
fn served(plan: &Plan, i: i64, j: i64) -> bool {
    plan.buildable(place_of(plan, i, j))
}

fn node_id(i: i64, j: i64) -> String {
    format!("manhole-{i}-{j}")
}

fn is_main(n: i64) -> bool {
    n.rem_euclid(AVENUE_EVERY) == 0
}

fn manhole(plan: &Plan, i: i64, j: i64, take: &mut dyn FnMut(CityObject)) {
    let place = place_of(plan, i, j);
    let class = if is_main(i) && is_main(j) { "Valve" } else { "Manhole" };
    let depth = 2.6;
    let profile = [(0.0, 0.0, IRON), (0.6, 0.0, IRON), (0.6, depth - 0.4, IRON), (0.0, depth - 0.4, IRON)];
    let shape = revolved(plan, place, plan.ground(place) - depth, 8, &profile);
    let mut object = shaped(&node_id(i, j), class, CimLevel::Component, 2.0, shape);
    object.parent = Some(district_of(plan, place));
    object.attributes = vec![("depth".into(), Value::Float(depth)), ("network".into(), Value::from("water"))];
    take(object);
}

fn pipe(plan: &Plan, from: (i64, i64), to: (i64, i64), take: &mut dyn FnMut(CityObject)) {
    let (a, b) = (place_of(plan, from.0, from.1), place_of(plan, to.0, to.1));
    let main = if from.1 == to.1 { is_main(from.1) } else { is_main(from.0) };
    let (diameter, depth) = if main { (0.8, 2.2) } else { (0.3, 1.8) };
    let id = format!("pipe-{}-{}-{}", from.0, from.1, if from.1 == to.1 { "e" } else { "n" });
    let mut object = shaped(&id, "Pipe", CimLevel::Component, 2.0, tube(plan, a, b, diameter * 0.5, depth));
    object.parent = Some(district_of(plan, a));
    object.attributes = vec![
        ("diameter".into(), Value::Float(diameter)),
        ("depth".into(), Value::Float(depth)),
        ("length".into(), Value::Float((a.distance(b) * 10.0).round() / 10.0)),
        ("material".into(), Value::from(if main { "ductile iron" } else { "PE" })),
        ("network".into(), Value::from("water")),
        ("from".into(), Value::Text(node_id(from.0, from.1))),
        ("to".into(), Value::Text(node_id(to.0, to.1))),
    ];
    take(object);
}

/// A six-sided tube between two places, `depth` below the ground at each.
fn tube(plan: &Plan, a: DVec2, b: DVec2, radius: f64, depth: f64) -> Shape {
    let center_in_site = plan.on_ground((a + b) * 0.5, -depth);
    let end = |p: DVec2| (plan.on_ground(p, -depth) - center_in_site).as_vec3();
    let side = (b - a).normalize_or_zero().perp().extend(0.0).as_vec3();
    let arm = |i: u32| {
        let (sin, cos) = (std::f32::consts::TAU * i as f32 / 6.0).sin_cos();
        (side * cos + Vec3::Z * sin) * radius as f32
    };
    let mut mesh = Mesh::default();
    for i in 0..6 {
        push_face(&mut mesh, &[end(a) + arm(i + 1), end(a) + arm(i), end(b) + arm(i), end(b) + arm(i + 1)], PIPE);
    }
    Shape::Meshes(vec![PlacedMesh::plain(center_in_site, mesh)])
}
