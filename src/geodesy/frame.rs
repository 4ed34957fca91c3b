//! The typed frames and the rigid step between them.

use glam::{DAffine3, DMat3, DVec3};
use serde::{Deserialize, Serialize};

/// Semi-major axis of the WGS 84 ellipsoid (EPSG:7030), metres. CGCS2000 has the same.
pub const WGS84_SEMI_MAJOR_AXIS_M: f64 = 6_378_137.0;
/// Flattening of the WGS 84 ellipsoid (EPSG:7030). CGCS2000's differs by 1.5e-12 (0.1 mm at the pole).
pub const WGS84_FLATTENING: f64 = 1.0 / 298.257_223_563;
const ECCENTRICITY_SQUARED: f64 = WGS84_FLATTENING * (2.0 - WGS84_FLATTENING);

/// Longitude and latitude in radians and height above the ellipsoid in metres, on WGS 84 (EPSG:4979).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Geodetic {
    /// East of Greenwich, radians.
    pub longitude_rad: f64,
    /// North of the equator, radians.
    pub latitude_rad: f64,
    /// Metres above the ellipsoid.
    pub ellipsoid_height_m: f64,
}

/// Earth-centred, earth-fixed (EPSG:4978), metres.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Ecef(pub DVec3);

/// East, north, up at the scene's anchor, metres: the canonical world.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct SitePoint(pub DVec3);

impl Geodetic {
    /// From degrees, as documents and command lines give them.
    pub fn from_degrees(longitude: f64, latitude: f64, ellipsoid_height_m: f64) -> Self {
        Self { longitude_rad: longitude.to_radians(), latitude_rad: latitude.to_radians(), ellipsoid_height_m }
    }

    /// Outward normal of the ellipsoid here: local up, in ECEF axes.
    pub fn up_in_ecef(self) -> DVec3 {
        let (sin_lat, cos_lat) = self.latitude_rad.sin_cos();
        let (sin_lon, cos_lon) = self.longitude_rad.sin_cos();
        DVec3::new(cos_lat * cos_lon, cos_lat * sin_lon, sin_lat)
    }

    /// EPSG method 9602, geographic to geocentric.
    pub fn to_ecef(self) -> Ecef {
        let up = self.up_in_ecef();
        let prime_vertical = WGS84_SEMI_MAJOR_AXIS_M / (1.0 - ECCENTRICITY_SQUARED * up.z * up.z).sqrt();
        let horizontal = prime_vertical + self.ellipsoid_height_m;
        let polar = prime_vertical * (1.0 - ECCENTRICITY_SQUARED) + self.ellipsoid_height_m;
        Ecef(DVec3::new(horizontal * up.x, horizontal * up.y, polar * up.z))
    }
}

impl Ecef {
    /// EPSG method 9602, geocentric to geographic: Bowring's start, then Newton steps on the reduced latitude until the
    /// latitude is still (exact to a nanometre from the deep earth to geostationary orbit).
    pub fn to_geodetic(self) -> Geodetic {
        let p = self.0.truncate().length();
        let semi_minor = WGS84_SEMI_MAJOR_AXIS_M * (1.0 - WGS84_FLATTENING);
        let second = ECCENTRICITY_SQUARED / (1.0 - ECCENTRICITY_SQUARED);
        let mut reduced = (self.0.z * WGS84_SEMI_MAJOR_AXIS_M).atan2(p * semi_minor);
        let mut latitude = 0.0;
        for _ in 0..5 {
            let (s, c) = reduced.sin_cos();
            latitude = (self.0.z + second * semi_minor * s * s * s)
                .atan2(p - ECCENTRICITY_SQUARED * WGS84_SEMI_MAJOR_AXIS_M * c * c * c);
            reduced = ((1.0 - WGS84_FLATTENING) * latitude.sin()).atan2(latitude.cos());
        }
        let (sin_lat, cos_lat) = latitude.sin_cos();
        let prime_vertical = WGS84_SEMI_MAJOR_AXIS_M / (1.0 - ECCENTRICITY_SQUARED * sin_lat * sin_lat).sqrt();
        // Projecting on the normal is well-conditioned at the pole and at the equator alike.
        let ellipsoid_height_m =
            p * cos_lat + self.0.z * sin_lat - prime_vertical * (1.0 - ECCENTRICITY_SQUARED * sin_lat * sin_lat);
        Geodetic { longitude_rad: self.0.y.atan2(self.0.x), latitude_rad: latitude, ellipsoid_height_m }
    }
}

/// The site frame: an east-north-up frame at an anchor, rigid from ECEF.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SiteFrame {
    anchor: Geodetic,
    ecef_from_site: DAffine3,
    site_from_ecef: DAffine3,
}

impl SiteFrame {
    /// The frame whose origin is `anchor`.
    pub fn new(anchor: Geodetic) -> Self {
        let up = anchor.up_in_ecef();
        let (sin_lon, cos_lon) = anchor.longitude_rad.sin_cos();
        let east = DVec3::new(-sin_lon, cos_lon, 0.0);
        let axes = DMat3::from_cols(east, up.cross(east), up);
        let origin = anchor.to_ecef().0;
        let inverse = axes.transpose();
        Self {
            anchor,
            ecef_from_site: DAffine3 { matrix3: axes, translation: origin },
            site_from_ecef: DAffine3 { matrix3: inverse, translation: -(inverse * origin) },
        }
    }

    /// The origin of the frame.
    pub fn anchor(&self) -> Geodetic {
        self.anchor
    }

    /// The rigid transform from the site frame to ECEF: the root transform of a 3D Tiles tileset of this site.
    pub fn ecef_from_site(&self) -> DAffine3 {
        self.ecef_from_site
    }

    /// A point of the site in ECEF.
    pub fn to_ecef(&self, point: SitePoint) -> Ecef {
        Ecef(self.ecef_from_site.transform_point3(point.0))
    }

    /// An ECEF point in the site frame. The difference is taken first, so nothing is lost far from the earth's centre.
    pub fn from_ecef(&self, point: Ecef) -> SitePoint {
        SitePoint(self.site_from_ecef.matrix3 * (point.0 - self.ecef_from_site.translation))
    }

    /// A point of the site as longitude, latitude and ellipsoid height.
    pub fn to_geodetic(&self, point: SitePoint) -> Geodetic {
        self.to_ecef(point).to_geodetic()
    }

    /// A geodetic point in the site frame.
    pub fn from_geodetic(&self, point: Geodetic) -> SitePoint {
        self.from_ecef(point.to_ecef())
    }

    /// Local up (the ellipsoid's normal) at a geodetic point, in site axes; unit length.
    pub fn up_at(&self, point: Geodetic) -> DVec3 {
        self.site_from_ecef.matrix3 * point.up_in_ecef()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// The bar: a round trip through the site frame within 0.1 mm at 100 km.
        #[test]
        fn site_round_trip_within_a_tenth_of_a_millimetre(
            lon in -180.0..180.0_f64, lat in -89.9..89.9_f64, e in -1e5..1e5_f64, n in -1e5..1e5_f64, u in -500.0..9000.0_f64,
        ) {
            let site = SiteFrame::new(Geodetic::from_degrees(lon, lat, 40.0));
            let point = SitePoint(DVec3::new(e, n, u));
            let back = site.from_geodetic(site.to_geodetic(point));
            proptest::prop_assert!(back.0.distance(point.0) < 1e-4, "{} m", back.0.distance(point.0));
        }
    }

    /// `tiles3d/b3dm_chiyoda` of the shared data: RTC centre and its geodetic position.
    #[test]
    fn chiyoda_ecef_is_where_plateau_says() {
        let point = Ecef(DVec3::new(-3_958_511.284_6, 3_351_066.148_4, 3_699_868.873_7)).to_geodetic();
        assert!((point.longitude_rad.to_degrees() - 139.750514).abs() < 1e-6);
        assert!((point.latitude_rad.to_degrees() - 35.685050).abs() < 1e-6);
        assert!((point.ellipsoid_height_m - 8.706).abs() < 1e-3);
    }
}
