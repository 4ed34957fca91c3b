//! Vector tile pyramids against the real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use veduta::formats::mvt;
use veduta::import::{
    Gathered, HeightsAbove, ImportError, ImportOptions, MemoryFiles, SourceFiles, SourceForm, importer, recognise,
};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;

fn read(files: &dyn SourceFiles, options: &ImportOptions) -> (Gathered, veduta::import::SourceReport) {
    let mut city = Gathered::default();
    let report = recognise(files).unwrap().read(files, options, &mut city).unwrap();
    (city, report)
}

/// Counts from `EXPECTED_COUNTS_z16.json`, which was computed from the tiles by an independent reader.
#[test]
fn tokyo_has_300_858_buildings() {
    let Some(path) = shared("tokyo/mvt_buildings") else { return };
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path.join("EXPECTED_COUNTS_z16.json")).unwrap()).unwrap();
    let (city, report) = read(&LocalFiles::open(&path).unwrap(), &ImportOptions::default());
    assert_eq!(report.files, expected["tiles"].as_u64().unwrap());
    assert_eq!(report.records, 338_943);
    assert_eq!(report.objects, 300_858);
    assert_eq!(city.objects.len(), 300_858);
    // The features of no identifier have no height either; nothing else is lost.
    assert_eq!(report.count_of("no-identifier"), 141);
    assert_eq!(report.tallies.keys().copied().collect::<Vec<_>>(), ["no-identifier"]);
    let frame = report.frame.unwrap();
    assert_eq!((frame.crs.to_string().as_str(), frame.heights_above), ("EPSG:3857", HeightsAbove::Ground));

    let ids: BTreeSet<&str> = city.objects.iter().map(|o| o.object.id.as_str()).collect();
    assert_eq!(ids.len(), 300_858, "every building once");
    let mut heights: Vec<f64> =
        city.objects.iter().map(|o| o.object.attribute("measuredHeight").number().unwrap()).collect();
    heights.sort_by(f64::total_cmp);
    assert_eq!((heights[0], heights[heights.len() - 1]), (1.9, 332.9));

    // The same buildings as in the city model of the same place (tokyo/plateau_53392642).
    let by_id: BTreeMap<&str, _> = city.objects.iter().map(|o| (o.object.id.as_str(), o)).collect();
    for (id, height) in [("13111-bldg-147301", 2.8), ("13111-bldg-98", 16.1), ("13104-bldg-53", 31.8)] {
        assert_eq!(by_id[id].object.attribute("measuredHeight").number(), Some(height), "{id}");
        assert_eq!(by_id[id].object.attribute("建物ID").text(), Some(id));
        assert!(matches!(by_id[id].geometry[0].form, SourceForm::Footprints { height_m, .. } if height_m == height));
    }
}

#[test]
fn every_tile_of_tokyo_has_its_features() {
    let Some(path) = shared("tokyo/mvt_buildings") else { return };
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path.join("EXPECTED_COUNTS_z16.json")).unwrap()).unwrap();
    for (name, count) in expected["per_tile"].as_object().unwrap() {
        let bytes = std::fs::read(path.join(name)).unwrap();
        let layers = mvt::decode(&bytes).unwrap();
        assert_eq!(layers.iter().map(|l| l.len() as u64).sum::<u64>(), count.as_u64().unwrap(), "{name}");
    }
}

#[test]
fn bad_tiles_leave_the_good_ones() {
    let Some(path) = shared("tokyo/mvt_buildings/16/58192/25797.pbf") else { return };
    let good = std::fs::read(path).unwrap();
    let cut = good[..good.len() / 2].to_vec();
    let files = MemoryFiles::new(
        "tiles",
        [
            ("16/58192/25797.pbf".to_owned(), good),
            ("16/58192/25798.pbf".to_owned(), cut.clone()),
            ("16/58192/25799.pbf".to_owned(), Vec::new()),
        ],
    );
    let (_, report) = read(&files, &ImportOptions::default());
    assert_eq!((report.objects, report.count_of("tile-unreadable"), report.count_of("tile-empty")), (1391, 1, 1));
    assert_eq!(report.tallies["tile-unreadable"].examples[0].place.file, "tiles/16/58192/25798.pbf");

    let only_bad = MemoryFiles::new("tiles", [("16/58192/25798.pbf".to_owned(), cut)]);
    let error = recognise(&only_bad).unwrap().read(&only_bad, &ImportOptions::default(), &mut Gathered::default());
    let words = error.unwrap_err().to_string();
    assert_eq!(words, "not a vector tile: the tile ends inside a field: tiles/16/58192/25798.pbf");
}

#[test]
fn options_that_do_not_fit_say_what_would() {
    let Some(path) = shared("tokyo/mvt_buildings/16/58192") else { return };
    let files =
        MemoryFiles::new("tiles", [("16/58192/25797.pbf".to_owned(), std::fs::read(path.join("25797.pbf")).unwrap())]);
    let fail = |options: &ImportOptions| match importer("mvt").unwrap().read(&files, options, &mut Gathered::default())
    {
        Err(ImportError::Option { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    let zoom = fail(&ImportOptions { zoom: Some(12), ..Default::default() });
    assert_eq!(zoom, "there are no tiles of zoom 12, only of 16");
    let id = fail(&ImportOptions { id_attribute: Some("gml_id".to_owned()), ..Default::default() });
    assert_eq!(id, "no feature has the id attribute 'gml_id'");
}

#[test]
fn a_tile_alone_tells_its_place_by_its_path() {
    let Some(path) = shared("tokyo/mvt_buildings/16/58192/25797.pbf") else { return };
    let (city, report) = read(&LocalFiles::open(&path).unwrap(), &ImportOptions::default());
    assert_eq!(report.objects, 1391);
    let SourceForm::Footprints { polygons, .. } = &city.objects[0].geometry[0].form else { panic!("no footprint") };
    // Column 58192 of 65536: 139.65 degrees east, in web mercator metres.
    assert!((polygons[0][0][0].x - 15_546_000.0).abs() < 1000.0, "{}", polygons[0][0][0]);
}

/// Every fixture is read or refused, none panics; the valid ones of version 2 are read whole.
#[test]
fn fixtures_of_the_specification() {
    let Some(folder) = shared("tiles/mvt_fixtures/fixtures") else { return };
    let mut valid = 0;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let info = std::fs::read(entry.path().join("info.json")).unwrap();
        let info: serde_json::Value = serde_json::from_slice(&info).unwrap();
        let bytes = std::fs::read(entry.path().join("tile.mvt")).unwrap();
        let read = read_whole(&bytes);
        if info["validity"]["v2"] == true {
            valid += 1;
            assert!(read.is_ok(), "{}: {read:?}: {}", entry.path().display(), info["description"]);
        }
    }
    assert!(valid > 20, "{valid}");
}

fn read_whole(bytes: &[u8]) -> Result<usize, mvt::MvtError> {
    let plain = mvt::unpack(bytes)?;
    let mut features = 0;
    for layer in mvt::decode(&plain)? {
        for index in 0..layer.len() {
            let feature = layer.feature(index)?;
            if feature.kind == mvt::GeometryKind::Polygons {
                feature.polygons()?;
            }
            features += 1;
        }
    }
    Ok(features)
}

#[test]
fn real_tiles_of_other_makers() {
    for folder in ["chicago", "norway", "sanfrancisco", "compressed"] {
        let Some(path) = shared("tiles/mvt_fixtures/real-world") else { return };
        for entry in std::fs::read_dir(path.join(folder)).unwrap().map(Result::unwrap) {
            assert!(read_whole(&std::fs::read(entry.path()).unwrap()).is_ok(), "{}", Path::display(&entry.path()));
        }
    }
}
