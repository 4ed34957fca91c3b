//! Rasters: heights of the ground and pictures of it.
//!
//! A [`RasterTiles`] decodes the tiles of one raster, at one or more resolutions, when they are asked for; a
//! [`RasterReader`] puts parts of it together over a [`TileCache`], as coarse as is enough. So a raster of any size costs what
//! is looked at. Importers open sources as such, say where they lie, and hand them on as
//! [`crate::import::terrain::Dem`] and [`crate::import::terrain::Imagery`], which the terrain is then made of.

pub mod colored;
pub mod geotiff;
pub mod height_grids;
pub mod map_services;
pub mod map_tiles;
mod pixels;
pub mod quantized_mesh;
mod tiles;
mod transform;

use serde::Serialize;

use super::SourceFiles;
use crate::geodesy::CrsId;
pub use pixels::{Pixel, Pixels};
pub use tiles::{Damage, DamageLog, Held, Level, Part, PixelBox, RasterReader, RasterTiles, TileCache};
pub use transform::RasterTransform;

/// The bytes of a file beside another, which has the same name but for its ending.
fn beside(files: &dyn SourceFiles, name: &str, endings: &[&str]) -> Option<Vec<u8>> {
    let stem = name.rsplit_once('.')?.0;
    endings.iter().find_map(|ending| files.head(&format!("{stem}.{ending}"), 1 << 16).ok())
}

/// The CRS of the WKT in a `.prj` beside a file.
fn crs_beside(files: &dyn SourceFiles, name: &str) -> Option<CrsId> {
    let text = beside(files, name, &["prj", "PRJ"])?;
    CrsId::from_wkt(&String::from_utf8_lossy(&text)).ok()
}

/// What the samples of a raster are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RasterKind {
    /// Heights of the ground, one number a pixel.
    Elevation,
    /// A picture of it.
    Image,
    /// Heights as colours: `(red * 256 + green + blue / 256) - 32768` metres (Terrarium, Mapzen).
    Terrarium,
    /// Heights as colours: `-10000 + (red * 65536 + green * 256 + blue) * 0.1` metres (Mapbox Terrain-RGB).
    TerrainRgb,
}

impl RasterKind {
    /// All of them, as recipes call them.
    pub const NAMES: &[(&str, Self)] = &[
        ("elevation", Self::Elevation),
        ("image", Self::Image),
        ("terrarium", Self::Terrarium),
        ("terrain-rgb", Self::TerrainRgb),
    ];

    /// As recipes call it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// Whether it is heights, however they are written.
    pub fn is_elevation(self) -> bool {
        self != Self::Image
    }
}

/// What one raster of a source is, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RasterFacts {
    /// What its samples are.
    pub kind: RasterKind,
    /// Columns at its finest resolution.
    pub width: u64,
    /// Rows.
    pub height: u64,
    /// Samples a pixel.
    pub bands: u16,
    /// How many resolutions it has.
    pub levels: usize,
    /// The sample that means "not known".
    pub nodata: Option<f64>,
    /// Least east and north, greatest east and north, in its CRS.
    pub extent: Option<[f64; 4]>,
}
