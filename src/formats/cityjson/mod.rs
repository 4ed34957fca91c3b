//! CityJSON 1.0, 1.1, 2.0 and CityJSONSeq: bytes to documents, objects and geometries.
//!
//! [`documents`] splits a file into its JSON documents (one, or one a line or after another in a sequence) and
//! [`Document::parse`] reads what a document has at its top: objects stay raw text until [`Object::parse`] reads one, and so
//! do their geometries until [`geometry::parse`]. So a bad object or geometry is an error of that one only, objects
//! can be read in parallel, and no tree of generic values is built of the big arrays.

mod entries;
pub mod geometry;

use std::borrow::Cow;

pub use entries::Entries;
use serde::Deserialize;
use serde_json::value::RawValue;

/// One JSON document of a file, and the line it starts on (from 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The document.
    pub json: &'a str,
    /// Line of its first character.
    pub line: usize,
}

/// A CityJSON object or a CityJSONFeature (CityJSON 2.0, sections 1 and 8).
#[derive(Debug, Default, Deserialize)]
pub struct Document<'a> {
    /// `CityJSON`, `CityJSONFeature`, or something else that this is not.
    #[serde(rename = "type", default, borrow)]
    pub kind: Option<Cow<'a, str>>,
    /// `1.0`, `1.1`, `2.0`.
    #[serde(default, borrow)]
    pub version: Option<Cow<'a, str>>,
    /// Identifier of the main object of a feature.
    #[serde(default, borrow)]
    pub id: Option<Cow<'a, str>>,
    /// How whole numbers become coordinates.
    #[serde(default)]
    pub transform: Option<Transform>,
    /// CRS and more.
    #[serde(default, borrow)]
    pub metadata: Option<&'a RawValue>,
    /// The city objects, in the order of the file.
    #[serde(rename = "CityObjects", default, borrow)]
    pub objects: Entries<'a>,
    /// Coordinates before [`Transform`], east, north, up (or longitude, latitude, height).
    #[serde(default)]
    pub vertices: Vec<[f64; 3]>,
    /// Geometries that instances share.
    #[serde(rename = "geometry-templates", default, borrow)]
    pub templates: Option<Templates<'a>>,
    /// Materials and textures, not read.
    #[serde(default, borrow)]
    pub appearance: Option<&'a RawValue>,
}

/// `coordinate = vertex * scale + translate`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Transform {
    /// Units of the CRS for each unit of a vertex.
    pub scale: [f64; 3],
    /// Coordinates of the zero vertex.
    pub translate: [f64; 3],
}

/// Geometries that are used many times, around their own origin.
#[derive(Debug, Default, Deserialize)]
pub struct Templates<'a> {
    /// The geometries.
    #[serde(default, borrow)]
    pub templates: Vec<&'a RawValue>,
    /// Their coordinates.
    #[serde(rename = "vertices-templates", default)]
    pub vertices: Vec<[f64; 3]>,
}

/// A city object.
#[derive(Debug, Default, Deserialize)]
pub struct Object<'a> {
    /// `Building`, or `+Something` from an extension.
    #[serde(rename = "type", default, borrow)]
    pub kind: Option<Cow<'a, str>>,
    /// Attributes, in the order of the file.
    #[serde(default, borrow)]
    pub attributes: Option<Entries<'a>>,
    /// Geometries, each to be read by [`geometry::parse`].
    #[serde(default, borrow)]
    pub geometry: Option<Vec<&'a RawValue>>,
    /// What it is part of.
    #[serde(default, borrow)]
    pub parents: Option<Vec<Cow<'a, str>>>,
    /// One address (1.0) or several.
    #[serde(default, borrow)]
    pub address: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata<'a> {
    #[serde(rename = "referenceSystem", default, borrow)]
    reference_system: Option<Cow<'a, str>>,
    #[serde(default)]
    crs: Option<OldCrs>,
}

/// `"crs": {"epsg": 7415}`, as files before 1.0 have it.
#[derive(Debug, Deserialize)]
struct OldCrs {
    epsg: u32,
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

impl<'a> Document<'a> {
    /// Reads the top of a document.
    pub fn parse(text: &Text<'a>) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text.json)
    }

    /// The CRS as it is written there: a URL, a URN, `EPSG:7415`; `None` where none is said.
    pub fn reference_system(&self) -> Option<String> {
        let metadata: Metadata<'_> = serde_json::from_str(self.metadata?.get()).ok()?;
        let old = || metadata.crs.map(|crs| format!("EPSG:{}", crs.epsg));
        metadata.reference_system.map(Cow::into_owned).filter(|words| !words.is_empty()).or_else(old)
    }
}

impl<'a> Object<'a> {
    /// Reads an object.
    pub fn parse(raw: &'a RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(raw.get())
    }
}

/// The words of an error without its line, which in a part of a file counts from the start of that part and misleads.
pub fn without_line(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.rsplit_once(" at line ").map_or(words.clone(), |(plain, _)| plain.to_owned())
}
