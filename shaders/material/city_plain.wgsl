// City objects on a card that is slow at every pixel (a processor that plays one): light, haze and tones are worked out for
// each vertex, and a pixel only mixes wall and window. Without shadows, clouds of noise and ripples; else alike.
//
// Such a card runs both sides of every branch, so that what a part of the city does not have is not in its program:
// WINDOWS, WATER, MARKS (something is selected, old, out of range, alarmed or a lamp), NIGHT.
#import bevy_pbr::mesh_functions
#import bevy_pbr::mesh_view_bindings as view_bindings
#import veduta::environment as air
#import veduta::environment::{Environment}
#import veduta::facade
#import veduta::object as looks

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> env: Environment;
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var objects: texture_2d<u32>;
#ifdef DRAPED
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var drape: texture_2d<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(3) var drape_sampler: sampler;
#endif

struct Vertex {
    @builtin(instance_index) instance_index: u32,
    @location(0) position: vec3<f32>,
    @location(1) normal: vec4<f32>,
    @location(2) object: u32,
    @location(3) color: vec4<f32>,
#ifdef DRAPED
    @location(4) coordinate: vec2<f32>,
#endif
}

struct Varyings {
    @builtin(position) clip: vec4<f32>,
    // As it is drawn.
    @location(0) wall: vec3<f32>,
#ifdef WINDOWS
    @location(1) pane: vec3<f32>,
    // Window bays along the wall and storeys above the object's foot.
    @location(2) cell: vec2<f32>,
    // Share of a bay and of a storey that is window; nothing where there are none.
    @location(3) @interpolate(flat) window: vec2<f32>,
#endif
    @location(4) @interpolate(flat) flags_and_seed: u32,
#ifdef DRAPED
    @location(5) coordinate: vec2<f32>,
    // Light that the drape is multiplied with, and what the air adds to it.
    @location(6) light: vec3<f32>,
    @location(7) added: vec3<f32>,
#endif
}

// Light on a wall or a roof, as in city.wgsl but for what only a near pixel shows.
fn surface(color: vec3<f32>, normal: vec3<f32>, up: f32, flags: u32, seed: u32) -> vec3<f32> {
    var albedo = color;
#ifdef WINDOWS
    if (flags & looks::FACADE) != 0u {
        let plain = 1.0 - f32((flags & looks::DATA_COLOR) != 0u);
        albedo *= 1.0 + plain * vec3(0.16, 0.12, 0.06) * (air::hash(vec3(seed, 1u, 1u)) - 0.5) * 1.6;
        if normal.z > 0.5 {
            let kind = air::hash(vec3(seed, 41u, 3u));
            let roof = mix(vec3(0.78, 0.78, 0.80), vec3(0.92, 0.82, 0.74), smoothstep(0.35, 0.8, kind));
            albedo = mix(albedo, albedo * roof, plain * 0.85);
        }
    }
#endif
    let open = mix(0.62, 1.0, smoothstep(0.0, 14.0, up));
    return air::lit(env, albedo, normal, 1.0, mix(open, 1.0, smoothstep(0.5, 1.0, normal.z)));
}

#ifdef WINDOWS
// What is in a window: the dark of the room and the sky mirrored.
fn pane(albedo: vec3<f32>, normal: vec3<f32>, direction: vec3<f32>) -> vec3<f32> {
    let mirrored = reflect(direction, normal);
    let sky = air::sky_color(env, mirrored) * mix(0.55, 1.0, smoothstep(-0.2, 0.25, mirrored.z));
    let grazing = 1.0 - clamp(-dot(direction, normal), 0.0, 1.0);
    let fresnel = 0.10 + 0.90 * grazing * grazing * grazing * grazing * grazing;
    let inside = air::lit(env, albedo * 0.16 + vec3(0.012, 0.016, 0.02), normal, 1.0, 1.0);
    return inside + sky * fresnel;
}
#endif

// A colour with what is to be seen of its object: it pulses, it is a lamp, its colour tells something in the night.
fn marked(lit: vec3<f32>, color: vec3<f32>, flags: u32) -> vec3<f32> {
    var marked = lit;
#ifdef NIGHT
    let is_data = f32((flags & looks::DATA_COLOR) != 0u);
    marked += color * (is_data * env.light_color.w * looks::DATA_GLOW);
#endif
#ifdef MARKS
    marked += color * (f32((flags & looks::GLOWS) != 0u) * mix(0.25, 1.4, env.light_color.w));
    let beat = 0.55 * (0.5 + 0.5 * cos(env.sky_ambient.w * 6.2831853));
    marked = mix(marked, color * 1.6, beat * f32((flags & looks::PULSE) != 0u));
#endif
    return marked;
}

// Behind the air, selected or not, in tones of the screen.
fn shown(lit: vec3<f32>, between: air::Air, flags: u32) -> vec3<f32> {
    var color = lit * between.through + between.added;
#ifdef MARKS
    let mark = vec3(0.10, 0.75, 1.0) * (0.55 + 0.6 * dot(color, vec3(0.33)));
    color = mix(color, mark, 0.62 * f32((flags & looks::HIGHLIGHT) != 0u));
#endif
    return air::tone(color);
}

@vertex
fn vertex(in: Vertex) -> Varyings {
    var out: Varyings;
    let texel = looks::unpack_texel(textureLoad(objects, looks::texel_place(in.object), 0));
    let world_from_local = mesh_functions::get_world_from_local(in.instance_index);
    let position = looks::scaled_position(texel, in.position);
    let world = world_from_local * vec4(position, 1.0);
    out.clip = view_bindings::view.clip_from_world * world;
    if (texel.flags & looks::HIDDEN) != 0u {
        out.clip = vec4(2.0, 2.0, 2.0, 1.0);
    }
    let normal = normalize(air::site_from_render((world_from_local * vec4(in.normal.xyz, 0.0)).xyz));
    let ray = air::site_from_render(world.xyz - env.camera_in_render.xyz);
    let direction = normalize(ray);
    let between = air::air_along(env, ray);
    let up = position.z - texel.base;
    let color = mix(in.color.rgb, texel.color.rgb * in.color.rgb, texel.color.a);

    var lit = surface(color, normal, up, texel.flags, texel.seed);
#ifdef WATER
    let mirrored = reflect(direction, vec3(0.0, 0.0, 1.0));
    let fresnel = 0.02 + 0.98 * pow(1.0 - clamp(-direction.z, 0.0, 1.0), 5.0);
    let water = mix(air::lit(env, color * 0.75, normal, 1.0, 1.0), air::sky_color(env, mirrored), fresnel);
    lit = select(lit, water, (texel.flags & looks::WATER) != 0u && normal.z > 0.9);
#endif
    out.wall = shown(marked(lit, color, texel.flags), between, texel.flags);
#ifdef WINDOWS
    let is_data = f32((texel.flags & looks::DATA_COLOR) != 0u);
    let behind = mix(lit, pane(color, normal, direction), mix(1.0, 0.35, is_data));
    out.pane = shown(marked(behind, color, texel.flags), between, texel.flags);
    let tangent = normalize(vec2(-normal.y, normal.x) + vec2(1e-6, 0.0));
    let place = air::site_from_render((world_from_local * vec4(position, 0.0)).xyz).xy;
    let bays = facade::bays(texel.seed);
    out.cell = vec2(dot(place, tangent) / bays.x, up / facade::STOREY_M);
    let has_windows = (texel.flags & looks::FACADE) != 0u && in.normal.w <= 0.5 && abs(normal.z) < 0.5;
    out.window = select(vec2(0.0), bays.yz, has_windows);
#endif
    out.flags_and_seed = texel.flags | (texel.seed << 16u);
#ifdef DRAPED
    out.coordinate = in.coordinate;
    let is_plain = f32((texel.flags & looks::DATA_COLOR) == 0u);
    out.light = surface(vec3(1.0), normal, up, texel.flags, texel.seed) * between.through * is_plain;
    out.added = between.added;
#endif
    return out;
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4<f32> {
    var color = in.wall;
#ifdef DRAPED
    let draped = air::tone(textureSample(drape, drape_sampler, in.coordinate).rgb * in.light + in.added);
    color = select(color, draped, in.light.x > 0.0);
#endif
#ifdef WINDOWS
    let width = fwidth(in.cell);
    let share = facade::filtered(in.cell.x, in.window.x, width.x) * facade::filtered(in.cell.y, in.window.y, width.y);
    let glass = share * smoothstep(0.05, 0.12, in.cell.y);
    color = mix(color, in.pane, glass);
#ifdef NIGHT
    let dark = f32((in.flags_and_seed & looks::DATA_COLOR) == 0u);
    color += air::tone(facade::lamps(env, in.cell, width, in.flags_and_seed >> 16u)) * (glass * dark);
#endif
#endif
#ifdef MARKS
    if (in.flags_and_seed & (looks::STALE | looks::OUT_OF_RANGE)) != 0u {
        let stale = (in.flags_and_seed & looks::STALE) != 0u;
        let slant = select(in.clip.x - in.clip.y, in.clip.x + in.clip.y, stale);
        let hatch = smoothstep(0.35, 0.65, abs(fract(slant / 10.0) - 0.5) * 2.0);
        let mark = select(vec3(1.0, 0.45, 0.05), vec3(0.42, 0.44, 0.48), stale);
        color = mix(color, mark * (0.35 + dot(color, vec3(0.5))), hatch * 0.75);
    }
#endif
    return vec4(color, 1.0);
}
