//! EXT_structural_metadata property tables to columns (3D Metadata specification, binary table format).

use serde_json::Value as Json;

use super::GlbError;
use super::accessor::Reader;
use super::document::{ClassProperty, Document, Enum, TableProperty};
use super::encode_properties::identifier;
use crate::formats::{Column, FeatureTable, TextColumn};

/// The table of that index. A property of a kind that no column can hold (a matrix, an array) becomes text; one
/// whose bytes are not there is an error.
pub fn decode(document: &Document, reader: &mut Reader, index: usize) -> Result<FeatureTable, GlbError> {
    let invalid = |what| GlbError::Invalid { what, place: format!("property table {index}") };
    let metadata = document.extensions.metadata.as_ref().ok_or_else(|| invalid("no structural metadata"))?;
    let table = metadata.property_tables.get(index).ok_or_else(|| invalid("no such table"))?;
    let class = metadata.schema.classes.get(&table.class_name).ok_or_else(|| invalid("no such class"))?;
    let mut columns = Vec::new();
    for (name, property) in &table.properties {
        let class = class.properties.get(name).ok_or_else(|| invalid("property that the class lacks"))?;
        let enumeration = class.enum_type.as_ref().and_then(|name| metadata.schema.enums.get(name));
        let column =
            Values { class, property, enumeration, count: table.count }.read(reader).map_err(|error| match error {
                Failure::Glb(error) => error,
                Failure::What(what) => GlbError::Invalid { what, place: format!("property '{name}'") },
            })?;
        let name = class.name.as_ref().filter(|label| is_identifier_of(name, label)).unwrap_or(name);
        columns.push((name.clone(), column));
    }
    // A table without properties has nothing that backs its count: rows are what the columns hold.
    let count = if columns.is_empty() { 0 } else { table.count };
    Ok(FeatureTable { count, columns })
}

/// Whether `id` is what [`encode`](super::encode) made of the attribute name `label`; any other label is for readers only.
fn is_identifier_of(id: &str, label: &str) -> bool {
    id != label && id.starts_with(&identifier(label))
}

enum Failure {
    Glb(GlbError),
    What(&'static str),
}

impl From<GlbError> for Failure {
    fn from(error: GlbError) -> Self {
        Self::Glb(error)
    }
}

const SHORT: Failure = Failure::What("values beyond the end of their buffer view");

struct Values<'a> {
    class: &'a ClassProperty,
    property: &'a TableProperty,
    enumeration: Option<&'a Enum>,
    count: usize,
}

#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Values<'_> {
    fn read(&self, reader: &mut Reader) -> Result<Column, Failure> {
        let per_row = match self.class.kind.as_str() {
            "SCALAR" | "STRING" | "BOOLEAN" | "ENUM" => 1,
            "VEC2" => 2,
            "VEC3" => 3,
            "VEC4" | "MAT2" => 4,
            "MAT3" => 9,
            "MAT4" => 16,
            _ => return Err(Failure::What("unknown type")),
        };
        let plain = !self.class.array && per_row == 1;
        match self.class.kind.as_str() {
            "STRING" if plain => self.texts(reader),
            "BOOLEAN" if plain => self.truths(reader),
            "ENUM" if plain => self.names(reader),
            "SCALAR" if plain => self.numbers(reader),
            "SCALAR" | "VEC2" | "VEC3" | "VEC4" | "MAT2" | "MAT3" | "MAT4"
                if self.class.count.is_some() || !self.class.array =>
            {
                self.tuples(reader, per_row)
            }
            // Arrays of varying length and of words: known to be there, not shown.
            _ => {
                reader.book(self.count, 4)?;
                let bytes = reader.view(self.property.values)?;
                if self.class.count.is_none() && self.property.array_offsets.is_none()
                    || self.count > bytes.len() * 8 + 1
                {
                    return Err(SHORT);
                }
                Ok(Column::Text(std::iter::repeat_n("", self.count).collect()))
            }
        }
    }

    /// `count` numbers of the view, each as wide as the component type says.
    fn components(&self, reader: &mut Reader, kind: &str, count: usize) -> Result<Vec<Number>, Failure> {
        let (size, read) = component(kind).ok_or(Failure::What("unknown component type"))?;
        let needed = count.checked_mul(size).ok_or(SHORT)?;
        if reader.view(self.property.values)?.len() < needed {
            return Err(SHORT);
        }
        reader.book(count, size_of::<Number>())?;
        let bytes = reader.view(self.property.values)?.get(..needed).ok_or(SHORT)?;
        Ok(bytes.chunks_exact(size).map(read).collect())
    }

    fn component_type(&self) -> Result<&str, Failure> {
        self.class.component_type.as_deref().ok_or(Failure::What("no componentType"))
    }

    fn numbers(&self, reader: &mut Reader) -> Result<Column, Failure> {
        let kind = self.component_type()?;
        let numbers = self.components(reader, kind, self.count)?;
        let whole = !kind.starts_with("FLOAT") && !self.class.normalized;
        if whole && kind == "UINT32" && self.class.no_data.is_none() {
            let exact = |n: &Number| if let Number::Int(i) = n { *i as u32 } else { 0 };
            return Ok(Column::UInt32(numbers.iter().map(exact).collect()));
        }
        if whole {
            let no_data = self.class.no_data.as_ref().and_then(integer);
            let default = self.class.default.as_ref().and_then(integer);
            let known = |n: &Number| match n {
                Number::Int(i) if Some(*i) != no_data => Some(*i),
                _ => default,
            };
            return Ok(Column::Int(numbers.iter().map(known).collect()));
        }
        let scale = self.property.scale.as_ref().or(self.class.scale.as_ref()).and_then(Json::as_f64).unwrap_or(1.0);
        let offset = self.property.offset.as_ref().or(self.class.offset.as_ref()).and_then(Json::as_f64).unwrap_or(0.0);
        let divisor = if self.class.normalized { largest(kind) } else { 1.0 };
        let no_data = self.class.no_data.as_ref().and_then(Json::as_f64);
        let no_data = no_data.map(|value| if kind == "FLOAT32" { f64::from(value as f32) } else { value });
        let default = self.class.default.as_ref().and_then(Json::as_f64).unwrap_or(f64::NAN);
        let value = |n: &Number| match n {
            Number::Float(f) if Some(*f) == no_data => default,
            Number::Float(f) => f * scale + offset,
            Number::Int(i) if Some(*i as f64) == no_data => default,
            Number::Int(i) => (*i as f64 / divisor).max(-1.0) * scale + offset,
        };
        Ok(Column::Float(numbers.iter().map(value).collect()))
    }

    fn tuples(&self, reader: &mut Reader, per_row: usize) -> Result<Column, Failure> {
        let per_row = per_row.checked_mul(self.class.count.unwrap_or(1)).filter(|n| *n > 0).ok_or(SHORT)?;
        let all = self.count.checked_mul(per_row).ok_or(SHORT)?;
        let numbers = self.components(reader, self.component_type()?, all)?;
        reader.book(all, 24)?;
        let show = |n: &Number| match n {
            Number::Int(i) => i.to_string(),
            Number::Float(f) => f.to_string(),
        };
        let mut texts = TextColumn::default();
        for row in numbers.chunks_exact(per_row) {
            texts.push(&format!("[{}]", row.iter().map(show).collect::<Vec<_>>().join(", ")));
        }
        Ok(Column::Text(texts))
    }

    fn names(&self, reader: &mut Reader) -> Result<Column, Failure> {
        let enumeration = self.enumeration.ok_or(Failure::What("no such enum"))?;
        let kind = enumeration.value_type.as_deref().unwrap_or("UINT16");
        let numbers = self.components(reader, kind, self.count)?;
        let no_data = self.class.no_data.as_ref().and_then(Json::as_str);
        let longest = enumeration.values.iter().map(|v| v.name.len()).max().unwrap_or(0);
        reader.book(self.count, longest + 4)?;
        let name = |n: &Number| {
            let Number::Int(number) = n else { return "" };
            let name = enumeration.values.iter().find(|v| v.value == *number).map_or("", |v| v.name.as_str());
            if Some(name) == no_data { "" } else { name }
        };
        Ok(Column::Text(numbers.iter().map(name).collect()))
    }

    fn truths(&self, reader: &mut Reader) -> Result<Column, Failure> {
        if reader.view(self.property.values)?.len() < self.count.div_ceil(8) {
            return Err(SHORT);
        }
        reader.book(self.count, 1)?;
        let bytes = reader.view(self.property.values)?;
        Ok(Column::Bool((0..self.count).map(|i| bytes.get(i / 8).map(|byte| byte >> (i % 8) & 1 == 1)).collect()))
    }

    fn texts(&self, reader: &mut Reader) -> Result<Column, Failure> {
        let view = self.property.string_offsets.ok_or(Failure::What("no stringOffsets"))?;
        let kind = self.property.string_offset_type.as_deref().unwrap_or("UINT32");
        let (size, read) = component(kind).ok_or(Failure::What("unknown stringOffsetType"))?;
        let needed = self.count.checked_add(1).and_then(|n| n.checked_mul(size)).ok_or(SHORT)?;
        if reader.view(view)?.len() < needed {
            return Err(SHORT);
        }
        reader.book(self.count + 1, 8 + 4)?;
        let offset = |bytes: &[u8]| if let Number::Int(i) = read(bytes) { i as usize } else { usize::MAX };
        let offsets: Vec<usize> =
            reader.view(view)?.get(..needed).ok_or(SHORT)?.chunks_exact(size).map(offset).collect();
        let length = reader.view(self.property.values)?.len();
        reader.book(length, 1)?;
        let bytes = reader.view(self.property.values)?;
        let no_data = self.class.no_data.as_ref().and_then(Json::as_str).unwrap_or_default();
        let mut texts = TextColumn::default();
        for pair in offsets.windows(2) {
            let text = bytes.get(pair[0]..pair[1]).ok_or(SHORT)?;
            let text = std::str::from_utf8(text).map_err(|_| Failure::What("text is not UTF-8"))?;
            texts.push(if text == no_data { "" } else { text });
        }
        Ok(Column::Text(texts))
    }
}

fn integer(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|f| f as i64))
}

fn largest(kind: &str) -> f64 {
    match kind {
        "INT8" => 127.0,
        "UINT8" => 255.0,
        "INT16" => 32_767.0,
        "UINT16" => 65_535.0,
        "INT32" => f64::from(i32::MAX),
        "UINT32" => f64::from(u32::MAX),
        "INT64" => i64::MAX as f64,
        _ => u64::MAX as f64,
    }
}

type ReadNumber = fn(&[u8]) -> Number;

/// Width and reader of a component type. The slices that a reader gets are exactly as wide.
fn component(kind: &str) -> Option<(usize, ReadNumber)> {
    fn unsigned(bytes: &[u8]) -> u64 {
        bytes.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte))
    }
    fn signed(bytes: &[u8]) -> Number {
        let shift = 64 - 8 * bytes.len() as u32;
        Number::Int((unsigned(bytes) << shift) as i64 >> shift)
    }
    // UINT64 beyond i64 wraps; no identifier of a city is that large.
    let whole: ReadNumber = |bytes| Number::Int(unsigned(bytes) as i64);
    Some(match kind {
        "INT8" => (1, signed),
        "INT16" => (2, signed),
        "INT32" => (4, signed),
        "INT64" => (8, signed),
        "UINT8" => (1, whole),
        "UINT16" => (2, whole),
        "UINT32" => (4, whole),
        "UINT64" => (8, whole),
        "FLOAT32" => (4, |bytes| Number::Float(f64::from(f32::from_bits(unsigned(bytes) as u32)))),
        "FLOAT64" => (8, |bytes| Number::Float(f64::from_bits(unsigned(bytes)))),
        _ => return None,
    })
}
