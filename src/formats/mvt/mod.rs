//! Mapbox Vector Tiles (specification 2.1; version 1 tiles are read too): bytes to layers, features and polygons.
//!
//! [`decode`] unpacks gzip where it is and walks the tile once; a [`Layer`] keeps borrowed spans of its features, which are
//! decoded one at a time by [`Layer::feature`]. So a bad feature is an error of that feature, not of the tile, and memory
//! is bounded by the bytes that are there. An own reader of 300 lines instead of a crate: the crates build every feature
//! as generic geometry with a map of attributes, which is what takes the time, and stop at the first bad one.

mod geometry;

use std::borrow::Cow;
use std::io::Read;

use super::protobuf::{Field, Message, ProtobufError, zigzag};
use crate::city::Value;
pub use geometry::{GeometryKind, TilePolygon};

/// Bytes that a tile may unpack to. Tiles are made for the network: 500 kB is usual, more than this is an attack.
pub const MAX_TILE_BYTES: u64 = 64 << 20;

/// Why a tile, layer or feature cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MvtError {
    /// The bytes end inside a field.
    #[error("the tile ends inside a field")]
    Truncated,
    /// Not the protocol buffers encoding.
    #[error("not a vector tile: invalid {what} {value}")]
    Encoding {
        /// Which part.
        what: &'static str,
        /// What was found.
        value: u64,
    },
    /// Words that are not UTF-8.
    #[error("a {0} is not UTF-8")]
    Utf8(&'static str),
    /// A layer without name, or one of a version that nobody has specified.
    #[error("a layer has no valid {0}")]
    Layer(&'static str),
    /// A tag that names a key or value that its layer does not have.
    #[error("tag {0} points outside the layer's keys or values")]
    Tag(u64),
    /// Drawing commands that mean nothing.
    #[error("invalid drawing command {0}")]
    Command(u32),
    /// gzip that cannot be unpacked.
    #[error("the gzip data are damaged")]
    Gzip,
    /// More than [`MAX_TILE_BYTES`].
    #[error("the tile unpacks to more than 64 MiB")]
    TooLarge,
}

impl From<ProtobufError> for MvtError {
    fn from(error: ProtobufError) -> Self {
        match error {
            ProtobufError::Truncated => Self::Truncated,
            ProtobufError::Encoding { what, value } => Self::Encoding { what, value },
        }
    }
}

/// A layer of a tile: its tables, and its features as spans of bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer<'a> {
    /// Name, unique in the tile.
    pub name: &'a str,
    /// 1 or 2.
    pub version: u32,
    /// Units of the tile's side.
    pub extent: u32,
    /// Attribute names that tags point to.
    pub keys: Vec<&'a str>,
    /// Attribute values that tags point to.
    pub values: Vec<Value>,
    features: Vec<&'a [u8]>,
}

/// A feature: its tags and drawing commands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Feature {
    /// Identifier, unique in its layer if its maker kept to the specification.
    pub id: Option<u64>,
    /// Pairs of indices into the layer's keys and values; all inside.
    pub tags: Vec<(u32, u32)>,
    /// What the commands draw.
    pub kind: GeometryKind,
    commands: Vec<u32>,
}

/// The tile's bytes, unpacked where they are gzip.
pub fn unpack(bytes: &[u8]) -> Result<Cow<'_, [u8]>, MvtError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(MAX_TILE_BYTES + 1)
        .read_to_end(&mut plain)
        .map_err(|_| MvtError::Gzip)?;
    if plain.len() as u64 > MAX_TILE_BYTES {
        return Err(MvtError::TooLarge);
    }
    Ok(Cow::Owned(plain))
}

/// The layers of a tile (plain bytes, see [`unpack`]), in the order of the tile. An empty tile has none.
pub fn decode(bytes: &[u8]) -> Result<Vec<Layer<'_>>, MvtError> {
    let mut message = Message::new(bytes);
    let mut layers = Vec::new();
    while let Some((number, field)) = message.next()? {
        if let (3, Field::Bytes(layer)) = (number, field) {
            layers.push(Layer::decode(layer)?);
        }
    }
    Ok(layers)
}

impl<'a> Layer<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Self, MvtError> {
        let mut layer =
            Self { name: "", version: 1, extent: 4096, keys: Vec::new(), values: Vec::new(), features: Vec::new() };
        let mut message = Message::new(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Bytes(name)) => layer.name = text(name, "layer name")?,
                (2, Field::Bytes(feature)) => layer.features.push(feature),
                (3, Field::Bytes(key)) => layer.keys.push(text(key, "key")?),
                (4, Field::Bytes(value)) => layer.values.push(decode_value(value)?),
                (5, Field::Varint(extent)) => {
                    layer.extent = u32::try_from(extent).map_err(|_| MvtError::Layer("extent"))?;
                }
                (15, Field::Varint(version)) => {
                    layer.version = u32::try_from(version).map_err(|_| MvtError::Layer("version"))?;
                }
                _ => {}
            }
        }
        if layer.name.is_empty() {
            return Err(MvtError::Layer("name"));
        }
        if !(1..=2).contains(&layer.version) {
            return Err(MvtError::Layer("version"));
        }
        // Beyond 2^24 a tile's units would not fit the whole-world lattice that features are joined on.
        if layer.extent == 0 || layer.extent > 1 << 24 {
            return Err(MvtError::Layer("extent"));
        }
        Ok(layer)
    }

    /// How many features there are.
    pub fn len(&self) -> usize {
        self.features.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// The feature at `index`; an index beyond the end is an error too.
    pub fn feature(&self, index: usize) -> Result<Feature, MvtError> {
        let mut message = Message::new(self.features.get(index).ok_or(MvtError::Truncated)?);
        let mut feature = Feature::default();
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Varint(id)) => feature.id = Some(id),
                (2, Field::Bytes(tags)) => self.read_tags(tags, &mut feature.tags)?,
                (3, Field::Varint(kind)) => feature.kind = GeometryKind::from_number(kind),
                (4, Field::Bytes(commands)) => {
                    let mut packed = Message::new(commands);
                    while !packed.is_done() {
                        let word = packed.varint()?;
                        feature.commands.push(
                            u32::try_from(word).map_err(|_| MvtError::Encoding { what: "command", value: word })?,
                        );
                    }
                }
                _ => {}
            }
        }
        Ok(feature)
    }

    fn read_tags(&self, bytes: &[u8], tags: &mut Vec<(u32, u32)>) -> Result<(), MvtError> {
        let mut packed = Message::new(bytes);
        while !packed.is_done() {
            let key = packed.varint()?;
            let value = packed.varint()?;
            if key >= self.keys.len() as u64 {
                return Err(MvtError::Tag(key));
            }
            if value >= self.values.len() as u64 {
                return Err(MvtError::Tag(value));
            }
            tags.push((key as u32, value as u32));
        }
        Ok(())
    }
}

fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, MvtError> {
    std::str::from_utf8(bytes).map_err(|_| MvtError::Utf8(what))
}

/// A value message (specification 4.1); the last field counts, as in every protocol buffer.
fn decode_value(bytes: &[u8]) -> Result<Value, MvtError> {
    let mut message = Message::new(bytes);
    let mut value = Value::Null;
    while let Some((number, field)) = message.next()? {
        value = match (number, field) {
            (1, Field::Bytes(words)) => Value::from(text(words, "value")?),
            (2, Field::Fixed32(bits)) => Value::from(shortest(f32::from_bits(bits))),
            (3, Field::Fixed64(bits)) => Value::from(f64::from_bits(bits)),
            (4, Field::Varint(number)) => Value::Int(number as i64),
            (5, Field::Varint(number)) => i64::try_from(number).map_or(Value::Float(number as f64), Value::Int),
            (6, Field::Varint(number)) => Value::Int(zigzag(number)),
            (7, Field::Varint(number)) => Value::Bool(number != 0),
            _ => value,
        };
    }
    Ok(value)
}

/// The number that the fewest decimals of `single` stand for: 4.9 and not 4.900000095367432.
fn shortest(single: f32) -> f64 {
    single.to_string().parse().unwrap_or(f64::from(single))
}

#[cfg(test)]
mod tests;
