//! Devices: what the live feed speaks for. A device's stream is `demo/KIND/ID`.

use glam::{DVec2, DVec3};

use super::forms::revolved;
use super::plan::{Plan, SEA_LEVEL_M};
use super::{district_of, object};
use crate::city::{CimLevel, CityObject, LodShape, Value};
use crate::geometry::Bounds;

/// A device without looks at a place in the site frame, part of `parent`.
pub(super) fn device(id: &str, kind: &str, place_in_site: DVec3, parent: &str) -> CityObject {
    let mut device = object(id, "Device", CimLevel::Component);
    device.parent = Some(parent.to_owned());
    device.place = Some(Bounds::around([place_in_site]));
    device.attributes =
        vec![("kind".into(), Value::from(kind)), ("stream".into(), Value::Text(format!("demo/{kind}/{id}")))];
    device
}

/// A device outdoors: a mast with a head in the colour of its kind.
fn mast(plan: &Plan, id: &str, kind: &str, name: String, place: DVec2, base_m: f64, take: &mut dyn FnMut(CityObject)) {
    let color = match kind {
        "air" => [64, 196, 180],
        "water_level" => [60, 140, 230],
        "parking" => [240, 190, 60],
        _ => [235, 110, 90],
    };
    let grey = [190, 192, 196];
    let profile = [(0.35, 0.0, grey), (0.35, 7.0, color), (1.4, 7.4, color), (1.4, 9.4, color), (0.0, 10.0, color)];
    let mut object = device(id, kind, plan.at(place, base_m + 8.0), &district_of(plan, place));
    object.name = Some(name);
    object.shapes.push(LodShape { lod: 2.0, shape: revolved(plan, place, base_m, 8, &profile) });
    take(object);
}

/// Air stations over the city, gauges along river and quay, car parks and counters of people around the centre.
pub(super) fn make(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    for n in 0..12 {
        let place = on_ring(plan, n, 12, plan.half_m * (0.18 + 0.20 * (n % 3) as f64));
        if plan.inside(place) && !plan.in_water(place) {
            let name = format!("{n}号空气站 Air Station {n}");
            mast(plan, &format!("air-{n:02}"), "air", name, place, plan.ground(place), take);
        }
    }
    gauges(plan, take);
    for n in 0..18 {
        let place = on_ring(plan, n, 18, plan.ring_radius() * (0.35 + 0.28 * (n % 3) as f64));
        if plan.buildable(place) {
            let name = format!("{n}号停车场 Car Park {n}");
            mast(plan, &format!("parking-{n:02}"), "parking", name, place, plan.ground(place), take);
        }
    }
    for n in 0..10 {
        let place = on_ring(plan, n, 10, plan.ring_radius() * 0.22);
        if !plan.in_water(place) {
            let name = format!("{n}号人流 People Counter {n}");
            mast(plan, &format!("people-{n:02}"), "people", name, place, plan.ground(place), take);
        }
    }
}

/// The `n`th of `of` places on a circle around the centre.
fn on_ring(plan: &Plan, n: i64, of: i64, radius_m: f64) -> DVec2 {
    plan.center() + DVec2::from_angle(std::f64::consts::TAU * n as f64 / of as f64) * radius_m
}

/// Water level gauges: eight along the river, three on the quay.
fn gauges(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let foot = SEA_LEVEL_M - 1.0;
    for n in 0..8 {
        let y = plan.half_m * (-0.5 + 0.17 * n as f64);
        let place = DVec2::new(plan.river_x(y) + plan.river_width() * 0.5 - 4.0, y);
        if plan.sea_distance(place) > 0.0 {
            let name = format!("澄江{n}号水位 River Gauge {n}");
            mast(plan, &format!("gauge-river-{n}"), "water_level", name, place, foot, take);
        }
    }
    let basin = plan.basin();
    for n in 0..3 {
        let place = basin.center + DVec2::new((n as f64 - 1.0) * basin.half.x * 0.8, basin.half.y - 3.0);
        let name = format!("港池{n}号水位 Harbour Gauge {n}");
        mast(plan, &format!("gauge-harbour-{n}"), "water_level", name, place, foot, take);
    }
}
