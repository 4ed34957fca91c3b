//! GeoParquet 1.0 and 1.1, and Parquet with geometry types of its own: geometries as well-known binary or as lists of
//! coordinates, attributes in typed columns.
//!
//! `footer` (in `thrift`) tells columns and row groups, `plan` what each column is for. [`column::ColumnReader`] reads pages as
//! rows are asked for (`encodings`), so that a file of any size takes the memory of a page a column and of some thousand
//! rows. Columns inside groups get dotted names (`names.primary`); lists become one text, as in JSON.
//!
//! Parquet is decoded here and not by a library, because those that there are end the program, or take what memory a header
//! claims, on damaged files.

mod column;
mod encodings;
mod footer;
mod plan;
mod thrift;
mod values;

use std::sync::Arc;

use glam::DVec3;

use super::vector::{FEATURES_AT_ONCE, Feature, FeatureMaker, HandOver, Layer, MadeFeature, each_layer, unending, wkb};
use super::{
    Confidence, HeightsAbove, ImportError, ImportOptions, Importer, ObjectSink, Place, SourceFiles, SourceReport,
};
use crate::city::Value;
use crate::geodesy::CrsId;
use crate::geometry::parallel;
use column::{ColumnReader, Datum};
use footer::{Footer, Leaf, RowGroup};
use plan::{Plan, Role};

/// Bytes of rows that are decoded at one time, guessed from their packed size.
const BYTES_AT_ONCE: u64 = 64 << 20;
/// How much larger rows are than their packed bytes.
const UNPACKED: u64 = 4;

/// Reads GeoParquet.
#[derive(Debug, Clone, Copy)]
pub struct GeoParquetImporter;

impl Importer for GeoParquetImporter {
    fn name(&self) -> &'static str {
        "geoparquet"
    }

    fn title(&self) -> &'static str {
        "GeoParquet"
    }

    fn patterns(&self) -> &'static [&'static str] {
        &["*.parquet", "*.geoparquet"]
    }

    fn probe(&self, files: &dyn SourceFiles) -> Confidence {
        let Some(name) = mine(files).next() else { return Confidence::No };
        let footer = footer::bytes(files, name).ok().and_then(Result::ok).unwrap_or_default();
        let has = |word: &[u8]| footer.windows(word.len()).any(|part| part == word);
        if has(b"primary_column") { Confidence::Yes } else { Confidence::Maybe }
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
    let speaks = move |name: &String| alone && files.head(name, 4).is_ok_and(|head| head == footer::MAGIC);
    let named = |name: &String| {
        let name = name.to_ascii_lowercase();
        [".parquet", ".geoparquet", ".gpq"].iter().any(|ending| name.ends_with(ending))
    };
    files.names().iter().filter(move |name| named(name) || speaks(name))
}

/// Reads one file.
struct FileReader<'a> {
    files: &'a dyn SourceFiles,
    name: &'a str,
    among_others: bool,
    options: &'a ImportOptions,
}

/// A row, before it is a feature.
#[derive(Debug, Clone, Default)]
struct Row {
    attributes: Vec<(Arc<str>, Value)>,
    binary: Option<Vec<u8>>,
    /// Numbers of each axis, with the levels at which they go on.
    coordinates: [Vec<(u16, f64)>; 3],
}

impl FileReader<'_> {
    fn read(
        &self,
        hand: &mut HandOver,
        sink: &mut dyn ObjectSink,
        report: &mut SourceReport,
        (number, files): (u64, u64),
    ) -> Result<(), ImportError> {
        let path = self.files.path_of(self.name);
        let invalid = |cause: String| ImportError::Invalid { expected: "GeoParquet", cause, path: path.clone() };
        let size = self.files.size(self.name)?;
        let bytes = footer::bytes(self.files, self.name)?.map_err(invalid)?;
        let footer = footer::parse(&bytes, size).map_err(invalid)?;
        let plan = plan::plan(&footer).map_err(invalid)?;
        let (crs, stated_by) = self.crs(&plan, &path)?;
        let heights_above = HeightsAbove::of_crs(&crs);
        let name = unending(self.name).to_owned();
        let layer = Layer { path: path.clone(), name, among_others: self.among_others, crs, stated_by, heights_above };
        let maker = FeatureMaker::new(self.options, &layer);
        let mut done = 0_u64;
        for (group_number, group) in footer.groups.iter().enumerate() {
            let mut columns = self.columns(&footer, &plan, group);
            let packed: u64 = group.chunks.iter().map(|chunk| chunk.bytes.end - chunk.bytes.start).sum();
            let fit = (BYTES_AT_ONCE as u128 * u128::from(group.rows) / u128::from(packed * UNPACKED).max(1)) as u64;
            let mut left = group.rows;
            while left > 0 {
                let count = left.min(fit.clamp(1, FEATURES_AT_ONCE as u64));
                let rows = match rows(&mut columns, count as usize, &path, report) {
                    Ok(rows) => rows,
                    Err(cause) => {
                        let message = format!("row group {group_number} after row {done}: {cause}");
                        report.skip("row-group-cut", message, Place::file(path.clone()));
                        break;
                    }
                };
                let numbered: Vec<(u64, Row)> = (done..).zip(rows).collect();
                let made = parallel::map(numbered, |(number, row)| make(&maker, &plan, number, row));
                hand.take(made, &layer, self.options, sink, report)?;
                (done, left) = (done + count, left - count);
                let total = footer.groups.iter().map(|group| group.rows).sum::<u64>().max(1);
                sink.progress(number * 1000 + 1000 * done / total, files * 1000)?;
            }
        }
        Ok(())
    }

    fn crs(&self, plan: &Plan, path: &str) -> Result<(CrsId, String), ImportError> {
        let (stated, hint) = match &plan.crs {
            Some(Ok(crs)) => (Some((crs.clone(), plan.stated_by)), String::new()),
            Some(Err(error)) => (None, format!(" ({error})")),
            None => (None, " (its 'geo' metadata says that it is not known)".to_owned()),
        };
        let settled = self.options.settle_crs(stated, path)?;
        settled.ok_or_else(|| ImportError::NoCrs { hint, path: path.to_owned() })
    }

    fn columns<'f>(&'f self, footer: &'f Footer, plan: &'f Plan, group: &RowGroup) -> Vec<Column<'f>> {
        let all = footer.leaves.iter().zip(&plan.roles).zip(&group.chunks);
        all.filter(|((_, role), _)| **role != Role::None)
            .map(|((leaf, role), chunk)| Column {
                leaf,
                role,
                reader: ColumnReader::new(self.files, self.name, leaf, chunk),
            })
            .collect()
    }
}

struct Column<'a> {
    leaf: &'a Leaf,
    role: &'a Role,
    reader: ColumnReader<'a>,
}

/// The next rows of all columns. A damaged column of attributes is told and left out from then on; one of the geometry is an
/// error.
fn rows(
    columns: &mut Vec<Column<'_>>,
    count: usize,
    path: &str,
    report: &mut SourceReport,
) -> Result<Vec<Row>, String> {
    let mut rows = vec![Row::default(); count];
    let mut failed = None;
    columns.retain_mut(|column| {
        let (leaf, name) = (column.leaf, column.leaf.path.join("."));
        let done = match column.role {
            Role::Attribute(name) if leaf.repetition == 0 => column.reader.rows(count, &mut |row, entry| {
                let value = entry.value.map_or(Value::Null, |datum| values::value(leaf, datum));
                if let (Some(row), false) = (rows.get_mut(row), value.is_null()) {
                    row.attributes.push((Arc::clone(name), value));
                }
            }),
            Role::Attribute(name) => lists(column, name, &mut rows),
            Role::Binary => column.reader.rows(count, &mut |row, entry| {
                if let (Some(row), Some(Datum::Bytes(bytes))) = (rows.get_mut(row), entry.value) {
                    row.binary = Some(bytes.to_vec());
                }
            }),
            Role::Coordinate(axis) => column.reader.rows(count, &mut |row, entry| {
                if let (Some(row), Some(Datum::Float(number))) = (rows.get_mut(row), entry.value) {
                    row.coordinates[*axis].push((entry.repetition, number));
                }
            }),
            Role::None => Ok(()),
        };
        match (done, column.role) {
            (Ok(()), _) => true,
            (Err(cause), Role::Attribute(_)) => {
                report.skip("column-unreadable", format!("column {name}: {cause}"), Place::file(path));
                false
            }
            (Err(cause), _) => {
                failed.get_or_insert(format!("column {name}: {cause}"));
                true
            }
        }
    });
    failed.map_or(Ok(rows), Err)
}

/// Lists as texts: `["a",null]`; nothing where there is no element, or none that is there.
fn lists(column: &mut Column<'_>, name: &Arc<str>, rows: &mut [Row]) -> Result<(), String> {
    let leaf = column.leaf;
    let mut found: Vec<Vec<serde_json::Value>> = vec![Vec::new(); rows.len()];
    let done = column.reader.rows(rows.len(), &mut |row, entry| {
        if let (Some(list), true) = (found.get_mut(row), entry.definition >= leaf.element) {
            let value = entry.value.map_or(Value::Null, |datum| values::value(leaf, datum));
            list.push((&value).into());
        }
    });
    for (row, list) in rows.iter_mut().zip(found) {
        if list.iter().any(|element| !element.is_null()) {
            row.attributes.push((Arc::clone(name), Value::Text(serde_json::Value::Array(list).to_string())));
        }
    }
    done
}

fn make(maker: &FeatureMaker<'_>, plan: &Plan, number: u64, row: Row) -> MadeFeature {
    let at = format!("row {number}");
    let geometry = match (&row.binary, row.coordinates) {
        (Some(bytes), _) => wkb::geometry(bytes),
        (None, [x, y, z]) => {
            let height = |place: usize| z.get(place).map_or(f64::NAN, |(_, number)| *number);
            let joined = x.iter().zip(&y).enumerate();
            let points = joined.map(|(place, ((level, x), (_, y)))| (*level, DVec3::new(*x, *y, height(place))));
            Ok(plan.encoding.geometry(points.collect()))
        }
    };
    match geometry {
        Ok(geometry) => maker.make(Feature { attributes: row.attributes, geometry, ..Feature::default() }, &at),
        Err(cause) => maker.unreadable("geometry-unreadable", cause, &at),
    }
}
