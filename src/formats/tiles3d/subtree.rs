//! Subtree files (3D Tiles 1.1 section 7.3, "Subtrees"): availability of the tiles of some levels, and their boxes.

use serde_json::{Value as Json, json};

const MAGIC: &[u8; 4] = b"subt";
const HEADER_BYTES: usize = 24;
/// Levels beyond which a quadtree's bits no longer fit in memory worth having.
const MAX_LEVELS: u32 = 12;

/// Which of a level-ordered row of tiles there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability(Vec<bool>);

impl Availability {
    /// None of `count`.
    pub fn none(count: usize) -> Self {
        Self(vec![false; count])
    }

    /// Marks one; beyond the end nothing happens.
    pub fn set(&mut self, index: usize) {
        if let Some(bit) = self.0.get_mut(index) {
            *bit = true;
        }
    }

    /// Whether that one is there; `false` beyond the end.
    pub fn get(&self, index: usize) -> bool {
        self.0.get(index).copied().unwrap_or(false)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|bit| **bit).count()
    }

    /// Numbers of those that are there, ascending.
    pub fn indices(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter(|(_, bit)| **bit).map(|(index, _)| index)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
    }
}

/// One subtree of a quadtree. Bits are level by level, each level in Morton order (section 7.3.4.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Subtree {
    /// Tiles of the subtree's own levels.
    pub tiles: Availability,
    /// Those of them that have content.
    pub contents: Availability,
    /// Subtrees that go on below.
    pub children: Availability,
    /// Bounding boxes (`TILE_BOUNDING_BOX`: centre and three half axes) of the tiles there are, in the order of the bits; empty
    /// where the file has none.
    pub boxes: Vec<[f64; 12]>,
}

/// Why a subtree file cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SubtreeError {
    /// The header or the length.
    #[error("not a subtree file: {0}")]
    Container(&'static str),
    /// The JSON part.
    #[error("JSON: {0}")]
    Json(String),
    /// An availability or a box that is not there.
    #[error("{what} of {place}")]
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// Where: `contentAvailability`.
        place: &'static str,
    },
}

/// Tiles of a quadtree of so many levels.
pub fn cells(levels: u32) -> usize {
    ((1_usize << (2 * levels.min(MAX_LEVELS))) - 1) / 3
}

/// Number of a tile among the bits of its subtree: `level` counts from the subtree's root, `x` and `y` from its corner.
pub fn morton_index(level: u32, x: u32, y: u32) -> usize {
    let spread = |v: u32| (0..16).fold(0_usize, |all, bit| all | ((v as usize >> bit & 1) << (2 * bit)));
    cells(level) + (spread(x) | spread(y) << 1)
}

impl Subtree {
    /// Nothing available yet, of a quadtree cut into subtrees of `levels`.
    pub fn empty(levels: u32) -> Self {
        let levels = levels.min(MAX_LEVELS);
        Self {
            tiles: Availability::none(cells(levels)),
            contents: Availability::none(cells(levels)),
            children: Availability::none(1 << (2 * levels)),
            boxes: Vec::new(),
        }
    }

    /// The file. Availabilities that are all or nothing are written as constants.
    pub fn encode(&self) -> Vec<u8> {
        let (mut binary, mut views) = (Vec::new(), Vec::new());
        let mut view = |bytes: &[u8]| {
            binary.resize(usize::next_multiple_of(binary.len(), 8), 0);
            views.push(json!({ "buffer": 0, "byteOffset": binary.len(), "byteLength": bytes.len() }));
            binary.extend_from_slice(bytes);
            views.len() - 1
        };
        let mut available = |bits: &Availability| match bits.count() {
            0 => json!({ "constant": 0 }),
            all if all == bits.0.len() => json!({ "constant": 1, "availableCount": all }),
            some => json!({ "bitstream": view(&bits.bytes()), "availableCount": some }),
        };
        let mut document = json!({
            "tileAvailability": available(&self.tiles),
            "contentAvailability": [available(&self.contents)],
            "childSubtreeAvailability": available(&self.children),
        });
        if !self.boxes.is_empty() {
            let values = view(bytemuck::cast_slice(self.boxes.as_flattened()));
            document["propertyTables"] = json!([
                { "class": "tile", "count": self.boxes.len(), "properties": { "boundingBox": { "values": values } } }
            ]);
            document["tileMetadata"] = json!(0);
        }
        binary.resize(binary.len().next_multiple_of(8), 0);
        if !views.is_empty() {
            document["buffers"] = json!([{ "byteLength": binary.len() }]);
            document["bufferViews"] = json!(views);
        }
        let mut text = document.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&1_u32.to_le_bytes());
        file.extend_from_slice(&(text.len() as u64).to_le_bytes());
        file.extend_from_slice(&(binary.len() as u64).to_le_bytes());
        file.extend_from_slice(&text);
        file.extend_from_slice(&binary);
        file
    }

    /// Reads a file of a quadtree cut into subtrees of `levels`. Buffers outside of the file are not followed.
    pub fn decode(bytes: &[u8], levels: u32) -> Result<Self, SubtreeError> {
        if levels == 0 || levels > MAX_LEVELS {
            return Err(SubtreeError::Container("levels of a subtree out of range"));
        }
        let (text, binary) = split(bytes)?;
        let document: Json = serde_json::from_slice(text).map_err(|error| SubtreeError::Json(error.to_string()))?;
        let reader = Reader { document: &document, binary };
        let contents = &document["contentAvailability"];
        let contents = if contents.is_null() {
            Ok(Availability::none(cells(levels)))
        } else {
            reader.availability(contents.get(0).unwrap_or(contents), cells(levels), "contentAvailability")
        };
        let tiles = reader.availability(&document["tileAvailability"], cells(levels), "tileAvailability")?;
        let children = 1 << (2 * levels);
        Ok(Self {
            boxes: reader.boxes(tiles.count())?,
            tiles,
            contents: contents?,
            children: reader.availability(
                &document["childSubtreeAvailability"],
                children,
                "childSubtreeAvailability",
            )?,
        })
    }
}

fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), SubtreeError> {
    let header = bytes.get(..HEADER_BYTES).ok_or(SubtreeError::Container("shorter than its header"))?;
    let number = |range: std::ops::Range<usize>| {
        header.get(range).unwrap_or_default().iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte))
    };
    if !header.starts_with(MAGIC) {
        return Err(SubtreeError::Container("magic is not 'subt'"));
    }
    if number(4..8) != 1 {
        return Err(SubtreeError::Container("version is not 1"));
    }
    let size = |range| usize::try_from(number(range)).map_err(|_| SubtreeError::Container("chunk beyond the end"));
    let (text, binary) = (size(8..16)?, size(16..24)?);
    let body = bytes.get(HEADER_BYTES..).unwrap_or_default();
    let (text, rest) = body.split_at_checked(text).ok_or(SubtreeError::Container("JSON beyond the end"))?;
    if rest.len() != binary {
        return Err(SubtreeError::Container("length differs from the bytes there are"));
    }
    Ok((text, rest))
}

struct Reader<'a> {
    document: &'a Json,
    binary: &'a [u8],
}

impl<'a> Reader<'a> {
    fn view(&self, index: u64) -> Option<&'a [u8]> {
        let view = &self.document["bufferViews"][usize::try_from(index).ok()?];
        let number = |key: &str| view[key].as_u64().and_then(|n| usize::try_from(n).ok());
        let buffer = &self.document["buffers"][number("buffer")?];
        if number("buffer") != Some(0) || buffer.get("uri").is_some() {
            return None;
        }
        let start = number("byteOffset").unwrap_or(0);
        self.binary.get(start..start.checked_add(number("byteLength")?)?)
    }

    fn availability(&self, said: &Json, count: usize, place: &'static str) -> Result<Availability, SubtreeError> {
        let invalid = |what| SubtreeError::Invalid { what, place };
        match (said["constant"].as_u64(), said["bitstream"].as_u64()) {
            (Some(constant @ 0..=1), None) => Ok(Availability(vec![constant == 1; count])),
            (None, Some(view)) => {
                let bytes = self.view(view).ok_or_else(|| invalid("no such buffer view"))?;
                if bytes.len() < count.div_ceil(8) {
                    return Err(invalid("too few bits"));
                }
                let bit = |i: usize| bytes.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1);
                Ok(Availability((0..count).map(bit).collect()))
            }
            _ => Err(invalid("neither constant nor bitstream")),
        }
    }

    fn boxes(&self, count: usize) -> Result<Vec<[f64; 12]>, SubtreeError> {
        let invalid = |what| SubtreeError::Invalid { what, place: "tileMetadata" };
        let Some(table) = self.document["tileMetadata"].as_u64() else { return Ok(Vec::new()) };
        let table = &self.document["propertyTables"][usize::try_from(table).unwrap_or(usize::MAX)];
        let Some(values) = table["properties"]["boundingBox"]["values"].as_u64() else { return Ok(Vec::new()) };
        let bytes = self.view(values).ok_or_else(|| invalid("no such buffer view"))?;
        let rows = bytes.as_chunks::<96>().0;
        if table["count"].as_u64() != Some(count as u64) || rows.len() < count {
            return Err(invalid("rows differ from the available tiles"));
        }
        let row = |bytes: &[u8; 96]| {
            let mut numbers = [0.0; 12];
            numbers.iter_mut().zip(bytes.as_chunks::<8>().0).for_each(|(n, b)| *n = f64::from_le_bytes(*b));
            numbers
        };
        Ok(rows.iter().take(count).map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_the_morton_order() {
        assert_eq!((cells(1), cells(2), cells(5)), (1, 5, 341));
        assert_eq!(morton_index(0, 0, 0), 0);
        assert_eq!([(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| morton_index(1, x, y)), [1, 2, 3, 4]);
        assert_eq!(morton_index(2, 3, 2), 5 + 0b1101);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut subtree = Subtree::empty(3);
        [0, 1, 4, 20].into_iter().for_each(|i| subtree.tiles.set(i));
        subtree.contents.set(20);
        subtree.boxes = (0..4).map(|i| [f64::from(i); 12]).collect();
        let bytes = subtree.encode();
        assert_eq!(Subtree::decode(&bytes, 3).unwrap(), subtree);
        let mut full = Subtree::empty(1);
        full.tiles.set(0);
        full.contents.set(0);
        assert_eq!(Subtree::decode(&full.encode(), 1).unwrap(), full);
        for cut in 0..bytes.len() {
            assert!(Subtree::decode(&bytes[..cut], 3).is_err());
        }
        assert!(Subtree::decode(&bytes, 9).is_err());
    }

    proptest::proptest! {
        #[test]
        fn broken_bytes_never_panic(at in 0..900_usize, value: u8, levels in 0..14_u32) {
            let mut subtree = Subtree::empty(3);
            subtree.tiles.set(0);
            subtree.boxes = vec![[1.0; 12]];
            let mut bytes = subtree.encode();
            let at = at % bytes.len();
            bytes[at] = value;
            let _ = Subtree::decode(&bytes, levels);
        }
    }
}
