//! How fast floods are computed.

use super::{Flood, FloodSetup, FloodTerrain, Hyetograph};
use crate::sim::{SimGrid, Simulation, SimulationError};

/// What a benchmark measured.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct FloodBench {
    /// Cells of the grid.
    pub cells: usize,
    /// Steps computed.
    pub steps: u64,
    /// How long they took, seconds.
    pub seconds: f64,
    /// Millions of cells times steps a second: what peers state.
    pub million_cell_steps_per_s: f64,
}

/// Rain on a rolling, wholly wet terrain of `side` x `side` cells for at least `steps` steps. `now` tells seconds.
pub fn bench_flood(side: usize, steps: u64, now: &dyn Fn() -> f64) -> Result<FloodBench, SimulationError> {
    let mut grid = SimGrid::flat(side, side, 10.0);
    for (i, bed) in grid.bed_m.iter_mut().enumerate() {
        let (x, y) = ((i % side.max(1)) as f32 / 17.0, (i / side.max(1)) as f32 / 23.0);
        *bed = x.sin() * y.cos();
    }
    let mut setup = FloodSetup {
        terrain: FloodTerrain::open(grid),
        rain: Hyetograph::from_mm_h(&[[0.0, 50.0]]),
        manning: 0.03,
        theta: 0.9,
        ..Default::default()
    };
    setup.fill_to(1.5);
    let mut flood = Flood::new(setup)?;
    let start = now();
    while flood.steps < steps {
        flood.advance_to(flood.time_s + 60.0)?;
    }
    let seconds = now() - start;
    let cells = side * side;
    let rate = cells as f64 * flood.steps as f64 / seconds.max(1e-9) / 1e6;
    Ok(FloodBench { cells, steps: flood.steps, seconds, million_cell_steps_per_s: rate })
}
