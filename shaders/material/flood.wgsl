// Water of a simulation: depth as colour, a soft shore.
#import bevy_pbr::mesh_functions
#import bevy_pbr::mesh_view_bindings as view_bindings
#import veduta::environment as air
#import veduta::environment::{Environment}
#import veduta::water

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> env: Environment;

struct Vertex {
    @builtin(instance_index) instance_index: u32,
    @location(0) position: vec3<f32>,
    @location(1) depth: f32,
}

struct Varyings {
    @builtin(position) clip: vec4<f32>,
    @location(0) world: vec3<f32>,
    @location(1) depth: f32,
}

@vertex
fn vertex(in: Vertex) -> Varyings {
    var out: Varyings;
    let world = mesh_functions::get_world_from_local(in.instance_index) * vec4(in.position, 1.0);
    out.world = world.xyz;
    out.clip = view_bindings::view.clip_from_world * world;
    // A thousandth of the distance nearer: coarse terrain must not swallow a few centimetres of water.
    out.clip.z *= 1.001;
    out.depth = in.depth;
    return out;
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4<f32> {
    let ray = air::site_from_render(in.world - env.camera_in_render.xyz);
    let place = air::site_from_render(in.world).xy + env.pattern_origin.xy;
    let footprint = max(fwidth(place.x), fwidth(place.y));
    let shallow = vec3(0.20, 0.56, 0.86);
    let middle = vec3(0.06, 0.30, 0.62);
    let deep = vec3(0.03, 0.10, 0.36);
    let body = mix(mix(shallow, middle, smoothstep(0.06, 0.5, in.depth)), deep, smoothstep(0.4, 1.8, in.depth));
    let color = water::surface(env, body, place, normalize(ray), footprint, 1.0);
    let cover = smoothstep(0.008, 0.05, in.depth) * mix(0.74, 0.95, smoothstep(0.05, 0.6, in.depth));
    if cover < 0.004 {
        discard;
    }
    let done = air::finish(air::haze(env, color, ray), in.clip.xy);
    return vec4(done.rgb, cover);
}
