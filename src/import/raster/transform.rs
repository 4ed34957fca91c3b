//! Where a raster lies: from its pixels to its CRS.

use glam::{DAffine2, DMat2, DVec2};

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
    /// From pixels to the CRS; `None` where it has no inverse.
    pub fn new(crs_from_pixel: DAffine2) -> Option<Self> {
        let pixel_from_crs = crs_from_pixel.inverse();
        let sound =
            crs_from_pixel.is_finite() && pixel_from_crs.is_finite() && crs_from_pixel.matrix2.determinant() != 0.0;
        sound.then_some(Self { crs_from_pixel, pixel_from_crs })
    }

    /// North up: the upper left corner in the CRS, and how far apart pixels are, to the east and to the south.
    pub fn north_up(corner: DVec2, pixel: DVec2) -> Option<Self> {
        let matrix2 = DMat2::from_cols(DVec2::new(pixel.x, 0.0), DVec2::new(0.0, -pixel.y));
        Self::new(DAffine2 { matrix2, translation: corner })
    }

    /// Least and greatest CRS coordinates of a box of pixel coordinates.
    pub fn extent(&self, low: DVec2, high: DVec2) -> [f64; 4] {
        let corners = [low, DVec2::new(high.x, low.y), high, DVec2::new(low.x, high.y)];
        let corners = corners.map(|corner| self.crs_from_pixel.transform_point2(corner));
        let least = corners.iter().copied().fold(DVec2::INFINITY, DVec2::min);
        let greatest = corners.iter().copied().fold(DVec2::NEG_INFINITY, DVec2::max);
        [least.x, least.y, greatest.x, greatest.y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_raster_has_the_extent_of_its_corners() {
        let turned =
            DAffine2 { matrix2: DMat2::from_cols_array(&[0.0, -3.0, 2.0, 0.0]), translation: DVec2::splat(7.0) };
        let turned = RasterTransform::new(turned).unwrap();
        assert_eq!(turned.extent(DVec2::ZERO, DVec2::new(10.0, 20.0)), [7.0, -23.0, 47.0, 7.0]);
        let pixel = turned.pixel_from_crs.transform_point2(DVec2::new(9.0, 4.0));
        assert!(pixel.abs_diff_eq(DVec2::ONE, 1e-12), "{pixel}");
        assert!(RasterTransform::new(DAffine2::ZERO).is_none());
        let plain = RasterTransform::north_up(DVec2::new(100.0, 200.0), DVec2::new(10.0, 5.0)).unwrap();
        assert_eq!(plain.crs_from_pixel.transform_point2(DVec2::splat(0.5)), DVec2::new(105.0, 197.5));
    }
}
