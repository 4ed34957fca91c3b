//! Geodesy against published figures, and the closed forms against the backend library.

use std::time::Instant;

use glam::DVec3;
use veduta::geodesy::{CoordinateOperation, Geodetic};
use veduta::geodesy::{
    CrsId, CrsRegistry, GeoidModel, HeightReference, Proj4rsOperation, Separation, SiteConversion, SiteFrame,
};

use crate::shared_data::shared;

/// NGA's own test values for EGM96 come with `WW15MGH.DAC` (`OUTINTPT.DAT`): longitude, latitude, separation.
#[test]
fn egm96_is_as_published() {
    let Some(path) = shared("crs/WW15MGH.DAC") else { return };
    let model = GeoidModel::from_egm96(&std::fs::read(path).unwrap()).unwrap();
    for (lat, lon, expected) in [
        (38.628_155_0, 269.779_155_0, -31.628),
        (-14.621_217_0, 305.021_114_0, -2.969),
        (46.874_319_0, 102.448_729_0, -43.575),
        (-23.617_446_0, 133.874_712_0, 15.871),
        (38.625_473_0, 359.999_500_0, 50.066),
        (-0.466_744_0, 0.002_300_0, 17.329),
    ] {
        let found = model.separation_m(lon, lat);
        // The published values are by spline, these by bilinear interpolation.
        assert!((found - expected).abs() < 0.35, "{lat} {lon}: {found}, not {expected}");
    }
    assert!((model.separation_m(139.76, 35.68) - 36.7).abs() < 0.3, "Tokyo");
}

/// The closed forms and `proj4rs` are the same within 0.01 mm.
#[test]
fn closed_forms_agree_with_proj4rs() {
    let registry = CrsRegistry::default();
    let strings = [
        (
            3857,
            "+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +no_defs",
        ),
        (4490, "+proj=longlat +ellps=GRS80 +no_defs"),
    ];
    for (code, string) in strings {
        let closed = registry.operation(&CrsId::wgs84(), &CrsId::epsg(code)).unwrap();
        let library = Proj4rsOperation::from_proj_strings("+proj=longlat +datum=WGS84 +no_defs", string).unwrap();
        for lon in (-170..=170).step_by(34) {
            for lat in (-80..=80).step_by(16) {
                let start = DVec3::new(f64::from(lon) + 0.123, f64::from(lat) + 0.456, 77.0);
                let (mut a, mut b) = ([start], [start]);
                closed.convert(&mut a).unwrap();
                library.convert(&mut b).unwrap();
                let metres = if code == 3857 { 1.0 } else { 111_320.0 };
                assert!((a[0] - b[0]).abs().max_element() * metres < 1e-5, "EPSG:{code} {start}: {} {}", a[0], b[0]);
            }
        }
    }
}

/// One place in each of the sources' CRS comes out at the same place of the site.
#[test]
fn a_site_is_reached_from_every_crs() {
    let registry = CrsRegistry::default();
    let anchor = Geodetic::from_degrees(139.763_9, 35.681_2, 40.0);
    let site = SiteFrame::new(anchor);
    let start = DVec3::new(139.770, 35.690, 55.0);
    let expected = site.from_geodetic(Geodetic::from_degrees(start.x, start.y, start.z)).0;
    for name in ["EPSG:4326", "EPSG:4978", "EPSG:3857", "EPSG:6677", "EPSG:32654", "OGC:CRS84", "EPSG:6697", "BD09"] {
        let crs: CrsId = name.parse().unwrap();
        let mut points = [start];
        registry.operation(&CrsId::wgs84(), &crs).unwrap().convert(&mut points).unwrap();
        let conversion = SiteConversion::new(&registry, &crs, HeightReference::Ellipsoidal, site).unwrap();
        conversion.to_site(&mut points).unwrap();
        assert!((points[0] - expected).length() < 1e-4, "{name}: {} {expected}", points[0]);
    }
    let heights = HeightReference::Orthometric(Separation::Constant(36.0));
    let conversion = SiteConversion::new(&registry, &CrsId::epsg(4326), heights, site).unwrap();
    let found = conversion.to_geodetic(&[start]).unwrap();
    assert_eq!(found[0].ellipsoid_height_m, 91.0);
}

/// Printed, not judged: debug builds and loaded machines are slow.
#[test]
fn speed_of_the_closed_forms() {
    let site = SiteFrame::new(Geodetic::from_degrees(139.76, 35.68, 40.0));
    let registry = CrsRegistry::default();
    for crs in [CrsId::epsg(3857), CrsId::epsg(4326), CrsId::epsg(6677)] {
        let conversion = SiteConversion::new(&registry, &crs, HeightReference::Ellipsoidal, site).unwrap();
        let count = 200_000;
        let near =
            if crs == CrsId::epsg(3857) { DVec3::new(15.558e6, 4.2579e6, 0.0) } else { DVec3::new(139.7, 35.6, 0.0) };
        let mut points: Vec<DVec3> = (0..count).map(|i| near + DVec3::splat(f64::from(i) * 1e-7)).collect();
        let start = Instant::now();
        conversion.to_site(&mut points).unwrap();
        println!("{crs}: {:.1} Mpoint/s", f64::from(count) / start.elapsed().as_secs_f64() / 1e6);
        assert!(points.iter().all(|p| p.is_finite()));
    }
}
