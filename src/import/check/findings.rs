//! Collects diagnostics, and reads JSON while telling what does not fit.

use serde_json::{Map, Value as Json};

use super::super::{Diagnostic, Place, Severity};
use super::kind;

/// More problems than this in one check are of no use to anybody.
const LIMIT: usize = 1000;

/// Problems found so far, and the file that is being read.
pub struct Findings {
    pub found: Vec<Diagnostic>,
    pub file: String,
}

impl Findings {
    pub fn new(file: &str) -> Self {
        Self { found: Vec::new(), file: file.to_owned() }
    }

    pub fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        self.add(Severity::Error, code, path, message.into());
    }

    pub fn warning(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        self.add(Severity::Warning, code, path, message.into());
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    fn add(&mut self, severity: Severity, code: &'static str, path: &str, message: String) {
        if self.found.len() < LIMIT {
            let detail = (!path.is_empty()).then(|| path.to_owned());
            let place = Place { file: self.file.clone(), object: None, detail };
            self.found.push(Diagnostic { severity, code, message, place });
        }
    }

    pub fn parse(&mut self, bytes: &[u8]) -> Option<Json> {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            self.error("IO_ERROR", "", "starts with a byte order mark");
            return None;
        }
        serde_json::from_slice(bytes).map_err(|e| self.error("JSON_PARSE_ERROR", "", e.to_string())).ok()
    }

    fn mismatch(&mut self, path: &str, value: &Json, wanted: &str) {
        self.error("TYPE_MISMATCH", path, format!("should be {wanted} but is {}", kind(value)));
    }

    pub fn object<'v>(&mut self, value: &'v Json, path: &str) -> Option<&'v Map<String, Json>> {
        if !value.is_object() {
            self.mismatch(path, value, "an object");
        }
        value.as_object()
    }

    /// A property that must be there.
    pub fn required<'v>(&mut self, map: &'v Map<String, Json>, key: &str, path: &str) -> Option<&'v Json> {
        let value = map.get(key);
        if value.is_none() {
            self.error("PROPERTY_MISSING", path, format!("has no '{key}'"));
        }
        value
    }

    pub fn string<'v>(&mut self, value: &'v Json, path: &str) -> Option<&'v str> {
        if !value.is_string() {
            self.mismatch(path, value, "a string");
        }
        value.as_str()
    }

    /// A string where the property is there.
    pub fn optional_string<'v>(&mut self, map: &'v Map<String, Json>, key: &str, path: &str) -> Option<&'v str> {
        let value = map.get(key)?;
        self.string(value, &format!("{path}/{key}"))
    }

    pub fn boolean(&mut self, value: &Json, path: &str) -> Option<bool> {
        if !value.is_boolean() {
            self.mismatch(path, value, "a boolean");
        }
        value.as_bool()
    }

    /// A number not below `least`.
    pub fn number(&mut self, value: &Json, path: &str, least: f64) -> Option<f64> {
        let Some(number) = value.as_f64() else {
            self.mismatch(path, value, "a number");
            return None;
        };
        if number < least {
            self.error("VALUE_NOT_IN_RANGE", path, format!("{number} is below {least}"));
            return None;
        }
        Some(number)
    }

    /// A whole number not below `least`.
    pub fn integer(&mut self, value: &Json, path: &str, least: i64) -> Option<i64> {
        let whole = value.as_i64().or_else(|| value.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64));
        let Some(number) = whole else {
            self.error("TYPE_MISMATCH", path, format!("should be a whole number but is {value}"));
            return None;
        };
        if number < least {
            self.error("VALUE_NOT_IN_RANGE", path, format!("{number} is below {least}"));
            return None;
        }
        Some(number)
    }

    /// One of some words.
    pub fn one_of<'v>(&mut self, value: &'v Json, path: &str, words: &[&str]) -> Option<&'v str> {
        let word = value.as_str().filter(|word| words.contains(word));
        if word.is_none() {
            self.error("VALUE_NOT_IN_LIST", path, format!("{value} is none of {}", words.join(", ")));
        }
        word
    }

    /// An array of at least `least` elements.
    pub fn array<'v>(&mut self, value: &'v Json, path: &str, least: usize) -> Option<&'v [Json]> {
        let Some(array) = value.as_array() else {
            self.mismatch(path, value, "an array");
            return None;
        };
        if array.len() < least {
            self.error("ARRAY_LENGTH_MISMATCH", path, format!("has {} elements, at least {least} needed", array.len()));
            return None;
        }
        Some(array)
    }

    /// Elements of an array that must be objects, each with its path.
    pub fn objects<'v>(&mut self, value: &'v Json, path: &str, least: usize) -> Vec<(String, &'v Map<String, Json>)> {
        let array = self.array(value, path, least).unwrap_or_default();
        let mut objects = Vec::with_capacity(array.len());
        for (i, element) in array.iter().enumerate() {
            let path = format!("{path}/{i}");
            match element.as_object() {
                Some(object) => objects.push((path, object)),
                None => {
                    let message = format!("should be an object but is {}", kind(element));
                    self.error("ARRAY_ELEMENT_TYPE_MISMATCH", &path, message);
                }
            }
        }
        objects
    }

    /// Exactly `count` numbers.
    pub fn numbers(&mut self, value: &Json, path: &str, count: usize) -> Option<Vec<f64>> {
        let array = self.array(value, path, 0)?;
        if array.len() != count {
            self.error("ARRAY_LENGTH_MISMATCH", path, format!("has {} elements, {count} needed", array.len()));
            return None;
        }
        let numbers: Option<Vec<f64>> = array.iter().map(Json::as_f64).collect();
        if numbers.is_none() {
            self.error("ARRAY_ELEMENT_TYPE_MISMATCH", path, "has an element that is no number");
        }
        numbers
    }

    /// Distinct strings, at least one.
    pub fn distinct_strings<'v>(&mut self, value: &'v Json, path: &str) -> Vec<&'v str> {
        let array = self.array(value, path, 1).unwrap_or_default();
        let mut strings = Vec::new();
        for element in array {
            match element.as_str() {
                None => self.error("ARRAY_ELEMENT_TYPE_MISMATCH", path, format!("{element} is no string")),
                Some(text) if strings.contains(&text) => {
                    self.error("ARRAY_ELEMENT_NOT_UNIQUE", path, format!("has '{text}' twice"));
                }
                Some(text) => strings.push(text),
            }
        }
        strings
    }

    /// `extensions` and `extras`, which anything may have.
    pub fn common(&mut self, map: &Map<String, Json>, path: &str) {
        if let Some(extensions) = map.get("extensions") {
            let path = format!("{path}/extensions");
            for (name, value) in self.object(extensions, &path).into_iter().flatten() {
                self.object(value, &format!("{path}/{name}"));
            }
        }
        if map.get("extras").is_some_and(|extras| !extras.is_object()) {
            self.warning("TYPE_UNEXPECTED", &format!("{path}/extras"), "should be an object");
        }
    }
}

/// A metadata identifier: a letter or underscore, then letters, digits and underscores.
pub fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
