// Depth of city objects for the shadow maps: the same heights and the same hidden objects as in city.wgsl.
#import bevy_pbr::mesh_functions
#import bevy_pbr::mesh_view_bindings::view
#import veduta::object as looks

@group(#{MATERIAL_BIND_GROUP}) @binding(1) var objects: texture_2d<u32>;

struct Vertex {
    @builtin(instance_index) instance_index: u32,
    @location(0) position: vec3<f32>,
    @location(2) object: u32,
}

@vertex
fn vertex(in: Vertex) -> @builtin(position) vec4<f32> {
    let texel = looks::unpack_texel(textureLoad(objects, looks::texel_place(in.object), 0));
    if (texel.flags & looks::HIDDEN) != 0u {
        return vec4(2.0, 2.0, 2.0, 1.0);
    }
    let world_from_local = mesh_functions::get_world_from_local(in.instance_index);
    return view.clip_from_world * (world_from_local * vec4(looks::scaled_position(texel, in.position), 1.0));
}
