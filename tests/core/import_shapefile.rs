//! Shapefiles: real ones, those of all types with what they should give, and damaged ones.

use std::path::Path;

use veduta::city::Value;
use veduta::import::{
    Gathered, HeightsAbove, ImportError, ImportOptions, Importer, MemoryFiles, SourceForm, SourceReport, importer,
};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;
use crate::vector_files::{companions, damaged, options, read_path, sorted_polygons};

fn shapefile() -> &'static dyn Importer {
    importer("shapefile").unwrap()
}

fn read(path: &Path, options: &ImportOptions) -> Result<(Gathered, SourceReport), ImportError> {
    read_path(shapefile(), path, options)
}

/// Counts, classes and first attributes as GDAL 3.11 reads them (`pyogrio`).
#[test]
fn real_files_with_their_crs_and_words() {
    for (name, crs, objects, class, (key, value)) in [
        ("boston/boston-parks.shp", "EPSG:26986", 638, "LandUse", ("SITE_NAME", "LAWTON PLAYGROUND")),
        (
            "boston/boston-scl-utm19n-meters.shp",
            "EPSG:26919",
            1987,
            "GenericOccupiedSpace",
            ("ST_LABEL", "ATLANTIC AVE"),
        ),
        (
            "vector/shapefile/dcbuildings.shp",
            "EPSG:26985",
            1251,
            "Building",
            ("DESCRIPTIO", "Buildings subdivided by roofbreaks"),
        ),
        ("vector/shapefile/gbk/chongqing_shp/区县界_area.shp", "EPSG:4326", 38, "Zone", ("NAME", "奉节县")),
        ("vector/shapefile/gbk/shanghai_shp/区县界_area.shp", "EPSG:4326", 17, "Zone", ("NAME", "宝山区")),
        ("vector/shapefile/gbk/chinese_poly.shp", "EPSG:4326", 1, "Building", ("NAME", "黑龙江省")),
    ] {
        let Some(path) = shared(name) else { return };
        let (city, report) = read(&path, &ImportOptions::default()).unwrap();
        let frame = report.frame.clone().unwrap();
        assert_eq!((frame.crs.to_string().as_str(), frame.stated_by.as_str()), (crs, "its .prj"), "{name}");
        assert_eq!(frame.heights_above, HeightsAbove::Ground, "{name}");
        assert_eq!((report.objects, report.records), (objects, objects), "{name}: {:?}", report.tallies);
        assert!(city.objects.iter().all(|object| object.object.class == class), "{name}");
        assert_eq!(city.objects[0].object.attribute(key), &Value::from(value), "{name}");
    }
    // Rings as GDAL has them: 26 polygons in 17 districts, 1309 rings in 1251 buildings.
    let rings = |name: &str| {
        let (city, _) = read(&shared(name)?, &ImportOptions::default()).unwrap();
        let polygons = city.objects.iter().flat_map(sorted_polygons);
        Some(polygons.fold((0, 0), |(polygons, rings), polygon| (polygons + 1, rings + polygon.len())))
    };
    assert_eq!(rings("vector/shapefile/gbk/shanghai_shp/区县界_area.shp"), Some((26, 26)));
    assert_eq!(rings("vector/shapefile/dcbuildings.shp"), Some((1251, 1309)));
}

#[test]
fn without_prj_the_crs_must_be_given() {
    let Some(path) = shared("vector/shapefile/gbk/shenzhen_shanghai_utf8_noprj/sz.shp") else { return };
    let error = read(&path, &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, ImportError::NoCrs { .. }) && error.to_string().contains("sz.prj is missing"), "{error}");
    let (city, report) = read(&path, &options("EPSG:4326")).unwrap();
    assert_eq!(report.frame.unwrap().stated_by, "--crs");
    assert_eq!((city.objects.len(), city.objects[0].object.attribute("qh")), (10, &Value::from("罗湖")));
}

#[test]
fn a_folder_has_many_layers_and_one_without_crs_costs_only_itself() {
    let Some(path) = shared("vector/shapefile/gbk") else { return };
    let (city, report) = read(&path, &ImportOptions::default()).unwrap();
    assert_eq!((report.objects, report.files, report.count_of("layer-left-out")), (56, 5, 2));
    // Both districts files number their records from 1 and are called alike.
    let ids: std::collections::BTreeSet<&str> = city.objects.iter().map(|object| object.object.id.as_str()).collect();
    assert_eq!(ids.len(), 56);
    // Streets in UTM come into the CRS of the parks, state plane, and lie among them.
    let Some(path) = shared("boston") else { return };
    let (city, report) = read(&path, &ImportOptions::default()).unwrap();
    assert_eq!((report.objects, report.frame.unwrap().crs.to_string().as_str()), (638 + 1987, "EPSG:26986"));
    for object in &city.objects[638..] {
        let SourceForm::Lines { lines, .. } = &object.geometry[0].form else { panic!("{object:?}") };
        assert!(
            lines
                .iter()
                .flatten()
                .all(|p| (233_000.0..239_000.0).contains(&p.x) && (898_000.0..903_500.0).contains(&p.y))
        );
    }
}

/// The GeoJSON beside each file is what it should give.
#[test]
fn every_type_of_shape() {
    let Some(folder) = shared("vector/shapefile/loaders/shapefile-js") else { return };
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "shp") {
            continue;
        }
        let (city, _) = read(&path, &options("EPSG:4326")).unwrap();
        let json = LocalFiles::open(&path.with_extension("json")).unwrap();
        let mut expected = Gathered::default();
        importer("geojson").unwrap().read(&json, &ImportOptions::default(), &mut expected).unwrap();
        assert_eq!(city.objects.len(), expected.objects.len(), "{}", path.display());
        for (found, wanted) in city.objects.iter().zip(&expected.objects) {
            assert_eq!(sorted_polygons(found), sorted_polygons(wanted), "{}", path.display());
            let rest = |object: &veduta::import::SourceObject| {
                let lines = object.geometry.iter().find_map(|shape| match &shape.form {
                    SourceForm::Lines { lines, .. } => Some(lines.clone()),
                    SourceForm::Points(points) => Some(vec![points.clone()]),
                    _ => None,
                });
                lines.unwrap_or_default()
            };
            assert_eq!(rest(found), rest(wanted), "{}", path.display());
            // It has dates as milliseconds; and a table only where there is one.
            if path.with_extension("dbf").exists() && !path.ends_with("date-property.shp") {
                for (name, value) in wanted.object.attributes.iter().filter(|(_, value)| !value.is_null()) {
                    let own = found.object.attribute(name);
                    assert!(
                        own == value || own.number() == value.number() && own.number().is_some(),
                        "{}: {name}",
                        path.display()
                    );
                }
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 22);
}

#[test]
fn heights_raise_footprints_and_widths_make_bands() {
    let Some(path) = shared("vector/shapefile/dcbuildings.shp") else { return };
    // Its polygons stand in for buildings with a height: a column that each has.
    let chosen = ImportOptions { height_attribute: Some("CAPTUREYEA".to_owned()), ..ImportOptions::default() };
    let (city, _) = read(&path, &chosen).unwrap();
    let raised = city.objects.iter().filter(|object| matches!(object.geometry[0].form, SourceForm::Footprints { .. }));
    let years = city
        .objects
        .iter()
        .filter(|object| object.object.attribute("CAPTUREYEA").number().is_some_and(|y| y > 0.0 && y <= 2000.0));
    assert_eq!(raised.count(), years.count());
}

#[test]
fn damage_costs_what_is_damaged() {
    let Some(path) = shared("vector/shapefile/loaders/shapefile-js/polygons.shp") else { return };
    let all = companions(&path, &["shp", "dbf", "shx", "prj"]);
    let read = |files: Vec<(String, Vec<u8>)>| {
        let mut city = Gathered::default();
        let files = MemoryFiles::new("polygons", files);
        shapefile().read(&files, &ImportOptions::default(), &mut city).map(|report| (city, report))
    };
    let without = |ending: &str| all.iter().filter(|(name, _)| !name.ends_with(ending)).cloned().collect::<Vec<_>>();
    let (_, report) = read(without(".shx")).unwrap();
    assert_eq!((report.objects, report.tallies.len()), (3, 0));
    let (_, report) = read(without(".dbf")).unwrap();
    assert_eq!((report.objects, report.count_of("no-dbf")), (3, 1));
    // Cut in the last record: the two before it are read, by the index and without.
    for files in [all.clone(), without(".shx")] {
        let cut = files.into_iter().map(|(name, bytes)| {
            let end = if name.ends_with(".shp") { bytes.len() - 20 } else { bytes.len() };
            (name, bytes[..end].to_vec())
        });
        let (_, report) = read(cut.collect()).unwrap();
        assert_eq!((report.objects, report.count_of("file-cut")), (2, 1), "{:?}", report.tallies);
    }
    for name in ["polygons", "polylinem", "multipoints", "point-z", "null", "multipolygon_with_holes"] {
        let endings = ["shp", "dbf", "shx", "prj", "cpg"];
        let Some(path) = shared(&format!("vector/shapefile/loaders/shapefile-js/{name}.shp")) else { return };
        damaged(shapefile(), "a.shp", &companions(&path, &endings), 2000);
    }
}
