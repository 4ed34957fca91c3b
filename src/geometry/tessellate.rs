//! Shapes to one mesh, each vertex with the number of its object.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::{DVec3, Vec3};

use super::triangulate::{Triangulator, newell_normal};
use super::{Mesh, PlacedMesh, Prism, Shape, Surface, SurfaceKind};

/// What vertices have where only some of a mesh's shapes are coloured.
const WHITE: [u8; 4] = [u8::MAX; 4];

/// Gathers shapes of the site frame into meshes around a centre: one for all that has no picture, and one for each picture. Normals are flat. What is never seen is left out: closure
/// surfaces, interior ones, undersides of prisms, and ground surfaces of objects that have others.
pub struct Tessellator {
    center_in_site: DVec3,
    triangulator: Triangulator,
    mesh: Mesh,
    pictured: BTreeMap<Arc<str>, Mesh>,
}

impl Tessellator {
    /// An empty mesh around `center_in_site`.
    pub fn new(center_in_site: DVec3) -> Self {
        let (triangulator, mesh, pictured) = Default::default();
        Self { center_in_site, triangulator, mesh, pictured }
    }

    /// Adds a shape; all of its vertices get `feature_id`.
    pub fn add(&mut self, shape: &Shape, feature_id: u32) {
        match shape {
            Shape::Prisms(prisms) => prisms.iter().for_each(|prism| self.prism(prism, feature_id)),
            Shape::Surfaces(surfaces) => self.surfaces(surfaces, feature_id),
            Shape::Meshes(meshes) => meshes.iter().for_each(|placed| self.triangles(placed, feature_id)),
        }
    }

    /// Polygons so far that had no area or could not be covered by triangles.
    pub fn degenerate(&self) -> usize {
        self.triangulator.degenerate()
    }

    /// The mesh of what has no picture, which may be empty, and those with the names of their pictures.
    pub fn finish(mut self) -> (Mesh, BTreeMap<Arc<str>, Mesh>) {
        for mesh in self.pictured.values_mut().chain([&mut self.mesh]).filter(|mesh| !mesh.colors.is_empty()) {
            mesh.colors.resize(mesh.positions.len(), WHITE);
        }
        self.pictured.retain(|_, mesh| !mesh.indices.is_empty());
        (self.mesh, self.pictured)
    }

    fn prism(&mut self, prism: &Prism, feature_id: u32) {
        let top: Vec<Vec<DVec3>> =
            prism.rings.iter().map(|ring| ring.iter().map(|p| *p + prism.extrusion).collect()).collect();
        self.triangulator.add(&top, self.center_in_site, feature_id, false, &mut self.mesh);
        if prism.extrusion == DVec3::ZERO {
            return;
        }
        for ring in &prism.rings {
            for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                self.wall(*a, *b, prism.extrusion, feature_id);
            }
        }
    }

    fn wall(&mut self, a: DVec3, b: DVec3, extrusion: DVec3, feature_id: u32) {
        let Some(normal) = (b - a).cross(extrusion).try_normalize() else { return };
        let mesh = &mut self.mesh;
        let base = mesh.positions.len() as u32;
        let corners = [a, b, b + extrusion, a + extrusion];
        mesh.positions.extend(corners.map(|p| (p - self.center_in_site).as_vec3()));
        mesh.normals.extend([normal.as_vec3(); 4]);
        mesh.feature_ids.extend([feature_id; 4]);
        mesh.indices.extend([0, 1, 2, 0, 2, 3].map(|i| base + i));
    }

    fn surfaces(&mut self, surfaces: &[Surface], feature_id: u32) {
        let is_drawn = |kind: SurfaceKind| !matches!(kind, SurfaceKind::Closure | SurfaceKind::Interior);
        let only_ground = surfaces.iter().all(|s| !is_drawn(s.kind) || s.kind == SurfaceKind::Ground);
        for surface in surfaces.iter().filter(|s| is_drawn(s.kind)) {
            // A footprint alone is seen from above, whichever way its ring runs.
            let flip = only_ground && surface.rings.first().is_some_and(|ring| newell_normal(ring).z < 0.0);
            if surface.kind != SurfaceKind::Ground || only_ground {
                self.surface(surface, feature_id, flip);
            }
        }
    }

    fn surface(&mut self, surface: &Surface, feature_id: u32, flip: bool) {
        let picture = surface.paint.as_ref().and_then(|paint| paint.picture.as_ref());
        let places = picture.iter().flat_map(|picture| picture.rings.iter().flatten()).copied();
        // A picture that does not say where each corner lies in it cannot be laid on.
        let picture = picture.filter(|_| places.clone().count() == surface.rings.iter().map(Vec::len).sum::<usize>());
        let mesh = match picture {
            Some(picture) => self.pictured.entry(Arc::clone(&picture.name)).or_default(),
            None => &mut self.mesh,
        };
        let base = mesh.positions.len();
        self.triangulator.add(&surface.rings, self.center_in_site, feature_id, flip, mesh);
        if mesh.positions.len() == base {
            return;
        }
        if picture.is_some() {
            mesh.texture_coordinates.extend(places);
        }
        if let Some(paint) = surface.paint.as_ref().filter(|paint| paint.color != WHITE || !mesh.colors.is_empty()) {
            mesh.colors.resize(base, WHITE);
            mesh.colors.resize(mesh.positions.len(), paint.color);
        }
    }

    fn triangles(&mut self, placed: &PlacedMesh, feature_id: u32) {
        let added = &placed.mesh;
        let offset = (placed.center_in_site - self.center_in_site).as_vec3();
        let picture = placed.picture.as_ref().filter(|_| added.texture_coordinates.len() == added.positions.len());
        let mesh = match picture {
            Some(name) => self.pictured.entry(Arc::clone(name)).or_default(),
            None => &mut self.mesh,
        };
        let base = mesh.positions.len();
        if !added.colors.is_empty() {
            mesh.colors.resize(base, WHITE);
        }
        let count = added.positions.len();
        if added.normals.len() == count {
            mesh.positions.extend(added.positions.iter().map(|p| *p + offset));
            mesh.normals.extend(&added.normals);
            mesh.colors.extend(added.colors.iter().take(count));
            if picture.is_some() {
                mesh.texture_coordinates.extend(&added.texture_coordinates);
            }
            let sound = added.indices.as_chunks::<3>().0.iter().filter(|t| t.iter().all(|i| (*i as usize) < count));
            mesh.indices.extend(sound.flatten().map(|i| base as u32 + i));
        } else {
            flat_triangles(mesh, added, offset, picture.is_some());
        }
        mesh.feature_ids.resize(mesh.positions.len(), feature_id);
    }
}

/// Adds triangles with vertices of their own and their normals.
fn flat_triangles(mesh: &mut Mesh, added: &Mesh, offset: Vec3, pictured: bool) {
    for triangle in added.indices.as_chunks::<3>().0 {
        let corners = triangle.map(|i| added.positions.get(i as usize).copied());
        let [Some(a), Some(b), Some(c)] = corners else { continue };
        let Some(normal) = (b - a).cross(c - a).try_normalize() else { continue };
        let base = mesh.positions.len() as u32;
        mesh.positions.extend([a, b, c].map(|p| p + offset));
        mesh.normals.extend([normal; 3]);
        if !added.colors.is_empty() {
            mesh.colors.extend(triangle.map(|i| added.colors.get(i as usize).copied().unwrap_or(WHITE)));
        }
        if pictured {
            let place = |i: u32| added.texture_coordinates.get(i as usize).copied().unwrap_or_default();
            mesh.texture_coordinates.extend(triangle.map(place));
        }
        mesh.indices.extend([base, base + 1, base + 2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(side: f64, at: f64) -> Vec<DVec3> {
        [(0., 0.), (1., 0.), (1., 1.), (0., 1.)].map(|(x, y)| DVec3::new(at + x * side, at + y * side, 3.0)).to_vec()
    }

    #[test]
    fn a_prism_has_walls_outside_and_in_its_court_and_a_roof() {
        let mut court = ring(2.0, 4.0);
        court.reverse();
        let prism = Prism { rings: vec![ring(10.0, 0.0), court], extrusion: DVec3::Z * 6.0 };
        let mut tessellator = Tessellator::new(DVec3::new(5.0, 5.0, 0.0));
        tessellator.add(&Shape::Prisms(vec![prism]), 9);
        let (mesh, _) = tessellator.finish();
        assert_eq!(mesh.positions.len(), 8 + 8 * 4);
        assert_eq!(mesh.triangles(), 8 + 8 * 2);
        assert!(mesh.feature_ids.iter().all(|id| *id == 9));
        let corner = |i: u32| mesh.positions[i as usize];
        for t in mesh.indices.chunks(3) {
            let normal = (corner(t[1]) - corner(t[0])).cross(corner(t[2]) - corner(t[0])).normalize();
            assert!(normal.dot(mesh.normals[t[0] as usize]) > 0.999);
            let middle = (corner(t[0]) + corner(t[1]) + corner(t[2])) / 3.0;
            let outward = if normal.z > 0.5 { Vec3::Z } else { middle.with_z(0.0) };
            // Outer walls face away from the middle, those of the court towards it.
            let inside = middle.x.abs().max(middle.y.abs()) < 2.0;
            assert_eq!(normal.dot(outward) > 0.0, normal.z > 0.5 || !inside);
        }
    }

    #[test]
    fn unseen_surfaces_are_left_out_and_a_lone_footprint_looks_up() {
        let surface = |kind| Surface::plain(vec![ring(1.0, 0.0)], kind);
        let count = |kinds: &[SurfaceKind]| {
            let mut tessellator = Tessellator::new(DVec3::ZERO);
            tessellator.add(&Shape::Surfaces(kinds.iter().map(|kind| surface(*kind)).collect()), 0);
            tessellator.finish().0.triangles()
        };
        use SurfaceKind::{Closure, Ground, Interior, Roof, Wall};
        assert_eq!(count(&[Roof, Wall, Ground, Closure, Interior]), 4);
        assert_eq!(count(&[Ground]), 2);
        let mut down = surface(Ground);
        down.rings[0].reverse();
        let mut tessellator = Tessellator::new(DVec3::ZERO);
        tessellator.add(&Shape::Surfaces(vec![down]), 0);
        assert!(tessellator.finish().0.normals.iter().all(|n| *n == Vec3::Z));
    }

    #[test]
    fn meshes_keep_colours_and_bad_indices_go() {
        let positions = vec![Vec3::ZERO, Vec3::X, Vec3::Y];
        let colored =
            Mesh { positions, colors: vec![[1, 2, 3, 4]; 3], indices: vec![0, 1, 2, 0, 1, 77], ..Mesh::default() };
        let mut tessellator = Tessellator::new(DVec3::ZERO);
        tessellator.add(&Shape::Surfaces(vec![Surface::plain(vec![ring(1.0, 0.0)], SurfaceKind::Roof)]), 0);
        tessellator.add(&Shape::Meshes(vec![PlacedMesh::plain(DVec3::X, colored)]), 1);
        let (mesh, _) = tessellator.finish();
        assert_eq!((mesh.triangles(), mesh.colors.len(), mesh.normals.len()), (3, 7, 7));
        assert_eq!((mesh.colors[0], mesh.colors[6]), (WHITE, [1, 2, 3, 4]));
        assert_eq!(mesh.positions[4], Vec3::X);
        assert_eq!(mesh.feature_ids, [0, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn a_picture_has_a_mesh_of_its_own_and_colours_stay_with_their_surface() {
        use crate::geometry::{Paint, PaintedPicture};
        use glam::Vec2;
        let places = |count: usize| vec![(0..count).map(|i| Vec2::splat(i as f32 / 4.0)).collect::<Vec<_>>()];
        let painted = |color, picture: Option<usize>| {
            let picture = picture.map(|count| PaintedPicture { name: "a.jpg".into(), rings: places(count) });
            let surface = Surface::plain(vec![ring(1.0, 0.0)], SurfaceKind::Roof);
            Surface { paint: Some(Paint { color, picture }), ..surface }
        };
        let plain = Surface::plain(vec![ring(1.0, 0.0)], SurfaceKind::Wall);
        let red = [255, 0, 0, 255];
        let mut tessellator = Tessellator::new(DVec3::ZERO);
        // The last one's picture misses a corner: it is drawn without.
        let all = vec![plain, painted(red, None), painted(WHITE, Some(4)), painted(WHITE, Some(3))];
        tessellator.add(&Shape::Surfaces(all), 5);
        let (mesh, pictured) = tessellator.finish();
        assert_eq!((mesh.triangles(), mesh.colors.len(), mesh.texture_coordinates.len()), (6, 12, 0));
        assert_eq!((mesh.colors[3], mesh.colors[4], mesh.colors[8]), (WHITE, red, WHITE));
        let mesh = &pictured["a.jpg"];
        assert_eq!((mesh.triangles(), mesh.texture_coordinates[3], mesh.feature_ids[3]), (2, Vec2::splat(0.75), 5));
    }
}
