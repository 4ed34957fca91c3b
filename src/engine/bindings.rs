//! What our materials share: bind-group entries, and how a program fits the picture it draws into.

use bevy::prelude::*;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{
    AsBindGroupError, BindGroupLayoutEntry, BindingType, BufferBindingType, OwnedBindingResource,
    RenderPipelineDescriptor, SamplerBindingType, ShaderStages, ShaderType, TextureSampleType, TextureViewDimension,
};
use bevy::render::texture::GpuImage;

use super::environment::{EnvironmentBuffer, EnvironmentUniform};

/// Lets the program encode colours itself (sRGB) where the picture is of a format that does not.
pub(super) fn encode_for_target(descriptor: &mut RenderPipelineDescriptor) {
    let Some(fragment) = &mut descriptor.fragment else { return };
    if fragment.targets.iter().flatten().any(|target| !target.format.is_srgb()) {
        fragment.shader_defs.push("ENCODED".into());
        descriptor.vertex.shader_defs.push("ENCODED".into());
    }
}

/// The environment's buffer, the same for all materials.
pub(super) fn environment_binding(environment: &EnvironmentBuffer) -> Result<OwnedBindingResource, AsBindGroupError> {
    let buffer = environment.0.buffer().ok_or(AsBindGroupError::RetryNextUpdate)?;
    Ok(OwnedBindingResource::Buffer(buffer.clone()))
}

/// Layout of that buffer at a binding.
pub(super) fn environment_layout(binding: u32) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::VERTEX_FRAGMENT,
        ty: BindingType::Buffer {
            ty: BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: Some(EnvironmentUniform::min_size()),
        },
        count: None,
    }
}

/// A 2D texture at a binding.
pub(super) fn texture_layout(
    binding: u32,
    visibility: ShaderStages,
    sample_type: TextureSampleType,
) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry {
        binding,
        visibility,
        ty: BindingType::Texture { sample_type, view_dimension: TextureViewDimension::D2, multisampled: false },
        count: None,
    }
}

/// An image that must be on the graphics card before the material can be.
pub(super) fn texture_binding(
    images: &RenderAssets<GpuImage>,
    handle: &Handle<Image>,
) -> Result<OwnedBindingResource, AsBindGroupError> {
    let image = images.get(handle).ok_or(AsBindGroupError::RetryNextUpdate)?;
    Ok(OwnedBindingResource::TextureView(TextureViewDimension::D2, image.texture_view.clone()))
}

/// A filtering sampler of the fragment shader at a binding.
pub(super) fn sampler_layout(binding: u32) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::FRAGMENT,
        ty: BindingType::Sampler(SamplerBindingType::Filtering),
        count: None,
    }
}

/// The sampler of an image on the graphics card.
pub(super) fn sampler_binding(image: &GpuImage) -> OwnedBindingResource {
    OwnedBindingResource::Sampler(SamplerBindingType::Filtering, image.sampler.clone())
}
