//! Blocks, parcels and the buildings on them.

use glam::DVec2;

use super::forms::{self, Lot};
use super::plan::{AVENUE_EVERY, BLOCK_M, Plan, Reserve};
use super::random::Random;
use super::{district_of, names, shaped};
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::Shape;

/// Half the width of a street and of an avenue with their pavements, metres.
pub(super) const STREET_HALF_M: f64 = 8.5;
pub(super) const AVENUE_HALF_M: f64 = 15.0;

/// Walks over all blocks of the grid.
pub(super) fn make(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    landmark(plan, take);
    let (columns, rows) = plan.blocks();
    for j in -rows..rows {
        for i in -columns..columns {
            block(plan, i, j, take);
        }
    }
}

/// The inner rectangle of a block in grid coordinates, between its four streets.
fn inner(i: i64, j: i64) -> (DVec2, DVec2) {
    let edge = |n: i64| if n.rem_euclid(AVENUE_EVERY) == 0 { AVENUE_HALF_M } else { STREET_HALF_M };
    let min = DVec2::new(i as f64 * BLOCK_M.x + edge(i), j as f64 * BLOCK_M.y + edge(j));
    let max = DVec2::new((i + 1) as f64 * BLOCK_M.x - edge(i + 1), (j + 1) as f64 * BLOCK_M.y - edge(j + 1));
    (min, max)
}

/// What stands on a block is decided once for the block, so that neighbours match.
fn block(plan: &Plan, i: i64, j: i64, take: &mut dyn FnMut(CityObject)) {
    let (min, max) = inner(i, j);
    let middle = plan.grid_to_plan((min + max) * 0.5);
    if !plan.inside(middle) || plan.river_distance(middle) < -20.0 || plan.sea_distance(middle) < -20.0 {
        return;
    }
    let mut random = Random::at(plan.seed, "block", &[i, j]);
    let density = plan.density(middle) * random.between(0.85, 1.15);
    let place = BlockPlace { plan, i, j, min, max, density };
    let kind = random.unit();
    if density > 0.62 {
        place.row(2, 1 + i64::from(random.chance(0.6)), &mut random, take, Use::Tower);
    } else if density > 0.30 {
        match kind {
            k if k < 0.40 => place.row(3, 2, &mut random, take, Use::Office),
            k if k < 0.75 => place.row(1 + i64::from(kind < 0.55), 1, &mut random, take, Use::Court),
            _ => place.row(2, 3, &mut random, take, Use::Slab),
        }
    } else if density > 0.10 {
        match kind {
            k if k < 0.55 => place.row(2, 3, &mut random, take, Use::Slab),
            k if k < 0.80 => place.row(2, 1, &mut random, take, Use::Court),
            k if k < 0.86 => place.row(1, 1, &mut random, take, Use::School),
            _ => place.row(4, 2, &mut random, take, Use::Office),
        }
    } else if kind < 0.16 {
        place.row(1 + i64::from(kind < 0.08), 1, &mut random, take, Use::Shed);
    } else {
        place.row(5, 2, &mut random, take, Use::House);
    }
}

/// What is built on a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Tower,
    Office,
    Court,
    Slab,
    School,
    Shed,
    House,
}

struct BlockPlace<'a> {
    plan: &'a Plan,
    i: i64,
    j: i64,
    min: DVec2,
    max: DVec2,
    density: f64,
}

impl BlockPlace<'_> {
    /// Cuts the block into `across` by `deep` parcels and builds on each.
    fn row(&self, across: i64, deep: i64, random: &mut Random, take: &mut dyn FnMut(CityObject), kind: Use) {
        let parcel = (self.max - self.min) / DVec2::new(across as f64, deep as f64);
        let turn = self.plan.grid_to_plan(DVec2::X).to_angle();
        for n in 0..across * deep {
            let corner = self.min + parcel * DVec2::new((n % across) as f64, (n / across) as f64);
            let gap = match kind {
                Use::Tower => DVec2::splat(random.between(5.0, 9.0)),
                Use::Slab => DVec2::new(4.0, (parcel.y * 0.5 - random.between(6.2, 7.2)).max(3.0)),
                Use::House => DVec2::new(random.between(4.0, 6.5), random.between(9.0, 13.0)),
                Use::Court | Use::School => DVec2::splat(3.0),
                Use::Office | Use::Shed => DVec2::splat(random.between(2.5, 5.0)),
            };
            let half = parcel * 0.5 - gap;
            let lot = Lot { center: self.plan.grid_to_plan(corner + parcel * 0.5), half, turn };
            let skip = random.chance(if kind == Use::House { 0.10 } else { 0.05 });
            let free = std::iter::once(lot.center).chain(lot.corners(3.0)).all(|p| self.plan.buildable(p));
            let taken = landmark_place(self.plan).holds(lot.center, half.max_element() + 6.0);
            if !skip && free && !taken && half.min_element() > 3.5 {
                take(self.building(n, lot, kind, random));
            }
        }
    }

    fn building(&self, number: i64, lot: Lot, kind: Use, random: &mut Random) -> CityObject {
        let plan = self.plan;
        let peak = self.density * self.density;
        let (storeys, function) = match kind {
            Use::Tower => (random.whole(16, 22) + (peak * random.between(4.0, 46.0)) as i64, "office"),
            Use::Office => (
                random.whole(4, 9) + (self.density * 14.0 * random.unit()) as i64,
                if random.chance(0.3) { "retail" } else { "office" },
            ),
            Use::Court => (random.whole(4, 7), "residential"),
            Use::Slab => (random.whole(6, 9) + (self.density * 22.0 * random.unit()) as i64, "residential"),
            Use::School => (random.whole(3, 5), if random.chance(0.3) { "health" } else { "education" }),
            Use::Shed => (random.whole(1, 2), "industrial"),
            Use::House => (random.whole(2, 3), "residential"),
        };
        let shape = match kind {
            Use::Tower => forms::tower(plan, lot, storeys, random),
            Use::Office | Use::Slab => forms::slab(plan, lot, storeys),
            Use::Court | Use::School => forms::court(plan, lot, storeys, random),
            Use::Shed => forms::ridged(plan, lot, 7.0, 9.5),
            Use::House => forms::ridged(plan, lot, storeys as f64 * 2.9, storeys as f64 * 2.9 + lot.half.y * 0.62),
        };
        let id = format!("bldg-{}-{}-{number}", self.i, self.j);
        let name = names::building(function, random.whole(1, 60), random);
        building(plan, &id, name, Description { function, storeys, lot, year: random.whole(1968, 2025) }, shape)
    }
}

/// What a building's attributes are made from.
pub(super) struct Description {
    pub function: &'static str,
    pub storeys: i64,
    pub lot: Lot,
    pub year: i64,
}

/// A building with the attributes that all buildings of the city have.
pub(super) fn building(plan: &Plan, id: &str, name: String, about: Description, shape: Shape) -> CityObject {
    let bounds = shape.bounds();
    let detailed = matches!(shape, Shape::Surfaces(_));
    let level = if detailed { CimLevel::Standard } else { CimLevel::Frame };
    let mut object = shaped(id, "Building", level, if detailed { 2.0 } else { 1.2 }, shape);
    let area = 4.0 * about.lot.half.x * about.lot.half.y * 0.85 * about.storeys as f64;
    let residents = if about.function == "residential" { (area / 38.0) as i64 } else { 0 };
    object.name = Some(name);
    object.parent = Some(district_of(plan, about.lot.center));
    object.attributes = vec![
        ("measuredHeight".into(), Value::Float((bounds.size().z * 10.0).round() / 10.0)),
        ("storeysAboveGround".into(), Value::Int(about.storeys)),
        ("function".into(), Value::from(about.function)),
        ("yearOfConstruction".into(), Value::Int(about.year)),
        ("floorArea".into(), Value::Float(area.round())),
        ("residents".into(), Value::Int(residents)),
    ];
    object
}

/// The ground of the landmark tower and the stadium beside it.
fn landmark_place(plan: &Plan) -> Reserve {
    Reserve { center: plan.center() + DVec2::new(40.0, -20.0), half: DVec2::new(36.0, 36.0) }
}

fn landmark(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let height = 250.0 + (plan.half_m - 1_500.0).clamp(0.0, 5_000.0) * 0.036;
    let lot = Lot { center: landmark_place(plan).center, half: DVec2::splat(31.0), turn: 0.4 };
    let about = Description { function: "office", storeys: (height / 4.0) as i64, lot, year: 2024 };
    let name = "维都塔 Veduta Tower".to_owned();
    take(building(plan, "bldg-veduta-tower", name, about, forms::landmark(plan, lot, height)));
    let park = plan.park();
    let lot = Lot { center: park.center + DVec2::new(-92.0, 70.0), half: DVec2::new(62.0, 46.0), turn: 0.2 };
    let about = Description { function: "public", storeys: 4, lot, year: 2011 };
    take(building(plan, "bldg-stadium", "市民体育场 Citizens' Stadium".to_owned(), about, forms::stadium(plan, lot)));
}
