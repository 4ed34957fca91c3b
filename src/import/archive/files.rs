//! What is in an archive, as files.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use encoding_rs::GBK;
use zip::ZipArchive;

use crate::import::vector::SourceReader;
use crate::import::{ImportError, SourceFiles};

/// An unpacked file is held in memory: larger ones are to be unpacked first.
const LARGEST: u64 = 1 << 30;
/// No archive of data is packed tighter than this as a whole; what small ones may have in any case.
const TIGHTEST: u64 = 200;
const SMALL: u64 = 256 << 20;
/// Files of one archive.
const MOST_FILES: usize = 1_000_000;
/// Unpacked files that are kept: a shapefile has four that are read in turns.
const KEPT: usize = 4;

type Stream = BufReader<SourceReader>;
type Unpacked = Vec<(String, Arc<Vec<u8>>)>;

/// The files of a ZIP archive (APPNOTE 6.3), unpacked where they are read and within limits, so that a bomb is an error. Clones
/// share what is unpacked.
#[derive(Clone)]
pub(in crate::import) struct ArchiveFiles {
    path: String,
    names: Arc<[String]>,
    /// Number in the archive and unpacked bytes as it says, by name.
    entries: Arc<BTreeMap<String, (usize, u64)>>,
    archive: Arc<Mutex<ZipArchive<Stream>>>,
    kept: Arc<Mutex<Unpacked>>,
}

impl ArchiveFiles {
    /// Lists what is in one of the files. Nothing is unpacked yet.
    pub fn open(files: &dyn SourceFiles, name: &str) -> Result<Self, ImportError> {
        let path = files.path_of(name);
        let invalid = |cause: String| ImportError::Invalid { expected: "a ZIP archive", cause, path: path.clone() };
        let stream = BufReader::new(SourceReader::new(files, name)?);
        let mut archive = ZipArchive::new(stream).map_err(|error| invalid(error.to_string()))?;
        if archive.len() > MOST_FILES {
            return Err(invalid(format!("it has {} files; {MOST_FILES} are read", archive.len())));
        }
        let mut entries = BTreeMap::new();
        let mut all = 0_u64;
        for number in 0..archive.len() {
            // What cannot even be listed is as if it were not there.
            let Ok(entry) = archive.by_index_raw(number) else { continue };
            if entry.is_dir() || entry.encrypted() {
                continue;
            }
            let name = name_of(entry.name_raw()).replace('\\', "/");
            all = all.saturating_add(entry.size());
            let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX" || part.is_empty());
            if !hidden {
                entries.insert(name, (number, entry.size()));
            }
        }
        let most = SMALL.max(files.size(name)?.saturating_mul(TIGHTEST));
        if all > most {
            return Err(invalid(format!("unpacked it would have {all} bytes, more than the {most} that are believed")));
        }
        let names = entries.keys().cloned().collect();
        let (entries, archive) = (Arc::new(entries), Arc::new(Mutex::new(archive)));
        Ok(Self { path, names, entries, archive, kept: Arc::default() })
    }

    fn invalid(&self, name: &str, cause: String) -> ImportError {
        ImportError::Invalid { expected: "a file in a ZIP archive", cause, path: self.path_of(name) }
    }

    fn entry(&self, name: &str) -> Result<(usize, u64), ImportError> {
        let missing =
            || ImportError::Read { cause: "no such file in the archive".to_owned(), path: self.path_of(name) };
        self.entries.get(name).copied().ok_or_else(missing)
    }

    /// At most so many bytes of a file, from its beginning.
    fn unpack(&self, name: &str, limit: u64) -> Result<Vec<u8>, ImportError> {
        let (number, _) = self.entry(name)?;
        let mut archive = self.archive.lock().map_err(|error| self.invalid(name, error.to_string()))?;
        let entry = archive.by_index(number).map_err(|error| self.invalid(name, error.to_string()))?;
        let mut bytes = Vec::new();
        entry.take(limit).read_to_end(&mut bytes).map_err(|error| self.invalid(name, error.to_string()))?;
        Ok(bytes)
    }

    /// A whole file, kept for the next time.
    fn whole(&self, name: &str) -> Result<Arc<Vec<u8>>, ImportError> {
        let mut kept = self.kept.lock().map_err(|error| self.invalid(name, error.to_string()))?;
        if let Some((_, bytes)) = kept.iter().find(|(own, _)| own == name) {
            return Ok(Arc::clone(bytes));
        }
        let (_, size) = self.entry(name)?;
        if size > LARGEST {
            return Err(self.invalid(name, format!("it has {size} bytes; unpack the archive")));
        }
        let bytes = self.unpack(name, size + 1)?;
        if bytes.len() as u64 > size {
            return Err(self.invalid(name, format!("it is larger than the {size} bytes that the archive says")));
        }
        let bytes = Arc::new(bytes);
        kept.insert(0, (name.to_owned(), Arc::clone(&bytes)));
        kept.truncate(KEPT);
        Ok(bytes)
    }
}

/// Names are UTF-8, whatever their flag says; those of Chinese Windows are GBK.
fn name_of(raw: &[u8]) -> String {
    if let Ok(name) = std::str::from_utf8(raw) {
        return name.to_owned();
    }
    let (name, bad) = GBK.decode_without_bom_handling(raw);
    if bad { String::from_utf8_lossy(raw).into_owned() } else { name.into_owned() }
}

impl SourceFiles for ArchiveFiles {
    fn path(&self) -> &str {
        &self.path
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ImportError> {
        Ok(self.whole(name)?.to_vec())
    }

    fn size(&self, name: &str) -> Result<u64, ImportError> {
        self.entry(name).map(|(_, size)| size)
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ImportError> {
        let all = self.whole(name)?;
        let at = |place: u64| usize::try_from(place).map_or(all.len(), |place| place.min(all.len()));
        Ok(all.get(at(range.start)..at(range.end)).unwrap_or_default().to_vec())
    }

    fn head(&self, name: &str, limit: usize) -> Result<Vec<u8>, ImportError> {
        self.unpack(name, limit as u64)
    }

    fn shared(&self) -> Arc<dyn SourceFiles> {
        Arc::new(self.clone())
    }
}
