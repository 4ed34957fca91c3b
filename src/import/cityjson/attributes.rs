//! Attributes and addresses, flattened to names and values.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::city::Value;
use crate::formats::json_documents::Entries;

/// Objects inside objects are followed this deep; deeper ones are kept as their JSON text.
const MAX_DEPTH: usize = 4;

/// Attributes in the order of the file. An object inside becomes one attribute a member (`owner.name`), an array its JSON
/// text; nulls are left out. Attributes that cannot be read are told by name.
pub(in crate::import) fn attributes(entries: &Entries<'_>) -> (Vec<(Arc<str>, Value)>, Vec<String>) {
    let (mut found, mut bad) = (Vec::new(), Vec::new());
    for (name, raw) in &entries.0 {
        match serde_json::from_str::<Json>(raw.get()) {
            Ok(json) => flatten(name, json, 0, &mut found),
            Err(error) => bad.push(format!("{name}: {error}")),
        }
    }
    (found, bad)
}

/// Addresses as attributes: `address.Country` of the first, `address2.Country` of the second.
pub(super) fn addresses(raw: &str) -> Vec<(Arc<str>, Value)> {
    let list = match serde_json::from_str(raw) {
        Ok(Json::Array(list)) => list,
        Ok(one) => vec![one],
        Err(_) => Vec::new(),
    };
    let mut found = Vec::new();
    for (index, mut address) in list.into_iter().enumerate() {
        if let Json::Object(members) = &mut address {
            members.remove("location");
        }
        let name = if index == 0 { "address".to_owned() } else { format!("address{}", index + 1) };
        flatten(&name, address, 0, &mut found);
    }
    found
}

fn flatten(name: &str, json: Json, depth: usize, found: &mut Vec<(Arc<str>, Value)>) {
    let value = match json {
        Json::Null => return,
        Json::Object(members) if depth < MAX_DEPTH => {
            for (member, json) in members {
                flatten(&format!("{name}.{member}"), json, depth + 1, found);
            }
            return;
        }
        other => value(&other),
    };
    found.push((Arc::from(name), value));
}

/// One value; lists and what is too deep as JSON text.
pub(in crate::import) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => number.as_f64().map_or(Value::Null, Value::from),
        },
        Json::String(words) => Value::from(words.as_str()),
        other => Value::Text(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_gets_a_longer_name() {
        let entries: Entries<'_> =
            serde_json::from_str(r#"{"a": {"b": 1, "c": [1, 2]}, "d": null, "e": "x"}"#).unwrap();
        let (found, bad) = attributes(&entries);
        let expected = [("a.b", Value::Int(1)), ("a.c", Value::from("[1,2]")), ("e", Value::from("x"))];
        assert_eq!(found, expected.map(|(name, value)| (Arc::from(name), value)));
        assert!(bad.is_empty());
    }

    #[test]
    fn several_addresses() {
        let found = addresses(r#"[{"Country": "Canada", "location": {}}, {"Country": "China"}]"#);
        let expected = [("address.Country", Value::from("Canada")), ("address2.Country", Value::from("China"))];
        assert_eq!(found, expected.map(|(name, value)| (Arc::from(name), value)));
    }
}
