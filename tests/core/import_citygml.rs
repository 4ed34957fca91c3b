//! CityGML against the files of its makers, and against their CityJSON twins.

use std::collections::BTreeMap;

use glam::DVec3;
use veduta::city::{CimLevel, Value};
use veduta::geometry::SurfaceKind;
use veduta::import::{
    Gathered, HeightsAbove, ImportError, ImportOptions, MemoryFiles, Severity, SourceFiles, SourceForm, SourceObject,
    SourceReport, SourceSurface, importer, recognise,
};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;

pub(crate) fn read(
    files: &dyn SourceFiles,
    crs_where_unsaid: Option<&str>,
) -> Result<(Gathered, SourceReport), ImportError> {
    let crs_where_unsaid = crs_where_unsaid.map(|crs| crs.parse().unwrap());
    read_with(files, &ImportOptions { crs_where_unsaid, ..Default::default() })
}

pub(crate) fn read_with(
    files: &dyn SourceFiles,
    options: &ImportOptions,
) -> Result<(Gathered, SourceReport), ImportError> {
    let mut city = Gathered::default();
    let report = importer("citygml").unwrap().read(files, options, &mut city)?;
    assert_eq!((city.objects.len() as u64, city.frame.as_ref()), (report.objects, report.frame.as_ref()));
    Ok((city, report))
}

fn shared_file(name: &str, crs: Option<&str>) -> Option<(Gathered, SourceReport)> {
    let path = shared(name)?;
    Some(read(&LocalFiles::open(&path).unwrap(), crs).unwrap_or_else(|error| panic!("{name}: {error}")))
}

pub(crate) fn memory(text: &str) -> MemoryFiles {
    MemoryFiles::new("a.gml", [("a.gml".to_owned(), text.as_bytes().to_vec())])
}

pub(crate) fn surfaces(object: &SourceObject, lod: f32) -> Vec<&SourceSurface> {
    let shapes = object.geometry.iter().filter(|shape| shape.lod == lod);
    shapes
        .flat_map(|shape| match &shape.form {
            SourceForm::Surfaces(surfaces) => surfaces.iter().collect(),
            _ => Vec::new(),
        })
        .collect()
}

pub(crate) fn object<'c>(city: &'c Gathered, id: &str) -> &'c SourceObject {
    city.objects.iter().find(|object| object.object.id == id).unwrap_or_else(|| panic!("no object {id}"))
}

fn classes(city: &Gathered) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    city.objects.iter().for_each(|object| *found.entry(object.object.class.as_str()).or_default() += 1);
    found
}

fn kinds(city: &Gathered) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for shape in city.objects.iter().flat_map(|object| &object.geometry) {
        if let SourceForm::Surfaces(surfaces) = &shape.form {
            surfaces.iter().for_each(|surface| *found.entry(format!("{:?}", surface.kind)).or_default() += 1);
        }
    }
    found
}

fn counted(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn errors(report: &SourceReport) -> Vec<&'static str> {
    let bad = report.tallies.iter().filter(|(_, tally)| tally.severity == Severity::Error);
    bad.map(|(code, _)| *code).collect()
}

/// All CityGML files with a CRS of their own: objects, and surfaces with those left out. Surfaces are the `Polygon`,
/// `PolygonPatch` and `Triangle` elements of the file, counted with a regular expression; where objects share surfaces by
/// links, each object has them: three more in LOD4 (door and window of the room), one more in the garage (its wall), six more
/// in the units (walls between apartments).
#[test]
fn objects_and_surfaces_are_those_of_the_files() {
    let pairs = "citygml/ogc_v2_v3_pairs/building";
    let melbourne = "citygml/ogc_citygml3_transportation/Real-world examples/\
                     CityGML_3.0_transportation_data_from_Open_Data_Portal_Melbourne/citygml3";
    for (name, objects, surfaces) in [
        (format!("{pairs}/CityGMLv2/Building_LOD0-EPSG25832.gml"), 3, 11),
        (format!("{pairs}/CityGMLv2/Building_LOD1-EPSG25832.gml"), 3, 15),
        (format!("{pairs}/CityGMLv2/Building_LOD1-LocalEngineeringCRS.gml"), 3, 15),
        (format!("{pairs}/CityGMLv2/Building_LOD2-EPSG25832.gml"), 3, 16),
        (format!("{pairs}/CityGMLv2/Building_LOD3-EPSG25832.gml"), 3, 33),
        (format!("{pairs}/CityGMLv2/Building_LOD4-EPSG25832.gml"), 5, 1007 + 3),
        (format!("{pairs}/CityGMLv2/Building_and_garage_LOD2-EPSG25832.gml"), 4, 25 + 1),
        (format!("{pairs}/CityGMLv3/Building_LOD0-EPSG25832.gml"), 3, 11),
        (format!("{pairs}/CityGMLv3/Building_LOD1-EPSG25832.gml"), 3, 15),
        (format!("{pairs}/CityGMLv3/Building_LOD1-LocalEngineeringCRS.gml"), 3, 15),
        (format!("{pairs}/CityGMLv3/Building_LOD2-EPSG25832.gml"), 3, 16),
        (format!("{pairs}/CityGMLv3/Building_LOD3-EPSG25832.gml"), 5, 1007 + 3),
        (format!("{pairs}/CityGMLv3/Building_and_garage_LOD2-EPSG25832.gml"), 4, 25 + 1),
        ("citygml/citygml4j_samples/lod2_buildings_v3.gml".to_owned(), 100, 700),
        ("citygml/citygml4j_samples/lod3_building_v2.gml".to_owned(), 2, 3092),
        ("citygml/citygml4j_samples/lod4_building_v2.gml".to_owned(), 5, 1007 + 3),
        ("citygml/ogc_citygml3_building/BuildingUnits_Storeys_xlink.gml".to_owned(), 8, 39 + 6),
        ("citygml/ogc_citygml3_building/Building_CityGML3.0_LOD2_with_several_attributes.gml".to_owned(), 1, 11),
        (
            "citygml/ogc_citygml3_building/JeffersonBuilding_CityGML3.0_LOD1_with_xAL3_CommonTypes.gml".to_owned(),
            1,
            123,
        ),
        ("citygml/ogc_citygml3_building/Opera-Lyon_CityGML3.0_LOD2_with_xAL3_FreeText.gml".to_owned(), 1, 2279),
        ("citygml/ogc_citygml3_core/LocalCRS_CityGML3.gml".to_owned(), 3, 15),
        (
            "citygml/ogc_citygml3_versioning/Basic examples/historicalSuccession_CityGML_3.0_LOD2_Versioning.gml"
                .to_owned(),
            9,
            50,
        ),
        (format!("{melbourne}_individual_section_1carriageway.gml"), 40, 38),
        (format!("{melbourne}_roads_roundabout.gml"), 309, 302),
        ("citygml/val3dity_gml/DenHaag_1BwBP.gml".to_owned(), 7, 39),
        ("citygml/val3dity_gml/dh_1.gml".to_owned(), 7, 52),
        ("plateau_modules/sapporo_64413325_bldg_6697_op.gml".to_owned(), 25, 181),
    ] {
        let Some((_, report)) = shared_file(&format!("citymodel/{name}"), None) else { return };
        let found = (report.objects, report.surfaces + report.surfaces_left_out);
        assert_eq!((found, errors(&report)), ((objects, surfaces), vec![]), "{name}");
        assert_eq!(report.surfaces_left_out, report.count_of("surface-degenerate"), "{name}");
    }
}

/// The heights that the vector tiles of the same buildings have.
#[test]
fn haneda_has_eight_buildings_with_roofs_walls_and_pictures() {
    let Some((city, report)) = shared_file("tokyo/plateau_53392642/日本語パス", None) else { return };
    assert_eq!(classes(&city), BTreeMap::from([("Building", 8), ("Road", 9)]));
    let expected = [("Roof", 8 + 139 + 8), ("Unknown", 98 + 9), ("Wall", 380), ("Ground", 13)];
    let found = kinds(&city);
    assert_eq!(
        (found["Wall"], found["Ground"], found.values().sum::<usize>()),
        (380, 13, 646 + 9),
        "{expected:?} {found:?}"
    );
    let frame = report.frame.as_ref().unwrap();
    assert_eq!((frame.crs.as_str(), frame.heights_above), ("EPSG:6697", HeightsAbove::Geoid));
    let mut heights: Vec<(String, f64)> = Vec::new();
    let mut pictures = 0;
    for building in city.objects.iter().filter(|object| object.object.class == "Building") {
        let text = |name| building.object.attribute(name).text().unwrap_or_default().to_owned();
        heights.push((text("建物ID"), building.object.attribute("measuredHeight").number().unwrap()));
        assert_eq!(building.object.attribute("measuredHeight_uom"), &Value::from("m"));
        for surface in surfaces(building, 2.0) {
            assert!(
                surface.polygon.iter().flatten().all(|p| p.x > 139.77 && p.x < 139.78 && p.y > 35.53 && p.y < 35.55)
            );
            let Some(picture) = surface.paint.as_ref().and_then(|paint| paint.picture.as_ref()) else { continue };
            pictures += 1;
            assert!(picture.name.starts_with("udx/bldg/53392642_bldg_6697_appearance/hnap0"), "{}", picture.name);
            let points = surface.polygon.iter().map(Vec::len);
            assert!(points.eq(picture.rings.iter().map(Vec::len)));
            assert!(
                picture.rings.iter().flatten().all(|place| place.min_element() >= 0.0 && place.max_element() <= 1.0)
            );
        }
    }
    heights.sort_by(|a, b| a.0.cmp(&b.0));
    let numbers = [
        ("147299", 5.1),
        ("147300", 9.3),
        ("147301", 2.8),
        ("54", 3.9),
        ("58", 3.6),
        ("605", 11.6),
        ("63", 3.6),
        ("98", 16.1),
    ];
    assert_eq!(heights, numbers.map(|(number, height)| (format!("13111-bldg-{number}"), height)));
    assert_eq!(pictures, 527);
    assert_eq!(
        (report.count_of("not-citygml"), report.count_of("texture-target-missing"), errors(&report)),
        (1, 0, vec![])
    );

    let first = &object(&city, "BLD_0772bfd9-fa36-4747-ad0f-1e57f883f745").object;
    for (name, value) in [
        ("doubleAttributeテスト", Value::Float(123.456)),
        ("intAttributeテスト", Value::Int(123)),
        ("多摩水系多摩川、浅川、大栗川洪水浸水想定区域（想定最大規模）.浸水深", Value::Float(0.05)),
        ("多摩水系多摩川、浅川、大栗川洪水浸水想定区域（想定最大規模）.浸水深_uom", Value::from("m")),
        ("buildingDetails.city", Value::from("東京都大田区")),
        ("buildingDetails.city_code", Value::from("13111")),
        ("extendedAttribute2.codeValue", Value::from("準防火地域")),
        ("address.LocalityName", Value::from("東京都大田区羽田空港二丁目")),
    ] {
        assert_eq!(first.attribute(name), &value, "{name}");
    }
    assert_eq!(first.level, CimLevel::Standard);
}

/// One building in versions 2.0 and 3.0.
#[test]
fn the_picture_gallery_is_the_same_in_both_versions() {
    let mut both = Vec::new();
    for version in [2, 3] {
        let name = format!("tokyo/citygml_53394517/53394517_bldg_6697_2_op_CityGML{version}.gml");
        let Some((city, report)) = shared_file(&name, None) else { return };
        assert_eq!((report.objects, report.surfaces, report.surfaces_left_out), (1, 785, 0));
        let building = &city.objects[0];
        assert_eq!(building.object.attribute("建物ID"), &Value::from("13104-bldg-53"));
        assert_eq!(building.object.attribute("measuredHeight"), &Value::Float(31.7), "{version}");
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for surface in surfaces(building, 2.0) {
            *found.entry(format!("{:?}", surface.kind)).or_default() += 1;
        }
        assert_eq!(found, counted(&[("Wall", 370), ("Roof", 279), ("Ground", 1)]));
        both.push(building.geometry.iter().find(|shape| shape.lod == 2.0).unwrap().form.clone());
    }
    let [SourceForm::Surfaces(old), SourceForm::Surfaces(new)] = both.as_slice() else { panic!("no surfaces") };
    let key = |surface: &SourceSurface| format!("{:?}", surface.polygon);
    let painted = |all: &[SourceSurface]| {
        let mut all: Vec<String> = all.iter().map(|surface| format!("{} {:?}", key(surface), surface.paint)).collect();
        all.sort();
        all
    };
    assert_eq!(painted(old), painted(new));
}

/// The whole package of another mesh: every module, zones of planning too, code lists, files without heights.
#[test]
fn a_plateau_package_has_objects_of_every_module() {
    let Some((city, report)) = shared_file("tokyo/plateau_53394525", None) else { return };
    let expected = [
        ("Bridge", 59),
        ("CityFurniture", 2),
        ("GenericCityObject", 55),
        ("LandUse", 13),
        ("ReliefFeature", 1),
        ("Road", 9),
        ("TINRelief", 1),
        ("Zone", 29),
    ];
    assert_eq!(classes(&city), BTreeMap::from(expected));
    // Polygons and triangles of the ten files.
    let all = 2314 + 44 + 481 + 55 + 3 + 10 + 9 + 6 + 15 + 8;
    assert_eq!((report.surfaces + report.surfaces_left_out, errors(&report)), (all, vec![]));
    let frame = report.frame.unwrap();
    assert_eq!((frame.crs.as_str(), frame.heights_above), ("EPSG:6697", HeightsAbove::Geoid));
    let zone = &object(&city, "urf_167c60fd-cb0c-45c3-8bf8-47d286936062").object;
    assert_eq!(zone.attribute("zone"), &Value::from("DistrictsAndZones"));
    assert_eq!(
        (zone.attribute("class"), zone.attribute("class_code")),
        (&Value::from("準防火地域"), &Value::from("25"))
    );
    let relief = city.objects.iter().find(|object| object.object.class == "TINRelief").unwrap();
    assert!(
        relief.object.parent.as_deref().is_some_and(|parent| object(&city, parent).object.class == "ReliefFeature")
    );

    // Without the files that have heights, zones lie on the ground.
    let Some((_, report)) = shared_file("tokyo/plateau_53394525/udx/urf", None) else { return };
    let frame = report.frame.unwrap();
    assert_eq!((frame.crs.as_str(), frame.heights_above), ("EPSG:6668", HeightsAbove::Ground));
}

#[test]
fn planning_modules_of_four_cities() {
    let Some((city, report)) = shared_file("citymodel/plateau_modules", None) else { return };
    assert_eq!(classes(&city), BTreeMap::from([("Building", 25), ("Zone", 107)]));
    assert_eq!((report.files, report.surfaces, errors(&report)), (16, 295, vec![]));
    let zone = &object(&city, "urf_1dd92d7f-5361-4515-a933-cec0ebcbc48b").object;
    assert_eq!((zone.attribute("floorAreaRate"), zone.attribute("function")), (&Value::Int(2), &Value::from("13")));
}

/// citygml4j's hundred buildings as CityGML and CityJSON: the same surfaces of the same kinds at the same places, though the
/// CRS has north first by definition and the file does not heed it.
#[test]
fn the_cityjson_twin_is_equal() {
    let folder = "citymodel/citygml/citygml4j_samples";
    let Some((gml, report)) = shared_file(&format!("{folder}/lod2_buildings_v3.gml"), None) else { return };
    let path = shared(&format!("{folder}/lod2_buildings_v2.json")).unwrap();
    let mut json = Gathered::default();
    let options = ImportOptions::default();
    importer("cityjson").unwrap().read(&LocalFiles::open(&path).unwrap(), &options, &mut json).unwrap();
    assert_eq!((report.count_of("axes-turned"), classes(&gml)), (1, classes(&json)));
    let all = |city: &Gathered| {
        let mut found: Vec<String> = Vec::new();
        for object in &city.objects {
            for surface in surfaces(object, 2.0) {
                let mut ring = surface.polygon[0].clone();
                // Where a ring begins says nothing.
                let first =
                    (0..ring.len()).min_by(|a, b| ring[*a].to_array().partial_cmp(&ring[*b].to_array()).unwrap());
                ring.rotate_left(first.unwrap());
                found.push(format!("{:?} {ring:?}", surface.kind));
            }
        }
        found.sort();
        found
    };
    assert_eq!(all(&gml), all(&json));
}

#[test]
fn versions_two_and_three_are_equal() {
    let folder = "citymodel/citygml/ogc_v2_v3_pairs/building";
    for (old, new) in [
        ("Building_LOD1-EPSG25832", "Building_LOD1-EPSG25832"),
        ("Building_LOD2-EPSG25832", "Building_LOD2-EPSG25832"),
        ("Building_and_garage_LOD2-EPSG25832", "Building_and_garage_LOD2-EPSG25832"),
        ("Building_LOD1-EPSG25832", "Building_LOD1-LocalEngineeringCRS"),
        // What was inside at LOD4 is there at every level since.
        ("Building_LOD4-EPSG25832", "Building_LOD3-EPSG25832"),
    ] {
        let Some((old_city, _)) = shared_file(&format!("{folder}/CityGMLv2/{old}.gml"), None) else { return };
        let (new_city, _) = shared_file(&format!("{folder}/CityGMLv3/{new}.gml"), None).unwrap();
        assert_eq!((classes(&old_city), kinds(&old_city)), (classes(&new_city), kinds(&new_city)), "{new}");
        let bounds = |city: &Gathered| {
            let points = city.objects.iter().flat_map(|object| (0..=4).flat_map(|lod| surfaces(object, lod as f32)));
            points
                .flat_map(|surface| surface.polygon.iter().flatten())
                .fold((DVec3::INFINITY, DVec3::NEG_INFINITY), |(low, high), p| (low.min(*p), high.max(*p)))
        };
        assert_eq!(bounds(&old_city), bounds(&new_city), "{new}");
    }
}

#[test]
fn rooms_storeys_units_furniture_and_openings() {
    let folder = "citymodel/citygml";
    let Some((city, _)) = shared_file(&format!("{folder}/citygml4j_samples/lod4_building_v2.gml"), None) else {
        return;
    };
    let expected =
        [("Building", 1), ("BuildingFurniture", 1), ("BuildingRoom", 1), ("ReliefFeature", 1), ("TINRelief", 1)];
    assert_eq!(classes(&city), BTreeMap::from(expected));
    let room = city.objects.iter().find(|object| object.object.class == "BuildingRoom").unwrap();
    assert_eq!(room.object.level, CimLevel::Functional);
    let furniture = city.objects.iter().find(|object| object.object.class == "BuildingFurniture").unwrap();
    assert_eq!(furniture.object.parent, Some(room.object.id.clone()));
    // A door and two windows, seen from outside and from the room.
    for part in [&city.objects[0], room] {
        let of = |kind| surfaces(part, 4.0).iter().filter(|surface| surface.kind == kind).count();
        assert_eq!((of(SurfaceKind::Door), of(SurfaceKind::Window)), (1, 2), "{}", part.object.class);
    }

    let (city, _) =
        shared_file(&format!("{folder}/ogc_citygml3_building/BuildingUnits_Storeys_xlink.gml"), None).unwrap();
    let expected = [("Building", 1), ("BuildingRoom", 3), ("BuildingStorey", 2), ("BuildingUnit", 2)];
    assert_eq!(classes(&city), BTreeMap::from(expected));
    let unit = &object(&city, "BuildingUnit_apartment1").object;
    assert_eq!(
        (unit.attribute("buildingRoom"), unit.parent.as_deref()),
        (&Value::from("apartment1"), Some("building_unit_example_1"))
    );
}

#[test]
fn lanes_have_the_function_of_their_surface() {
    let name = "citymodel/citygml/ogc_citygml3_transportation/Real-world examples/\
                CityGML_3.0_transportation_data_from_Open_Data_Portal_Melbourne/citygml3_individual_section_1carriageway.gml";
    let Some((city, report)) = shared_file(name, None) else { return };
    assert_eq!(report.frame.unwrap().crs.as_str(), "EPSG:32755");
    let lane = object(&city, "UUID_TA_id_85a8b9ce-7b9b-456b-91cb-b46e0650e18e");
    assert_eq!((lane.object.parent.as_deref(), lane.object.class.as_str()), (Some("UUID_20044"), "TrafficSpace"));
    assert_eq!(
        (lane.object.attribute("function"), lane.object.attribute("granularity")),
        (&Value::from("2"), &Value::from("way"))
    );
    assert_eq!(kinds(&city), counted(&[("Traffic", 38)]));
}

#[test]
fn dynamizers_are_kept_with_their_series_and_sensors() {
    let folder = "citymodel/citygml/ogc_citygml3_dynamizer/Building_CityGML3.0_with_Dynamizer_and";
    let Some((city, report)) = shared_file(&format!("{folder}_inline_Timeseries.gml"), None) else { return };
    assert_eq!(report.frame.unwrap().crs.as_str(), "EPSG:31468+5783");
    let building = &city.objects[0].object;
    let series: Vec<(String, f64)> =
        serde_json::from_str(building.attribute("dynamizer.series").text().unwrap()).unwrap();
    assert_eq!((series.len(), series[0].clone(), series[11].1), (12, ("2019-01".to_owned(), 1454.63), 1391.29));
    assert_eq!(building.attribute("dynamizer.uom"), &Value::from("kWh"));
    assert_eq!(building.attribute("RoofSurface.diffuse_irradiation"), &Value::Float(1454.63));
    let (city, _) = shared_file(&format!("{folder}_SensorConnection_V1.gml"), None).unwrap();
    let room = &object(&city, "DEBY_LOD2_5744682_room1").object;
    assert_eq!(room.attribute("dynamizer.sensorConnection.datastreamID"), &Value::Int(1));
    assert_eq!(room.attribute("temperature"), &Value::Float(20.2));
}

#[test]
fn addresses_references_and_heights_of_both_versions() {
    let folder = "citymodel/citygml/ogc_citygml3_building";
    let Some((city, _)) = shared_file(&format!("{folder}/Building_CityGML3.0_LOD2_with_several_attributes.gml"), None)
    else {
        return;
    };
    let building = &city.objects[0].object;
    for (name, value) in [
        ("address.Thoroughfare", Value::from("Am Hang")),
        ("address.ThoroughfareNumber", Value::from("15")),
        ("externalReference.targetResource", Value::from("urn:adv:oid:DEBYvAAAAAAS3QeS")),
        ("Gemeindeschluessel", Value::from("09175128")),
        ("height.value", Value::Float(8.55)),
        ("measuredHeight", Value::Float(8.55)),
    ] {
        assert_eq!(building.attribute(name), &value, "{name}");
    }
    let name = format!("{folder}/JeffersonBuilding_CityGML3.0_LOD1_with_xAL3_CommonTypes.gml");
    let (city, report) = shared_file(&name, None).unwrap();
    let frame = report.frame.unwrap();
    // The short name has east first; heights of a three-dimensional geographic CRS are above the ellipsoid.
    assert_eq!((frame.crs.as_str(), frame.heights_above), ("EPSG:4979", HeightsAbove::Ellipsoid));
    let first = surfaces(&city.objects[0], 1.0)[0].polygon[0][0];
    assert!((first.x + 77.005).abs() < 0.01 && (first.y - 38.888).abs() < 0.01, "{first}");
    assert_eq!(city.objects[0].object.attribute("measuredHeight"), &Value::Float(9.31));
    let name = format!("{folder}/Opera-Lyon_CityGML3.0_LOD2_with_xAL3_FreeText.gml");
    let (city, _) = shared_file(&name, None).unwrap();
    let words = "Opéra National de Lyon, 1 Place de la Comédie, 69001 Lyon, France";
    assert_eq!(city.objects[0].object.attribute("address.AddressLine"), &Value::from(words));
}

#[test]
fn materials_and_pictures_inside_objects() {
    let Some((city, report)) = shared_file("citymodel/citygml/citygml4j_samples/lod3_building_v2.gml", None) else {
        return;
    };
    let all: Vec<_> = city.objects.iter().flat_map(|object| surfaces(object, 3.0)).collect();
    assert!(all.iter().all(|surface| surface.paint.is_some()));
    let names = all.iter().filter_map(|s| s.paint.as_ref()?.picture.as_ref()).map(|picture| &*picture.name);
    assert!(names.clone().any(|name| name == "appearances/testtown-004.jpg") && errors(&report).is_empty());
    // Its roofs tell that east is first, which its CRS has not.
    assert_eq!(report.count_of("axes-turned"), 1);
    let (city, _) = shared_file("citymodel/citygml/val3dity_gml/DenHaag_1BwBP.gml", None).unwrap();
    let paints = city.objects.iter().flat_map(|object| surfaces(object, 2.0)).filter_map(|s| s.paint.as_ref());
    assert_eq!(paints.filter(|paint| paint.picture.is_none()).count(), 39);
}

#[test]
fn solids_of_val3dity_and_what_is_no_citygml() {
    for (name, surfaces) in
        [("csol1", 12), ("csol5", 18), ("csol6", 11), ("csol7", 14), ("msol1", 12), ("msol2", 18), ("msol3", 11)]
    {
        let name = format!("citymodel/citygml/val3dity_gml/{name}.gml");
        let Some((_, report)) = shared_file(&name, Some("EPSG:28992")) else { return };
        assert_eq!((report.objects, report.surfaces, report.surfaces_left_out), (1, surfaces, 0), "{name}");
    }
    let path = shared("citymodel/citygml/val3dity_gml/csol1.gml").unwrap();
    let error = read(&LocalFiles::open(&path).unwrap(), None).unwrap_err();
    assert!(matches!(error, ImportError::NoCrs { .. }), "{error}");
    for (name, words) in [
        ("val3dity_gml/FZK-Haus_full.gml", "root element is IndoorFeatures"),
        ("val3dity_gml/csol1b.gml", "root element is GenericGML"),
        ("val3dity_malformed/invalid_indoorgml_1.gml", "root element is IndoorFeatures"),
    ] {
        let files = LocalFiles::open(&shared(&format!("citymodel/citygml/{name}")).unwrap()).unwrap();
        assert!(recognise(&files).is_err(), "{name}");
        let error = read(&files, Some("EPSG:28992")).unwrap_err().to_string();
        assert!(error.contains(words) && error.ends_with(name), "{error}");
    }
}

#[test]
fn files_and_packages_are_recognised() {
    for name in [
        "tokyo/plateau_53394525",
        "tokyo/citygml_53394517",
        "citymodel/citygml/val3dity_gml/dh_1.gml",
        "citymodel/plateau_modules",
    ] {
        let Some(path) = shared(name) else { return };
        assert_eq!(recognise(&LocalFiles::open(&path).unwrap()).unwrap().name(), "citygml", "{name}");
    }
}
