//! The local inertial scheme on a staggered grid: two sweeps a step, rows in parallel.
//!
//! P. D. Bates, M. S. Horritt, T. J. Fewtrell (2010), J. Hydrology 387, 33-45, eq. 11, with the average of neighbouring
//! discharges of G. A. M. de Almeida et al. (2012), Water Resour. Res. 48, W05528, eq. 10. Depths and beds are double
//! precision, so that water is conserved to rounding; discharges are single precision, which is where the time goes: both
//! sides of a face get the same number, so their precision has no part in conservation.
//!
//! The arrays have a rim of one blocked cell, so no loop asks about borders. A blocked cell is a very high one: the
//! formula itself lets no water cross its faces.

use crate::geometry::parallel;

/// Standard gravity, m/s2.
pub(super) const GRAVITY: f64 = 9.80665;
/// Height of a blocked cell above the datum, metres.
pub(super) const WALL_M: f64 = 1.0e6;
/// Water less deep than this does not flow, metres.
const DRY_M: f32 = 1.0e-4;
/// A cell gives away no more than this part of what it has, so that rounding never makes it negative.
const MOST_OUT: f32 = 0.999_999;
/// A cell with less water keeps it, metres: below, single precision loses its digits.
const LEAST_M: f64 = 1.0e-30;
/// Rows that one task takes.
const BAND: usize = 16;

/// Depths and discharges, with the rim.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Cells in a row with the rim.
    pub width: usize,
    /// Rows with the rim.
    pub height: usize,
    /// Ground above the datum, metres, a multiple of 2^-16.
    pub bed: Vec<f64>,
    /// Water depth, metres.
    pub depth: Vec<f64>,
    next_depth: Vec<f64>,
    /// Discharge a metre of width over the western (`flow_x`) and southern (`flow_y`) face of a cell, m2/s.
    flow_x: Vec<f32>,
    flow_y: Vec<f32>,
    next_x: Vec<f32>,
    next_y: Vec<f32>,
    /// Deepest water of each row.
    row_depth: Vec<f64>,
    /// Whether water crosses the four edges: west, east, south, north.
    open: [bool; 4],
}

/// One step's numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Length, seconds.
    pub dt_s: f64,
    /// Edge of a cell, metres.
    pub cell_m: f64,
    /// Manning's n, s/m^(1/3).
    pub manning: f64,
    /// Weight of a face's own discharge in the average with its neighbours (1: none of them).
    pub theta: f64,
    /// Rain in this step, metres.
    pub rain_m: f64,
}

/// Factors of the momentum equation, single precision.
#[derive(Clone, Copy)]
struct Factors {
    own: f32,
    others: f32,
    slope: f32,
    friction: f32,
}

/// The rows of one task in the first sweep.
struct FlowBand<'a> {
    first: usize,
    x: &'a mut [f32],
    y: &'a mut [f32],
}

/// The rows of one task in the second sweep.
struct DepthBand<'a> {
    first: usize,
    depth: &'a mut [f64],
    x: &'a mut [f32],
    y: &'a mut [f32],
    row_depth: &'a mut [f64],
}

impl State {
    /// Dry ground; `bed` and `depth` have the rim already.
    pub fn new(width: usize, height: usize, bed: Vec<f64>, depth: Vec<f64>, open: [bool; 4]) -> Self {
        let cells = width * height;
        let row_depth = depth.chunks(width).map(|row| row.iter().copied().fold(0.0, f64::max)).collect();
        Self {
            next_depth: depth.clone(),
            flow_x: vec![0.0; cells],
            flow_y: vec![0.0; cells],
            next_x: vec![0.0; cells],
            next_y: vec![0.0; cells],
            width,
            height,
            bed,
            depth,
            row_depth,
            open,
        }
    }

    /// Deepest water, metres.
    pub fn max_depth(&self) -> f64 {
        self.row_depth.iter().copied().fold(0.0, f64::max)
    }

    /// Whether any water moves.
    pub fn moves(&self) -> bool {
        self.flow_x.iter().chain(&self.flow_y).any(|q| *q != 0.0)
    }

    /// Adds water to a cell (with the rim counted), metres.
    pub fn add(&mut self, column: usize, row: usize, metres: f64) {
        if let Some(depth) = self.depth.get_mut(row * self.width + column) {
            *depth += metres;
            let depth = *depth;
            if let Some(deepest) = self.row_depth.get_mut(row) {
                *deepest = deepest.max(depth);
            }
        }
    }

    /// One step. `share` says how much of the rain each cell receives (1: its own; more beside roofs). Hands back the water
    /// that left over the open edges, m3.
    pub fn step(&mut self, step: Step, share: &[f32]) -> f64 {
        let active = self.active_rows(step.rain_m > 0.0);
        self.momentum(step, &active);
        let left = self.continuity(step, share, &active);
        std::mem::swap(&mut self.depth, &mut self.next_depth);
        left
    }

    /// Rows in which something can happen: they or a neighbour have water that flows, or it rains.
    fn active_rows(&self, rain: bool) -> Vec<bool> {
        let wet = |row: usize| self.row_depth.get(row).is_some_and(|depth| *depth > f64::from(DRY_M));
        (0..self.height).map(|row| rain || wet(row) || wet(row + 1) || row > 0 && wet(row - 1)).collect()
    }

    /// First sweep: discharges over the western and southern faces of every row, into the second set of arrays.
    fn momentum(&mut self, step: Step, active: &[bool]) {
        let scale = GRAVITY * step.dt_s;
        let factors = Factors {
            own: step.theta as f32,
            others: (0.5 * (1.0 - step.theta)) as f32,
            slope: (scale / step.cell_m) as f32,
            friction: (scale * step.manning * step.manning) as f32,
        };
        let Self { width, height, bed, depth, flow_x, flow_y, next_x, next_y, open, .. } = self;
        let (width, height, open) = (*width, *height, *open);
        let (bed, depth, flow_x, flow_y) = (&*bed, &*depth, &*flow_x, &*flow_y);
        let chunks = next_x.chunks_mut(width * BAND).zip(next_y.chunks_mut(width * BAND));
        let bands = chunks.enumerate().map(|(i, (x, y))| FlowBand { first: i * BAND, x, y }).collect();
        parallel::map(bands, |band: FlowBand<'_>| {
            for (i, (x, y)) in band.x.chunks_mut(width).zip(band.y.chunks_mut(width)).enumerate() {
                let row = band.first + i;
                if row == 0 {
                    continue;
                }
                if !active.get(row).copied().unwrap_or(false) {
                    x.fill(0.0);
                    y.fill(0.0);
                    continue;
                }
                let at = row * width;
                if row + 1 < height {
                    faces_x(&bed[at..at + width], &depth[at..at + width], &flow_x[at..at + width], x, factors);
                    open_edges_x(&depth[at..at + width], x, open);
                }
                faces_y(row, width, bed, depth, flow_y, y, factors);
                if open[2] && row == 1 {
                    edge(&depth[at..at + width], y, -1.0);
                }
                if open[3] && row + 1 == height {
                    edge(&depth[at - width..at], y, 1.0);
                }
            }
        });
    }

    /// Second sweep: discharges limited to the water that there is, depths, the deepest of each row.
    fn continuity(&mut self, step: Step, share: &[f32], active: &[bool]) -> f64 {
        let Self { width, height, depth, next_depth, flow_x, flow_y, next_x, next_y, row_depth, open, .. } = self;
        let (width, height, open) = (*width, *height, *open);
        let sweep =
            Sweep { width, height, depth, x: next_x, y: next_y, share, rain: step.rain_m, by: step.dt_s / step.cell_m };
        let chunks = next_depth.chunks_mut(width * BAND).zip(flow_x.chunks_mut(width * BAND));
        let chunks = chunks.zip(flow_y.chunks_mut(width * BAND)).zip(row_depth.chunks_mut(BAND));
        let bands = chunks.enumerate().map(|(i, (((depth, x), y), row_depth))| {
            let first = i * BAND;
            DepthBand { first, depth, x, y, row_depth }
        });
        let left = parallel::map(bands.collect(), |band: DepthBand<'_>| sweep.band(band, active, open));
        left.iter().sum::<f64>() * step.dt_s * step.cell_m
    }
}

/// What the second sweep reads.
struct Sweep<'a> {
    width: usize,
    height: usize,
    depth: &'a [f64],
    x: &'a [f32],
    y: &'a [f32],
    share: &'a [f32],
    rain: f64,
    /// Length of the step by the edge of a cell, s/m.
    by: f64,
}

impl Sweep<'_> {
    /// Does the rows of one band; hands back the discharge over open edges, m2/s summed over faces.
    fn band(&self, band: DepthBand<'_>, active: &[bool], open: [bool; 4]) -> f64 {
        let width = self.width;
        let mut left = 0.0;
        let mut keep = [vec![1.0_f32; width], vec![1.0; width], vec![1.0; width]];
        let mut ready = None;
        let rows = band.depth.chunks_mut(width).zip(band.x.chunks_mut(width)).zip(band.y.chunks_mut(width));
        for (i, (((depth, x), y), deepest)) in rows.zip(band.row_depth).enumerate() {
            let row = band.first + i;
            let at = row * width;
            if !active.get(row).copied().unwrap_or(false) || row == 0 {
                depth.copy_from_slice(&self.depth[at..at + width]);
                x.fill(0.0);
                y.fill(0.0);
                continue;
            }
            // `keep` holds the factors of the rows below, here and above; after the row before this one two are known.
            let known = if ready == Some(row - 1) { 2 } else { 0 };
            keep.rotate_left(known / 2);
            for (slot, limits) in keep.iter_mut().enumerate().skip(known) {
                self.outflow_limits(row + slot - 1, limits);
            }
            ready = Some(row);
            let [below, here, above] = &keep;
            limit(&self.x[at..at + width], &here[..], x);
            limit_between(&self.y[at..at + width], &below[..], &here[..], y);
            if row + 1 == self.height {
                left += if open[3] { y.iter().map(|q| f64::from(*q)).sum() } else { 0.0 };
                continue;
            }
            self.depths(row, x, y, [here, above], depth);
            *deepest = deepest_of(depth);
            left += edges_out(x, y, row, open);
        }
        left
    }

    /// For each cell of a row the part of its outflow that its water can pay for, at most 1.
    fn outflow_limits(&self, row: usize, limits: &mut [f32]) {
        if row == 0 || row + 1 >= self.height {
            limits.fill(1.0);
            return;
        }
        let (n, at) = (self.width - 1, row * self.width);
        let (west, east) = (&self.x[at..at + n], &self.x[at + 1..at + 1 + n]);
        let (south, north) = (&self.y[at..at + n], &self.y[at + self.width..at + self.width + n]);
        let (depth, limits, by) = (&self.depth[at..at + n], &mut limits[..n], self.by as f32);
        let out = |q: f32| if q > 0.0 { q } else { 0.0 };
        // First what there is, then the part: each loop in one precision.
        for i in 0..n {
            limits[i] = if depth[i] > LEAST_M { depth[i] as f32 } else { 0.0 };
        }
        for i in 0..n {
            let sum = (out(east[i]) + out(-west[i])) + (out(north[i]) + out(-south[i]));
            let part = MOST_OUT * limits[i] / (sum * by + 1.0e-30);
            limits[i] = if part < 1.0 { part } else { 1.0 };
        }
    }

    /// New depths of a row from its limited western and southern faces; the northern ones are limited here once more.
    fn depths(&self, row: usize, x: &[f32], y: &[f32], [here, above]: [&Vec<f32>; 2], depth: &mut [f64]) {
        let (n, at) = (self.width - 1, row * self.width);
        let old = &self.depth[at..at + n];
        let north = &self.y[at + self.width..at + self.width + n];
        let (west, east, south) = (&x[..n], &x[1..n + 1], &y[..n]);
        let (here, above, depth) = (&here[..n], &above[..n], &mut depth[..n]);
        for i in 0..n {
            let out = limited_one(north[i], here[i], above[i]);
            let net = (f64::from(west[i]) - f64::from(east[i])) + (f64::from(south[i]) - f64::from(out));
            depth[i] = old[i] + self.by * net;
        }
        // What fell over the western edge is gone.
        depth[0] = 0.0;
        if self.rain > 0.0 {
            let share = &self.share[at..at + n];
            for i in 0..n {
                depth[i] += self.rain * f64::from(share[i]);
            }
        }
    }
}

/// What a row of faces is computed from: the cells before and behind each, its own discharge and its neighbours'.
struct Faces<'a> {
    bed: [&'a [f64]; 2],
    depth: [&'a [f64]; 2],
    own: &'a [f32],
    around: [&'a [f32]; 2],
}

/// Faces that are computed at once: differences of levels in double precision first, then all the rest in single, so
/// that each loop fills whole vector registers.
const BLOCK: usize = 64;

impl Faces<'_> {
    /// The new discharge of every face.
    fn compute(&self, new: &mut [f32], factors: Factors) {
        let n = new.len();
        let ([bed_a, bed_b], [depth_a, depth_b]) = (self.bed.map(|b| &b[..n]), self.depth.map(|d| &d[..n]));
        let (own, [before, after]) = (&self.own[..n], self.around.map(|q| &q[..n]));
        let (mut rise, mut flow_depth) = ([0.0_f32; BLOCK], [0.0_f32; BLOCK]);
        for start in (0..n).step_by(BLOCK) {
            let m = BLOCK.min(n - start);
            let part = start..start + m;
            let (bed_a, bed_b) = (&bed_a[part.clone()], &bed_b[part.clone()]);
            let (depth_a, depth_b) = (&depth_a[part.clone()], &depth_b[part.clone()]);
            let (rise, flow_depth) = (&mut rise[..m], &mut flow_depth[..m]);
            for i in 0..m {
                let (level_a, level_b) = (bed_a[i] + depth_a[i], bed_b[i] + depth_b[i]);
                let top = if level_a > level_b { level_a } else { level_b };
                let sill = if bed_a[i] > bed_b[i] { bed_a[i] } else { bed_b[i] };
                rise[i] = (level_b - level_a) as f32;
                flow_depth[i] = (top - sill) as f32;
            }
            let (own, new) = (&own[part.clone()], &mut new[part.clone()]);
            let (before, after) = (&before[part.clone()], &after[part]);
            for i in 0..m {
                new[i] = discharge(rise[i], flow_depth[i], own[i], before[i] + after[i], factors);
            }
        }
    }
}

/// The momentum equation at one face (Bates et al. 2010, eq. 11; `around` is the sum of both neighbours' discharges).
#[inline(always)]
fn discharge(rise: f32, flow_depth: f32, q: f32, around: f32, factors: Factors) -> f32 {
    let wet = flow_depth > DRY_M;
    let d = if wet { flow_depth } else { DRY_M };
    let r = inverse_cube_root(d);
    let r2 = r * r;
    let pushed = factors.own * q + factors.others * around - factors.slope * d * rise;
    let q = pushed / (1.0 + factors.friction * q.abs() * (r2 * r2 * r2 * r));
    if wet { q } else { 0.0 }
}

/// x^(-1/3) to 5e-7 for normal positive numbers: a guess from the exponent, then three Newton steps (no library's `powf`:
/// this one vectorises and is the same on every machine).
#[inline(always)]
fn inverse_cube_root(x: f32) -> f32 {
    let mut r = f32::from_bits(0x54a2_1d2a - x.to_bits() / 3);
    let third = x * (1.0 / 3.0);
    for _ in 0..3 {
        r *= 4.0 / 3.0 - third * (r * r * r);
    }
    r
}

/// Faces between the cells of a row, from the second cell within the rim to the last.
fn faces_x(bed: &[f64], depth: &[f64], flow: &[f32], new: &mut [f32], factors: Factors) {
    let n = bed.len() - 2;
    let faces =
        Faces { bed: [bed, &bed[1..]], depth: [depth, &depth[1..]], own: &flow[1..], around: [flow, &flow[2..]] };
    faces.compute(&mut new[1..n + 1], factors);
}

/// Southern faces of a row.
fn faces_y(row: usize, width: usize, bed: &[f64], depth: &[f64], flow: &[f32], new: &mut [f32], factors: Factors) {
    let at = row * width;
    let before = at - width;
    // The northernmost faces lie on the rim: there is no row of faces beyond them.
    let after = if at + 2 * width <= flow.len() { at + width } else { at };
    let faces = Faces {
        bed: [&bed[before..], &bed[at..]],
        depth: [&depth[before..], &depth[at..]],
        own: &flow[at..],
        around: [&flow[before..], &flow[after..]],
    };
    faces.compute(&mut new[..width], factors);
}

/// Discharge over a free overfall: critical flow, q = sqrt(g) (2/3 h)^(3/2).
fn overfall(depth: f64) -> f32 {
    let critical = depth * (2.0 / 3.0);
    if depth > f64::from(DRY_M) { (critical * (GRAVITY * critical).sqrt()) as f32 } else { 0.0 }
}

fn open_edges_x(depth: &[f64], x: &mut [f32], open: [bool; 4]) {
    let last = depth.len() - 2;
    if open[0] {
        x[1] = -overfall(depth[1]);
    }
    if open[1] {
        x[last + 1] = overfall(depth[last]);
    }
}

fn edge(depth: &[f64], y: &mut [f32], outwards: f32) {
    let cells = 1..depth.len() - 1;
    y[cells.clone()].iter_mut().zip(&depth[cells]).for_each(|(q, d)| *q = outwards * overfall(*d));
}

/// Discharge that leaves a row over the western, eastern and southern edges, m2/s summed.
fn edges_out(x: &[f32], y: &[f32], row: usize, open: [bool; 4]) -> f64 {
    let west = if open[0] { -f64::from(x[1]) } else { 0.0 };
    let east = if open[1] { f64::from(x[x.len() - 1]) } else { 0.0 };
    let south = if open[2] && row == 1 { -y.iter().map(|q| f64::from(*q)).sum::<f64>() } else { 0.0 };
    west + east + south
}

/// Western faces limited by the cell that the water comes from.
fn limit(flow: &[f32], keep: &[f32], limited: &mut [f32]) {
    let n = flow.len() - 1;
    limit_between(&flow[1..], keep, &keep[1..], &mut limited[1..n + 1]);
}

/// Faces limited by the cell that the water comes from: `before` for positive discharges, `behind` for negative ones.
fn limit_between(flow: &[f32], before: &[f32], behind: &[f32], limited: &mut [f32]) {
    let n = limited.len();
    let (flow, before, behind) = (&flow[..n], &before[..n], &behind[..n]);
    for i in 0..n {
        limited[i] = limited_one(flow[i], before[i], behind[i]);
    }
}

/// One of the two products is zero; written without a choice so that it vectorises.
#[inline(always)]
fn limited_one(q: f32, before: f32, behind: f32) -> f32 {
    let (forth, back) = (if q > 0.0 { q } else { 0.0 }, if q < 0.0 { q } else { 0.0 });
    forth * before + back * behind
}

/// The greatest of a row, at least 0.
fn deepest_of(depth: &[f64]) -> f64 {
    let mut most = [0.0_f64; 8];
    let chunks = depth.chunks_exact(8);
    for d in chunks.remainder() {
        most[0] = most[0].max(*d);
    }
    for chunk in chunks {
        for (most, d) in most.iter_mut().zip(chunk) {
            *most = if *d > *most { *d } else { *most };
        }
    }
    most.iter().copied().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cube_root_is_good_over_all_depths() {
        let mut x = 1.0e-5_f32;
        while x < 1.0e5 {
            let exact = f64::from(x).powf(-1.0 / 3.0);
            let off = f64::from(inverse_cube_root(x)) / exact - 1.0;
            assert!(off.abs() < 5e-7, "{x}: {off:e}");
            x *= 1.01;
        }
    }
}
