//! PMTiles version 3: a pyramid of tiles in one file (specification of Protomaps, public domain).
//!
//! A header, a directory, leaf directories below it, and the tiles, each found by the number of its place on a Hilbert curve.
//! Directories are read when they are needed, a few kept; whatever they claim, none is larger than its bound, and none below
//! the depth that the format has.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use super::store::{TileRange, TileStore};
use crate::import::raster::RasterKind;
use crate::import::{ImportError, SourceFiles};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 127;
/// Bytes that a directory or the metadata may unpack to.
const MOST_DIRECTORY_BYTES: u64 = 16 << 20;
/// Bytes of one tile.
const MOST_TILE_BYTES: u64 = 64 << 20;
/// Directories above a tile: the root and up to three leaves.
const DEEPEST: usize = 4;
/// Leaf directories that are kept.
const LEAVES_KEPT: usize = 64;
/// Archives of more tiles are not counted: their extent is what the header says.
const MOST_COUNTED: u64 = 1 << 20;
const FINEST_ZOOM: u8 = 26;

/// Whether the first bytes are those of an archive of PNG, JPEG or WebP, or of tiles of an unknown kind.
pub fn holds_pictures(head: &[u8]) -> bool {
    matches!(head.get(99), Some(0 | 2..=4))
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    id: u64,
    run: u64,
    offset: u64,
    length: u64,
}

#[derive(Debug, Clone, Copy)]
struct Section {
    offset: u64,
    length: u64,
}

/// An opened archive.
pub struct Archive {
    files: Arc<dyn SourceFiles>,
    name: String,
    root: Vec<Entry>,
    leaves: Section,
    data: Section,
    internal_compression: u8,
    tile_compression: u8,
    metadata: serde_json::Value,
    ranges: BTreeMap<u8, TileRange>,
    /// Places of the tiles, where they were counted.
    places: BTreeMap<u8, Vec<[u64; 2]>>,
    kept: Mutex<Vec<(u64, Arc<Vec<Entry>>)>>,
}

impl Archive {
    /// Reads header, metadata and root directory, and what tiles there are.
    pub fn open(files: Arc<dyn SourceFiles>, name: &str) -> Result<Self, ImportError> {
        let invalid = |cause: &str| ImportError::Invalid {
            expected: "a PMTiles archive of version 3",
            cause: cause.to_owned(),
            path: files.path_of(name),
        };
        let head = files.head(name, HEADER_BYTES)?;
        if !head.starts_with(b"PMTiles") {
            return Err(invalid("it does not begin with PMTiles"));
        }
        if head.get(7) != Some(&3) {
            return Err(invalid(&format!("its version is {}", head.get(7).copied().unwrap_or_default())));
        }
        if head.len() < HEADER_BYTES {
            return Err(invalid("its header is cut off"));
        }
        let long = |at: usize| head.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
        let section = |at: usize| Section { offset: long(at), length: long(at + 8) };
        let mut archive = Self {
            name: name.to_owned(),
            root: Vec::new(),
            leaves: section(40),
            data: section(56),
            internal_compression: head[97],
            tile_compression: head[98],
            metadata: serde_json::Value::Null,
            ranges: BTreeMap::new(),
            places: BTreeMap::new(),
            kept: Mutex::default(),
            files: Arc::clone(&files),
        };
        let root = archive.unpacked(section(8), archive.internal_compression, MOST_DIRECTORY_BYTES)?;
        archive.root = directory(&root).ok_or_else(|| invalid("its directory is damaged"))?;
        // Without metadata an archive is as good.
        let metadata = archive.unpacked(section(24), archive.internal_compression, MOST_DIRECTORY_BYTES);
        archive.metadata = metadata.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let zooms = (head[100].min(FINEST_ZOOM), head[101].min(FINEST_ZOOM));
        if long(72) <= MOST_COUNTED && archive.count()? {
            for (zoom, places) in &archive.places {
                let range = |axis: usize| {
                    let all = || places.iter().map(|place| place[axis]);
                    (all().min().unwrap_or(0), all().max().unwrap_or(0))
                };
                let ((west, east), (north, south)) = (range(0), range(1));
                archive.ranges.insert(*zoom, [west, east, north, south]);
            }
        } else {
            archive.places.clear();
            let degrees = |at: usize| {
                let bytes = head.get(at..at + 4).and_then(|b| b.try_into().ok());
                f64::from(bytes.map_or(0, i32::from_le_bytes)) / 1e7
            };
            let bounds = [degrees(102), degrees(106), degrees(110), degrees(114)];
            archive.ranges = (zooms.0..=zooms.1).map(|zoom| (zoom, range_of(bounds, zoom))).collect();
        }
        Ok(archive)
    }

    /// What the metadata says the colours are: `encoding`, as TileJSON and MapLibre have it.
    pub fn kind(&self) -> Option<RasterKind> {
        super::encoding(self.metadata.get("encoding")?.as_str()?)
    }

    /// The first tile of the finest zoom.
    pub fn some_tile(&self) -> Result<Option<Vec<u8>>, ImportError> {
        for (zoom, range) in self.ranges.iter().rev() {
            let first = self.places.get(zoom).and_then(|places| places.first().copied());
            let [column, row] = first.unwrap_or([(range[0] + range[1]) / 2, (range[2] + range[3]) / 2]);
            if let Some(tile) = self.tile(*zoom, column, row)? {
                return Ok(Some(tile));
            }
        }
        Ok(None)
    }

    fn invalid(&self, cause: &str) -> ImportError {
        let path = self.files.path_of(&self.name);
        ImportError::Invalid { expected: "a PMTiles archive of version 3", cause: cause.to_owned(), path }
    }

    /// Bytes of a section, unpacked.
    fn unpacked(&self, section: Section, compression: u8, most: u64) -> Result<Vec<u8>, ImportError> {
        let end = section.offset.checked_add(section.length);
        let size = self.files.size(&self.name)?;
        let Some(end) = end.filter(|end| section.length <= most && *end <= size) else {
            return Err(self.invalid("a part of it lies beyond its end"));
        };
        let bytes = self.files.read_range(&self.name, section.offset..end)?;
        let mut out = Vec::new();
        let done = match compression {
            0 | 1 => return Ok(bytes),
            2 => flate2::read::MultiGzDecoder::new(&*bytes).take(most).read_to_end(&mut out),
            3 => brotli_decompressor::Decompressor::new(&*bytes, 1 << 14).take(most).read_to_end(&mut out),
            4 => zstd::stream::read::Decoder::new(&*bytes).and_then(|decoder| decoder.take(most).read_to_end(&mut out)),
            other => return Err(self.invalid(&format!("its compression {other} is unknown"))),
        };
        match done {
            Ok(length) if (length as u64) < most => Ok(out),
            Ok(_) => Err(self.invalid("a part of it unpacks to more than it may")),
            Err(error) => Err(self.invalid(&format!("a part of it cannot be unpacked: {error}"))),
        }
    }

    /// A leaf directory.
    fn leaf(&self, entry: Entry) -> Result<Arc<Vec<Entry>>, ImportError> {
        let found = |kept: &Vec<(u64, Arc<Vec<Entry>>)>| {
            kept.iter().find(|(offset, _)| *offset == entry.offset).map(|(_, leaf)| Arc::clone(leaf))
        };
        if let Some(leaf) = found(&self.kept.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(leaf);
        }
        let begin = self.leaves.offset.checked_add(entry.offset);
        let section = Section { offset: begin.unwrap_or(u64::MAX), length: entry.length };
        let bytes = self.unpacked(section, self.internal_compression, MOST_DIRECTORY_BYTES)?;
        let leaf = Arc::new(directory(&bytes).ok_or_else(|| self.invalid("a leaf directory is damaged"))?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= LEAVES_KEPT {
            kept.remove(0);
        }
        kept.push((entry.offset, Arc::clone(&leaf)));
        Ok(leaf)
    }

    /// Where a tile is in the data.
    fn find(&self, id: u64) -> Result<Option<Section>, ImportError> {
        let at = |entries: &[Entry]| {
            let after = entries.partition_point(|entry| entry.id <= id);
            after.checked_sub(1).and_then(|index| entries.get(index)).copied()
        };
        let mut entry = at(&self.root);
        for _ in 0..DEEPEST {
            let Some(found) = entry else { return Ok(None) };
            if found.run > 0 {
                let inside = id - found.id < found.run;
                let begin = self.data.offset.saturating_add(found.offset);
                return Ok(inside.then_some(Section { offset: begin, length: found.length }));
            }
            entry = at(&self.leaf(found)?);
        }
        Err(self.invalid("its directories are nested too deeply"))
    }

    /// Lists the places of all tiles; false where there are too many.
    fn count(&mut self) -> Result<bool, ImportError> {
        let mut ahead: Vec<(usize, Arc<Vec<Entry>>)> = vec![(1, Arc::new(self.root.clone()))];
        let (mut seen, mut count) = (BTreeSet::new(), 0_u64);
        while let Some((depth, entries)) = ahead.pop() {
            for entry in entries.iter() {
                if entry.run == 0 {
                    // A leaf that was there before leads to itself, or holds nothing new.
                    if depth < DEEPEST && seen.insert(entry.offset) {
                        ahead.push((depth + 1, self.leaf(*entry)?));
                    }
                    continue;
                }
                count = count.saturating_add(entry.run);
                if count > MOST_COUNTED {
                    return Ok(false);
                }
                for id in entry.id..entry.id.saturating_add(entry.run) {
                    if let Some((zoom, place)) = place_of(id) {
                        self.places.entry(zoom).or_default().push(place);
                    }
                }
            }
        }
        Ok(true)
    }
}

impl TileStore for Archive {
    fn range(&self, zoom: u8) -> Option<TileRange> {
        self.ranges.get(&zoom).copied()
    }

    fn tile(&self, zoom: u8, column: u64, row: u64) -> Result<Option<Vec<u8>>, ImportError> {
        let Some(id) = id_of(zoom, [column, row]) else { return Ok(None) };
        match self.find(id)? {
            Some(section) => self.unpacked(section, self.tile_compression, MOST_TILE_BYTES).map(Some),
            None => Ok(None),
        }
    }

    fn all(&self, zoom: u8) -> Option<Vec<[u64; 2]>> {
        if self.places.is_empty() { None } else { Some(self.places.get(&zoom).cloned().unwrap_or_default()) }
    }

    fn name(&self, zoom: u8, column: u64, row: u64) -> String {
        format!("{zoom}/{column}/{row}")
    }
}

/// A directory (section 4.2): columns of variable-length numbers; `None` where it is damaged.
fn directory(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut rest = bytes;
    let count = usize::try_from(varint(&mut rest)?).ok()?;
    // Each entry has four numbers, and each number a byte at least.
    if count > rest.len() / 4 {
        return None;
    }
    let mut entries = vec![Entry { id: 0, run: 0, offset: 0, length: 0 }; count];
    let mut id = 0_u64;
    for entry in &mut entries {
        id = id.checked_add(varint(&mut rest)?)?;
        entry.id = id;
    }
    for entry in &mut entries {
        entry.run = varint(&mut rest)?;
    }
    for entry in &mut entries {
        entry.length = varint(&mut rest)?;
    }
    let mut end = 0_u64;
    for entry in &mut entries {
        // 0 means: right behind the one before.
        entry.offset = match varint(&mut rest)? {
            0 => end,
            place => place - 1,
        };
        end = entry.offset.checked_add(entry.length)?;
    }
    Some(entries)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// How many tiles the coarser zooms have.
fn before(zoom: u8) -> u64 {
    ((1_u64 << (2 * u32::from(zoom))) - 1) / 3
}

/// The number of a tile: its place on the Hilbert curve of its zoom, behind those of the coarser zooms.
fn id_of(zoom: u8, [mut column, mut row]: [u64; 2]) -> Option<u64> {
    if zoom > FINEST_ZOOM || column >= 1 << zoom || row >= 1 << zoom {
        return None;
    }
    let (mut id, mut half) = (before(zoom), (1_u64 << zoom) / 2);
    while half > 0 {
        let (right, below) = (u64::from(column & half > 0), u64::from(row & half > 0));
        id += half * half * ((3 * right) ^ below);
        [column, row] = turned(half, [column, row], right, below);
        half /= 2;
    }
    Some(id)
}

/// The tile of a number.
fn place_of(id: u64) -> Option<(u8, [u64; 2])> {
    let zoom = (0..=FINEST_ZOOM).rev().find(|zoom| before(*zoom) <= id)?;
    let mut rest = id - before(zoom);
    if rest >= 1 << (2 * u32::from(zoom)) {
        return None;
    }
    let (mut place, mut half) = ([0_u64; 2], 1_u64);
    while half < 1 << zoom {
        let right = (rest / 2) & 1;
        let below = (rest ^ right) & 1;
        let [column, row] = turned(half, place, right, below);
        place = [column + half * right, row + half * below];
        rest /= 4;
        half *= 2;
    }
    Some((zoom, place))
}

/// Turns a quarter of the curve.
fn turned(edge: u64, [column, row]: [u64; 2], right: u64, below: u64) -> [u64; 2] {
    if below > 0 {
        return [column, row];
    }
    let flip = |value: u64| if right > 0 { edge.wrapping_sub(1).wrapping_sub(value) } else { value };
    [flip(row), flip(column)]
}

/// The tiles that bounds in degrees touch: Web Mercator.
fn range_of([west, south, east, north]: [f64; 4], zoom: u8) -> TileRange {
    let tiles = 2_f64.powi(zoom.into());
    let column = |longitude: f64| ((longitude + 180.0) / 360.0 * tiles).clamp(0.0, tiles - 1.0) as u64;
    let row = |latitude: f64| {
        let north = latitude.clamp(-85.06, 85.06).to_radians().tan().asinh() / std::f64::consts::PI;
        ((1.0 - north) / 2.0 * tiles).clamp(0.0, tiles - 1.0) as u64
    };
    let ((west, east), (north, south)) = ((column(west), column(east)), (row(north), row(south)));
    [west.min(east), west.max(east), north.min(south), north.max(south)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::MemoryFiles;

    /// The specification's examples, and there and back.
    #[test]
    fn numbers_follow_the_curve() {
        for (zoom, place, id) in [
            (0, [0, 0], 0),
            (1, [0, 0], 1),
            (1, [0, 1], 2),
            (1, [1, 1], 3),
            (1, [1, 0], 4),
            (2, [0, 0], 5),
            (12, [3423, 1763], 19_078_479),
        ] {
            assert_eq!(id_of(zoom, place), Some(id));
            assert_eq!(place_of(id), Some((zoom, place)));
        }
        for id in (0..300_000).step_by(7) {
            let (zoom, place) = place_of(id).unwrap();
            assert_eq!(id_of(zoom, place), Some(id));
        }
        assert_eq!((id_of(27, [0, 0]), id_of(3, [8, 0]), place_of(u64::MAX)), (None, None, None));
    }

    /// An archive without compression: a root whose only entry is a leaf, and the leaf.
    fn archive(root: &[u8], leaf: &[u8], data: &[u8]) -> Vec<u8> {
        let mut bytes = b"PMTiles\x03".to_vec();
        let (root_at, leaf_at) = (127_u64, 127 + root.len() as u64);
        let data_at = leaf_at + leaf.len() as u64;
        for (offset, length) in [(root_at, root.len()), (root_at, 0), (leaf_at, leaf.len()), (data_at, data.len())] {
            bytes.extend(offset.to_le_bytes());
            bytes.extend((length as u64).to_le_bytes());
        }
        bytes.extend([1, 1, 1].iter().flat_map(|count: &u64| count.to_le_bytes()));
        bytes.extend([1, 1, 1, 2, 0, 3]);
        bytes.resize(HEADER_BYTES, 0);
        [&bytes, root, leaf, data].concat()
    }

    fn open(bytes: Vec<u8>) -> Result<Archive, ImportError> {
        Archive::open(MemoryFiles::new("a.pmtiles", [("a.pmtiles".to_owned(), bytes)]).shared(), "a.pmtiles")
    }

    #[test]
    fn leaves_are_followed_and_circles_end() {
        // One entry: number 0, run 0 (a leaf), length 5, offset 0 + 1.
        let to_leaf = [1, 0, 0, 5, 1];
        let tile = [1, 2, 2, 3, 1];
        let found = open(archive(&to_leaf, &tile, b"abc")).unwrap();
        assert_eq!(found.tile(1, 0, 1).unwrap().as_deref(), Some(&b"abc"[..]));
        assert_eq!(found.tile(1, 1, 1).unwrap().as_deref(), Some(&b"abc"[..]));
        assert_eq!((found.tile(1, 1, 0).unwrap(), found.tile(0, 0, 0).unwrap()), (None, None));
        assert_eq!((found.range(1), found.range(0)), (Some([0, 1, 1, 1]), None));
        let circle = open(archive(&to_leaf, &to_leaf, b"")).unwrap();
        assert!(circle.tile(0, 0, 0).unwrap_err().to_string().contains("nested too deeply"));
    }

    #[test]
    fn what_is_damaged_is_told() {
        let whole = archive(&[1, 0, 0, 5, 1], &[1, 2, 2, 3, 1], b"abc");
        for end in 0..whole.len() {
            let opened = open(whole[..end].to_vec());
            assert!(opened.is_err() || opened.is_ok_and(|archive| archive.tile(1, 0, 1).is_err()), "{end} bytes");
        }
        // Counts and places far beyond the file.
        for root in [&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0][..], &[1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], &[9; 12]] {
            let opened = open(archive(root, &[], b""));
            assert!(opened.is_err() || opened.is_ok_and(|archive| archive.some_tile().is_err()), "{root:?}");
        }
        let huge = open(archive(&[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1], &[], b"a")).unwrap();
        assert!(huge.places.is_empty() && huge.range(3).is_some(), "a run of billions is not listed");
    }
}
