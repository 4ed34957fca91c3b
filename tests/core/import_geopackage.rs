//! GeoPackages: real ones and damaged ones.

use veduta::import::{Gathered, HeightsAbove, ImportError, ImportOptions, Importer, SourceForm, importer};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;
use crate::vector_files::{options, read_path};

fn geopackage() -> &'static dyn Importer {
    importer("geopackage").unwrap()
}

/// Counts as GDAL 3.11 has them (`pyogrio`).
#[test]
fn real_files_with_all_their_layers() {
    for (name, crs, objects, class) in [
        ("helsinki/helsinki_population_grid_2020.gpkg", "EPSG:4326", 92, "Zone"),
        ("vector/geopackage/rivers_small.gpkg", "EPSG:3857", 1, "GenericOccupiedSpace"),
    ] {
        let Some(path) = shared(name) else { return };
        let (city, report) = read_path(geopackage(), &path, &ImportOptions::default()).unwrap();
        let frame = report.frame.unwrap();
        assert_eq!((frame.crs.to_string().as_str(), frame.heights_above), (crs, HeightsAbove::Ground), "{name}");
        assert_eq!(frame.stated_by, "its gpkg_spatial_ref_sys");
        assert_eq!((report.objects, report.tallies.len()), (objects, 0), "{name}: {:?}", report.tallies);
        assert!(city.objects.iter().all(|object| object.object.class == class), "{name}");
    }
    let Some(path) = shared("helsinki/helsinki_population_grid_2020.gpkg") else { return };
    let (city, _) = read_path(geopackage(), &path, &ImportOptions::default()).unwrap();
    let people: f64 = city.objects.iter().filter_map(|object| object.object.attribute("population").number()).sum();
    assert_eq!(people, 71_724.0);
    let Some(path) = shared("vector/geopackage/rivers_multi.gpkg") else { return };
    let one = ImportOptions { layers: vec!["preferred_rivers".to_owned()], ..ImportOptions::default() };
    let (city, report) = read_path(geopackage(), &path, &one).unwrap();
    assert_eq!((report.objects, city.objects[0].object.class.as_str()), (1, "WaterBody"));
    let SourceForm::Lines { lines, .. } = &city.objects[0].geometry[0].form else { panic!("{city:?}") };
    // The same river as in rivers_small.geojson beside it.
    assert!(lines[0].len() > 50, "{}", lines[0].len());
    let other = ImportOptions { layers: vec!["roads".to_owned()], ..ImportOptions::default() };
    let error = read_path(geopackage(), &path, &other).unwrap_err().to_string();
    assert!(error.contains("only FEATURESriversds, preferred_rivers"), "{error}");
}

#[test]
fn layers_of_which_the_crs_is_not_known() {
    let Some(path) = shared("vector/mapshaper_cases/geopackage/missing_crs_mixed_ranges.gpkg") else { return };
    let error = read_path(geopackage(), &path, &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, ImportError::NoCrs { .. }) && error.to_string().contains("Undefined SRS"), "{error}");
    // One layer is in degrees, the other in feet: with a CRS in degrees only the first can be.
    let (city, report) = read_path(geopackage(), &path, &options("EPSG:4326")).unwrap();
    assert_eq!((city.objects.len(), report.count_of("coordinate-out-of-range")), (1, 1));
    assert_eq!(city.objects[0].object.id, "OR_land_4326/1");
}

#[test]
fn damaged_databases_end_in_words() {
    let Some(path) = shared("vector/geopackage/rivers_small.gpkg") else { return };
    let whole = std::fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.gpkg");
    let read = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let files = LocalFiles::open(&file).unwrap();
        geopackage().probe(&files);
        geopackage().read(&files, &ImportOptions::default(), &mut Gathered::default())
    };
    assert!(read(&whole).is_ok());
    assert!(read(&whole[..4096]).is_err() && read(b"SQLite format 3\0").is_err() && read(b"").is_err());
    for length in (0..whole.len()).step_by(3001) {
        let _ = read(&whole[..length]);
    }
    let mut seed = 3_u64;
    for _ in 0..300 {
        let mut changed = whole.clone();
        for _ in 0..20 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = (seed >> 33) as usize % changed.len();
            changed[place] = (seed >> 20) as u8;
        }
        let _ = read(&changed);
    }
}
