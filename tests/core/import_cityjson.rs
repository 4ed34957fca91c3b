//! CityJSON against the files of its makers.

use std::collections::BTreeMap;
use std::path::Path;

use veduta::city::Value;
use veduta::geometry::SurfaceKind;
use veduta::import::{
    Gathered, ImportError, ImportOptions, MemoryFiles, SourceFiles, SourceForm, SourceReport, importer, recognise,
};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;

fn read(files: &dyn SourceFiles, crs: Option<&str>) -> Result<(Gathered, SourceReport), ImportError> {
    let options = ImportOptions { crs: crs.map(|crs| crs.parse().unwrap()), ..Default::default() };
    let mut city = Gathered::default();
    let report = importer("cityjson").unwrap().read(files, &options, &mut city)?;
    Ok((city, report))
}

fn memory(text: &str) -> MemoryFiles {
    MemoryFiles::new("a.city.json", [("a.city.json".to_owned(), text.as_bytes().to_vec())])
}

fn shared_file(name: &str, crs: Option<&str>) -> Option<(Gathered, SourceReport)> {
    let path = shared(&format!("citymodel/cityjson/{name}"))?;
    Some(read(&LocalFiles::open(&path).unwrap(), crs).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// Objects and surfaces by cjio 0.10.1: `len(cm.j["CityObjects"])` after `cityjson.reader(file)`, and the sum over all
/// geometries of the entries of `boundaries` (Multi- and CompositeSurface), of its shells (Solid) or of the shells of its
/// solids (MultiSolid, CompositeSolid).
#[test]
fn objects_and_surfaces_are_those_that_cjio_counts() {
    // Rotterdam's 633 surfaces of two different points are counted and left out: no reader can draw them.
    for (name, crs, objects, surfaces, degenerate) in [
        ("rotterdam_delfshaven_3-20.city.json", "EPSG:28992", 853, 15_482, 633),
        ("cjio_zurich/zurich_subset_lod2.json", "EPSG:2056", 210, 2039, 0),
        ("cjio_delft.json", "EPSG:7415", 570, 36_271, 0),
    ] {
        let Some((city, report)) = shared_file(name, None) else { return };
        assert_eq!((report.objects, report.surfaces + report.surfaces_left_out), (objects, surfaces), "{name}");
        assert_eq!(
            (report.surfaces_left_out, report.count_of("surface-degenerate")),
            (degenerate, degenerate),
            "{name}"
        );
        assert_eq!(city.objects.len() as u64, objects);
        let known = ["surface-degenerate", "picture-missing"];
        assert!(report.tallies.keys().all(|code| known.contains(code)), "{name}: {:?}", report.tallies);
        assert_eq!(report.frame.unwrap().crs.to_string(), crs, "{name}");
    }
    let Some((_, report)) = shared_file("cjio_multi_lod.json", Some("EPSG:7415")) else { return };
    assert_eq!((report.objects, report.surfaces), (10, 752));
}

#[test]
fn rotterdam_has_roofs_walls_and_attributes() {
    let Some((city, _)) = shared_file("rotterdam_delfshaven_3-20.city.json", None) else { return };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for shape in city.objects.iter().flat_map(|object| &object.geometry) {
        let SourceForm::Surfaces(surfaces) = &shape.form else { panic!("no surfaces") };
        assert_eq!(shape.lod, 2.0);
        for surface in surfaces {
            *kinds.entry(format!("{:?}", surface.kind)).or_default() += 1;
            assert!(surface.polygon[0].iter().all(|p| (80_000.0..100_000.0).contains(&p.x) && p.y > 430_000.0));
        }
    }
    assert!(kinds["Roof"] > 853 && kinds["Wall"] > 853 && kinds["Ground"] > 800, "{kinds:?}");
    assert!(city.objects.iter().all(|object| object.object.class == "Building" && !object.object.id.is_empty()));
    assert!(city.objects.iter().all(|object| !object.object.attributes.is_empty()));
}

#[test]
fn zurich_parts_belong_to_buildings() {
    let Some((city, _)) = shared_file("cjio_zurich/zurich_subset_lod2.json", None) else { return };
    let parts: Vec<_> = city.objects.iter().filter(|object| object.object.class == "BuildingPart").collect();
    assert_eq!(parts.len(), 161);
    for part in parts {
        let parent = part.object.parent.as_ref().unwrap();
        assert!(city.objects.iter().any(|o| o.object.id == *parent && o.object.class == "Building"));
    }
}

/// Each invalid case is refused, or reported with the object and the place in it.
#[test]
fn invalid_cases_are_refused_or_reported_with_their_place() {
    for (name, file, words) in [
        ("invalid_missing_type", "json", "not CityJSON: it has no 'type'"),
        (
            "invalid_cityjsonfeature_root_id_unresolved",
            "city.jsonl",
            "the feature's id 'missing-main-object' is none of its objects: line 1",
        ),
    ] {
        let Some(path) = shared(&format!("citymodel/cityjson/corpus_invalid/{name}/{name}.{file}")) else { return };
        let error = read(&LocalFiles::open(&path).unwrap(), Some("EPSG:7415")).unwrap_err().to_string();
        assert!(error.contains(words) && error.ends_with(&format!("{name}.{file}")), "{error}");
    }
    let Some((city, report)) = invalid("invalid_out_of_range_vertex_index") else { return };
    let example = &report.tallies["vertex-out-of-range"].examples[0];
    assert_eq!(example.message, "ring 0: vertex 99 of 3");
    assert_eq!(example.place.object.as_deref(), Some("invalid_out_of_range_vertex_index"));
    assert_eq!(example.place.detail.as_deref(), Some("geometry 0, shell 0, surface 0"));
    assert!(report.has_errors() && report.surfaces == 0 && city.objects.len() == 1);

    match invalid_u64() {
        None => (),
        Some(Err(error)) => assert!(error.to_string().contains("number out of range"), "{error}"),
        Some(Ok((_, report))) => assert_eq!((report.count_of("coordinate-out-of-range"), report.surfaces), (1, 0)),
    }
}

fn invalid(name: &str) -> Option<(Gathered, SourceReport)> {
    shared_file(&format!("corpus_invalid/{name}/{name}.json"), Some("EPSG:7415"))
}

fn invalid_u64() -> Option<Result<(Gathered, SourceReport), ImportError>> {
    let name = "invalid_u64_f64_bounds";
    let path = shared(&format!("citymodel/cityjson/corpus_invalid/{name}/{name}.json"))?;
    Some(read(&LocalFiles::open(&path).unwrap(), Some("EPSG:7415")))
}

/// Every conformant file is read without a complaint that something was left out.
#[test]
fn conformant_files_are_read_whole() {
    let Some(folder) = shared("citymodel/cityjson/corpus_conformance_v2/v2_0") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let Some(file) = ["city.json", "city.jsonl"]
            .map(|ending| entry.path().join(format!("{name}.{ending}")))
            .into_iter()
            .find(|path| path.exists())
        else {
            continue;
        };
        let (_, report) =
            read(&LocalFiles::open(&file).unwrap(), Some("EPSG:7415")).unwrap_or_else(|e| panic!("{name}: {e}"));
        let errors: Vec<_> =
            report.tallies.values().filter(|t| t.severity == veduta::import::Severity::Error).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        count += 1;
    }
    assert!(count >= 34, "{count}");
}

#[test]
fn structure_of_conformant_files_is_kept() {
    let folder = "corpus_conformance_v2/v2_0";
    let case = |name: &str| shared_file(&format!("{folder}/{name}/{name}.city.json"), Some("EPSG:7415"));
    let Some((city, _)) = case("geometry_instance") else { return };
    let points: Vec<_> = city.objects[0].geometry.iter().map(|shape| &shape.form).collect();
    // Template vertex (1, 2, 3): scaled by 2 at (0, 0, 0), and as it is at (2, 2, 2).
    assert_eq!(*points[0], SourceForm::Points(vec![glam::DVec3::new(2.0, 4.0, 6.0)]));
    assert_eq!(*points[1], SourceForm::Points(vec![glam::DVec3::new(3.0, 4.0, 5.0)]));

    let (city, _) = case("geometry_semantics_solid").unwrap();
    let SourceForm::Surfaces(surfaces) = &city.objects[0].geometry[0].form else { panic!("no surfaces") };
    assert!(surfaces.iter().any(|surface| surface.kind != SurfaceKind::Unknown));

    let (city, _) = case("cityobject_building_address").unwrap();
    assert_eq!(city.objects[0].object.attribute("address.postcode"), &Value::from("H0H 0H0"));
    assert_eq!(city.objects[0].object.attribute("address2.thoroughfareNumber"), &Value::from("2"));

    let (city, _) = case("cityobject_all_types").unwrap();
    assert_eq!(city.objects.len(), 33);

    let (city, _) = case("cityobject_complete").unwrap();
    assert!(city.objects.iter().any(|object| object.object.parent.is_some()));

    let (city, _) = case("cityobject_extended").unwrap();
    assert!(city.objects.iter().any(|object| object.object.class.starts_with('+')));
}

/// The files that val3dity checks: read, or refused with the line.
#[test]
fn val3dity_files_load_or_are_reported() {
    for folder in ["val3dity_cases", "val3dity_data", "val3dity_cjseq"] {
        let Some(path) = shared(&format!("citymodel/cityjson/{folder}")) else { return };
        for entry in std::fs::read_dir(path).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            let name = entry.file_name().into_string().unwrap();
            let result = read(&LocalFiles::open(&entry.path()).unwrap(), Some("EPSG:7415"));
            match (name.as_str(), result) {
                ("with-errors.json", Err(error)) => assert!(error.to_string().contains("line 1888"), "{error}"),
                ("unclosedbracket.city.jsonl", Err(error)) => {
                    assert!(error.to_string().contains("line 2"), "{error}");
                }
                ("with-errors.json" | "unclosedbracket.city.jsonl", Ok(_)) => panic!("{name} was read"),
                ("notransform.city.jsonl", Ok((_, report))) => assert_eq!(report.count_of("no-transform"), 1),
                ("emptygeom.json", Ok((_, report))) => assert_eq!((report.objects, report.surfaces), (1, 0)),
                // Its semantics are of another form than any version has: the surfaces stay, of unknown kind.
                ("twobuildings_m.json", Ok((_, report))) => {
                    assert_eq!((report.objects, report.count_of("semantics-unreadable")), (2, 2));
                    assert!(report.surfaces > 0);
                }
                (_, Ok((_, report))) => assert!(report.objects > 0 && report.surfaces > 0, "{name}: {report:?}"),
                (_, Err(error)) => panic!("{name}: {error}"),
            }
        }
    }
    let Some((_, report)) = shared_file("val3dity_data/csol.json", Some("EPSG:7415")) else { return };
    assert_eq!(report.surfaces, 12, "two cubes");
}

#[test]
fn a_template_is_put_where_its_instance_says() {
    let Some((city, report)) = shared_file("val3dity_cases/geomtemplate_2.json", Some("EPSG:7415")) else { return };
    assert!(report.surfaces > 0);
    assert!(city.objects[0].geometry.iter().all(|shape| matches!(shape.form, SourceForm::Surfaces(_))));
}

#[test]
fn without_a_crs_it_says_how_to_give_one() {
    let Some(path) = shared("citymodel/cityjson/val3dity_data/cube.json") else { return };
    let error = read(&LocalFiles::open(&path).unwrap(), None).unwrap_err();
    assert!(matches!(error, ImportError::NoCrs { .. }));
    let words = error.to_string();
    assert!(words.contains("--crs EPSG:N") && words.ends_with("cube.json"), "{words}");
}

const HEAD: &str = r#"{"type": "CityJSON", "version": "2.0", "transform": {"scale": [1, 1, 1], "translate": [0, 0, 0]},
    "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/7415"}, "#;

#[test]
fn one_bad_object_leaves_the_others() {
    let text = format!(
        r#"{HEAD} "vertices": [[0, 0, 0], [1, 0, 0], [1, 1, 0]], "CityObjects": {{
            "good": {{"type": "Building", "geometry": [{{"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2]]]}}]}},
            "list": [1, 2],
            "nameless": {{"attributes": {{}}}},
            "wrong": {{"type": "Building", "geometry": [{{"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1.5]]]}}]}},
            "huge": {{"type": "Building", "geometry": [
                {{"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 18446744073709551615]]]}}]}},
            "deep": {{"type": "Building", "attributes": {{"a": {}1{}}}}},
            "good": {{"type": "Road"}},
            "orphan": {{"type": "BuildingPart", "parents": ["nobody"]}}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000),
    );
    let (city, report) = read(&memory(&text), None).unwrap();
    let ids: Vec<&str> = city.objects.iter().map(|object| object.object.id.as_str()).collect();
    assert_eq!(ids, ["good", "wrong", "huge", "deep", "orphan"]);
    let codes: Vec<_> = report.tallies.iter().map(|(code, tally)| (*code, tally.count)).collect();
    let expected = [
        ("attribute-unreadable", 1),
        ("duplicate-id", 1),
        ("geometry-unreadable", 1),
        ("object-unreadable", 1),
        ("object-without-type", 1),
        ("parent-missing", 1),
        ("vertex-out-of-range", 1),
    ];
    assert_eq!(codes, expected);
    assert_eq!(report.surfaces, 1);
}

#[test]
fn what_is_not_cityjson_is_refused_with_the_line() {
    let cut = format!("{HEAD} \"CityObjects\": {{\"a\": {{");
    for (text, words) in [
        ("", "the file is empty"),
        ("   \n ", "the file is empty"),
        ("[1, 2]", "invalid type"),
        (cut.as_str(), "EOF while parsing"),
        (r#"{"type": "FeatureCollection", "features": []}"#, "its 'type' is 'FeatureCollection'"),
        (r#"{"type": "CityJSON", "version": "3.0", "CityObjects": {}, "vertices": []}"#, "its version is '3.0'"),
        ("{\"type\": \"CityJSON\",\n\"version\": \"2.0\",\n\"vertices\": [[0, 0], 1]}", "(line 3"),
    ] {
        let error = read(&memory(text), Some("EPSG:7415")).unwrap_err().to_string();
        assert!(error.contains(words) && error.ends_with("a.city.json"), "{error}");
    }
}

#[test]
fn a_damaged_line_of_a_sequence_leaves_the_others() {
    let head = HEAD.replace('\n', " ");
    let feature = |id: &str| {
        format!(
            r#"{{"type": "CityJSONFeature", "id": "{id}", "CityObjects": {{"{id}": {{"type": "Building"}}}}, "vertices": []}}"#
        )
    };
    let text = format!(
        "{head} \"CityObjects\": {{}}, \"vertices\": []}}\n{}\n{{\"type\": \n\n{}\n{{\"type\": \"Feature\"}}\n",
        feature("a"),
        feature("b")
    );
    let (city, report) = read(&memory(&text), None).unwrap();
    assert_eq!(city.objects.iter().map(|o| o.object.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(report.tallies["line-unreadable"].examples[0].place.detail.as_deref(), Some("line 3"));
    assert_eq!(report.tallies["not-a-feature"].examples[0].place.detail.as_deref(), Some("line 6"));
}

#[test]
fn files_of_both_kinds_are_recognised() {
    for name in
        ["cjio_delft.json", "fcb_geom_temp.city.jsonl", "corpus_conformance_v2/v2_0/vertices/vertices.city.json"]
    {
        let Some(path) = shared(&format!("citymodel/cityjson/{name}")) else { return };
        assert_eq!(recognise(&LocalFiles::open(Path::new(&path)).unwrap()).unwrap().name(), "cityjson", "{name}");
    }
}

/// A part whose parent alone says that they belong together; a building painted with materials.
#[test]
fn children_find_their_parent_and_materials_give_a_colour() {
    let text = r#"{"type":"CityJSON","version":"2.0","transform":{"scale":[1,1,1],"translate":[0,0,0]},
        "metadata":{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/7415"},
        "appearance":{"materials":[{"name":"brick","diffuseColor":[0.8,0.2,0.0]},{"name":"glass","diffuseColor":[0,0,1]}]},
        "CityObjects":{
            "whole":{"type":"Building","children":["part","other"]},
            "part":{"type":"BuildingPart","geometry":[{"type":"MultiSurface","lod":"2",
                "boundaries":[[[0,1,2]],[[0,2,3]],[[0,1,3]]],"material":{"visual":{"values":[0,1,0]}}}]},
            "other":{"type":"BuildingPart","parents":["whole"]}},
        "vertices":[[90000,430000,0],[90010,430000,0],[90010,430010,0],[90000,430010,5]]}"#;
    let (city, report) = read(&memory(text), None).unwrap();
    let found = |id: &str| &city.objects.iter().find(|object| object.object.id == id).unwrap().object;
    assert_eq!(found("part").parent.as_deref(), Some("whole"));
    assert_eq!(found("other").parent.as_deref(), Some("whole"));
    assert_eq!(found("whole").parent, None);
    assert_eq!(found("part").attribute("materialColor"), &Value::from("#cc3300"));
    assert!(found("other").attribute("materialColor").is_null() && report.tallies.is_empty(), "{:?}", report.tallies);
}

/// The one picture that lies beside Rotterdam's subset is on the one surface that it is for; the others are told.
#[test]
fn surfaces_have_pictures_and_materials() {
    let Some((city, report)) = shared_file("cjio_rotterdam/rotterdam_subset.json", Some("EPSG:28992")) else { return };
    let paints = |city: &Gathered| -> Vec<_> {
        let forms = city.objects.iter().flat_map(|object| &object.geometry).map(|shape| &shape.form);
        let surfaces = forms.flat_map(|form| if let SourceForm::Surfaces(all) = form { all.as_slice() } else { &[] });
        surfaces.filter_map(|surface| Some((surface.paint.clone()?, surface.polygon.clone()))).collect()
    };
    let found = paints(&city);
    let [(paint, polygon)] = found.as_slice() else { panic!("{} paints", found.len()) };
    let picture = paint.picture.as_ref().unwrap();
    assert_eq!((&*picture.name, paint.color), ("appearances/0320_4_15.jpg", [255; 4]));
    assert!(picture.rings.iter().map(Vec::len).eq(polygon.iter().map(Vec::len)));
    assert_eq!(report.count_of("picture-missing"), 73);

    let (city, _) = shared_file("cjio_small/material/mt-1.json", Some("EPSG:28992")).unwrap();
    let found = paints(&city);
    // sRGB 0.1, 0.1, 0.9 at half transparency.
    assert_eq!((found.len(), found[0].0.color), (6, [3, 3, 201, 128]));
}
