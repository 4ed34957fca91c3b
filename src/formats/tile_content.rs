//! What the content of one tile is, whatever file format it came in.

use std::sync::Arc;

use glam::DVec3;
use serde::{Deserialize, Serialize};

use crate::city::Value;
use crate::geometry::Mesh;

/// Meshes of one tile with the objects they belong to.
///
/// Axes are those of the tile (z up, after 3D Tiles' turn from glTF's y up). In a tileset whose root transform is
/// `ecef_from_site` that is the site frame: east, north, up. Vertices are metres relative to `center`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TileContent {
    /// Origin of every part's vertices, in the tile's frame, metres.
    pub center: DVec3,
    /// The meshes, each drawn with one material.
    pub parts: Vec<TilePart>,
    /// What the feature ids of the meshes mean: one row an id.
    pub features: FeatureTable,
}

impl TileContent {
    /// Bytes held, which is what a budget counts. An image that several parts share is counted once.
    pub fn bytes(&self) -> usize {
        let mut seen: Vec<*const EncodedImage> = Vec::new();
        let mut bytes = self.features.bytes();
        for part in &self.parts {
            let image = part.texture.as_ref().filter(|image| !seen.contains(&Arc::as_ptr(image)));
            bytes += part.mesh.bytes() + image.map_or(0, |image| image.bytes.len());
            seen.extend(image.map(Arc::as_ptr));
        }
        bytes
    }

    /// The content as a worker hands it on (postcard, wire format 1).
    pub fn to_bytes(&self) -> Vec<u8> {
        // Plain data into memory: this does not fail.
        postcard::to_extend(self, Vec::with_capacity(self.bytes())).unwrap_or_default()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }

    /// Triangles of all parts.
    pub fn triangles(&self) -> usize {
        self.parts.iter().map(|part| part.mesh.triangles()).sum()
    }
}

/// One mesh and how it looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TilePart {
    /// Triangles relative to the content's centre.
    pub mesh: Mesh,
    /// Linear RGBA that the vertex colours and the texture are multiplied with.
    pub base_color: [f32; 4],
    /// Base colour image, still encoded.
    pub texture: Option<Arc<EncodedImage>>,
    /// Whether back faces are seen too.
    pub double_sided: bool,
    /// How alpha is read.
    pub alpha: AlphaMode,
    /// Whether the colour is shown as it is, without light (KHR_materials_unlit).
    pub unlit: bool,
}

impl TilePart {
    /// A plain white, opaque, one-sided part.
    pub fn of(mesh: Mesh) -> Self {
        Self { mesh, base_color: [1.0; 4], texture: None, double_sided: false, alpha: AlphaMode::Opaque, unlit: false }
    }
}

/// glTF 2.0 section 3.9.4, alpha coverage.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum AlphaMode {
    /// Alpha is ignored.
    #[default]
    Opaque,
    /// Seen where alpha reaches this cutoff, not there elsewhere.
    Mask(f32),
    /// Blended over what is behind.
    Blend,
}

/// An image as its file holds it; decoding it is left to whoever uploads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncodedImage {
    /// Media type, `image/jpeg`, `image/png`, `image/ktx2`.
    pub mime: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Attributes of a tile's objects, by column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FeatureTable {
    /// Rows; feature ids are below it.
    pub count: usize,
    /// Name and values, each `count` long, in the file's order.
    pub columns: Vec<(String, Column)>,
}

impl FeatureTable {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(key, _)| key == name).map(|(_, column)| column)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(|(name, column)| name.len() + column.bytes()).sum()
    }
}

/// Values of one attribute, one a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Column {
    /// Truths, `None` where not known.
    Bool(Vec<Option<bool>>),
    /// Object rows and other unsigned numbers, all known.
    UInt32(Vec<u32>),
    /// Whole numbers, `None` where not known.
    Int(Vec<Option<i64>>),
    /// Numbers, NaN where not known.
    Float(Vec<f64>),
    /// Words, empty where not known.
    Text(TextColumn),
}

impl Column {
    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::UInt32(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Text(texts) => texts.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row; `Null` where it is not known and beyond the end.
    pub fn value(&self, row: usize) -> Value {
        match self {
            Self::Bool(values) => values.get(row).copied().flatten().map_or(Value::Null, Value::Bool),
            Self::UInt32(values) => values.get(row).map_or(Value::Null, |v| Value::Int(i64::from(*v))),
            Self::Int(values) => values.get(row).copied().flatten().map_or(Value::Null, Value::Int),
            Self::Float(values) => values.get(row).map_or(Value::Null, |v| Value::from(*v)),
            Self::Text(texts) => texts.get(row).map_or(Value::Null, Value::from),
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Bool(values) => size_of_val(values.as_slice()),
            Self::UInt32(values) => size_of_val(values.as_slice()),
            Self::Int(values) => size_of_val(values.as_slice()),
            Self::Float(values) => size_of_val(values.as_slice()),
            Self::Text(texts) => texts.text.len() + size_of_val(texts.ends.as_slice()),
        }
    }
}

/// Many words in one string: a tile has thousands, and an allocation each would cost more than the words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TextColumn {
    text: String,
    ends: Vec<u32>,
}

impl TextColumn {
    /// Adds a row; empty is "not known".
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The words of a row; `None` where not known and beyond the end.
    pub fn get(&self, row: usize) -> Option<&str> {
        let end = *self.ends.get(row)? as usize;
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.text.get(start..end).filter(|text| !text.is_empty())
    }
}

impl<'a> FromIterator<&'a str> for TextColumn {
    fn from_iter<T: IntoIterator<Item = &'a str>>(texts: T) -> Self {
        let mut column = Self::default();
        texts.into_iter().for_each(|text| column.push(text));
        column
    }
}

/// Turns the bytes of a tile into what it holds. Stateless, so that any thread or worker may run it.
///
/// ```
/// use veduta::formats::{ContentDecoder, TileContent, glb::{self, GlbDecoder}};
/// let bytes = glb::encode(&TileContent::default(), &glb::EncodeOptions::default()).unwrap();
/// assert!(GlbDecoder.decode(&bytes).unwrap().parts.is_empty());
/// assert!(GlbDecoder.decode(&bytes[..20]).is_err());
/// ```
pub trait ContentDecoder: Send + Sync {
    /// The content, or why the bytes are not one. Never takes more memory than a fixed multiple of `bytes`.
    fn decode(&self, bytes: &[u8]) -> Result<TileContent, FormatError>;
}

/// Why bytes are not what their format says.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A binary glTF file.
    #[error("glb: {0}")]
    Glb(#[from] super::glb::GlbError),
}
