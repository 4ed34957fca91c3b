//! Water, the park and trees.

use glam::DVec2;

use super::forms::{Lot, ellipse, revolved};
use super::plan::{BLOCK_M, Plan, SEA_LEVEL_M};
use super::random::Random;
use super::{district_of, shaped};
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::{Shape, Surface, SurfaceKind};

pub(super) fn make(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    waters(plan, take);
    park(plan, take);
    avenue_trees(plan, take);
    forest(plan, take);
}

/// A level face over a ring (counter-clockwise seen from above).
fn face(plan: &Plan, ring: &[DVec2], height_m: f64, kind: SurfaceKind) -> Surface {
    Surface::plain(vec![ring.iter().map(|p| plan.at(*p, height_m)).collect()], kind)
}

/// Sea and river lie as level sheets; the ground rises through them where there is land. Cut into squares, so that each
/// follows the earth's curvature and is streamed with its neighbourhood.
fn waters(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let reach = plan.half_m * 1.2;
    let cells = (reach / 300.0).ceil() as i64;
    let edge = 2.0 * reach / cells as f64;
    for row in 0..cells {
        for column in 0..cells {
            let min = DVec2::new(column as f64, row as f64) * edge - DVec2::splat(reach);
            let samples = || (0..36).map(|i| min + DVec2::new((i % 6) as f64, (i / 6) as f64) * (edge / 5.0));
            let sea = samples().any(|p| plan.sea_distance(p) < 8.0);
            if !sea && !samples().any(|p| plan.river_distance(p) < 8.0) {
                continue;
            }
            let ring = [min, min + DVec2::X * edge, min + DVec2::splat(edge), min + DVec2::Y * edge];
            let shape = Shape::Surfaces(vec![face(plan, &ring, SEA_LEVEL_M, SurfaceKind::Water)]);
            let mut object = shaped(&format!("water-{column}-{row}"), "WaterBody", CimLevel::Surface, 1.0, shape);
            object.name = Some(if sea { "维都湾 Veduta Bay" } else { "澄江 Cheng River" }.to_owned());
            object.parent = Some("city".to_owned());
            object.attributes = vec![("waterLevel".into(), Value::Float(SEA_LEVEL_M))];
            take(object);
        }
    }
}

fn park(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let park = plan.park();
    let lake = Lot { center: park.center + DVec2::new(20.0, -10.0), half: DVec2::new(90.0, 58.0), turn: 0.0 };
    let level = plan.ground(park.center + park.half) - 0.7;
    let shape = Shape::Surfaces(vec![face(plan, &ellipse(lake, 40, 1.0), level, SurfaceKind::Water)]);
    let mut object = shaped("water-park-lake", "WaterBody", CimLevel::Surface, 1.0, shape);
    object.name = Some("镜湖 Mirror Lake".to_owned());
    object.parent = Some(district_of(plan, park.center));
    take(object);
    let mut random = Random::at(plan.seed, "park", &[]);
    for n in 0..520 {
        let place = park.center + DVec2::new(random.between(-1.0, 1.0), random.between(-1.0, 1.0)) * (park.half - 4.0);
        let stadium = (place - park.center - DVec2::new(-92.0, 70.0)) / DVec2::new(74.0, 58.0);
        if !plan.in_lake(place, 7.0) && stadium.length() > 1.0 {
            tree(plan, &format!("tree-park-{n}"), place, &mut random, take);
        }
    }
}

/// Two rows of trees along the avenues of the inner city.
fn avenue_trees(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let reach = (plan.ring_radius().min(2_600.0) / BLOCK_M.min_element()).ceil() as i64;
    let center = plan.grid_to_plan(DVec2::ZERO).distance(plan.center());
    let span = reach + (center / BLOCK_M.min_element()).ceil() as i64;
    for line in (-span..=span).filter(|n| n.rem_euclid(super::plan::AVENUE_EVERY) == 0) {
        for n in -span * 9..span * 9 {
            let mut random = Random::at(plan.seed, "avenue", &[line, n]);
            for (side, along) in [(-14.2, true), (14.2, true), (-14.2, false), (14.2, false)] {
                let step = n as f64 * 13.0;
                let grid = if along {
                    DVec2::new(step, line as f64 * BLOCK_M.y + side)
                } else {
                    DVec2::new(line as f64 * BLOCK_M.x + side, step)
                };
                let place = plan.grid_to_plan(grid);
                let crossing = crosses(grid, along);
                if !crossing && place.distance(plan.center()) < plan.ring_radius().min(2_600.0) && plan.buildable(place)
                {
                    let id = format!(
                        "tree-avenue-{}-{line}-{n}-{}",
                        if along { "e" } else { "n" },
                        if side < 0.0 { "r" } else { "l" }
                    );
                    tree(plan, &id, place, &mut random, take);
                }
            }
        }
    }
}

/// Whether a place on a street is on one of the streets that cross it.
fn crosses(grid: DVec2, along: bool) -> bool {
    let (at, pitch) = if along { (grid.x, BLOCK_M.x) } else { (grid.y, BLOCK_M.y) };
    let from_line = (at / pitch - (at / pitch).round()).abs() * pitch;
    from_line < 17.0
}

/// Trees on the slopes where nothing is built, on a jittered lattice; wider apart in a bigger city.
fn forest(plan: &Plan, take: &mut dyn FnMut(CityObject)) {
    let pitch = (plan.half_m / 62.0).max(24.0);
    let count = (plan.half_m / pitch) as i64;
    for row in -count..=count {
        for column in -count..=count {
            let mut random = Random::at(plan.seed, "forest", &[row, column]);
            let place =
                DVec2::new(column as f64 + random.between(-0.45, 0.45), row as f64 + random.between(-0.45, 0.45))
                    * pitch;
            if plan.inside(place)
                && plan.river_distance(place) > 8.0
                && plan.sea_distance(place) > 20.0
                && plan.slope(place) > 0.15
            {
                tree(plan, &format!("tree-forest-{row}-{column}"), place, &mut random, take);
            }
        }
    }
}

/// One tree: a trunk and a crown of two cones.
fn tree(plan: &Plan, id: &str, place: DVec2, random: &mut Random, take: &mut dyn FnMut(CityObject)) {
    let height = random.between(5.0, 10.5);
    let crown = height * random.between(0.24, 0.34);
    let shade = |base: f64| (base * random_shade(place)) as u8;
    let (leaf, light) = ([shade(58.0), shade(96.0), shade(50.0)], [shade(88.0), shade(130.0), shade(66.0)]);
    let profile = [
        (0.22, 0.0, [92, 72, 54]),
        (0.20, height * 0.30, leaf),
        (crown, height * 0.42, leaf),
        (crown * 0.86, height * 0.68, light),
        (0.0, height, light),
    ];
    let shape = revolved(plan, place, plan.ground(place) - 0.2, 6, &profile);
    let mut object = shaped(id, "SolitaryVegetationObject", CimLevel::Standard, 2.0, shape);
    object.parent = Some(district_of(plan, place));
    object.attributes = vec![("height".into(), Value::Float((height * 10.0).round() / 10.0))];
    take(object);
}

/// Neighbouring trees differ a little in shade.
fn random_shade(place: DVec2) -> f64 {
    Random::at(0, "shade", &[place.x as i64, place.y as i64]).between(0.82, 1.18)
}
