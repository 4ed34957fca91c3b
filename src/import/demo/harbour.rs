//! The harbour: sheds, tanks, stacks of containers and cranes around the basin.

use glam::DVec2;

use super::blocks::{Description, building};
use super::forms::{Builder, Lot, revolved, ridged};
use super::plan::Plan;
use super::random::Random;
use super::{district_of, shaped};
use crate::city::{CimLevel, CityObject, Value};

pub(super) fn make(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let basin = plan.basin();
    let mut random = Random::at(plan.seed, "harbour", &[]);
    let dry = |lot: Lot| lot.corners(4.0).iter().all(|p| plan.sea_distance(*p) > 4.0);
    for n in 0..7 {
        let center = basin.center + DVec2::new(-basin.half.x + 30.0 + 62.0 * n as f64, basin.half.y + 78.0);
        let lot = Lot { center, half: DVec2::new(26.0, 20.0), turn: 0.0 };
        if dry(lot) {
            let about = Description { function: "industrial", storeys: 1, lot, year: random.whole(1985, 2015) };
            let name = format!("{n}号仓库 Warehouse {n}");
            take(building(plan, &format!("bldg-harbour-{n}"), name, about, ridged(plan, lot, 9.0, 13.0)));
        }
    }
    for n in 0..6 {
        let place =
            basin.center + DVec2::new(basin.half.x + 40.0 + 34.0 * (n % 3) as f64, 40.0 + 36.0 * (n / 3) as f64);
        if plan.sea_distance(place) > 20.0 {
            tank(plan, n, place, take);
        }
    }
    for n in 0..90_i64 {
        let (column, row) = (n % 30, n / 30);
        let center = basin.center
            + DVec2::new(-basin.half.x + 14.0 + 13.6 * column as f64, basin.half.y + 22.0 + 11.0 * row as f64);
        let lot = Lot { center, half: DVec2::new(6.05, 1.22 * 3.0), turn: 0.0 };
        if dry(lot) && random.chance(0.8) {
            containers(plan, n, lot, &mut random, take);
        }
    }
    for n in 0..5 {
        crane(plan, n, basin.center + DVec2::new(-basin.half.x + 60.0 + 76.0 * n as f64, basin.half.y + 9.0), take);
    }
}

fn finish(plan: &Plan, mut object: CityObject, place: DVec2, function: &str, take: &mut dyn FnMut(CityObject)) {
    object.parent = Some(district_of(plan, place));
    object.attributes.push(("function".into(), Value::from(function)));
    take(object);
}

fn tank(plan: &Plan, n: i64, place: DVec2, take: &mut dyn FnMut(CityObject)) {
    let steel = [206, 208, 204];
    let profile = [(13.0, 0.0, steel), (13.0, 12.0, steel), (6.0, 14.2, steel), (0.0, 14.8, steel)];
    let shape = revolved(plan, place, plan.ground(place) - 0.3, 20, &profile);
    let mut object = shaped(&format!("tank-{n}"), "OtherConstruction", CimLevel::Standard, 2.0, shape);
    object.name = Some(format!("{n}号储罐 Tank {n}"));
    finish(plan, object, place, "tank", take);
}

fn containers(plan: &Plan, n: i64, lot: Lot, random: &mut Random, take: &mut dyn FnMut(CityObject)) {
    let mut builder = Builder::on(plan, lot);
    for lane in 0..3 {
        let part = Lot {
            center: lot.to_plan(DVec2::new(0.0, (lane as f64 - 1.0) * 2.5)),
            half: DVec2::new(6.0, 1.2),
            turn: lot.turn,
        };
        builder.lot(part, 0.0, 2.6 * random.whole(1, 4) as f64);
    }
    let object = shaped(&format!("containers-{n}"), "CityFurniture", CimLevel::Standard, 1.2, builder.shape());
    finish(plan, object, lot.center, "containers", take);
}

/// A gantry crane: four legs, a beam over the basin and its tower.
fn crane(plan: &Plan, n: i64, place: DVec2, take: &mut dyn FnMut(CityObject)) {
    let lot = Lot { center: place, half: DVec2::new(9.0, 8.0), turn: 0.0 };
    let mut builder = Builder::on(plan, Lot { center: place + DVec2::new(0.0, 14.0), ..lot });
    let post = |x: f64, y: f64, half: DVec2| Lot { center: place + DVec2::new(x, y), half, turn: 0.0 };
    for (x, y) in [(-9.0, -6.0), (9.0, -6.0), (-9.0, 9.0), (9.0, 9.0)] {
        builder.lot(post(x, y, DVec2::splat(0.8)), -3.0, 34.0);
    }
    builder.lot(post(0.0, -6.0, DVec2::new(9.0, 0.7)), 31.0, 34.0);
    builder.lot(post(0.0, 9.0, DVec2::new(9.0, 0.7)), 31.0, 34.0);
    builder.lot(post(0.0, -16.0, DVec2::new(1.6, 44.0)), 34.0, 37.0);
    builder.lot(post(0.0, 4.0, DVec2::new(1.2, 1.2)), 37.0, 54.0);
    let mut object = shaped(&format!("crane-{n}"), "OtherConstruction", CimLevel::Standard, 2.0, builder.shape());
    object.name = Some(format!("{}号岸桥 Quay Crane {}", n + 1, n + 1));
    finish(plan, object, place, "crane", take);
}
