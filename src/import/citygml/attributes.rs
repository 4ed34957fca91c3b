//! Attributes: standard ones, generic ones, and those of extensions, flattened to names and values.

use std::collections::HashMap;
use std::sync::Arc;

use super::codelists::Meaning;
use super::findings::Findings;
use super::scope::Scope;
use super::tree::{Element, Space};
use crate::city::Value;

/// An attribute that occurs more often in one object is left out from there on.
const MAX_REPEATS: u32 = 32;
/// Attributes that are words even where they are written with digits: codes and names.
const WORDS: &[&str] =
    &["class", "function", "usage", "roofType", "species", "name", "description", "identifier", "surfaceMaterial"];

/// The attributes of one object, in the order of the file. One that occurs again is numbered: `usage`, `usage2`.
#[derive(Debug, Default)]
pub(super) struct AttributeList {
    pub(super) list: Vec<(Arc<str>, Value)>,
    times: HashMap<String, u32>,
    left_out: u64,
}

/// Where attributes are read: the file, and who is told.
pub(super) struct Reading<'r, 's> {
    pub(super) scope: &'s Scope<'s>,
    pub(super) findings: &'r mut Findings,
}

impl AttributeList {
    /// A name that is not taken yet; `None` where there are too many of it.
    pub(super) fn unique(&mut self, name: &str) -> Option<String> {
        let times = self.times.entry(name.to_owned()).or_default();
        *times += 1;
        match *times {
            1 => Some(name.to_owned()),
            times if times <= MAX_REPEATS => Some(format!("{name}{times}")),
            _ => {
                self.left_out += 1;
                None
            }
        }
    }

    /// Adds a value; nothing where it is not known.
    pub(super) fn put(&mut self, name: &str, value: Value) {
        if !value.is_null() && value.text() != Some("") {
            self.list.push((Arc::from(name), value));
        }
    }

    /// Adds words to those that the attribute has.
    pub(super) fn append(&mut self, name: &str, words: &str, between: &str) {
        match self.list.iter_mut().find(|(key, _)| **key == *name) {
            Some((_, Value::Text(text))) => {
                text.push_str(between);
                text.push_str(words);
            }
            _ => self.put(name, Value::from(words)),
        }
    }

    /// Attributes that are there, and a word about those that are not.
    pub(super) fn finish(self, findings: &mut Findings) -> Vec<(Arc<str>, Value)> {
        if self.left_out > 0 {
            let message = format!("{} attributes that occur more than {MAX_REPEATS} times are left out", self.left_out);
            findings.skip("attributes-left-out", message);
        }
        self.list
    }

    /// Adds what a property holds.
    pub(super) fn property(&mut self, property: Element<'_>, reading: &mut Reading<'_, '_>) {
        match property.name() {
            "stringAttribute"
            | "intAttribute"
            | "doubleAttribute"
            | "dateAttribute"
            | "uriAttribute"
            | "measureAttribute"
            | "genericAttributeSet" => self.generic(property, "", reading),
            "genericAttribute" => property.children().for_each(|child| self.generic(child, "", reading)),
            name => self.flatten(property, name, reading),
        }
    }

    /// A generic attribute or a set of them; sets have longer names (`flood.depth`).
    fn generic(&mut self, element: Element<'_>, before: &str, reading: &mut Reading<'_, '_>) {
        let child_name = || element.child("name").map(Element::text);
        let Some(label) = element.attribute("name").or_else(child_name) else { return };
        let Some(name) = self.unique(&format!("{before}{label}")) else { return };
        let kind = element.name().to_ascii_lowercase();
        if kind == "genericattributeset" {
            let before = format!("{name}.");
            for child in element.children() {
                if child.name() == "genericAttribute" {
                    child.children().for_each(|child| self.generic(child, &before, reading));
                } else if child.name().ends_with("Attribute") || child.name().ends_with("AttributeSet") {
                    self.generic(child, &before, reading);
                }
            }
            return;
        }
        let Some(value) = element.child("value") else { return };
        let text = value.text();
        let typed = match kind.as_str() {
            "intattribute" => text.parse().map(Value::Int).ok(),
            "doubleattribute" | "measureattribute" => text.parse().map(|number: f64| Value::from(number)).ok(),
            "codeattribute" => {
                self.coded(&name, value, &text, reading);
                return;
            }
            _ => None,
        };
        self.put(&name, typed.unwrap_or_else(|| Value::from(text.as_ref())));
        self.unit(&name, value);
    }

    fn unit(&mut self, name: &str, element: Element<'_>) {
        if let Some(unit) = element.attribute("uom") {
            self.put(&format!("{name}_uom"), Value::from(unit.trim_start_matches('#')));
        }
    }

    /// A property with all inside: names of properties are joined by dots, those of types between them are left out.
    fn flatten(&mut self, property: Element<'_>, name: &str, reading: &mut Reading<'_, '_>) {
        if property.attribute("nil").is_some_and(|nil| nil == "true" || nil == "1") {
            return;
        }
        if !property.is_leaf() {
            if let Some(name) = self.unique(name) {
                self.fields(property, &name, reading);
            }
            return;
        }
        let text = property.text();
        match property.attribute("href") {
            Some(href) if text.is_empty() => self.append(name, href.trim_start_matches('#'), " "),
            _ if text.is_empty() => {}
            _ => {
                if let Some(name) = self.unique(name) {
                    self.leaf(&name, property, &text, reading);
                }
            }
        }
    }

    /// What is inside a property or type.
    pub(super) fn fields(&mut self, element: Element<'_>, name: &str, reading: &mut Reading<'_, '_>) {
        for child in element.children() {
            let is_type = child.name().starts_with(|c: char| c.is_ascii_uppercase());
            if child.space() == Space::Gml && is_type {
                let message = format!("a geometry that is an attribute ({name}) is left out");
                reading.findings.note("attribute-geometry-left-out", message);
            } else if is_type && child.id().is_some() && child.space() != Space::City {
                let message = format!("an object of an extension, {}, is left out", child.name());
                reading.findings.note("extension-object-left-out", message);
            } else if is_type && !child.is_leaf() {
                self.fields(child, name, reading);
            } else if is_type {
                self.leaf(name, child, &child.text(), reading);
            } else {
                self.flatten(child, &format!("{name}.{}", child.name()), reading);
            }
        }
    }

    fn leaf(&mut self, name: &str, element: Element<'_>, text: &str, reading: &mut Reading<'_, '_>) {
        if element.has_attributes() {
            if element.attribute("codeSpace").is_some() {
                return self.coded(name, element, text, reading);
            }
            if let (Some(_), Ok(number)) = (element.attribute("uom"), text.parse::<f64>()) {
                self.put(name, Value::from(number));
                return self.unit(name, element);
            }
        }
        let is_word = WORDS.contains(&element.name()) && element.space() != Space::Foreign;
        self.put(name, if is_word { Value::from(text) } else { typed(text) });
    }

    /// A code: its words with the code beside them where a list has it, else the code.
    fn coded(&mut self, name: &str, element: Element<'_>, code: &str, reading: &mut Reading<'_, '_>) {
        let space = element.attribute("codeSpace").unwrap_or_default();
        match reading.scope.codelists.meaning(reading.scope.name, &space, code) {
            Meaning::Words(words) => {
                self.put(name, Value::from(words.as_str()));
                self.put(&format!("{name}_code"), Value::from(code));
                return;
            }
            Meaning::Missing(list) => {
                reading.findings.note("codelist-missing", format!("there is no code list '{list}'; codes stay codes"));
            }
            Meaning::Unknown => {}
        }
        self.put(name, Value::from(code));
    }

    /// An address: `address.Country` of the first, `address2.Country` of the second. Names are those of xAL's elements; where
    /// these are only general (`NameElement`), those of what they are in.
    pub(super) fn address(&mut self, address: Element<'_>) {
        let Some(name) = self.unique("address") else { return };
        let Some(details) = address.children().find(|child| child.name() == "xalAddress") else { return };
        self.address_parts(details, &name, "");
    }

    fn address_parts(&mut self, element: Element<'_>, name: &str, owner: &str) {
        for part in element.children() {
            let label = match part.name() {
                "NameElement" | "Identifier" if !owner.is_empty() => owner.to_owned(),
                "Number" => format!("{owner}Number"),
                other => other.to_owned(),
            };
            if part.is_leaf() {
                let words = part.text();
                if !words.is_empty() {
                    self.append(&format!("{name}.{label}"), &words, ", ");
                }
            } else {
                self.address_parts(part, name, part.name());
            }
        }
    }

    /// A Dynamizer (CityGML 3.0, 7.9): what it is about, and its series as JSON, `[["2019-01",1454.63],...]`.
    pub(super) fn dynamizer(&mut self, dynamizer: Element<'_>, reading: &mut Reading<'_, '_>) {
        let Some(name) = self.unique("dynamizer") else { return };
        if let Some(id) = dynamizer.id() {
            self.put(&format!("{name}.id"), Value::from(id.as_ref()));
        }
        let mut series = Vec::new();
        for pair in dynamizer.descendants().filter(|element| element.name() == "TimeValuePair") {
            let time = pair.child("timestamp").map(Element::text).unwrap_or_default();
            let value = pair.children().find(|child| child.name().ends_with("Value") && child.is_leaf());
            let value = value.map_or(Value::Null, |value| typed(&value.text()));
            series.push(serde_json::json!([time, serde_json::Value::from(&value)]));
        }
        self.dynamizer_parts(dynamizer, &name, reading);
        if !series.is_empty() {
            self.put(&format!("{name}.series"), Value::Text(serde_json::Value::from(series).to_string()));
        }
    }

    fn dynamizer_parts(&mut self, element: Element<'_>, name: &str, reading: &mut Reading<'_, '_>) {
        for child in element.children() {
            match child.name() {
                "timeValuePair" => {}
                "dynamicData"
                | "timeseries"
                | "component"
                | "TimeseriesComponent"
                | "CompositeTimeseries"
                | "GenericTimeseries" => self.dynamizer_parts(child, name, reading),
                part => self.flatten(child, &format!("{name}.{part}"), reading),
            }
        }
    }
}

/// A value of an attribute whose type nobody says: a number or truth value where it is written as one and in no other way
/// (`007` and `1e5` are words).
fn typed(text: &str) -> Value {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let leading_zero = digits.starts_with('0') && digits.len() > 1 && !digits.starts_with("0.");
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if !plain || leading_zero || !digits.starts_with(|c: char| c.is_ascii_digit()) => Value::from(text),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Value::Int(whole),
            (_, Ok(number)) if text.contains('.') => Value::from(number),
            _ => Value::from(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_are_written_as() {
        for (text, expected) in [
            ("12", Value::Int(12)),
            ("-3.50", Value::Float(-3.5)),
            ("0.5", Value::Float(0.5)),
            ("0", Value::Int(0)),
            ("007", Value::from("007")),
            ("1e5", Value::from("1e5")),
            ("2019-01", Value::from("2019-01")),
            ("99999999999999999999", Value::from("99999999999999999999")),
            ("1.2.3", Value::from("1.2.3")),
            ("-", Value::from("-")),
            (".5", Value::from(".5")),
            ("true", Value::Bool(true)),
        ] {
            assert_eq!(typed(text), expected, "{text}");
        }
    }
}
