//! What a server serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::package::{City, Manifest, PackageError};
use crate::streaming::ByteSource;

/// A package under the name by which addresses call it.
pub struct Published {
    /// Name in addresses: letters, digits, `-`, `_`.
    pub name: String,
    /// Objects and index.
    pub city: Arc<City>,
    /// All its files.
    pub files: Arc<dyn ByteSource>,
    /// Part of the addresses of its files, which never change under it: XXH3-128 of manifest and tilesets, hexadecimal.
    pub version: String,
}

/// Everything that is served, by name.
#[derive(Default)]
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
        Ok(Self { name: name.to_owned(), city, files, version: format!("{:032x}", hash.digest128()) })
    }
}
