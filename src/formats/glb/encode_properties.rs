//! Columns to an EXT_structural_metadata schema and property table.

use serde_json::{Map, Value as Json, json};

use super::encode::Writer;
use crate::formats::{Column, FeatureTable, TextColumn};

const CLASS: &str = "object";

/// The extension's object for this table, its values added to the binary chunk; `None` where there is nothing to say.
pub(super) fn write_properties(writer: &mut Writer, features: &FeatureTable) -> Option<Json> {
    if features.count == 0 || features.columns.is_empty() {
        return None;
    }
    let (mut class, mut table) = (Map::new(), Map::new());
    for (name, column) in features.columns.iter().filter(|(_, column)| column.len() == features.count) {
        let id = property_id(name, &class);
        let (mut property, values) = write_column(writer, column);
        if id != *name {
            property["name"] = json!(name);
        }
        class.insert(id.clone(), property);
        table.insert(id, values);
    }
    Some(json!({
        "schema": { "id": "veduta", "classes": { CLASS: { "properties": class } } },
        "propertyTables": [{ "class": CLASS, "count": features.count, "properties": table }],
    }))
}

/// An attribute name as a property identifier, `^[a-zA-Z_][a-zA-Z0-9_]*$` (3D Metadata, "Identifiers"). What is not allowed
/// becomes `_`; the name itself is kept as the property's label then.
pub(super) fn identifier(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let id: String = name.chars().map(allowed).collect();
    if id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { id } else { format!("_{id}") }
}

fn property_id(name: &str, taken: &Map<String, Json>) -> String {
    let base = identifier(name);
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    std::iter::once(base.clone()).chain(numbered).find(|id| !taken.contains_key(id)).unwrap_or(base)
}

fn write_column(writer: &mut Writer, column: &Column) -> (Json, Json) {
    match column {
        Column::Bool(values) if values.iter().all(Option::is_some) => {
            let mut bits = vec![0_u8; values.len().div_ceil(8)];
            let set = values.iter().enumerate().filter(|(_, value)| **value == Some(true));
            set.for_each(|(row, _)| bits[row / 8] |= 1 << (row % 8));
            (json!({ "type": "BOOLEAN" }), json!({ "values": writer.view(&bits) }))
        }
        // BOOLEAN has no noData: an unknown truth needs a third number.
        Column::Bool(values) => {
            let bytes: Vec<u8> = values.iter().map(|value| value.map_or(u8::MAX, u8::from)).collect();
            (scalar("UINT8", Some(json!(u8::MAX))), json!({ "values": writer.view(&bytes) }))
        }
        Column::UInt32(values) => {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (scalar("UINT32", None), json!({ "values": writer.view(&bytes) }))
        }
        Column::Int(values) => write_integers(writer, values),
        Column::Float(values) => write_floats(writer, values),
        Column::Text(texts) => write_texts(writer, texts),
    }
}

fn scalar(component: &str, no_data: Option<Json>) -> Json {
    let mut property = json!({ "type": "SCALAR", "componentType": component });
    if let Some(no_data) = no_data {
        property["noData"] = no_data;
    }
    property
}

/// INT32 where every value fits, INT64 otherwise; the least number of the type stands for "not known".
fn write_integers(writer: &mut Writer, values: &[Option<i64>]) -> (Json, Json) {
    let missing = values.iter().any(Option::is_none);
    let narrow = values.iter().flatten().all(|v| i32::try_from(*v).is_ok_and(|v| v != i32::MIN));
    let (bytes, component, least): (Vec<u8>, _, _) = if narrow {
        let bytes = values.iter().flat_map(|v| v.map_or(i32::MIN, |v| v as i32).to_le_bytes()).collect();
        (bytes, "INT32", i64::from(i32::MIN))
    } else {
        (values.iter().flat_map(|v| v.unwrap_or(i64::MIN).to_le_bytes()).collect(), "INT64", i64::MIN)
    };
    (scalar(component, missing.then(|| json!(least))), json!({ "values": writer.view(&bytes) }))
}

/// FLOAT32 where that keeps every value exactly, FLOAT64 otherwise; the least finite number stands for "not known".
fn write_floats(writer: &mut Writer, values: &[f64]) -> (Json, Json) {
    let missing = values.iter().any(|v| !v.is_finite());
    let narrow = values.iter().filter(|v| v.is_finite()).all(|v| f64::from(*v as f32) == *v);
    let (bytes, component, least): (Vec<u8>, _, _) = if narrow {
        let known = |v: f64| if v.is_finite() { v as f32 } else { f32::MIN };
        (values.iter().flat_map(|v| known(*v).to_le_bytes()).collect(), "FLOAT32", f64::from(f32::MIN))
    } else {
        let known = |v: f64| if v.is_finite() { v } else { f64::MIN };
        (values.iter().flat_map(|v| known(*v).to_le_bytes()).collect(), "FLOAT64", f64::MIN)
    };
    (scalar(component, missing.then(|| json!(least))), json!({ "values": writer.view(&bytes) }))
}

fn write_texts(writer: &mut Writer, texts: &TextColumn) -> (Json, Json) {
    let rows = || (0..texts.len()).map(|row| texts.get(row).unwrap_or_default());
    let mut bytes = Vec::new();
    let mut offsets = vec![0_u32];
    for text in rows() {
        bytes.extend_from_slice(text.as_bytes());
        offsets.push(bytes.len() as u32);
    }
    let mut property = json!({ "type": "STRING" });
    if rows().any(str::is_empty) {
        property["noData"] = json!("");
    }
    // A buffer view may not be empty.
    if bytes.is_empty() {
        bytes.push(0);
    }
    let narrow = bytes.len() <= usize::from(u16::MAX);
    let (offsets, kind): (Vec<u8>, _) = if narrow {
        (offsets.iter().flat_map(|v| (*v as u16).to_le_bytes()).collect(), "UINT16")
    } else {
        (offsets.iter().flat_map(|v| v.to_le_bytes()).collect(), "UINT32")
    };
    let values = writer.view(&bytes);
    let offsets = writer.view(&offsets);
    (property, json!({ "values": values, "stringOffsets": offsets, "stringOffsetType": kind }))
}
