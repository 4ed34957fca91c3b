//! From files to objects in the site frame.

use glam::{DVec2, DVec3};
use veduta::geodesy::{CrsRegistry, Geodetic, Separation, SiteFrame};
use veduta::geometry::{HeightGrid, Shape};
use veduta::import::{Gathered, ImportOptions, MemoryFiles, Placement, SourceObject, SourceReport, anchor, recognise};
use veduta::platform::LocalFiles;

use crate::shared_data::shared;

const HOUSE: &str = r#"{"type": "FeatureCollection", "features": [
    {"type": "Feature", "id": "house", "properties": {"height": 10}, "geometry": {"type": "Polygon", "coordinates":
        [[[4.0, 52.0], [4.0, 52.0001], [4.0002, 52.0001], [4.0002, 52.0], [4.0, 52.0]]]}},
    {"type": "Feature", "id": "bow-tie", "properties": {"height": 5}, "geometry": {"type": "Polygon", "coordinates":
        [[[4.001, 52.0], [4.0012, 52.0001], [4.0012, 52.0], [4.001, 52.0001], [4.001, 52.0]]]}}]}"#;

fn house() -> (Gathered, SourceReport) {
    let files = MemoryFiles::new("a.geojson", [("a.geojson".to_owned(), HOUSE.as_bytes().to_vec())]);
    let mut city = Gathered::default();
    let report = recognise(&files).unwrap().read(&files, &ImportOptions::default(), &mut city).unwrap();
    (city, report)
}

#[test]
fn a_house_stands_on_the_lowest_ground_under_it() {
    let (city, mut report) = house();
    let (registry, site) = (CrsRegistry::default(), SiteFrame::new(Geodetic::from_degrees(4.0, 52.0, 40.0)));
    // Ground that rises to the east by 1 m in 10 m, 50 m above the ellipsoid at the anchor.
    let heights_m = (0..41 * 41).map(|i| 50.0 + (i % 41 - 20) as f32).collect();
    let ground = HeightGrid { origin_in_site: DVec2::splat(-200.0), cell_m: 10.0, columns: 41, rows: 41, heights_m };
    let placement =
        Placement { registry: &registry, site, separation: Separation::Constant(0.0), ground: Some(&ground) };
    let objects = placement.place(&city.frame.unwrap(), city.objects, &mut report).unwrap();

    let Shape::Prisms(prisms) = &objects[0].shapes[0].shape else { panic!("no prism") };
    // South-west corner at the anchor; 0.0002 degrees of longitude are 13.73 m at 52 N.
    let ring = &prisms[0].rings[0];
    let east = ring.iter().map(|p| p.x).fold(f64::MIN, f64::max);
    assert!((east - 13.73).abs() < 0.01, "{east}");
    assert!(ring.iter().all(|p| (p.z - 10.0).abs() < 0.01), "the ground's 50 m above the ellipsoid: {ring:?}");
    assert!((prisms[0].extrusion - DVec3::new(0.0, 0.0, 10.0)).length() < 1e-3);
    // It was given clockwise.
    let area: f64 =
        ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| a.truncate().perp_dot(b.truncate())).sum();
    assert!(area > 0.0);

    let Shape::Prisms(lobes) = &objects[1].shapes[0].shape else { panic!("no prism") };
    assert_eq!((lobes.len(), report.count_of("footprint-repaired")), (2, 1));
    assert!(lobes.iter().all(|lobe| (lobe.extrusion.length() - 5.0).abs() < 1e-6));
}

fn first_points(city: &Gathered) -> Vec<DVec3> {
    city.objects.iter().filter_map(SourceObject::first_point).collect()
}

#[test]
fn the_anchor_is_in_the_middle() {
    let (city, _) = house();
    let frame = city.frame.clone().unwrap();
    let found = anchor(&CrsRegistry::default(), &[(&frame, &Separation::Constant(0.0), &first_points(&city))])
        .unwrap()
        .unwrap();
    assert_eq!(found, Geodetic::from_degrees(4.001, 52.0, 0.0));
    assert_eq!(anchor(&CrsRegistry::default(), &[(&frame, &Separation::Constant(0.0), &[])]).unwrap(), None);
}

#[test]
fn an_unknown_crs_is_told() {
    let (city, mut report) = house();
    let mut frame = city.frame.unwrap();
    frame.crs = "EPSG:9999999".parse().unwrap();
    let (registry, site) = (CrsRegistry::default(), SiteFrame::new(Geodetic::default()));
    let placement = Placement { registry: &registry, site, separation: Separation::Constant(0.0), ground: None };
    let error = placement.place(&frame, city.objects, &mut report).unwrap_err().to_string();
    assert!(error.contains("EPSG:9999999") && error.ends_with("a.geojson"), "{error}");
}

/// Tokyo and Rotterdam come to lie where they are, near their anchors, with nothing lost.
#[test]
fn real_cities_are_placed() {
    for (name, longitude, latitude, objects) in [
        ("tokyo/mvt_buildings/16/58211", 139.767, 35.68, 0),
        ("citymodel/cityjson/rotterdam_delfshaven_3-20.city.json", 4.45, 51.91, 853),
    ] {
        let Some(path) = shared(name) else { return };
        let files: Box<dyn veduta::import::SourceFiles> =
            if objects == 0 { Box::new(column(&path)) } else { Box::new(LocalFiles::open(&path).unwrap()) };
        let mut city = Gathered::default();
        let mut report =
            recognise(files.as_ref()).unwrap().read(files.as_ref(), &ImportOptions::default(), &mut city).unwrap();
        let (registry, frame, count) = (CrsRegistry::default(), city.frame.clone().unwrap(), city.objects.len());
        let separation = Separation::Constant(0.0);
        let middle = anchor(&registry, &[(&frame, &separation, &first_points(&city))]).unwrap().unwrap();
        let (lon, lat) = (middle.longitude_rad.to_degrees(), middle.latitude_rad.to_degrees());
        assert!((lon - longitude).abs() < 0.15 && (lat - latitude).abs() < 0.15, "{name}: {lon} {lat}");
        let placement = Placement { registry: &registry, site: SiteFrame::new(middle), separation, ground: None };
        let placed = placement.place(&frame, city.objects, &mut report).unwrap();
        assert_eq!(placed.len(), count);
        let shown = placed.iter().filter(|object| !object.shapes.is_empty()).count();
        assert!(shown as u64 + report.count_of("footprint-unusable") >= count as u64, "{:?}", report.tallies);
        assert!(shown * 1000 >= count * 999, "{shown} of {count}: {:?}", report.tallies);
        let bounds = placed.iter().filter(|o| !o.shapes.is_empty()).map(|object| object.bounds());
        assert!(bounds.clone().count() > 800 && bounds.into_iter().all(|b| b.center().length() < 30_000.0));
    }
}

/// A column of tiles, with the names that they have in the pyramid.
fn column(path: &std::path::Path) -> MemoryFiles {
    let tiles = std::fs::read_dir(path).unwrap().map(Result::unwrap).map(|entry| {
        let name = format!("16/58211/{}", entry.file_name().to_str().unwrap());
        (name, std::fs::read(entry.path()).unwrap())
    });
    MemoryFiles::new("tiles", tiles)
}
