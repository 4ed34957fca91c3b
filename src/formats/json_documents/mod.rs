//! JSON files of one document or many, read without building a tree: documents as text with their line, the entries of an
//! object in order and unread. CityJSON and GeoJSON are read through this.

mod entries;

pub use entries::Entries;
use serde_json::value::RawValue;

/// One JSON document of a file, and the line it starts on (from 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The document.
    pub json: &'a str,
    /// Line of its first character.
    pub line: usize,
}

/// The documents of a file. Where the first line is a document of its own and others follow, each line is one, so that a
/// damaged line leaves the others; else they are taken one after another until something is not JSON, which is then the last.
pub fn documents(text: &str) -> Vec<Text<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let first_is_whole = lines.next().is_some_and(|(_, line)| serde_json::from_str::<&RawValue>(line).is_ok());
    if first_is_whole {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        return lines.map(|(index, json)| Text { json, line: index + 1 }).collect();
    }
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.trim().is_empty()) {
        let blank = rest.len() - rest.trim_start().len();
        line += rest[..blank].matches('\n').count();
        let rest = &rest[blank..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let length = match stream.next() {
            Some(Ok(_)) => stream.byte_offset(),
            _ => rest.len(),
        };
        let json = rest.get(..length).unwrap_or(rest);
        found.push(Text { json, line });
        line += json.matches('\n').count();
        at += blank + length.max(1);
    }
    found
}

impl<'a> Text<'a> {
    /// An error of this document with the line in the file.
    pub fn explain(&self, error: &serde_json::Error) -> String {
        let plain = without_line(error);
        if error.line() == 0 {
            return plain;
        }
        format!("{plain} (line {}, column {})", self.line + error.line() - 1, error.column())
    }
}

/// The words of an error without its line, which in a part of a file counts from the start of that part and misleads.
pub fn without_line(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.rsplit_once(" at line ").map_or(words.clone(), |(plain, _)| plain.to_owned())
}
