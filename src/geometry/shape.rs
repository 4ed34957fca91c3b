//! What an object looks like, as its source says it, in the site frame.

use std::sync::Arc;

use glam::{DVec3, Vec2};
use serde::{Deserialize, Serialize};

use super::{Bounds, Mesh};

/// The geometry of one object at one level of detail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// Footprints pushed up to a flat roof (LoD1); one prism a polygon.
    Prisms(Vec<Prism>),
    /// Planar polygons in space, with what each of them is (LoD0, LoD2 and finer).
    Surfaces(Vec<Surface>),
    /// Triangles, one mesh for each picture on them.
    Meshes(Vec<PlacedMesh>),
}

/// Triangles, with the place of their origin in the site frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlacedMesh {
    /// Origin of the mesh's vertices, in the site frame.
    pub center_in_site: DVec3,
    /// The triangles.
    pub mesh: Mesh,
    /// Name of the picture that the mesh's texture coordinates are of.
    pub picture: Option<Arc<str>>,
}

/// A footprint with holes and its height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prism {
    /// Base rings in the site frame: the outer one counter-clockwise seen from above, holes clockwise.
    pub rings: Vec<Vec<DVec3>>,
    /// From base to top, site axes, metres; its length is the height.
    pub extrusion: DVec3,
}

/// One planar polygon with holes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surface {
    /// Rings in the site frame; the outer one counter-clockwise seen from outside the object.
    pub rings: Vec<Vec<DVec3>>,
    /// What it is.
    pub kind: SurfaceKind,
    /// How it looks; `None` for looks by kind and class alone.
    pub paint: Option<Paint>,
}

/// What a polygon looks like: X3DMaterial and ParameterizedTexture (CityGML 2.0 clause 9), a `Surface_Style` of CityJSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paint {
    /// Linear RGBA, white where a picture alone tells.
    pub color: [u8; 4],
    /// The picture on it.
    pub picture: Option<PaintedPicture>,
}

/// A picture laid on a polygon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaintedPicture {
    /// Its name: the file as its source calls it, made unique by the import.
    pub name: Arc<str>,
    /// A place in the picture for each point of each ring, origin at the upper left, 1 at the far edges.
    pub rings: Vec<Vec<Vec2>>,
}

/// Boundary surfaces (CityGML 3.0 clause 7.2.2, CityJSON 2.0 section 3.3), the ones that are drawn apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[repr(u8)]
pub enum SurfaceKind {
    /// No semantics given.
    #[default]
    Unknown = 0,
    /// `RoofSurface`, `OuterCeilingSurface`.
    Roof = 1,
    /// `WallSurface`.
    Wall = 2,
    /// `GroundSurface`, `OuterFloorSurface`.
    Ground = 3,
    /// `Window`.
    Window = 4,
    /// `Door`.
    Door = 5,
    /// `ClosureSurface`: not there, never drawn.
    Closure = 6,
    /// `InteriorWallSurface`, `CeilingSurface`, `FloorSurface`.
    Interior = 7,
    /// `WaterSurface`, `WaterGroundSurface`.
    Water = 8,
    /// `TrafficArea`, `AuxiliaryTrafficArea`.
    Traffic = 9,
}

impl Shape {
    /// The least box around the shape, site frame.
    pub fn bounds(&self) -> Bounds {
        match self {
            Self::Prisms(prisms) => prisms.iter().fold(Bounds::EMPTY, |all, prism| {
                prism.rings.iter().flatten().fold(all, |all, p| all.with(*p).with(*p + prism.extrusion))
            }),
            Self::Surfaces(surfaces) => Bounds::around(surfaces.iter().flat_map(|s| s.rings.iter().flatten().copied())),
            Self::Meshes(meshes) => meshes.iter().fold(Bounds::EMPTY, |all, placed| all.union(placed.bounds())),
        }
    }
}

impl PlacedMesh {
    /// Without a picture.
    pub fn plain(center_in_site: DVec3, mesh: Mesh) -> Self {
        Self { center_in_site, mesh, picture: None }
    }

    /// The vertices in the site frame.
    pub fn places(&self) -> impl Iterator<Item = DVec3> {
        self.mesh.positions.iter().map(|p| self.center_in_site + p.as_dvec3())
    }

    /// The least box around it, site frame.
    pub fn bounds(&self) -> Bounds {
        Bounds::around(self.places())
    }
}

impl Surface {
    /// A polygon that looks as its kind does.
    pub fn plain(rings: Vec<Vec<DVec3>>, kind: SurfaceKind) -> Self {
        Self { rings, kind, paint: None }
    }
}
