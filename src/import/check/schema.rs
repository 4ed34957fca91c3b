//! Metadata schemas: classes, properties, enums (3D Metadata specification, "Schemas").

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::findings::{Findings, is_identifier};

const TYPES: [&str; 10] = ["SCALAR", "VEC2", "VEC3", "VEC4", "MAT2", "MAT3", "MAT4", "BOOLEAN", "STRING", "ENUM"];
const INTEGERS: [&str; 8] = ["INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64"];
const COMPONENTS: [&str; 10] =
    ["INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64", "FLOAT32", "FLOAT64"];

/// Numbers of one value of a type; 0 for types without numbers.
pub fn components(kind: &str) -> usize {
    match kind {
        "SCALAR" => 1,
        "VEC2" => 2,
        "VEC3" => 3,
        "VEC4" | "MAT2" => 4,
        "MAT3" => 9,
        "MAT4" => 16,
        _ => 0,
    }
}

/// Checks a schema object at `path`.
pub fn check(schema: &Json, path: &str, findings: &mut Findings) {
    let Some(schema) = findings.object(schema, path) else { return };
    findings.common(schema, path);
    if let Some(id) = findings.required(schema, "id", path) {
        let path = format!("{path}/id");
        if findings.string(id, &path).is_some_and(|id| !is_identifier(id)) {
            findings.error("STRING_PATTERN_MISMATCH", &path, "is no identifier");
        }
    }
    for key in ["name", "description", "version"] {
        findings.optional_string(schema, key, path);
    }
    if let Some(enums) = schema.get("enums") {
        named(enums, &format!("{path}/enums"), findings, check_enum);
    }
    if let Some(classes) = schema.get("classes") {
        let empty = Map::new();
        let enums = schema.get("enums").and_then(Json::as_object).unwrap_or(&empty);
        named(classes, &format!("{path}/classes"), findings, |class, path, findings| {
            check_class(class, enums, path, findings);
        });
    }
}

/// Members of an object whose keys are identifiers and whose values are objects.
fn named(
    all: &Json,
    path: &str,
    findings: &mut Findings,
    mut check: impl FnMut(&Map<String, Json>, &str, &mut Findings),
) {
    for (name, member) in findings.object(all, path).into_iter().flatten() {
        let path = format!("{path}/{name}");
        if !is_identifier(name) {
            findings.error("STRING_PATTERN_MISMATCH", &path, "is no identifier");
        }
        if let Some(member) = findings.object(member, &path) {
            findings.common(member, &path);
            check(member, &path, findings);
        }
    }
}

fn check_enum(definition: &Map<String, Json>, path: &str, findings: &mut Findings) {
    findings.optional_string(definition, "name", path);
    findings.optional_string(definition, "description", path);
    let mut range = limits("UINT16");
    if let Some(value_type) = definition.get("valueType") {
        let path = format!("{path}/valueType");
        if findings.string(value_type, &path).is_some() {
            range = findings.one_of(value_type, &path, &INTEGERS).and_then(limits);
        }
    }
    let Some(values) = findings.required(definition, "values", path) else { return };
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (path, value) in findings.objects(values, &format!("{path}/values"), 1) {
        findings.optional_string(value, "description", &path);
        if let Some(name) = findings.required(value, "name", &path) {
            let name = findings.string(name, &format!("{path}/name"));
            if name.is_some_and(|name| !names.insert(name)) {
                findings.error("ENUM_VALUE_DUPLICATE_NAME", &path, "another value has this name");
            }
        }
        let Some(number) = findings.required(value, "value", &path) else { continue };
        let Some(number) = findings.integer(number, &format!("{path}/value"), i64::MIN) else { continue };
        if !numbers.insert(number) {
            findings.error("ENUM_VALUE_DUPLICATE_VALUE", &path, "another value has this number");
        }
        if range.is_some_and(|(least, most)| (number as f64) < least || number as f64 > most) {
            findings.error("VALUE_NOT_IN_RANGE", &path, format!("{number} does not fit the valueType"));
        }
    }
}

/// Least and greatest number of an integer type.
pub fn limits(kind: &str) -> Option<(f64, f64)> {
    let (unsigned, bits) = match kind.strip_prefix('U') {
        Some(rest) => (true, rest.strip_prefix("INT")?),
        None => (false, kind.strip_prefix("INT")?),
    };
    let span = f64::from(bits.parse::<u32>().ok()?).exp2();
    Some(if unsigned { (0.0, span - 1.0) } else { (-span / 2.0, span / 2.0 - 1.0) })
}

fn check_class(class: &Map<String, Json>, enums: &Map<String, Json>, path: &str, findings: &mut Findings) {
    findings.optional_string(class, "name", path);
    findings.optional_string(class, "description", path);
    let Some(properties) = class.get("properties") else { return };
    if properties.as_object().is_some_and(Map::is_empty) {
        findings.error("NUMBER_OF_PROPERTIES_MISMATCH", path, "has no property");
    }
    let mut semantics = BTreeSet::new();
    named(properties, &format!("{path}/properties"), findings, |property, path, findings| {
        if let Some(semantic) = findings.optional_string(property, "semantic", path)
            && !semantics.insert(semantic.to_owned())
        {
            findings.error("CLASS_PROPERTIES_DUPLICATE_SEMANTIC", path, "another property has this semantic");
        }
        let before = findings.errors();
        check_property(property, enums, path, findings);
        if findings.errors() == before {
            check_semantic(property, path, findings);
        }
    });
}

fn check_property(property: &Map<String, Json>, enums: &Map<String, Json>, path: &str, findings: &mut Findings) {
    findings.optional_string(property, "name", path);
    findings.optional_string(property, "description", path);
    let Some(kind) = findings.required(property, "type", path) else { return };
    let kind_path = format!("{path}/type");
    let Some(kind) = findings.string(kind, &kind_path) else { return };
    let Some(kind) = TYPES.into_iter().find(|known| *known == kind) else {
        return findings.error("VALUE_NOT_IN_LIST", &kind_path, format!("{kind} is none of {}", TYPES.join(", ")));
    };
    let component = check_component(property, kind, path, findings);
    check_enum_type(property, kind, enums, path, findings);
    let flag = |key: &str, findings: &mut Findings| {
        property.get(key).is_some_and(|value| findings.boolean(value, &format!("{path}/{key}")) == Some(true))
    };
    let (array, normalized, required) =
        (flag("array", findings), flag("normalized", findings), flag("required", findings));
    let count = property.get("count").and_then(|count| findings.integer(count, &format!("{path}/count"), 2));
    if property.contains_key("count") && !array {
        findings.error("CLASS_PROPERTY_COUNT_FOR_NON_ARRAY", path, "has a count but is no array");
    }
    let is_integer = component.is_some_and(|c| INTEGERS.contains(&c));
    if normalized && !is_integer {
        findings.error("CLASS_PROPERTY_NORMALIZED_FOR_NON_NORMALIZABLE_TYPE", path, "only integers are normalized");
    }
    for key in ["noData", "default"].into_iter().filter(|key| required && property.contains_key(*key)) {
        findings.error("CLASS_PROPERTY_INCONSISTENT", path, format!("is required and has {key}"));
    }
    if kind == "BOOLEAN" && property.contains_key("noData") {
        findings.error("CLASS_PROPERTY_INCONSISTENT", path, "a boolean has noData");
    }
    let value = Shape { kind, array, count };
    let floating = component.is_some_and(|c| c.starts_with("FLOAT")) || normalized;
    for key in ["offset", "scale", "min", "max"].into_iter().filter(|key| property.contains_key(*key)) {
        let fits = match key {
            _ if components(kind) == 0 && matches!(key, "min" | "max") => Err("METADATA_MIN_MAX_FOR_NON_NUMERIC_TYPE"),
            "offset" | "scale" if !floating => Err("METADATA_OFFSET_SCALE_FOR_NON_FLOATING_POINT_TYPE"),
            _ if array && count.is_none() => Err("METADATA_PROPERTY_INVALID_FOR_VARIABLE_LENGTH_ARRAY"),
            _ => Ok(()),
        };
        match fits {
            Err(code) => findings.error(code, path, format!("cannot have '{key}'")),
            Ok(()) => value.check(property.get(key), &format!("{path}/{key}"), findings),
        }
    }
    for key in ["noData", "default"].into_iter().filter(|_| kind != "BOOLEAN" && !required) {
        value.check(property.get(key), &format!("{path}/{key}"), findings);
        if kind == "ENUM" {
            check_enum_name(property.get(key), property, enums, &format!("{path}/{key}"), findings);
        }
    }
}

fn check_component<'v>(
    property: &'v Map<String, Json>,
    kind: &str,
    path: &str,
    findings: &mut Findings,
) -> Option<&'v str> {
    let numeric = components(kind) > 0;
    let Some(component) = property.get("componentType") else {
        if numeric {
            findings.error("CLASS_PROPERTY_COMPONENT_TYPE_MISSING", path, format!("{kind} without componentType"));
        }
        return None;
    };
    let component_path = format!("{path}/componentType");
    findings.string(component, &component_path)?;
    if !numeric {
        let message = format!("{kind} with componentType");
        findings.error("CLASS_PROPERTY_COMPONENT_TYPE_FOR_NON_NUMERIC_TYPE", path, message);
        return None;
    }
    findings.one_of(component, &component_path, &COMPONENTS)
}

fn check_enum_type(
    property: &Map<String, Json>,
    kind: &str,
    enums: &Map<String, Json>,
    path: &str,
    findings: &mut Findings,
) {
    let Some(name) = property.get("enumType") else {
        if kind == "ENUM" {
            findings.error("CLASS_PROPERTY_ENUM_TYPE_WITHOUT_ENUMTYPE", path, "ENUM without enumType");
        }
        return;
    };
    let Some(name) = findings.string(name, &format!("{path}/enumType")) else { return };
    if kind != "ENUM" {
        findings.error("CLASS_PROPERTY_ENUMTYPE_WITH_NON_ENUM_TYPE", path, format!("{kind} with enumType"));
    } else if !enums.contains_key(name) {
        findings.error("CLASS_PROPERTY_ENUMTYPE_NOT_FOUND", path, format!("there is no enum '{name}'"));
    }
}

/// Values of an enum property are names of its enum.
pub fn check_enum_name(
    given: Option<&Json>,
    property: &Map<String, Json>,
    enums: &Map<String, Json>,
    path: &str,
    findings: &mut Findings,
) {
    let definition = property.get("enumType").and_then(Json::as_str).and_then(|name| enums.get(name));
    let values = definition.and_then(|d| d.get("values")).and_then(Json::as_array);
    let Some(values) = values else { return };
    let names =
        given.and_then(Json::as_array).map_or_else(|| given.into_iter().collect::<Vec<_>>(), |a| a.iter().collect());
    let known = |name: &&Json| values.iter().any(|value| value.get("name") == Some(*name));
    if names.iter().any(|name| name.is_string() && !known(name)) {
        findings.error("CLASS_PROPERTY_ENUM_VALUE_NAME_NOT_FOUND", path, "is no name of the enum");
    }
}

/// How many values a semantic has.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    One,
    Any,
    Just(i64),
}

/// 3D Metadata Semantic Reference: type, component types and how many.
const SEMANTICS: [(&str, &str, &[&str], Numbers); 27] = [
    ("ID", "STRING", &[], Numbers::One),
    ("NAME", "STRING", &[], Numbers::One),
    ("DESCRIPTION", "STRING", &[], Numbers::One),
    ("ATTRIBUTION_IDS", "SCALAR", &UNSIGNED, Numbers::Any),
    ("ATTRIBUTION_STRINGS", "STRING", &[], Numbers::Any),
    ("TILESET_FEATURE_ID_LABELS", "STRING", &[], Numbers::Any),
    ("TILESET_CRS_GEOCENTRIC", "STRING", &[], Numbers::One),
    ("TILESET_CRS_COORDINATE_EPOCH", "STRING", &[], Numbers::One),
    ("TILE_BOUNDING_BOX", "SCALAR", &FLOATS, Numbers::Just(12)),
    ("TILE_BOUNDING_REGION", "SCALAR", &FLOATS, Numbers::Just(6)),
    ("TILE_BOUNDING_SPHERE", "SCALAR", &FLOATS, Numbers::Just(4)),
    ("TILE_BOUNDING_S2_CELL", "SCALAR", &["UINT64"], Numbers::One),
    ("TILE_MINIMUM_HEIGHT", "SCALAR", &FLOATS, Numbers::One),
    ("TILE_MAXIMUM_HEIGHT", "SCALAR", &FLOATS, Numbers::One),
    ("TILE_HORIZON_OCCLUSION_POINT", "VEC3", &FLOATS, Numbers::One),
    ("CONTENT_BOUNDING_BOX", "SCALAR", &FLOATS, Numbers::Just(12)),
    ("CONTENT_BOUNDING_REGION", "SCALAR", &FLOATS, Numbers::Just(6)),
    ("CONTENT_BOUNDING_SPHERE", "SCALAR", &FLOATS, Numbers::Just(4)),
    ("CONTENT_BOUNDING_S2_CELL", "SCALAR", &["UINT64"], Numbers::One),
    ("CONTENT_MINIMUM_HEIGHT", "SCALAR", &FLOATS, Numbers::One),
    ("CONTENT_MAXIMUM_HEIGHT", "SCALAR", &FLOATS, Numbers::One),
    ("CONTENT_HORIZON_OCCLUSION_POINT", "VEC3", &FLOATS, Numbers::One),
    ("TILE_GEOMETRIC_ERROR", "SCALAR", &FLOATS, Numbers::One),
    ("TILE_REFINE", "SCALAR", &["UINT8"], Numbers::One),
    ("TILE_TRANSFORM", "MAT4", &FLOATS, Numbers::One),
    ("CONTENT_URI", "STRING", &[], Numbers::One),
    ("CONTENT_GROUP_ID", "SCALAR", &UNSIGNED, Numbers::One),
];
const FLOATS: [&str; 2] = ["FLOAT32", "FLOAT64"];
const UNSIGNED: [&str; 4] = ["UINT8", "UINT16", "UINT32", "UINT64"];

fn check_semantic(property: &Map<String, Json>, path: &str, findings: &mut Findings) {
    let Some(semantic) = property.get("semantic").and_then(Json::as_str) else { return };
    let Some((_, kind, component, count)) = SEMANTICS.iter().find(|known| known.0 == semantic) else {
        return findings.warning("METADATA_SEMANTIC_UNKNOWN", path, format!("the semantic '{semantic}' is not known"));
    };
    let text = |key: &str| property.get(key).and_then(Json::as_str);
    let is_array = property.get("array") == Some(&Json::Bool(true));
    let length = property.get("count").and_then(Json::as_i64);
    let numbers = match length {
        _ if !is_array => Numbers::One,
        None => Numbers::Any,
        Some(length) => Numbers::Just(length),
    };
    let fits = text("type") == Some(*kind)
        && text("componentType").map_or(component.is_empty(), |own| component.contains(&own))
        && numbers == *count
        && property.get("normalized") != Some(&Json::Bool(true));
    if !fits {
        let message = format!("is not of the type that the semantic '{semantic}' has");
        findings.error("METADATA_SEMANTIC_INVALID", path, message);
    }
}

/// The shape that a value of a property has in JSON.
pub struct Shape<'a> {
    pub kind: &'a str,
    pub array: bool,
    pub count: Option<i64>,
}

impl Shape<'_> {
    pub fn check(&self, value: Option<&Json>, path: &str, findings: &mut Findings) {
        let Some(value) = value else { return };
        if !self.array {
            return self.element(value, path, findings);
        }
        let Some(elements) = findings.array(value, path, 0) else { return };
        if self.count.is_some_and(|count| count != elements.len() as i64) {
            findings.error("ARRAY_LENGTH_MISMATCH", path, "is not as long as the property's count");
            return;
        }
        for (i, element) in elements.iter().enumerate() {
            if components(self.kind) == 1 && !element.is_number() {
                findings.error("ARRAY_ELEMENT_TYPE_MISMATCH", &format!("{path}/{i}"), "is no number");
            } else {
                self.element(element, &format!("{path}/{i}"), findings);
            }
        }
    }

    fn element(&self, value: &Json, path: &str, findings: &mut Findings) {
        match components(self.kind) {
            0 if self.kind == "BOOLEAN" => _ = findings.boolean(value, path),
            0 => _ = findings.string(value, path),
            1 => _ = findings.number(value, path, f64::MIN),
            count => _ = findings.numbers(value, path, count),
        }
    }
}
