//! Where a tile is, by its name.

use std::f64::consts::PI;

use glam::{DVec2, DVec3, I64Vec2};

use super::SourceFiles;
use crate::geodesy::WGS84_SEMI_MAJOR_AXIS_M;

/// Finer tiles than this would be smaller than a metre.
const MAX_ZOOM: u8 = 24;

/// A tile of the web mercator pyramid, rows from the north (XYZ).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TileAddress {
    pub(super) zoom: u8,
    pub(super) column: u32,
    pub(super) row: u32,
}

impl TileAddress {
    /// A point of the tile in EPSG:3857, metres (`extent` units are the tile's side).
    pub(super) fn to_mercator(self, in_tile: DVec2, extent: u32) -> DVec3 {
        let half = PI * WGS84_SEMI_MAJOR_AXIS_M;
        let tiles = f64::from(1_u32 << self.zoom);
        let x = f64::from(self.column) + in_tile.x / f64::from(extent);
        let y = f64::from(self.row) + in_tile.y / f64::from(extent);
        DVec3::new(half * (2.0 * x / tiles - 1.0), half * (1.0 - 2.0 * y / tiles), 0.0)
    }

    /// How far this tile's origin is from that of `other`, in units of `extent` a tile.
    pub(super) fn offset_from(self, other: Self, extent: u32) -> I64Vec2 {
        let x = i64::from(self.column) - i64::from(other.column);
        let y = i64::from(self.row) - i64::from(other.row);
        I64Vec2::new(x, y) * i64::from(extent)
    }
}

impl std::fmt::Display for TileAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.zoom, self.column, self.row)
    }
}

/// All tiles among the files, with their names. A file named alone tells its place by its whole path.
pub(super) fn tiles(files: &dyn SourceFiles) -> Vec<(TileAddress, String)> {
    let alone = files.names().len() == 1;
    let parse_name = |name: &String| {
        let address = parse(name).or_else(|| if alone { parse(&files.path_of(name)) } else { None })?;
        Some((address, name.clone()))
    };
    files.names().iter().filter_map(parse_name).collect()
}

/// Whether a name ends like that of a tile.
pub(super) fn is_tile_name(name: &str) -> bool {
    stem(name).is_some()
}

fn stem(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.strip_suffix(".pbf").or_else(|| name.strip_suffix(".mvt"))
}

fn parse(name: &str) -> Option<TileAddress> {
    let mut parts = stem(name)?.rsplit(['/', '\\']);
    let row = parts.next()?.parse().ok()?;
    let column = parts.next()?.parse().ok()?;
    let zoom = parts.next()?.parse().ok()?;
    let inside = zoom <= MAX_ZOOM && column < (1_u32 << zoom) && row < (1_u32 << zoom);
    inside.then_some(TileAddress { zoom, column, row })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_places() {
        let tile = TileAddress { zoom: 16, column: 58192, row: 25797 };
        for name in ["16/58192/25797.pbf", "tiles/16/58192/25797.mvt.gz", "/data/16/58192/25797.pbf"] {
            assert_eq!(parse(name), Some(tile), "{name}");
        }
        for name in ["16/58192/25797.png", "2/4/0.pbf", "58192/25797.pbf", "40/0/0.pbf", "16/-1/0.pbf", ".pbf"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_world_is_40_075_km_around() {
        let world = TileAddress { zoom: 0, column: 0, row: 0 };
        let corner = world.to_mercator(DVec2::ZERO, 4096);
        assert!((corner - DVec3::new(-20_037_508.342_789_244, 20_037_508.342_789_244, 0.0)).length() < 1e-6);
        assert!(world.to_mercator(DVec2::splat(2048.0), 4096).length() < 1e-6);
    }
}
