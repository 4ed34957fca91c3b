//! What the members of one file share.

use std::collections::HashMap;
use std::sync::Arc;

use glam::DVec3;

use super::appearance::{Appearances, key};
use super::codelists::CodeLists;
use super::reference::Reference;
use super::tree::Spaces;
use crate::geodesy::{CrsId, CrsRegistry};
use crate::import::{ImportOptions, SourceFiles};

/// Geometries that other members of a file refer to, as they are written, by their identifiers' keys.
pub(super) type Library = HashMap<u64, Arc<str>>;

/// What is known of a file before its objects are read.
pub(super) struct Scope<'f> {
    pub(super) files: &'f dyn SourceFiles,
    pub(super) options: &'f ImportOptions,
    /// Name among the files, and as messages give it.
    pub(super) name: &'f str,
    pub(super) path: String,
    pub(super) spaces: Spaces,
    pub(super) registry: &'f CrsRegistry,
    /// The CRS of the source, to which other ones are brought.
    pub(super) frame: CrsId,
    pub(super) frame_is_geographic: bool,
    /// The CRS of what does not say its own, and how the file calls it.
    pub(super) reference: Reference,
    pub(super) said: String,
    /// Whether a recipe says the CRS, over what the file says.
    pub(super) insists: bool,
    /// Numbers a point, where the file's envelope says it.
    pub(super) dimension: Option<usize>,
    /// Whether that is not the source's CRS.
    pub(super) is_elsewhere: bool,
    /// Where the origin of the file's own engineering CRS is.
    pub(super) origin: DVec3,
    pub(super) appearances: Appearances,
    pub(super) library: Library,
    pub(super) codelists: &'f CodeLists<'f>,
}

impl Scope<'_> {
    /// A geometry of another member.
    pub(super) fn linked(&self, id: &str) -> Option<Arc<str>> {
        self.library.get(&key(id)).cloned()
    }

    /// The file's name without folders and ending: what identifiers of nameless objects begin with.
    pub(super) fn stem(&self) -> &str {
        let name = self.name.rsplit('/').next().unwrap_or(self.name);
        name.split('.').next().unwrap_or(name)
    }
}
