//! FlatGeobuf: real files, the strange ones of its own tests, and damaged ones.

use veduta::city::Value;
use veduta::import::{Gathered, HeightsAbove, ImportError, ImportOptions, Importer, SourceForm, importer};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;
use crate::vector_files::{companions, damaged, options, read_path, sorted_polygons};

fn flatgeobuf() -> &'static dyn Importer {
    importer("flatgeobuf").unwrap()
}

/// Counts as GDAL 3.11 has them (`pyogrio`).
#[test]
fn real_files() {
    for (name, crs, heights, objects) in [
        ("flatgeobuf/countries.fgb", "EPSG:4326", HeightsAbove::Ground, 179),
        ("flatgeobuf/mp_overlapping.fgb", "EPSG:4326", HeightsAbove::Ground, 2),
        ("flatgeobuf/poly00.fgb", "EPSG:27700", HeightsAbove::Ground, 10),
        ("flatgeobuf/poly01.fgb", "EPSG:27700", HeightsAbove::Ground, 10),
        ("flatgeobuf/unknown_feature_count.fgb", "EPSG:4326", HeightsAbove::Ground, 1),
        ("geoarrow/nz-building-outlines-small.fgb", "EPSG:2193", HeightsAbove::Ground, 2000),
        // The header's definition is compound; its horizontal part has a code.
        ("geoarrow/ns-water_water-line_small.fgb", "EPSG:26920", HeightsAbove::Geoid, 10),
    ] {
        let Some(path) = shared(&format!("vector/{name}")) else { return };
        let (_, report) = read_path(flatgeobuf(), &path, &ImportOptions::default()).unwrap();
        let frame = report.frame.unwrap();
        assert_eq!((frame.crs.to_string().as_str(), frame.heights_above), (crs, heights), "{name}");
        assert_eq!((report.objects, report.tallies.len()), (objects, 0), "{name}: {:?}", report.tallies);
    }
}

/// The same countries as GeoJSON, in another order: rings and names are those.
#[test]
fn the_same_as_its_geojson() {
    let (Some(path), Some(twin)) =
        (shared("vector/flatgeobuf/countries.fgb"), shared("vector/flatgeobuf/countries.geojson"))
    else {
        return;
    };
    let (city, _) = read_path(flatgeobuf(), &path, &ImportOptions::default()).unwrap();
    let mut expected = Gathered::default();
    let files = LocalFiles::open(&twin).unwrap();
    importer("geojson").unwrap().read(&files, &ImportOptions::default(), &mut expected).unwrap();
    let sorted = |city: &Gathered| {
        let mut all: Vec<_> =
            city.objects.iter().map(|object| (object.object.name.clone(), sorted_polygons(object))).collect();
        all.sort_by(|a, b| format!("{a:?}").cmp(&format!("{b:?}")));
        all
    };
    assert_eq!(sorted(&city), sorted(&expected));
}

#[test]
fn every_type_of_column_and_of_geometry() {
    let Some(path) = shared("vector/flatgeobuf/alldatatypes.fgb") else { return };
    let (city, _) = read_path(flatgeobuf(), &path, &options("EPSG:4326")).unwrap();
    let object = &city.objects[0].object;
    for (name, value) in [
        ("byte", Value::Int(-1)),
        ("ubyte", Value::Int(255)),
        ("bool", Value::Bool(true)),
        ("ushort", Value::Int(65_535)),
        ("uint", Value::Int(4_294_967_295)),
        ("long", Value::Int(-1)),
        ("ulong", Value::Float(18_446_744_073_709_551_615.0)),
        ("double", Value::Float(0.0)),
        ("string", Value::from("X")),
        ("datetime", Value::from("2020-02-29T12:34:56Z")),
        ("binary", Value::Null),
    ] {
        assert_eq!(object.attribute(name), &value, "{name}");
    }
    let Some(path) = shared("vector/flatgeobuf/heterogeneous.fgb") else { return };
    let (city, _) = read_path(flatgeobuf(), &path, &options("EPSG:4326")).unwrap();
    let kinds: Vec<bool> = city.objects.iter().map(|o| matches!(o.geometry[0].form, SourceForm::Surfaces(_))).collect();
    assert_eq!(kinds, [false, false, true]);
    let Some(path) = shared("vector/flatgeobuf/surface/triangle.fgb") else { return };
    let (city, _) = read_path(flatgeobuf(), &path, &options("EPSG:4326")).unwrap();
    assert!(
        matches!(&city.objects[0].geometry[0].form, SourceForm::Surfaces(s) if s[0].polygon[0].len() == 3),
        "{city:?}"
    );
}

#[test]
fn no_crs_no_geometry_no_features_and_old_versions() {
    let read = |name: &str, options: &ImportOptions| {
        let path = shared(&format!("vector/flatgeobuf/{name}.fgb"))?;
        let files = LocalFiles::open(&path).unwrap();
        Some(flatgeobuf().read(&files, options, &mut Gathered::default()))
    };
    let Some(unsaid) = read("countries_nocrs", &ImportOptions::default()) else { return };
    assert!(matches!(unsaid, Err(ImportError::NoCrs { .. })), "{unsaid:?}");
    assert_eq!(read("countries_nocrs", &options("EPSG:4326")).unwrap().unwrap().objects, 179);
    let nowhere = read("countries_nogeo", &options("EPSG:4326")).unwrap().unwrap();
    assert_eq!((nowhere.objects, nowhere.count_of("no-geometry")), (0, 179));
    let empty = read("empty", &ImportOptions::default()).unwrap().unwrap();
    assert_eq!((empty.objects, empty.tallies.len()), (0, 0));
    let old = read("topp_states", &ImportOptions::default()).unwrap().unwrap_err().to_string();
    assert!(old.contains("its version is 2; 3 is read"), "{old}");
}

#[test]
fn damage_costs_what_is_damaged() {
    for name in ["heterogeneous", "poly00", "alldatatypes", "mp_overlapping"] {
        let Some(path) = shared(&format!("vector/flatgeobuf/{name}.fgb")) else { return };
        damaged(flatgeobuf(), "a.fgb", &companions(&path, &["fgb"]), 3000);
    }
    let Some(path) = shared("vector/flatgeobuf/poly00.fgb") else { return };
    let mut whole = companions(&path, &["fgb"]);
    let cut = whole[0].1.len() - 50;
    whole[0].1.truncate(cut);
    let files = veduta::import::MemoryFiles::new("a.fgb", whole);
    let report = flatgeobuf().read(&files, &ImportOptions::default(), &mut Gathered::default()).unwrap();
    assert_eq!((report.objects, report.count_of("file-cut")), (9, 1));
}
