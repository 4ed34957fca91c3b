//! CityJSON 1.0, 1.1, 2.0 and CityJSONSeq: bytes to documents, objects and geometries.
//!
//! `json_documents` splits a file into its JSON documents (one, or one a line or after another in a sequence) and
//! [`Document::parse`] reads what a document has at its top: objects stay raw text until [`Object::parse`] reads one, and so
//! do their geometries until [`geometry::parse`]. So a bad object or geometry is an error of that one only, objects
//! can be read in parallel, and no tree of generic values is built of the big arrays.

pub mod geometry;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json_documents::{Entries, Text};

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
    /// Materials and textures.
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
    /// What is part of it.
    #[serde(default, borrow)]
    pub children: Option<Vec<Cow<'a, str>>>,
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
