//! The objects of a city before they are a package: what a writer must know of all at once is held, about 200 bytes an object;
//! their shapes and attributes lie in a [`Scratch`] and are read again when their turn comes.
//!
//! ```text
//! importers -> ObjectsBuilder::add (encoded, appended) -> finish (sorted by id) -> Objects: bounds by row, load(row)
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{MemoryScratch, Scratch, SinkError};
use crate::city::{CimLevel, CityObject, LodShape, Value};
use crate::geometry::{Bounds, parallel};

/// Identifiers of repeated objects that are kept as examples; all are counted.
const EXAMPLES: usize = 100;

/// Takes objects in any order; what it has taken can be looked at and amended until all are there.
pub struct ObjectsBuilder {
    objects: Objects,
    known: HashMap<u128, u32>,
    numbers: HashMap<Arc<str>, u32>,
    classes: HashMap<String, u32>,
}

/// All objects of a city by row: in the order of their ids, each id once.
pub struct Objects {
    scratch: Box<dyn Scratch>,
    records: Vec<Record>,
    attributes: Vec<AttributeUse>,
    classes: Vec<(String, u64)>,
    levels: BTreeMap<CimLevel, u64>,
    /// Ids under which parts know an object that has another one.
    aliases: BTreeMap<String, String>,
    repeated: (u64, Vec<String>),
}

/// What is held of an object.
struct Record {
    id: Box<str>,
    source: u16,
    class: u32,
    level: CimLevel,
    bounds: Bounds,
    /// Its finest; below 0 where it has no shape.
    lod: f32,
    /// See [`CityObject::geometry`]; of its shapes where that is not known.
    fingerprint: u64,
    at: u64,
    /// 0 where it has been removed.
    length: u32,
}

/// An attribute and what its values are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeUse {
    /// Its name.
    pub name: Arc<str>,
    /// Values that are true or false, whole numbers, numbers, words.
    pub kinds: [u64; 4],
    /// Bytes of all its words.
    bytes: u64,
}

/// An object as it lies in the scratch, but its shapes, which follow.
#[derive(Serialize, Deserialize)]
struct Head {
    class: u32,
    name: Option<String>,
    parent: Option<String>,
    level: CimLevel,
    place: Option<Bounds>,
    attributes: Vec<(u32, Value)>,
}

impl ObjectsBuilder {
    /// Nothing yet.
    pub fn new(scratch: Box<dyn Scratch>) -> Self {
        let objects = Objects {
            scratch,
            records: Vec::new(),
            attributes: Vec::new(),
            classes: Vec::new(),
            levels: BTreeMap::new(),
            aliases: BTreeMap::new(),
            repeated: (0, Vec::new()),
        };
        Self { objects, known: HashMap::new(), numbers: HashMap::new(), classes: HashMap::new() }
    }

    /// Takes some more of a source. One whose id was there before in the same source is counted and left out; in another one it
    /// is the same object, and what that source knows of it is added, see [`CityObject::join`].
    pub fn add(&mut self, source: u16, objects: Vec<CityObject>) -> Result<(), SinkError> {
        let mut new = Vec::with_capacity(objects.len());
        for object in objects {
            let key = xxh3_128(object.id.as_bytes());
            match self.known.get(&key).map(|number| *number as usize) {
                None => {
                    self.known.insert(key, (self.count() + new.len()) as u32);
                    new.push(object);
                }
                Some(number) if self.objects.records.get(number).is_some_and(|record| record.source != source) => {
                    let mut both = self.load(number)?;
                    both.join(object);
                    self.replace(number, both)?;
                }
                Some(_) => {
                    let (count, examples) = &mut self.objects.repeated;
                    *count += 1;
                    if examples.len() < EXAMPLES {
                        examples.push(object.id);
                    }
                }
            }
        }
        for record in self.encode(source, new)? {
            self.objects.records.push(record);
        }
        Ok(())
    }

    /// Counts objects and keeps them in the scratch.
    fn encode(&mut self, source: u16, objects: Vec<CityObject>) -> Result<Vec<Record>, SinkError> {
        let heads: Vec<_> = objects.into_iter().map(|object| self.head(object)).collect();
        let encoded = parallel::map(heads, |(id, geometry, head, shapes)| {
            let place = head.place.unwrap_or(Bounds::EMPTY);
            let bounds = shapes.iter().fold(place, |all, lod| all.union(lod.shape.bounds()));
            let lod = shapes.iter().fold(-1.0, |finest: f32, lod| finest.max(lod.lod));
            let fingerprint = if geometry == 0 { fingerprint(&shapes) } else { geometry };
            let (class, level) = (head.class, head.level);
            let record = Record { id: id.into(), source, class, level, bounds, lod, fingerprint, at: 0, length: 0 };
            (record, postcard::to_allocvec(&(head, shapes)))
        });
        let mut records = Vec::with_capacity(encoded.len());
        for (mut record, bytes) in encoded {
            let name = record.id.to_string();
            let failed = |cause: String| SinkError { cause, name };
            let encoded = bytes.map_err(|error| error.to_string());
            let bytes = encoded.and_then(|bytes| {
                record.length = u32::try_from(bytes.len()).map_err(|_| "it has more than 4 GiB".to_owned())?;
                Ok(bytes)
            });
            let bytes = bytes.map_err(failed)?;
            record.at = self.objects.scratch.append(&bytes)?;
            records.push(record);
        }
        Ok(records)
    }

    /// How many have been taken; they are numbered in that order. Removed ones are among them.
    pub fn count(&self) -> usize {
        self.objects.records.len()
    }

    /// Whether an object is still there.
    pub fn is_there(&self, number: usize) -> bool {
        self.objects.records.get(number).is_some_and(|record| record.length > 0)
    }

    /// The source of an object.
    pub fn source(&self, number: usize) -> u16 {
        self.objects.records.get(number).map_or(0, |record| record.source)
    }

    /// The class of an object.
    pub fn class(&self, number: usize) -> &str {
        let class = self.objects.records.get(number).and_then(|record| self.objects.classes.get(record.class as usize));
        class.map_or("", |(class, _)| class)
    }

    /// The identifier of an object.
    pub fn id(&self, number: usize) -> &str {
        self.objects.id(number)
    }

    /// The box of an object, site frame; empty where it is nowhere.
    pub fn bounds(&self, number: usize) -> Bounds {
        self.objects.bounds(number)
    }

    /// The number of an identifier.
    pub fn number(&self, id: &str) -> Option<usize> {
        let number = *self.known.get(&xxh3_128(id.as_bytes()))? as usize;
        self.is_there(number).then_some(number)
    }

    /// An object.
    pub fn load(&self, number: usize) -> Result<CityObject, SinkError> {
        self.objects.load(number)
    }

    /// An object without its shapes.
    pub fn load_head(&self, number: usize) -> Result<CityObject, SinkError> {
        self.objects.load_head(number)
    }

    /// Takes an object away. Parts that call it their parent have `heir` as parent from now on, where there is one.
    pub fn remove(&mut self, number: usize, heir: Option<&str>) -> Result<(), SinkError> {
        self.forget(number)?;
        let id = self.objects.id(number).to_owned();
        if let Some(heir) = heir {
            self.objects.aliases.insert(id, heir.to_owned());
        }
        if let Some(record) = self.objects.records.get_mut(number) {
            record.length = 0;
        }
        Ok(())
    }

    /// Puts another object in the place of one of the same id.
    pub fn replace(&mut self, number: usize, object: CityObject) -> Result<(), SinkError> {
        self.forget(number)?;
        let source = self.source(number);
        let new = self.encode(source, vec![object])?.pop();
        if let (Some(record), Some(new)) = (self.objects.records.get_mut(number), new) {
            *record = new;
        }
        Ok(())
    }

    /// No longer counts an object.
    fn forget(&mut self, number: usize) -> Result<(), SinkError> {
        let (head, level) = (self.objects.head(number)?, self.objects.records.get(number).map(|record| record.level));
        if let Some((_, count)) = self.objects.classes.get_mut(head.class as usize) {
            *count -= 1;
        }
        if let Some(count) = level.and_then(|level| self.objects.levels.get_mut(&level)) {
            *count -= 1;
        }
        for (number, value) in &head.attributes {
            if let Some(about) = self.objects.attributes.get_mut(*number as usize) {
                about.count(value, false);
            }
        }
        Ok(())
    }

    /// All of them, by row.
    pub fn finish(mut self) -> Objects {
        self.objects.records.retain(|record| record.length > 0);
        self.objects.records.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        self.objects.levels.retain(|_, count| *count > 0);
        self.objects
    }

    fn head(&mut self, object: CityObject) -> (String, u64, Head, Vec<LodShape>) {
        *self.objects.levels.entry(object.level).or_default() += 1;
        let head = Head {
            class: self.class_number(&object.class),
            name: object.name,
            parent: object.parent,
            level: object.level,
            place: object.place,
            attributes: self.numbered(object.attributes),
        };
        (object.id, object.geometry, head, object.shapes)
    }

    fn class_number(&mut self, class: &str) -> u32 {
        let classes = &mut self.objects.classes;
        let number = *self.classes.entry(class.to_owned()).or_insert_with(|| {
            classes.push((class.to_owned(), 0));
            classes.len() as u32 - 1
        });
        if let Some((_, count)) = classes.get_mut(number as usize) {
            *count += 1;
        }
        number
    }

    /// Attributes by the numbers of their names; the first value where an object repeats a name.
    fn numbered(&mut self, values: Vec<(Arc<str>, Value)>) -> Vec<(u32, Value)> {
        let attributes = &mut self.objects.attributes;
        let mut kept: Vec<(u32, Value)> = Vec::with_capacity(values.len());
        for (name, value) in values {
            let number = *self.numbers.entry(name).or_insert_with_key(|name| {
                attributes.push(AttributeUse { name: Arc::clone(name), kinds: [0; 4], bytes: 0 });
                attributes.len() as u32 - 1
            });
            if kept.iter().all(|(known, _)| *known != number)
                && let Some(about) = attributes.get_mut(number as usize)
            {
                about.count(&value, true);
                kept.push((number, value));
            }
        }
        kept
    }
}

impl AttributeUse {
    /// Counts a value, or no longer counts it.
    fn count(&mut self, value: &Value, is_there: bool) {
        let (kind, bytes) = match value {
            Value::Null => return,
            Value::Bool(_) => (0, 0),
            Value::Int(_) => (1, 0),
            Value::Float(_) => (2, 0),
            Value::Text(words) => (3, words.len() as u64),
        };
        if is_there {
            self.kinds[kind] += 1;
            self.bytes += bytes;
        } else {
            self.kinds[kind] -= 1;
            self.bytes -= bytes;
        }
    }

    /// Objects that have a value of it.
    pub fn filled(&self) -> u64 {
        self.kinds.iter().sum()
    }

    /// How manifests call what its values are.
    pub fn kind(&self) -> &'static str {
        match self.kinds.map(|count| count > 0) {
            [true, false, false, false] => "bool",
            [false, true, false, false] => "int",
            [false, _, true, false] => "float",
            [false, false, false, true] => "text",
            _ => "mixed",
        }
    }

    /// Memory that all its values take while their column is made.
    pub(super) fn column_bytes(&self, rows: usize) -> u64 {
        self.bytes * 2 + (rows * size_of::<Value>()) as u64
    }
}

fn fingerprint(shapes: &[LodShape]) -> u64 {
    if shapes.is_empty() { 0 } else { postcard::to_allocvec(shapes).map_or(0, |bytes| xxh3_64(&bytes)) }
}

impl Objects {
    /// Objects that fit into memory.
    pub fn in_memory(objects: Vec<CityObject>) -> Result<Self, SinkError> {
        let mut builder = ObjectsBuilder::new(Box::new(MemoryScratch::default()));
        builder.add(0, objects)?;
        Ok(builder.finish())
    }

    /// How many.
    pub fn rows(&self) -> usize {
        self.records.len()
    }

    /// The identifier in a row.
    pub fn id(&self, row: usize) -> &str {
        self.records.get(row).map_or("", |record| &record.id)
    }

    /// The row of an identifier.
    pub fn row(&self, id: &str) -> Option<usize> {
        self.records.binary_search_by(|record| (*record.id).cmp(id)).ok()
    }

    /// The box of an object in the site frame; empty where it is nowhere.
    pub fn bounds(&self, row: usize) -> Bounds {
        self.records.get(row).map_or(Bounds::EMPTY, |record| record.bounds)
    }

    /// A hash of the geometry of an object: another one where the geometry is another.
    pub fn fingerprint(&self, row: usize) -> u64 {
        self.records.get(row).map_or(0, |record| record.fingerprint)
    }

    /// The object in a row.
    pub fn load(&self, row: usize) -> Result<CityObject, SinkError> {
        let bytes = self.bytes(row)?;
        let found: Result<(Head, Vec<LodShape>), _> = postcard::from_bytes(&bytes);
        let (head, shapes) = found.map_err(|error| self.damaged(row, &error))?;
        Ok(CityObject { shapes, ..self.object(row, head) })
    }

    /// The object in a row without its shapes.
    pub fn load_head(&self, row: usize) -> Result<CityObject, SinkError> {
        Ok(self.object(row, self.head(row)?))
    }

    fn head(&self, row: usize) -> Result<Head, SinkError> {
        let bytes = self.bytes(row)?;
        let (head, _) = postcard::take_from_bytes(&bytes).map_err(|error| self.damaged(row, &error))?;
        Ok(head)
    }

    /// What attributes there are, in the order in which they first came.
    pub fn attributes(&self) -> &[AttributeUse] {
        &self.attributes
    }

    /// Classes with the number of their objects.
    pub fn classes(&self) -> impl Iterator<Item = &(String, u64)> {
        self.classes.iter().filter(|(_, count)| *count > 0)
    }

    /// The finest level of detail of an object's shapes; below 0 where it has none.
    pub fn lod(&self, row: usize) -> f32 {
        self.records.get(row).map_or(-1.0, |record| record.lod)
    }

    /// Levels with the number of their objects.
    pub fn levels(&self) -> &BTreeMap<CimLevel, u64> {
        &self.levels
    }

    /// How many objects were left out since their id was there before, and the ids of the first of them.
    pub fn repeated(&self) -> (u64, &[String]) {
        (self.repeated.0, &self.repeated.1)
    }

    fn bytes(&self, row: usize) -> Result<Vec<u8>, SinkError> {
        let record = self
            .records
            .get(row)
            .ok_or_else(|| SinkError { cause: format!("there is no row {row}"), name: "scratch".to_owned() })?;
        self.scratch.read(record.at, record.length as usize)
    }

    fn damaged(&self, row: usize, error: &postcard::Error) -> SinkError {
        SinkError { cause: format!("what was kept of it cannot be read again: {error}"), name: self.id(row).to_owned() }
    }

    fn object(&self, row: usize, head: Head) -> CityObject {
        let name = |number: u32| self.attributes.get(number as usize).map(|about| Arc::clone(&about.name));
        CityObject {
            id: self.id(row).to_owned(),
            class: self.classes.get(head.class as usize).map(|(class, _)| class.clone()).unwrap_or_default(),
            name: head.name,
            parent: head.parent.map(|parent| self.aliases.get(&parent).cloned().unwrap_or(parent)),
            level: head.level,
            attributes: head
                .attributes
                .into_iter()
                .filter_map(|(number, value)| Some((name(number)?, value)))
                .collect(),
            shapes: Vec::new(),
            geometry: self.fingerprint(row),
            place: head.place,
        }
    }
}

#[cfg(test)]
mod tests {
    use glam::DVec3;

    use super::*;
    use crate::geometry::{Prism, Shape};

    fn object(id: &str, height: f64) -> CityObject {
        let ring = vec![DVec3::ZERO, DVec3::X, DVec3::Y];
        let prism = Prism { rings: vec![ring], extrusion: DVec3::Z * height };
        CityObject {
            id: id.into(),
            class: "Building".into(),
            parent: Some("block".into()),
            attributes: vec![("height".into(), Value::Float(height)), ("use".into(), Value::from("住宅"))],
            shapes: vec![LodShape { lod: 1.0, shape: Shape::Prisms(vec![prism]) }],
            ..CityObject::default()
        }
    }

    #[test]
    fn objects_come_back_by_row_whatever_order_they_came_in() {
        let mut builder = ObjectsBuilder::new(Box::new(MemoryScratch::default()));
        builder.add(0, vec![object("c", 3.0), object("a", 1.0)]).unwrap();
        builder.add(0, vec![object("b", 2.0), object("a", 9.0)]).unwrap();
        let objects = builder.finish();
        assert_eq!((objects.rows(), objects.repeated()), (3, (1, &["a".to_owned()][..])));
        for (row, (id, height)) in [("a", 1.0), ("b", 2.0), ("c", 3.0)].into_iter().enumerate() {
            let kept = CityObject { geometry: objects.fingerprint(row), ..object(id, height) };
            assert_eq!(objects.load(row), Ok(kept.clone()));
            assert_eq!(objects.load_head(row), Ok(CityObject { shapes: Vec::new(), ..kept }));
            assert_eq!((objects.row(id), objects.bounds(row)), (Some(row), object(id, height).bounds()));
        }
        assert!(objects.load(3).is_err());
        let uses: Vec<_> =
            objects.attributes().iter().map(|about| (&*about.name, about.filled(), about.kind())).collect();
        assert_eq!(uses, [("height", 3, "float"), ("use", 3, "text")]);
        assert!(objects.classes().eq(&[("Building".to_owned(), 3)]));
    }

    #[test]
    fn another_source_adds_what_it_knows_and_what_is_taken_away_leaves_no_trace() {
        let mut builder = ObjectsBuilder::new(Box::new(MemoryScratch::default()));
        builder.add(0, vec![object("a", 1.0), object("b", 2.0), object("c", 3.0)]).unwrap();
        let finer = LodShape { lod: 2.0, ..object("a", 9.0).shapes[0].clone() };
        let use_of = |words: &str| vec![("use".into(), Value::from("office")), ("owner".into(), Value::from(words))];
        builder
            .add(1, vec![CityObject { attributes: use_of("city"), shapes: vec![finer], ..object("a", 9.0) }])
            .unwrap();
        builder.remove(builder.number("b").unwrap(), Some("a")).unwrap();
        let part = CityObject { parent: Some("b".into()), class: "BuildingPart".into(), ..object("c", 3.0) };
        builder.replace(builder.number("c").unwrap(), part).unwrap();
        let objects = builder.finish();
        assert_eq!((objects.rows(), objects.row("b"), objects.lod(0)), (2, None, 2.0));
        let a = objects.load(0).unwrap();
        assert_eq!((a.attribute("use"), a.attribute("owner")), (&Value::from("住宅"), &Value::from("city")));
        assert_eq!(a.shapes.iter().map(|lod| lod.lod).collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!(objects.load_head(1).unwrap().parent.as_deref(), Some("a"));
        assert!(objects.classes().eq(&[("Building".to_owned(), 1), ("BuildingPart".to_owned(), 1)]));
        assert_eq!(objects.attributes()[0].filled(), 2);
    }
}
