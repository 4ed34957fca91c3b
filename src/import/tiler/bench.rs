//! `veduta bench tiler`: generated LoD1 buildings from objects to a package whose bytes are counted and forgotten, as a disk
//! would take them.

use glam::{DVec2, DVec3};
use serde::Serialize;

use super::{NoPictures, TilerError, TilerOptions, tile_city};
use crate::city::{CityObject, LodShape, Value};
use crate::geodesy::{Geodetic, SiteFrame};
use crate::geometry::{Prism, Shape};
use crate::package::{ObjectsBuilder, PackageError, PackageSink, Scratch, SinkError, write_objects};

/// Buildings that are made and kept at one time.
const AT_ONCE: usize = 10_000;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TilerBench {
    /// Buildings.
    pub buildings: usize,
    /// Seconds of making them and keeping them in the scratch.
    pub keep_s: f64,
    /// Seconds of the tiles.
    pub tile_s: f64,
    /// Seconds of the object table.
    pub table_s: f64,
    /// Buildings in a second, all together.
    pub buildings_per_s: f64,
    /// Tiles with all their objects, and those that stand for them in the distance.
    pub tiles: (usize, usize),
    /// Triangles of the finest tiles.
    pub triangles: u64,
    /// Bytes of the package.
    pub bytes: u64,
}

/// Why it could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The tiles.
    #[error(transparent)]
    Tiler(#[from] TilerError),
    /// The object table.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The scratch.
    #[error(transparent)]
    Scratch(#[from] SinkError),
}

#[derive(Default)]
struct Counter(u64);

impl PackageSink for Counter {
    fn write(&mut self, _: &str, bytes: &[u8]) -> Result<(), SinkError> {
        self.0 += bytes.len() as u64;
        Ok(())
    }
}

/// Measures so many buildings; `clock` gives seconds.
pub fn bench_tiler(
    buildings: usize,
    scratch: Box<dyn Scratch>,
    clock: &dyn Fn() -> f64,
) -> Result<TilerBench, BenchError> {
    let start = clock();
    let mut builder = ObjectsBuilder::new(scratch);
    let side = (buildings as f64).sqrt();
    for first in (0..buildings).step_by(AT_ONCE) {
        let some = first..buildings.min(first + AT_ONCE);
        builder.add(0, some.map(|number| building(number, side)).collect())?;
    }
    let objects = builder.finish();
    let kept = clock();
    let site = SiteFrame::new(Geodetic::from_degrees(139.75, 35.68, 0.0));
    let mut sink = Counter::default();
    let report = tile_city(&objects, &|row| row as u32, &site, &NoPictures, &TilerOptions::default(), &mut sink)?;
    let tiled = clock();
    write_objects(&objects, &mut sink)?;
    let end = clock();
    Ok(TilerBench {
        buildings,
        keep_s: kept - start,
        tile_s: tiled - kept,
        table_s: end - tiled,
        buildings_per_s: buildings as f64 / (end - start),
        tiles: (report.leaves, report.inner),
        triangles: report.triangles,
        bytes: sink.0,
    })
}

/// A building of 4 to 12 corners; places are denser towards the middle.
fn building(number: usize, side: f64) -> CityObject {
    let column = number as f64 % side / side * 2.0 - 1.0;
    let row = (number as f64 / side).floor() / side * 2.0 - 1.0;
    let place = DVec2::new(column * column.abs(), row * row.abs()) * side * 12.0;
    let corners = 4 + (number * 31 % 9);
    let radius = |k: usize| 4.0 + ((number * 17 + k * 5) % 11) as f64;
    let corner = |k: usize| place + DVec2::from_angle(k as f64 / corners as f64 * std::f64::consts::TAU) * radius(k);
    let spread = ((number * 7919) % 1000) as f64;
    let height = 3.0 + spread * spread / 10_000.0;
    let ring = (0..corners).map(|k| corner(k).extend(3.0)).collect();
    CityObject {
        id: format!("13101-bldg-{number}"),
        class: "Building".to_owned(),
        attributes: vec![
            ("measuredHeight".into(), Value::Float((height * 10.0).round() / 10.0)),
            ("usage".into(), Value::from(["住宅", "共同住宅", "商業施設", "業務施設"][number % 4])),
            ("storeysAboveGround".into(), Value::Int((height / 3.2) as i64)),
        ],
        shapes: vec![LodShape {
            lod: 1.0,
            shape: Shape::Prisms(vec![Prism { rings: vec![ring], extrusion: DVec3::Z * height }]),
        }],
        ..CityObject::default()
    }
}
