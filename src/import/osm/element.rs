//! Nodes, ways and relations as both encodings have them.

use std::borrow::Cow;
use std::fmt;

use glam::DVec2;

use crate::import::{ImportError, SourceReport};

/// Ids beyond this are damage: the highest one in use has 34 bits.
pub(super) const MAX_ID: i64 = 1 << 50;
/// Bytes of tags that one element may have; the database allows 255 characters each.
const MAX_TAG_BYTES: usize = 64 << 10;
/// More nodes than a way, or members than a relation, can have in the database (2000, 32000), and some to spare.
pub(super) const MAX_PARTS: usize = 100_000;

/// The three kinds of element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Node,
    Way,
    Relation,
}

/// The identity of an element, written `way/123`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) kind: Kind,
    pub(super) id: i64,
}

/// A place in units of 1e-7 degrees, which is how exact the database is: 11 mm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) longitude: i32,
    pub(super) latitude: i32,
}

/// One element while a pass stands at it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Element<'a> {
    pub(super) id: i64,
    pub(super) tags: Tags<'a>,
    pub(super) body: Body,
}

/// What a pass over a file tells.
#[derive(Debug)]
pub(super) enum Event<'a> {
    Element(Element<'a>),
    /// So many bytes of the file are done.
    Read(u64),
}

/// Takes what a pass tells; an error ends it.
pub(super) type Visit<'v> = dyn FnMut(Event<'_>, &mut SourceReport) -> Result<(), ImportError> + 'v;

/// What an element is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    /// `None` where its coordinates are no place on earth.
    Node(Option<Place>),
    Way {
        nodes: Vec<i64>,
        /// Where its nodes are, for files that say it with the way ("LocationsOnWays"); else empty.
        places: Vec<Place>,
    },
    Relation(Vec<Member>),
}

/// A member of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) role: Role,
}

/// The roles that say something about shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Outer,
    Inner,
    Outline,
    Part,
    Other,
}

/// Keys and values, in the order of the source.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Tags<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    bytes: usize,
}

impl Key {
    pub(super) fn new(kind: Kind, id: i64) -> Self {
        Self { kind, id }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Node => "node",
            Kind::Way => "way",
            Kind::Relation => "relation",
        };
        write!(f, "{kind}/{}", self.id)
    }
}

impl Place {
    /// From 1e-9 degrees; `None` outside of the earth.
    pub(super) fn from_nanodegrees(longitude: i64, latitude: i64) -> Option<Self> {
        let unit = |nanodegrees: i64| i32::try_from((nanodegrees + nanodegrees.signum() * 50) / 100).ok();
        let place = Self { longitude: unit(longitude)?, latitude: unit(latitude)? };
        (place.longitude.abs() <= 1_800_000_000 && place.latitude.abs() <= 900_000_000).then_some(place)
    }

    /// Longitude and latitude, degrees.
    pub(super) fn degrees(self) -> DVec2 {
        DVec2::new(f64::from(self.longitude), f64::from(self.latitude)) / 1e7
    }
}

impl Role {
    pub(super) fn from_words(words: &str) -> Self {
        match words {
            // Members without a role are outer ones, as everybody reads them.
            "outer" | "" => Self::Outer,
            "inner" => Self::Inner,
            "outline" => Self::Outline,
            "part" => Self::Part,
            _ => Self::Other,
        }
    }
}

impl<'a> Tags<'a> {
    /// Adds a tag; `false` where the element has too many already.
    pub(super) fn push(&mut self, key: Cow<'a, str>, value: Cow<'a, str>) -> bool {
        let bytes = self.bytes + key.len() + value.len() + 1;
        if bytes > MAX_TAG_BYTES {
            return false;
        }
        self.bytes = bytes;
        self.pairs.push((key, value));
        true
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, value)| &**value)
    }

    /// Whether a key says yes: it is there, and not `no`.
    pub(super) fn is(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !matches!(value, "no" | "none" | "false" | "0"))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }

    pub(super) fn into_owned(self) -> Tags<'static> {
        let own = |words: Cow<'_, str>| Cow::Owned(words.into_owned());
        Tags { pairs: self.pairs.into_iter().map(|(key, value)| (own(key), own(value))).collect(), bytes: self.bytes }
    }
}

impl FromIterator<(&'static str, &'static str)> for Tags<'static> {
    fn from_iter<T: IntoIterator<Item = (&'static str, &'static str)>>(pairs: T) -> Self {
        let mut tags = Self::default();
        for (key, value) in pairs {
            tags.push(Cow::Borrowed(key), Cow::Borrowed(value));
        }
        tags
    }
}
