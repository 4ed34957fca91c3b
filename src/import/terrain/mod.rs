//! Elevation models and images to the ground of a city.
//!
//! A [`Dem`] or [`Imagery`] is one raster in its own CRS. [`merge`] resamples DEMs, the first that knows a place winning, into
//! one `HeightGrid` of the site; buildings are set on it and water runs over it. [`write_terrain`] cuts the grid into a
//! quadtree of meshes with skirts, drapes the image on them, and writes them as the 3D Tiles tileset `terrain/tileset.json`.

mod dem;
mod imagery;
mod merge;
mod mesh;
mod tileset;

pub use dem::{Dem, DemOptions};
pub use imagery::Imagery;
pub use merge::{GridOptions, merge};
pub use tileset::{TerrainReport, write_terrain};

use crate::formats::geotiff::GeoTiffError;
use crate::geodesy::GeodesyError;
use crate::package::SinkError;

/// Why terrain or an image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TerrainError {
    /// The raster cannot be read.
    #[error("{cause}: {path}")]
    Raster {
        /// What is wrong with it.
        cause: GeoTiffError,
        /// Which file.
        path: String,
    },
    /// It does not say where it lies.
    #[error("the file does not say {what}{hint}: {path}")]
    NoPlace {
        /// What is missing.
        what: &'static str,
        /// What to do.
        hint: String,
        /// Which file.
        path: String,
    },
    /// Its CRS is unknown.
    #[error("{cause}: {path}")]
    Crs {
        /// What is wrong with it.
        cause: GeodesyError,
        /// Which file.
        path: String,
    },
    /// No raster knows any place of the grid.
    #[error("none of the elevation models ({count}) covers the city: check their CRS")]
    NothingKnown {
        /// How many there were.
        count: usize,
    },
    /// The grid would be too large.
    #[error(
        "a grid of {columns} x {rows} nodes is too large (at most {most}): resample the elevation models to larger pixels, or cut them to the city (gdalwarp does both)"
    )]
    TooLarge {
        /// Nodes west to east.
        columns: f64,
        /// Nodes south to north.
        rows: f64,
        /// The bound on their product.
        most: usize,
    },
    /// A tile could not be made.
    #[error("a terrain tile cannot be written: {cause}")]
    Tile {
        /// What the encoder said.
        cause: String,
    },
    /// Bytes were not kept.
    #[error(transparent)]
    Sink(#[from] SinkError),
}
