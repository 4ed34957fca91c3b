//! Where the sun stands.

use glam::DVec3;

use super::Geodetic;

/// TT - UTC in seconds: 69.2 s in this decade, 67 s in 2003, 61 s in 1990; one second moves the sun by 0.00001 degrees.
const TERRESTRIAL_MINUS_UTC_S: f64 = 69.2;

/// The sun in the sky of one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SunPosition {
    /// Clockwise from north, radians, [0, 2 pi).
    pub azimuth_rad: f64,
    /// Above the horizon of an airless earth, radians.
    pub elevation_rad: f64,
}

impl SunPosition {
    /// The sun at a place, `seconds_since_1970` UTC. Good to 0.01 degrees from 1950 to 2050: Meeus, Astronomical
    /// Algorithms (1998), chapters 12 (sidereal time), 22 (nutation), 25 (low accuracy) and 40 (parallax).
    pub fn at(place: Geodetic, seconds_since_1970: f64) -> Self {
        let days = seconds_since_1970 / 86_400.0 - 10_957.5;
        let centuries = (days + TERRESTRIAL_MINUS_UTC_S / 86_400.0) / 36_525.0;
        let apparent = ApparentSun::at(centuries);
        let sidereal = (280.460_618_37 + 360.985_647_366_29 * days).to_radians()
            + apparent.nutation_in_longitude_rad * apparent.obliquity_rad.cos();
        let hour_angle = sidereal + place.longitude_rad - apparent.right_ascension_rad;
        let (sin_latitude, cos_latitude) = place.latitude_rad.sin_cos();
        let (sin_declination, cos_declination) = apparent.declination_rad.sin_cos();
        let east = -cos_declination * hour_angle.sin();
        let north = sin_declination * cos_latitude - cos_declination * hour_angle.cos() * sin_latitude;
        let up = sin_declination * sin_latitude + cos_declination * hour_angle.cos() * cos_latitude;
        let level = east.hypot(north);
        let parallax = 8.794_f64.to_radians() / 3600.0 / apparent.distance_au * level;
        Self {
            azimuth_rad: east.atan2(north).rem_euclid(std::f64::consts::TAU),
            elevation_rad: up.atan2(level) - parallax,
        }
    }

    /// Elevation as seen through the air at 1010 mbar and 10 degrees Celsius (Saemundsson 1986, as Meeus 16.4); below
    /// -1 degree nothing is added.
    pub fn refracted_elevation_rad(self) -> f64 {
        let degrees = self.elevation_rad.to_degrees();
        if degrees < -1.0 {
            return self.elevation_rad;
        }
        let minutes = 1.02 / (degrees + 10.3 / (degrees + 5.11)).to_radians().tan();
        self.elevation_rad + (minutes / 60.0).to_radians()
    }

    /// Unit vector to the sun: east, north, up of the place.
    pub fn direction_in_site(self) -> DVec3 {
        let (sin_elevation, cos_elevation) = self.elevation_rad.sin_cos();
        let (sin_azimuth, cos_azimuth) = self.azimuth_rad.sin_cos();
        DVec3::new(sin_azimuth * cos_elevation, cos_azimuth * cos_elevation, sin_elevation)
    }
}

struct ApparentSun {
    right_ascension_rad: f64,
    declination_rad: f64,
    obliquity_rad: f64,
    nutation_in_longitude_rad: f64,
    distance_au: f64,
}

impl ApparentSun {
    /// `t` in Julian centuries of terrestrial time since J2000.
    fn at(t: f64) -> Self {
        let mean_longitude = 280.466_46 + t * (36_000.769_83 + t * 0.000_303_2);
        let anomaly = (357.529_11 + t * (35_999.050_29 - t * 0.000_153_7)).to_radians();
        let eccentricity = 0.016_708_634 - t * (0.000_042_037 + t * 0.000_000_126_7);
        let center = (1.914_602 - t * (0.004_817 + t * 0.000_014)) * anomaly.sin()
            + (0.019_993 - t * 0.000_101) * (2.0 * anomaly).sin()
            + 0.000_289 * (3.0 * anomaly).sin();
        let distance_au = 1.000_001_018 * (1.0 - eccentricity * eccentricity)
            / (1.0 + eccentricity * (anomaly + center.to_radians()).cos());
        let node = (125.04 - 1_934.136 * t).to_radians();
        let moon_longitude = (218.316_5 + 481_267.881_3 * t).to_radians();
        let double_longitude = 2.0 * mean_longitude.to_radians();
        let nutation_in_longitude_rad =
            ((-17.20 * node.sin() - 1.32 * double_longitude.sin() - 0.23 * (2.0 * moon_longitude).sin()
                + 0.21 * (2.0 * node).sin())
                / 3600.0)
                .to_radians();
        let nutation_in_obliquity = (9.20 * node.cos() + 0.57 * double_longitude.cos()) / 3600.0;
        let obliquity_rad = (23.439_291_11 - t * (0.013_004_167 + t * 1.64e-7) + nutation_in_obliquity).to_radians();
        let aberration = (-20.489_8 / 3600.0 / distance_au).to_radians();
        let longitude = (mean_longitude + center).to_radians() + aberration + nutation_in_longitude_rad;
        Self {
            right_ascension_rad: (obliquity_rad.cos() * longitude.sin()).atan2(longitude.cos()),
            declination_rad: (obliquity_rad.sin() * longitude.sin()).asin(),
            obliquity_rad,
            nutation_in_longitude_rad,
            distance_au,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of NREL/TP-560-34302 (2003-10-17 12:30:30 UTC-7 in Golden, Colorado): azimuth 194.34024,
    /// topocentric elevation without refraction 39.872046 degrees.
    #[test]
    fn agrees_with_the_nrel_example() {
        let place = Geodetic::from_degrees(-105.1786, 39.742_476, 1_830.14);
        let sun = SunPosition::at(place, 1_066_419_030.0);
        assert!((sun.azimuth_rad.to_degrees() - 194.340_241).abs() < 0.01, "{}", sun.azimuth_rad.to_degrees());
        assert!((sun.elevation_rad.to_degrees() - 39.872_046).abs() < 0.01, "{}", sun.elevation_rad.to_degrees());
        let seen = sun.refracted_elevation_rad().to_degrees();
        assert!((90.0 - seen - 50.111_622).abs() < 0.015, "{seen}");
        let direction = sun.direction_in_site();
        assert!((direction.length() - 1.0).abs() < 1e-12 && direction.y < 0.0 && direction.z > 0.6);
    }

    /// Sunrise there on that day: 06:12:43 (zone -7), where the refracted upper limb touches the horizon (-0.8333 degrees).
    #[test]
    fn rises_when_nrel_says() {
        let place = Geodetic::from_degrees(-105.1786, 39.742_476, 0.0);
        let sun = SunPosition::at(place, 1_066_419_030.0 - (6.0 * 3600.0 + 17.0 * 60.0 + 47.0));
        assert!((sun.elevation_rad.to_degrees() + 0.8333).abs() < 0.02, "{}", sun.elevation_rad.to_degrees());
    }
}
