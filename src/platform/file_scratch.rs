//! Room on the disk for what is larger than memory.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::package::{Scratch, SinkError};

/// Bytes that are written at one time.
const WRITE_BYTES: usize = 1 << 20;

/// A file without a name: it is gone as soon as nobody uses it, however the program ends.
#[derive(Debug)]
pub struct FileScratch {
    file: File,
    shown: String,
    end: Mutex<End>,
}

/// The end of the file that is not written yet.
#[derive(Debug, Default)]
struct End {
    written: u64,
    pending: Vec<u8>,
}

impl FileScratch {
    /// Room beside a file or folder that is being made, on its disk.
    pub fn beside(target: &Path) -> Result<Self, SinkError> {
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let free = |number: u32| target.with_file_name(format!(".{name}.scratch-{}-{number}", std::process::id()));
        let shown = target.with_file_name(format!(".{name}.scratch")).display().to_string();
        let failed = |error: &std::io::Error| SinkError { cause: error.to_string(), name: shown.clone() };
        let mut number = 0;
        let (file, path): (File, PathBuf) = loop {
            let path = free(number);
            match File::options().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => break (file, path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed(&error)),
            }
        };
        fs::remove_file(path).map_err(|error| failed(&error))?;
        Ok(Self { file, shown, end: Mutex::default() })
    }

    fn failed(&self, error: &std::io::Error) -> SinkError {
        SinkError { cause: error.to_string(), name: self.shown.clone() }
    }

    fn write(&self, end: &mut End) -> Result<(), SinkError> {
        self.file.write_all_at(&end.pending, end.written).map_err(|error| self.failed(&error))?;
        end.written += end.pending.len() as u64;
        end.pending.clear();
        Ok(())
    }
}

impl Scratch for FileScratch {
    fn append(&self, bytes: &[u8]) -> Result<u64, SinkError> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let at = end.written + end.pending.len() as u64;
        end.pending.extend_from_slice(bytes);
        if end.pending.len() >= WRITE_BYTES {
            self.write(&mut end)?;
        }
        Ok(at)
    }

    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, SinkError> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if at.saturating_add(length as u64) > end.written {
            self.write(&mut end)?;
        }
        drop(end);
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).map_err(|error| self.failed(&error))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_and_nothing_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = FileScratch::beside(&folder.path().join("a.city")).unwrap();
        let places: Vec<u64> = (0..3000_u32).map(|i| scratch.append(&[i as u8; 1000]).unwrap()).collect();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        for (i, at) in places.into_iter().enumerate() {
            assert_eq!(scratch.read(at, 1000).unwrap(), vec![i as u8; 1000]);
        }
        assert!(scratch.read(2_999_500, 1000).is_err());
        assert!(FileScratch::beside(Path::new("/proc/a.city")).is_err());
    }
}
