//! What the source says of its objects, as columns of a tile.

use std::collections::HashMap;
use std::sync::Arc;

use crate::city::{CityObject, Value};
use crate::formats::{Column, FeatureTable, TextColumn};

/// Columns of our own, before those of the source.
const OWN: [&str; 5] = ["object", "id", "class", "name", "parent"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Bool,
    Int,
    Float,
    Text,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Float(_) => Self::Float,
            Value::Text(_) => Self::Text,
        }
    }

    /// The kind that holds values of both: a column of unlike kinds is words.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, kind) | (kind, Self::Nothing) => kind,
            (a, b) if a == b => a,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
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
    pub fn of(objects: &[CityObject]) -> Self {
        let mut schema = Self { names: Vec::new(), numbers: HashMap::new() };
        for (name, value) in objects.iter().flat_map(|object| &object.attributes) {
            let number = match schema.numbers.get(name) {
                Some(number) => *number,
                None => {
                    let own = OWN.contains(&&**name);
                    let label = if own { format!("source_{name}") } else { name.to_string() };
                    schema.names.push((label, Kind::Nothing));
                    schema.numbers.insert(Arc::clone(name), schema.names.len() - 1);
                    schema.names.len() - 1
                }
            };
            if let Some((_, kind)) = schema.names.get_mut(number) {
                *kind = kind.with(Kind::of(value));
            }
        }
        schema
    }

    /// The table of some objects with their rows. Attributes that none of them has get no column.
    pub fn table(&self, objects: &[(&CityObject, u32)]) -> FeatureTable {
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
                // The first value wins where a source repeats a name.
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
        Kind::Text | Kind::Nothing => {
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
