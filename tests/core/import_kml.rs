//! KML and KMZ: the samples of Google, what writers do, and damaged documents.

use std::io::{Cursor, Write};

use veduta::city::Value;
use veduta::import::{
    Gathered, HeightsAbove, ImportError, ImportOptions, Importer, MemoryFiles, SourceForm, SourceReport, importer,
};

use crate::shared_data::shared;
use crate::vector_files::{companions, damaged, read_path};

fn kml() -> &'static dyn Importer {
    importer("kml").unwrap()
}

fn read(text: &str) -> Result<(Gathered, SourceReport), ImportError> {
    let files = MemoryFiles::new("a.kml", [("a.kml".to_owned(), text.as_bytes().to_vec())]);
    let mut city = Gathered::default();
    kml().read(&files, &ImportOptions::default(), &mut city).map(|report| (city, report))
}

fn document(inside: &str) -> String {
    format!(r#"<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{inside}</Document></kml>"#)
}

/// 20 placemarks: 4 points, 5 lines and a wall, 9 polygons, and one that has no geometry.
#[test]
fn the_samples() {
    let Some(path) = shared("vector/kml/kml/KML_Samples.kml") else { return };
    let (city, report) = read_path(kml(), &path, &ImportOptions::default()).unwrap();
    let count = |is: fn(&SourceForm) -> bool| city.objects.iter().filter(|o| is(&o.geometry[0].form)).count();
    let points = count(|form| matches!(form, SourceForm::Points(_)));
    let lines = count(|form| matches!(form, SourceForm::Lines { .. }));
    let raised = count(|form| matches!(form, SourceForm::Footprints { .. }));
    assert_eq!((report.records, points, lines), (20, 4, 5), "{:?}", report.tallies);
    // The Pentagon, four halls of the campus, and one of the relative polygons are pushed up.
    assert_eq!(raised, 6);
    let frame = report.frame.clone().unwrap();
    assert_eq!((frame.crs.to_string().as_str(), frame.heights_above), ("OGC:CRS84", HeightsAbove::Ground));
    let pentagon = city.objects.iter().find(|object| object.object.name.as_deref() == Some("The Pentagon")).unwrap();
    let SourceForm::Footprints { polygons, height_m } = &pentagon.geometry[0].form else { panic!("{pentagon:?}") };
    assert_eq!((*height_m, polygons[0].len(), polygons[0][0].len()), (100.0, 2, 5));
    assert_eq!(pentagon.object.attribute("measuredHeight"), &Value::Float(100.0));
    assert_eq!(pentagon.object.attribute("folder"), &Value::from("Polygons/Extruded Polygon"));
    assert_eq!(report.count_of("not-a-placemark"), 8);
}

#[test]
fn data_schemas_and_identifiers() {
    let (city, _) = read(&document(
        r##"<Schema name="b" id="b"><SimpleField type="int" name="floors"/><SimpleField type="double" name="area"/></Schema>
        <Folder><name>A &amp; B</name><Placemark id="p1"><name><![CDATA[<Hall>]]></name>
        <TimeSpan><begin>2001</begin></TimeSpan>
        <ExtendedData><Data name="use"><value>school</value></Data>
        <SchemaData schemaUrl="#b"><SimpleData name="floors">3</SimpleData><SimpleData name="area">12.5</SimpleData></SchemaData>
        <my:owner xmlns:my="x">city</my:owner></ExtendedData>
        <MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>4,52 4.001,52 4.001,52.001 4,52</coordinates></LinearRing>
        </outerBoundaryIs></Polygon><Point><coordinates>4,52</coordinates></Point></MultiGeometry></Placemark></Folder>"##,
    ))
    .unwrap();
    let object = &city.objects[0].object;
    assert_eq!((object.id.as_str(), object.name.as_deref(), object.class.as_str()), ("p1", Some("<Hall>"), "Building"));
    for (name, value) in [
        ("floors", Value::Int(3)),
        ("area", Value::Float(12.5)),
        ("use", Value::from("school")),
        ("owner", Value::from("city")),
        ("begin", Value::from("2001")),
        ("folder", Value::from("A & B")),
        ("measuredHeight", Value::Float(9.0)),
    ] {
        assert_eq!(object.attribute(name), &value, "{name}");
    }
    assert!(matches!(city.objects[0].geometry[1].form, SourceForm::Footprints { height_m, .. } if height_m == 9.0));
}

#[test]
fn altitudes_by_their_modes() {
    let line = |mode: &str, extrude: &str| {
        format!(
            "<Placemark><LineString>{extrude}<altitudeMode>{mode}</altitudeMode><coordinates>4,52,10 4.001,52,20</coordinates></LineString></Placemark>"
        )
    };
    let z = |city: &Gathered| match &city.objects[0].geometry[0].form {
        SourceForm::Lines { lines, .. } => lines[0][1].z,
        other => panic!("{other:?}"),
    };
    for (mode, heights, height) in [
        ("absolute", HeightsAbove::Geoid, 20.0),
        ("relativeToGround", HeightsAbove::Ground, 20.0),
        ("clampToGround", HeightsAbove::Ground, 0.0),
    ] {
        let (city, report) = read(&document(&line(mode, ""))).unwrap();
        assert_eq!((report.frame.unwrap().heights_above, z(&city)), (heights, height), "{mode}");
    }
    let (city, _) = read(&document(&line("relativeToGround", "<extrude>1</extrude>"))).unwrap();
    let SourceForm::Surfaces(wall) = &city.objects[0].geometry[0].form else { panic!("{city:?}") };
    assert_eq!((wall.len(), wall[0].polygon[0].len()), (1, 4));
    let mixed = format!("{}{}{}", line("absolute", ""), line("relativeToGround", ""), line("absolute", ""));
    let (_, report) = read(&document(&mixed)).unwrap();
    assert_eq!((report.objects, report.count_of("altitude-left-out")), (3, 1));
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn kmz_holds_one_document() {
    let point = document("<Placemark><Point><coordinates>4,52</coordinates></Point></Placemark>");
    let kmz = zipped(&[("files/a.png", b"x"), ("files/other.kml", b"<kml/>"), ("doc.kml", point.as_bytes())]);
    let files = MemoryFiles::new("a.kmz", [("a.kmz".to_owned(), kmz.clone())]);
    let report = kml().read(&files, &ImportOptions::default(), &mut Gathered::default()).unwrap();
    assert_eq!((report.objects, veduta::import::recognise(&files).unwrap().name()), (1, "kml"));
    damaged(kml(), "a.kmz", &[("a.kmz".to_owned(), kmz)], 3000);
    let bomb = zipped(&[("doc.kml", &vec![b' '; 300 << 20])]);
    let files = MemoryFiles::new("a.kmz", [("a.kmz".to_owned(), bomb)]);
    let error = kml().read(&files, &ImportOptions::default(), &mut Gathered::default()).unwrap_err().to_string();
    assert!(error.contains("more than the") && error.contains("believed"), "{error}");
}

#[test]
fn what_is_not_kml_is_refused_and_what_is_cut_keeps_its_beginning() {
    for (text, words) in [
        ("", "too early"),
        ("<gpx><wpt/></gpx>", "its root is <gpx>"),
        ("<kml><Document>", "too early"),
        ("not xml", "too early"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with("not KML") && error.contains(words), "{error}");
    }
    let whole = document("<Placemark><Point><coordinates>4,52</coordinates></Point></Placemark><Placemark><Point>");
    let (_, report) = read(whole.split("</Document>").next().unwrap()).unwrap();
    assert_eq!((report.objects, report.count_of("file-cut")), (1, 1));
    // Deep and endless documents.
    let deep = "<a>".repeat(100_000);
    assert!(read(&document(&deep)).is_err());
    let inner = document(&format!(
        "<Placemark>{}{}</Placemark><Placemark><Point><coordinates>4,52</coordinates></Point></Placemark>",
        "<b>".repeat(5000),
        "</b>".repeat(5000)
    ));
    let (city, report) = read(&inner).unwrap();
    assert_eq!((city.objects.len(), report.count_of("placemark-too-large")), (1, 1), "{:?}", report.tallies);
    let Some(path) = shared("vector/kml/kml/linestring.kml") else { return };
    damaged(kml(), "a.kml", &companions(&path, &["kml"]), 3000);
}
