//! Objects on their way to the sink.

use std::collections::HashSet;
use std::sync::Arc;

use super::classify::{Feature, level};
use super::element::{Key, Tags};
use crate::city::{CityObject, Value};
use crate::import::attributes::describe;
use crate::import::{
    Diagnostic, ImportError, ImportOptions, ObjectSink, Place as Where, Severity, SourceObject, SourceReport,
};

/// Objects handed on at one time.
const BATCH: usize = 4096;
/// Keys whose values are numbers where they look like one. All others are words: a house number or a `ref` is none.
const QUANTITIES: &[&str] = &[
    "admin_level",
    "building:height",
    "building:levels",
    "building:levels:underground",
    "building:min_height",
    "building:min_level",
    "capacity",
    "circumference",
    "diameter",
    "ele",
    "est_width",
    "height",
    "lanes",
    "lanes:backward",
    "lanes:forward",
    "layer",
    "level",
    "maxspeed",
    "min_height",
    "population",
    "roof:angle",
    "roof:direction",
    "roof:height",
    "roof:levels",
    "voltage",
    "width",
];
/// Names that serve where there is no plain one.
const OTHER_NAMES: &[&str] = &["name:zh", "name:en", "int_name"];

/// Makes objects of elements and hands them on in batches.
pub(super) struct Output<'a> {
    sink: &'a mut dyn ObjectSink,
    options: &'a ImportOptions,
    batch: Vec<SourceObject>,
    /// The elements that were made objects of.
    known: HashSet<Key>,
    /// One name for all attributes that are called so.
    names: HashSet<Arc<str>>,
}

impl<'a> Output<'a> {
    pub(super) fn new(sink: &'a mut dyn ObjectSink, options: &'a ImportOptions) -> Self {
        Self { sink, options, batch: Vec::new(), known: HashSet::new(), names: HashSet::new() }
    }

    /// Whether an element comes for the first time; told where not.
    pub(super) fn is_new(&mut self, key: Key, path: &str, report: &mut SourceReport) -> bool {
        let is_new = self.known.insert(key);
        if !is_new {
            let place = Where::file(path).object(key.to_string());
            let message = "it comes again, and only the first one is taken".to_owned();
            report.note(Diagnostic { severity: Severity::Note, code: "duplicate-id", message, place });
        }
        is_new
    }

    pub(super) fn knows(&self, key: Key) -> bool {
        self.known.contains(&key)
    }

    /// An object with all tags as attributes, and no geometry yet.
    pub(super) fn object(&mut self, id: String, feature: &Feature, tags: &Tags<'_>) -> SourceObject {
        let attributes = tags.iter().map(|(key, words)| (self.name(key), value(key, words))).collect();
        let class = feature.class.to_owned();
        let mut object = CityObject { id, class, level: level(feature.class), attributes, ..CityObject::default() };
        describe(&mut object, self.options);
        if object.name.is_none() && self.options.name_attribute.is_none() {
            object.name = OTHER_NAMES.iter().find_map(|key| tags.get(key)).map(str::to_owned);
        }
        SourceObject { object, geometry: Vec::new() }
    }

    /// Sets an attribute that does not come from a tag; a tag of that name is called `tag:NAME` then.
    pub(super) fn set(&mut self, object: &mut SourceObject, name: &str, value: Value) {
        let renamed = self.name(&format!("tag:{name}"));
        let attributes = &mut object.object.attributes;
        attributes.iter_mut().filter(|(key, _)| **key == *name).for_each(|(key, _)| *key = Arc::clone(&renamed));
        attributes.push((self.name(name), value));
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(name);
        self.names.insert(Arc::clone(&name));
        name
    }

    pub(super) fn push(&mut self, object: SourceObject, report: &mut SourceReport) -> Result<(), ImportError> {
        self.batch.push(object);
        if self.batch.len() >= BATCH { self.flush(report) } else { Ok(()) }
    }

    pub(super) fn flush(&mut self, report: &mut SourceReport) -> Result<(), ImportError> {
        let batch = std::mem::take(&mut self.batch);
        report.count(&batch);
        if batch.is_empty() { Ok(()) } else { self.sink.take(batch) }
    }

    pub(super) fn progress(&mut self, done: u64, total: u64) -> Result<(), ImportError> {
        self.sink.progress(done, total)
    }
}

fn value(key: &str, words: &str) -> Value {
    if QUANTITIES.contains(&key) {
        let plain = words.trim();
        if let Ok(whole) = plain.parse::<i64>() {
            return Value::Int(whole);
        }
        if let Some(number) = plain.parse::<f64>().ok().filter(|number| number.is_finite()) {
            return Value::Float(number);
        }
    }
    Value::from(words)
}
