//! Metadata of tilesets, groups and tiles, held against the schema (3D Metadata specification, "Metadata entities").

use serde_json::{Map, Value as Json};

use super::findings::Findings;
use super::schema::{self, Shape, components, limits};

/// Checks the metadata, groups and statistics of a tileset; tiles have their own ([`check_entity`]).
pub fn check(tileset: &Map<String, Json>, schema: Option<&Json>, findings: &mut Findings) {
    if let Some(metadata) = tileset.get("metadata") {
        check_entity(metadata, schema, "/metadata", findings);
    }
    if let Some(groups) = tileset.get("groups") {
        for (path, group) in findings.objects(groups, "/groups", 1) {
            check_members(group, schema, &path, findings);
        }
    }
    let Some(statistics) = tileset.get("statistics") else { return };
    let Some(classes) = findings.object(statistics, "/statistics").and_then(|s| s.get("classes")) else { return };
    let path = "/statistics/classes";
    let Some(classes) = findings.object(classes, path) else { return };
    if classes.is_empty() {
        findings.error("NUMBER_OF_PROPERTIES_MISMATCH", path, "has no class");
    }
    for (name, class) in classes {
        let path = format!("{path}/{name}");
        let Some(class) = findings.object(class, &path) else { continue };
        let Some(known) = find_class(name, schema, &path, findings) else { continue };
        let Some(properties) = class.get("properties").and_then(Json::as_object) else { continue };
        if properties.is_empty() {
            findings.error("NUMBER_OF_PROPERTIES_MISMATCH", &path, "has no property");
        }
        for property in properties.keys().filter(|key| known["properties"].get(key.as_str()).is_none()) {
            findings.error("IDENTIFIER_NOT_FOUND", &path, format!("the class has no property '{property}'"));
        }
    }
}

fn find_class<'s>(name: &str, schema: Option<&'s Json>, path: &str, findings: &mut Findings) -> Option<&'s Json> {
    let Some(schema) = schema else {
        findings.error("REQUIRED_VALUE_NOT_FOUND", path, "there is no schema");
        return None;
    };
    let class = schema["classes"].get(name);
    if class.is_none() {
        findings.error("IDENTIFIER_NOT_FOUND", path, format!("the schema has no class '{name}'"));
    }
    class
}

/// A metadata entity: its class must be in the schema, what the class requires must be there, and values must fit.
pub fn check_entity(entity: &Json, schema: Option<&Json>, path: &str, findings: &mut Findings) {
    if let Some(entity) = findings.object(entity, path) {
        check_members(entity, schema, path, findings);
    }
}

fn check_members(entity: &Map<String, Json>, schema: Option<&Json>, path: &str, findings: &mut Findings) {
    let Some(name) = findings.required(entity, "class", path) else { return };
    let Some(name) = findings.string(name, &format!("{path}/class")) else { return };
    let Some(class) = find_class(name, schema, path, findings) else { return };
    let empty = Map::new();
    let values = entity.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    let enums = schema.and_then(|schema| schema.get("enums")).and_then(Json::as_object).unwrap_or(&empty);
    for (key, property) in class["properties"].as_object().unwrap_or(&empty) {
        let value = values.get(key).filter(|value| !value.is_null());
        let required = property["required"] == Json::Bool(true);
        match (value, property.as_object()) {
            (Some(_), Some(property)) => check_value(values, key, property, enums, path, findings),
            (None, _) if required => {
                findings.error("METADATA_VALUE_REQUIRED_BUT_MISSING", path, format!("has no '{key}'"));
            }
            _ => {}
        }
    }
    for key in values.keys().filter(|key| class["properties"].get(key.as_str()).is_none()) {
        findings.error("IDENTIFIER_NOT_FOUND", path, format!("the class has no property '{key}'"));
    }
}

fn check_value(
    values: &Map<String, Json>,
    key: &str,
    property: &Map<String, Json>,
    enums: &Map<String, Json>,
    path: &str,
    findings: &mut Findings,
) {
    let Some(kind) = property.get("type").and_then(Json::as_str) else { return };
    let path = format!("{path}/properties/{key}");
    let array = property.get("array") == Some(&Json::Bool(true));
    let before = findings.errors();
    let shape = Shape { kind, array, count: property.get("count").and_then(Json::as_i64) };
    shape.check(values.get(key), &path, findings);
    if findings.errors() > before {
        return;
    }
    if kind == "ENUM" {
        schema::check_enum_name(values.get(key), property, enums, &path, findings);
    }
    if components(kind) > 0 {
        check_numbers(values.get(key), property, &path, findings);
    }
}

/// Numbers one after another, however they are nested.
fn flatten(value: Option<&Json>, into: &mut Vec<f64>) {
    match value {
        Some(Json::Array(elements)) => elements.iter().for_each(|element| flatten(Some(element), into)),
        Some(value) => into.extend(value.as_f64()),
        None => {}
    }
}

/// Raw numbers must fit their component type; what they stand for (normalized, scaled, offset) must keep to min and max.
fn check_numbers(value: Option<&Json>, property: &Map<String, Json>, path: &str, findings: &mut Findings) {
    let list = |key: &str| {
        let mut numbers = Vec::new();
        flatten(property.get(key), &mut numbers);
        numbers
    };
    let mut raw = Vec::new();
    flatten(value, &mut raw);
    let range = property.get("componentType").and_then(Json::as_str).and_then(limits);
    if let Some((least, most)) = range
        && let Some(number) = raw.iter().find(|number| **number < least || **number > most)
    {
        return findings.error("VALUE_NOT_IN_RANGE", path, format!("{number} does not fit the component type"));
    }
    let normalized = property.get("normalized") == Some(&Json::Bool(true));
    let (offsets, scales, least, most) = (list("offset"), list("scale"), list("min"), list("max"));
    for (i, number) in raw.into_iter().enumerate() {
        let number = match range {
            Some((least, most)) if normalized => {
                if least < 0.0 {
                    (number / most).max(-1.0)
                } else {
                    number / most
                }
            }
            _ => number,
        };
        let number = number * scales.get(i).unwrap_or(&1.0) + offsets.get(i).unwrap_or(&0.0);
        if least.get(i).is_some_and(|least| number < *least) || most.get(i).is_some_and(|most| number > *most) {
            let message = format!("{number} is out of the property's min and max");
            return findings.error("METADATA_VALUE_NOT_IN_RANGE", path, message);
        }
    }
}
