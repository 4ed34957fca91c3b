//! The object table: a column a file, read when first asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use glam::{DVec2, DVec3};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::column::{Column, Words};
use super::footprints::{self, FOOTPRINTS, Footprints, FootprintsBuilder};
use super::spatial_index::SpatialIndex;
use super::words::{self, WordIndex, WordIndexBuilder};
use super::{AttributeUse, Objects, PackageError, PackageSink, area};
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::{Bounds, parallel};
use crate::streaming::ByteSource;

const DIRECTORY: &str = "objects/directory";
const IDS: &str = "objects/ids";
const BOUNDS: &str = "objects/bounds";
const LEVELS: &str = "objects/levels";
const FINGERPRINTS: &str = "objects/fingerprints";
const CHILDREN: &str = "index/children";
const WORDS: &str = "index/words";
pub(super) const TREE: &str = "index/tree";

/// Columns that every object has, before the attributes.
pub(super) const CLASS: usize = 0;
pub(super) const NAME: usize = 1;
pub(super) const PARENT: usize = 2;
const OWN: [&str; 3] = ["class", "name", "parent"];

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Directory {
    rows: u32,
    columns: Vec<String>,
}

/// Memory for columns that are made at one time, and rows that are read at one time.
const COLUMN_BYTES: u64 = 256 << 20;
const ROWS_AT_ONCE: usize = 8192;

/// Writes the object table and the spatial index.
pub fn write_objects(objects: &Objects, sink: &mut dyn PackageSink) -> Result<(), PackageError> {
    write_with_footprints(objects, &|_, object| Ok(area::footprint(object)), sink)
}

/// The footprint of an object in a row.
pub(super) type FootprintOf<'a> = dyn Fn(usize, &CityObject) -> Result<Vec<Vec<DVec2>>, PackageError> + Sync + 'a;

/// As [`write_objects`], with the footprint of each row.
pub(super) fn write_with_footprints(
    objects: &Objects,
    footprint: &FootprintOf<'_>,
    sink: &mut dyn PackageSink,
) -> Result<(), PackageError> {
    let rows = objects.rows();
    let mut ids = Words::default();
    (0..rows).for_each(|row| ids.push(objects.id(row)));
    put(sink, IDS, &ids)?;
    drop(ids);
    write_columns(objects, sink)?;
    let bounds: Vec<Bounds> = (0..rows).map(|row| objects.bounds(row)).collect();
    put(sink, BOUNDS, &bounds.iter().map(|b| (b.min.to_array(), b.max.to_array())).collect::<Vec<_>>())?;
    put(sink, TREE, &SpatialIndex::over(&bounds))?;
    drop(bounds);
    put(sink, FINGERPRINTS, &(0..rows).map(|row| objects.fingerprint(row).to_le_bytes()).collect::<Vec<_>>())?;
    let mut words = WordIndexBuilder::default();
    let mut footprints = FootprintsBuilder::default();
    let (mut levels, mut children) = (Vec::with_capacity(rows), Vec::new());
    for first in (0..rows).step_by(ROWS_AT_ONCE) {
        let some = (first..rows.min(first + ROWS_AT_ONCE)).collect();
        let read = parallel::map(some, |row| {
            let object = objects.load(row)?;
            Ok((row, footprints::encode(footprint(row, &object)?)?, words::terms(&object), object.level, object.parent))
        });
        for found in read {
            let (row, rings, terms, level, parent) = found.map_err(|error: PackageError| error)?;
            footprints.push(&rings);
            words.add(row as u32, terms);
            levels.push(level);
            let parent = parent.and_then(|parent| objects.row(&parent)).filter(|up| *up != row);
            children.extend(parent.map(|up| (up as u32, row as u32)));
        }
    }
    children.sort_unstable();
    put(sink, LEVELS, &levels)?;
    put(sink, CHILDREN, &children)?;
    put(sink, WORDS, &words.finish())?;
    Ok(sink.write(FOOTPRINTS, &footprints.finish())?)
}

/// The columns by name, as many at a time as fit into memory.
fn write_columns(objects: &Objects, sink: &mut dyn PackageSink) -> Result<(), PackageError> {
    let rows = objects.rows();
    let uses: BTreeMap<&str, &AttributeUse> = objects.attributes().iter().map(|about| (&*about.name, about)).collect();
    let names = OWN.into_iter().chain(uses.keys().copied()).map(str::to_owned).collect();
    put(sink, DIRECTORY, &Directory { rows: rows as u32, columns: names })?;
    let own = OWN.iter().map(|name| (*name, (rows * 64) as u64));
    let of_sources = uses.iter().map(|(name, about)| (*name, about.column_bytes(rows)));
    let mut due: Vec<(&str, u64, bool)> = own.map(|(name, bytes)| (name, bytes, true)).collect();
    due.extend(of_sources.map(|(name, bytes)| (name, bytes, false)));
    let mut number = 0;
    while let Some(first) = due.get(number..).filter(|rest| !rest.is_empty()) {
        let mut left = COLUMN_BYTES;
        let fits = |(_, bytes, _): &&(&str, u64, bool)| {
            let fits = left >= *bytes;
            left = left.saturating_sub(*bytes);
            fits
        };
        let count = first.iter().take_while(fits).count().max(1);
        for (offset, column) in columns(objects, &first[..count])?.into_iter().enumerate() {
            put(sink, &column_name(number + offset), &Column::of(column))?;
        }
        number += count;
    }
    Ok(())
}

/// The values of some columns: class, name and parent, or attributes.
fn columns(objects: &Objects, wanted: &[(&str, u64, bool)]) -> Result<Vec<Vec<Value>>, PackageError> {
    let rows = objects.rows();
    let mut columns = vec![vec![Value::Null; rows]; wanted.len()];
    let place: BTreeMap<&str, usize> =
        wanted.iter().enumerate().filter(|(_, (.., own))| !own).map(|(place, (name, ..))| (*name, place)).collect();
    let own = wanted.iter().take_while(|(.., own)| *own).count();
    for first in (0..rows).step_by(ROWS_AT_ONCE) {
        let some = (first..rows.min(first + ROWS_AT_ONCE)).collect();
        for (row, head) in parallel::map(some, |row| (row, objects.load_head(row))) {
            let head = head?;
            let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
            let of_object =
                [("class", Value::Text(head.class)), ("name", text(head.name)), ("parent", text(head.parent))];
            for (name, value) in of_object {
                if let Some(column) = wanted.iter().take(own).position(|(wanted, ..)| *wanted == name) {
                    columns[column][row] = value;
                }
            }
            for (name, value) in head.attributes {
                if let Some(column) = place.get(&*name) {
                    columns[*column][row] = value;
                }
            }
        }
    }
    Ok(columns)
}

fn column_name(number: usize) -> String {
    format!("objects/column-{number}")
}

fn put(sink: &mut dyn PackageSink, name: &str, value: &impl Serialize) -> Result<(), PackageError> {
    let bytes = postcard::to_allocvec(value).map_err(|e| invalid(name, e.to_string()))?;
    Ok(sink.write(name, &bytes)?)
}

/// Lists grow as their elements come, so a false count costs no memory.
pub(super) fn get<T: DeserializeOwned>(source: &dyn ByteSource, name: &str) -> Result<T, PackageError> {
    postcard::from_bytes(&source.read(name, None)?).map_err(|e| invalid(name, e.to_string()))
}

pub(super) fn invalid(name: &str, cause: impl Into<String>) -> PackageError {
    PackageError::Invalid { cause: cause.into(), name: name.to_owned() }
}

/// The columns of a package, by row.
pub struct ObjectTable {
    source: Arc<dyn ByteSource>,
    directory: Directory,
    ids: Words,
    bounds: Vec<Bounds>,
    columns: Vec<OnceLock<Column>>,
    footprints: Footprints,
    levels: OnceLock<Vec<CimLevel>>,
    fingerprints: OnceLock<Vec<[u8; 8]>>,
    children: OnceLock<Vec<(u32, u32)>>,
    words: OnceLock<WordIndex>,
}

impl ObjectTable {
    /// Reads ids and bounds; everything else waits until it is asked for.
    pub fn open(source: Arc<dyn ByteSource>) -> Result<Self, PackageError> {
        let directory: Directory = get(&*source, DIRECTORY)?;
        let ids: Words = get(&*source, IDS)?;
        let boxes: Vec<([f64; 3], [f64; 3])> = get(&*source, BOUNDS)?;
        let rows = directory.rows as usize;
        if ids.len() != rows || boxes.len() != rows || directory.columns.len() < OWN.len() {
            return Err(invalid(DIRECTORY, "columns of different lengths"));
        }
        let bounds = boxes.into_iter().map(|(min, max)| Bounds { min: DVec3::from(min), max: DVec3::from(max) });
        let bounds = bounds.collect();
        let columns = directory.columns.iter().map(|_| OnceLock::new()).collect();
        Ok(Self {
            footprints: Footprints::new(Arc::clone(&source), directory.rows),
            source,
            directory,
            ids,
            bounds,
            columns,
            levels: OnceLock::new(),
            fingerprints: OnceLock::new(),
            children: OnceLock::new(),
            words: OnceLock::new(),
        })
    }

    /// Number of objects.
    pub fn rows(&self) -> u32 {
        self.directory.rows
    }

    /// The id of the object in `row`; empty where there is no such row.
    pub fn id(&self, row: u32) -> &str {
        self.ids.get(row as usize)
    }

    /// The row of the object called `id`, by binary search.
    pub fn row(&self, id: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.rows());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.id(middle) < id { low = middle + 1 } else { high = middle }
        }
        (low < self.rows() && self.id(low) == id).then_some(low)
    }

    /// Boxes by row, site frame; empty for objects that are nowhere.
    pub fn bounds(&self) -> &[Bounds] {
        &self.bounds
    }

    /// Names of `class`, `name`, `parent` and, after them, of all attributes.
    pub fn columns(&self) -> &[String] {
        &self.directory.columns
    }

    /// Column `number` of [`Self::columns`]; read once.
    pub(super) fn column(&self, number: usize) -> Result<&Column, PackageError> {
        let name = column_name(number);
        let cell = self.columns.get(number).ok_or_else(|| invalid(&name, "no such column"))?;
        if let Some(column) = cell.get() {
            return Ok(column);
        }
        let column: Column = get(&*self.source, &name)?;
        if column.len() != self.rows() as usize {
            return Err(invalid(&name, "not as long as the table"));
        }
        Ok(cell.get_or_init(|| column))
    }

    /// The value of column `number` of the object in `row`.
    pub fn value(&self, row: u32, number: usize) -> Result<Value, PackageError> {
        Ok(self.column(number)?.get(row as usize))
    }

    /// Class of the object in `row`; empty where there is no such row.
    pub fn class(&self, row: u32) -> Result<&str, PackageError> {
        Ok(self.column(CLASS)?.text(row as usize).unwrap_or_default())
    }

    /// Id of what the object in `row` is part of.
    pub fn parent(&self, row: u32) -> Result<Option<&str>, PackageError> {
        Ok(self.column(PARENT)?.text(row as usize))
    }

    fn read_once<'t, T: DeserializeOwned>(&self, cell: &'t OnceLock<T>, name: &str) -> Result<&'t T, PackageError> {
        if let Some(value) = cell.get() {
            return Ok(value);
        }
        let value = get(&*self.source, name)?;
        Ok(cell.get_or_init(|| value))
    }

    /// The CIM level of the object in `row`; the default where there is no such row.
    pub fn level(&self, row: u32) -> Result<CimLevel, PackageError> {
        Ok(self.read_once(&self.levels, LEVELS)?.get(row as usize).copied().unwrap_or_default())
    }

    /// A hash of the geometry of the object in `row`, see [`CityObject::geometry`]; 0 where there is none.
    pub fn fingerprint(&self, row: u32) -> Result<u64, PackageError> {
        let all = self.read_once(&self.fingerprints, FINGERPRINTS)?;
        Ok(all.get(row as usize).map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    /// Rows of the objects that are part of the one in `row`, rising.
    pub fn children(&self, row: u32) -> Result<Vec<u32>, PackageError> {
        let pairs = self.read_once(&self.children, CHILDREN)?;
        let start = pairs.partition_point(|(parent, _)| *parent < row);
        let own = pairs.iter().skip(start).take_while(|(parent, _)| *parent == row);
        Ok(own.map(|(_, child)| *child).filter(|child| *child < self.rows()).collect())
    }

    /// Rows that have all words of `question` in id, class, name or text attributes, rising.
    pub(super) fn with_words(&self, question: &str) -> Result<Vec<u32>, PackageError> {
        self.read_once(&self.words, WORDS)?.rows(question, |row| {
            let mut texts = vec![self.id(row).to_owned()];
            for number in (0..self.columns().len()).filter(|number| *number != PARENT) {
                texts.extend(self.value(row, number)?.text().map(str::to_owned));
            }
            Ok(texts)
        })
    }

    /// Rings of the footprint, holes among them, site frame to 1 cm; none where it is not known. It is read by offset.
    pub fn footprint(&self, row: u32) -> Result<Vec<Vec<DVec2>>, PackageError> {
        self.footprints.rings(row)
    }

    /// Keeps all footprints in memory, as they are in the file, before many are asked for.
    pub(super) fn keep_footprints(&self) -> Result<(), PackageError> {
        self.footprints.keep_all()
    }
}
