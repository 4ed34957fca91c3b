//! City CRS: local systems that no registry knows, by their relation to one that is known.

use glam::DVec3;

use super::closed_form::degrees;
use super::operation::PointWise;
use super::{CoordinateOperation, CrsId, Ecef, GeodesyError, Geodetic};

const ARC_SECOND_RAD: f64 = std::f64::consts::PI / 648_000.0;

/// A local CRS of a city.
#[derive(Debug, Clone, PartialEq)]
pub struct CityCrs {
    /// What scenes and recipes call it.
    pub name: String,
    /// The CRS that it is tied to.
    pub base: CrsId,
    /// How.
    pub relation: CityRelation,
}

/// The two customary ways to tie a city CRS to a known one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CityRelation {
    /// Plane similarity from the city CRS to the base (EPSG method 9621, the Chinese four parameters), x east and y north:
    /// `X = dx + m (x cos r + y sin r)`, `Y = dy + m (y cos r - x sin r)`.
    FourParameter {
        /// Shift to the east, metres.
        dx_m: f64,
        /// Shift to the north, metres.
        dy_m: f64,
        /// `r`, arc-seconds.
        rotation_arcsec: f64,
        /// `m - 1`, parts per million.
        scale_ppm: f64,
    },
    /// Helmert, position vector (EPSG method 9606), from the city's datum to the base's. City coordinates are projected (or
    /// geographic) as the base's are; heights go through it as ellipsoid heights.
    SevenParameter {
        /// Along X, Y, Z of the geocentric frame, metres.
        translation_m: [f64; 3],
        /// About X, Y, Z, arc-seconds.
        rotation_arcsec: [f64; 3],
        /// Scale less one, parts per million.
        scale_ppm: f64,
    },
}

impl CityCrs {
    /// Refuses parameters that are not finite or turn the plane inside out.
    pub(super) fn check(&self) -> Result<(), GeodesyError> {
        let (all, ppm): (Vec<f64>, f64) = match self.relation {
            CityRelation::FourParameter { dx_m, dy_m, rotation_arcsec, scale_ppm } => {
                (vec![dx_m, dy_m, rotation_arcsec, scale_ppm], scale_ppm)
            }
            CityRelation::SevenParameter { translation_m, rotation_arcsec, scale_ppm } => {
                (translation_m.into_iter().chain(rotation_arcsec).chain([scale_ppm]).collect(), scale_ppm)
            }
        };
        let cause = if all.iter().any(|value| !value.is_finite()) {
            "a parameter is not a number"
        } else if ppm.abs() > 1e5 {
            "the scale differs from 1 by more than a tenth; it is given as (scale - 1) in parts per million"
        } else {
            return Ok(());
        };
        Err(GeodesyError::BadCityCrs { name: self.name.clone(), cause: cause.to_owned() })
    }
}

/// City plane coordinates to those of the base, or back.
pub(super) fn four_parameter(
    (dx_m, dy_m): (f64, f64),
    rotation_arcsec: f64,
    scale_ppm: f64,
    inverse: bool,
) -> Box<dyn CoordinateOperation> {
    let (sin, cos) = (rotation_arcsec * ARC_SECOND_RAD).sin_cos();
    let m = 1.0 + scale_ppm * 1e-6;
    if inverse {
        Box::new(PointWise(move |p: DVec3| {
            let (x, y) = ((p.x - dx_m) / m, (p.y - dy_m) / m);
            DVec3::new(x * cos - y * sin, y * cos + x * sin, p.z)
        }))
    } else {
        Box::new(PointWise(move |p: DVec3| {
            DVec3::new(dx_m + m * (p.x * cos + p.y * sin), dy_m + m * (p.y * cos - p.x * sin), p.z)
        }))
    }
}

/// Longitude and latitude in degrees and height on the city's datum to those on the base's, or back. The inverse is exact:
/// the rotation is the small-angle matrix of the method, solved for.
pub(super) fn seven_parameter(
    translation_m: [f64; 3],
    rotation_arcsec: [f64; 3],
    scale_ppm: f64,
    inverse: bool,
) -> Box<dyn CoordinateOperation> {
    let [rx, ry, rz] = rotation_arcsec.map(|r| r * ARC_SECOND_RAD);
    let m = 1.0 + scale_ppm * 1e-6;
    let rotation =
        glam::DMat3::from_cols(DVec3::new(1.0, rz, -ry), DVec3::new(-rz, 1.0, rx), DVec3::new(ry, -rx, 1.0)) * m;
    let shift = DVec3::from_array(translation_m);
    let back = rotation.inverse();
    Box::new(PointWise(move |p: DVec3| {
        let from = Geodetic::from_degrees(p.x, p.y, p.z).to_ecef().0;
        let to = if inverse { back * (from - shift) } else { shift + rotation * from };
        degrees(Ecef(to).to_geodetic())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_as_in_method_9621_and_comes_back() {
        let (there, back) = (
            four_parameter((500.0, -20.0), 90.0 * 3600.0, 1000.0, false),
            four_parameter((500.0, -20.0), 90.0 * 3600.0, 1000.0, true),
        );
        let start = DVec3::new(10.0, 3.0, 7.0);
        let mut points = [start];
        there.convert(&mut points).unwrap();
        assert!((points[0] - DVec3::new(500.0 + 3.003, -20.0 - 10.01, 7.0)).length() < 1e-9, "{}", points[0]);
        back.convert(&mut points).unwrap();
        assert!((points[0] - start).length() < 1e-9);
    }

    /// EPSG Guidance Note 7-2, section on method 1033/9606: WGS 72 to WGS 84 with the worked example's figures.
    #[test]
    fn position_vector_is_as_in_the_guidance_note() {
        let from = Ecef(DVec3::new(3_657_660.66, 255_768.55, 5_201_382.11)).to_geodetic();
        let parameters = ([0.0, 0.0, 4.5], [0.0, 0.0, 0.554], 0.219);
        let mut points = [degrees(from)];
        seven_parameter(parameters.0, parameters.1, parameters.2, false).convert(&mut points).unwrap();
        let to = Geodetic::from_degrees(points[0].x, points[0].y, points[0].z).to_ecef().0;
        assert!((to - DVec3::new(3_657_660.78, 255_778.43, 5_201_387.75)).abs().max_element() < 0.011, "{to}");
        seven_parameter(parameters.0, parameters.1, parameters.2, true).convert(&mut points).unwrap();
        assert!((points[0] - degrees(from)).abs().max_element() < 1e-9);
    }

    #[test]
    fn senseless_parameters_are_refused() {
        let relation = CityRelation::FourParameter { dx_m: f64::NAN, dy_m: 0.0, rotation_arcsec: 0.0, scale_ppm: 0.0 };
        let nan = CityCrs { name: "a".into(), base: CrsId::epsg(4547), relation };
        assert!(nan.check().unwrap_err().to_string().contains("not a number"));
        let relation = CityRelation::FourParameter { dx_m: 0.0, dy_m: 0.0, rotation_arcsec: 0.0, scale_ppm: 1e6 };
        assert!(CityCrs { relation, ..nan }.check().is_err());
    }
}
