//! The water of a simulation: a surface over the wet cells of a grid, coloured by depth.

use bevy::asset::RenderAssetUsages;
use bevy::camera::primitives::Aabb;
use bevy::camera::visibility::NoAutoAabb;
use bevy::ecs::system::SystemParamItem;
use bevy::ecs::system::lifetimeless::SRes;
use bevy::light::{NotShadowCaster, NotShadowReceiver};
use bevy::mesh::{Indices, MeshVertexAttribute, MeshVertexBufferLayoutRef, PrimitiveTopology};
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_resource::{
    AsBindGroup, AsBindGroupError, BindGroupLayout, BindGroupLayoutEntry, BindingResources, OwnedBindingResource,
    RenderPipelineDescriptor, SpecializedMeshPipelineError, UnpreparedBindGroup, VertexFormat,
};
use bevy::render::renderer::RenderDevice;
use bevy::shader::ShaderRef;
use glam::{DVec2, DVec3};

use super::EngineSystems;
use super::bindings::{encode_for_target, environment_binding, environment_layout};
use super::environment::EnvironmentBuffer;
use super::origin::SiteTransform;
use super::shader_table::FLOOD_SHADER;
use super::tiles::HeldBytes;

/// Water on a grid. Cells stand in rows from the south-west, west to east.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WaterSurface {
    /// Centre of the south-western cell, site frame, metres.
    pub origin_in_site: DVec2,
    /// Edge of a cell, metres.
    pub cell_m: f64,
    /// Cells from west to east.
    pub columns: usize,
    /// Height of each cell's ground in the site frame, metres; NaN where there can be no water.
    pub bed_in_site: std::sync::Arc<Vec<f32>>,
    /// Water over the ground, metres.
    pub depth_m: Vec<f32>,
}

/// The waters that are drawn, one for each simulation. Whoever has a new frame replaces its water.
#[derive(Resource, Debug, Default)]
pub struct FloodLayer {
    waters: Vec<Option<WaterSurface>>,
    changed: Vec<usize>,
    entities: Vec<Option<Entity>>,
}

impl FloodLayer {
    /// Sets the water of a simulation by its number; `None` draws none.
    pub fn set(&mut self, number: usize, water: Option<WaterSurface>) {
        if self.waters.len() <= number {
            self.waters.resize(number + 1, None);
            self.entities.resize(number + 1, None);
        }
        if self.waters[number] != water {
            self.waters[number] = water;
            self.changed.push(number);
        }
    }
}

/// Depth at a corner, metres.
const ATTRIBUTE_DEPTH: MeshVertexAttribute =
    MeshVertexAttribute::new("WaterDepth", 0x7665_6475_7461_0010, VertexFormat::Float32);
/// Cells with less are dry, metres.
const DRY_M: f32 = 0.005;

/// What draws a water surface.
#[derive(Asset, TypePath, Debug, Clone)]
pub struct FloodMaterial;

impl AsBindGroup for FloodMaterial {
    type Data = ();
    type Param = SRes<EnvironmentBuffer>;

    fn label() -> &'static str {
        "flood"
    }

    fn bind_group_data(&self) -> Self::Data {}

    fn unprepared_bind_group(
        &self,
        _: &BindGroupLayout,
        _: &RenderDevice,
        environment: &mut SystemParamItem<'_, '_, Self::Param>,
        _: bool,
    ) -> Result<UnpreparedBindGroup, AsBindGroupError> {
        let bindings: Vec<(u32, OwnedBindingResource)> = vec![(0, environment_binding(environment)?)];
        Ok(UnpreparedBindGroup { bindings: BindingResources(bindings) })
    }

    fn bind_group_layout_entries(_: &RenderDevice, _: bool) -> Vec<BindGroupLayoutEntry> {
        vec![environment_layout(0)]
    }
}

impl Material for FloodMaterial {
    fn vertex_shader() -> ShaderRef {
        FLOOD_SHADER.into()
    }

    fn fragment_shader() -> ShaderRef {
        FLOOD_SHADER.into()
    }

    fn alpha_mode(&self) -> AlphaMode {
        AlphaMode::Blend
    }

    fn enable_prepass() -> bool {
        false
    }

    fn enable_shadows() -> bool {
        false
    }

    fn specialize(
        _: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        layout: &MeshVertexBufferLayoutRef,
        _: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        encode_for_target(descriptor);
        descriptor.vertex.buffers = vec![
            layout
                .0
                .get_layout(&[Mesh::ATTRIBUTE_POSITION.at_shader_location(0), ATTRIBUTE_DEPTH.at_shader_location(1)])?,
        ];
        descriptor.primitive.cull_mode = None;
        Ok(())
    }
}

pub(super) struct FloodPlugin;

impl Plugin for FloodPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<FloodLayer>()
            .add_plugins(MaterialPlugin::<FloodMaterial>::default())
            .add_systems(Update, draw.in_set(EngineSystems::Stream));
    }
}

fn draw(
    mut layer: ResMut<FloodLayer>,
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<FloodMaterial>>,
) {
    if layer.changed.is_empty() {
        return;
    }
    let layer = layer.bypass_change_detection();
    for number in std::mem::take(&mut layer.changed) {
        let water = layer.waters.get(number).and_then(Option::as_ref);
        let part = water.map(surface).filter(|part| !part.indices.is_empty());
        let Some(slot) = layer.entities.get_mut(number) else { continue };
        if let Some(old) = slot.take() {
            commands.entity(old).despawn();
        }
        *slot = part.map(|part| spawn(part, &mut commands, &mut meshes, &mut materials));
    }
}

fn spawn(
    part: Part,
    commands: &mut Commands,
    meshes: &mut Assets<Mesh>,
    materials: &mut Assets<FloodMaterial>,
) -> Entity {
    let corners = part.positions.iter().map(|p| Vec3::from(*p));
    let (low, high) = corners.fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(low, high), p| (low.min(p), high.max(p)));
    // A place, a depth and, below, the indices.
    let held = HeldBytes(part.positions.len() * 16 + part.indices.len() * 4);
    let mesh = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::RENDER_WORLD)
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, part.positions)
        .with_inserted_attribute(ATTRIBUTE_DEPTH, part.depths)
        .with_inserted_indices(Indices::U32(part.indices));
    let parts = (
        held,
        Mesh3d(meshes.add(mesh)),
        MeshMaterial3d(materials.add(FloodMaterial)),
        Aabb::from_min_max(low, high),
        NoAutoAabb,
        NotShadowCaster,
        NotShadowReceiver,
        SiteTransform::at(part.center_in_site),
    );
    commands.spawn(parts).id()
}

/// A surface as triangles, relative to its centre.
#[derive(Debug, PartialEq)]
struct Part {
    center_in_site: DVec3,
    positions: Vec<[f32; 3]>,
    depths: Vec<f32>,
    indices: Vec<u32>,
}

/// The surface over all cells that are wet or have a wet neighbour. Its corners are those of the cells: depth is the mean
/// of the cells around that can hold water, so that the shore runs between cells; height is that of the wet ones.
fn surface(water: &WaterSurface) -> Part {
    let columns = water.columns.max(1);
    let rows = water.depth_m.len().min(water.bed_in_site.len()) / columns;
    let middle = DVec2::new(columns as f64 - 1.0, rows as f64 - 1.0) * 0.5 * water.cell_m;
    let beds = water.bed_in_site.iter().copied().filter(|bed| bed.is_finite());
    let height = f64::from(beds.fold(f32::INFINITY, f32::min));
    let height = if height.is_finite() { height } else { 0.0 };
    let center_in_site = (water.origin_in_site + middle).extend(height);
    let mut part = Part { center_in_site, positions: Vec::new(), depths: Vec::new(), indices: Vec::new() };
    let cell = |x: usize, y: usize| {
        let at = (x < columns && y < rows).then_some(y * columns + x)?;
        let (bed, depth) = (*water.bed_in_site.get(at)?, *water.depth_m.get(at)?);
        bed.is_finite().then_some((bed, depth))
    };
    let mut numbers = std::collections::HashMap::new();
    let mut corner = |x: usize, y: usize, part: &mut Part| -> Option<u32> {
        if let Some(known) = numbers.get(&(x, y)) {
            return *known;
        }
        let around = [(x.wrapping_sub(1), y.wrapping_sub(1)), (x, y.wrapping_sub(1)), (x.wrapping_sub(1), y), (x, y)];
        let cells = around.into_iter().filter_map(|(x, y)| cell(x, y));
        let (mut count, mut depth, mut wet, mut top) = (0.0, 0.0, 0.0, 0.0);
        for (bed, cell_depth) in cells {
            count += 1.0;
            depth += cell_depth;
            if cell_depth > DRY_M {
                wet += 1.0;
                top += bed + cell_depth;
            }
        }
        let number = (wet > 0.0).then(|| {
            let place = (DVec2::new(x as f64, y as f64) - 0.5) * water.cell_m - middle;
            part.positions.push([place.x as f32, place.y as f32, top / wet - height as f32]);
            part.depths.push(depth / count);
            part.positions.len() as u32 - 1
        });
        numbers.insert((x, y), number);
        number
    };
    for y in 0..rows {
        for x in 0..columns {
            let corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)].map(|(x, y)| corner(x, y, &mut part));
            if let [Some(a), Some(b), Some(c), Some(d)] = corners {
                part.indices.extend([a, b, c, a, c, d]);
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surface_lies_over_wet_cells_only() {
        let mut depth_m = vec![0.0; 25];
        depth_m[12] = 1.0;
        let bed = (0..25).map(|i| if i == 0 { f32::NAN } else { 10.0 }).collect::<Vec<f32>>();
        let water =
            WaterSurface { origin_in_site: DVec2::ZERO, cell_m: 2.0, columns: 5, bed_in_site: bed.into(), depth_m };
        let part = surface(&water);
        assert_eq!((part.positions.len(), part.indices.len()), (4, 6), "one wet cell");
        assert!(part.depths.iter().all(|depth| *depth == 0.25), "the shore runs through the cells around: {part:?}");
        assert!(part.positions.iter().all(|p| p[2] == 1.0));
        assert_eq!(part.center_in_site, DVec3::new(4.0, 4.0, 10.0));
        assert!(surface(&WaterSurface { depth_m: vec![0.0; 25], ..water }).indices.is_empty());
    }
}
