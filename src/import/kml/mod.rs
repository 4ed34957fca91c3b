//! KML 2.2 and 2.3 (OGC 07-147r2, 12-007r2) and KMZ: placemarks, wherever in a document they are.
//!
//! The document is read twice as a stream: first to find out whether altitudes are above the sea or the ground, of which a
//! source has one; then placemark after placemark (`element` makes a tree of each, `placemark` a feature). Coordinates are
//! longitude and latitude on WGS 84. Overlays, network links and styles are not features.

mod element;
mod placemark;

use std::io::{BufRead, BufReader};

use quick_xml::Reader;
use quick_xml::events::Event;

use super::archive::{self, ArchiveFiles};
use super::vector::{FEATURES_AT_ONCE, FeatureMaker, HandOver, Layer, MadeFeature, SourceReader, each_layer, unending};
use super::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, Severity, SourceFiles,
    SourceReport,
};
use crate::geodesy::CrsId;
use crate::geometry::parallel;
use element::{Element, XmlError, local, words};
use placemark::Schemas;

/// Bytes that tell what a file is.
const HEAD_BYTES: usize = 4096;
/// Bytes of a document that are read at one time.
const BUFFER: usize = 256 * 1024;
/// Things beside placemarks that are told and left out.
const LEFT_OUT: &[&str] = &["NetworkLink", "GroundOverlay", "ScreenOverlay", "PhotoOverlay", "Tour"];
/// Folders in folders that are named.
const DEEPEST: usize = 1000;

/// Reads KML and KMZ.
#[derive(Debug, Clone, Copy)]
pub struct KmlImporter;

impl Importer for KmlImporter {
    fn name(&self) -> &'static str {
        "kml"
    }

    fn title(&self) -> &'static str {
        "KML and KMZ"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.kml", "*.kmz"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let Some(name) = mine(files).next() else { return Confidence::No };
        let head = files.head(name, HEAD_BYTES).unwrap_or_default();
        let speaks = String::from_utf8_lossy(&head).contains("<kml") || head.starts_with(archive::MAGIC);
        if speaks { Confidence::Yes } else { Confidence::Maybe }
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
            report.files += 1;
            let place = (number as u64, names.len() as u64);
            if files.head(name, archive::MAGIC.len())? == archive::MAGIC {
                let inner = ArchiveFiles::open(files, name)?;
                let root = root(&inner)?;
                FileReader { files: &inner, name: &root, place, options }.read(&mut hand, sink, report)?;
            } else {
                FileReader { files, name, place, options }.read(&mut hand, sink, report)?;
            }
            sink.progress(number as u64 + 1, names.len() as u64)
        })?;
        Ok(report)
    }
}

fn mine(files: &dyn SourceFiles) -> impl Iterator<Item = &String> {
    files.names().iter().filter(|name| {
        let name = name.to_ascii_lowercase();
        name.ends_with(".kml") || name.ends_with(".kmz")
    })
}

/// The document of a KMZ: `doc.kml`, else the first one that lies nearest its top (OGC 07-147r2, annex C).
fn root(files: &ArchiveFiles) -> Result<String, ImportError> {
    let documents = files.names().iter().filter(|name| name.to_ascii_lowercase().ends_with(".kml"));
    let found = documents.min_by_key(|name| (name.matches('/').count(), !name.eq_ignore_ascii_case("doc.kml")));
    let cause = "there is no .kml in the archive".to_owned();
    found.cloned().ok_or_else(|| ImportError::Invalid { expected: "KMZ", cause, path: files.path().to_owned() })
}

/// Reads one document.
struct FileReader<'a> {
    files: &'a dyn SourceFiles,
    name: &'a str,
    /// Which file of how many this is.
    place: (u64, u64),
    options: &'a ImportOptions,
}

/// One after another: a placemark with the path of its folder, one that is too large, or the end with what is wrong there.
enum Found {
    Placemark(Element, String),
    TooMuch,
    LeftOut(String),
    Schema(Element),
    End(Option<String>),
}

impl FileReader<'_> {
    fn read(
        &self,
        hand: &mut HandOver,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let path = self.files.path_of(self.name);
        let heights_above = self.heights()?;
        let own: Result<CrsId, _> = "OGC:CRS84".parse();
        let settled = self.options.settle_crs(own.ok().map(|crs| (crs, "KML 2.2")), &path)?;
        let no_crs = || ImportError::NoCrs { hint: String::new(), path: path.clone() };
        let (crs, stated_by) = settled.ok_or_else(no_crs)?;
        let name = unending(self.name).to_owned();
        let layer = Layer { path, name, among_others: self.place.1 > 1, crs, stated_by, heights_above };
        let maker = FeatureMaker::new(self.options, &layer);
        let mut document = Document::new(self.stream()?);
        let mut schemas = Schemas::new();
        let (mut batch, mut number, mut end) = (Vec::new(), 0_u64, None);
        while end.is_none() {
            match document.next() {
                Found::Placemark(element, folder) => {
                    batch.push((number, element, folder));
                    number += 1;
                }
                Found::Schema(element) => schemas.extend(placemark::schema(&element)),
                Found::TooMuch => {
                    let message = "a placemark with more elements or text than any has";
                    report.skip("placemark-too-large", message, maker.place(&format!("placemark {number}")));
                    number += 1;
                }
                Found::LeftOut(kind) => {
                    report.skip(
                        "not-a-placemark",
                        format!("a {kind} is not read"),
                        maker.place(&format!("after placemark {number}")),
                    );
                }
                Found::End(cause) => end = Some(cause),
            }
            if batch.len() >= FEATURES_AT_ONCE || end.is_some() {
                let read = parallel::map(std::mem::take(&mut batch), |(number, element, folder)| {
                    make(&maker, &schemas, &layer, (number, element, folder))
                });
                hand.take(read, &layer, self.options, sink, report)?;
                sink.progress(self.place.0, self.place.1)?;
            }
        }
        match end.flatten() {
            Some(cause) if number == 0 => Err(ImportError::Invalid { expected: "KML", cause, path: layer.path }),
            Some(cause) => {
                report.skip("file-cut", format!("after placemark {number}: {cause}"), Place::file(layer.path));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn stream(&self) -> Result<impl BufRead + use<>, ImportError> {
        Ok(BufReader::with_capacity(BUFFER, SourceReader::new(self.files, self.name)?))
    }

    /// What most of the altitudes are above.
    fn heights(&self) -> Result<HeightsAbove, ImportError> {
        let mut reader = Reader::from_reader(self.stream()?);
        let (mut buffer, mut within, mut sea, mut ground) = (Vec::new(), false, 0_u64, 0_u64);
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer);
            match &event {
                // What is wrong with the document, its reading will tell.
                Ok(Event::Eof) | Err(_) => break,
                Ok(Event::Start(start)) => within = start.local_name().as_ref() == b"altitudeMode",
                Ok(Event::End(_)) => within = false,
                Ok(event) if within => match words(event).as_deref().map(str::trim) {
                    Some("absolute") => sea += 1,
                    Some("relativeToGround") => ground += 1,
                    _ => {}
                },
                Ok(_) => {}
            }
        }
        Ok(if sea > ground { HeightsAbove::Geoid } else { HeightsAbove::Ground })
    }
}

fn make(
    maker: &FeatureMaker<'_>,
    schemas: &Schemas,
    layer: &Layer,
    (number, element, folder): (u64, Element, String),
) -> MadeFeature {
    let at = format!("placemark {number}");
    let read = placemark::placemark(&element, &folder, schemas, layer.heights_above);
    let mut made = MadeFeature::default();
    for (code, message) in read.doubts {
        made.note(Severity::Warning, code, message, maker.place(&at));
    }
    maker.make_into(read.feature, &at, &mut made);
    made
}

/// A document as a stream of what matters in it.
struct Document<R> {
    reader: Reader<R>,
    /// Names of the elements that are open; of folders and documents, what they are called.
    open: Vec<(String, Option<String>)>,
    buffer: Vec<u8>,
    any: bool,
}

impl<R: BufRead> Document<R> {
    fn new(stream: R) -> Self {
        let mut reader = Reader::from_reader(stream);
        reader.config_mut().allow_dangling_amp = true;
        Self { reader, open: Vec::new(), buffer: Vec::new(), any: false }
    }

    fn next(&mut self) -> Found {
        loop {
            self.buffer.clear();
            let start = match self.reader.read_event_into(&mut self.buffer) {
                Err(error) => return Found::End(Some(error.to_string())),
                Ok(Event::Eof) => {
                    let cut = !self.any || !self.open.is_empty();
                    return Found::End(cut.then(|| "it ends too early".to_owned()));
                }
                Ok(Event::Start(start)) => start.into_owned(),
                Ok(Event::End(_)) => {
                    self.open.pop();
                    continue;
                }
                Ok(_) => continue,
            };
            let name = local(&start);
            if self.open.is_empty() && name != "kml" {
                return Found::End(Some(format!("its root is <{name}>")));
            }
            if self.open.len() > DEEPEST {
                return Found::End(Some(format!("elements are nested deeper than {DEEPEST}")));
            }
            self.any = true;
            let in_folder = self.open.last().is_some_and(|(open, _)| ["Folder", "Document"].contains(&open.as_str()));
            let titled = name == "name" && in_folder;
            if !(titled || name == "Placemark" || name == "Schema" || LEFT_OUT.contains(&name.as_str())) {
                self.open.push((name, None));
                continue;
            }
            let element = match element::read(&mut self.reader, &start) {
                Ok(element) => element,
                Err(XmlError::TooMuch) => return Found::TooMuch,
                Err(XmlError::Damaged(cause)) => return Found::End(Some(cause)),
            };
            match name.as_str() {
                "Placemark" => return Found::Placemark(element, self.folder()),
                "Schema" => return Found::Schema(element),
                "name" => {
                    if let Some((_, title)) = self.open.last_mut() {
                        *title = Some(element.text.trim().to_owned());
                    }
                }
                _ => return Found::LeftOut(name),
            }
        }
    }

    /// The names of the folders that are open, from the outermost on; that of the document is that of the file.
    fn folder(&self) -> String {
        let folders = self.open.iter().filter(|(kind, _)| kind == "Folder");
        folders.filter_map(|(_, title)| title.as_deref()).collect::<Vec<_>>().join("/")
    }
}
