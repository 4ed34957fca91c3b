//! Surface flooding against answers that are known: rest, conservation, symmetry, normal flow, the dam break it gets wrong.

use std::sync::Arc;

use glam::DVec3;
use proptest::prelude::*;
use veduta::sim::flood::{Flood, FloodSetup, FloodTerrain, Hydrograph, Hyetograph};
use veduta::sim::{RecordedSimulation, Recording, SimGrid, Simulation, SimulationError};

const GRAVITY: f64 = 9.80665;

/// Rough ground by a fixed recipe, metres.
fn rough(columns: usize, rows: usize, seed: u64) -> SimGrid {
    let mut state = seed | 1;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    let mut grid = SimGrid::flat(columns, rows, 5.0);
    for (i, bed) in grid.bed_m.iter_mut().enumerate() {
        let (x, y) = ((i % columns) as f32, (i / columns) as f32);
        *bed = 812.3 + 2.0 * (x / 7.0).sin() * (y / 5.0).cos() + random();
    }
    grid
}

fn square(low: f64, high: f64) -> Vec<Vec<DVec3>> {
    vec![[(low, low), (high, low), (high, high), (low, high)].map(|(x, y)| DVec3::new(x, y, 0.0)).to_vec()]
}

fn town(columns: usize, rows: usize, seed: u64) -> FloodSetup {
    let mut terrain = FloodTerrain::open(rough(columns, rows, seed));
    terrain.build(&square(42.0, 81.0));
    terrain.build(&square(97.0, 108.0));
    FloodSetup { terrain, manning: 0.03, theta: 0.9, output_s: 60.0, ..Default::default() }
}

#[test]
fn still_water_stays_still_to_the_last_bit() {
    let mut setup = town(40, 30, 3);
    setup.fill_to(812.7);
    let mut flood = Flood::new(setup).unwrap();
    let before: Vec<u64> = (0..1200).map(|cell| flood.depth_m(cell).to_bits()).collect();
    assert!(before.contains(&0) && before.iter().any(|d| f64::from_bits(*d) > 1.0), "islands and deep water");
    flood.advance_to(36_000.0).unwrap();
    assert!(!flood.moves());
    let after: Vec<u64> = (0..1200).map(|cell| flood.depth_m(cell).to_bits()).collect();
    assert_eq!(before, after);
}

#[test]
fn water_is_conserved_behind_walls_and_over_edges() {
    for open_edges in [[false; 4], [true; 4], [true, false, false, true]] {
        let setup =
            FloodSetup { rain: Hyetograph::from_mm_h(&[[0.0, 120.0], [900.0, 0.0]]), open_edges, ..town(60, 50, 11) };
        let mut flood = Flood::new(setup).unwrap();
        flood.advance_to(7200.0).unwrap();
        let statistics = flood.publish().statistics;
        let rain = 0.12 * 0.25 * 60.0 * 50.0 * 25.0;
        assert!((statistics.inflow_m3 / rain - 1.0).abs() < 1e-6, "rain on roofs counts too: {statistics:?}");
        assert!(flood.balance().abs() < 1e-12, "{:e}", flood.balance());
        assert_eq!(statistics.outflow_m3 > 0.0, open_edges[0]);
        assert!((0..3000).all(|cell| flood.depth_m(cell) >= 0.0));
    }
}

#[test]
fn no_water_stands_in_buildings() {
    let setup = FloodSetup { rain: Hyetograph::from_mm_h(&[[0.0, 300.0]]), ..town(40, 40, 5) };
    let terrain = setup.terrain.clone();
    let mut flood = Flood::new(setup).unwrap();
    flood.advance_to(3600.0).unwrap();
    assert!((0..1600).all(|cell| terrain.is_ground(cell) || flood.depth_m(cell) == 0.0));
}

/// A round hill in a basin with a pond on it, the same seen from all sides.
#[test]
fn a_symmetric_start_stays_symmetric_to_the_last_bit() {
    let n = 41;
    let mut grid = SimGrid::flat(n, n, 10.0);
    let radius = |cell: usize| {
        let (x, y) = ((cell % n) as f32 - 20.0, (cell / n) as f32 - 20.0);
        (x * x + y * y).sqrt()
    };
    (0..n * n).for_each(|cell| grid.bed_m[cell] = 3.0 * (-radius(cell) / 8.0).exp());
    let depth_m = (0..n * n).map(|cell| if radius(cell) < 6.0 { 2.0 } else { 0.0 }).collect();
    let terrain = FloodTerrain::open(grid);
    let setup = FloodSetup { terrain, depth_m, manning: 0.03, theta: 0.8, output_s: 10.0, ..Default::default() };
    let mut flood = Flood::new(setup).unwrap();
    for time in [10.0, 60.0, 300.0] {
        flood.advance_to(time).unwrap();
        for (x, y) in (0..n).flat_map(|y| (0..n).map(move |x| (x, y))) {
            let here = flood.depth_m(y * n + x).to_bits();
            for other in [y * n + (n - 1 - x), (n - 1 - y) * n + x, x * n + y] {
                assert_eq!(here, flood.depth_m(other).to_bits(), "({x}, {y}) at {time} s");
            }
        }
    }
    assert!(flood.moves());
}

fn hash_of_run(calls: &[f64], threads: usize) -> u64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let rain = Hyetograph::from_mm_h(&[[0.0, 80.0], [333.0, 10.0]]);
        let mut flood = Flood::new(FloodSetup { rain, ..town(70, 90, 21) }).unwrap();
        calls.iter().for_each(|time| flood.advance_to(*time).unwrap());
        flood.publish().hash()
    })
}

#[test]
fn neither_threads_nor_calls_change_a_bit() {
    let once = hash_of_run(&[1200.0], 1);
    assert_eq!(once, hash_of_run(&[1200.0], 4));
    assert_eq!(once, hash_of_run(&[7.0, 7.5, 100.0, 333.1, 1199.0, 1200.0], 2));
    assert_ne!(once, hash_of_run(&[1140.0], 1));
}

/// Normal depth of a wide channel, h = (q n / sqrt S)^(3/5) (Manning): what a local inertial scheme must get right.
#[test]
fn steady_flow_down_a_slope_has_its_normal_depth() {
    let (columns, rows, slope, manning, discharge) = (120, 5, 1e-3, 0.03, 1.0);
    let mut grid = SimGrid::flat(columns, rows, 20.0);
    grid.bed_m
        .iter_mut()
        .enumerate()
        .for_each(|(i, bed)| *bed = ((columns - i % columns) as f64 * 20.0 * slope) as f32);
    let inflow: Vec<usize> = (0..rows).map(|row| row * columns).collect();
    let mut flood = Flood::new(FloodSetup {
        terrain: FloodTerrain::open(grid),
        inflows: vec![(inflow, Hydrograph::new(vec![(0.0, discharge * 20.0 * rows as f64)]))],
        manning,
        theta: 0.9,
        open_edges: [false, true, false, false],
        ..Default::default()
    })
    .unwrap();
    flood.advance_to(14_400.0).unwrap();
    let exact = (discharge * manning / slope.sqrt()).powf(0.6);
    let middle = flood.depth_m(2 * columns + columns / 3);
    assert!((middle / exact - 1.0).abs() < 0.002, "{middle} m, normal depth {exact} m");
}

/// Depth of Stoker's wet-bed dam break (J. J. Stoker, Water Waves, 1957, section 10.8) at x from the dam, time t.
fn stoker(x: f64, t: f64, left: f64, right: f64) -> f64 {
    let (c_left, c_right) = ((GRAVITY * left).sqrt(), (GRAVITY * right).sqrt());
    // The middle state by bisection on the shock's speed.
    let middle = |shock: f64| 0.5 * right * ((1.0 + 8.0 * (shock / c_right).powi(2)).sqrt() - 1.0);
    let miss = |shock: f64| {
        let depth = middle(shock);
        let speed = shock * (1.0 - right / depth);
        speed + 2.0 * (GRAVITY * depth).sqrt() - 2.0 * c_left
    };
    let (mut low, mut high) = (c_right * 1.000_001, c_right + 3.0 * c_left);
    for _ in 0..200 {
        let at = 0.5 * (low + high);
        if miss(at) < 0.0 { low = at } else { high = at }
    }
    let (shock, depth) = (low, middle(low));
    let speed = shock * (1.0 - right / depth);
    match x / t {
        u if u < -c_left => left,
        u if u < speed - (GRAVITY * depth).sqrt() => (2.0 * c_left - u).powi(2) / (9.0 * GRAVITY),
        u if u < shock => depth,
        _ => right,
    }
}

/// Depth of the same dam break by the local inertial equations themselves, h_t + q_x = 0 and q_t + (g h^2 / 2)_x = 0: with
/// their Riemann invariants q +- 2/3 sqrt(g) h^(3/2) a rarefaction h = u^2 / g to the left, with their jump conditions
/// s^2 = g (h + h_right) / 2 and q = s (h - h_right) a shock to the right, u being x / t.
fn local_inertial(u: f64, left: f64, right: f64) -> f64 {
    let shock = |depth: f64| (GRAVITY * (depth + right) / 2.0).sqrt();
    let fan = |depth: f64| 2.0 / 3.0 * GRAVITY.sqrt() * (left.powf(1.5) - depth.powf(1.5));
    let (mut low, mut high) = (right, left);
    for _ in 0..200 {
        let at = 0.5 * (low + high);
        if fan(at) > shock(at) * (at - right) { low = at } else { high = at }
    }
    match u {
        u if u < -(GRAVITY * left).sqrt() => left,
        u if u < -(GRAVITY * low).sqrt() => u * u / GRAVITY,
        u if u < shock(low) => low,
        _ => right,
    }
}

/// Relative L1 differences of a computed dam break from Stoker's and from the local inertial equations', and of these two
/// from each other. Everything is a function of x / t, so the only choice is how far the waves have come: the fastest, at
/// sqrt(g left), over four fifths of its half of the channel.
fn dam_break(columns: usize, left: f64, right: f64) -> [f64; 3] {
    let (rows, cell) = (3, 100.0 / columns as f64);
    let time = 0.8 * 50.0 / (GRAVITY * left).sqrt();
    let grid = SimGrid::flat(columns, rows, cell);
    let depth_m = (0..columns * rows).map(|i| if i % columns < columns / 2 { left } else { right }).collect();
    let terrain = FloodTerrain::open(grid);
    let setup = FloodSetup { terrain, depth_m, theta: 0.8, output_s: time, ..Default::default() };
    let mut flood = Flood::new(setup).unwrap();
    flood.advance_to(time).unwrap();
    assert!(flood.balance().abs() < 1e-12);
    let (mut differences, mut sum) = ([0.0; 3], 0.0);
    for column in 0..columns {
        let x = (column as f64 + 0.5 - columns as f64 / 2.0) * cell;
        let (computed, full) = (flood.depth_m(columns + column), stoker(x, time, left, right));
        let own = local_inertial(x / time, left, right);
        let pairs = [(computed, full), (computed, own), (own, full)];
        pairs.iter().zip(&mut differences).for_each(|((a, b), sum)| *sum += (a - b).abs());
        sum += full;
    }
    differences.map(|difference| difference / sum)
}

/// A weak dam break, 10 m against 9 m, where the scheme is made for: it comes to the exact solution of its equations as
/// cells shrink (a shock that is some cells wide allows no more than first order in L1), and these are 0.2 % from Stoker's.
#[test]
fn a_weak_dam_break_converges() {
    let found = [100, 200, 400, 800].map(|columns| dam_break(columns, 10.0, 9.0));
    println!("{found:.5?}");
    let order = (found[0][1] / found[3][1]).log2() / 3.0;
    assert!((0.4..1.1).contains(&order), "order {order}");
    assert!(found.windows(2).all(|pair| pair[1][1] < 0.8 * pair[0][1]) && found[3][1] < 0.001, "{found:?}");
    assert!(found[3][0] < 0.0025 && (found[3][2] - 0.0021).abs() < 0.0002, "{found:?}");
}

/// A strong one, 10 m against 1 m, is wrong, because the equations have no advection: by 27 % in L1 over this channel,
/// whatever the cells; the scheme by no more. (A peer's local inertial solver states 0.127 for waves that have come less
/// far over the channel; full shallow water solvers have 0.003 to 0.013.)
#[test]
fn a_strong_dam_break_is_wrong_by_what_the_equations_lack() {
    assert!((stoker(5.0, 1.0, 10.0, 1.0) - 3.961_748).abs() < 1e-6, "the exact solution itself");
    let found = [200, 400, 800].map(|columns| dam_break(columns, 10.0, 1.0));
    println!("{found:.4?}");
    for [from_full, from_own, own_from_full] in found {
        assert!((own_from_full - 0.267).abs() < 0.001, "{own_from_full}");
        assert!((from_full - own_from_full).abs() < 0.015, "{from_full} {own_from_full}");
        assert!(from_own < 0.07, "the jump is told by a depth that is not the mean of both sides: {from_own}");
    }
}

#[test]
fn a_run_is_recorded_and_played_back_bit_for_bit() {
    let setup = || FloodSetup { rain: Hyetograph::from_mm_h(&[[0.0, 100.0]]), ..town(30, 30, 2) };
    let run = || Recording::run(&mut Flood::new(setup()).unwrap(), ("storm", 2), 600.0, 60.0).unwrap();
    let (first, second) = (run(), run());
    assert_eq!(first.bytes(), second.bytes());
    assert_eq!(first.times_s().len(), 11);
    let mut flood = Flood::new(setup()).unwrap();
    let mut played = RecordedSimulation::new(Arc::new(first)).unwrap();
    for time in [0.0, 60.0, 600.0] {
        flood.advance_to(time).unwrap();
        played.advance_to(time).unwrap();
        assert_eq!(flood.publish(), played.publish());
        assert_eq!(flood.publish().hash(), played.publish().hash());
    }
    played.advance_to(0.0).unwrap();
    assert_eq!(played.publish().time_s, 0.0);
    assert!(matches!(flood.advance_to(0.0), Err(SimulationError::Backwards { .. })));
}

#[test]
fn senseless_input_is_refused() {
    let refused = |change: &dyn Fn(&mut FloodSetup)| {
        let mut setup = town(10, 10, 1);
        change(&mut setup);
        assert!(matches!(Flood::new(setup), Err(SimulationError::Input(_))));
    };
    refused(&|s| s.terrain.grid.columns = usize::MAX);
    refused(&|s| s.terrain.grid.rows = 0);
    refused(&|s| s.terrain.grid.cell_m = f64::NAN);
    refused(&|s| s.depth_m = vec![0.0; 3]);
    refused(&|s| s.depth_m = vec![f64::NAN; 100]);
    refused(&|s| s.depth_m = vec![-1.0; 100]);
    refused(&|s| s.manning = f64::NAN);
    refused(&|s| s.inflows = vec![(vec![100], Hydrograph::default())]);
    let nowhere = FloodTerrain::open(SimGrid { bed_m: vec![f32::NAN; 4], ..SimGrid::flat(2, 2, 1.0) });
    let mut flood = Flood::new(FloodSetup { terrain: nowhere, ..Default::default() }).unwrap();
    flood.advance_to(100.0).unwrap();
    assert_eq!(flood.publish().statistics.volume_m3, 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Whatever falls where on whatever ground: no depth below zero, no water made or lost.
    #[test]
    fn water_is_never_negative_and_never_lost(
        columns in 1_usize..24, rows in 1_usize..24, steepness in 0.0..400.0_f32, rain in 0.0..2000.0_f64,
        manning in 0.0..0.2_f64, theta in 0.7..1.0_f64, level in 0.0..3.0_f64, open: [bool; 4], seed in 0_u64..1000,
    ) {
        let mut grid = rough(columns, rows, seed);
        grid.bed_m.iter_mut().for_each(|bed| *bed = (*bed - 812.3) * steepness);
        let mut setup = FloodSetup {
            terrain: FloodTerrain::open(grid), rain: Hyetograph::from_mm_h(&[[0.0, rain], [100.0, 0.0]]),
            manning, theta, open_edges: open, output_s: 30.0, ..Default::default()
        };
        setup.fill_to(level);
        let mut flood = Flood::new(setup).unwrap();
        flood.advance_to(300.0).unwrap();
        let least = (0..columns * rows).map(|cell| flood.depth_m(cell)).fold(0.0, f64::min);
        prop_assert!(least >= 0.0, "{:e} m", least);
        prop_assert!(flood.balance().abs() < 1e-9);
    }

    /// On any ground with buildings anywhere, water at rest stays at rest to the last bit, and the same rain on it ends in
    /// the same bits whatever the threads.
    #[test]
    fn any_still_water_stays_still_and_any_run_repeats(
        columns in 8_usize..30, rows in 8_usize..30, steepness in 0.1..20.0_f32, level in 0.0..1.0_f64, seed in 0_u64..1000,
        corner in (0.0..100.0_f64, 2.0..60.0_f64),
    ) {
        let mut grid = rough(columns, rows, seed);
        grid.bed_m.iter_mut().for_each(|bed| *bed = (*bed - 812.3) * steepness);
        let (least, most) = grid.bed_m.iter().fold((f32::MAX, f32::MIN), |(a, b), bed| (a.min(*bed), b.max(*bed)));
        let mut terrain = FloodTerrain::open(grid);
        terrain.build(&square(corner.0, corner.0 + corner.1));
        let mut setup = FloodSetup { terrain, manning: 0.03, theta: 0.9, ..Default::default() };
        setup.fill_to(f64::from(least) + level * f64::from(most - least));
        (0..columns * rows).filter(|cell| !setup.terrain.is_ground(*cell)).for_each(|cell| setup.depth_m[cell] = 0.0);
        let mut flood = Flood::new(setup.clone()).unwrap();
        let before: Vec<u64> = (0..columns * rows).map(|cell| flood.depth_m(cell).to_bits()).collect();
        flood.advance_to(600.0).unwrap();
        let after: Vec<u64> = (0..columns * rows).map(|cell| flood.depth_m(cell).to_bits()).collect();
        prop_assert!(!flood.moves() && before == after);
        setup.rain = Hyetograph::from_mm_h(&[[0.0, 100.0]]);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut flood = Flood::new(setup.clone()).unwrap();
                flood.advance_to(300.0).unwrap();
                assert!(flood.balance().abs() < 1e-9, "{:e}", flood.balance());
                flood.publish().hash()
            })
        };
        prop_assert_eq!(run(1), run(3));
    }
}
