//! The ground that a flood runs over.

use glam::{DVec2, DVec3};

use crate::geometry::HeightGrid;
use crate::sim::SimGrid;

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cell {
    /// Water can be here.
    #[default]
    Ground,
    /// A building: water goes around it, rain on its roof runs to the nearest ground.
    Building,
    /// Not part of the computation.
    Outside,
}

/// A grid of ground, with buildings on it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FloodTerrain {
    /// Where the cells are; their beds are NaN where they are not ground.
    pub grid: SimGrid,
    /// What each cell is.
    pub cells: Vec<Cell>,
}

/// To 2^-16 m (15 micrometres): sums of bed and depth are then exact, and still water stays still to the last bit.
pub(super) fn rounded(metres: f64) -> f64 {
    (metres * 65_536.0).round() / 65_536.0
}

impl FloodTerrain {
    /// Open ground; cells with an unknown height are outside.
    pub fn open(grid: SimGrid) -> Self {
        let cells = grid.bed_m.iter().map(|h| if h.is_finite() { Cell::Ground } else { Cell::Outside }).collect();
        Self { grid, cells }
    }

    /// The ground between two corners (site frame, metres) in cells of `cell_m`, from heights at the cells' centres.
    /// Buildings are polygons in the site frame, outer ring first; a cell is one where its centre lies in one.
    pub fn cut(
        ground: &HeightGrid,
        corners_in_site: [DVec2; 2],
        cell_m: f64,
        buildings: impl IntoIterator<Item = Vec<Vec<DVec3>>>,
    ) -> Self {
        let [low, high] = [corners_in_site[0].min(corners_in_site[1]), corners_in_site[0].max(corners_in_site[1])];
        let size = ((high - low) / cell_m).ceil().clamp(DVec2::ZERO, DVec2::splat(65_536.0));
        let (columns, rows) = (size.x as usize, size.y as usize);
        let origin = low + 0.5 * cell_m;
        let centre = |i: usize| origin + DVec2::new((i % columns) as f64, (i / columns) as f64) * cell_m;
        let height = |i: usize| ground.sample(centre(i)).map_or(f32::NAN, |h| h as f32);
        let bed_m = (0..columns * rows).map(height).collect();
        let mut terrain = Self::open(SimGrid { origin_in_site: origin, cell_m, columns, rows, bed_m });
        for rings in buildings {
            terrain.build(&rings);
        }
        terrain
    }

    /// Puts a building on its cells: those whose centre lies inside the rings by the even-odd rule.
    pub fn build(&mut self, rings_in_site: &[Vec<DVec3>]) {
        let grid = &self.grid;
        let to_cells = |p: &DVec3| (p.truncate() - grid.origin_in_site) / grid.cell_m;
        let rings: Vec<Vec<DVec2>> = rings_in_site.iter().map(|ring| ring.iter().map(to_cells).collect()).collect();
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        rings.iter().flatten().for_each(|p| (low, high) = (low.min(p.y), high.max(p.y)));
        let first = low.ceil().clamp(0.0, grid.rows as f64) as usize;
        let last = (high.floor() + 1.0).clamp(0.0, grid.rows as f64) as usize;
        let columns = grid.columns;
        for row in first..last {
            let crossings = crossings(&rings, row as f64);
            for pair in crossings.chunks_exact(2) {
                let from = pair[0].ceil().clamp(0.0, columns as f64) as usize;
                let to = (pair[1].floor() + 1.0).clamp(0.0, columns as f64) as usize;
                for cell in row * columns + from..row * columns + to.max(from) {
                    if self.cells.get(cell) == Some(&Cell::Ground) {
                        self.cells[cell] = Cell::Building;
                        self.grid.bed_m[cell] = f32::NAN;
                    }
                }
            }
        }
    }

    /// Whether water can be in a cell.
    pub fn is_ground(&self, cell: usize) -> bool {
        self.cells.get(cell) == Some(&Cell::Ground) && self.grid.bed_m.get(cell).is_some_and(|h| h.is_finite())
    }

    /// How much rain each cell receives, in its own rain. A roof's rain goes, ring by ring from the inside, in equal parts
    /// to the neighbours that are nearer to the ground; that of a roof without ground around it is lost.
    pub fn rain_shares(&self) -> Vec<f32> {
        let (layers, distance) = self.roof_layers();
        let received = |cell: &Cell| if *cell == Cell::Outside { 0.0 } else { 1.0 };
        let mut share: Vec<f64> = self.cells.iter().map(received).collect();
        for layer in layers.iter().skip(1).rev() {
            for &cell in layer {
                let nearer: Vec<usize> = self
                    .neighbours(cell)
                    .filter(|n| distance[*n].is_some_and(|d| Some(d + 1) == distance[cell]))
                    .collect();
                let part = share[cell] / nearer.len().max(1) as f64;
                nearer.iter().for_each(|n| share[*n] += part);
            }
        }
        let ground = |(cell, share): (usize, &f64)| if self.is_ground(cell) { *share as f32 } else { 0.0 };
        share.iter().enumerate().map(ground).collect()
    }

    /// Ground (layer 0), roofs beside it (1), roofs beside those (2) and so on, and each cell's layer.
    fn roof_layers(&self) -> (Vec<Vec<usize>>, Vec<Option<u32>>) {
        let mut distance: Vec<Option<u32>> =
            (0..self.cells.len()).map(|cell| self.is_ground(cell).then_some(0)).collect();
        let mut layers = vec![(0..self.cells.len()).filter(|cell| self.is_ground(*cell)).collect::<Vec<_>>()];
        while let Some(layer) = layers.last().filter(|layer| !layer.is_empty()) {
            let mut next = Vec::new();
            for neighbour in layer.iter().flat_map(|cell| self.neighbours(*cell)) {
                if distance[neighbour].is_none() && self.cells[neighbour] == Cell::Building {
                    distance[neighbour] = Some(layers.len() as u32);
                    next.push(neighbour);
                }
            }
            layers.push(next);
        }
        (layers, distance)
    }

    fn neighbours(&self, cell: usize) -> impl Iterator<Item = usize> + use<> {
        let (columns, rows) = (self.grid.columns, self.grid.rows);
        let (column, row) = (cell % columns, cell / columns);
        let west = (column > 0).then(|| cell - 1);
        let east = (column + 1 < columns).then_some(cell + 1);
        let south = (row > 0).then(|| cell - columns);
        let north = (row + 1 < rows).then_some(cell + columns);
        [west, east, south, north].into_iter().flatten()
    }
}

/// Where a line of constant y crosses the rings, rising.
fn crossings(rings: &[Vec<DVec2>], y: f64) -> Vec<f64> {
    let mut found = Vec::new();
    for ring in rings {
        let ends = ring.iter().zip(ring.iter().cycle().skip(1));
        for (a, b) in ends.filter(|(a, b)| (a.y <= y) != (b.y <= y)) {
            found.push(a.x + (b.x - a.x) * (y - a.y) / (b.y - a.y));
        }
    }
    found.sort_by(f64::total_cmp);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(low: f64, high: f64) -> Vec<DVec3> {
        [(low, low), (high, low), (high, high), (low, high)].map(|(x, y)| DVec3::new(x, y, 0.0)).to_vec()
    }

    #[test]
    fn buildings_with_courtyards_take_the_cells_in_them_and_give_their_rain_away() {
        let mut terrain = FloodTerrain::open(SimGrid::flat(9, 9, 1.0));
        terrain.build(&[square(1.5, 6.5), square(3.5, 4.5)]);
        let built = terrain.cells.iter().filter(|cell| **cell == Cell::Building).count();
        assert_eq!(built, 24, "5 x 5 less the courtyard");
        assert!(terrain.is_ground(4 * 9 + 4));
        let shares = terrain.rain_shares();
        assert!((shares.iter().map(|s| f64::from(*s)).sum::<f64>() - 81.0).abs() < 1e-5, "no rain is lost");
        assert!(shares[4 * 9 + 4] > 1.0 && shares[9 + 4] > 1.0 && shares[4 * 9 + 2] == 0.0);
    }

    #[test]
    fn a_cut_takes_heights_at_cell_centres() {
        let heights_m = (0..121).map(|i| (i % 11) as f32 * 10.0).collect();
        let ground = HeightGrid { origin_in_site: DVec2::ZERO, cell_m: 10.0, columns: 11, rows: 11, heights_m };
        let corners = [DVec2::new(80.0, 40.0), DVec2::new(20.0, 120.0)];
        let terrain = FloodTerrain::cut(&ground, corners, 20.0, []);
        assert_eq!((terrain.grid.columns, terrain.grid.rows), (3, 4));
        assert_eq!(&terrain.grid.bed_m[..3], &[30.0, 50.0, 70.0]);
        assert_eq!(terrain.cells[11], Cell::Outside, "beyond the ground's edge");
    }
}
