//! Environment Agency 2D benchmark, test 5 (valley flooding after a dam failure; report SC120002, 2013).
//!
//! The data are not ours to hand on: they stand in the repository nnuxdw/LISFLOOD-FP-8.1, folder `testing/UoS/T06`, where
//! `ea5-10m.dem.raw` is to be unpacked. `cargo run --release --no-default-features --example ea_test5 -- FOLDER [CELL_M]`
//! floods the valley for 30 hours with cells of 50 m (a multiple of 10) and tells the peak level of each gauge.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use veduta::sim::flood::{Flood, FloodSetup, FloodTerrain, Hydrograph};
use veduta::sim::{SimGrid, Simulation};

/// Fine cells of the terrain, metres.
const FINE_M: f64 = 10.0;
/// Discharge over each metre of the line of inflow, m2/s, by seconds (`ea5.bdy`): 3 000 m3/s over its 20 fine cells.
const INFLOW: [(f64, f64); 5] = [(0.0, 0.0), (300.0, 0.0), (600.0, 15.0), (1200.0, 15.0), (6000.0, 0.0)];
/// Peak levels of LISFLOOD-FP 8.1 with its local inertial and its finite volume solver, metres.
const PEER: [(f64, f64); 7] = [
    (174.67, 174.78),
    (165.99, 166.24),
    (155.83, 155.99),
    (152.18, 152.30),
    (148.63, 148.67),
    (173.72, 173.75),
    (155.69, 155.76),
];

/// The terrain as it is written: rows from the north, -9999 where there is none.
struct Fine {
    columns: usize,
    rows: usize,
    west: f64,
    south: f64,
    heights: Vec<f64>,
}

impl Fine {
    fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{error}: {}", path.display()))?;
        let mut words = text.split_ascii_whitespace();
        let mut header = || -> Result<f64, Box<dyn Error>> { Ok(words.nth(1).ok_or("the header is cut")?.parse()?) };
        let [columns, rows, west, south] = [header()?, header()?, header()?, header()?];
        header()?;
        header()?;
        let heights = words.map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let (columns, rows) = (columns as usize, rows as usize);
        if heights.len() != columns * rows {
            return Err(format!("{} heights for {columns} x {rows}", heights.len()).into());
        }
        Ok(Self { columns, rows, west, south, heights })
    }

    /// Cells of `factor` fine ones a side, rows from the south, each as high as its fine ones on the average.
    fn coarse(&self, factor: usize) -> SimGrid {
        let (columns, rows) = (self.columns / factor, self.rows / factor);
        let mut grid = SimGrid::flat(columns, rows, FINE_M * factor as f64);
        for (i, bed) in grid.bed_m.iter_mut().enumerate() {
            let (column, row) = (i % columns * factor, i / columns * factor);
            let fine = (0..factor * factor).map(|k| (column + k % factor, self.rows - 1 - row - k / factor));
            let known: Vec<f64> =
                fine.map(|(x, y)| self.heights[y * self.columns + x]).filter(|height| *height > -9000.0).collect();
            *bed = if known.is_empty() { f32::NAN } else { (known.iter().sum::<f64>() / known.len() as f64) as f32 };
        }
        grid
    }

    /// The cell of a grid of `coarse` that a point stands in.
    fn cell(&self, grid: &SimGrid, [x, y]: [f64; 2]) -> usize {
        let [column, row] = [x - self.west, y - self.south].map(|offset| (offset / grid.cell_m) as usize);
        row * grid.columns + column
    }
}

fn points(path: &Path, skip: usize) -> Result<Vec<[f64; 2]>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{error}: {}", path.display()))?;
    let mut points = Vec::new();
    for line in text.lines().filter(|line| line.split_ascii_whitespace().count() >= 2) {
        let mut words = line.split_ascii_whitespace().skip(skip);
        let mut number = || -> Result<f64, Box<dyn Error>> { Ok(words.next().ok_or("a line is cut")?.parse()?) };
        points.push([number()?, number()?]);
    }
    Ok(points)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("give the folder with ea5-10m.dem.raw, ea5-10m.bci and ea5.stage")?;
    let folder = Path::new(&folder);
    let cell_m: f64 = arguments.next().map_or(Ok(50.0), |text| text.parse())?;
    let fine = Fine::read(&folder.join("ea5-10m.dem.raw"))?;
    let grid = fine.coarse((cell_m / FINE_M) as usize);
    let sources = points(&folder.join("ea5-10m.bci"), 1)?;
    let width_m = FINE_M * sources.len() as f64;
    let inflow: BTreeSet<usize> = sources.iter().map(|place| fine.cell(&grid, *place)).collect();
    let hydrograph = Hydrograph::new(INFLOW.iter().map(|(seconds, rate)| (*seconds, rate * width_m)).collect());
    let gauges: Vec<usize> =
        points(&folder.join("ea5.stage"), 0)?.iter().map(|place| fine.cell(&grid, *place)).collect();
    let ground = grid.bed_m.iter().filter(|bed| !bed.is_nan()).count();
    println!("{} x {} cells of {} m, {ground} of them valley", grid.columns, grid.rows, grid.cell_m);
    let beds: Vec<f64> = gauges.iter().map(|cell| f64::from(grid.bed_m[*cell])).collect();
    let mut flood = Flood::new(FloodSetup {
        terrain: FloodTerrain::open(grid),
        inflows: vec![(inflow.into_iter().collect(), hydrograph)],
        manning: 0.04,
        theta: 0.9,
        output_s: 60.0,
        ..FloodSetup::default()
    })?;
    let begin = Instant::now();
    let mut peaks = vec![(0.0, 0); gauges.len()];
    for minute in 1..=1800_u32 {
        flood.advance_to(f64::from(minute) * 60.0)?;
        for (peak, cell) in peaks.iter_mut().zip(&gauges) {
            let depth = flood.depth_m(*cell);
            *peak = if depth > peak.0 { (depth, minute) } else { *peak };
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let statistics = flood.publish().statistics;
    println!(
        "{} steps in {seconds:.1} s, {:.4e} m3 in, balance {:e}",
        statistics.steps,
        statistics.inflow_m3,
        flood.balance()
    );
    println!("gauge  peak level m (at min)   peer: local inertia, finite volume");
    for (i, (((depth, minute), bed), (inertial, volume))) in peaks.iter().zip(&beds).zip(PEER).enumerate() {
        println!("P{}     {:.2} ({minute})   {inertial:.2}, {volume:.2}", i + 1, bed + depth);
    }
    Ok(())
}
