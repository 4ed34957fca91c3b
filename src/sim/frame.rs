//! What a simulation publishes: plain data.

use glam::DVec2;
use xxhash_rust::xxh3::Xxh3Default;

/// A square grid in the site's east-north plane; `rows * columns` cells, southernmost row first, west to east.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SimGrid {
    /// Centre of the south-western cell, site frame, metres.
    pub origin_in_site: DVec2,
    /// Edge of a cell, metres.
    pub cell_m: f64,
    /// Cells from west to east.
    pub columns: usize,
    /// Cells from south to north.
    pub rows: usize,
    /// Height of the ground of each cell above the ellipsoid, metres; NaN where nothing is computed (buildings, outside).
    pub bed_m: Vec<f32>,
}

impl SimGrid {
    /// Level ground at height 0, with its corner cell at the site's origin.
    pub fn flat(columns: usize, rows: usize, cell_m: f64) -> Self {
        Self { origin_in_site: DVec2::ZERO, cell_m, columns, rows, bed_m: vec![0.0; columns * rows] }
    }

    /// How many cells.
    pub fn cells(&self) -> usize {
        self.columns * self.rows
    }

    /// Place in a frame of the cell that a point of the site lies in.
    pub fn cell_at(&self, place_in_site: DVec2) -> Option<usize> {
        let at = ((place_in_site - self.origin_in_site) / self.cell_m + 0.5).floor();
        let inside = at.x >= 0.0 && at.y >= 0.0 && at.x < self.columns as f64 && at.y < self.rows as f64;
        inside.then(|| at.y as usize * self.columns + at.x as usize)
    }
}

/// Sums over a frame and over the run up to it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SimStatistics {
    /// Water on the grid, m3.
    pub volume_m3: f64,
    /// Deepest water, metres.
    pub max_depth_m: f64,
    /// Ground under at least 1 cm of water, m2.
    pub wet_area_m2: f64,
    /// Rain that fell and water that was let in since the start, m3.
    pub inflow_m3: f64,
    /// Water that left over open edges since the start, m3.
    pub outflow_m3: f64,
    /// Steps computed since the start.
    pub steps: u64,
}

/// The state of a simulation at an instant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SimFrame {
    /// Seconds after the simulation's start.
    pub time_s: f64,
    /// Depth of the water of each cell of the grid, metres, in whole millimetres: what is recorded is what was shown.
    pub depth_m: Vec<f32>,
    /// Sums.
    pub statistics: SimStatistics,
}

impl SimFrame {
    /// A frame with depths rounded to millimetres. What is no depth (negative, NaN) is none.
    pub fn new(time_s: f64, mut depth_m: Vec<f32>, statistics: SimStatistics) -> Self {
        depth_m.iter_mut().for_each(|depth| *depth = millimetres(*depth) as f32 / 1000.0);
        Self { time_s, depth_m, statistics }
    }

    /// The depths in whole millimetres.
    pub fn depths_mm(&self) -> impl Iterator<Item = u32> + '_ {
        self.depth_m.iter().map(|depth| millimetres(*depth))
    }

    /// A number that is the same for the same time and depths, and differs otherwise for all practical purposes (XXH3).
    pub fn hash(&self) -> u64 {
        let mut hash = Xxh3Default::new();
        hash.update(&self.time_s.to_bits().to_le_bytes());
        let mut bytes = Vec::with_capacity(self.depth_m.len() * 4);
        self.depths_mm().for_each(|mm| bytes.extend_from_slice(&mm.to_le_bytes()));
        hash.update(&bytes);
        hash.digest()
    }
}

/// Saturating; 16 km of water is enough, and up to there a f32 of metres holds every millimetre.
fn millimetres(depth_m: f32) -> u32 {
    (f64::from(depth_m) * 1000.0).round().clamp(0.0, 16_000_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millimetres_survive_the_way_through_metres() {
        for mm in (0..16_000_000_u32).step_by(977) {
            assert_eq!(millimetres(mm as f32 / 1000.0), mm);
        }
        assert_eq!([millimetres(-1.0), millimetres(f32::NAN)], [0, 0]);
    }

    #[test]
    fn cells_are_found_by_their_area() {
        let grid = SimGrid { origin_in_site: DVec2::new(5.0, 5.0), ..SimGrid::flat(3, 2, 10.0) };
        assert_eq!(grid.cell_at(DVec2::new(0.1, 0.1)), Some(0));
        assert_eq!(grid.cell_at(DVec2::new(29.9, 19.9)), Some(5));
        assert_eq!(grid.cell_at(DVec2::new(30.1, 1.0)), None);
        assert_eq!(grid.cell_at(DVec2::new(-0.1, 1.0)), None);
        assert_eq!(grid.cell_at(DVec2::new(f64::NAN, 1.0)), None);
    }
}
