//! FlatGeobuf, version 3: a header, an optional spatial index, and features one after another.
//!
//! The header tells columns and CRS (`schema`, on `flatbuffer`); the index is gone over; features are read in batches of some
//! thousand and decoded in parallel.

mod flatbuffer;
mod schema;

use std::io::{BufReader, ErrorKind, Read};

use super::vector::{FEATURES_AT_ONCE, FeatureMaker, HandOver, Layer, MadeFeature, SourceReader, each_layer, unending};
use super::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceReport,
};
use crate::geodesy::CrsId;
use crate::geometry::parallel;
use schema::Header;

/// How a file begins: `fgb`, the version, `fgb`, a patch level.
const MAGIC: &[u8] = b"fgb\x03fgb";
/// A header holds columns and a definition of the CRS; more is no header.
const LONGEST_HEADER: u32 = 16 << 20;
/// Bytes of features that are decoded at one time, unless one has more.
const BYTES_AT_ONCE: usize = 32 << 20;

/// Reads FlatGeobuf.
#[derive(Debug, Clone, Copy)]
pub struct FlatGeobufImporter;

impl Importer for FlatGeobufImporter {
    fn name(&self) -> &'static str {
        "flatgeobuf"
    }

    fn title(&self) -> &'static str {
        "FlatGeobuf"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.fgb"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let speaks = |name: &&String| files.head(name, 8).is_ok_and(|head| head.starts_with(MAGIC));
        match (mine(files).any(|name| speaks(&name)), mine(files).next()) {
            (true, _) => Confidence::Yes,
            (false, Some(_)) => Confidence::Maybe,
            (false, None) => Confidence::No,
        }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let names: Vec<&String> = mine(files).collect();
        let mut hand = HandOver::default();
        each_layer(names.iter().enumerate(), &mut report, |(number, name), report| {
            let reader = FileReader { files, name, among_others: names.len() > 1, options };
            report.files += 1;
            reader.read(&mut hand, sink, report, (number as u64, names.len() as u64))
        })?;
        Ok(report)
    }
}

/// Files by their ending; one named alone by its first bytes too.
fn mine(files: &dyn SourceFiles) -> impl Iterator<Item = &String> {
    let alone = files.names().len() == 1;
    let speaks = move |name: &String| alone && files.head(name, 8).is_ok_and(|head| head.starts_with(MAGIC));
    files.names().iter().filter(move |name| name.to_ascii_lowercase().ends_with(".fgb") || speaks(name))
}

/// Reads one file.
struct FileReader<'a> {
    files: &'a dyn SourceFiles,
    name: &'a str,
    among_others: bool,
    options: &'a ImportOptions,
}

impl FileReader<'_> {
    fn invalid(&self, cause: &str) -> ImportError {
        let (cause, path) = (cause.to_owned(), self.files.path_of(self.name));
        ImportError::Invalid { expected: "FlatGeobuf", cause, path }
    }

    fn read(
        &self,
        hand: &mut HandOver,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
        (number, files): (u64, u64),
    ) -> Result<(), ImportError> {
        let path = self.files.path_of(self.name);
        let (header, start) = self.header()?;
        let (crs, stated_by) = self.crs(&header, &path)?;
        let heights_above = HeightsAbove::of_crs(&crs);
        let name = unending(self.name).to_owned();
        let layer = Layer { path, name, among_others: self.among_others, crs, stated_by, heights_above };
        let maker = FeatureMaker::new(self.options, &layer);
        let size = self.files.size(self.name)?;
        let mut stream = BufReader::new(SourceReader::new(self.files, self.name)?);
        stream.seek_relative(start as i64).map_err(|error| self.unread(&error))?;
        let (mut at, mut done) = (start, 0_u64);
        loop {
            let (batch, whole) = self.batch(&mut stream, &mut at, size)?;
            let count = batch.len() as u64;
            let numbered: Vec<(u64, Vec<u8>)> = (done..).zip(batch).collect();
            let made = parallel::map(numbered, |(number, bytes)| make(&maker, &header, number, &bytes));
            hand.take(made, &layer, self.options, sink, report)?;
            done += count;
            sink.progress(number * 1000 + 1000 * at / size.max(1), files * 1000)?;
            if !whole || (count == 0 && header.features > done) {
                let message = format!("after feature {done} the file holds no whole feature");
                report.skip("file-cut", message, Place::file(layer.path.clone()));
                return Ok(());
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    fn unread(&self, error: &std::io::Error) -> ImportError {
        ImportError::Read { cause: error.to_string(), path: self.files.path_of(self.name) }
    }

    /// The header, and where features begin.
    fn header(&self) -> Result<(Header, u64), ImportError> {
        let head = self.files.head(self.name, 12)?;
        if let [b'f', b'g', b'b', version, b'f', b'g', b'b', ..] = head.as_slice()
            && *version != 3
        {
            return Err(self.invalid(&format!("its version is {version}; 3 is read")));
        }
        let [.., a, b, c, d] = head.as_slice() else { return Err(self.invalid("it has no header")) };
        let length = u32::from_le_bytes([*a, *b, *c, *d]);
        if head.len() < 12 || !head.starts_with(MAGIC) || length > LONGEST_HEADER {
            return Err(self.invalid("it has no header"));
        }
        let bytes = self.files.read_range(self.name, 12..12 + u64::from(length))?;
        let header = Header::read(&bytes).filter(|_| bytes.len() == length as usize);
        let header = header.ok_or_else(|| self.invalid("its header is damaged"))?;
        let start = (12 + u64::from(length)).checked_add(header.index_bytes);
        let start = start.filter(|start| self.files.size(self.name).is_ok_and(|size| *start <= size));
        let start = start.ok_or_else(|| self.invalid("its index is larger than the file"))?;
        Ok((header, start))
    }

    fn crs(&self, header: &Header, path: &str) -> Result<(CrsId, String), ImportError> {
        let (stated, hint) = match &header.crs {
            Some(Ok(crs)) => (Some((crs.clone(), "its header")), String::new()),
            Some(Err(error)) => (None, format!(" ({error})")),
            None => (None, String::new()),
        };
        let settled = self.options.settle_crs(stated, path)?;
        settled.ok_or_else(|| ImportError::NoCrs { hint, path: path.to_owned() })
    }

    /// The next features; whether the last of them is whole.
    fn batch(&self, stream: &mut impl Read, at: &mut u64, size: u64) -> Result<(Vec<Vec<u8>>, bool), ImportError> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < FEATURES_AT_ONCE && bytes < BYTES_AT_ONCE && *at < size {
            let mut head = [0; 4];
            match stream.read_exact(&mut head) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok((batch, false)),
                other => other.map_err(|error| self.unread(&error))?,
            }
            let length = u64::from(u32::from_le_bytes(head));
            if length < 4 || at.saturating_add(4 + length) > size {
                return Ok((batch, false));
            }
            let mut feature = vec![0; length as usize];
            stream.read_exact(&mut feature).map_err(|error| self.unread(&error))?;
            bytes += feature.len();
            batch.push(feature);
            *at += 4 + length;
        }
        Ok((batch, true))
    }
}

fn make(maker: &FeatureMaker<'_>, header: &Header, number: u64, bytes: &[u8]) -> MadeFeature {
    let at = format!("feature {number}");
    match header.feature(bytes) {
        Ok(feature) => maker.make(feature, &at),
        Err(cause) => maker.unreadable("feature-unreadable", cause, &at),
    }
}
