//! A part of a tile: a mesh of ours turned into Bevy's, and the entity that draws it.

use bevy::asset::RenderAssetUsages;
use bevy::camera::primitives::Aabb;
use bevy::camera::visibility::NoAutoAabb;
use bevy::ecs::system::SystemParam;
use bevy::math::Vec3A;
use bevy::mesh::{Indices, MeshVertexAttribute, PrimitiveTopology, VertexAttributeValues};
use bevy::prelude::*;
use bevy::render::render_resource::VertexFormat;
use glam::DAffine3;

use super::corners::{Provoking, share_corners};
use super::material::PlainProgram;
use super::{CityMaterial, ObjectLook, ObjectTable};
use crate::engine::environment::EnvironmentUniform;
use crate::engine::origin::SiteTransform;
use crate::engine::{CameraView, Quality, SiteCamera, Tier};
use crate::geometry;

/// Unit normal in four signed bytes: 0.45 degrees fine, which flat walls do not show.
pub(super) const ATTRIBUTE_NORMAL: MeshVertexAttribute =
    MeshVertexAttribute::new("CityNormal", 0x7665_6475_7461_0001, VertexFormat::Snorm8x4);
/// Row of the object table.
pub(super) const ATTRIBUTE_OBJECT: MeshVertexAttribute =
    MeshVertexAttribute::new("CityObject", 0x7665_6475_7461_0002, VertexFormat::Uint32);
/// Linear colour of the source, white where there is none.
pub(super) const ATTRIBUTE_COLOR: MeshVertexAttribute =
    MeshVertexAttribute::new("CityColor", 0x7665_6475_7461_0003, VertexFormat::Unorm8x4);

/// Marks an entity that draws a part of the city.
#[derive(Component, Debug, Clone, Copy, PartialEq, Default)]
pub struct CityPart {
    /// Triangles of its mesh.
    pub triangles: usize,
    /// Bytes that it takes on the graphics card: mesh and object table.
    pub gpu_bytes: usize,
}

/// Bytes of a vertex on the card: place 12, normal 4, object 4, colour 4.
const VERTEX_BYTES: usize = 24;

/// Bytes of a mesh on the card.
pub fn mesh_gpu_bytes(mesh: &geometry::Mesh) -> usize {
    mesh.positions.len() * VERTEX_BYTES + size_of_val(mesh.texture_coordinates.as_slice()) + mesh.indices.len() * 4
}

/// The vertices of a mesh as the card takes them. All arrays are as long as `positions`; coordinates may be empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Vertices {
    pub positions: Vec<[f32; 3]>,
    /// In bytes; the last one says that the face is narrow.
    pub normals: Vec<[i8; 4]>,
    pub objects: Vec<u32>,
    pub colors: Vec<[u8; 4]>,
    pub coordinates: Vec<[f32; 2]>,
    pub indices: Vec<u32>,
}

impl Vertices {
    fn of(mesh: &geometry::Mesh) -> Self {
        let count = mesh.positions.len();
        let narrow = narrow(mesh);
        let normal = |(n, narrow): (&Vec3, &bool)| [byte(n.x), byte(n.y), byte(n.z), if *narrow { 127 } else { 0 }];
        let mut normals: Vec<[i8; 4]> = mesh.normals.iter().zip(&narrow).map(normal).collect();
        normals.resize(count, [0, 0, 127, 0]);
        let mut objects = mesh.feature_ids.clone();
        objects.resize(count, 0);
        let mut colors = mesh.colors.clone();
        colors.resize(count, [255; 4]);
        let mut coordinates: Vec<[f32; 2]> = mesh.texture_coordinates.iter().map(|uv| uv.to_array()).collect();
        coordinates.resize(if coordinates.is_empty() { 0 } else { count }, [0.0; 2]);
        let positions = mesh.positions.iter().map(|p| p.to_array()).collect();
        Self { positions, normals, objects, colors, coordinates, indices: mesh.indices.clone() }
    }

    /// As Bevy's, to be handed to the graphics card and not kept.
    fn into_mesh(self) -> Mesh {
        let bare = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
            .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, self.positions)
            .with_inserted_attribute(ATTRIBUTE_NORMAL, VertexAttributeValues::Snorm8x4(self.normals))
            .with_inserted_attribute(ATTRIBUTE_OBJECT, VertexAttributeValues::Uint32(self.objects))
            .with_inserted_attribute(ATTRIBUTE_COLOR, VertexAttributeValues::Unorm8x4(self.colors))
            .with_inserted_indices(Indices::U32(self.indices));
        if self.coordinates.is_empty() {
            return bare;
        }
        bare.with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, self.coordinates)
    }
}

/// Faces narrower than this have no windows: masts, chimneys, the facets of a round corner. Metres.
const NARROW_M: f32 = 2.2;

/// Which vertices belong to narrow faces only.
fn narrow(mesh: &geometry::Mesh) -> Vec<bool> {
    let mut narrow = vec![true; mesh.positions.len()];
    for triangle in mesh.indices.chunks_exact(3) {
        let [i, j, k] = [0, 1, 2].map(|n| triangle.get(n).map_or(0, |index| *index as usize));
        let (Some(a), Some(b), Some(c)) = (mesh.positions.get(i), mesh.positions.get(j), mesh.positions.get(k)) else {
            continue;
        };
        let apart = |p: &Vec3, q: &Vec3| p.truncate().distance_squared(q.truncate());
        if apart(a, b).max(apart(b, c)).max(apart(c, a)) > NARROW_M * NARROW_M {
            for vertex in [i, j, k] {
                narrow.get_mut(vertex).into_iter().for_each(|narrow| *narrow = false);
            }
        }
    }
    narrow
}

fn byte(unit: f32) -> i8 {
    (unit * 127.0).round() as i8
}

/// The box around a mesh in its own axes, for culling.
pub(crate) fn mesh_box(mesh: &geometry::Mesh) -> Aabb {
    let (min, max) =
        mesh.positions.iter().fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(min, max), p| (min.min(*p), max.max(*p)));
    if mesh.positions.is_empty() { Aabb::default() } else { Aabb::from_min_max(min, max) }
}

/// Where the meshes, tables and materials of the city's parts are kept, and what draws a part.
#[derive(SystemParam)]
pub struct CityAssets<'w, 's> {
    /// Spawns the parts.
    pub commands: Commands<'w, 's>,
    meshes: ResMut<'w, Assets<Mesh>>,
    images: ResMut<'w, Assets<Image>>,
    materials: ResMut<'w, Assets<CityMaterial>>,
    quality: Res<'w, Quality>,
    environment: Res<'w, EnvironmentUniform>,
}

impl CityAssets<'_, '_> {
    /// Hands an image to the graphics card, to be draped over parts.
    pub fn add_image(&mut self, image: Image) -> Handle<Image> {
        self.images.add(image)
    }

    /// Draws a mesh of city objects: one entity with its mesh, its object table and its place. `looks[i]` is the look of
    /// feature `i`. `drape` is laid on by the mesh's texture coordinates.
    pub fn spawn(
        &mut self,
        mesh: &geometry::Mesh,
        looks: Vec<ObjectLook>,
        drape: Option<Handle<Image>>,
        site_from_content: DAffine3,
    ) -> Entity {
        let table = ObjectTable::new(looks, &mut self.images);
        let part = CityPart { triangles: mesh.triangles(), gpu_bytes: mesh_gpu_bytes(mesh) + table.bytes() };
        let drape = drape.filter(|_| !mesh.texture_coordinates.is_empty());
        let plain = self.quality.plain.then(|| PlainProgram::of(table.flags(), self.environment.is_night(), false));
        let mut vertices = Vertices::of(mesh);
        if plain.is_some_and(|plain| plain.faces) && drape.is_none() {
            let last = self.quality.tier == Tier::WebGl2;
            vertices = share_corners(&vertices, if last { Provoking::Last } else { Provoking::First });
        }
        let material = CityMaterial { objects: table.image().clone(), drape, plain };
        self.commands
            .spawn((
                part,
                Mesh3d(self.meshes.add(vertices.into_mesh())),
                MeshMaterial3d(self.materials.add(material)),
                table,
                mesh_box(mesh),
                NoAutoAabb,
                SiteTransform { site_from_local: site_from_content },
            ))
            .id()
    }
}

/// A part is far whose nearest pixel covers this much of it, metres: three quarters of a storey, of which pixels can show
/// nothing but moire. It is near again where a pixel covers a tenth less, so that it does not go to and fro.
const FAR_PIXEL_M: f64 = 2.4;

/// Gives parts on a slow card the program that fits what has become of their objects, the hour, and how far they are.
pub(super) fn fit_programs(
    quality: Res<Quality>,
    environment: Res<EnvironmentUniform>,
    cameras: Query<(&SiteCamera, &Camera)>,
    parts: Query<(&ObjectTable, &MeshMaterial3d<CityMaterial>, &Aabb, &SiteTransform)>,
    mut materials: ResMut<Assets<CityMaterial>>,
) {
    if !quality.plain {
        return;
    }
    let views = || {
        let height_px = |camera: &Camera| camera.physical_target_size().map_or(1.0, |size| f64::from(size.y.max(1)));
        cameras.iter().map(move |(site, camera)| (site.view, height_px(camera)))
    };
    for (table, material, bounds, place) in &parts {
        let eye = |view: &CameraView| place.site_from_local.inverse().transform_point3(view.place_in_site);
        let pixel_m = |(view, height_px): (CameraView, f64)| {
            let outside = ((eye(&view).as_vec3a() - bounds.center).abs() - bounds.half_extents).max(Vec3A::ZERO);
            f64::from(outside.length()) * 2.0 * (view.vertical_field_of_view_rad * 0.5).tan() / height_px
        };
        let nearest_m = views().map(pixel_m).fold(f64::INFINITY, f64::min);
        let was_far = materials.get(material).and_then(|material| material.plain).is_some_and(|plain| plain.far);
        let far = nearest_m > if was_far { FAR_PIXEL_M * 0.9 } else { FAR_PIXEL_M };
        let plain = Some(PlainProgram::of(table.flags(), environment.is_night(), far));
        let fits = materials.get(material).is_none_or(|material| material.plain == plain);
        if !fits && let Some(mut material) = materials.get_mut(material) {
            material.plain = plain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mast_has_no_windows_and_a_wall_has() {
        let wall = |wide: f32, first: u32| {
            let corners = [Vec3::ZERO, Vec3::X * wide, Vec3::new(wide, 0.0, 30.0), Vec3::Z * 30.0];
            (corners, [0, 1, 2, 0, 2, 3].map(|i| first + i))
        };
        let ((mast, mast_indices), (broad, broad_indices)) = (wall(1.8, 0), wall(12.0, 4));
        let mesh = geometry::Mesh {
            positions: mast.into_iter().chain(broad).collect(),
            indices: mast_indices.into_iter().chain(broad_indices).collect(),
            ..Default::default()
        };
        assert_eq!(narrow(&mesh), [true, true, true, true, false, false, false, false]);
    }
}
