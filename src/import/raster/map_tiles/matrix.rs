//! Tile matrix sets: where the tiles of a pyramid lie (OGC 17-083r4).

use std::collections::BTreeMap;

use glam::DVec2;

use crate::geodesy::{CrsId, WGS84_SEMI_MAJOR_AXIS_M};
use crate::import::raster::RasterTransform;

/// One zoom level of a pyramid: a grid of tiles in its CRS, columns to the east, rows to the south from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileMatrix {
    /// Upper left corner in the CRS, east first.
    pub corner: DVec2,
    /// The edge of a pixel in the units of the CRS.
    pub pixel: f64,
    /// Columns and rows of a tile in pixels.
    pub tile: [u32; 2],
    /// Columns and rows of tiles.
    pub size: [u64; 2],
}

impl TileMatrix {
    /// From its pixels to the CRS.
    pub fn transform(&self) -> Option<RasterTransform> {
        RasterTransform::north_up(self.corner, DVec2::splat(self.pixel))
    }
}

/// The zoom levels of a pyramid.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSet {
    /// CRS of the corners.
    pub crs: CrsId,
    /// How that is known, for people.
    pub stated_by: String,
    /// By zoom.
    pub matrices: BTreeMap<u8, TileMatrix>,
}

/// Finer than this there is no map.
const FINEST_ZOOM: u8 = 30;

/// How pyramids that do not say it number their tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WellKnown {
    /// The world in one tile at zoom 0, Web Mercator: nearly everybody's. On shifted places (GCJ-02) too.
    WebMercator,
    /// The world in two tiles side by side at zoom 0, longitude and latitude: `WorldCRS84Quad`.
    WorldCrs84Quad,
    /// The same one zoom later, as Tianditu's `c` sets in EPSG:4490.
    Tianditu,
    /// Baidu's: metres from the equator and Greenwich, one pixel at zoom 18.
    Baidu,
}

impl WellKnown {
    /// What a pyramid has whose CRS is said and nothing else; `None` of CRS that have no customary one.
    pub fn of_crs(crs: &CrsId) -> Option<Self> {
        match crs.as_str() {
            "EPSG:3857" | "GCJ02" | "GCJ02MC" => Some(Self::WebMercator),
            "EPSG:4326" | "OGC:CRS84" | "EPSG:4979" => Some(Self::WorldCrs84Quad),
            "EPSG:4490" => Some(Self::Tianditu),
            "BD09" | "BD09MC" => Some(Self::Baidu),
            _ => None,
        }
    }

    /// Upper left corner, and the edge of a tile at zoom 0; the world is `columns` x `rows` of these.
    fn world(self) -> (DVec2, f64, [f64; 2]) {
        let half = std::f64::consts::PI * WGS84_SEMI_MAJOR_AXIS_M;
        match self {
            Self::WebMercator => (DVec2::new(-half, half), 2.0 * half, [1.0, 1.0]),
            Self::WorldCrs84Quad => (DVec2::new(-180.0, 90.0), 180.0, [2.0, 1.0]),
            Self::Tianditu => (DVec2::new(-180.0, 90.0), 360.0, [1.0, 0.5]),
            // 256 pixels of 2^18 metres at zoom 0; the corner is a whole number of tiles away from the origin from zoom 1 on.
            Self::Baidu => (DVec2::new(-BAIDU_HALF_M, BAIDU_HALF_M), 2.0 * BAIDU_HALF_M, [1.0, 1.0]),
        }
    }

    /// The matrix set with tiles of so many pixels.
    pub fn set(self, crs: CrsId, stated_by: String, tile: [u32; 2]) -> MatrixSet {
        let (corner, edge, [columns, rows]) = self.world();
        let matrix = |zoom: u8| {
            let tiles = 2_f64.powi(zoom.into());
            let size = [columns * tiles, rows * tiles].map(|count| count.ceil().max(1.0) as u64);
            (zoom, TileMatrix { corner, pixel: edge / tiles / f64::from(tile[0].max(1)), tile, size })
        };
        MatrixSet { crs, stated_by, matrices: (0..=FINEST_ZOOM).map(matrix).collect() }
    }
}

/// Half of the extent of Baidu's tiles as they are numbered here, metres: 2^17 tiles of zoom 18.
const BAIDU_HALF_M: f64 = 33_554_432.0;

/// How the files of a folder are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbering {
    /// Rows from the north.
    #[default]
    Xyz,
    /// Rows from the south.
    Tms,
    /// Columns and rows from the middle of the world, rows to the north.
    Baidu,
}

impl Numbering {
    /// Column and row from the upper left of a matrix with so many columns and rows.
    pub fn from_upper_left(self, [column, row]: [i64; 2], size: [u64; 2]) -> Option<[u64; 2]> {
        let [columns, rows] = size.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let (column, row) = match self {
            Self::Xyz => (column, row),
            Self::Tms => (column, rows - 1 - row),
            Self::Baidu => (column + columns / 2, rows / 2 - 1 - row),
        };
        let inside = (0..columns).contains(&column) && (0..rows).contains(&row);
        inside.then_some([column as u64, row as u64])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Corners of tiles as their publishers have them: Web Mercator's by OGC 17-083r4 annex D, Tianditu's scale denominator of
    /// zoom 1 (2.958293554545656E8, of pixels of 96 an inch), Baidu's tile of Tian'anmen at zoom 16.
    #[test]
    fn well_known_sets_lie_where_their_publishers_say() {
        let of = |known: WellKnown, zoom: u8| known.set(CrsId::wgs84(), String::new(), [256; 2]).matrices[&zoom];
        assert!((of(WellKnown::WebMercator, 0).pixel - 156_543.033_928_041).abs() < 1e-6);
        assert_eq!(of(WellKnown::WorldCrs84Quad, 0).size, [2, 1]);
        assert_eq!(of(WellKnown::Tianditu, 1), of(WellKnown::WorldCrs84Quad, 0));
        let metres = of(WellKnown::Tianditu, 1).pixel.to_radians() * WGS84_SEMI_MAJOR_AXIS_M;
        assert!((metres / (0.0254 / 96.0) / 2.958_293_554_545_656e8 - 1.0).abs() < 1e-6);
        let baidu = of(WellKnown::Baidu, 18);
        assert_eq!((baidu.pixel, baidu.size), (1.0, [1 << 18; 2]));
        assert_eq!(Numbering::Baidu.from_upper_left([0, 0], baidu.size), Some([1 << 17, (1 << 17) - 1]));
        assert_eq!(Numbering::Tms.from_upper_left([5, 0], [8, 8]), Some([5, 7]));
        assert_eq!(Numbering::Xyz.from_upper_left([5, -1], [8, 8]), None);
        assert_eq!(Numbering::Tms.from_upper_left([i64::MAX, i64::MAX], [8, 8]), None);
    }
}
