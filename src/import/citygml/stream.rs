//! The bytes of a file as UTF-8 text, read in parts and never held whole.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use crate::import::{ImportError, SourceFiles};

/// Bytes read from a file at one time.
const PART_BYTES: u64 = 4 << 20;
/// What bytes 0x80 to 0x9F are in windows-1252; 0 where they are nothing.
const WINDOWS_1252: [u16; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0, 0,
    0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
];

/// Reads a file from its beginning, unpacked where it is packed with gzip.
pub(super) struct Stream<'f> {
    bytes: Box<dyn Read + 'f>,
    path: String,
    single_byte: bool,
    begun: bool,
}

impl<'f> Stream<'f> {
    /// The stream of a file; nothing is read yet.
    pub(super) fn open(files: &'f dyn SourceFiles, name: &'f str) -> Self {
        let parts = Parts { files, name, at: 0, part: Vec::new(), used: 0 };
        let packed = name.to_ascii_lowercase().ends_with(".gz");
        let bytes: Box<dyn Read + 'f> = if packed { Box::new(MultiGzDecoder::new(parts)) } else { Box::new(parts) };
        Self { bytes, path: files.path_of(name), single_byte: false, begun: false }
    }

    /// Appends up to `count` bytes of the file, as UTF-8; fewer only at its end.
    pub(super) fn read(&mut self, count: usize, text: &mut Vec<u8>) -> Result<usize, ImportError> {
        let before = text.len();
        let failed = |cause: io::Error| ImportError::Read { cause: cause.to_string(), path: self.path.clone() };
        let read = self.bytes.by_ref().take(count as u64).read_to_end(text).map_err(failed)?;
        if !self.begun {
            self.begun = true;
            self.begin(text)?;
        }
        if self.single_byte {
            let decoded: String = text.drain(before..).map(character).collect();
            text.extend_from_slice(decoded.as_bytes());
        }
        Ok(read)
    }

    /// Looks at the first bytes: a byte order mark, and the encoding that the XML declaration says.
    fn begin(&mut self, text: &mut Vec<u8>) -> Result<(), ImportError> {
        if text.starts_with(&[0xEF, 0xBB, 0xBF]) {
            text.drain(..3);
        }
        let refused = |encoding: &str| ImportError::Invalid {
            expected: "CityGML",
            cause: format!("it is encoded in {encoding}; UTF-8, ISO-8859-1 and windows-1252 are read"),
            path: self.path.clone(),
        };
        if text.starts_with(&[0xFE, 0xFF]) || text.starts_with(&[0xFF, 0xFE]) {
            return Err(refused("UTF-16"));
        }
        let head = text.get(..200.min(text.len())).unwrap_or_default();
        let head = String::from_utf8_lossy(head.split(|byte| *byte == b'>').next().unwrap_or_default()).into_owned();
        let said = head.split_once("encoding").filter(|_| head.starts_with("<?xml"));
        let encoding = said.and_then(|(_, rest)| rest.split(['"', '\'']).nth(1)).unwrap_or("UTF-8");
        match encoding.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Ok(()),
            "iso-8859-1" | "latin1" | "windows-1252" | "cp1252" => {
                self.single_byte = true;
                Ok(())
            }
            _ => Err(refused(encoding)),
        }
    }
}

fn character(byte: u8) -> char {
    let code = match byte {
        0x80..=0x9F => WINDOWS_1252.get(usize::from(byte - 0x80)).map_or(0, |code| u32::from(*code)),
        _ => u32::from(byte),
    };
    char::from_u32(code).filter(|c| *c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A file as a reader of its parts.
struct Parts<'f> {
    files: &'f dyn SourceFiles,
    name: &'f str,
    at: u64,
    part: Vec<u8>,
    used: usize,
}

impl Read for Parts<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.used == self.part.len() {
            let range = self.at..self.at + PART_BYTES;
            self.part = self.files.read_range(self.name, range).map_err(|error| io::Error::other(cause(error)))?;
            (self.used, self.at) = (0, self.at + self.part.len() as u64);
        }
        let mut rest = self.part.get(self.used..).unwrap_or_default();
        let count = rest.read(target)?;
        self.used += count;
        Ok(count)
    }
}

/// What failed, without the path that the outer error says again.
fn cause(error: ImportError) -> String {
    match error {
        ImportError::Read { cause, .. } => cause,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::import::MemoryFiles;

    fn read(name: &str, bytes: Vec<u8>) -> Result<String, String> {
        let files = MemoryFiles::new(name, [(name.to_owned(), bytes)]);
        let mut text = Vec::new();
        let mut stream = Stream::open(&files, name);
        while stream.read(7, &mut text).map_err(|error| error.to_string())? > 0 {}
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn packed_marked_and_old_files_are_utf8() {
        assert_eq!(read("a.gml", b"\xEF\xBB\xBF<a>\xC3\xA9</a>".to_vec()).unwrap(), "<a>\u{e9}</a>");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"<a>packed</a>").unwrap();
        assert_eq!(read("a.gml.gz", packed.finish().unwrap()).unwrap(), "<a>packed</a>");
        assert!(read("a.gml.gz", b"no gzip".to_vec()).unwrap_err().starts_with("cannot read"));
    }

    #[test]
    fn encodings_are_told_apart() {
        let files = MemoryFiles::new(
            "a.gml",
            [("a.gml".to_owned(), {
                let mut bytes = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>".to_vec();
                bytes.extend([0xE9, 0x80, b'<', b'/', b'a', b'>']);
                bytes
            })],
        );
        let mut text = Vec::new();
        let mut stream = Stream::open(&files, "a.gml");
        while stream.read(1000, &mut text).unwrap() > 0 {}
        assert!(String::from_utf8(text).unwrap().ends_with("<a>\u{e9}\u{20ac}</a>"));
        let mut stream = Stream::open(&files, "a.gml");
        assert!(stream.read(10, &mut Vec::new()).is_ok());
        let error = read("b.gml", b"\xFF\xFE<\0a\0>\0".to_vec()).unwrap_err();
        assert!(error.contains("UTF-16") && error.ends_with("b.gml"), "{error}");
        let files = MemoryFiles::new("c.gml", [("c.gml".to_owned(), b"<?xml encoding=\"Shift_JIS\"?>".to_vec())]);
        let error = Stream::open(&files, "c.gml").read(100, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("Shift_JIS"), "{error}");
    }
}
