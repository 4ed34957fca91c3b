//! The files that a user names as the source of an import.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sqlite::SqliteFile;
use crate::import::{Database, ImportError, SourceFiles};

/// Folders deeper than this are somebody's mistake (a link into itself).
const DEEPEST: usize = 32;

/// One file, or a folder with everything below it; files that begin with a dot are left out.
#[derive(Debug, Clone)]
pub struct LocalFiles {
    path: String,
    root: PathBuf,
    names: Arc<[String]>,
}

impl LocalFiles {
    /// Lists what is there. Nothing is read yet.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let shown = path.display().to_string();
        let failed = |cause: std::io::Error| ImportError::Read { cause: cause_of(&cause), path: shown.clone() };
        let about = fs::metadata(path).map_err(failed)?;
        if about.is_dir() {
            let mut names = Vec::new();
            list(path, "", 0, &mut names).map_err(failed)?;
            names.sort();
            return Ok(Self { path: shown, root: path.to_owned(), names: names.into() });
        }
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let root = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { path: shown, root, names: [name].into() })
    }

    fn failed(&self, cause: &std::io::Error, name: &str) -> ImportError {
        ImportError::Read { cause: cause_of(cause), path: self.path_of(name) }
    }
}

/// The cause in words, without the operating system's number.
fn cause_of(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

fn list(folder: &Path, prefix: &str, depth: usize, names: &mut Vec<String>) -> std::io::Result<()> {
    if depth > DEEPEST {
        return Err(std::io::Error::other(format!("folders are nested deeper than {DEEPEST}")));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let below = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if fs::metadata(entry.path())?.is_dir() {
            list(&entry.path(), &below, depth + 1, names)?;
        } else {
            names.push(below);
        }
    }
    Ok(())
}

impl SourceFiles for LocalFiles {
    fn path(&self) -> &str {
        &self.path
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ImportError> {
        fs::read(self.root.join(name)).map_err(|cause| self.failed(&cause, name))
    }

    fn size(&self, name: &str) -> Result<u64, ImportError> {
        Ok(fs::metadata(self.root.join(name)).map_err(|cause| self.failed(&cause, name))?.len())
    }

    fn database(&self, name: &str) -> Result<Box<dyn Database>, ImportError> {
        Ok(Box::new(SqliteFile::open(&self.root.join(name), self.path_of(name))?))
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ImportError> {
        let part = || {
            let mut file = fs::File::open(self.root.join(name))?;
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        part().map_err(|cause| self.failed(&cause, name))
    }

    fn shared(&self) -> Arc<dyn SourceFiles> {
        Arc::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_a_folder_sorted_and_a_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.pbf", "b/10.pbf", "a.json", ".hidden"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let files = LocalFiles::open(folder.path()).unwrap();
        assert_eq!(files.names(), ["a.json", "b/10.pbf", "b/2.pbf"]);
        assert_eq!(files.head("b/2.pbf", 3).unwrap(), b"b/2");
        assert_eq!(
            (files.read_range("b/2.pbf", 2..99).unwrap(), files.size("b/2.pbf").unwrap()),
            (b"2.pbf".to_vec(), 7)
        );
        let one = LocalFiles::open(&folder.path().join("a.json")).unwrap();
        assert_eq!((one.names(), one.read("a.json").unwrap()), (&["a.json".to_owned()][..], b"a.json".to_vec()));
        let missing = LocalFiles::open(&folder.path().join("none")).unwrap_err().to_string();
        assert!(missing.contains("no such file") && missing.ends_with("none"), "{missing}");
    }
}
