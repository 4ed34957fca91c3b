//! Conversions that need no library: Web Mercator, geocentric, and the datums that are WGS 84 to within their own accuracy.

use glam::DVec3;

use super::{CrsId, Ecef, Geodetic, SiteFrame, SitePoint, WGS84_SEMI_MAJOR_AXIS_M};

/// How a CRS relates to WGS 84 longitude and latitude in degrees.
#[derive(Debug, Clone)]
pub(super) enum ClosedForm {
    /// Longitude and latitude that count as WGS 84.
    Geographic,
    /// EPSG:3857 (EPSG method 1024).
    WebMercator,
    /// EPSG:4978 (EPSG method 9602).
    Geocentric,
    /// East, north, up at a place (EPSG method 9837).
    Topocentric(Box<SiteFrame>),
}

/// Geographic CRS whose transformation to WGS 84 is null in the EPSG dataset (transformations 9123-like with zero
/// parameters): WGS 84 itself, CGCS2000, JGD2011 and its compound with heights, JGD2000, ETRS89. Their ellipsoids differ from
/// WGS 84's by 0.1 mm at the pole.
const COUNT_AS_WGS84: &[u32] = &[4326, 4979, 4490, 4480, 6668, 6667, 6697, 4612, 4258, 4937];

impl ClosedForm {
    /// The closed form of a CRS, where it has one.
    pub fn of(crs: &CrsId) -> Option<Self> {
        match crs.as_str() {
            "OGC:CRS84" | "OGC:CRS84h" => return Some(Self::Geographic),
            _ => {}
        }
        if let Some(origin) = crs.topocentric_origin() {
            return Some(Self::Topocentric(Box::new(SiteFrame::new(origin))));
        }
        match crs.epsg_code()? {
            3857 => Some(Self::WebMercator),
            4978 => Some(Self::Geocentric),
            code if COUNT_AS_WGS84.contains(&code) => Some(Self::Geographic),
            _ => None,
        }
    }

    /// A point of this CRS as longitude and latitude in degrees and height.
    pub fn to_degrees(&self, point: DVec3) -> DVec3 {
        match self {
            Self::Geographic => point,
            Self::WebMercator => {
                let (x, y) = (point.x / WGS84_SEMI_MAJOR_AXIS_M, point.y / WGS84_SEMI_MAJOR_AXIS_M);
                DVec3::new(x.to_degrees(), y.sinh().atan().to_degrees(), point.z)
            }
            Self::Geocentric => degrees(Ecef(point).to_geodetic()),
            Self::Topocentric(frame) => degrees(frame.to_geodetic(SitePoint(point))),
        }
    }

    /// Longitude and latitude in degrees and height as a point of this CRS.
    pub fn of_degrees(&self, point: DVec3) -> DVec3 {
        match self {
            Self::Geographic => point,
            Self::WebMercator => DVec3::new(
                point.x.to_radians() * WGS84_SEMI_MAJOR_AXIS_M,
                point.y.to_radians().tan().asinh() * WGS84_SEMI_MAJOR_AXIS_M,
                point.z,
            ),
            Self::Geocentric => Geodetic::from_degrees(point.x, point.y, point.z).to_ecef().0,
            Self::Topocentric(frame) => frame.from_geodetic(Geodetic::from_degrees(point.x, point.y, point.z)).0,
        }
    }
}

/// Longitude and latitude in degrees and height.
pub(super) fn degrees(point: Geodetic) -> DVec3 {
    DVec3::new(point.longitude_rad.to_degrees(), point.latitude_rad.to_degrees(), point.ellipsoid_height_m)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EPSG Guidance Note 7-2, section on method 1024: the worked example of Popular Visualisation Pseudo Mercator.
    #[test]
    fn web_mercator_is_as_in_the_guidance_note() {
        let (lon, lat) = (-(100.0 + 20.0 / 60.0), 24.0 + 22.0 / 60.0 + 54.433 / 3600.0);
        let projected = ClosedForm::WebMercator.of_degrees(DVec3::new(lon, lat, 3.0));
        assert!((projected - DVec3::new(-11_169_055.58, 2_800_000.00, 3.0)).abs().max_element() < 0.01, "{projected}");
        let back = ClosedForm::WebMercator.to_degrees(projected);
        assert!((back - DVec3::new(lon, lat, 3.0)).abs().max_element() < 1e-12);
    }
}
