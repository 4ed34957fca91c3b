//! Geometry without meaning: shapes in double precision, meshes in single precision, rasters, boxes.
//!
//! Importers make [`Shape`]s in the site frame; tilers turn them into [`Mesh`]es relative to a content centre; the
//! engine uploads those. A polygon is a list of rings, the outer one first, none closed by repetition.

mod bounds;
mod footprint;
mod height_grid;
mod mesh;
pub mod parallel;
mod plan;
mod shape;
mod simplify;
mod sweep;
mod tessellate;
mod triangulate;

pub use bounds::Bounds;
pub use footprint::{FootprintProblem, Repair, RepairedPolygon, repair, signed_area};
pub use height_grid::HeightGrid;
pub use mesh::Mesh;
pub use plan::{area_m2, convex_hull, shared_area_m2};
pub use shape::{Paint, PaintedPicture, PlacedMesh, Prism, Shape, Surface, SurfaceKind};
pub use simplify::coarser;
pub use sweep::{band, tube};
pub use tessellate::Tessellator;
pub use triangulate::{Triangulator, newell_normal};
