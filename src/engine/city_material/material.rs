//! The material itself: what it binds and how its pipelines differ from the standard mesh's.

use bevy::ecs::system::SystemParamItem;
use bevy::ecs::system::lifetimeless::SRes;
use bevy::mesh::MeshVertexBufferLayoutRef;
use bevy::pbr::{MaterialPipeline, MaterialPipelineKey};
use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    AsBindGroup, AsBindGroupError, BindGroupLayout, BindGroupLayoutEntry, BindingResources, OwnedBindingResource,
    RenderPipelineDescriptor, ShaderStages, SpecializedMeshPipelineError, TextureSampleType, TextureViewDimension,
    UnpreparedBindGroup,
};
use bevy::render::renderer::RenderDevice;
use bevy::render::texture::{FallbackImage, GpuImage};
use bevy::shader::{ShaderDefVal, ShaderRef};

use super::object_table::ObjectFlags;
use super::part::{ATTRIBUTE_COLOR, ATTRIBUTE_NORMAL, ATTRIBUTE_OBJECT};
use crate::engine::bindings::{
    encode_for_target, environment_binding, environment_layout, sampler_binding, sampler_layout, texture_binding,
    texture_layout,
};
use crate::engine::environment::EnvironmentBuffer;
use crate::engine::shader_table::{CITY_DEPTH_SHADER, CITY_PLAIN_SHADER, CITY_SHADER};

/// The looks of one tile part's objects, drawn.
#[derive(Asset, TypePath, Debug, Clone)]
pub struct CityMaterial {
    /// The image of an [`super::ObjectTable`].
    pub objects: Handle<Image>,
    /// A picture that the mesh's texture coordinates lay on it.
    pub drape: Option<Handle<Image>>,
    /// For a card that is slow at every pixel, and what its program must know of; nothing where the card is not.
    pub plain: Option<PlainProgram>,
}

/// What the plain program of a part must know of: it has no more than that in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlainProgram {
    /// Lies under everything else.
    pub ground: bool,
    /// Some object has windows.
    pub windows: bool,
    /// A face has one light, so that faces may share corners: there are windows and no water, which mirrors the sky.
    pub faces: bool,
    /// Some object is water.
    pub water: bool,
    /// Some object is marked, see [`ObjectFlags::MARKS`].
    pub marks: bool,
    /// Windows are lit, and colours that tell something.
    pub night: bool,
    /// Windows are too small to be told apart.
    pub far: bool,
}

impl PlainProgram {
    /// For objects with such flags among them; `far`: from where a pixel holds more than a window.
    pub fn of(flags: ObjectFlags, night: bool, far: bool) -> Self {
        Self {
            ground: flags.has(ObjectFlags::GROUND),
            windows: flags.has(ObjectFlags::FACADE),
            faces: flags.has(ObjectFlags::FACADE) && !flags.has(ObjectFlags::WATER),
            water: flags.has(ObjectFlags::WATER),
            marks: flags.has_any(ObjectFlags::MARKS),
            night,
            far: far && flags.has(ObjectFlags::FACADE),
        }
    }

    fn shader_defs(self) -> impl Iterator<Item = ShaderDefVal> {
        let (lit, marked) = ([("WATER", self.water), ("NIGHT", self.night)], [("MARKS", self.marks)]);
        let built = [("WINDOWS", self.windows), ("FACES", self.faces), ("FAR", self.far)];
        built.into_iter().chain(lit).chain(marked).filter(|(_, holds)| *holds).map(|(name, _)| name.into())
    }
}

/// What of a material makes another pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CityMaterialKey {
    draped: bool,
    plain: Option<PlainProgram>,
}

impl AsBindGroup for CityMaterial {
    type Data = CityMaterialKey;
    type Param = (SRes<EnvironmentBuffer>, SRes<RenderAssets<GpuImage>>, SRes<FallbackImage>);

    fn label() -> &'static str {
        "city"
    }

    fn bind_group_data(&self) -> Self::Data {
        CityMaterialKey { draped: self.drape.is_some(), plain: self.plain }
    }

    fn unprepared_bind_group(
        &self,
        _: &BindGroupLayout,
        _: &RenderDevice,
        (environment, images, fallback): &mut SystemParamItem<'_, '_, Self::Param>,
        _: bool,
    ) -> Result<UnpreparedBindGroup, AsBindGroupError> {
        let drape = match &self.drape {
            Some(drape) => images.get(drape).ok_or(AsBindGroupError::RetryNextUpdate)?,
            None => &fallback.d2,
        };
        let view = OwnedBindingResource::TextureView(TextureViewDimension::D2, drape.texture_view.clone());
        Ok(UnpreparedBindGroup {
            bindings: BindingResources(vec![
                (0, environment_binding(environment)?),
                (1, texture_binding(images, &self.objects)?),
                (2, view),
                (3, sampler_binding(drape)),
            ]),
        })
    }

    fn bind_group_layout_entries(_: &RenderDevice, _: bool) -> Vec<BindGroupLayoutEntry> {
        vec![
            environment_layout(0),
            texture_layout(1, ShaderStages::VERTEX, TextureSampleType::Uint),
            texture_layout(2, ShaderStages::FRAGMENT, TextureSampleType::Float { filterable: true }),
            sampler_layout(3),
        ]
    }
}

impl Material for CityMaterial {
    fn vertex_shader() -> ShaderRef {
        CITY_SHADER.into()
    }

    fn fragment_shader() -> ShaderRef {
        CITY_SHADER.into()
    }

    /// What is masked is drawn after what is opaque: a slow card does not draw the ground under buildings. Nothing is
    /// masked in fact.
    fn alpha_mode(&self) -> AlphaMode {
        if self.plain.is_some_and(|plain| plain.ground) { AlphaMode::Mask(0.0) } else { AlphaMode::Opaque }
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
        key: MaterialPipelineKey<Self>,
    ) -> Result<(), SpecializedMeshPipelineError> {
        let mut attributes = vec![
            Mesh::ATTRIBUTE_POSITION.at_shader_location(0),
            ATTRIBUTE_NORMAL.at_shader_location(1),
            ATTRIBUTE_OBJECT.at_shader_location(2),
            ATTRIBUTE_COLOR.at_shader_location(3),
        ];
        if key.bind_group_data.draped {
            attributes.push(Mesh::ATTRIBUTE_UV_0.at_shader_location(4));
            descriptor.vertex.shader_defs.push("DRAPED".into());
            if let Some(fragment) = &mut descriptor.fragment {
                fragment.shader_defs.push("DRAPED".into());
            }
        }
        if let Some(plain) = key.bind_group_data.plain {
            descriptor.vertex.shader = CITY_PLAIN_SHADER;
            descriptor.vertex.shader_defs.extend(plain.shader_defs());
            if let Some(fragment) = &mut descriptor.fragment {
                fragment.shader = CITY_PLAIN_SHADER;
                fragment.shader_defs.extend(plain.shader_defs());
            }
        }
        encode_for_target(descriptor);
        descriptor.vertex.buffers = vec![layout.0.get_layout(&attributes)?];
        Ok(())
    }
}
