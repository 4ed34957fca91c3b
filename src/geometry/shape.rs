//! What an object looks like, as its source says it, in the site frame.

use glam::DVec3;

use super::{Bounds, Mesh};

/// The geometry of one object at one level of detail.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Footprints pushed up to a flat roof (LoD1); one prism a polygon.
    Prisms(Vec<Prism>),
    /// Planar polygons in space, with what each of them is (LoD0, LoD2 and finer).
    Surfaces(Vec<Surface>),
    /// Triangles, with the place of their origin in the site frame.
    Mesh {
        /// Origin of the mesh's vertices, in the site frame.
        center_in_site: DVec3,
        /// The triangles.
        mesh: Mesh,
    },
}

/// A footprint with holes and its height.
#[derive(Debug, Clone, PartialEq)]
pub struct Prism {
    /// Base rings in the site frame: the outer one counter-clockwise seen from above, holes clockwise.
    pub rings: Vec<Vec<DVec3>>,
    /// From base to top, site axes, metres; its length is the height.
    pub extrusion: DVec3,
}

/// One planar polygon with holes.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// Rings in the site frame; the outer one counter-clockwise seen from outside the object.
    pub rings: Vec<Vec<DVec3>>,
    /// What it is.
    pub kind: SurfaceKind,
}

/// Boundary surfaces (CityGML 3.0 clause 7.2.2, CityJSON 2.0 section 3.3), the ones that are drawn apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
            Self::Mesh { center_in_site, mesh } => {
                Bounds::around(mesh.positions.iter().map(|p| *center_in_site + p.as_dvec3()))
            }
        }
    }
}
