//! Zipped sources.

use std::io::{Cursor, Write};

use veduta::city::Value;
use veduta::import::{Gathered, ImportError, ImportOptions, MemoryFiles, SourceForm, importer, recognise};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;
use crate::vector_files::companions;

fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A pyramid of GeoJSON tiles whose rings are not closed and whose storeys are words: 22,188 buildings, of which 49 have UTM
/// coordinates among the degrees and 2 no area.
#[test]
fn a_pyramid_of_geojson() {
    let Some(path) = shared("boston/tfs_boston.zip") else { return };
    let files = LocalFiles::open(&path).unwrap();
    let chosen = recognise(&files).unwrap();
    assert_eq!(chosen.name(), "zip");
    let mut city = Gathered::default();
    let report = chosen.read(&files, &ImportOptions::default(), &mut city).unwrap();
    assert_eq!((report.importer, report.files, report.objects), ("geojson", 125, 22_137), "{:?}", report.tallies);
    let left_out = (report.count_of("coordinate-out-of-range"), report.count_of("polygon-degenerate"));
    assert_eq!((report.records, left_out), (22_188, (49, 2)));
    let storeys = city.objects.iter().find(|object| object.object.attribute("story_ht_") == &Value::from("4")).unwrap();
    let SourceForm::Footprints { height_m, .. } = storeys.geometry[0].form else { panic!("{storeys:?}") };
    assert_eq!(height_m, 12.0);
}

#[test]
fn a_shapefile_with_its_companions() {
    let Some(path) = shared("vector/shapefile/gbk/chongqing_shp/区县界_area.shp") else { return };
    let parts = companions(&path, &["shp", "dbf", "shx", "prj"]);
    let inside: Vec<_> = parts.into_iter().map(|(name, bytes)| (name.replace('a', "重庆/区县界"), bytes)).collect();
    let files = MemoryFiles::new("重庆.zip", [("重庆.zip".to_owned(), zipped(&inside))]);
    let mut city = Gathered::default();
    let report = recognise(&files).unwrap().read(&files, &ImportOptions::default(), &mut city).unwrap();
    assert_eq!((report.importer, report.objects), ("shapefile", 38));
    assert_eq!(city.objects[0].object.class, "Zone");
}

#[test]
fn bombs_and_damaged_archives_end_in_words() {
    let zip = importer("zip").unwrap();
    let read = |bytes: Vec<u8>| {
        let files = MemoryFiles::new("a.zip", [("a.zip".to_owned(), bytes)]);
        zip.probe(&files);
        zip.read(&files, &ImportOptions::default(), &mut Gathered::default())
    };
    let bomb = zipped(&[("a.geojson".to_owned(), vec![b' '; 300 << 20])]);
    let error = read(bomb).unwrap_err().to_string();
    assert!(error.contains("are believed"), "{error}");
    let strange = zipped(&[("a.txt".to_owned(), b"hello".to_vec())]);
    assert!(matches!(read(strange), Err(ImportError::Unknown { .. })));
    let feature = br#"{"type": "Feature", "geometry": {"type": "Point", "coordinates": [4, 52]}, "properties": {}}"#;
    let good = zipped(&[("a.geojson".to_owned(), feature.to_vec())]);
    assert_eq!(read(good.clone()).unwrap().objects, 1);
    for length in 0..good.len() {
        let _ = read(good[..length].to_vec());
    }
    for place in 0..good.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut changed = good.clone();
            changed[place] = byte;
            let _ = read(changed);
        }
    }
    // An archive that holds itself, or others, is left alone.
    let nested = zipped(&[("inner.zip".to_owned(), good)]);
    assert!(read(nested).is_err());
}
