//! Where a raster lies: the GeoKeys and the transform from pixels to the CRS.

use glam::{DAffine2, DMat2, DVec2};

use crate::geodesy::CrsId;

/// Values of the GeoKeyDirectory that say what the coordinates are (OGC 19-008r4, clause 7.1.5 and annex C).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GeoKeys {
    /// `GTRasterTypeGeoKey` (1025).
    pub pixel: PixelMeaning,
    /// `GTModelTypeGeoKey` (1024): 1 projected, 2 geographic, 3 geocentric; 0 where not said.
    pub model_type: u16,
    /// `ProjectedCRSGeoKey` (3072) with an EPSG code.
    pub projected: Option<u16>,
    /// `GeodeticCRSGeoKey` (2048) with an EPSG code.
    pub geographic: Option<u16>,
    /// `VerticalGeoKey` (4096) with an EPSG code.
    pub vertical: Option<u16>,
    /// `VerticalUnitsGeoKey` (4099): metres in one unit of the samples, where it is a unit that is known.
    pub vertical_unit_m: Option<f64>,
    /// `GTCitationGeoKey` and the like: what the file calls its CRS.
    pub citation: Option<String>,
}

/// What a pixel's coordinates mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PixelMeaning {
    /// Pixel (0, 0) begins at the upper left corner of the first sample's cell.
    #[default]
    Area,
    /// Pixel (0, 0) is the place of the first sample.
    Point,
}

/// EPSG code for "user-defined" and "undefined".
const USER_DEFINED: u16 = 32_767;

impl GeoKeys {
    /// Reads the directory (`GeoKeyDirectoryTag`): a header of four numbers, then four for each key. Keys whose values lie
    /// outside the tags are left out.
    pub fn read(directory: &[u16], ascii: &str) -> Self {
        let mut keys = Self::default();
        for entry in directory.chunks_exact(4).skip(1) {
            let &[key, tag, count, value] = entry else { continue };
            let code = (tag == 0 && value != 0 && value != USER_DEFINED).then_some(value);
            match key {
                1024 if tag == 0 => keys.model_type = value,
                1025 if tag == 0 => keys.pixel = if value == 2 { PixelMeaning::Point } else { PixelMeaning::Area },
                3072 => keys.projected = code,
                2048 => keys.geographic = code,
                4096 => keys.vertical = code,
                4099 => keys.vertical_unit_m = code.and_then(unit_m),
                1026 | 2049 | 3073 if tag == 34_737 && keys.citation.is_none() => {
                    let text: String = ascii.chars().skip(value.into()).take(count.into()).collect();
                    keys.citation = Some(text.trim_end_matches(['|', '\0']).to_owned()).filter(|t| !t.is_empty());
                }
                _ => {}
            }
        }
        keys
    }

    /// The CRS, where the file names it by EPSG code.
    pub fn crs(&self) -> Option<CrsId> {
        let code = match self.model_type {
            2 => self.geographic,
            _ => self.projected.or(if self.model_type == 1 { None } else { self.geographic }),
        };
        code.map(|code| CrsId::epsg(code.into()))
    }
}

/// EPSG unit codes that heights come in.
fn unit_m(code: u16) -> Option<f64> {
    match code {
        9001 => Some(1.0),
        9002 => Some(0.3048),
        9003 => Some(1200.0 / 3937.0),
        9036 => Some(1000.0),
        _ => None,
    }
}

/// From pixels to the CRS. Pixels are counted from the upper left corner of the raster, columns to the right, rows down, so
/// that the middle of the first pixel is (0.5, 0.5) whatever the file says its coordinates mean. The CRS is east first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RasterTransform {
    /// CRS coordinates from pixel coordinates.
    pub crs_from_pixel: DAffine2,
    /// Its inverse.
    pub pixel_from_crs: DAffine2,
}

impl RasterTransform {
    /// From `ModelPixelScaleTag` and the first tie point of `ModelTiepointTag`, or from `ModelTransformationTag`
    /// (OGC 19-008r4, clause 7.1.3 / annex B.6); `None` where neither makes an invertible transform.
    pub fn new(scale: &[f64], tie_points: &[f64], matrix: &[f64], pixel: PixelMeaning) -> Option<Self> {
        let mut found = match (scale, tie_points, matrix) {
            (_, _, [a, b, _, x, c, d, _, y, ..]) => DAffine2 {
                matrix2: DMat2::from_cols(DVec2::new(*a, *c), DVec2::new(*b, *d)),
                translation: DVec2::new(*x, *y),
            },
            ([sx, sy, ..], [column, row, _, x, y, ..], _) => DAffine2 {
                matrix2: DMat2::from_cols(DVec2::new(*sx, 0.0), DVec2::new(0.0, -sy)),
                translation: DVec2::new(x - column * sx, y + row * sy),
            },
            _ => return None,
        };
        if pixel == PixelMeaning::Point {
            found.translation -= found.matrix2 * DVec2::splat(0.5);
        }
        let inverse = found.inverse();
        let sound = found.is_finite() && inverse.is_finite() && found.matrix2.determinant() != 0.0;
        sound.then_some(Self { crs_from_pixel: found, pixel_from_crs: inverse })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_the_rest_is_left_out() {
        let directory =
            [1, 1, 0, 5, 1024, 0, 1, 1, 1025, 0, 1, 2, 3072, 0, 1, 32654, 4099, 0, 1, 9003, 1026, 34737, 4, 2, 9, 9];
        let keys = GeoKeys::read(&directory, "x|abc|");
        assert_eq!(
            (keys.pixel, keys.projected, keys.citation.as_deref()),
            (PixelMeaning::Point, Some(32654), Some("abc"))
        );
        assert_eq!(keys.crs().unwrap().to_string(), "EPSG:32654");
        assert_eq!(keys.vertical_unit_m, Some(1200.0 / 3937.0));
        let user = GeoKeys::read(&[1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32767, 2048, 0, 1, 4326], "");
        assert_eq!(user.crs(), None, "a user-defined projection is not its base");
        assert_eq!(GeoKeys::read(&[1, 1], ""), GeoKeys::default());
    }

    #[test]
    fn points_and_areas_differ_by_half_a_pixel() {
        let area =
            RasterTransform::new(&[10.0, 5.0, 0.0], &[0.0, 0.0, 0.0, 100.0, 200.0, 0.0], &[], PixelMeaning::Area);
        let point =
            RasterTransform::new(&[10.0, 5.0, 0.0], &[0.0, 0.0, 0.0, 100.0, 200.0, 0.0], &[], PixelMeaning::Point);
        let middle = DVec2::splat(0.5);
        assert_eq!(area.unwrap().crs_from_pixel.transform_point2(middle), DVec2::new(105.0, 197.5));
        assert_eq!(point.unwrap().crs_from_pixel.transform_point2(middle), DVec2::new(100.0, 200.0));
        let matrix = [0.0, 2.0, 0.0, 7.0, -3.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let turned = RasterTransform::new(&[], &[], &matrix, PixelMeaning::Area).unwrap();
        assert_eq!(turned.crs_from_pixel.transform_point2(DVec2::new(1.0, 1.0)), DVec2::new(9.0, 5.0));
        assert_eq!(turned.pixel_from_crs.transform_point2(DVec2::new(9.0, 5.0)), DVec2::new(1.0, 1.0));
        assert!(RasterTransform::new(&[0.0, 0.0, 0.0], &[0.0; 6], &[], PixelMeaning::Area).is_none());
        assert!(RasterTransform::new(&[], &[], &[], PixelMeaning::Area).is_none());
    }
}
