//! `city.toml`: what a package holds, for people and programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PackageError;
use crate::geodesy::{Geodetic, SiteFrame};

/// The manifest of a city package. Angles are degrees, as in every document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// See [`Manifest::FORMAT_VERSION`].
    pub format_version: u32,
    /// What people call the city.
    pub name: String,
    /// Origin of the site frame: longitude, latitude in degrees, metres above the ellipsoid.
    pub anchor: [f64; 3],
    /// Frame of everything inside: always the site frame of `anchor` on WGS 84 (EPSG:4979).
    pub crs: String,
    /// What heights inside are above.
    pub height_reference: String,
    /// West, south, east, north in degrees, lowest and highest point in metres above the ellipsoid. Absent without objects
    /// that are somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<[f64; 6]>,
    /// Where most objects are: west, south, east, north in degrees, lowest foot and highest top in metres above the
    /// ellipsoid, each without the one object in fifty that is farthest out. What a first view shows, and how high a plain
    /// ground lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<[f64; 6]>,
    /// The extent of the terrain; absent where `terrain/` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ground: Option<[f64; 6]>,
    /// Objects in all.
    pub objects: u64,
    /// Triangles of the finest tiles; 0 where that is not told, see [`super::write_selection`].
    pub triangles: u64,
    /// Levels of the tile tree.
    pub tile_levels: u32,
    /// Whether `terrain/` is there.
    pub terrain: bool,
    /// Objects by class.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// Objects by CIM level, `CIM1` to `CIM7`.
    #[serde(default)]
    pub cim_levels: BTreeMap<String, u64>,
    /// Attributes by name.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeSummary>,
    /// What the bytes of all other files are, see [`super::HashedSink`]; empty where something of them is withheld.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// XXH3-128 of the settings of its import, hexadecimal; of a demo city the version of what made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub settings: String,
    /// What it was made from.
    #[serde(default, rename = "source")]
    pub sources: Vec<SourceSummary>,
}

/// What is known of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSummary {
    /// Objects that have it.
    pub filled: u64,
    /// `bool`, `int`, `float`, `text`, or `mixed`.
    pub kind: String,
}

/// One source of a package.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSummary {
    /// File or folder name, without the folders above it.
    pub name: String,
    /// What read it.
    pub importer: String,
    /// Its CRS and who said so.
    pub crs: String,
    /// XXH3-128 of its files, by name and content, hexadecimal.
    pub hash: String,
    /// Objects read.
    pub objects: u64,
    /// Records left out.
    pub skipped: u64,
}

impl Manifest {
    /// The version of packages that this program reads and writes.
    pub const FORMAT_VERSION: u32 = 2;
    /// Name of the manifest in a package.
    pub const NAME: &'static str = "city.toml";

    /// Reads a manifest.
    pub fn read(text: &str) -> Result<Self, PackageError> {
        let wrong = |cause: String| PackageError::Invalid { cause, name: Self::NAME.to_owned() };
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| text.get(..span.start).map_or(1, |before| before.lines().count().max(1)));
            wrong(format!("line {line}: {}", error.message()))
        })?;
        let [longitude, latitude, height] = manifest.anchor;
        if manifest.format_version != Self::FORMAT_VERSION {
            let versions = (manifest.format_version, Self::FORMAT_VERSION);
            return Err(wrong(format!(
                "format_version {}, this program reads {}: import again",
                versions.0, versions.1
            )));
        }
        if longitude.is_nan()
            || latitude.is_nan()
            || longitude.abs() > 180.0
            || latitude.abs() > 90.0
            || !height.is_finite()
        {
            return Err(wrong("the anchor is not on the earth".to_owned()));
        }
        Ok(manifest)
    }

    /// The text of the manifest; the same manifest gives the same text.
    pub fn write(&self) -> Result<String, PackageError> {
        let failed =
            |error: toml::ser::Error| PackageError::Invalid { cause: error.to_string(), name: Self::NAME.to_owned() };
        toml::to_string(self).map_err(failed)
    }

    /// The frame of everything in the package.
    pub fn site(&self) -> SiteFrame {
        SiteFrame::new(Geodetic::from_degrees(self.anchor[0], self.anchor[1], self.anchor[2]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_says_what_is_wrong() {
        let manifest = Manifest {
            format_version: Manifest::FORMAT_VERSION,
            name: "东京 \"T\"".into(),
            anchor: [139.75, 35.68, 0.0],
            extent: Some([139.5, 35.5, 139.9, 35.8, -1.0, 340.0]),
            counts: [("Building".to_owned(), 3)].into(),
            sources: vec![SourceSummary { name: "a".into(), ..Default::default() }],
            ..Default::default()
        };
        let text = manifest.write().unwrap();
        assert_eq!(Manifest::read(&text).unwrap(), manifest);
        let error = Manifest::read(&text.replace("objects = 0\ntri", "objects = -1\ntri")).unwrap_err().to_string();
        assert!(error.starts_with("not a city package: line ") && error.ends_with("city.toml"), "{error}");
        assert!(Manifest::read(&text.replace("format_version = ", "format_version = 9")).is_err());
        assert!(Manifest::read(&text.replace("139.75", "nan")).is_err());
    }
}
