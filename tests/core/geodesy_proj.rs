//! PROJ and `proj4rs` against each other: whoever imports natively and looks in a browser must see one city.
//! Runs in builds with the feature `proj`.

use glam::DVec3;
use veduta::geodesy::proj_operation::ProjOperation;
use veduta::geodesy::{CityCrs, CityRelation, CoordinateOperation, CrsId, CrsRegistry, Proj4rsOperation};

const METRES_PER_DEGREE: f64 = 111_320.0;

/// Largest distance, in metres of the plane, between the two libraries on a grid of places in degrees around a centre, there
/// and back; `None` where one of them does not know the CRS.
fn difference_m(code: u32, center: (f64, f64), reach_deg: f64) -> Option<f64> {
    let (wgs84, crs) = (CrsId::epsg(4326), CrsId::epsg(code));
    let (there, back) = (ProjOperation::new(&wgs84, &crs).ok()?, ProjOperation::new(&crs, &wgs84).ok()?);
    let (pure_there, pure_back) =
        (Proj4rsOperation::new(&wgs84, &crs).ok()?, Proj4rsOperation::new(&crs, &wgs84).ok()?);
    let mut worst = 0.0_f64;
    for step_x in -2..=2 {
        for step_y in -2..=2 {
            let place = DVec3::new(
                center.0 + reach_deg * f64::from(step_x) / 2.0,
                center.1 + reach_deg * f64::from(step_y) / 2.0,
                12.5,
            );
            let (mut a, mut b) = ([place], [place]);
            there.convert(&mut a).unwrap();
            pure_there.convert(&mut b).unwrap();
            assert!(a[0].is_finite() && b[0].is_finite(), "EPSG:{code} {place}: {} {}", a[0], b[0]);
            assert_eq!((a[0].z, b[0].z), (12.5, 12.5), "heights stay");
            worst = worst.max((a[0] - b[0]).length());
            let plane = a[0];
            (a, b) = ([plane], [plane]);
            back.convert(&mut a).unwrap();
            pure_back.convert(&mut b).unwrap();
            worst = worst.max((a[0] - b[0]).length() * METRES_PER_DEGREE);
        }
    }
    Some(worst)
}

/// Centre of a UTM zone.
fn utm(zone: u32, south: bool) -> (f64, f64) {
    (f64::from(zone) * 6.0 - 183.0, if south { -33.0 } else { 35.0 })
}

/// The issue's list: CGCS2000 zones, UTM, Web Mercator, the Japanese plane zones.
#[test]
fn both_libraries_agree_within_a_millimetre() {
    let mut cases: Vec<(u32, (f64, f64), f64)> = vec![(3857, (116.0, 39.0), 20.0)];
    for zone in 13..=23 {
        cases.push((4491 + zone - 13, (f64::from(zone) * 6.0 - 3.0, 35.0), 3.0)); // 6-degree, zone in the easting
        cases.push((4502 + zone - 13, (f64::from(zone) * 6.0 - 3.0, 35.0), 3.0)); // 6-degree, by central meridian
    }
    for zone in 25..=45 {
        cases.push((4513 + zone - 25, (f64::from(zone) * 3.0, 35.0), 1.5)); // 3-degree, zone in the easting
        cases.push((4534 + zone - 25, (f64::from(zone) * 3.0, 35.0), 1.5)); // 3-degree, by central meridian
    }
    for zone in 1..=60 {
        cases.push((32600 + zone, utm(zone, false), 3.0));
        cases.push((32700 + zone, utm(zone, true), 3.0));
    }
    let japan = [
        (129.5, 33.0),
        (131.0, 33.0),
        (132.17, 36.0),
        (133.5, 33.0),
        (134.33, 36.0),
        (136.0, 36.0),
        (137.17, 36.0),
        (138.5, 36.0),
        (139.83, 36.0),
        (140.83, 40.0),
        (140.25, 44.0),
        (142.25, 44.0),
        (144.25, 44.0),
        (142.0, 26.0),
        (127.5, 26.0),
        (124.0, 26.0),
        (131.0, 26.0),
        (136.0, 20.0),
        (154.0, 26.0),
    ];
    cases.extend((6669..=6687).zip(japan).map(|(code, center)| (code, center, 1.0)));
    assert_eq!(cases.len(), 1 + 22 + 42 + 120 + 19);
    assert!((4491..=4554).all(|code| cases.iter().any(|case| case.0 == code)));
    let mut worst = 0.0_f64;
    for (code, center, reach) in cases {
        let difference = difference_m(code, center, reach).unwrap_or_else(|| panic!("EPSG:{code} is unknown"));
        assert!(difference < 1e-3, "EPSG:{code}: {difference} m");
        worst = worst.max(difference);
    }
    println!("worst of 204 CRS: {:.4} mm", worst * 1e3);
}

/// CRS whose datum is not WGS 84's, at the middle of where they are used: the browser's backend must put a city where the desktop
/// does. Printed as the table of `docs/geodesy.md`.
#[test]
fn datum_shifts_are_the_same_in_both_libraries() {
    let cases = [
        (28992, (4.9, 52.37)),
        (2169, (6.13, 49.61)),
        (27700, (-0.12, 51.5)),
        (5514, (14.42, 50.08)),
        (2056, (8.54, 47.37)),
        (21781, (7.45, 46.95)),
        (31370, (4.35, 50.85)),
        (31466, (6.96, 50.94)),
        (31467, (9.18, 48.78)),
        (31468, (11.58, 48.14)),
        (31256, (16.37, 48.21)),
        (2154, (2.35, 48.86)),
        (27572, (2.35, 48.86)),
        (3003, (9.19, 45.46)),
        (25832, (11.58, 48.14)),
        (3067, (24.94, 60.17)),
        (2393, (24.94, 60.17)),
        (3006, (18.07, 59.33)),
        (2180, (21.01, 52.23)),
        (2100, (23.73, 37.98)),
        (23700, (19.04, 47.5)),
        (2326, (114.17, 22.3)),
        (3414, (103.85, 1.29)),
        (2385, (121.47, 31.23)),
        (3826, (121.56, 25.04)),
        (5179, (126.98, 37.57)),
        (30169, (139.76, 35.68)),
        (2451, (139.76, 35.68)),
        (2263, (-73.98, 40.75)),
        (26986, (-71.06, 42.36)),
        (7856, (151.21, -33.87)),
        (2193, (174.76, -36.85)),
        (31983, (-46.63, -23.55)),
        (2053, (28.05, -26.2)),
        (3857, (114.17, 22.3)),
    ];
    for (code, center) in cases {
        let difference = difference_m(code, center, 0.2).unwrap_or_else(|| panic!("EPSG:{code} is unknown"));
        println!("EPSG:{code}: {:.4} mm", difference * 1e3);
        assert!(difference < 1e-3, "EPSG:{code}: {difference} m");
    }
    // No shift is published for the mainland of China: PROJ takes none, the definitions that of one oil field.
    for (code, center, least, most) in [(2433, (108.0, 34.3), 30.0, 90.0), (21420, (117.0, 39.0), 30.0, 90.0)] {
        let difference = difference_m(code, center, 0.2).unwrap();
        println!("EPSG:{code}: {difference:.1} m");
        assert!((least..most).contains(&difference), "EPSG:{code}: {difference} m");
    }
}

/// Four and seven parameters of a city CRS against PROJ's pipelines of the same figures.
#[test]
fn city_crs_are_as_proj_has_them() {
    let base = "+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80";
    let four =
        CityRelation::FourParameter { dx_m: 391_000.0, dy_m: 2_480_000.0, rotation_arcsec: 120.0, scale_ppm: 3.0 };
    let seven = CityRelation::SevenParameter {
        translation_m: [12.0, -140.0, -80.0],
        rotation_arcsec: [0.5, -1.2, 2.0],
        scale_ppm: -4.0,
    };
    let city = |name: &str, relation| CityCrs { name: name.into(), base: CrsId::epsg(4547), relation };
    let registry = CrsRegistry::new([city("Harbour", four), city("Old datum", seven)]).unwrap();
    let pipelines = [
        // PROJ's two-dimensional Helmert takes the scale as a factor.
        (
            "Harbour",
            format!(
                "+proj=pipeline +step +proj=helmert +x=391000 +y=2480000 +theta=120 +s=1.000003 \
                 +step +inv {base} +step +proj=unitconvert +xy_in=rad +xy_out=deg"
            ),
        ),
        (
            "Old datum",
            format!(
                "+proj=pipeline +step +inv {base} +step +proj=cart +ellps=GRS80 +step +proj=helmert +x=12 +y=-140 +z=-80 \
                 +rx=0.5 +ry=-1.2 +rz=2 +s=-4 +convention=position_vector +step +inv +proj=cart +ellps=WGS84 \
                 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
            ),
        ),
    ];
    for (name, pipeline) in pipelines {
        let crs = name.parse().unwrap();
        let proj = ProjOperation::from_definition(&pipeline, false).unwrap();
        for (lon, lat) in [(113.8, 22.4), (114.06, 22.54), (114.5, 22.8)] {
            let mut local = [DVec3::new(lon, lat, 0.0)];
            registry.operation(&CrsId::wgs84(), &crs).unwrap().convert(&mut local).unwrap();
            let (mut ours, mut theirs) = ([local[0].with_z(0.0)], [local[0].with_z(0.0)]);
            registry.operation(&crs, &CrsId::wgs84()).unwrap().convert(&mut ours).unwrap();
            proj.convert(&mut theirs).unwrap();
            let off = (ours[0] - theirs[0]).truncate().length() * METRES_PER_DEGREE;
            assert!(off < 1e-4, "{name} {lon} {lat}: {off} m, {} {}", ours[0], theirs[0]);
        }
    }
}

/// A PROJ string is a CRS: the same place as by its EPSG code, through the registry.
#[test]
fn proj_strings_are_crs() {
    let string: CrsId =
        "+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 +towgs84=0,0,0".parse().unwrap();
    let registry = CrsRegistry::default();
    let place = |crs: &CrsId| {
        let mut points = [DVec3::new(114.06, 22.54, 5.0)];
        registry.operation(&CrsId::wgs84(), crs).unwrap().convert(&mut points).unwrap();
        points[0]
    };
    assert!((place(&string) - place(&CrsId::epsg(4547))).length() < 1e-4);
    assert_eq!(registry.crs_info(&string).unwrap().metres_per_unit, 1.0);
    let nonsense: CrsId = "+proj=nothing".parse().unwrap();
    assert!(registry.operation(&nonsense, &CrsId::wgs84()).is_err());
}

/// A folder in `PROJ_DATA` wins over the database that is built in; one that is no database is told with what to do.
#[test]
fn a_database_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("one.geojson");
    let ring = "[[155000,463000],[155010,463000],[155010,463010],[155000,463000]]";
    let feature = format!(
        r#"{{"type":"Feature","id":"a","properties":{{"height":5}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}"#
    );
    std::fs::write(&source, format!(r#"{{"type":"FeatureCollection","features":[{feature}]}}"#)).unwrap();
    let import = |name: &str, data: &std::path::Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_veduta"));
        command.arg("import").arg(&source).args(["--crs", "EPSG:28992", "-o"]).arg(folder.path().join(name));
        command.env_remove("PROJ_LIB").env("PROJ_DATA", data).output().unwrap()
    };
    // A folder without a database leaves the one that is built in.
    let fine = import("fine.city", &folder.path().join("none"));
    assert!(fine.status.success(), "{}", String::from_utf8_lossy(&fine.stderr));
    std::fs::write(folder.path().join("proj.db"), "no database").unwrap();
    let refused = import("refused.city", folder.path());
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("proj.db") && told.contains("unset PROJ_DATA"), "{told}");
    assert!(!folder.path().join("refused.city").exists());
}
