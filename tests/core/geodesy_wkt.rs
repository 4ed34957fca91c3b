//! The definitions of CRS that real files carry.

use std::path::{Path, PathBuf};

use veduta::geodesy::CrsId;

use crate::shared_data::shared;

fn definitions(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            definitions(&path, found);
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("prj")) {
            found.push(path);
        }
    }
}

/// What each is, by its own words: NAD 83 state plane in metres, UTM on NAD 83 and on WGS 84, else WGS 84.
#[test]
fn every_prj_file_leads_to_its_code() {
    let Some(root) = shared("vector").and_then(|path| Some(path.parent()?.to_owned())) else { return };
    let mut found = Vec::new();
    definitions(&root, &mut found);
    for path in &found {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let expected = match path.file_name().and_then(|name| name.to_str()).unwrap() {
            "boston-parks.prj" => "EPSG:26986",
            "boston-scl-utm19n-meters.prj" => "EPSG:26919",
            "boston_buildings_utm19.prj" => "EPSG:32619",
            "dcbuildings.prj" => "EPSG:26985",
            "cairns.prj" => "EPSG:32755",
            _ => "EPSG:4326",
        };
        assert_eq!(CrsId::from_wkt(&text).unwrap().to_string(), expected, "{}", path.display());
    }
    assert!(found.len() >= 22, "{}", found.len());
}

/// Texts of any kind end in a CRS or in words.
#[test]
fn damaged_definitions_end_in_words() {
    let Some(path) = shared("vector/shapefile/dcbuildings.prj") else { return };
    let whole = std::fs::read(path).unwrap();
    for length in 0..whole.len() {
        let _ = CrsId::from_wkt(&String::from_utf8_lossy(&whole[..length]));
    }
    let mut seed = 5_u64;
    for _ in 0..200 {
        let mut changed = whole.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = (seed >> 33) as usize % changed.len();
            changed[place] = (seed >> 20) as u8;
        }
        let text = String::from_utf8_lossy(&changed).into_owned();
        let _ = (CrsId::from_wkt(&text), CrsId::from_projjson(&text));
    }
}
