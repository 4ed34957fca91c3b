//! GeoPackage (OGC 12-128r19): the feature tables of an SQLite database.
//!
//! `layers` lists them with their CRS as the file's own definitions have it; their rows are streamed, geometries decoded in
//! parallel ([`wkb`] after the header of [`body`]). Tiles, rasters and tables without geometry are not features and not read.

mod layers;

use std::sync::Arc;

use super::attributes::ID_NAMES;
use super::database::{Cell, Database, quoted};
use super::vector::{FEATURES_AT_ONCE, Feature, FeatureMaker, HandOver, Layer, MadeFeature, each_layer, wkb};
use super::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceReport,
};
use crate::city::Value;
use crate::geometry::parallel;
use layers::Table;

/// How every SQLite file begins.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// Application identifiers of GeoPackage 1.0, 1.1, and 1.2 and later, at byte 68.
const APPLICATIONS: [&[u8]; 3] = [b"GPKG", b"GP10", b"GP11"];
/// Bytes of geometries and texts that are decoded at one time.
const BYTES_AT_ONCE: usize = 32 << 20;

/// Reads GeoPackages.
#[derive(Debug, Clone, Copy)]
pub struct GeoPackageImporter;

impl Importer for GeoPackageImporter {
    fn name(&self) -> &'static str {
        "geopackage"
    }

    fn title(&self) -> &'static str {
        "GeoPackage"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.gpkg"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let mut found = Confidence::No;
        for name in files.names() {
            let named = is_named(name);
            if !(named || files.names().len() == 1) {
                continue;
            }
            let head = files.head(name, 72).unwrap_or_default();
            let marked = head.starts_with(SQLITE) && head.get(68..72).is_some_and(|id| APPLICATIONS.contains(&id));
            match (marked, named && head.starts_with(SQLITE)) {
                (true, _) => return Confidence::Yes,
                (false, true) => found = Confidence::Maybe,
                _ => {}
            }
        }
        found
    }

    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError> {
        let mut report = SourceReport::new(files.path(), self.name());
        let alone = files.names().len() == 1;
        let names: Vec<&String> = files.names().iter().filter(|name| alone || is_named(name)).collect();
        let mut tables = Vec::new();
        let mut open = Vec::new();
        for name in &names {
            let path = files.path_of(name);
            let database = files.database(name)?;
            tables.extend(layers::tables(&*database, &path, options)?.into_iter().map(|table| (open.len(), table)));
            open.push((database, path));
            report.files += 1;
        }
        let count = tables.len();
        let mut hand = HandOver::default();
        each_layer(tables.into_iter().enumerate(), &mut report, |(number, (file, table)), report| {
            let Some((database, path)) = open.get(file) else { return Ok(()) };
            let progress = (number as u64, count as u64);
            let reader = TableReader { database: &**database, table, options, progress };
            reader.read(path, &mut hand, sink, report)?;
            sink.progress(number as u64 + 1, count as u64)
        })?;
        Ok(report)
    }
}

fn is_named(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".gpkg") || name.ends_with(".gpkx")
}

/// Reads one table.
struct TableReader<'a> {
    database: &'a dyn Database,
    table: Table,
    options: &'a ImportOptions,
    /// Which layer of how many this is.
    progress: (u64, u64),
}

impl TableReader<'_> {
    fn read(
        &self,
        path: &str,
        hand: &mut HandOver,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
    ) -> Result<(), ImportError> {
        let path = format!("{path}, layer {}", self.table.name);
        let (done, layers) = self.progress;
        let (crs, stated_by) = self.table.crs(self.options, &path)?;
        let heights_above = HeightsAbove::of_crs(&crs);
        let name = self.table.name.clone();
        let layer = Layer { path, name, among_others: layers > 1, crs, stated_by, heights_above };
        let maker = FeatureMaker::new(self.options, &layer);
        let table = &self.table;
        let columns: Vec<String> = self.table.columns.iter().map(|column| quoted(&column.name)).collect();
        let sql = format!("SELECT {} FROM {}", columns.join(", "), quoted(&self.table.name));
        let (mut rows, mut bytes, mut number) = (Vec::new(), 0, 0_u64);
        let mut flush = |rows: &mut Vec<(u64, Vec<Cell>)>, report: &mut SourceReport| {
            let made = parallel::map(std::mem::take(rows), |(number, row)| make(&maker, table, number, row));
            hand.take(made, &layer, self.options, sink, report)?;
            sink.progress(done, layers)
        };
        let read = self.database.query(&sql, &[], &mut |row| {
            bytes += row.iter().map(size_of_cell).sum::<usize>();
            number += 1;
            rows.push((number, row));
            if rows.len() < FEATURES_AT_ONCE && bytes < BYTES_AT_ONCE {
                return Ok(());
            }
            bytes = 0;
            flush(&mut rows, report)
        });
        flush(&mut rows, report)?;
        match read {
            // Rows before the damage are not lost.
            Err(ImportError::Invalid { cause, path, .. }) if number > 0 => {
                report.skip("table-cut", format!("after row {number}: {cause}"), Place::file(path));
                Ok(())
            }
            other => other,
        }
    }
}

fn make(maker: &FeatureMaker<'_>, table: &Table, number: u64, row: Vec<Cell>) -> MadeFeature {
    let mut feature = Feature::default();
    let (mut at, mut shape) = (format!("row {number}"), Ok(None));
    let mut key = None;
    for (column, cell) in table.columns.iter().zip(row) {
        if column.is_geometry {
            shape = match cell {
                Cell::Blob(bytes) => body(&bytes).and_then(|wkb| wkb.map(wkb::geometry).transpose()),
                _ => Ok(None),
            };
            continue;
        }
        if let (true, Some(id)) = (column.is_key, cell.int()) {
            at = format!("row {id}");
            key = Some(Value::Int(id));
        }
        let value = value(cell, column.is_boolean);
        if !value.is_null() {
            feature.attributes.push((Arc::clone(&column.name), value));
        }
    }
    let called = |(name, _): &(Arc<str>, Value)| ID_NAMES.contains(&&**name);
    feature.id = key.filter(|_| !feature.attributes.iter().any(called));
    match shape {
        Ok(geometry) => {
            feature.geometry = geometry.unwrap_or_default();
            maker.make(feature, &at)
        }
        Err(cause) => maker.unreadable("geometry-unreadable", cause, &at),
    }
}

fn size_of_cell(cell: &Cell) -> usize {
    match cell {
        Cell::Text(text) => text.len(),
        Cell::Blob(bytes) => bytes.len(),
        _ => size_of::<Cell>(),
    }
}

fn value(cell: Cell, is_boolean: bool) -> Value {
    match cell {
        Cell::Int(number) if is_boolean => Value::Bool(number != 0),
        Cell::Int(number) => Value::Int(number),
        Cell::Real(number) => Value::from(number),
        Cell::Text(text) => Value::Text(text),
        // Bytes say nothing to anybody here.
        Cell::Null | Cell::Blob(_) => Value::Null,
    }
}

/// The well-known binary of a geometry blob (clause 2.1.3); nothing where the geometry is empty.
fn body(blob: &[u8]) -> Result<Option<&[u8]>, String> {
    let [b'G', b'P', _, flags, ..] = blob else {
        return Err("the geometry does not begin with GP".to_owned());
    };
    let envelope = match (flags >> 1) & 7 {
        0 => 0,
        1 => 32,
        2 | 3 => 48,
        4 => 64,
        other => return Err(format!("its envelope has the code {other}")),
    };
    let is_empty = flags & 0x10 != 0;
    let body = blob.get(8 + envelope..).ok_or("it ends within its header")?;
    Ok((!is_empty).then_some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_geometries() {
        let blob = |flags: u8, more: usize| [b"GP\0".as_slice(), &[flags], &[0; 4], &vec![7; more]].concat();
        assert_eq!(body(&blob(0b0001, 3)).unwrap(), Some(&[7_u8; 3][..]));
        assert_eq!(body(&blob(0b0011, 35)).unwrap(), Some(&[7_u8; 3][..]));
        assert_eq!(body(&blob(0b1001, 64)).unwrap(), Some(&[][..]));
        assert_eq!(body(&blob(0b1_0001, 0)).unwrap(), None);
        for bad in [&b"GX\0\0\0\0\0\0"[..], b"GP", b"", &blob(0b0011, 31), &blob(0b1010, 64)] {
            assert!(body(bad).is_err());
        }
    }
}
