//! PROJ and `proj4rs` against each other: whoever imports natively and looks in a browser must see one city.
//! Runs in builds with the feature `proj`.

use glam::DVec3;
use veduta::geodesy::proj_operation::ProjOperation;
use veduta::geodesy::{CoordinateOperation, CrsId, Proj4rsOperation};

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

/// The list: CGCS2000 zones, UTM, Web Mercator, the Japanese plane zones.
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
