//! What the source says of its objects, as columns of a tile.

use std::collections::HashMap;
use std::sync::Arc;

use crate::city::{CityObject, Value};
use crate::formats::{Column, FeatureTable, TextColumn};
use crate::package::{AttributeUse, Objects};

/// Columns of our own, before those of the source.
const OWN: [&str; 5] = ["object", "id", "class", "name", "parent"];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Int,
    Float,
    Text,
}

impl Kind {
    /// The kind that holds all values of an attribute: a column of unlike kinds is words.
    fn of(about: &AttributeUse) -> Self {
        match about.kind() {
            "bool" => Self::Bool,
            "int" => Self::Int,
            "float" => Self::Float,
            _ => Self::Text,
        }
    }
}

/// Attributes of a whole city in the order in which they first come, each with the kind that holds all its values: a column has
/// the same type in every tile.
pub struct Schema {
    names: Vec<(String, Kind)>,
    numbers: HashMap<Arc<str>, usize>,
}

impl Schema {
    /// What all objects together have.
    pub fn of(objects: &Objects) -> Self {
        let label = |name: &str| if OWN.contains(&name) { format!("source_{name}") } else { name.to_owned() };
        let names = objects.attributes().iter().map(|about| (label(&about.name), Kind::of(about))).collect();
        let numbered = objects.attributes().iter().enumerate();
        Self { names, numbers: numbered.map(|(number, about)| (Arc::clone(&about.name), number)).collect() }
    }

    /// The table of some objects with their rows. Attributes that none of them has get no column.
    pub fn table(&self, objects: &[(CityObject, u32)]) -> FeatureTable {
        let own = |name: &str, column| (name.to_owned(), column);
        let texts = |f: fn(&CityObject) -> &str| -> Column {
            Column::Text(objects.iter().map(|(object, _)| f(object)).collect::<TextColumn>())
        };
        let mut columns = vec![
            own("object", Column::UInt32(objects.iter().map(|(_, row)| *row).collect())),
            own("id", texts(|object| &object.id)),
            own("class", texts(|object| &object.class)),
        ];
        if objects.iter().any(|(object, _)| object.name.is_some()) {
            columns.push(own("name", texts(|object| object.name.as_deref().unwrap_or_default())));
        }
        if objects.iter().any(|(object, _)| object.parent.is_some()) {
            columns.push(own("parent", texts(|object| object.parent.as_deref().unwrap_or_default())));
        }
        let mut values: Vec<Vec<&Value>> = vec![Vec::new(); self.names.len()];
        for (row, (object, _)) in objects.iter().enumerate() {
            for (name, value) in object.attributes.iter().filter(|(_, value)| !value.is_null()) {
                let Some(column) = self.numbers.get(name).and_then(|number| values.get_mut(*number)) else { continue };
                if column.len() <= row {
                    column.resize(row, &Value::Null);
                    column.push(value);
                }
            }
        }
        for ((name, kind), mut values) in self.names.iter().zip(values).filter(|(_, values)| !values.is_empty()) {
            values.resize(objects.len(), &Value::Null);
            columns.push((name.clone(), column(*kind, &values)));
        }
        FeatureTable { count: objects.len(), columns }
    }
}

fn column(kind: Kind, values: &[&Value]) -> Column {
    match kind {
        Kind::Bool => {
            let truth = |value: &&Value| if let Value::Bool(b) = value { Some(*b) } else { None };
            Column::Bool(values.iter().map(truth).collect())
        }
        Kind::Int => {
            let whole = |value: &&Value| if let Value::Int(i) = value { Some(*i) } else { None };
            Column::Int(values.iter().map(whole).collect())
        }
        Kind::Float => Column::Float(values.iter().map(|value| value.number().unwrap_or(f64::NAN)).collect()),
        Kind::Text => {
            let mut texts = TextColumn::default();
            for value in values {
                match value.text() {
                    Some(text) => texts.push(text),
                    None => texts.push(&value.to_string()),
                }
            }
            Column::Text(texts)
        }
    }
}
