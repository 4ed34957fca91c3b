//! Stream patterns: MQTT's wildcards (MQTT 3.1.1, 4.7.1) and named segments.

/// `city/{building}/+/power` or `city/#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPattern {
    segments: Vec<Segment>,
    /// Ends in `#`: any number of further segments, none too.
    open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Any,
    Named(String),
}

impl StreamPattern {
    /// Reads a pattern. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut segments = Vec::new();
        let mut open = false;
        for part in text.split('/') {
            if open {
                return Err("'#' stands for the rest and must be the last segment".to_owned());
            }
            match part {
                "#" => open = true,
                "+" => segments.push(Segment::Any),
                _ => match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                    Some(name) if !name.is_empty() => segments.push(Segment::Named(name.to_owned())),
                    _ if part.contains(['{', '}', '+', '#']) => {
                        return Err(format!("'{part}': a wildcard holds a whole segment"));
                    }
                    _ => segments.push(Segment::Literal(part.to_owned())),
                },
            }
        }
        Ok(Self { segments, open })
    }

    /// The named segments of a stream that matches, in order; `None` where it does not.
    pub fn captures<'p, 's>(&'p self, stream: &'s str) -> Option<Vec<(&'p str, &'s str)>> {
        let mut captures = Vec::new();
        let mut parts = stream.split('/');
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Literal(text) if text != part => return None,
                Segment::Named(name) => captures.push((name.as_str(), part)),
                Segment::Literal(_) | Segment::Any => {}
            }
        }
        (self.open || parts.next().is_none()).then_some(captures)
    }

    /// Whether a segment has this name.
    pub fn names(&self, name: &str) -> bool {
        self.segments.iter().any(|s| matches!(s, Segment::Named(n) if n == name))
    }
}

/// Text with `{name}` in it; `{{` and `}}` are braces themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads a template. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
                literal.push_str(&brace[..1]);
                rest = after;
                continue;
            }
            let Some((name, after)) = brace.strip_prefix('{').and_then(|named| named.split_once('}')) else {
                return Err("a brace is not closed, or not doubled where it is meant itself".to_owned());
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Name(name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    /// The names in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with every name replaced; `None` where a name has no value.
    pub fn fill<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(match part {
                Part::Text(literal) => literal,
                Part::Name(name) => value_of(name)?,
            });
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_those_of_mqtt() {
        for (pattern, stream, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "x/y", true),
            ("+/{n}/p", "x/y/p", true),
            ("+/{n}/p", "x/y/q", false),
        ] {
            assert_eq!(
                StreamPattern::parse(pattern).unwrap().captures(stream).is_some(),
                expected,
                "{pattern} {stream}"
            );
        }
        assert!(StreamPattern::parse("a/#/b").is_err());
        assert!(StreamPattern::parse("a/b{c}").is_err());
        assert!(StreamPattern::parse("a/b+").is_err());
    }

    #[test]
    fn names_fill_templates() {
        let pattern = StreamPattern::parse("city/{building}/{kind}").unwrap();
        let captures = pattern.captures("city/B1/power").unwrap();
        let value = |name: &str| captures.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        assert_eq!(Template::parse("{building}-{kind}!").unwrap().fill(value).unwrap(), "B1-power!");
        assert_eq!(Template::parse("{floor}").unwrap().fill(value), None);
        assert!(Template::parse("{open").is_err());
        assert!(Template::parse("shut}").is_err());
        assert_eq!(Template::parse("{{ADC-7}}").unwrap().fill(value).unwrap(), "{ADC-7}");
        assert_eq!(Template::parse("{{{building}}}").unwrap().fill(value).unwrap(), "{B1}");
    }
}
