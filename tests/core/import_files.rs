//! Files of the disk for importers, as the platform gives them.

use std::path::{Path, PathBuf};

use veduta::import::{ImportError, SourceFiles};

/// A file or a folder of the disk.
pub struct DiskFiles {
    path: String,
    root: PathBuf,
    names: Vec<String>,
}

impl DiskFiles {
    pub fn new(path: &Path) -> Self {
        let mut names = Vec::new();
        let root = if path.is_dir() { path.to_owned() } else { path.parent().unwrap().to_owned() };
        if path.is_dir() {
            list(path, "", &mut names);
            names.sort();
        } else {
            names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
        Self { path: path.to_str().unwrap().to_owned(), root, names }
    }
}

fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}

impl SourceFiles for DiskFiles {
    fn path(&self) -> &str {
        &self.path
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ImportError> {
        std::fs::read(self.root.join(name))
            .map_err(|error| ImportError::Read { cause: error.to_string(), path: self.path_of(name) })
    }
}
