//! What a server serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::package::{City, Manifest, PackageError, Selection};
use crate::streaming::ByteSource;

/// A package under the name by which addresses call it.
pub struct Published {
    /// Name in addresses: letters, digits, `-`, `_`.
    pub name: String,
    /// Objects and index.
    pub city: Arc<City>,
    /// All its files.
    pub files: Arc<dyn ByteSource>,
    /// Part of the addresses of its files, which never change under it: XXH3-128 of manifest (which knows the content of all
    /// files) and tilesets, hexadecimal.
    pub version: String,
    /// What is left of the whole package where something is withheld from who asks: rows of `city` and of tiles are numbered
    /// anew, and those of the whole package (of a play, of live values) are translated with it.
    pub selection: Option<Arc<Selection>>,
}

/// Everything that is served, by name.
#[derive(Clone, Default)]
pub struct Catalogue {
    /// Packages by name.
    pub cities: BTreeMap<String, Arc<Published>>,
}

impl Published {
    /// Opens a package.
    pub fn open(name: &str, files: Arc<dyn ByteSource>) -> Result<Self, PackageError> {
        let city = Arc::new(City::open(files.clone())?);
        let mut hash = Xxh3::new();
        for name in [Manifest::NAME, "tileset.json", "terrain/tileset.json"] {
            // What a package does not have counts as nothing.
            hash.update(&files.read(name, None).unwrap_or_default());
        }
        Ok(Self { name: name.to_owned(), city, files, version: format!("{:032x}", hash.digest128()), selection: None })
    }

    /// The row here of an object in `row` of the whole package; `None` where who asks may not know of it.
    pub fn row(&self, row: u32) -> Option<u32> {
        self.selection.as_ref().map_or(Some(row), |selection| selection.row(row))
    }

    /// Whether who asks may know of an attribute or a live property of this name.
    pub fn shows(&self, attribute: &str) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.shows(attribute))
    }
}
