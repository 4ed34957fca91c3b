//! SRTM tiles: a degree of latitude and longitude, the place in the name.

use std::sync::Arc;

use glam::DVec2;

use super::Grid;
use crate::geodesy::CrsId;
use crate::import::raster::{Level, PixelBox, Pixels, RasterTiles, RasterTransform};
use crate::import::{ImportError, SourceFiles};

/// Rows that are read at one time.
const ROWS: u32 = 64;
/// Voids.
const UNKNOWN: i16 = i16::MIN;

/// South-west corner in degrees by a name like `N42E001.hgt`.
pub(super) fn corner(name: &str) -> Option<[f64; 2]> {
    let (stem, extension) = name.rsplit('/').next()?.split_once('.')?;
    if !extension.eq_ignore_ascii_case("hgt") || !stem.is_ascii() || stem.len() < 7 {
        return None;
    }
    let number = |text: &str, most: f64| text.parse().ok().filter(|degrees: &f64| (0.0..=most).contains(degrees));
    let side = |letter: &str, positive: &str, negative: &str| match letter.to_ascii_uppercase() {
        letter if letter == positive => Some(1.0),
        letter if letter == negative => Some(-1.0),
        _ => None,
    };
    let latitude = side(&stem[0..1], "N", "S")? * number(&stem[1..3], 90.0)?;
    Some([side(&stem[3..4], "E", "W")? * number(&stem[4..7], 180.0)?, latitude])
}

/// Opens a tile: as many rows as columns, the outermost on the degrees.
pub(super) fn open(files: &dyn SourceFiles, name: &str) -> Result<Grid, ImportError> {
    let size = files.size(name)?;
    let edge = (size / 2).isqrt();
    let [west, south] = corner(name).unwrap_or_default();
    if edge < 2 || edge * edge * 2 != size || edge > 100_000 {
        let cause = format!("its {size} bytes are no square of heights of two bytes");
        return Err(ImportError::Invalid { expected: "an SRTM tile", cause, path: files.path_of(name) });
    }
    let step = 1.0 / (edge - 1) as f64;
    let upper_left = DVec2::new(west - step / 2.0, south + 1.0 + step / 2.0);
    let failed = || ImportError::Read { cause: "it has no place".to_owned(), path: files.path_of(name) };
    let transform = RasterTransform::north_up(upper_left, DVec2::splat(step)).ok_or_else(failed)?;
    let (width, known) = (edge as u32, PixelBox::of_size(edge, edge));
    let level = Level { scale: DVec2::ONE, offset: DVec2::ZERO, tile: [width, ROWS], known };
    let raster = Arc::new(Tile { files: files.shared(), name: name.to_owned(), edge, levels: [level] });
    // Heights are above EGM96, as NASA has them.
    let stated = "EPSG:4326+5773".parse::<CrsId>().ok().map(|crs| (crs, "SRTM"));
    Ok(Grid { raster, transform, size: [edge, edge], nodata: Some(UNKNOWN.into()), stated })
}

struct Tile {
    files: Arc<dyn SourceFiles>,
    name: String,
    edge: u64,
    levels: [Level; 1],
}

impl RasterTiles<f32> for Tile {
    fn levels(&self) -> &[Level] {
        &self.levels
    }

    fn tile(&self, _: usize, column: u64, row: u64) -> Result<Option<Pixels<f32>>, ImportError> {
        let first = row.saturating_mul(ROWS.into());
        if column > 0 || first >= self.edge {
            return Ok(None);
        }
        let rows = u64::from(ROWS).min(self.edge - first);
        let line = self.edge * 2;
        let bytes = self.files.read_range(&self.name, first * line..(first + rows) * line)?;
        let height = |bytes: &[u8]| match i16::from_be_bytes([bytes[0], bytes[1]]) {
            UNKNOWN => f32::NAN,
            metres => f32::from(metres),
        };
        let mut values: Vec<f32> = bytes.chunks_exact(2).map(height).collect();
        values.resize((self.edge * rows) as usize, f32::NAN);
        Ok(Some(Pixels { width: self.edge as usize, height: rows as usize, values }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::MemoryFiles;

    #[test]
    fn names_are_places_and_rows_go_south() {
        assert_eq!(corner("srtm/N42E001.hgt"), Some([1.0, 42.0]));
        assert_eq!(corner("s07w078.SRTMGL1.hgt"), None);
        assert_eq!(corner("S07W078.hgt"), Some([-78.0, -7.0]));
        assert_eq!((corner("N42E001.tif"), corner("N4xE001.hgt"), corner("N42.hgt")), (None, None, None));
        let heights: [i16; 9] = [1, 2, 3, 4, i16::MIN, 6, 7, 8, 9];
        let bytes = heights.into_iter().flat_map(i16::to_be_bytes).collect();
        let files = MemoryFiles::new("N42E001.hgt", [("N42E001.hgt".to_owned(), bytes)]);
        let grid = open(&files, "N42E001.hgt").unwrap();
        let tile = grid.raster.tile(0, 0, 0).unwrap().unwrap();
        assert!(tile.at(0, 0) == 1.0 && tile.at(2, 2) == 9.0 && tile.at(1, 1).is_nan());
        let place = grid.transform.crs_from_pixel.transform_point2(DVec2::splat(0.5));
        assert!((place - DVec2::new(1.0, 43.0)).length() < 1e-12, "{place}");
        let short = MemoryFiles::new("N42E001.hgt", [("N42E001.hgt".to_owned(), vec![0; 17])]);
        assert!(open(&short, "N42E001.hgt").is_err());
    }
}
