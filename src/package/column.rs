//! One attribute of all objects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::city::Value;

/// Words one after the other in one string: opened without an allocation a word.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Words {
    text: String,
    ends: Vec<u32>,
}

impl Words {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn push(&mut self, word: &str) {
        self.text.push_str(word);
        self.ends.push(self.text.len() as u32);
    }

    /// Word `i`; empty where there is none.
    pub fn get(&self, i: usize) -> &str {
        let start = if i == 0 { Some(0) } else { self.ends.get(i - 1).map(|e| *e as usize) };
        let end = self.ends.get(i).map(|e| *e as usize);
        start.zip(end).and_then(|(start, end)| self.text.get(start..end)).unwrap_or("")
    }
}

/// Values by row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Column {
    Bool(Vec<Option<bool>>),
    Int(Vec<Option<i64>>),
    Float(Vec<Option<f64>>),
    /// Each different text once; codes by row, 0 for null, else the text's number plus 1.
    Text(Vec<u32>, Words),
    /// More than one kind.
    Mixed(Vec<Value>),
}

impl Column {
    /// The column of these values in its tightest form.
    pub fn of(values: Vec<Value>) -> Self {
        let all = |test: fn(&Value) -> bool| values.iter().all(|v| v.is_null() || test(v));
        if all(|v| matches!(v, Value::Text(_))) {
            return Self::texts(&values);
        }
        if all(|v| matches!(v, Value::Float(_))) {
            return Self::Float(values.iter().map(Value::number).collect());
        }
        if all(|v| matches!(v, Value::Int(_))) {
            let int = |v: &Value| if let Value::Int(i) = v { Some(*i) } else { None };
            return Self::Int(values.iter().map(int).collect());
        }
        if all(|v| matches!(v, Value::Bool(_))) {
            let bool = |v: &Value| if let Value::Bool(b) = v { Some(*b) } else { None };
            return Self::Bool(values.iter().map(bool).collect());
        }
        Self::Mixed(values)
    }

    fn texts(values: &[Value]) -> Self {
        let mut numbers: BTreeMap<&str, u32> = values.iter().filter_map(Value::text).map(|t| (t, 0)).collect();
        let mut words = Words::default();
        for (word, number) in &mut numbers {
            words.push(word);
            *number = words.len() as u32;
        }
        Self::Text(values.iter().map(|v| v.text().map_or(0, |t| numbers[t])).collect(), words)
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Bool(v) => v.len(),
            Self::Int(v) => v.len(),
            Self::Float(v) => v.len(),
            Self::Text(v, _) => v.len(),
            Self::Mixed(v) => v.len(),
        }
    }

    pub fn get(&self, row: usize) -> Value {
        match self {
            Self::Bool(v) => v.get(row).copied().flatten().map_or(Value::Null, Value::Bool),
            Self::Int(v) => v.get(row).copied().flatten().map_or(Value::Null, Value::Int),
            Self::Float(v) => v.get(row).copied().flatten().map_or(Value::Null, Value::from),
            Self::Text(..) => self.text(row).map_or(Value::Null, Value::from),
            Self::Mixed(v) => v.get(row).cloned().unwrap_or_default(),
        }
    }

    /// The text at `row` of a text column.
    pub fn text(&self, row: usize) -> Option<&str> {
        let Self::Text(codes, words) = self else { return None };
        let code = codes.get(row).filter(|code| **code > 0)?;
        Some(words.get(*code as usize - 1))
    }
}
