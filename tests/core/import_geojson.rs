//! GeoJSON: what writers do, and what they should not.

use veduta::city::Value;
use veduta::import::{
    Gathered, HeightsAbove, ImportError, ImportOptions, LineSection, MemoryFiles, SourceForm, SourceReport, importer,
    recognise,
};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;

fn read(text: &str, options: &ImportOptions) -> Result<(Gathered, SourceReport), ImportError> {
    let files = MemoryFiles::new("a.geojson", [("a.geojson".to_owned(), text.as_bytes().to_vec())]);
    let mut city = Gathered::default();
    let report = recognise(&files)?.read(&files, options, &mut city)?;
    Ok((city, report))
}

fn feature(id: &str, properties: &str, coordinates: &str) -> String {
    format!(
        r#"{{"type": "Feature", "id": {id}, "properties": {{{properties}}},
            "geometry": {{"type": "Polygon", "coordinates": {coordinates}}}}}"#
    )
}

fn collection(features: &[String]) -> String {
    format!(r#"{{"type": "FeatureCollection", "features": [{}]}}"#, features.join(","))
}

const SQUARE: &str = "[[[4.0, 52.0], [4.001, 52.0], [4.001, 52.001], [4.0, 52.001], [4.0, 52.0]]]";

#[test]
fn heights_of_every_habit() {
    let cases = [
        (r#""height": 12"#, Some(12.0)),
        (r#""height": "12.5 m""#, Some(12.5)),
        (r#""building:height": "40 ft""#, Some(12.192)),
        (r#""building:levels": "3""#, Some(9.0)),
        (r#""story_ht_": "2.5""#, Some(7.5)),
        (r#""height": "unknown", "levels": 2"#, Some(6.0)),
        (r#""height": -3"#, None),
        (r#""colour": "red""#, None),
    ];
    let features: Vec<String> =
        cases.iter().enumerate().map(|(i, (properties, _))| feature(&i.to_string(), properties, SQUARE)).collect();
    let (city, report) = read(&collection(&features), &ImportOptions::default()).unwrap();
    assert_eq!((report.objects, report.surfaces, report.tallies.len()), (8, 8, 0));
    for (object, (properties, expected)) in city.objects.iter().zip(cases) {
        let height = match &object.geometry[0].form {
            SourceForm::Footprints { height_m, .. } => Some(*height_m),
            _ => None,
        };
        assert_eq!(height.map(|h| (h * 1e6).round() / 1e6), expected, "{properties}");
        assert_eq!(object.object.attribute("measuredHeight").number(), height, "{properties}");
    }
    assert_eq!(city.objects[3].object.attribute("heightSource"), &Value::from("building:levels x 3 m"));
    let frame = report.frame.unwrap();
    assert_eq!((frame.crs.to_string().as_str(), frame.heights_above), ("OGC:CRS84", HeightsAbove::Ground));
}

#[test]
fn options_name_the_attributes() {
    let text = collection(&[feature("1", r#""H2": 7, "code": "x-1", "lv": 2"#, SQUARE)]);
    let options = ImportOptions {
        height_attribute: Some("H2".to_owned()),
        id_attribute: Some("code".to_owned()),
        class: Some("Bridge".to_owned()),
        ..Default::default()
    };
    let (city, _) = read(&text, &options).unwrap();
    let object = &city.objects[0].object;
    assert_eq!((object.id.as_str(), object.class.as_str()), ("x-1", "Bridge"));
    assert_eq!(object.attribute("measuredHeight"), &Value::Float(7.0));
}

#[test]
fn the_old_crs_member_is_read_and_the_user_goes_over_it() {
    let text = r#"{"type": "FeatureCollection", "crs": {"type": "name", "properties":
        {"name": "urn:ogc:def:crs:EPSG::28992"}}, "features": [{"type": "Feature", "properties": {}, "geometry":
        {"type": "MultiPolygon", "coordinates": [[[[85000, 446000], [85010, 446000], [85010, 446010], [85000, 446000]]]]}}]}"#;
    let (_, report) = read(text, &ImportOptions::default()).unwrap();
    assert_eq!(report.frame.unwrap().crs.to_string(), "EPSG:28992");
    let options = ImportOptions { crs: Some("EPSG:7415".parse().unwrap()), ..Default::default() };
    assert_eq!(read(text, &options).unwrap().1.frame.unwrap().crs.to_string(), "EPSG:7415");
}

#[test]
fn bad_features_leave_the_good_ones() {
    let text = collection(&[
        feature("\"good\"", "", SQUARE),
        feature("\"open\"", "", "[[[4.0, 52.0], [4.001, 52.0], [4.001, 52.001]]]"),
        feature("\"thin\"", "", "[[[4.0, 52.0], [4.0, 52.0], [4.001, 52.0]]]"),
        feature("\"metres\"", "", "[[[85000, 446000], [85010, 446000], [85010, 446010], [85000, 446000]]]"),
        feature("\"words\"", "", r#"[[["a", "b"]]]"#),
        feature("\"short\"", "", "[[[4.0]]]"),
        feature("\"good\"", "", SQUARE),
        r#"{"type": "Feature", "id": "point", "geometry": {"type": "Point", "coordinates": [4, 52]}}"#.to_owned(),
        r#"{"type": "Feature", "id": "none", "geometry": null}"#.to_owned(),
        "17".to_owned(),
    ]);
    let (city, report) = read(&text, &ImportOptions::default()).unwrap();
    let ids: Vec<&str> = city.objects.iter().map(|object| object.object.id.as_str()).collect();
    assert_eq!(ids, ["good", "open", "good#2", "point"]);
    let codes: Vec<_> = report.tallies.iter().map(|(code, tally)| (*code, tally.count)).collect();
    let expected = [
        ("coordinate-out-of-range", 1),
        ("duplicate-id", 1),
        ("feature-unreadable", 1),
        ("geometry-unreadable", 2),
        ("no-geometry", 1),
        ("polygon-degenerate", 1),
        ("ring-unclosed", 2),
    ];
    assert_eq!(codes, expected);
    let example = &report.tallies["coordinate-out-of-range"].examples[0];
    assert_eq!(example.place.object.as_deref(), Some("metres"));
    assert!(example.message.contains("OGC:CRS84"), "{}", example.message);
    assert_eq!(report.records, 10);
}

#[test]
fn lines_and_points_with_their_classes_and_widths() {
    let line = |properties: &str, coordinates: &str| {
        format!(
            r#"{{"type": "Feature", "properties": {{{properties}}}, "geometry": {{"type": "LineString", "coordinates": {coordinates}}}}}"#
        )
    };
    let way = "[[4.0, 52.0], [4.001, 52.0]]";
    let text = collection(&[
        line(r#""highway": "residential""#, way),
        line(r#""highway": "primary", "width": "11 m""#, way),
        line(r#""waterway": "stream", "lanes": null"#, way),
        line(r#""railway": "rail""#, way),
        line("", "[[4.0, 52.0], [4.0, 52.0]]"),
        r#"{"type": "Feature", "properties": {"natural": "tree"}, "geometry": {"type": "MultiPoint",
            "coordinates": [[4, 52], [4.1, 52]]}}"#
            .to_owned(),
        r#"{"type": "Feature", "properties": {"landuse": "grass", "floor": 3}, "geometry": {"type": "GeometryCollection",
            "geometries": [{"type": "Polygon", "coordinates": [[[4, 52], [4.1, 52], [4.1, 52.1], [4, 52]]]},
            {"type": "Point", "coordinates": [4, 52]}]}}"#
            .to_owned(),
    ]);
    let (city, report) = read(&text, &ImportOptions::default()).unwrap();
    let found: Vec<(&str, String)> = city
        .objects
        .iter()
        .map(|object| {
            let forms = object.geometry.iter().map(|shape| match &shape.form {
                SourceForm::Lines { section: LineSection::Band(width), .. } => format!("band {width}"),
                SourceForm::Points(points) => format!("{} points", points.len()),
                SourceForm::Surfaces(surfaces) => format!("{} surfaces", surfaces.len()),
                other => format!("{other:?}"),
            });
            (object.object.class.as_str(), forms.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let expected = [
        ("Road", "band 6"),
        ("Road", "band 11"),
        ("WaterBody", "band 2"),
        ("Railway", "band 3"),
        ("SolitaryVegetationObject", "2 points"),
        ("LandUse", "1 points, 1 surfaces"),
    ];
    assert_eq!(found, expected.map(|(class, forms)| (class, forms.to_owned())));
    assert_eq!((report.count_of("line-degenerate"), report.tallies.len()), (1, 1));
}

#[test]
fn a_feature_a_line_and_a_folder() {
    let line = feature("1", "", SQUARE).replace('\n', " ");
    let other = feature("2", "", SQUARE).replace('\n', " ");
    let (city, report) = read(&format!("{line}\n{other}\n{{\"type\":\n"), &ImportOptions::default()).unwrap();
    assert_eq!(city.objects.len(), 2);
    assert_eq!(report.tallies["line-unreadable"].examples[0].place.detail.as_deref(), Some("line 3"));

    let files = MemoryFiles::new(
        "folder",
        [("b/1.geojson".to_owned(), line.into_bytes()), ("c.geojson".to_owned(), other.into_bytes())],
    );
    let mut all = Gathered::default();
    let report = importer("geojson").unwrap().read(&files, &ImportOptions::default(), &mut all).unwrap();
    assert_eq!((report.files, report.objects), (2, 2));
}

#[test]
fn what_is_not_geojson_is_refused() {
    let deep = format!("{{\"type\": \"FeatureCollection\", \"features\": {}", "[".repeat(100_000));
    for (text, words) in [
        ("{\"type\": \"FeatureCollection\", \"features\": [", "EOF while parsing"),
        (deep.as_str(), "EOF while parsing"),
        ("", "the file is empty"),
        (r#"{"type": "Topology"}"#, "its 'type' is 'Topology'"),
        (r#"{"features": []}"#, "it has no 'type'"),
    ] {
        let error = read(text, &ImportOptions::default()).unwrap_err().to_string();
        assert!(error.starts_with("not GeoJSON") && error.contains(words) && error.ends_with("a.geojson"), "{error}");
    }
}

#[test]
fn real_files_are_read_or_told() {
    for (name, objects) in [
        ("vector/flatgeobuf/countries.geojson", 179),
        ("boston/boston_land.geojson", 8626),
        ("vector/geojson_cesium_native/roads-seoul.geojson", 94),
        ("vector/china/nanjing-city.json", 105),
    ] {
        let Some(path) = shared(name) else { return };
        let files = LocalFiles::open(&path).unwrap();
        let mut city = Gathered::default();
        let report = recognise(&files).unwrap().read(&files, &ImportOptions::default(), &mut city).unwrap();
        assert_eq!(report.objects, objects, "{name}: {:?}", report.tallies);
    }
}
