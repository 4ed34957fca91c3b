//! The material itself: what it binds and how its pipelines differ from the standard mesh's.

use bevy::ecs::system::SystemParamItem;
use bevy::ecs::system::lifetimeless::SRes;
use bevy::mesh::MeshVertexBufferLayoutRef;
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    AsBindGroup, AsBindGroupError, BindGroupLayout, BindGroupLayoutEntry, BindingResources, RenderPipelineDescriptor,
    ShaderStages, SpecializedMeshPipelineError, TextureSampleType, UnpreparedBindGroup,
};
use bevy::render::renderer::RenderDevice;
use bevy::render::texture::GpuImage;
use bevy::shader::ShaderRef;

use super::part::{ATTRIBUTE_COLOR, ATTRIBUTE_NORMAL, ATTRIBUTE_OBJECT};
use crate::engine::bindings::{environment_binding, environment_layout, texture_binding, texture_layout};
use crate::engine::environment::EnvironmentBuffer;
use crate::engine::shader_table::{CITY_DEPTH_SHADER, CITY_SHADER};

/// The looks of one tile part's objects, drawn.
#[derive(Asset, TypePath, Debug, Clone)]
pub struct CityMaterial {
    /// The image of an [`super::ObjectTable`].
    pub objects: Handle<Image>,
}

impl AsBindGroup for CityMaterial {
    type Data = ();
    type Param = (SRes<EnvironmentBuffer>, SRes<RenderAssets<GpuImage>>);

    fn label() -> &'static str {
        "city"
    }

    fn bind_group_data(&self) -> Self::Data {}

    fn unprepared_bind_group(
        &self,
        _: &BindGroupLayout,
        _: &RenderDevice,
        (environment, images): &mut SystemParamItem<'_, '_, Self::Param>,
        _: bool,
    ) -> Result<UnpreparedBindGroup, AsBindGroupError> {
        Ok(UnpreparedBindGroup {
            bindings: BindingResources(vec![
                (0, environment_binding(environment)?),
                (1, texture_binding(images, &self.objects)?),
            ]),
        })
    }

    fn bind_group_layout_entries(_: &RenderDevice, _: bool) -> Vec<BindGroupLayoutEntry> {
        vec![environment_layout(0), texture_layout(1, ShaderStages::VERTEX, TextureSampleType::Uint)]
    }
}

impl Material for CityMaterial {
    fn vertex_shader() -> ShaderRef {
        CITY_SHADER.into()
    }

    fn fragment_shader() -> ShaderRef {
        CITY_SHADER.into()
    }

    fn prepass_vertex_shader() -> ShaderRef {
        CITY_DEPTH_SHADER.into()
    }

    fn enable_prepass() -> bool {
        false
    }

    fn specialize(
        _: &MaterialPipeline,
        descriptor: &mut RenderPipelineDescriptor,
        layout: &MeshVertexBufferLayoutRef,
        _: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        descriptor.vertex.buffers = vec![layout.0.get_layout(&[
            Mesh::ATTRIBUTE_POSITION.at_shader_location(0),
            ATTRIBUTE_NORMAL.at_shader_location(1),
            ATTRIBUTE_OBJECT.at_shader_location(2),
            ATTRIBUTE_COLOR.at_shader_location(3),
        ])?];
        Ok(())
    }
}
