//! Elevation models and images to the ground of a city.
//!
//! A [`Dem`] or [`Imagery`] is one raster in its own CRS, read where it is needed. [`merge`] resamples DEMs, the first that
//! knows a place winning, edges blended, into one `HeightGrid` of the site; buildings are set on it and water runs over it.
//! [`write_terrain`] cuts the grid into a quadtree of meshes with skirts, lays the images on them in their order, and writes
//! them as the 3D Tiles tileset `terrain/tileset.json`.

mod blend;
mod dem;
mod drape;
mod imagery;
mod merge;
mod mesh;
mod tileset;

pub use dem::Dem;
pub use imagery::Imagery;
pub use merge::{GridOptions, Ground, merge};
pub use tileset::{TerrainReport, write_terrain};

use crate::geodesy::GeodesyError;
use crate::import::ImportError;
use crate::package::SinkError;

/// Why terrain or an image cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TerrainError {
    /// A raster cannot be read.
    #[error(transparent)]
    Raster(#[from] ImportError),
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
