//! A small part of an XML document as a tree: a placemark, a schema.

use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Decoder, Reader, XmlVersion};

/// Elements of one part, how deep they nest, and bytes of their texts: more is no placemark.
const MOST: usize = 200_000;
const DEEPEST: usize = 64;
const MOST_TEXT: usize = 64 << 20;

/// An element, its name without prefix.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The text of a child, without blanks around it; `None` where there is none.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }
}

/// What can be wrong: the document ends there, or only this part is too much.
#[derive(Debug)]
pub(super) enum XmlError {
    Damaged(String),
    TooMuch,
}

impl From<quick_xml::Error> for XmlError {
    fn from(error: quick_xml::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// The name of an element without its prefix.
pub(super) fn local(start: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(start.local_name().as_ref()).into_owned()
}

fn opened(start: &BytesStart<'_>, decoder: Decoder) -> Element {
    let mut all = start.attributes();
    let attributes = all.with_checks(false).flatten().map(|attribute| {
        let value = attribute.decoded_and_normalized_value(XmlVersion::Implicit1_0, decoder);
        let key = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
        (key, value.unwrap_or_default().into_owned())
    });
    Element { name: local(start), attributes: attributes.collect(), ..Element::default() }
}

/// The words of a piece of text; nothing where the event is none.
pub(super) fn words(event: &Event<'_>) -> Option<String> {
    match event {
        Event::Text(text) => Some(text.decode().unwrap_or_default().into_owned()),
        Event::CData(text) => Some(text.decode().unwrap_or_default().into_owned()),
        Event::GeneralRef(reference) => {
            let name = reference.decode().unwrap_or_default();
            let sign = reference.resolve_char_ref().ok().flatten().map(String::from);
            // Entities of its own a document may define, but none is followed.
            sign.or_else(|| quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned))
        }
        _ => None,
    }
}

/// Reads on to the end of an element that has just begun.
pub(super) fn read(reader: &mut Reader<impl BufRead>, start: &BytesStart<'_>) -> Result<Element, XmlError> {
    let mut stack = vec![opened(start, reader.decoder())];
    let (mut count, mut text_bytes, mut depth, mut buffer) = (0, 0, 0_usize, Vec::new());
    let mut too_much = false;
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer)?;
        too_much = too_much || count > MOST || stack.len() > DEEPEST || text_bytes > MOST_TEXT;
        match &event {
            Event::Eof => return Err(XmlError::Damaged("it ends within an element".to_owned())),
            // What is too much is only counted to its end.
            Event::Start(_) if too_much => depth += 1,
            Event::End(_) if too_much && depth > 0 => depth -= 1,
            Event::Start(start) => {
                count += 1;
                stack.push(opened(start, reader.decoder()));
            }
            Event::Empty(start) if !too_much => {
                count += 1;
                if let Some(parent) = stack.last_mut() {
                    parent.children.push(opened(start, reader.decoder()));
                }
            }
            Event::End(_) => {
                let Some(done) = stack.pop() else { return Err(XmlError::TooMuch) };
                match stack.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None if too_much => return Err(XmlError::TooMuch),
                    None => return Ok(done),
                }
            }
            other if !too_much => {
                if let (Some(words), Some(element)) = (words(other), stack.last_mut()) {
                    text_bytes += words.len();
                    element.text.push_str(&words);
                }
            }
            _ => {}
        }
    }
}
