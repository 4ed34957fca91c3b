//! One unpacked block: its table of words, and its groups of nodes, ways and relations (`osmformat.proto`).

use std::borrow::Cow;

use super::{BlobError, Kinds};
use crate::formats::protobuf::{Field, Message, ProtobufError, zigzag};
use crate::import::ImportError;
use crate::import::osm::element::{Body, Element, Key, Kind, MAX_ID, MAX_PARTS, Member, Place, Role, Tags};

/// What all groups of a block share.
struct Block<'a> {
    words: Vec<&'a [u8]>,
    granularity: i64,
    longitude_offset: i64,
    latitude_offset: i64,
}

type VisitElement<'v> = dyn FnMut(Element<'_>) -> Result<(), ImportError> + 'v;

/// Visits the elements of a kind; `found` says afterwards which kinds there are.
pub(super) fn read_block(
    bytes: &[u8],
    kind: Kind,
    found: &mut Kinds,
    visit: &mut VisitElement<'_>,
) -> Result<(), BlobError> {
    let mut block = Block { words: Vec::new(), granularity: 100, longitude_offset: 0, latitude_offset: 0 };
    let mut groups = Vec::new();
    // What is wrong with an element loses no other one.
    let (mut bad, mut first) = (0_u64, None);
    let mut message = Message::new(bytes);
    while let Some((number, field)) = message.next()? {
        match (number, field) {
            (1, Field::Bytes(table)) => block.words = words(table)?,
            (2, Field::Bytes(group)) => groups.push(group),
            (17, Field::Varint(granularity)) => block.granularity = granularity as i64,
            (19, Field::Varint(offset)) => block.latitude_offset = offset as i64,
            (20, Field::Varint(offset)) => block.longitude_offset = offset as i64,
            _ => {}
        }
    }
    for group in groups {
        let mut message = Message::new(group);
        while let Some((number, field)) = message.next()? {
            let Field::Bytes(bytes) = field else { continue };
            match number {
                1 | 2 => found.nodes = true,
                3 => found.ways = true,
                4 => found.relations = true,
                _ => {}
            }
            let read = match (number, kind) {
                (1, Kind::Node) => block.node(bytes, visit),
                (2, Kind::Node) => block.dense_nodes(bytes, visit),
                (3, Kind::Way) => block.way(bytes, visit),
                (4, Kind::Relation) => block.relation(bytes, visit),
                _ => Ok(()),
            };
            match read {
                Ok(()) => {}
                Err(BlobError::Stop(error)) => return Err(error.into()),
                Err(error) => {
                    bad += 1;
                    first.get_or_insert(error.to_string());
                }
            }
        }
    }
    let told = |cause| BlobError::Damaged(format!("{bad} of its elements cannot be read: {cause}"));
    first.map_or(Ok(()), |cause| Err(told(cause)))
}

fn words(table: &[u8]) -> Result<Vec<&[u8]>, BlobError> {
    let mut words = Vec::new();
    let mut message = Message::new(table);
    while let Some((number, field)) = message.next()? {
        if let (1, Field::Bytes(word)) = (number, field) {
            words.push(word);
        }
    }
    Ok(words)
}

/// Signed numbers, each the difference to the one before.
struct Deltas<'a> {
    packed: Message<'a>,
    value: i64,
}

impl<'a> Deltas<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { packed: Message::new(bytes), value: 0 }
    }

    fn next(&mut self) -> Result<i64, ProtobufError> {
        self.value = self.value.wrapping_add(zigzag(self.packed.varint()?));
        Ok(self.value)
    }

    fn is_done(&self) -> bool {
        self.packed.is_done()
    }
}

fn identity(id: i64) -> Result<i64, BlobError> {
    if id.unsigned_abs() <= MAX_ID.unsigned_abs() {
        return Ok(id);
    }
    Err(BlobError::Damaged(format!("{id} is no identifier")))
}

/// Ids of at most [`MAX_PARTS`] parts.
fn identities(bytes: &[u8]) -> Result<Vec<i64>, BlobError> {
    let mut deltas = Deltas::new(bytes);
    let mut ids = Vec::new();
    while !deltas.is_done() {
        ids.push(identity(deltas.next()?)?);
        if ids.len() > MAX_PARTS {
            return Err(BlobError::Damaged(format!("an element has more than {MAX_PARTS} parts")));
        }
    }
    Ok(ids)
}

impl<'a> Block<'a> {
    fn word(&self, index: u64) -> Result<Cow<'a, str>, BlobError> {
        let word = usize::try_from(index).ok().and_then(|index| self.words.get(index));
        let word = word.ok_or_else(|| BlobError::Damaged(format!("there is no word {index}")))?;
        Ok(String::from_utf8_lossy(word))
    }

    fn tags(&self, keys: &[u8], values: &[u8]) -> Result<Tags<'a>, BlobError> {
        let (mut keys, mut values) = (Message::new(keys), Message::new(values));
        let mut tags = Tags::default();
        while !keys.is_done() {
            if !tags.push(self.word(keys.varint()?)?, self.word(values.varint()?)?) {
                break;
            }
        }
        Ok(tags)
    }

    fn place(&self, longitude: i64, latitude: i64) -> Option<Place> {
        let unit = |value: i64, offset: i64| value.checked_mul(self.granularity)?.checked_add(offset);
        Place::from_nanodegrees(unit(longitude, self.longitude_offset)?, unit(latitude, self.latitude_offset)?)
    }

    fn node(&self, bytes: &[u8], visit: &mut VisitElement<'_>) -> Result<(), BlobError> {
        let (mut id, mut longitude, mut latitude, mut keys, mut values) = (0, 0, 0, &[][..], &[][..]);
        let mut message = Message::new(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Varint(bits)) => id = zigzag(bits),
                (2, Field::Bytes(packed)) => keys = packed,
                (3, Field::Bytes(packed)) => values = packed,
                (8, Field::Varint(bits)) => latitude = zigzag(bits),
                (9, Field::Varint(bits)) => longitude = zigzag(bits),
                _ => {}
            }
        }
        let body = Body::Node(self.place(longitude, latitude));
        Ok(visit(Element { id: identity(id)?, tags: self.tags(keys, values)?, body })?)
    }

    fn dense_nodes(&self, bytes: &[u8], visit: &mut VisitElement<'_>) -> Result<(), BlobError> {
        let (mut ids, mut longitudes, mut latitudes, mut tags) = (&[][..], &[][..], &[][..], &[][..]);
        let mut message = Message::new(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Bytes(packed)) => ids = packed,
                (8, Field::Bytes(packed)) => latitudes = packed,
                (9, Field::Bytes(packed)) => longitudes = packed,
                (10, Field::Bytes(packed)) => tags = packed,
                _ => {}
            }
        }
        let (mut ids, mut longitudes, mut latitudes) =
            (Deltas::new(ids), Deltas::new(longitudes), Deltas::new(latitudes));
        let mut packed_tags = Message::new(tags);
        while !ids.is_done() {
            let id = identity(ids.next()?)?;
            let place = self.place(longitudes.next()?, latitudes.next()?);
            let tags = self.dense_tags(&mut packed_tags)?;
            visit(Element { id, tags, body: Body::Node(place) })?;
        }
        Ok(())
    }

    /// The tags of the next dense node: pairs up to a zero; nothing at all where no node of the group has tags.
    fn dense_tags(&self, packed: &mut Message<'_>) -> Result<Tags<'a>, BlobError> {
        let mut tags = Tags::default();
        while !packed.is_done() {
            let key = packed.varint()?;
            if key == 0 {
                break;
            }
            // What is too much is read over: the tags of the next node follow.
            let value = packed.varint()?;
            tags.push(self.word(key)?, self.word(value)?);
        }
        Ok(tags)
    }

    fn way(&self, bytes: &[u8], visit: &mut VisitElement<'_>) -> Result<(), BlobError> {
        let (mut id, mut keys, mut values) = (0, &[][..], &[][..]);
        let (mut nodes, mut longitudes, mut latitudes) = (&[][..], &[][..], &[][..]);
        let mut message = Message::new(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Varint(bits)) => id = bits as i64,
                (2, Field::Bytes(packed)) => keys = packed,
                (3, Field::Bytes(packed)) => values = packed,
                (8, Field::Bytes(packed)) => nodes = packed,
                (9, Field::Bytes(packed)) => latitudes = packed,
                (10, Field::Bytes(packed)) => longitudes = packed,
                _ => {}
            }
        }
        let nodes = identities(nodes)?;
        let mut places = Vec::new();
        let (mut longitudes, mut latitudes) = (Deltas::new(longitudes), Deltas::new(latitudes));
        while !longitudes.is_done() && places.len() < nodes.len() {
            places.extend(self.place(longitudes.next()?, latitudes.next()?));
        }
        if places.len() != nodes.len() {
            places.clear();
        }
        let tags = self.tags(keys, values)?;
        Ok(visit(Element { id: identity(id)?, tags, body: Body::Way { nodes, places } })?)
    }

    fn relation(&self, bytes: &[u8], visit: &mut VisitElement<'_>) -> Result<(), BlobError> {
        let (mut id, mut keys, mut values) = (0, &[][..], &[][..]);
        let (mut roles, mut ids, mut kinds) = (&[][..], &[][..], &[][..]);
        let mut message = Message::new(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Varint(bits)) => id = bits as i64,
                (2, Field::Bytes(packed)) => keys = packed,
                (3, Field::Bytes(packed)) => values = packed,
                (8, Field::Bytes(packed)) => roles = packed,
                (9, Field::Bytes(packed)) => ids = packed,
                (10, Field::Bytes(packed)) => kinds = packed,
                _ => {}
            }
        }
        let (mut roles, mut kinds) = (Message::new(roles), Message::new(kinds));
        let mut members = Vec::new();
        for id in identities(ids)? {
            let kind = match kinds.varint()? {
                0 => Kind::Node,
                1 => Kind::Way,
                2 => Kind::Relation,
                other => return Err(BlobError::Damaged(format!("there is no kind {other} of members"))),
            };
            let role = Role::from_words(&self.word(roles.varint()?)?);
            members.push(Member { key: Key::new(kind, id), role });
        }
        let tags = self.tags(keys, values)?;
        Ok(visit(Element { id: identity(id)?, tags, body: Body::Relation(members) })?)
    }
}
