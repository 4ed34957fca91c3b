//! A package without what somebody may not see.
//!
//! Objects and attributes that are withheld are in no file of the restricted package, so that no endpoint can give them
//! away by oversight: it holds a `City` of the rest, and a source of files that writes tiles anew.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::Xxh3;

use super::tile::selected_tile;
use crate::package::{City, Manifest, PackageError, Selection, write_selection};
use crate::service::Published;
use crate::streaming::{ByteSource, ByteSourceError, MemorySource};

/// Bytes of tiles written anew that a restricted package keeps.
const KEPT_TILES_BYTES: usize = 64 << 20;

/// The package with only the objects and attributes of `selection`. Rows are numbered anew, and the addresses of its files
/// differ from those of the whole package, so that no cache can mix them up.
pub fn restricted(whole: &Published, selection: Selection) -> Result<Published, PackageError> {
    let mut files = BTreeMap::new();
    write_selection(&whole.city, &selection, &mut files)?;
    let manifest = files.get(Manifest::NAME).cloned().unwrap_or_default();
    let mut hash = Xxh3::new();
    hash.update(whole.version.as_bytes());
    selection.rows.iter().for_each(|row| hash.update(&row.to_le_bytes()));
    for name in &selection.hidden {
        hash.update(&[0]);
        hash.update(name.as_bytes());
    }
    let selection = Arc::new(selection);
    let source = RestrictedFiles {
        whole: Arc::clone(&whole.files),
        city: Arc::clone(&whole.city),
        selection: Arc::clone(&selection),
        manifest,
        tiles: Mutex::default(),
    };
    Ok(Published {
        name: whole.name.clone(),
        city: Arc::new(City::open(Arc::new(MemorySource::from_iter(files)))?),
        files: Arc::new(source),
        version: format!("{:032x}", hash.digest128()),
        selection: Some(selection),
    })
}

/// The files of a package as its addresses may show them.
struct RestrictedFiles {
    whole: Arc<dyn ByteSource>,
    city: Arc<City>,
    selection: Arc<Selection>,
    manifest: Vec<u8>,
    tiles: Mutex<KeptTiles>,
}

/// What may be read of a package under a name.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Manifest,
    /// Written anew.
    Tile,
    /// The same for everybody: boxes of the tile tree, the ground.
    Whole,
    /// Object table, index, and everything that is not known.
    Refused,
}

fn kind(name: &str) -> Kind {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0', ':']);
    if !name.split('/').all(plain) {
        return Kind::Refused;
    }
    match name {
        Manifest::NAME => Kind::Manifest,
        "tileset.json" => Kind::Whole,
        _ if name.starts_with("terrain/") => Kind::Whole,
        _ if name.starts_with("subtrees/") && name.ends_with(".subtree") => Kind::Whole,
        _ if name.starts_with("content/") && name.ends_with(".glb") => Kind::Tile,
        _ => Kind::Refused,
    }
}

impl RestrictedFiles {
    fn tile(&self, name: &str) -> Result<Arc<[u8]>, ByteSourceError> {
        if let Some(tile) = self.kept().get(name) {
            return Ok(tile);
        }
        let whole = self.whole.read(name, None)?;
        let failed = |error: crate::formats::glb::GlbError| ByteSourceError::Failed {
            cause: error.to_string(),
            name: name.to_owned(),
        };
        let tile: Arc<[u8]> = selected_tile(&whole, &self.selection, self.city.table()).map_err(failed)?.into();
        self.kept().put(name, Arc::clone(&tile));
        Ok(tile)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, KeptTiles> {
        self.tiles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ByteSource for RestrictedFiles {
    fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, ByteSourceError> {
        match kind(name) {
            Kind::Manifest => part(name, &self.manifest, range),
            Kind::Tile => part(name, &self.tile(name)?, range),
            Kind::Whole => self.whole.read(name, range),
            Kind::Refused => Err(ByteSourceError::NotFound(name.to_owned())),
        }
    }

    fn size(&self, name: &str) -> Result<u64, ByteSourceError> {
        match kind(name) {
            Kind::Manifest => Ok(self.manifest.len() as u64),
            Kind::Tile => Ok(self.tile(name)?.len() as u64),
            Kind::Whole => self.whole.size(name),
            Kind::Refused => Err(ByteSourceError::NotFound(name.to_owned())),
        }
    }
}

fn part(name: &str, bytes: &[u8], range: Option<Range<u64>>) -> Result<Vec<u8>, ByteSourceError> {
    let Some(range) = range else { return Ok(bytes.to_vec()) };
    let found = bytes.get(range.start as usize..range.end as usize).map(<[u8]>::to_vec);
    found.ok_or_else(|| ByteSourceError::OutOfRange {
        start: range.start,
        end: range.end,
        size: bytes.len() as u64,
        name: name.to_owned(),
    })
}

/// Tiles written anew, the ones asked for last.
#[derive(Default)]
struct KeptTiles {
    tiles: BTreeMap<String, (u64, Arc<[u8]>)>,
    bytes: usize,
    asked: u64,
}

impl KeptTiles {
    fn get(&mut self, name: &str) -> Option<Arc<[u8]>> {
        self.asked += 1;
        let (last, tile) = self.tiles.get_mut(name)?;
        *last = self.asked;
        Some(Arc::clone(tile))
    }

    fn put(&mut self, name: &str, tile: Arc<[u8]>) {
        self.bytes += tile.len();
        if let Some((_, before)) = self.tiles.insert(name.to_owned(), (self.asked, tile)) {
            self.bytes -= before.len();
        }
        while self.bytes > KEPT_TILES_BYTES {
            let oldest = self.tiles.iter().min_by_key(|(_, (asked, _))| *asked).map(|(name, _)| name.clone());
            let Some((_, tile)) = oldest.and_then(|name| self.tiles.remove(&name)) else { break };
            self.bytes -= tile.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_tiles_and_ground_and_refuses_tables_and_tricks() {
        assert_eq!(kind("content/3/1/2.glb"), Kind::Tile);
        assert_eq!(kind("terrain/content/1/2.glb"), Kind::Whole);
        assert_eq!(kind("subtrees/0/0/0.subtree"), Kind::Whole);
        assert_eq!(kind("city.toml"), Kind::Manifest);
        for refused in [
            "objects/ids",
            "index/words",
            "objects/footprints",
            "terrain/../objects/ids",
            "terrain/./x",
            "content//a.glb",
            "terrain\\..\\objects",
            "",
            "/",
            "/objects/ids",
            "content/1/1/1.json",
            "CITY.TOML",
            ".x",
            "terrain/\0",
            "x.glb",
        ] {
            assert_eq!(kind(refused), Kind::Refused, "{refused}");
        }
    }

    #[test]
    fn keeps_tiles_within_bytes() {
        let mut kept = KeptTiles::default();
        for number in 0..10 {
            kept.put(&number.to_string(), vec![0; 10 << 20].into());
            kept.get("0");
        }
        assert!(
            kept.bytes <= KEPT_TILES_BYTES && kept.bytes == kept.tiles.values().map(|(_, t)| t.len()).sum::<usize>()
        );
        assert!(kept.get("0").is_some() && kept.get("9").is_some() && kept.get("1").is_none());
    }
}
