//! What the tests of vector importers share: reading files, and files made worse.

use std::path::Path;

use glam::DVec3;
use veduta::import::{
    Gathered, ImportError, ImportOptions, Importer, MemoryFiles, SourceForm, SourceObject, SourceReport,
};
use veduta::platform::LocalFiles;

/// Options with the CRS of sources that do not say theirs.
pub fn options(crs: &str) -> ImportOptions {
    ImportOptions { crs_where_unsaid: Some(crs.parse().unwrap()), ..ImportOptions::default() }
}

/// Reads a file or folder; the importer must be sure of it.
pub fn read_path(
    importer: &dyn Importer,
    path: &Path,
    options: &ImportOptions,
) -> Result<(Gathered, SourceReport), ImportError> {
    let files = LocalFiles::open(path)?;
    assert_eq!(importer.probe(&files), veduta::import::Confidence::Yes, "{}", path.display());
    let mut city = Gathered::default();
    let report = importer.read(&files, options, &mut city)?;
    assert_eq!(report.objects, city.objects.len() as u64);
    Ok((city, report))
}

/// Files beside a file with these endings, as far as they are there.
pub fn companions(path: &Path, endings: &[&str]) -> Vec<(String, Vec<u8>)> {
    let found = endings.iter().filter_map(|ending| {
        let bytes = std::fs::read(path.with_extension(ending)).ok()?;
        Some((format!("a.{ending}"), bytes))
    });
    found.collect()
}

/// The polygons of an object: in an order, of rings that begin and turn in a way, that do not depend on the file.
pub fn sorted_polygons(object: &SourceObject) -> Vec<Vec<Vec<DVec3>>> {
    let mut found: Vec<Vec<Vec<DVec3>>> = object
        .geometry
        .iter()
        .flat_map(|shape| match &shape.form {
            SourceForm::Footprints { polygons, .. } => polygons.clone(),
            SourceForm::Surfaces(surfaces) => surfaces.iter().map(|surface| surface.polygon.clone()).collect(),
            _ => Vec::new(),
        })
        .collect();
    for ring in found.iter_mut().flatten() {
        let text = |p: &DVec3| format!("{p:?}");
        let first = (0..ring.len()).min_by_key(|place| text(&ring[*place])).unwrap();
        ring.rotate_left(first);
        if text(&ring[1]) > text(ring.last().unwrap()) {
            ring[1..].reverse();
        }
    }
    found.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
    found
}

/// Reads files cut at every length (of the first 4096 bytes) and with bytes changed: each must end, with objects or an error.
pub fn damaged(importer: &dyn Importer, name: &str, files: &[(String, Vec<u8>)], changes: usize) {
    let read = |files: Vec<(String, Vec<u8>)>| {
        let files = MemoryFiles::new(name, files);
        importer.probe(&files);
        let _ = importer.read(&files, &options("EPSG:4326"), &mut Gathered::default());
    };
    for (worse, (_, bytes)) in files.iter().enumerate() {
        let step = bytes.len() / 4096 + 1;
        for length in (0..bytes.len()).step_by(step) {
            let mut cut = files.to_vec();
            cut[worse].1.truncate(length);
            read(cut);
        }
    }
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below.max(1)
    };
    for _ in 0..changes {
        let mut changed = files.to_vec();
        for _ in 0..1 + next(4) {
            let file = next(changed.len());
            let bytes = &mut changed[file].1;
            let place = next(bytes.len());
            if let Some(byte) = bytes.get_mut(place) {
                *byte = match next(4) {
                    0 => 0xff,
                    1 => 0,
                    _ => next(256) as u8,
                };
            }
        }
        read(changed);
    }
}
