//! Where the tiles of a pyramid are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::matrix::{MatrixSet, Numbering};
use crate::import::{ImportError, SourceFiles};

/// Least and greatest column, least and greatest row.
pub type TileRange = [u64; 4];

/// The tiles of a pyramid, by zoom, column and row from the upper left.
pub trait TileStore: Send + Sync {
    /// The tiles that there may be of a zoom; `None` where there are none.
    fn range(&self, zoom: u8) -> Option<TileRange>;

    /// The bytes of a tile; `None` where it is not there.
    fn tile(&self, zoom: u8, column: u64, row: u64) -> Result<Option<Vec<u8>>, ImportError>;

    /// Every tile of a zoom, where that is known without asking for each.
    fn all(&self, _zoom: u8) -> Option<Vec<[u64; 2]>> {
        None
    }

    /// A tile for people.
    fn name(&self, zoom: u8, column: u64, row: u64) -> String;
}

/// Tiles in files, each called by its place.
pub struct FolderStore {
    files: Arc<dyn SourceFiles>,
    tiles: BTreeMap<u8, BTreeMap<[u64; 2], String>>,
}

/// Zoom, column and row of a tile by its file's name.
pub type Address = fn(&str) -> Option<(u8, [i64; 2])>;

/// Of `ZOOM/COLUMN/ROW.png`, `.jpg` and `.webp`; `M` stands before numbers below zero in those of Baidu.
pub fn picture_address(name: &str) -> Option<(u8, [i64; 2])> {
    let (stem, extension) = name.rsplit_once('.')?;
    let is_image = ["png", "jpg", "jpeg", "webp"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    let mut parts = stem.rsplit('/');
    let (row, column, zoom) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str| match text.strip_prefix('M') {
        Some(rest) => rest.parse().map(|number: i64| -number).ok(),
        None => text.parse().ok(),
    };
    is_image.then_some(())?;
    Some((zoom.parse().ok().filter(|zoom| *zoom <= 30)?, [number(column)?, number(row)?]))
}

impl FolderStore {
    /// The tiles among some files that lie in a matrix set; `address` tells their places by their names.
    pub fn new(files: Arc<dyn SourceFiles>, set: &MatrixSet, numbering: Numbering, address: Address) -> Self {
        let mut tiles: BTreeMap<u8, BTreeMap<[u64; 2], String>> = BTreeMap::new();
        for name in files.names() {
            let Some((zoom, place)) = address(name) else { continue };
            let Some(matrix) = set.matrices.get(&zoom) else { continue };
            if let Some(place) = numbering.from_upper_left(place, matrix.size) {
                tiles.entry(zoom).or_default().entry(place).or_insert_with(|| name.clone());
            }
        }
        Self { files, tiles }
    }
}

impl TileStore for FolderStore {
    fn range(&self, zoom: u8) -> Option<TileRange> {
        let places = self.tiles.get(&zoom)?.keys();
        places.fold(None, |range: Option<TileRange>, [column, row]| {
            let [west, east, north, south] = range.unwrap_or([*column, *column, *row, *row]);
            Some([west.min(*column), east.max(*column), north.min(*row), south.max(*row)])
        })
    }

    fn tile(&self, zoom: u8, column: u64, row: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let name = self.tiles.get(&zoom).and_then(|tiles| tiles.get(&[column, row]));
        name.map(|name| self.files.read(name)).transpose()
    }

    fn all(&self, zoom: u8) -> Option<Vec<[u64; 2]>> {
        Some(self.tiles.get(&zoom).map(|tiles| tiles.keys().copied().collect()).unwrap_or_default())
    }

    fn name(&self, zoom: u8, column: u64, row: u64) -> String {
        let name = self.tiles.get(&zoom).and_then(|tiles| tiles.get(&[column, row]));
        name.cloned().unwrap_or_else(|| format!("{zoom}/{column}/{row}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_addresses() {
        assert_eq!(picture_address("tiles/14/8800/6485.PNG"), Some((14, [8800, 6485])));
        assert_eq!(picture_address("5/M12/3.jpg"), Some((5, [-12, 3])));
        for name in ["14/8800/6485.pbf", "8800/6485.png", "31/0/0.png", "a/b/c.png", "png"] {
            assert_eq!(picture_address(name), None, "{name}");
        }
    }
}
