//! The object table: a column a file, read when first asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use glam::{DVec2, DVec3};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::column::{Column, Words};
use super::footprints::{self, FOOTPRINTS, Footprints};
use super::spatial_index::SpatialIndex;
use super::words::WordIndex;
use super::{PackageError, PackageSink, area};
use crate::city::{CimLevel, CityObject, Value};
use crate::geometry::Bounds;
use crate::streaming::ByteSource;

const DIRECTORY: &str = "objects/directory";
const IDS: &str = "objects/ids";
const BOUNDS: &str = "objects/bounds";
const LEVELS: &str = "objects/levels";
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

/// Sorts objects by id: an object's row in the table is its place in this order, whatever order the source had.
pub fn sort_objects(objects: &mut [CityObject]) {
    objects.sort_by(|a, b| a.id.cmp(&b.id));
}

/// Writes the object table and the spatial index of objects sorted by [`sort_objects`].
pub fn write_objects(objects: &[CityObject], sink: &mut dyn PackageSink) -> Result<(), PackageError> {
    write_with_footprints(objects, objects.iter().map(area::footprint), sink)
}

/// As [`write_objects`], with the rings of each row.
pub(super) fn write_with_footprints(
    objects: &[CityObject],
    footprints: impl Iterator<Item = Vec<Vec<DVec2>>>,
    sink: &mut dyn PackageSink,
) -> Result<(), PackageError> {
    if let Some(pair) = objects.windows(2).find(|pair| pair[0].id >= pair[1].id) {
        return Err(PackageError::Order(pair[1].id.clone()));
    }
    let mut ids = Words::default();
    objects.iter().for_each(|o| ids.push(&o.id));
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    let mut columns = vec![
        objects.iter().map(|o| Value::from(o.class.as_str())).collect(),
        objects.iter().map(|o| text(o.name.as_deref())).collect(),
        objects.iter().map(|o| text(o.parent.as_deref())).collect(),
    ];
    let mut attributes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (row, object) in objects.iter().enumerate() {
        for (name, value) in &object.attributes {
            let column = attributes.entry(name).or_insert_with(|| vec![Value::Null; objects.len()]);
            column[row] = value.clone();
        }
    }
    let names = OWN.into_iter().chain(attributes.keys().copied()).map(str::to_owned).collect();
    columns.extend(attributes.into_values());
    put(sink, DIRECTORY, &Directory { rows: objects.len() as u32, columns: names })?;
    put(sink, IDS, &ids)?;
    for (number, values) in columns.into_iter().enumerate() {
        put(sink, &column_name(number), &Column::of(values))?;
    }
    let bounds: Vec<Bounds> = objects.iter().map(CityObject::bounds).collect();
    put(sink, BOUNDS, &bounds.iter().map(|b| (b.min.to_array(), b.max.to_array())).collect::<Vec<_>>())?;
    put(sink, LEVELS, &objects.iter().map(|o| o.level).collect::<Vec<_>>())?;
    put(sink, CHILDREN, &parents_and_children(objects))?;
    put(sink, WORDS, &WordIndex::over(objects))?;
    put(sink, TREE, &SpatialIndex::over(&bounds))?;
    Ok(sink.write(FOOTPRINTS, &footprints::encode(footprints)?)?)
}

/// Rows of parents that are in the table and of their children, sorted. Nothing is its own child.
fn parents_and_children(objects: &[CityObject]) -> Vec<(u32, u32)> {
    let row_of = |id: &str| objects.binary_search_by(|o| o.id.as_str().cmp(id)).ok().map(|row| row as u32);
    let child = |(row, object): (u32, &CityObject)| Some((row_of(object.parent.as_deref()?)?, row));
    let mut pairs: Vec<(u32, u32)> = (0..).zip(objects).filter_map(child).filter(|(up, row)| up != row).collect();
    pairs.sort_unstable();
    pairs
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
