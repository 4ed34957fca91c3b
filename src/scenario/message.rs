//! Words for people with expressions in them.

use crate::city::{Expression, Scope};

/// The text with every `{expression}` replaced by its value; what is no expression stays as it is written.
pub fn filled(text: &str, scope: &dyn Scope) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((inner, behind)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match Expression::parse(inner) {
            Ok(expression) => out.push_str(&expression.evaluate(scope).to_string()),
            Err(_) => out.extend(["{", inner, "}"]),
        }
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::Value;

    #[test]
    fn expressions_are_filled_in() {
        let scope = |name: &str| if name == "value" { Value::from(1.234) } else { Value::Null };
        assert_eq!(filled("level {format(value, 1)} m {", &scope), "level 1.2 m {");
        assert_eq!(filled("{+} 水位", &scope), "{+} 水位");
    }
}
