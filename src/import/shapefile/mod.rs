//! Shapefiles (ESRI white paper, July 1998): `.shp` with `.dbf`, `.shx`, `.prj` and `.cpg` beside it, one or a folder of them.
//!
//! `index` says where records are, `shapes` decodes one, `dbf` reads the row of the same number in the encoding that `encoding`
//! finds out. A missing `.shx` is made up for by reading record after record, a missing `.dbf` costs the attributes; without a
//! `.prj` the CRS must be given.

mod dbf;
mod encoding;
mod index;
mod rings;
mod shapes;

use super::vector::{Feature, FeatureMaker, HandOver, Layer, MadeFeature, each_layer, unending};
use super::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceReport,
};
use crate::geodesy::CrsId;
use crate::geometry::parallel;
use dbf::{Row, Table};

/// What the first four bytes of a `.shp` and `.shx` are.
const FILE_CODE: [u8; 4] = [0, 0, 0x27, 0x0a];
/// The longest text beside it that is read: definitions and code pages are short.
const TEXT_BYTES: usize = 64 * 1024;

/// Reads shapefiles.
#[derive(Debug, Clone, Copy)]
pub struct ShapefileImporter;

impl Importer for ShapefileImporter {
    fn name(&self) -> &'static str {
        "shapefile"
    }

    fn title(&self) -> &'static str {
        "ESRI shapefiles"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.shp"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let mut any = false;
        for name in mine(files) {
            any = true;
            if files.head(name, 4).is_ok_and(|head| head == FILE_CODE) {
                return Confidence::Yes;
            }
        }
        if any { Confidence::Maybe } else { Confidence::No }
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let wanted = |name: &&String| {
            let name = unending(name);
            options.layers.is_empty()
                || options.layers.iter().any(|layer| name == layer || name.ends_with(&format!("/{layer}")))
        };
        let names: Vec<&String> = mine(files).filter(wanted).collect();
        if names.is_empty() {
            let what = "there is no shapefile of that name among the layers".to_owned();
            return Err(ImportError::Option { what, path: files.path().to_owned() });
        }
        let mut hand = HandOver::default();
        let layers = names.iter().enumerate().map(|(number, name)| (number, name.as_str()));
        each_layer(layers, &mut report, |(number, name), report| {
            let reader = FileReader { files, name, among_others: names.len() > 1, options };
            report.files += 1;
            reader.read(&mut hand, sink, report, (number as u64, names.len() as u64))
        })?;
        Ok(report)
    }
}

fn mine(files: &dyn SourceFiles) -> impl Iterator<Item = &String> {
    files.names().iter().filter(|name| name.to_ascii_lowercase().ends_with(".shp"))
}

/// Reads one shapefile.
struct FileReader<'a> {
    files: &'a dyn SourceFiles,
    name: &'a str,
    among_others: bool,
    options: &'a ImportOptions,
}

impl FileReader<'_> {
    fn read(
        &self,
        hand: &mut HandOver,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
        (number, layers): (u64, u64),
    ) -> Result<(), ImportError> {
        let path = self.files.path_of(self.name);
        let head = self.files.head(self.name, 100)?;
        if head.len() < 100 || !head.starts_with(&FILE_CODE) {
            let cause = "its first 100 bytes are not a shapefile's header".to_owned();
            return Err(ImportError::Invalid { expected: "a shapefile", cause, path });
        }
        let (crs, stated_by) = self.crs(&path)?;
        // Writers that know no heights write a range of zero, whatever the type of the shapes.
        let raised = head.get(68..84).is_some_and(|range| range.iter().any(|byte| *byte != 0));
        let heights_above = if raised { HeightsAbove::of_crs(&crs) } else { HeightsAbove::Ground };
        let name = unending(self.name).to_owned();
        let layer = Layer { path, name, among_others: self.among_others, crs, stated_by, heights_above };
        let records = index::records(self.files, self.name, self.companion("shx").as_deref(), report)?;
        let table = self.table(&layer, records.len(), report);
        let maker = FeatureMaker::new(self.options, &layer);
        let mut done = 0;
        for chunk in records.chunks() {
            let shapes = chunk.read(self.files, self.name)?;
            let rows = match &table {
                Some(table) => table.rows(self.files, done..done + chunk.len())?,
                None => Vec::new(),
            };
            let mut rows = rows.into_iter();
            let both: Vec<_> = shapes
                .into_iter()
                .enumerate()
                .map(|(at, shape)| (done + at, shape, rows.next().unwrap_or_default()))
                .collect();
            let made = parallel::map(both, |(record, shape, row)| make(&maker, record, shape, row));
            hand.take(made, &layer, self.options, sink, report)?;
            done += chunk.len();
            sink.progress(number * 1000 + 1000 * done as u64 / records.len().max(1) as u64, layers * 1000)?;
        }
        Ok(())
    }

    /// The file of the same name with another ending, in whatever letters.
    fn companion(&self, ending: &str) -> Option<String> {
        let base = self.name.get(..self.name.len().checked_sub(3)?)?;
        let wanted = format!("{base}{ending}").to_lowercase();
        let listed = self.files.names().iter().find(|name| name.to_lowercase() == wanted).cloned();
        // A shapefile named alone stands alone in the list, and yet among its companions.
        listed.or_else(|| {
            let spellings = [ending.to_owned(), ending.to_uppercase()].map(|ending| format!("{base}{ending}"));
            spellings.into_iter().find(|name| self.files.size(name).is_ok())
        })
    }

    fn text(&self, ending: &str) -> Option<String> {
        let bytes = self.files.head(&self.companion(ending)?, TEXT_BYTES).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The CRS, and how it is known.
    fn crs(&self, path: &str) -> Result<(CrsId, String), ImportError> {
        let read = self.text("prj").map(|text| CrsId::from_wkt(&text));
        let hint = match &read {
            None => format!(" ({}.prj is missing)", unending(self.name)),
            Some(Err(error)) => format!(" ({error})"),
            Some(Ok(_)) => String::new(),
        };
        let stated = read.and_then(Result::ok).map(|crs| (crs, "its .prj"));
        let settled = self.options.settle_crs(stated, path)?;
        settled.ok_or_else(|| ImportError::NoCrs { hint, path: path.to_owned() })
    }

    fn table(&self, layer: &Layer, records: usize, report: &mut SourceReport) -> Option<Table> {
        let place = Place::file(layer.path.clone());
        let Some(name) = self.companion("dbf") else {
            report.warn("no-dbf", "there is no .dbf beside it: its features have no attributes", place);
            return None;
        };
        match Table::open(self.files, &name, self.text("cpg").as_deref()) {
            Ok((table, doubts)) => {
                doubts.into_iter().for_each(|doubt| report.warn("encoding-doubtful", doubt, place.clone()));
                if table.row_count() != records {
                    let message = format!("the .dbf has {} rows for {records} shapes", table.row_count());
                    report.warn("rows-differ", message, place);
                }
                Some(table)
            }
            Err(cause) => {
                report.warn("dbf-unreadable", format!("{cause}: its features have no attributes"), place);
                None
            }
        }
    }
}

fn make(maker: &FeatureMaker<'_>, record: usize, shape: Result<Vec<u8>, String>, row: Row) -> MadeFeature {
    let at = format!("record {}", record + 1);
    if row.deleted {
        return maker.unreadable("record-deleted", "its row in the .dbf is marked as deleted".to_owned(), &at);
    }
    match shape.and_then(|bytes| shapes::shape(&bytes)) {
        Ok(geometry) => maker.make(Feature { attributes: row.attributes, geometry, ..Feature::default() }, &at),
        Err(cause) => maker.unreadable("geometry-unreadable", cause, &at),
    }
}

#[cfg(test)]
mod tests;
