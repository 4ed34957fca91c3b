//! The GeoKeys of a GeoTIFF: its CRS, its unit of heights, what a pixel's coordinates mean.

use std::collections::BTreeMap;

use glam::{DAffine2, DMat2, DVec2};

use super::user_crs;
use crate::geodesy::CrsId;
use crate::import::raster::RasterTransform;

/// Values of the GeoKeyDirectory (OGC 19-008r4, clause 7.1.5 and annex C).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GeoKeys {
    /// Numbers, of keys whose values are short.
    shorts: BTreeMap<u16, u16>,
    /// First numbers of keys whose values are floating.
    floats: BTreeMap<u16, f64>,
    /// Words.
    words: BTreeMap<u16, String>,
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

/// EPSG code for "user-defined".
const USER_DEFINED: u16 = 32_767;
const MODEL_TYPE: u16 = 1024;
const RASTER_TYPE: u16 = 1025;
/// GTCitation, GeodeticCitation, ProjectedCitation.
const CITATIONS: [u16; 3] = [3073, 1026, 2049];
/// `GeodeticCRSGeoKey`.
pub const GEOGRAPHIC: u16 = 2048;
/// `ProjectedCRSGeoKey`.
pub const PROJECTED: u16 = 3072;
/// `VerticalGeoKey`.
const VERTICAL: u16 = 4096;
const VERTICAL_UNITS: u16 = 4099;

impl GeoKeys {
    /// Reads the directory (`GeoKeyDirectoryTag`): a header of four numbers, then four for each key. Keys whose values are not
    /// there are left out.
    pub fn read(directory: &[u64], doubles: &[f64], ascii: &str) -> Self {
        let mut keys = Self::default();
        let letters: Vec<char> = ascii.chars().collect();
        for entry in directory.chunks_exact(4).skip(1) {
            let &[key, tag, count, value] = entry else { continue };
            let (key, at) = (key as u16, value as usize);
            match tag {
                0 => drop(keys.shorts.entry(key).or_insert(value as u16)),
                34_736 => {
                    if let Some(number) = doubles.get(at).filter(|number| number.is_finite()) {
                        keys.floats.entry(key).or_insert(*number);
                    }
                }
                34_737 => {
                    let text: String = letters.iter().skip(at).take(count as usize).collect();
                    let text = text.trim_end_matches(['|', '\0']);
                    if !text.is_empty() {
                        keys.words.entry(key).or_insert_with(|| text.to_owned());
                    }
                }
                _ => {}
            }
        }
        keys
    }

    /// The short value of a key.
    pub fn short(&self, key: u16) -> Option<u16> {
        self.shorts.get(&key).copied()
    }

    /// The floating value of a key.
    pub fn float(&self, key: u16) -> Option<f64> {
        self.floats.get(&key).copied()
    }

    /// The EPSG code that is the value of a key.
    pub fn code(&self, key: u16) -> Option<u16> {
        self.short(key).filter(|code| ![0, USER_DEFINED].contains(code))
    }

    /// What a pixel's coordinates mean.
    pub fn pixel(&self) -> PixelMeaning {
        if self.short(RASTER_TYPE) == Some(2) { PixelMeaning::Point } else { PixelMeaning::Area }
    }

    /// What the file calls its CRS.
    pub fn citation(&self) -> Option<&str> {
        CITATIONS.iter().find_map(|key| self.words.get(key)).map(String::as_str)
    }

    /// The CRS: by its EPSG codes, its vertical one with it, or else by the parameters that the keys tell, or the WKT in its
    /// citation.
    pub fn crs(&self) -> Option<CrsId> {
        let is_projected = self.short(MODEL_TYPE) != Some(2);
        let code = match (self.code(PROJECTED), self.code(GEOGRAPHIC)) {
            (Some(code), _) if is_projected => Some(code),
            (_, Some(code)) if !is_projected || self.short(MODEL_TYPE).is_none_or(|model| model == 0) => Some(code),
            _ => None,
        };
        let Some(code) = code else {
            let cited = || self.words.values().find_map(|words| user_crs::cited(words));
            return user_crs::proj_string(self).and_then(|words| words.parse().ok()).or_else(cited);
        };
        // A vertical code that is a three-dimensional CRS, or an ellipsoid, says no more than that.
        match self.code(VERTICAL).filter(|_| self.heights_above_ellipsoid() != Some(true)) {
            Some(vertical) => format!("EPSG:{code}+{vertical}").parse().ok(),
            None => Some(CrsId::epsg(code.into())),
        }
    }

    /// Whether the heights are above the ellipsoid, where the vertical key says: geographic CRS of three dimensions, or the
    /// ellipsoids of GeoTIFF 1.0 (5001 to 5035).
    pub fn heights_above_ellipsoid(&self) -> Option<bool> {
        let code = self.code(VERTICAL)?;
        Some(matches!(code, 4979 | 4936..=4999 | 5001..=5035 | 6319 | 7843 | 7912 | 9989))
    }

    /// Metres in one unit of the samples, by the key for it or by the vertical CRS.
    pub fn vertical_unit_m(&self) -> Option<f64> {
        let of_crs = || match self.code(VERTICAL)? {
            6360 | 6358 | 5702 => Some(9003),
            8228 | 8050 | 8051 => Some(9002),
            _ => None,
        };
        self.code(VERTICAL_UNITS).or_else(of_crs).and_then(unit_m)
    }
}

/// EPSG codes of units of length, in metres.
pub fn unit_m(code: u16) -> Option<f64> {
    match code {
        9001 => Some(1.0),
        9002 => Some(0.3048),
        9003 => Some(1200.0 / 3937.0),
        9005 => Some(0.304_797_265_4),
        9036 => Some(1000.0),
        1033 => Some(0.01),
        _ => None,
    }
}

/// The transform of `ModelPixelScaleTag` and the first tie point of `ModelTiepointTag`, or of `ModelTransformationTag`
/// (OGC 19-008r4, clause 7.1.3 and annex B.6); `None` where neither makes an invertible one.
pub fn transform(scale: &[f64], tie_points: &[f64], matrix: &[f64], pixel: PixelMeaning) -> Option<RasterTransform> {
    let mut found = match (scale, tie_points, matrix) {
        (_, _, [a, b, _, x, c, d, _, y, ..]) => DAffine2 {
            matrix2: DMat2::from_cols(DVec2::new(*a, *c), DVec2::new(*b, *d)),
            translation: DVec2::new(*x, *y),
        },
        // A scale below zero in y is a raster from south to north.
        ([sx, sy, ..], [column, row, _, x, y, ..], _) => DAffine2 {
            matrix2: DMat2::from_cols(DVec2::new(*sx, 0.0), DVec2::new(0.0, -sy)),
            translation: DVec2::new(x - column * sx, y + row * sy),
        },
        _ => return None,
    };
    if pixel == PixelMeaning::Point {
        found.translation -= found.matrix2 * DVec2::splat(0.5);
    }
    RasterTransform::new(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_the_rest_is_left_out() {
        let directory =
            [1, 1, 0, 5, 1024, 0, 1, 1, 1025, 0, 1, 2, 3072, 0, 1, 32654, 4099, 0, 1, 9003, 1026, 34737, 4, 2, 9, 9];
        let keys = GeoKeys::read(&directory, &[], "x|abc|");
        assert_eq!(
            (keys.pixel(), keys.code(PROJECTED), keys.citation()),
            (PixelMeaning::Point, Some(32654), Some("abc"))
        );
        assert_eq!(keys.crs().unwrap().to_string(), "EPSG:32654");
        assert_eq!(keys.vertical_unit_m(), Some(1200.0 / 3937.0));
        let user = GeoKeys::read(&[1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32767, 2048, 0, 1, 4326], &[], "");
        assert_eq!(user.crs(), None, "a user-defined projection is not its base");
        assert_eq!(GeoKeys::read(&[1, 1], &[], ""), GeoKeys::default());
    }

    #[test]
    fn vertical_codes_are_part_of_the_name_unless_they_say_nothing() {
        let of = |vertical: u64| {
            GeoKeys::read(&[1, 1, 0, 3, 1024, 0, 1, 2, 2048, 0, 1, 4326, 4096, 0, 1, vertical], &[], "")
        };
        assert_eq!(of(5773).crs().unwrap().to_string(), "EPSG:4326+5773");
        assert_eq!(of(5773).heights_above_ellipsoid(), Some(false));
        assert_eq!(of(4979).crs().unwrap().to_string(), "EPSG:4326");
        assert_eq!((of(5030).heights_above_ellipsoid(), of(32767).heights_above_ellipsoid()), (Some(true), None));
        assert_eq!(of(6360).vertical_unit_m(), Some(1200.0 / 3937.0));
    }

    #[test]
    fn points_and_areas_differ_by_half_a_pixel() {
        let tie = [0.0, 0.0, 0.0, 100.0, 200.0, 0.0];
        let middle = DVec2::splat(0.5);
        let area = transform(&[10.0, 5.0, 0.0], &tie, &[], PixelMeaning::Area).unwrap();
        let point = transform(&[10.0, 5.0, 0.0], &tie, &[], PixelMeaning::Point).unwrap();
        assert_eq!(area.crs_from_pixel.transform_point2(middle), DVec2::new(105.0, 197.5));
        assert_eq!(point.crs_from_pixel.transform_point2(middle), DVec2::new(100.0, 200.0));
        let matrix = [0.0, 2.0, 0.0, 7.0, -3.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let turned = transform(&[], &[], &matrix, PixelMeaning::Area).unwrap();
        assert_eq!(turned.crs_from_pixel.transform_point2(DVec2::new(1.0, 1.0)), DVec2::new(9.0, 5.0));
        assert!(transform(&[0.0, 0.0, 0.0], &[0.0; 6], &[], PixelMeaning::Area).is_none());
        assert!(transform(&[], &[], &[], PixelMeaning::Area).is_none());
    }
}
