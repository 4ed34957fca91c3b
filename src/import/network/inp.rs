//! `.inp` files, which EPANET and SWMM share: sections with a heading, rows of words, comments after `;`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use encoding_rs::{GBK, WINDOWS_1252};

use crate::city::Value;

/// Larger ones are no network: the largest that are known have some 50 MB.
pub(super) const MAX_BYTES: u64 = 128 << 20;

/// Sections in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Inp<'t> {
    sections: Vec<Section<'t>>,
}

/// One heading and its rows. A section may come several times.
#[derive(Debug)]
struct Section<'t> {
    /// As the file writes it, without brackets, in capitals.
    name: String,
    rows: Vec<Row<'t>>,
}

/// The words of a line, without its comment; at least one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row<'t> {
    /// From one.
    pub(super) line: usize,
    pub(super) words: Vec<&'t str>,
}

impl<'t> Inp<'t> {
    pub(super) fn parse(text: &'t str) -> Self {
        let mut inp = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.split(';').next().unwrap_or_default().trim();
            if let Some(heading) = heading(line) {
                inp.sections.push(Section { name: heading, rows: Vec::new() });
                continue;
            }
            let Some(section) = inp.sections.last_mut() else { continue };
            let words = words(line);
            if !words.is_empty() {
                section.rows.push(Row { line: index + 1, words });
            }
        }
        inp
    }

    /// The rows of all sections of a name. As in both programs its first letters count: `[JUNC]` is `[JUNCTIONS]`.
    pub(super) fn rows(&self, name: &str) -> impl Iterator<Item = &Row<'t>> {
        self.sections.iter().filter(move |section| is_called(&section.name, name)).flat_map(|section| &section.rows)
    }

    /// The first row of each id in the sections of a name.
    pub(super) fn by_id(&self, name: &str) -> HashMap<&'t str, &Row<'t>> {
        let mut rows = HashMap::new();
        self.rows(name).for_each(|row| _ = rows.entry(row.word(0)).or_insert(row));
        rows
    }

    /// The value of a word in a section of options.
    pub(super) fn option(&self, section: &str, key: &str) -> Option<&'t str> {
        let row = self.rows(section).find(|row| row.word(0).eq_ignore_ascii_case(key))?;
        Some(row.word(1)).filter(|value| !value.is_empty())
    }

    /// Sections with rows that have none of these names, each once with the number of its rows.
    pub(super) fn others(&self, names: &[&str]) -> BTreeMap<&str, usize> {
        let mut found = BTreeMap::new();
        let other = |section: &&Section<'_>| !names.iter().any(|name| is_called(&section.name, name));
        for section in self.sections.iter().filter(other).filter(|section| !section.rows.is_empty()) {
            *found.entry(section.name.as_str()).or_default() += section.rows.len();
        }
        found
    }
}

/// Letters of a heading that tell it from all others of both programs.
const TELLING_LETTERS: usize = 5;

fn is_called(heading: &str, name: &str) -> bool {
    let letters = |text: &str| text.char_indices().nth(TELLING_LETTERS).map_or(text.len(), |(end, _)| end);
    let telling = &name[..letters(name)];
    // INLETS and INLET_USAGE are alike for six letters.
    heading == name
        || (heading.starts_with(telling) || heading.len() >= 4 && name.starts_with(heading)) && !heading.contains('_')
}

/// The name of a section that a line begins.
pub(super) fn heading(line: &str) -> Option<String> {
    let name = line.trim().strip_prefix('[')?;
    Some(name.split(']').next().unwrap_or(name).trim().to_ascii_uppercase())
}

/// Words parted by blanks; quoted ones may have blanks inside.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (word, after) = quoted.unwrap_or_else(|| match rest.find(char::is_whitespace) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        });
        words.push(word);
        rest = after.trim_start();
    }
    words
}

impl<'t> Row<'t> {
    /// A word; empty beyond the end.
    pub(super) fn word(&self, index: usize) -> &'t str {
        self.words.get(index).copied().unwrap_or_default()
    }

    /// A finite number.
    pub(super) fn number(&self, index: usize) -> Option<f64> {
        number(self.word(index))
    }

    /// The words from `first` on under their names, numbers as such; words beyond the names are left out.
    pub(super) fn attributes(&self, first: usize, names: &[&'static str]) -> Vec<(&'static str, Value)> {
        let words = self.words.iter().skip(first);
        names.iter().copied().zip(words.map(|word| value(word))).filter(|(_, value)| !value.is_null()).collect()
    }

    /// The words from an index on.
    pub(super) fn rest(&self, first: usize) -> String {
        self.words.iter().skip(first).copied().collect::<Vec<_>>().join(" ")
    }
}

pub(super) fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A word as it is meant: a number where it is one.
pub(super) fn value(word: &str) -> Value {
    if word.is_empty() || word == "*" {
        return Value::Null;
    }
    word.parse().map(Value::Int).ok().or_else(|| number(word).map(Value::Float)).unwrap_or_else(|| Value::from(word))
}

/// The text of a file: Unicode, else what its bytes look like. Characters of GB 2312 are two high bytes together, letters
/// with accents stand alone.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default()).0;
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let high = bytes.iter().filter(|byte| **byte >= 0xa1).count();
    let runs = bytes.chunk_by(|a, b| (*a >= 0xa1) == (*b >= 0xa1)).filter(|run| run.first() >= Some(&0xa1));
    let paired: usize = runs.map(|run| run.len() / 2 * 2).sum();
    let encoding = if paired * 2 > high { GBK } else { WINDOWS_1252 };
    encoding.decode_without_bom_handling(bytes).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_rows_and_comments() {
        let inp = Inp::parse(
            "words before\n[TITLE]\nA [net]\n[JUNC]\n;ID Elev\n 10 \t 710 ; a comment\n\n[Junctions]\n\"a b\" 1e3 * x\n[CURVES]\n1 2\n[CURVES]\n1 3\n",
        );
        let rows: Vec<&Row<'_>> = inp.rows("JUNCTIONS").collect();
        assert_eq!((rows[0].line, rows[0].word(0), rows[0].number(1)), (6, "10", Some(710.0)));
        assert_eq!((rows[1].word(0), rows[1].word(9)), ("a b", ""));
        let attributes = rows[1].attributes(1, &["Elev", "Demand", "Pattern", "More"]);
        assert_eq!(attributes, [("Elev", Value::Float(1000.0)), ("Pattern", Value::from("x"))]);
        assert_eq!(inp.others(&["TITLE", "JUNCTIONS"]), BTreeMap::from([("CURVES", 2)]));
        assert_eq!(inp.rows("CONTROLS").count(), 0);
    }

    #[test]
    fn headings_are_told_apart() {
        for (heading, name, expected) in [
            ("JUNCTIONS", "JUNCTIONS", true),
            ("COORD", "COORDINATES", true),
            ("POLYGONS", "POLLUTANTS", false),
            ("INLET_USAGE", "INLETS", false),
            ("INLETS", "INLETS", true),
            ("CONTROLS", "CONDUITS", false),
            ("OUTLETS", "OUTFALLS", false),
            ("TAGS", "TAGS", true),
            ("T", "TAGS", false),
            ("管网管网管网", "PIPES", false),
        ] {
            assert_eq!(is_called(heading, name), expected, "{heading} {name}");
        }
    }

    #[test]
    fn words_in_other_encodings() {
        assert_eq!(decode("管道".as_bytes()), "管道");
        assert_eq!(decode(b"\xef\xbb\xbfa"), "a");
        assert_eq!(decode(b"\xb9\xdc\xb5\xc0 J1"), "管道 J1");
        assert_eq!(decode(b"Stra\xdfe Z\xfcrich"), "Straße Zürich");
        assert_eq!(decode(b"a\x00\xff"), "a\u{0}ÿ");
    }
}
