//! Blocks that stand for the buildings which a coarse tile leaves out: without them a city of small houses thins out with
//! distance.

use std::collections::BTreeMap;

use glam::{DVec2, DVec3};

use super::pyramid::Item;
use crate::geometry::Prism;

/// Part of its box that a footprint fills, as a rule.
const FILLED: f64 = 0.7;
/// Cells that are filled less than this get no block.
const LEAST_COVER: f64 = 0.06;

/// What a cell of a tile leaves out.
#[derive(Default)]
struct Cell {
    area_m2: f64,
    volume_m3: f64,
    /// Place times area.
    moment: DVec2,
    foot_m: f64,
    /// The largest object: what the block looks like, and what is picked.
    largest: (f64, usize),
}

/// One block for each square cell of `cell_m` in which objects are left out: it has the area that they cover, their mean
/// height, and stands in their middle, on the lowest of their feet. With it the number of the largest of them, whose part it
/// is: a block is coloured, hidden and picked as that one.
pub fn blocks<'i>(left_out: impl Iterator<Item = &'i Item>, cell_m: f64) -> Vec<(usize, Prism)> {
    let mut cells: BTreeMap<(i64, i64), Cell> = BTreeMap::new();
    for item in left_out {
        let (size, place) = (item.bounds.size(), item.bounds.center().truncate());
        let area = size.x * size.y * FILLED;
        if size.z < 1.5 || area <= 0.0 {
            continue;
        }
        let at = (place / cell_m).floor();
        let cell = cells
            .entry((at.y as i64, at.x as i64))
            .or_insert_with(|| Cell { foot_m: f64::INFINITY, ..Cell::default() });
        cell.area_m2 += area;
        cell.volume_m3 += area * size.z;
        cell.moment += place * area;
        cell.foot_m = cell.foot_m.min(item.bounds.min.z);
        let volume = area * size.z;
        if volume > cell.largest.0 || (volume == cell.largest.0 && item.object < cell.largest.1) {
            cell.largest = (volume, item.object);
        }
    }
    let least = LEAST_COVER * cell_m * cell_m;
    cells.into_values().filter(|cell| cell.area_m2 >= least).map(|cell| (cell.largest.1, cell.block(cell_m))).collect()
}

impl Cell {
    fn block(&self, cell_m: f64) -> Prism {
        let half = self.area_m2.sqrt().min(cell_m * 0.94) * 0.5;
        let middle = self.moment / self.area_m2;
        let corner = |x: f64, y: f64| (middle + DVec2::new(x, y) * half).extend(self.foot_m);
        let ring = vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
        Prism { rings: vec![ring], extrusion: DVec3::Z * (self.volume_m3 / self.area_m2) }
    }
}
