//! What importers read and what they hand on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use glam::{DVec3, Vec2, Vec3};
use serde::{Deserialize, Serialize};

use super::raster::RasterKind;
use super::raster::map_tiles::Numbering;
use super::terrain::{Dem, Imagery};
use super::{Confidence, Database, ImportError, SourceReport};
use crate::city::{CityObject, Value};
use crate::geodesy::{CrsId, HeightReference, Separation};
use crate::geometry::{Paint, SurfaceKind};

/// The files that a user named: one file, or a folder with everything below it. Reading blocks.
pub trait SourceFiles: Send + Sync {
    /// The path as the user gave it; errors end with it.
    fn path(&self) -> &str;

    /// Names relative to that path, with `/`, sorted by bytes; for a single file its own name alone.
    fn names(&self) -> &[String];

    /// All bytes of one of them.
    fn read(&self, name: &str) -> Result<Vec<u8>, ImportError>;

    /// How many bytes one of them has.
    fn size(&self, name: &str) -> Result<u64, ImportError>;

    /// Bytes of one of them, fewer where it ends before the range does: what is larger than memory is read in parts.
    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ImportError>;

    /// One of them as a database. Only files of their own can be opened as one.
    fn database(&self, name: &str) -> Result<Box<dyn Database>, ImportError> {
        let what = "a database is read from a file of its own; unpack it".to_owned();
        Err(ImportError::Option { what, path: self.path_of(name) })
    }

    /// All bytes of a file that may be there or not.
    fn find(&self, name: &str) -> Result<Option<Vec<u8>>, ImportError> {
        let is_there = self.names().binary_search_by(|known| known.as_str().cmp(name)).is_ok();
        if is_there { self.read(name).map(Some) } else { Ok(None) }
    }

    /// A handle of its own onto the same files: of rasters is read what the city needs, once it is known where it is.
    fn shared(&self) -> Arc<dyn SourceFiles>;

    /// At most the first `limit` bytes of one of them: enough to tell what it is.
    fn head(&self, name: &str, limit: usize) -> Result<Vec<u8>, ImportError> {
        self.read_range(name, 0..limit as u64)
    }

    /// The name of a file as messages give it: the user's path, and what is below it.
    fn path_of(&self, name: &str) -> String {
        match self.names() {
            [only] if only == name && self.path().ends_with(name) => self.path().to_owned(),
            _ => format!("{}/{name}", self.path().trim_end_matches('/')),
        }
    }
}

/// Files in memory: tests and generated data.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    path: String,
    names: Vec<String>,
    bytes: BTreeMap<String, Arc<[u8]>>,
}

impl MemoryFiles {
    /// The files by relative name, as if they lay under `path`.
    pub fn new(path: &str, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let bytes: BTreeMap<_, _> = files.into_iter().map(|(name, bytes)| (name, bytes.into())).collect();
        Self { path: path.to_owned(), names: bytes.keys().cloned().collect(), bytes }
    }

    fn bytes(&self, name: &str) -> Result<&[u8], ImportError> {
        let missing = || ImportError::Read { cause: "no such file".to_owned(), path: self.path_of(name) };
        self.bytes.get(name).map(|bytes| &**bytes).ok_or_else(missing)
    }
}

impl SourceFiles for MemoryFiles {
    fn path(&self) -> &str {
        &self.path
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ImportError> {
        self.bytes(name).map(<[u8]>::to_vec)
    }

    fn size(&self, name: &str) -> Result<u64, ImportError> {
        Ok(self.bytes(name)?.len() as u64)
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ImportError> {
        let all = self.bytes(name)?;
        let at = |place: u64| usize::try_from(place).map_or(all.len(), |place| place.min(all.len()));
        Ok(all.get(at(range.start)..at(range.end)).unwrap_or_default().to_vec())
    }

    fn shared(&self) -> Arc<dyn SourceFiles> {
        Arc::new(self.clone())
    }
}

/// What a user may say about a source, on the command line or in a recipe. Everything may be left out where the source says
/// it itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImportOptions {
    /// The CRS of the coordinates, over what the source says (`EPSG:28992`): a recipe insists.
    pub crs: Option<CrsId>,
    /// The CRS of a source that does not say it: `--crs`.
    pub crs_where_unsaid: Option<CrsId>,
    /// What heights are above, over what the source says.
    pub heights_above: Option<HeightsAbove>,
    /// The geoid above the ellipsoid, for heights above the geoid. Where nothing is said they are taken as heights above the
    /// ellipsoid: everything of the source is off by the same metres.
    pub separation: Option<Separation>,
    /// The attribute that holds the height of a building above its ground, in metres.
    pub height_attribute: Option<String>,
    /// The attribute that holds the number of storeys above ground.
    pub storey_attribute: Option<String>,
    /// Height of one storey in metres where only storeys are known; 3.0 if not said.
    pub storey_height_m: Option<f64>,
    /// The attribute that identifies an object; features cut by tile borders are joined by it.
    pub id_attribute: Option<String>,
    /// The attribute that holds the name of an object; `name` if not said.
    pub name_attribute: Option<String>,
    /// The attribute that holds the class of an object.
    pub class_attribute: Option<String>,
    /// The class of every object that does not say its own.
    pub class: Option<String>,
    /// Only these layers of sources that have layers.
    pub layers: Vec<String>,
    /// This zoom level of a tile pyramid instead of the finest.
    pub zoom: Option<u8>,
    /// How deep pipes lie below the elevations of their nodes, metres, in networks that give those of the ground.
    pub cover_m: Option<f64>,
    /// What the samples of a raster are, over what the source says.
    pub raster: Option<RasterKind>,
    /// How map tiles are numbered, over what the source says.
    pub tile_numbering: Option<Numbering>,
}

impl ImportOptions {
    /// The CRS of a source of which `stated` says it and where, and how it is known; `None` where nobody says it. An error
    /// where the source says another one than `--crs`: which of the two is wrong only the user knows.
    pub fn settle_crs(
        &self,
        stated: Option<(CrsId, &str)>,
        path: &str,
    ) -> Result<Option<(CrsId, String)>, ImportError> {
        // The same but for the order of axes, which coordinates in files settle themselves, and for heights.
        let same = ["OGC:CRS84", "OGC:CRS84h", "EPSG:4326"];
        let plain = |crs: &CrsId| if same.contains(&crs.as_str()) { CrsId::wgs84() } else { crs.clone() };
        match (&self.crs, stated, &self.crs_where_unsaid) {
            (Some(crs), ..) => Ok(Some((crs.clone(), "the recipe".to_owned()))),
            (None, Some((said, by)), Some(told)) if plain(&said) != plain(told) => {
                let what = format!(
                    "it is in {said} ({by}), and --crs says {told}; leave --crs out, or insist with crs = \"{told}\" for \
                     this source in a recipe (--recipe)"
                );
                Err(ImportError::Option { what, path: path.to_owned() })
            }
            (None, Some((said, by)), _) => Ok(Some((said, by.to_owned()))),
            (None, None, told) => Ok(told.clone().map(|crs| (crs, "--crs".to_owned()))),
        }
    }

    /// The geoid above the ellipsoid; nothing where nobody says it.
    pub fn separation(&self) -> Separation {
        self.separation.clone().unwrap_or(Separation::Constant(0.0))
    }

    /// What the heights of an elevation model are above, which says `stated` of them itself.
    pub fn heights_of_raster(
        &self,
        stated: HeightsAbove,
        path: &str,
    ) -> Result<(HeightsAbove, HeightReference), ImportError> {
        let above = self.heights_above.unwrap_or(stated);
        match above {
            HeightsAbove::Ellipsoid => Ok((above, HeightReference::Ellipsoidal)),
            HeightsAbove::Geoid => Ok((above, HeightReference::Orthometric(self.separation()))),
            HeightsAbove::Ground => {
                let what = "an elevation model's heights are not above the ground".to_owned();
                Err(ImportError::Option { what, path: path.to_owned() })
            }
        }
    }
}

/// What heights in a source are above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HeightsAbove {
    /// The ellipsoid of the CRS.
    Ellipsoid,
    /// Mean sea level, by a geoid model or a national levelling.
    Geoid,
    /// The ground under the object: there are no heights of places in the source.
    #[default]
    Ground,
}

impl HeightsAbove {
    /// What heights in a CRS are above: the ellipsoid in those that are ellipsoidal in three dimensions, else mean sea level,
    /// which is what maps and levellings give.
    pub fn of_crs(crs: &CrsId) -> Self {
        if ["EPSG:4979", "OGC:CRS84h"].contains(&crs.as_str()) { Self::Ellipsoid } else { Self::Geoid }
    }
}

/// Where a source's coordinates are: found in the source, or told by the user.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFrame {
    /// The coordinate reference system.
    pub crs: CrsId,
    /// What heights are above.
    pub heights_above: HeightsAbove,
    /// How that is known, for people: `metadata.referenceSystem`, `implied by the tile pyramid`, `--crs`.
    pub stated_by: String,
}

/// An object as its source has it: everything but where it is. `object.shapes` and `object.place` are still empty; placing
/// fills them from `geometry`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceObject {
    /// Identifier, class, attributes.
    pub object: CityObject,
    /// Coordinates in the source's CRS.
    pub geometry: Vec<SourceShape>,
}

/// One level of detail of an object in the source's CRS: coordinates in the units of the CRS (metres, feet, degrees), always
/// east (longitude) first, north (latitude) second, height third, in metres above the source's [`HeightsAbove`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceShape {
    /// CityJSON's refined LoD, `1.2` -> 1.2.
    pub lod: f32,
    /// The geometry.
    pub form: SourceForm,
}

/// Rings of points, the outer one first, none closed by repetition; directions as the source has them.
pub type SourcePolygon = Vec<Vec<DVec3>>;

/// How a shape is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SourceForm {
    /// Footprints pushed up by `height_m` metres from their own height (LoD1).
    Footprints {
        /// One polygon a part that lies apart.
        polygons: Vec<SourcePolygon>,
        /// From base to top, metres; above zero.
        height_m: f64,
    },
    /// Polygons in space.
    Surfaces(Vec<SourceSurface>),
    /// Lines with a width: roads, rails, pipes.
    Lines {
        /// Each from its beginning to its end.
        lines: Vec<Vec<DVec3>>,
        /// What is drawn along them.
        section: LineSection,
    },
    /// Triangles, one mesh for each colour or picture.
    Meshes(Vec<SourceMesh>),
    /// Places without extent.
    Points(Vec<DVec3>),
}

/// One polygon in space and what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceSurface {
    /// Its rings.
    pub polygon: SourcePolygon,
    /// What it is.
    pub kind: SurfaceKind,
    /// How it looks, where the source says; a picture is called as its file among the [`SourceFiles`].
    pub paint: Option<Paint>,
}

impl SourceSurface {
    /// A polygon that looks as its kind does.
    pub fn plain(polygon: SourcePolygon, kind: SurfaceKind) -> Self {
        Self { polygon, kind, paint: None }
    }
}

/// The section of a line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum LineSection {
    /// Flat and level, so wide, metres.
    Band(f64),
    /// Round, of this diameter, metres.
    Tube(f64),
}

/// Triangles of one colour or picture. Vertex arrays are as long as `positions`, or empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceMesh {
    /// Coordinates as in [`SourceShape`].
    pub positions: Vec<DVec3>,
    /// Unit normals, east, north and up at the place; where there are none, triangles are flat.
    pub normals: Vec<Vec3>,
    /// Linear RGBA of all of it; white where a picture alone tells.
    pub color: [u8; 4],
    /// Texture coordinates, origin at the upper left.
    pub texture_coordinates: Vec<Vec2>,
    /// Name of its picture among the [`SourceFiles`].
    pub picture: Option<Arc<str>>,
    /// Three a triangle, counter-clockwise seen from the front.
    pub indices: Vec<u32>,
}

/// Takes what an importer reads, in batches, in a fixed order. An error stops the import: [`ImportError::Cancelled`] when
/// the user did.
pub trait ObjectSink {
    /// Where the coordinates of all following objects are. Called once before the first of them.
    fn describe(&mut self, frame: &SourceFrame) -> Result<(), ImportError>;

    /// The next objects.
    fn take(&mut self, batch: Vec<SourceObject>) -> Result<(), ImportError>;

    /// An elevation model. Where several know a place, the one that came first holds.
    fn elevation(&mut self, dem: Dem) -> Result<(), ImportError>;

    /// A picture of the ground. It lies on top of those that came before.
    fn image(&mut self, image: Imagery) -> Result<(), ImportError>;

    /// How much of the source was read: of files or bytes, whatever the importer can count.
    fn progress(&mut self, _done: u64, _total: u64) -> Result<(), ImportError> {
        Ok(())
    }
}

/// A source read whole into memory: what placing and tests work on.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// Where its coordinates are.
    pub frame: Option<SourceFrame>,
    /// Its objects.
    pub objects: Vec<SourceObject>,
    /// Its elevation models.
    pub dems: Vec<Dem>,
    /// Its pictures of the ground.
    pub images: Vec<Imagery>,
}

impl ObjectSink for Gathered {
    fn describe(&mut self, frame: &SourceFrame) -> Result<(), ImportError> {
        self.frame = Some(frame.clone());
        Ok(())
    }

    fn take(&mut self, batch: Vec<SourceObject>) -> Result<(), ImportError> {
        self.objects.extend(batch);
        Ok(())
    }

    fn elevation(&mut self, dem: Dem) -> Result<(), ImportError> {
        self.dems.push(dem);
        Ok(())
    }

    fn image(&mut self, image: Imagery) -> Result<(), ImportError> {
        self.images.push(image);
        Ok(())
    }
}

/// One kind of source.
///
/// ```
/// use veduta::import::{Gathered, ImportOptions, MemoryFiles, recognise};
/// let files = MemoryFiles::new("parcels.geojson", [("parcels.geojson".to_owned(), br#"{"type": "Feature",
///     "id": "a", "properties": {"height": 12}, "geometry": {"type": "Polygon",
///     "coordinates": [[[4.0, 52.0], [4.1, 52.0], [4.1, 52.1], [4.0, 52.0]]]}}"#.to_vec())]);
/// let importer = recognise(&files).unwrap();
/// let mut city = Gathered::default();
/// let report = importer.read(&files, &ImportOptions::default(), &mut city).unwrap();
/// assert_eq!((importer.name(), report.objects, city.objects[0].object.id.as_str()), ("geojson", 1, "a"));
/// ```
pub trait Importer: Send + Sync {
    /// Short name, as recipes give it: `cityjson`.
    fn name(&self) -> &'static str;

    /// What it reads, for people.
    fn title(&self) -> &'static str;

    /// File names that it reads, as shell patterns, for help.
    fn patterns(&self) -> &'static [&'static str];

    /// How sure it is that it can read these files, from their names and first bytes.
    fn probe(&self, files: &dyn SourceFiles) -> Confidence;

    /// Reads everything into `sink`. Bad records are counted in the report and left out; only files that are not what they
    /// claim to be, a missing CRS, and the sink's own errors end it.
    fn read(
        &self,
        files: &dyn SourceFiles,
        options: &ImportOptions,
        sink: &mut dyn ObjectSink,
    ) -> Result<SourceReport, ImportError>;
}

impl SourceObject {
    /// Adds an attribute unless the source has one of that name.
    pub fn derive_attribute(&mut self, name: &Arc<str>, value: Value) {
        if self.object.attribute(name).is_null() {
            self.object.attributes.retain(|(key, _)| key != name);
            self.object.attributes.push((Arc::clone(name), value));
        }
    }

    /// Its first point, in the source's CRS.
    pub fn first_point(&self) -> Option<DVec3> {
        self.geometry.iter().find_map(|shape| match &shape.form {
            SourceForm::Footprints { polygons, .. } => polygons.iter().flatten().flatten().next().copied(),
            SourceForm::Surfaces(surfaces) => surfaces.iter().flat_map(|s| s.polygon.iter().flatten()).next().copied(),
            SourceForm::Lines { lines, .. } => lines.iter().flatten().next().copied(),
            SourceForm::Meshes(meshes) => meshes.iter().flat_map(|mesh| &mesh.positions).next().copied(),
            SourceForm::Points(points) => points.first().copied(),
        })
    }

    /// How many surfaces it has: polygons in space, and footprints.
    pub fn surfaces(&self) -> u64 {
        self.geometry
            .iter()
            .map(|shape| match &shape.form {
                SourceForm::Footprints { polygons, .. } => polygons.len() as u64,
                SourceForm::Surfaces(surfaces) => surfaces.len() as u64,
                SourceForm::Lines { lines, .. } => lines.len() as u64,
                SourceForm::Meshes(meshes) => meshes.len() as u64,
                SourceForm::Points(_) => 0,
            })
            .sum()
    }
}
