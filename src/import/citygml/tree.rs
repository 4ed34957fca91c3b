//! One piece of a file, a member as a rule, as a flat list of elements that borrow from its text.
//!
//! Elements lie in document order and each knows where its last descendant is, so that a whole tree is one allocation.
//! Names are told by their local part: prefixes differ from file to file. [`Spaces`] keeps what they stand for.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;

/// Elements nested deeper than this are somebody's attack: CityGML needs about forty.
const MAX_DEPTH: usize = 128;
/// Declarations of prefixes kept of one file or member.
const MAX_PREFIXES: usize = 256;

/// What a namespace belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// A module of CityGML.
    City,
    /// GML, whose elements are geometries and their properties.
    Gml,
    /// OASIS xAL: addresses.
    Address,
    /// The urban planning decisions of the Japanese i-UR, which are zones.
    Planning,
    /// Another application domain extension, or a prefix that is not declared.
    Foreign,
}

impl Space {
    fn of(uri: &str) -> Self {
        if uri.contains("opengis.net/citygml/") || uri.contains("citygml.org/citygml/") {
            Self::City
        } else if uri.contains("opengis.net/gml") {
            Self::Gml
        } else if uri.to_ascii_lowercase().contains(":xal:") {
            Self::Address
        } else if uri.contains("/iur/urf/") {
            Self::Planning
        } else {
            Self::Foreign
        }
    }
}

/// What the prefixes of a file stand for; the empty one is the default namespace.
#[derive(Debug, Clone, Default)]
pub(super) struct Spaces(Vec<(String, Space)>);

impl Spaces {
    /// Adds those that a start tag declares.
    pub(super) fn declare(&mut self, tag: &str) {
        for (name, value) in attributes(tag) {
            let prefix = if name == "xmlns" { "" } else { name.strip_prefix("xmlns:").unwrap_or("xmlns") };
            let declared = (prefix.to_owned(), Space::of(&value));
            if prefix != "xmlns" && self.0.len() < MAX_PREFIXES && self.0.last() != Some(&declared) {
                self.0.push(declared);
            }
        }
    }

    /// What a prefix stands for; the latest declaration holds.
    fn of(&self, prefix: &str) -> Option<Space> {
        self.0.iter().rev().find(|(known, _)| known == prefix).map(|(_, space)| *space)
    }

    /// Whether a module of CityGML is among them.
    pub(super) fn have_city(&self) -> bool {
        self.0.iter().any(|(_, space)| *space == Space::City)
    }
}

/// Why a piece is no XML, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct XmlError {
    pub(super) message: String,
    pub(super) at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// Bytes of `<`, of the end of the name, of what follows `>`, and of the end tag; the last two are equal where there is
    /// nothing inside.
    tag: u32,
    name_end: u32,
    inside: u32,
    inside_end: u32,
    /// The first element behind this one and all in it.
    next: u32,
}

/// The elements of one piece of XML.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    text: &'a str,
    nodes: Vec<Node>,
    spaces: &'a Spaces,
    /// Declarations inside the piece.
    own: Spaces,
}

/// An element of a [`Tree`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'t> {
    tree: &'t Tree<'t>,
    at: u32,
}

impl<'a> Tree<'a> {
    /// Reads a piece that has one root. Document type declarations are refused, so that no entity but XML's own five exists.
    pub(super) fn parse(text: &'a str, spaces: &'a Spaces) -> Result<Self, XmlError> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().allow_dangling_amp = true;
        let nodes = Vec::with_capacity(text.len() / 96 + 4);
        let mut tree = Self { text, nodes, spaces, own: Spaces::default() };
        let mut open: Vec<u32> = Vec::new();
        let mut at = 0_u32;
        loop {
            let error = |message: &str, at: u32| XmlError { message: message.to_owned(), at: at as usize };
            let event = reader
                .read_event()
                .map_err(|cause| XmlError { message: cause.to_string(), at: reader.error_position() as usize })?;
            let after = u32::try_from(reader.buffer_position()).map_err(|_| error("larger than 4 GiB", at))?;
            let mut push = |name: usize, inside_end| {
                let node = Node { tag: at, name_end: at + 1 + name as u32, inside: after, inside_end, next: 0 };
                tree.nodes.push(Node { next: tree.nodes.len() as u32 + 1, ..node });
                tree.nodes.len() as u32 - 1
            };
            match event {
                Event::Start(tag) => {
                    if open.len() >= MAX_DEPTH {
                        return Err(error("elements are nested too deeply", at));
                    }
                    open.push(push(tag.name().as_ref().len(), after));
                    tree.declare(&tag);
                }
                Event::Empty(tag) => {
                    push(tag.name().as_ref().len(), after);
                    tree.declare(&tag);
                }
                Event::End(_) => {
                    let next = tree.nodes.len() as u32;
                    if let Some(node) = open.pop().and_then(|number| tree.nodes.get_mut(number as usize)) {
                        (node.inside_end, node.next) = (at, next);
                    }
                }
                Event::DocType(_) => return Err(error("a document type declaration is not allowed", at)),
                Event::Eof if open.is_empty() && !tree.nodes.is_empty() => return Ok(tree),
                Event::Eof => return Err(error("it ends before its elements do", at)),
                _ => {}
            }
            at = after;
        }
    }

    fn declare(&mut self, tag: &quick_xml::events::BytesStart<'_>) {
        let raw = tag.attributes_raw();
        if memchr::memmem::find(raw, b"xmlns").is_some() {
            self.own.declare(std::str::from_utf8(tag).unwrap_or_default());
        }
    }

    /// The outermost element.
    pub(super) fn root(&'a self) -> Element<'a> {
        Element { tree: self, at: 0 }
    }

    /// All elements in document order.
    pub(super) fn all(&'a self) -> impl Iterator<Item = Element<'a>> {
        (0..self.nodes.len() as u32).map(|at| Element { tree: self, at })
    }
}

impl<'t> Element<'t> {
    fn node(self) -> Node {
        // An element is made with a number that its tree has.
        self.tree.nodes[self.at as usize]
    }

    fn slice(self, from: u32, to: u32) -> &'t str {
        self.tree.text.get(from as usize..to as usize).unwrap_or_default()
    }

    fn qualified(self) -> &'t str {
        let node = self.node();
        self.slice(node.tag + 1, node.name_end)
    }

    /// The name without its prefix.
    pub(super) fn name(self) -> &'t str {
        let name = self.qualified();
        name.split_once(':').map_or(name, |(_, local)| local)
    }

    /// What its namespace belongs to.
    pub(super) fn space(self) -> Space {
        let prefix = self.qualified().split_once(':').map_or("", |(prefix, _)| prefix);
        self.tree.own.of(prefix).or_else(|| self.tree.spaces.of(prefix)).unwrap_or(Space::Foreign)
    }

    /// The elements right inside.
    pub(super) fn children(self) -> impl Iterator<Item = Element<'t>> {
        let tree = self.tree;
        let end = self.node().next;
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let child = (at < end).then_some(Element { tree, at })?;
            at = child.node().next;
            Some(child)
        })
    }

    /// The elements inside, at any depth, in document order.
    pub(super) fn descendants(self) -> impl Iterator<Item = Element<'t>> {
        let tree = self.tree;
        (self.at + 1..self.node().next).map(move |at| Element { tree, at })
    }

    /// The first element right inside that is called so.
    pub(super) fn child(self, name: &str) -> Option<Element<'t>> {
        self.children().find(|child| child.name() == name)
    }

    /// The first element inside, at any depth, that is called so.
    pub(super) fn descendant(self, name: &str) -> Option<Element<'t>> {
        self.descendants().find(|inside| inside.name() == name)
    }

    /// Whether no element is inside.
    pub(super) fn is_leaf(self) -> bool {
        self.node().next == self.at + 1
    }

    /// Whether the start tag has attributes.
    pub(super) fn has_attributes(self) -> bool {
        let node = self.node();
        self.slice(node.name_end, node.inside).contains('=')
    }

    /// The value of an attribute by the local part of its name.
    pub(super) fn attribute(self, name: &str) -> Option<Cow<'t, str>> {
        if !self.has_attributes() {
            return None;
        }
        let node = self.node();
        let tag = self.slice(node.tag + 1, node.inside);
        let found = attributes(tag).find(|(key, _)| key.split_once(':').map_or(*key, |(_, local)| local) == name);
        found.map(|(_, value)| value)
    }

    /// Its `gml:id`.
    pub(super) fn id(self) -> Option<Cow<'t, str>> {
        self.attribute("id").filter(|id| !id.is_empty())
    }

    /// The words inside, without blanks at both ends: of an element without others, its text.
    pub(super) fn text(self) -> Cow<'t, str> {
        let node = self.node();
        let raw = self.slice(node.inside, node.inside_end).trim();
        if memchr::memchr2(b'&', b'<', raw.as_bytes()).is_none() {
            return Cow::Borrowed(raw);
        }
        let mut reader = Reader::from_str(raw);
        reader.config_mut().allow_dangling_amp = true;
        reader.config_mut().allow_unmatched_ends = true;
        let mut words = String::new();
        loop {
            match reader.read_event() {
                Ok(Event::Text(text)) => words.push_str(&String::from_utf8_lossy(&text)),
                Ok(Event::CData(text)) => words.push_str(&String::from_utf8_lossy(&text)),
                Ok(Event::GeneralRef(name)) => {
                    let written = format!("&{};", String::from_utf8_lossy(&name));
                    words.push_str(&unescape(&written).unwrap_or(Cow::Borrowed(&written)));
                }
                Ok(Event::Eof) | Err(_) => return Cow::Owned(words.trim().to_owned()),
                Ok(_) => {}
            }
        }
    }

    /// The element as it is written, from `<` to the end of its end tag.
    pub(super) fn written(self) -> &'t str {
        let node = self.node();
        let close = self.tree.text.get(node.inside_end as usize..).and_then(|rest| rest.find('>'));
        let end = if node.inside == node.inside_end && self.slice(node.tag, node.inside).ends_with("/>") {
            node.inside
        } else {
            node.inside_end + close.map_or(0, |place| place as u32 + 1)
        };
        self.slice(node.tag, end)
    }

    /// The tree that it is in.
    pub(super) fn tree(self) -> &'t Tree<'t> {
        self.tree
    }

    /// Its place among the elements of its tree.
    pub(super) fn number(self) -> usize {
        self.at as usize
    }
}

/// The attributes of a start tag, which may be with or without its angle brackets.
pub(super) fn attributes(tag: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let tag = tag.trim_end_matches('>').trim_end_matches('/');
    let name_end = tag.find(|c: char| c.is_ascii_whitespace()).unwrap_or(tag.len());
    let mut found = Attributes::new(tag, name_end);
    found.with_checks(false);
    found.filter_map(Result::ok).filter_map(|attribute| {
        let key = std::str::from_utf8(attribute.key.into_inner()).ok()?;
        let Cow::Borrowed(value) = attribute.value else { return None };
        let value = std::str::from_utf8(value).ok()?;
        Some((key, unescape(value).unwrap_or(Cow::Borrowed(value))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaces() -> Spaces {
        let mut spaces = Spaces::default();
        spaces.declare(
            "<CityModel xmlns=\"http://www.opengis.net/citygml/2.0\" xmlns:gml='http://www.opengis.net/gml' \
             xmlns:urf=\"https://www.geospatial.jp/iur/urf/2.0\">",
        );
        spaces
    }

    #[test]
    fn elements_know_their_children_attributes_and_words() {
        let spaces = spaces();
        let text = "<Building gml:id=\"a&amp;b\"><gml:name> A &amp; <!-- x --><![CDATA[<B>]]> &#233; </gml:name>\
                    <empty/><urf:zone xmlns:bldg=\"http://www.opengis.net/citygml/building/2.0\"><bldg:x a='1'/></urf:zone></Building>";
        let tree = Tree::parse(text, &spaces).unwrap();
        let root = tree.root();
        assert_eq!((root.name(), root.space(), root.id().as_deref()), ("Building", Space::City, Some("a&b")));
        assert_eq!(root.children().map(|child| child.name()).collect::<Vec<_>>(), ["name", "empty", "zone"]);
        assert_eq!(root.child("name").unwrap().text(), "A & <B> \u{e9}");
        let inside = root.descendant("x").unwrap();
        assert_eq!((inside.space(), inside.attribute("a").as_deref()), (Space::City, Some("1")));
        assert_eq!(root.child("zone").unwrap().space(), Space::Planning);
        assert_eq!((root.child("empty").unwrap().written(), inside.written()), ("<empty/>", "<bldg:x a='1'/>"));
        assert_eq!(root.written(), text);
    }

    #[test]
    fn what_is_no_tree_is_refused_with_its_place() {
        let spaces = spaces();
        for (text, words) in [
            ("<a><b></a>", "expected `</b>`"),
            ("<a>", "ends before"),
            ("", "ends before"),
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "document type"),
            (&"<a>".repeat(1000), "nested too deeply"),
        ] {
            let error = Tree::parse(text, &spaces).unwrap_err();
            assert!(error.message.contains(words), "{text:.20}: {}", error.message);
        }
        // An entity that nobody declared stays as it is written.
        assert_eq!(Tree::parse("<a>1 &x; 2</a>", &spaces).unwrap().root().text(), "1 &x; 2");
    }
}
