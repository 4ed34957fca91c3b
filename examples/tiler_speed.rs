//! Time, memory and bytes of tiling as many LoD1 buildings as the Tokyo sample has:
//! `cargo run --release --no-default-features --example tiler_speed [BUILDINGS]`.

use glam::{DVec2, DVec3};
use veduta::city::{CityObject, LodShape, Value};
use veduta::geodesy::{Geodetic, SiteFrame};
use veduta::geometry::{Prism, Shape};
use veduta::import::tiler::{TilerOptions, tile_city};
use veduta::package::{PackageSink, SinkError};

/// Counts bytes and forgets them, as a disk does.
#[derive(Default)]
struct Counter {
    files: usize,
    bytes: usize,
}

impl PackageSink for Counter {
    fn write(&mut self, _: &str, bytes: &[u8]) -> Result<(), SinkError> {
        self.files += 1;
        self.bytes += bytes.len();
        Ok(())
    }
}

/// A building of 4 to 12 corners; places are denser towards the middle.
fn building(i: usize, side: f64) -> CityObject {
    let column = i as f64 % side / side * 2.0 - 1.0;
    let row = (i as f64 / side).floor() / side * 2.0 - 1.0;
    let place = DVec2::new(column * column.abs(), row * row.abs()) * side * 12.0;
    let corners = 4 + (i * 31 % 9);
    let radius = |k: usize| 4.0 + ((i * 17 + k * 5) % 11) as f64;
    let corner = |k: usize| place + DVec2::from_angle(k as f64 / corners as f64 * std::f64::consts::TAU) * radius(k);
    let height = 3.0 + ((i * 7919) % 1000) as f64 * ((i * 7919) % 1000) as f64 / 10_000.0;
    let prism =
        Prism { rings: vec![(0..corners).map(|k| corner(k).extend(3.0)).collect()], extrusion: DVec3::Z * height };
    CityObject {
        id: format!("13101-bldg-{i}"),
        class: "Building".to_owned(),
        attributes: vec![
            ("measuredHeight".into(), Value::Float((height * 10.0).round() / 10.0)),
            ("usage".into(), Value::from(["住宅", "共同住宅", "商業施設", "業務施設"][i % 4])),
            ("storeysAboveGround".into(), Value::Int((height / 3.2) as i64)),
        ],
        shapes: vec![LodShape { lod: 1.0, shape: Shape::Prisms(vec![prism]) }],
        ..CityObject::default()
    }
}

/// Most memory held so far, MiB, where the system tells.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).map_or(Ok(300_858), |text| text.parse())?;
    let objects: Vec<CityObject> = (0..count).map(|i| building(i, (count as f64).sqrt())).collect();
    let site = SiteFrame::new(Geodetic::from_degrees(139.75, 35.68, 0.0));
    let (before, start) = (peak_mib(), std::time::Instant::now());
    let mut sink = Counter::default();
    let report = tile_city(&objects, &|i| i as u32, &site, &TilerOptions::default(), &mut sink)?;
    println!("{count} buildings in {:.1} s, peak {} MiB ({before} before)", start.elapsed().as_secs_f64(), peak_mib());
    println!("{} leaves, {} inner, {} levels, {} files", report.leaves, report.inner, report.levels, sink.files);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{} triangles; leaves {:.1} MiB, inner {:.1} MiB; {:.0} bytes a building",
        report.triangles,
        mib(report.leaf_bytes),
        mib(report.inner_bytes),
        sink.bytes as f64 / count as f64
    );
    Ok(())
}
