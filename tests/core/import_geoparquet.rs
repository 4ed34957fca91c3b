//! GeoParquet: real files, and damaged ones.

use veduta::city::Value;
use veduta::import::{Gathered, ImportOptions, Importer, MemoryFiles, SourceForm, importer};

use crate::shared_data::shared;
use crate::vector_files::{companions, damaged, read_path};

fn geoparquet() -> &'static dyn Importer {
    importer("geoparquet").unwrap()
}

/// Values as Apache Arrow 21 reads them (`pyarrow`).
#[test]
fn buildings_of_overture() {
    let Some(path) = shared("vector/geoarrow/overture_buildings.parquet") else { return };
    let (city, report) = read_path(geoparquet(), &path, &ImportOptions::default()).unwrap();
    let frame = report.frame.unwrap();
    assert_eq!((frame.crs.to_string().as_str(), frame.stated_by.as_str()), ("OGC:CRS84", "GeoParquet's default"));
    assert_eq!((report.objects, report.tallies.len()), (100, 0), "{:?}", report.tallies);
    let raised = city.objects.iter().filter(|o| matches!(o.geometry[0].form, SourceForm::Footprints { .. }));
    assert_eq!(raised.count(), 39);
    let first = &city.objects[0];
    let object = &first.object;
    assert_eq!((object.id.as_str(), object.class.as_str()), ("08b1fa1634a64fff0200b116f4f36626", "Building"));
    assert_eq!(object.attribute("height"), &Value::Float(4.7));
    assert_eq!(object.attribute("has_parts"), &Value::Bool(false));
    assert_eq!(object.attribute("sources.record_id"), &Value::from(r#"["w488089198@2"]"#));
    assert_eq!(object.attribute("bbox.xmin").number(), Some(7.394_307_6));
    assert_eq!(object.attribute("sources.confidence"), &Value::Null);
    let SourceForm::Footprints { polygons, .. } = &first.geometry[0].form else { panic!("{first:?}") };
    assert_eq!((polygons[0][0].len(), polygons[0][0][0].truncate()), (4, glam::DVec2::new(7.394_307_8, 50.346_590_9)));
}

#[test]
fn points_lines_and_areas_of_overture() {
    let Some(path) = shared("vector/geoarrow/overture_infrastructure.parquet") else { return };
    let (city, report) = read_path(geoparquet(), &path, &ImportOptions::default()).unwrap();
    assert_eq!((report.objects, report.tallies.len()), (100, 0), "{:?}", report.tallies);
    let count = |is: fn(&SourceForm) -> bool| city.objects.iter().filter(|o| is(&o.geometry[0].form)).count();
    assert_eq!(count(|form| matches!(form, SourceForm::Points(_))), 64);
    assert_eq!(count(|form| matches!(form, SourceForm::Lines { .. })), 34);
    assert_eq!(count(|form| matches!(form, SourceForm::Surfaces(_))), 2);
    let first = &city.objects[0].object;
    assert_eq!(first.attribute("source_tags.key"), &Value::from(r#"["tourism"]"#));
    assert_eq!(first.attribute("source_tags.value"), &Value::from(r#"["viewpoint"]"#));
    let named = city.objects.iter().find(|object| object.object.id == "08b182c16d955fff0001a6beefc4aefa").unwrap();
    let name = "Irish Defence Forces Coast Watching Service 1939-1945";
    assert_eq!(named.object.attribute("names.primary"), &Value::from(name));
}

/// Three rows as Apache Arrow writes them: polygons as lists of coordinates (split into bytes), texts as differences, pages of
/// the second version packed with Zstandard.
const SMALL: &str = "\
    504152311506155615565c150615001506150e15041500121c000000060180010403000002000000020000000000000080010403\
    0603020000000800000000000000622d3132331506151815185c150615041506150c15061500121c000000030600800104010848\
    616c6c1506152015205c150815061506150e15061504121c0000000302034b0080010401008001040102611506151815185c1506\
    15021506150a15041500121c000000030580010402060300000000150615820215705c15201502150615121508150a111c000000\
    05a8a68a2a1e06020028b52ffd2078350100d80000808000008040400000595b5b5959595a5a5959696a6a69694003007092a908\
    fa508005150615820215725c15201502150615121508150a111c00000005a8a68a2a1e06020028b52ffd20783d0100f800008080\
    008080000080000040400059595b5b5959595a5a5969696a6a6940020001d9210ab0150419fc0f35001806736368656d61150a00\
    150c25021802696425004c1c000000350218056e616d6573150200150c250218077072696d61727925004c1c0000003502180474\
    616773150215064c3c000000350418046c697374150200150c25021807656c656d656e7425004c1c000000150225021806666c6f\
    6f7273003502180867656f6d65747279150215064c3c000000350418046c69737415020035021807656c656d656e74150215064c\
    3c000000350418046c69737415020035021807656c656d656e74150400150a250218017800150a2502180179001606191c196c26\
    001c150c1925060e1918026964150c16061686011686012608491c1500150e1502003c161219061926000600000026001c150c19\
    25060c1928056e616d6573077072696d617279150c160616481648268e01491c1500150c1502003c160819061936020202000000\
    26001c150c1925060e19380474616773046c69737407656c656d656e74150c16081650165026d601491c1500150e1502003c1602\
    1926060219460202020200000026001c15021925060a191806666c6f6f7273150c16061648164826a602491c1500150a1502003c\
    29061926020400000026001c150a1925061219680867656f6d65747279046c69737407656c656d656e74046c69737407656c656d\
    656e740178150c162016b40216a20126ee02491c150015121502003c293606021819760200000000001e00000026001c150a1925\
    061219680867656f6d65747279046c69737407656c656d656e74046c69737407656c656d656e740179150c162016b40216a40126\
    9004491c150015121502003c293606021819760200000000001e00000016ce071606260816ac0500191c180367656f18e3017b22\
    76657273696f6e223a2022312e312e30222c20227072696d6172795f636f6c756d6e223a202267656f6d65747279222c2022636f\
    6c756d6e73223a207b2267656f6d65747279223a207b22656e636f64696e67223a2022706f6c79676f6e222c202267656f6d6574\
    72795f7479706573223a205b22506f6c79676f6e225d2c2022637273223a207b2274797065223a202250726f6a65637465644352\
    53222c20226e616d65223a20224e5a474432303030222c20226964223a207b22617574686f72697479223a202245505347222c20\
    22636f6465223a20323139337d7d7d7d7d001820706172717565742d6370702d6172726f772076657273696f6e2032362e302e31\
    196c1c00001c00001c00001c00001c00001c0000009b03000050415231";

#[test]
fn lists_of_coordinates_and_encodings_of_texts() {
    let bytes: Vec<u8> =
        (0..SMALL.len() / 2).map(|i| u8::from_str_radix(&SMALL[2 * i..2 * i + 2], 16).unwrap()).collect();
    let files = MemoryFiles::new("a.parquet", [("a.parquet".to_owned(), bytes)]);
    let mut city = Gathered::default();
    let report = geoparquet().read(&files, &ImportOptions::default(), &mut city).unwrap();
    assert_eq!((report.objects, report.count_of("no-geometry")), (2, 1), "{:?}", report.tallies);
    assert_eq!(report.frame.unwrap().crs.to_string(), "EPSG:2193");
    let [hall, other] = city.objects.as_slice() else { panic!("{city:?}") };
    assert_eq!((hall.object.id.as_str(), hall.object.name.as_deref()), ("b-1", Some("Hall")));
    assert_eq!(hall.object.attribute("tags"), &Value::from(r#"["a",null]"#));
    let SourceForm::Footprints { polygons, height_m } = &hall.geometry[0].form else { panic!("{hall:?}") };
    assert_eq!((*height_m, polygons[0].len(), polygons[0][1][2].truncate()), (9.0, 2, glam::DVec2::new(104.0, 104.0)));
    assert_eq!((other.object.id.as_str(), other.object.attribute("tags")), ("b-2", &Value::Null));
    assert!(matches!(&other.geometry[0].form, SourceForm::Surfaces(surfaces) if surfaces[0].polygon[0].len() == 4));
    damaged(geoparquet(), "a.parquet", &[("a.parquet".to_owned(), files_bytes(&files))], 3000);
}

fn files_bytes(files: &MemoryFiles) -> Vec<u8> {
    use veduta::import::SourceFiles;
    files.read("a.parquet").unwrap()
}

#[test]
fn points_of_a_bound_crs_and_files_without_footer() {
    let Some(path) = shared("pointcloud/pdal/arrow/autzen-utm.parquet") else { return };
    let files = veduta::platform::LocalFiles::open(&path).unwrap();
    // Points with a geometry bound to a shift: its source has a code.
    let report = geoparquet().read(&files, &ImportOptions::default(), &mut Gathered::default()).unwrap();
    assert_eq!((report.objects, report.frame.unwrap().crs.to_string().as_str()), (1065, "EPSG:26910"));
    for bytes in
        [&b""[..], b"PAR1", b"PAR1PAR1", b"PAR1\0\0\0\0PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"PAR1\0\x01\0\0\0PAR1"]
    {
        let files = MemoryFiles::new("a.parquet", [("a.parquet".to_owned(), bytes.to_vec())]);
        assert!(geoparquet().read(&files, &ImportOptions::default(), &mut Gathered::default()).is_err());
    }
}

#[test]
fn damage_costs_what_is_damaged() {
    let Some(path) = shared("vector/geoarrow/overture_infrastructure.parquet") else { return };
    let whole = companions(&path, &["parquet"]);
    damaged(geoparquet(), "a.parquet", &whole, 3000);
    // A damaged page costs its column, or the row group where it is that of the geometry; never more.
    let mut changed = whole.clone();
    changed[0].1[100..140].fill(0xff);
    let files = MemoryFiles::new("a.parquet", changed);
    let report = geoparquet().read(&files, &ImportOptions::default(), &mut Gathered::default()).unwrap();
    assert_eq!((report.objects, report.count_of("column-unreadable")), (100, 1), "{:?}", report.tallies);
}
