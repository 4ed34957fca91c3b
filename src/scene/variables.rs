//! `${VAR}` in the strings of documents.

use std::collections::BTreeMap;

/// Environment variables, handed in by the host: no layer here asks the machine.
pub type Environment = BTreeMap<String, String>;

/// `text` with each `${NAME}` replaced and `$${` read as a plain `${`. Fails with the words for the reader.
pub(super) fn fill_in(text: &str, environment: &Environment) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut missing: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        let Some(end) = after.find('}') else { return Err("'${' without '}' (write '$${' for the characters)".into()) };
        let name = &after[..end];
        out.push_str(before);
        match environment.get(name) {
            Some(value) => out.push_str(value),
            None if missing.contains(&name) => {}
            None => missing.push(name),
        }
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    match &missing[..] {
        [] => Ok(out),
        [name] => Err(format!("the environment variable '{name}' is not set")),
        names => Err(format!("the environment variables '{}' are not set", names.join("', '"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_once_and_names_what_is_missing() {
        let environment = Environment::from([("A".into(), "${B}".into()), ("B".into(), "x".into())]);
        assert_eq!(fill_in("1${A}2${B}3$4", &environment), Ok("1${B}2x3$4".into()), "values are not filled in again");
        assert_eq!(fill_in("$${A}", &environment), Ok("${A}".into()));
        assert!(fill_in("${C}", &environment).unwrap_err().contains("'C'"));
        assert!(fill_in("${C}/${D}/${C}", &environment).unwrap_err().contains("'C', 'D' are not set"));
        assert!(fill_in("${A", &environment).is_err());
    }
}
