//! Surface flooding: water that runs over terrain and around buildings.
//!
//! `terrain` cuts a grid out of the ground and marks buildings, `forcing` says what rains and flows in, `scheme` computes a
//! step, and [`Flood`] chooses the steps, keeps the balance of the water and publishes frames.

mod bench;
mod forcing;
mod scheme;
mod terrain;

pub use bench::{FloodBench, bench_flood};
pub use forcing::{Hydrograph, Hyetograph};
pub use terrain::{Cell, FloodTerrain};

use self::scheme::{GRAVITY, State, Step, WALL_M};
use super::{SimFrame, SimGrid, SimStatistics, Simulation, SimulationError};

/// The Courant number of a step (Bates et al. 2010, eq. 12: 0.2 to 0.7).
const COURANT: f64 = 0.7;
/// Water is taken to be at least this deep when a step is chosen, metres.
const LEAST_DEPTH_FOR_STEP_M: f64 = 0.01;
/// The longest step, seconds.
const LONGEST_STEP_S: f64 = 30.0;
/// The part of all water that may be lost to rounding.
const BALANCE: f64 = 1.0e-6;
/// The largest grid, cells.
pub const MOST_CELLS: usize = 1 << 26;

/// What a flood starts from.
#[derive(Debug, Clone, Default)]
pub struct FloodSetup {
    /// Ground and buildings.
    pub terrain: FloodTerrain,
    /// Depth of the water of each cell at the start, metres; dry where empty.
    pub depth_m: Vec<f64>,
    /// Rain by time.
    pub rain: Hyetograph,
    /// Water let in at cells (numbers in the grid), evenly among them: springs, pumps, a river that comes in.
    pub inflows: Vec<(Vec<usize>, Hydrograph)>,
    /// Manning's n, s/m^(1/3).
    pub manning: f64,
    /// Weight of a face's own discharge against its neighbours', 0.7 to 1 (de Almeida et al. 2012): 1 is the scheme of
    /// 2010, less calms it on smooth ground.
    pub theta: f64,
    /// Whether water falls off the edges of the grid (and is counted): west, east, south, north.
    pub open_edges: [bool; 4],
    /// Seconds between two frames; steps end on them. Where 0, steps are cut by the rain alone.
    pub output_s: f64,
}

/// A running flood. Deterministic: the same setup gives the same bits, whatever the number of threads and calls.
#[derive(Debug, Clone)]
pub struct Flood {
    grid: SimGrid,
    state: State,
    share: Vec<f32>,
    share_sum: f64,
    setup: FloodSetup,
    time_s: f64,
    steps: u64,
    start_m3: f64,
    inflow_m3: f64,
    outflow_m3: f64,
}

impl FloodSetup {
    /// Water at rest at the start up to this height above the ellipsoid, metres.
    pub fn fill_to(&mut self, level_m: f64) {
        let level = terrain::rounded(level_m);
        let grid = &self.terrain.grid;
        let depth = |bed: &f32| if bed.is_nan() { 0.0 } else { (level - terrain::rounded(f64::from(*bed))).max(0.0) };
        self.depth_m = grid.bed_m.iter().map(depth).collect();
    }

    fn check(&self) -> Result<(), SimulationError> {
        let input = |text: String| Err(SimulationError::Input(text));
        let grid = &self.terrain.grid;
        let cells = grid.columns.checked_mul(grid.rows).filter(|n| (1..=MOST_CELLS).contains(n));
        let Some(cells) = cells else {
            return input(format!("a grid of {} x {} cells; at most {MOST_CELLS}", grid.columns, grid.rows));
        };
        if grid.bed_m.len() != cells || self.terrain.cells.len() != cells {
            return input(format!("{} heights for {cells} cells", grid.bed_m.len()));
        }
        if !(self.depth_m.is_empty() || self.depth_m.len() == cells) {
            return input(format!("{} depths for {cells} cells", self.depth_m.len()));
        }
        if self.depth_m.iter().any(|depth| !(0.0..WALL_M).contains(depth)) {
            return input("a depth below 0 or unknown".to_owned());
        }
        if !(grid.cell_m.is_finite() && grid.cell_m > 0.0) {
            return input(format!("cells of {} m", grid.cell_m));
        }
        if !(0.0..=10.0).contains(&self.manning) || !(0.0..=1.0).contains(&self.theta) {
            return input(format!("Manning's n {} or theta {} out of range", self.manning, self.theta));
        }
        if self.inflows.iter().any(|(at, _)| at.is_empty() || at.iter().any(|cell| !self.terrain.is_ground(*cell))) {
            return input("an inflow outside the ground".to_owned());
        }
        Ok(())
    }
}

impl Flood {
    /// A flood at its start. Water given on blocked cells is refused.
    pub fn new(setup: FloodSetup) -> Result<Self, SimulationError> {
        setup.check()?;
        let grid = setup.terrain.grid.clone();
        let (width, height) = (grid.columns + 2, grid.rows + 2);
        let datum = grid.bed_m.iter().copied().filter(|h| !h.is_nan()).fold(f32::INFINITY, f32::min).floor();
        let datum = if datum.is_finite() { f64::from(datum) } else { 0.0 };
        let mut bed = vec![WALL_M; width * height];
        let mut depth = vec![0.0; width * height];
        let mut share = vec![0.0_f32; width * height];
        let shares = setup.terrain.rain_shares();
        for (row, column) in (0..grid.rows).flat_map(|row| (0..grid.columns).map(move |column| (row, column))) {
            let (from, to) = (row * grid.columns + column, (row + 1) * width + column + 1);
            if setup.terrain.is_ground(from) {
                bed[to] = terrain::rounded(f64::from(grid.bed_m[from])) - datum;
                depth[to] = setup.depth_m.get(from).copied().unwrap_or(0.0);
                share[to] = shares[from];
            } else if setup.depth_m.get(from).is_some_and(|depth| *depth > 0.0) {
                return Err(SimulationError::Input(format!("water on the blocked cell {from}")));
            }
        }
        let state = State::new(width, height, bed, depth, setup.open_edges);
        let share_sum = share.chunks(width).map(|row| row.iter().map(|s| f64::from(*s)).sum::<f64>()).sum();
        let mut flood = Self {
            grid,
            state,
            share,
            share_sum,
            setup,
            time_s: 0.0,
            steps: 0,
            start_m3: 0.0,
            inflow_m3: 0.0,
            outflow_m3: 0.0,
        };
        flood.start_m3 = flood.volume_m3();
        Ok(flood)
    }

    /// Whether any water moves.
    pub fn moves(&self) -> bool {
        self.state.moves()
    }

    /// Height of the water above the ground of a cell, metres, to the last bit; 0 outside.
    pub fn depth_m(&self, cell: usize) -> f64 {
        let (row, column) = (cell / self.grid.columns + 1, cell % self.grid.columns + 1);
        self.state.depth.get(row * self.state.width + column).copied().unwrap_or(0.0)
    }

    /// Water lost or gained by the computation, by all water that there was; 0 is perfect.
    pub fn balance(&self) -> f64 {
        let there_was = self.start_m3 + self.inflow_m3;
        (self.volume_m3() + self.outflow_m3 - there_was) / there_was.max(f64::MIN_POSITIVE)
    }

    /// Row sums first, then their sum: the same order always.
    fn volume_m3(&self) -> f64 {
        let rows = self.state.depth.chunks(self.state.width).map(|row| row.iter().sum::<f64>());
        rows.sum::<f64>() * self.grid.cell_m * self.grid.cell_m
    }

    /// The next instant on which a step must end.
    fn next_cut_s(&self) -> f64 {
        let every = self.setup.output_s;
        let output = if every > 0.0 { ((self.time_s / every + 1e-9).floor() + 1.0) * every } else { f64::INFINITY };
        self.setup.rain.next_change_s(self.time_s).map_or(output, |change| output.min(change))
    }

    /// Length of the next step and the instant at its end.
    fn next_step(&self) -> (f64, f64) {
        let depth = self.state.max_depth().max(LEAST_DEPTH_FOR_STEP_M);
        let dt = (COURANT * self.grid.cell_m / (GRAVITY * depth).sqrt()).min(LONGEST_STEP_S);
        let cut = self.next_cut_s();
        let left = cut - self.time_s;
        match left {
            left if left <= dt => (left, cut),
            left if left < 2.0 * dt => (0.5 * left, self.time_s + 0.5 * left),
            _ => (dt, self.time_s + dt),
        }
    }

    fn step(&mut self, dt_s: f64, end_s: f64) {
        let area = self.grid.cell_m * self.grid.cell_m;
        let rain_m = self.setup.rain.rate_m_s(self.time_s) * dt_s;
        self.inflow_m3 += rain_m * self.share_sum * area;
        for (cells, hydrograph) in &self.setup.inflows {
            let volume = hydrograph.discharge_m3_s(self.time_s + 0.5 * dt_s).max(0.0) * dt_s;
            self.inflow_m3 += volume;
            for cell in cells {
                let (row, column) = (cell / self.grid.columns + 1, cell % self.grid.columns + 1);
                self.state.add(column, row, volume / (area * cells.len() as f64));
            }
        }
        let (manning, theta, cell_m) = (self.setup.manning, self.setup.theta, self.grid.cell_m);
        self.outflow_m3 += self.state.step(Step { dt_s, cell_m, manning, theta, rain_m }, &self.share);
        self.time_s = end_s;
        self.steps += 1;
    }

    fn check(&self) -> Result<(), SimulationError> {
        let (time_s, relative) = (self.time_s, self.balance());
        match relative.is_finite() && self.state.max_depth() < WALL_M {
            false => Err(SimulationError::Unstable { time_s }),
            true if relative.abs() > BALANCE => Err(SimulationError::MassLost { time_s, relative }),
            true => Ok(()),
        }
    }
}

impl Simulation for Flood {
    fn kind(&self) -> &str {
        "flood"
    }

    fn grid(&self) -> &SimGrid {
        &self.grid
    }

    fn advance_to(&mut self, time_s: f64) -> Result<(), SimulationError> {
        if time_s < self.time_s && self.steps > 0 {
            return Err(SimulationError::Backwards { from_s: self.time_s, to_s: time_s });
        }
        loop {
            let (dt, end) = self.next_step();
            // Negated, so that a time that is no number ends the loop too.
            if end.partial_cmp(&time_s).is_none_or(std::cmp::Ordering::is_gt) {
                return self.check();
            }
            self.step(dt, end);
        }
    }

    fn publish(&self) -> SimFrame {
        let area = self.grid.cell_m * self.grid.cell_m;
        let rows = self.state.depth.chunks(self.state.width).skip(1).take(self.grid.rows);
        let depths: Vec<f64> = rows.flat_map(|row| row.iter().skip(1).take(self.grid.columns)).copied().collect();
        let statistics = SimStatistics {
            volume_m3: self.volume_m3(),
            max_depth_m: self.state.max_depth(),
            wet_area_m2: depths.iter().filter(|depth| **depth >= 0.01).count() as f64 * area,
            inflow_m3: self.inflow_m3,
            outflow_m3: self.outflow_m3,
            steps: self.steps,
        };
        SimFrame::new(self.time_s, depths.iter().map(|depth| *depth as f32).collect(), statistics)
    }
}
