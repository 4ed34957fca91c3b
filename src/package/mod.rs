//! A city on disk, as bytes: manifest, object table, spatial index, tile addresses. No files are touched here.
//!
//! A tiler hands named byte strings to a [`PackageSink`]; a reader asks a `ByteSource` for them. Names are relative to the
//! package's folder: `city.toml`, `tileset.json`, `content/LEVEL/X/Y.glb`, `subtrees/LEVEL/X/Y.subtree`,
//! `terrain/tileset.json` with its own content, `terrain/heights.grid`, `objects/...`, `index/...`.
//!
//! [`ObjectsBuilder`] takes objects, [`write_objects`] turns them into columns and an index; [`City`] opens them and answers a [`Query`] with rows.

mod area;
mod bench;
mod column;
mod degrees;
mod diff;
mod error;
mod footprints;
mod height_grid_file;
mod manifest;
mod object_table;
mod objects;
mod query;
mod ray;
mod scratch;
mod selection;
mod sink;
mod spatial_index;
mod words;

pub use area::{Area, footprint};
pub use bench::{QueryBench, QueryTime, bench_queries};
pub use diff::{Change, DiffCounts, Difference, diff};
pub use error::PackageError;
pub use height_grid_file::{HEIGHT_GRID_FILE, HeightGridError, decode_height_grid, encode_height_grid};
pub use manifest::{AttributeSummary, Manifest, SourceSummary};
pub use object_table::{ObjectTable, write_objects};
pub use objects::{AttributeUse, Objects, ObjectsBuilder};
pub use query::{ALIASES, City, Query, QueryError, StoredObject};
pub use ray::Ray;
pub use scratch::{MemoryScratch, Scratch};
pub use selection::{Selection, write_selection};
pub use sink::{HashedSink, PackageSink, SinkError};
