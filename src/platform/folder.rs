//! Folders: read as a byte source, written so that nothing half made is ever visible.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use crate::package::{PackageSink, SinkError};
use crate::streaming::{ByteSource, ByteSourceError};

/// The files of a folder. Names that climb out, by `..`, from `/` or through a link, are not found.
#[derive(Debug, Clone)]
pub struct FolderSource(PathBuf);

impl FolderSource {
    /// A folder that exists.
    pub fn new(folder: &Path) -> Result<Self, ByteSourceError> {
        fs::canonicalize(folder).map(Self).map_err(|e| failed(&e, &folder.display().to_string()))
    }

    fn open(&self, name: &str) -> Result<(File, u64), ByteSourceError> {
        if !is_plain(name) {
            return Err(ByteSourceError::NotFound(name.to_owned()));
        }
        let path = fs::canonicalize(self.0.join(name)).map_err(|e| failed(&e, name))?;
        if !path.starts_with(&self.0) || !path.is_file() {
            return Err(ByteSourceError::NotFound(name.to_owned()));
        }
        let file = File::open(path).map_err(|e| failed(&e, name))?;
        let size = file.metadata().map_err(|e| failed(&e, name))?.len();
        Ok((file, size))
    }
}

fn failed(error: &std::io::Error, name: &str) -> ByteSourceError {
    match error.kind() {
        ErrorKind::NotFound => ByteSourceError::NotFound(name.to_owned()),
        _ => ByteSourceError::Failed { cause: error.to_string(), name: name.to_owned() },
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|c| matches!(c, Component::Normal(_)))
}

impl ByteSource for FolderSource {
    fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, ByteSourceError> {
        let (mut file, size) = self.open(name)?;
        let Range { start, end } = range.unwrap_or(0..size);
        if start > end || end > size {
            return Err(ByteSourceError::OutOfRange { start, end, size, name: name.to_owned() });
        }
        let mut bytes = vec![0; (end - start) as usize];
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes)).map_err(|e| failed(&e, name))?;
        Ok(bytes)
    }

    fn size(&self, name: &str) -> Result<u64, ByteSourceError> {
        self.open(name).map(|(_, size)| size)
    }
}

/// A folder written beside its target and renamed into place by `commit`. Dropped before, it leaves nothing. What a
/// killed run left is removed by the next one; a lock file keeps two runs from writing one target.
#[derive(Debug)]
pub struct AtomicFolder {
    target: PathBuf,
    partial: PathBuf,
    old: PathBuf,
    lock: (File, PathBuf),
}

impl AtomicFolder {
    /// Begins a folder that shall stand at `target`, which may exist and stays untouched until `commit`. Only an empty folder or
    /// one of the same kind, which is known by its file `mark`, is replaced: what else is there is somebody's own.
    pub fn create(target: &Path, mark: &str) -> Result<Self, SinkError> {
        let target = std::path::absolute(target).map_err(|e| refused(&e, target))?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(SinkError { cause: "not a folder's name".to_owned(), name: target.display().to_string() });
        };
        if !may_be_replaced(&target, mark).map_err(|e| refused(&e, &target))? {
            let what = if target.is_dir() { format!("a folder without '{mark}'") } else { "a file".to_owned() };
            let cause = format!("something else is there ({what}), and is not replaced; name another place");
            return Err(SinkError { cause, name: target.display().to_string() });
        }
        fs::create_dir_all(parent).map_err(|e| refused(&e, parent))?;
        let beside = |end: &str| parent.join(format!(".{}.{end}", name.to_string_lossy()));
        let (partial, old, lock) = (beside("partial"), beside("old"), beside("lock"));
        let file = File::create(&lock).map_err(|e| match e.kind() {
            // The folder is there, but takes no files: one of the kernel's.
            ErrorKind::NotFound => {
                SinkError { cause: "no file can be made there".to_owned(), name: target.display().to_string() }
            }
            _ => refused(&e, &target),
        })?;
        if file.try_lock().is_err() {
            let cause = "another run is writing it".to_owned();
            return Err(SinkError { cause, name: target.display().to_string() });
        }
        let folder = Self { target, partial, old, lock: (file, lock) };
        folder.repair()?;
        fs::create_dir(&folder.partial).map_err(|e| refused(&e, &folder.partial))?;
        Ok(folder)
    }

    /// Clears what a killed run left. Killed between the two renames of a swap, it left only the old package: put back.
    fn repair(&self) -> Result<(), SinkError> {
        if self.old.exists() && !self.target.exists() {
            fs::rename(&self.old, &self.target).map_err(|e| refused(&e, &self.target))?;
        }
        for leftover in [&self.old, &self.partial].into_iter().filter(|path| path.exists()) {
            fs::remove_dir_all(leftover).map_err(|e| refused(&e, leftover))?;
        }
        Ok(())
    }

    /// Puts the folder into place, instead of what stood there.
    pub fn commit(self) -> Result<(), SinkError> {
        sync_folder(&self.partial)?;
        let replaces = self.target.exists();
        if replaces {
            fs::rename(&self.target, &self.old).map_err(|e| refused(&e, &self.target))?;
        }
        if let Err(error) = fs::rename(&self.partial, &self.target) {
            if replaces {
                fs::rename(&self.old, &self.target).map_err(|e| refused(&e, &self.target))?;
            }
            return Err(refused(&error, &self.target));
        }
        if let Some(parent) = self.target.parent() {
            sync_folder(parent)?;
        }
        if replaces {
            fs::remove_dir_all(&self.old).map_err(|e| refused(&e, &self.old))?;
        }
        Ok(())
    }
}

/// Whether nothing would be lost but an earlier result: where nothing is, or an empty folder, or one with this file.
fn may_be_replaced(target: &Path, mark: &str) -> std::io::Result<bool> {
    if target.join(mark).is_file() || !target.try_exists()? {
        return Ok(true);
    }
    Ok(target.is_dir() && fs::read_dir(target)?.next().is_none())
}

fn sync_folder(path: &Path) -> Result<(), SinkError> {
    // Only Unix opens folders; elsewhere the rename itself must do.
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| refused(&e, path))?;
    }
    Ok(())
}

fn refused(error: &std::io::Error, path: &Path) -> SinkError {
    SinkError { cause: error.to_string(), name: path.display().to_string() }
}

/// Writes a file beside its target and renames it into place: a reader never sees half of it.
pub fn write_atomically(target: &Path, bytes: &[u8]) -> Result<(), SinkError> {
    let target = std::path::absolute(target).map_err(|e| refused(&e, target))?;
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(SinkError { cause: "not a file's name".to_owned(), name: target.display().to_string() });
    };
    let partial = parent.join(format!(".{}.partial", name.to_string_lossy()));
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, &target)
    };
    write().map_err(|e| {
        // Nothing can be done about a failure here: the first one is told.
        let _ = fs::remove_file(&partial);
        refused(&e, &target)
    })
}

impl PackageSink for AtomicFolder {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), SinkError> {
        let path = self.partial.join(name);
        if !is_plain(name) {
            return Err(SinkError { cause: "the name leaves the folder".to_owned(), name: name.to_owned() });
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| refused(&e, parent))?;
        }
        let write = |mut file: File| file.write_all(bytes);
        File::create_new(&path).and_then(write).map_err(|e| refused(&e, &path))
    }
}

impl Drop for AtomicFolder {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; the next run clears what is left.
        if self.partial.exists() {
            let _ = fs::remove_dir_all(&self.partial);
        }
        let _ = fs::remove_file(&self.lock.1);
    }
}
