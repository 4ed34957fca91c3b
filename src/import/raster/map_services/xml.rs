//! A capabilities document as a small tree.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements deeper than this are no capabilities.
const DEEPEST: usize = 64;
/// Elements of the largest document that is read.
const MOST_ELEMENTS: usize = 500_000;

/// An element without its namespaces: documents of one service do not use one name in two of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Element {
    /// Its name.
    pub name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Reads a document.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = Reader::from_reader(bytes);
        let (mut open, mut count) = (vec![Self::default()], 0);
        loop {
            let at = reader.buffer_position();
            let event = reader.read_event().map_err(|error| format!("{error} at byte {at}"))?;
            match event {
                Event::Start(tag) => {
                    count += 1;
                    if open.len() > DEEPEST || count > MOST_ELEMENTS {
                        return Err("its elements are nested too deeply, or too many".to_owned());
                    }
                    open.push(Self::of(&tag));
                }
                Event::Empty(tag) => {
                    count += 1;
                    if let Some(parent) = open.last_mut().filter(|_| count <= MOST_ELEMENTS) {
                        parent.children.push(Self::of(&tag));
                    }
                }
                Event::End(_) => {
                    if let (Some(done), Some(parent)) = (open.pop(), open.last_mut()) {
                        parent.children.push(done);
                    }
                }
                Event::Text(text) => Self::add(&mut open, &String::from_utf8_lossy(&text)),
                Event::CData(text) => Self::add(&mut open, &String::from_utf8_lossy(&text)),
                Event::GeneralRef(name) => {
                    let written = format!("&{};", String::from_utf8_lossy(&name));
                    Self::add(&mut open, &quick_xml::escape::unescape(&written).unwrap_or_default());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let root = open.into_iter().next().and_then(|root| root.children.into_iter().next());
        root.ok_or_else(|| "it has no element".to_owned())
    }

    fn of(tag: &BytesStart<'_>) -> Self {
        let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let attributes = tag.attributes().flatten().map(|attribute| {
            let value = word(&attribute.value);
            let value = quick_xml::escape::unescape(&value).map_or_else(|_| value.clone(), |value| value.into_owned());
            (word(attribute.key.local_name().as_ref()), value)
        });
        Self { name: word(tag.local_name().as_ref()), attributes: attributes.collect(), ..Self::default() }
    }

    fn add(open: &mut [Self], words: &str) {
        if let Some(here) = open.last_mut() {
            here.text.push_str(words);
        }
    }

    /// The children of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child below child of these names.
    pub fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |here, name| here.children.iter().find(|child| child.name == *name))
    }

    /// The words of the first child below child of these names, trimmed; empty where there is none.
    pub fn words(&self, path: &[&str]) -> &str {
        self.find(path).map_or("", |found| found.text.trim())
    }

    /// Numbers in the words of a child.
    pub fn numbers(&self, path: &[&str]) -> Vec<f64> {
        self.words(path).split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }

    /// Its own words, trimmed.
    pub fn own_words(&self) -> &str {
        self.text.trim()
    }

    /// An attribute, whatever its namespace.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_a_tree() {
        let text = br#"<?xml version="1.0"?><a:Root xmlns:a="x"><b href="?x=1&amp;y=2"> 1 2 </b><b>A &amp; B<![CDATA[ & C]]></b><c/></a:Root>"#;
        let root = Element::read(text).unwrap();
        assert_eq!((root.name.as_str(), root.numbers(&["b"])), ("Root", vec![1.0, 2.0]));
        assert_eq!(root.all("b").map(Element::own_words).collect::<Vec<_>>(), ["1 2", "A & B & C"]);
        assert_eq!(root.find(&["b"]).unwrap().attribute("href"), Some("?x=1&y=2"));
        for text in [&b""[..], b"no", b"<a><b></a>", b"<a", &b"<a>".repeat(100)] {
            let _ = Element::read(text);
        }
        assert!(Element::read(b"<a><b></a>").is_err() && Element::read(b"").is_err());
        assert!(Element::read(&b"<a>".repeat(1000)).is_err());
    }
}
