//! MBTiles 1.3: a pyramid of tiles in an SQLite database, rows from the south.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::store::{TileRange, TileStore};
use crate::import::raster::RasterKind;
use crate::import::{Cell, Database, ImportError, SourceFiles};

/// How every SQLite file begins.
pub const MAGIC: &[u8] = b"SQLite format 3\0";
/// Tiles of a zoom that are listed.
const MOST_LISTED: usize = 1 << 20;
const FINEST_ZOOM: i64 = 30;

/// An opened set of tiles.
pub struct MbTiles {
    database: Mutex<Box<dyn Database>>,
    metadata: BTreeMap<String, String>,
    ranges: BTreeMap<u8, TileRange>,
}

impl MbTiles {
    /// Reads its metadata and the extent of its zooms.
    pub fn open(files: &dyn SourceFiles, name: &str) -> Result<Self, ImportError> {
        let database = files.database(name)?;
        let metadata = metadata(&*database)?;
        let mut ranges = BTreeMap::new();
        let sql = "SELECT zoom_level, MIN(tile_column), MAX(tile_column), MIN(tile_row), MAX(tile_row) FROM tiles \
                   GROUP BY zoom_level";
        database.query(sql, &[], &mut |row| {
            let numbers: Option<Vec<i64>> = row.iter().map(Cell::int).collect();
            if let Some([zoom @ 0..=FINEST_ZOOM, west, east, south, north]) = numbers.as_deref() {
                let last = (1_i64 << zoom) - 1;
                let inside = [west, east, south, north].into_iter().all(|place| (0..=last).contains(place));
                if inside {
                    let range = [*west, *east, last - north, last - south].map(|place| place as u64);
                    ranges.insert(*zoom as u8, range);
                }
            }
            Ok(())
        })?;
        Ok(Self { database: Mutex::new(database), metadata, ranges })
    }

    /// What its metadata says the colours are.
    pub fn kind(&self) -> Option<RasterKind> {
        super::encoding(self.metadata.get("encoding")?)
    }

    /// The first tile of the finest zoom.
    pub fn some_tile(&self) -> Result<Option<Vec<u8>>, ImportError> {
        let Some(zoom) = self.ranges.keys().next_back() else { return Ok(None) };
        self.blob("SELECT tile_data FROM tiles WHERE zoom_level = CAST(?1 AS INTEGER) LIMIT 1", &[zoom.to_string()])
    }

    fn blob(&self, sql: &str, words: &[String]) -> Result<Option<Vec<u8>>, ImportError> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut found = None;
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        database.query(sql, &words, &mut |row| {
            if let Some(Cell::Blob(bytes)) = row.into_iter().next() {
                found = Some(bytes);
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// The format that a database says its tiles have (`png`, `pbf`); `None` where it is no MBTiles.
pub fn format(files: &dyn SourceFiles, name: &str) -> Option<String> {
    let is_database = files.head(name, MAGIC.len()).is_ok_and(|head| head == MAGIC);
    let named = name.to_ascii_lowercase().ends_with(".mbtiles");
    if !(is_database && named) {
        return None;
    }
    let metadata = files.database(name).and_then(|database| metadata(&*database)).ok()?;
    Some(metadata.get("format").cloned().unwrap_or_default().to_ascii_lowercase())
}

fn metadata(database: &dyn Database) -> Result<BTreeMap<String, String>, ImportError> {
    let mut found = BTreeMap::new();
    database.query("SELECT name, value FROM metadata", &[], &mut |row| {
        if let [name, value] = row.as_slice()
            && let (Some(name), Some(value)) = (name.text(), value.text())
        {
            found.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    })?;
    Ok(found)
}

impl TileStore for MbTiles {
    fn range(&self, zoom: u8) -> Option<TileRange> {
        self.ranges.get(&zoom).copied()
    }

    fn tile(&self, zoom: u8, column: u64, row: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let Some(row) = ((1_u64 << zoom.min(62)) - 1).checked_sub(row) else { return Ok(None) };
        let sql = "SELECT tile_data FROM tiles WHERE zoom_level = CAST(?1 AS INTEGER) AND tile_column = CAST(?2 AS INTEGER) \
                   AND tile_row = CAST(?3 AS INTEGER)";
        self.blob(sql, &[zoom.to_string(), column.to_string(), row.to_string()])
    }

    fn all(&self, zoom: u8) -> Option<Vec<[u64; 2]>> {
        let mut found = Vec::new();
        let last = (1_i64 << zoom.min(62)) - 1;
        let sql = format!(
            "SELECT tile_column, tile_row FROM tiles WHERE zoom_level = CAST(?1 AS INTEGER) LIMIT {}",
            MOST_LISTED + 1
        );
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = database.query(&sql, &[&zoom.to_string()], &mut |row| {
            if let [Cell::Int(column), Cell::Int(row)] = row.as_slice()
                && (0..=last).contains(column)
                && (0..=last).contains(row)
            {
                found.push([*column as u64, (last - row) as u64]);
            }
            Ok(())
        });
        (listed.is_ok() && found.len() <= MOST_LISTED).then_some(found)
    }

    fn name(&self, zoom: u8, column: u64, row: u64) -> String {
        format!("{zoom}/{column}/{row}")
    }
}
