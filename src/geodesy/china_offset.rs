//! The offsets of Chinese web maps: GCJ-02 (Amap, Tencent, Google in China) and BD-09 (Baidu).
//!
//! Neither is published; the formulas are those that everybody reverse-engineered alike (`eviltransform`, `coordtransform`,
//! `gcoord`). GCJ-02 here is defined on WGS 84 longitude and latitude within the box of the algorithm, 72.004-137.8347 E and
//! 0.8293-55.8271 N, and is the identity outside of it; that box includes places that are not China, as the algorithm has it.
//! BD-09 is defined on GCJ-02 everywhere. The inverses are by fixed-point iteration; both formulas move points by less than
//! 1.5 km and smoothly, so each step gains four digits or so.

use std::f64::consts::PI;

use glam::DVec2;

/// Semi-major axis and squared eccentricity of the Krassovsky ellipsoid as the algorithm has them.
const KRASSOVSKY_A: f64 = 6_378_245.0;
const KRASSOVSKY_E2: f64 = 0.006_693_421_622_965_943;
const BD_X_PI: f64 = PI * 3000.0 / 180.0;
const ITERATIONS: usize = 40;
const CLOSE_ENOUGH_DEG: f64 = 1e-13;

/// Whether the GCJ-02 algorithm moves this place; degrees.
fn is_offset(place: DVec2) -> bool {
    (72.004..=137.8347).contains(&place.x) && (0.8293..=55.8271).contains(&place.y)
}

fn raw_offset(place: DVec2) -> DVec2 {
    let (x, y) = (place.x - 105.0, place.y - 35.0);
    let root = x.abs().sqrt();
    let waves = 20.0 * ((6.0 * x * PI).sin() + (2.0 * x * PI).sin());
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * root
        + (waves
            + 20.0 * (y * PI).sin()
            + 40.0 * (y / 3.0 * PI).sin()
            + 160.0 * (y / 12.0 * PI).sin()
            + 320.0 * (y * PI / 30.0).sin())
            * 2.0
            / 3.0;
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * root
        + (waves
            + 20.0 * (x * PI).sin()
            + 40.0 * (x / 3.0 * PI).sin()
            + 150.0 * (x / 12.0 * PI).sin()
            + 300.0 * (x / 30.0 * PI).sin())
            * 2.0
            / 3.0;
    let (sin, cos) = place.y.to_radians().sin_cos();
    let w2 = 1.0 - KRASSOVSKY_E2 * sin * sin;
    let meridian = KRASSOVSKY_A * (1.0 - KRASSOVSKY_E2) / (w2 * w2.sqrt());
    let parallel = KRASSOVSKY_A / w2.sqrt() * cos;
    DVec2::new((east / parallel).to_degrees(), (north / meridian).to_degrees())
}

/// WGS 84 longitude and latitude in degrees as GCJ-02.
pub(super) fn gcj02_from_wgs84(place: DVec2) -> DVec2 {
    if is_offset(place) { place + raw_offset(place) } else { place }
}

/// GCJ-02 longitude and latitude in degrees as WGS 84. A GCJ-02 place within 1.5 km of the border of the box may come from
/// inside or from outside; it is taken from inside where that gives it back.
pub(super) fn wgs84_from_gcj02(place: DVec2) -> DVec2 {
    let found = iterate(place, |guess| guess + raw_offset(guess));
    if is_offset(found) { found } else { place }
}

/// GCJ-02 longitude and latitude in degrees as BD-09.
pub(super) fn bd09_from_gcj02(place: DVec2) -> DVec2 {
    let radius = place.length() + 0.000_02 * (place.y * BD_X_PI).sin();
    let angle = place.y.atan2(place.x) + 0.000_003 * (place.x * BD_X_PI).cos();
    DVec2::new(radius * angle.cos() + 0.0065, radius * angle.sin() + 0.006)
}

/// BD-09 longitude and latitude in degrees as GCJ-02.
pub(super) fn gcj02_from_bd09(place: DVec2) -> DVec2 {
    iterate(place, bd09_from_gcj02)
}

/// The argument for which `forward` gives `target`.
fn iterate(target: DVec2, forward: impl Fn(DVec2) -> DVec2) -> DVec2 {
    let mut guess = target;
    for _ in 0..ITERATIONS {
        let error = target - forward(guess);
        guess += error;
        if !error.is_finite() || error.abs().max_element() <= CLOSE_ENOUGH_DEG {
            break;
        }
    }
    guess
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tian'anmen by the reference implementations (`coordtransform`: 116.404, 39.915).
    #[test]
    fn known_places() {
        let gcj = gcj02_from_wgs84(DVec2::new(116.404, 39.915));
        assert!((gcj - DVec2::new(116.410_244_499_169_38, 39.916_404_281_501_64)).abs().max_element() < 1e-9, "{gcj}");
        let bd = bd09_from_gcj02(DVec2::new(116.404, 39.915));
        assert!((bd - DVec2::new(116.410_369_493_710_29, 39.921_336_993_510_21)).abs().max_element() < 1e-9, "{bd}");
        let tokyo = DVec2::new(139.76, 35.68);
        assert_eq!((gcj02_from_wgs84(tokyo), wgs84_from_gcj02(tokyo)), (tokyo, tokyo));
    }

    proptest::proptest! {
        /// The bar: a round trip within 1e-9 degrees over China.
        #[test]
        fn round_trips_within_a_nanodegree(lon in 73.0..136.0_f64, lat in 3.0..54.0_f64) {
            let place = DVec2::new(lon, lat);
            let gcj = wgs84_from_gcj02(gcj02_from_wgs84(place));
            let bd = gcj02_from_bd09(bd09_from_gcj02(place));
            proptest::prop_assert!((gcj - place).abs().max_element() < 1e-9, "GCJ-02 {gcj}");
            proptest::prop_assert!((bd - place).abs().max_element() < 1e-9, "BD-09 {bd}");
        }
    }
}
