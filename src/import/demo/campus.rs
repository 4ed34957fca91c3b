//! The campus, managed on four levels: campus - zone - building - storey, and on to room and device.

use glam::DVec2;

use super::blocks::{Description, building};
use super::forms::{Builder, Lot};
use super::plan::Plan;
use super::random::Random;
use super::{district_of, object, sensors};
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::Bounds;

/// Height of a storey of the campus, metres.
const STOREY_M: f64 = 3.9;
/// Zones with their buildings: name, function, storeys, middle as a share of the campus, half edges in metres.
type House = (&'static str, &'static str, i64, (f64, f64), (f64, f64));
const ZONES: &[(&str, &[House])] = &[
    (
        "研发区 Research Zone",
        &[
            ("一号研发楼 Research 1", "office", 8, (-0.68, 0.55), (42.0, 15.0)),
            ("二号研发楼 Research 2", "office", 6, (-0.68, -0.05), (42.0, 15.0)),
            ("实验楼 Laboratory", "office", 5, (-0.10, 0.55), (34.0, 15.0)),
        ],
    ),
    (
        "服务区 Service Zone",
        &[
            ("会议中心 Conference Centre", "public", 3, (0.52, 0.50), (40.0, 24.0)),
            ("食堂 Canteen", "public", 2, (0.05, -0.45), (30.0, 20.0)),
            ("公寓 Residence", "residential", 10, (0.68, -0.35), (32.0, 11.0)),
        ],
    ),
];

pub(super) fn make(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let campus = plan.campus();
    let mut park = object("campus", "Campus", CimLevel::Standard);
    park.name = Some("维都科技园 Veduta Science Park".to_owned());
    park.parent = Some(district_of(plan, campus.center));
    park.place = Some(around(plan, Lot { center: campus.center, half: campus.half, turn: 0.0 }, 0.0, 45.0));
    take(park);
    for (number, (name, houses)) in ZONES.iter().enumerate() {
        let id = format!("campus-zone-{}", number + 1);
        let mut zone = object(&id, "Zone", CimLevel::Standard);
        zone.name = Some((*name).to_owned());
        zone.parent = Some("campus".to_owned());
        take(zone);
        for (index, house) in houses.iter().enumerate() {
            make_house(plan, &format!("{id}-b{}", index + 1), &id, house, take);
        }
    }
}

/// The box around a lot between two heights above its middle's ground.
fn around(plan: &Plan, lot: Lot, from_m: f64, to_m: f64) -> Bounds {
    let ground = plan.ground(lot.center);
    Bounds::around(lot.corners(0.0).into_iter().flat_map(|p| [plan.at(p, ground + from_m), plan.at(p, ground + to_m)]))
}

fn make_house(plan: &Plan, id: &str, zone: &str, house: &House, take: &mut dyn FnMut(CityObject)) {
    let &(name, function, storeys, (x, y), half) = house;
    let campus = plan.campus();
    let lot = Lot { center: campus.center + DVec2::new(x, y) * campus.half, half: half.into(), turn: 0.0 };
    let mut builder = Builder::on(plan, lot);
    let height = storeys as f64 * STOREY_M;
    builder.lot(lot, 0.0, height);
    builder.lot(lot.part(DVec2::new(0.5, 0.0), DVec2::new(0.2, 0.6)), height, height + 3.5);
    let about = Description { function, storeys, lot, year: 2021 };
    let mut whole = building(plan, id, name.to_owned(), about, builder.shape());
    whole.parent = Some(zone.to_owned());
    whole.level = CimLevel::Functional;
    take(whole);
    for storey in 0..storeys {
        make_storey(plan, id, storey, lot, take);
    }
}

fn make_storey(plan: &Plan, building: &str, number: i64, lot: Lot, take: &mut dyn FnMut(CityObject)) {
    let id = format!("{building}-f{}", number + 1);
    let (from, to) = (number as f64 * STOREY_M, (number + 1) as f64 * STOREY_M);
    let mut storey = object(&id, "BuildingStorey", CimLevel::Functional);
    storey.name = Some(format!("{}层 Floor {}", number + 1, number + 1));
    storey.parent = Some(building.to_owned());
    storey.place = Some(around(plan, lot, from, to));
    storey.attributes = vec![("elevation".into(), Value::Float(from)), ("storeyHeight".into(), Value::Float(STOREY_M))];
    take(storey);
    let mut random = Random::at(plan.seed, &id, &[]);
    for room in 0..6_i64 {
        let room_id = format!("{id}-r{:02}", room + 1);
        let center = DVec2::new(((room % 3) as f64 * 2.0 - 2.0) / 3.0, if room < 3 { 0.5 } else { -0.5 });
        let place = around(plan, lot.part(center, DVec2::new(0.32, 0.46)), from + 0.1, to - 0.4);
        let mut space = object(&room_id, "BuildingRoom", CimLevel::Functional);
        space.name = Some(format!("{}{:02}室 Room {}{:02}", number + 1, room + 1, number + 1, room + 1));
        space.parent = Some(id.clone());
        space.place = Some(place);
        space.attributes = vec![("capacity".into(), Value::Int(random.whole(4, 30)))];
        take(space);
        take(sensors::device(&format!("{room_id}-power"), "power", place.center(), &room_id));
        if room % 3 == 0 {
            take(sensors::device(&format!("{room_id}-people"), "people", place.center(), &room_id));
        }
    }
}
