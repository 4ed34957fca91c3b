// City objects on a card that is slow at every pixel (a processor that plays one): light, haze and tones are worked out for
// each vertex, and a pixel only mixes wall and window. Without shadows, clouds of noise and ripples; else alike.
//
// Such a card runs both sides of every branch, so that what a part of the city does not have is not in its program:
// WINDOWS, WATER, MARKS (something is selected, doubted, alarmed or a lamp), NIGHT. With FACES a face has one
// light, that of its provoking vertex, so that faces share their corners: there are half as many to work out. FAR:
// windows are too small to be told apart, and a wall has the mean of what it is and what is in its windows.
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
#ifdef WINDOWS
    // As it is drawn; by how much it is darker at its foot.
#ifdef FACES
    @location(0) @interpolate(flat) wall: vec4<f32>,
#else
    @location(0) wall: vec4<f32>,
#endif
#ifdef FAR
    // Storeys above the object's foot.
    @location(1) storeys: f32,
#else
#ifdef FACES
    @location(1) @interpolate(flat) pane: vec3<f32>,
#else
    @location(1) pane: vec3<f32>,
#endif
    // Site axes from the content centre, metres; storeys above the object's foot.
    @location(2) place: vec3<f32>,
    // Bays of windows to a metre east and north along the wall; nothing where there are none.
    @location(3) @interpolate(flat) along: vec2<f32>,
    // Share of a bay and of a storey that is window.
    @location(4) @interpolate(flat) window: vec2<f32>,
#endif
#else
    @location(0) wall: vec3<f32>,
#endif
    @location(5) @interpolate(flat) flags_and_seed: u32,
#ifdef DRAPED
    @location(6) coordinate: vec2<f32>,
    // Light that the drape is multiplied with, and what the air adds to it.
    @location(7) light: vec3<f32>,
    @location(8) added: vec3<f32>,
#endif
}

// As in object.wgsl, by a cubic that is off by less than 0.4 %.
fn linear_from_srgb(c: vec3<f32>) -> vec3<f32> {
    return c * (c * (c * 0.305306011 + 0.682171111) + 0.012522878);
}

// The sky as in environment.wgsl, without what is bright around the sun.
fn sky(direction: vec3<f32>) -> vec3<f32> {
    let level = direction.xy * inverseSqrt(max(dot(direction.xy, direction.xy), 1e-8));
    let towards = dot(level, vec2(env.zenith_color.w, env.camera_in_render.w)) * 0.5 + 0.5;
    let horizon = mix(env.horizon_color.rgb, env.glow_color.rgb, towards * towards * towards);
    let up = max(direction.z, 0.0) * 4.5;
    return mix(horizon, env.zenith_color.rgb, up / (1.0 + up));
}

// The air as in environment.wgsl, for `ray` of the length 1 / `nearness`.
fn air_to(ray: vec3<f32>, nearness: f32) -> air::Air {
    let mean_height = max(env.ground_ambient.w + ray.z * 0.5, 0.0);
    let depth = env.horizon_color.w * exp(mean_height * (-1.0 / 1200.0)) / nearness;
    // The powers 5, 6 and 8 of what 0.16 of the depth lets through stand for 0.80, 1.0 and 1.28 of it.
    let part = exp(-0.16 * depth);
    let squared = part * part;
    let fourth = squared * squared;
    let through = vec3(fourth * part, fourth * squared, fourth * fourth);
    let color = sky(vec3(ray.xy * nearness, max(ray.z * nearness, 0.0) * 0.5 + 0.02));
    return air::Air(through, color * (vec3(1.0) - through));
}

// Light on a wall or a roof, as in city.wgsl but for what only a near pixel shows.
fn surface(color: vec3<f32>, normal: vec3<f32>, open: f32, flags: u32, variety: vec4<f32>) -> vec3<f32> {
    var albedo = color;
#ifdef WINDOWS
    if (flags & looks::FACADE) != 0u {
        let plain = 1.0 - f32((flags & looks::DATA_COLOR) != 0u);
        let roof = mix(vec3(0.78, 0.78, 0.80), vec3(0.92, 0.82, 0.74), smoothstep(0.35, 0.8, variety.y));
        albedo *= 1.0 + plain * vec3(0.256, 0.192, 0.096) * (variety.x - 0.5);
        albedo *= mix(vec3(1.0), roof, plain * 0.85 * f32(normal.z > 0.5));
    }
#endif
    return air::lit(env, albedo, normal, 1.0, mix(open, 1.0, smoothstep(0.5, 1.0, normal.z)));
}

#ifdef WINDOWS
// What is in a window: the dark of the room and the sky mirrored.
fn pane(albedo: vec3<f32>, normal: vec3<f32>, direction: vec3<f32>) -> vec3<f32> {
    let against = dot(direction, normal);
    let mirrored = direction - 2.0 * against * normal;
    let grazing = 1.0 - clamp(-against, 0.0, 1.0);
    let squared = grazing * grazing;
    let fresnel = 0.10 + 0.90 * squared * squared * grazing;
    let inside = air::lit(env, albedo * 0.16 + vec3(0.012, 0.016, 0.02), normal, 1.0, 1.0);
    return inside + sky(mirrored) * (mix(0.55, 1.0, smoothstep(-0.2, 0.25, mirrored.z)) * fresnel);
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

// Behind the air, as the picture holds it: what a pixel mixes from is not encoded once more.
fn shown(lit: vec3<f32>, between: air::Air) -> vec3<f32> {
    return air::stored(air::tone(lit * between.through + between.added));
}

@vertex
fn vertex(in: Vertex) -> Varyings {
    var out: Varyings;
    let words = textureLoad(objects, looks::texel_place(in.object), 0);
    let own = unpack4x8unorm(words.x);
    let flags = words.y & 0xFFFFu;
    let base = bitcast<f32>(words.w);
    let up = (in.position.z - base) * bitcast<f32>(words.z);
    let position = vec3(in.position.xy, base + up);
    let world_from_local = mesh_functions::get_world_from_local(in.instance_index);
    let world = world_from_local * vec4(position, 1.0);
    out.clip = view_bindings::view.clip_from_world * world;
    if (flags & looks::HIDDEN) != 0u {
        out.clip = vec4(2.0, 2.0, 2.0, 1.0);
    }
    // Normals have the length 1, and parts of the city no scale.
    let normal = air::site_from_render((world_from_local * vec4(in.normal.xyz, 0.0)).xyz);
    let ray = air::site_from_render(world.xyz - env.camera_in_render.xyz);
    let nearness = inverseSqrt(max(dot(ray, ray), 1e-6));
    let between = air_to(ray, nearness);
    let color = mix(in.color.rgb, linear_from_srgb(own.rgb) * in.color.rgb, own.a);

#ifdef WINDOWS
    let variety = facade::variety(words.y >> 16u);
    var lit = surface(color, normal, 1.0, flags, variety);
#else
    let open = mix(0.62, 1.0, smoothstep(0.0, 14.0, up));
    var lit = surface(color, normal, open, flags, vec4(0.0));
#endif
#ifdef WATER
    let direction_to_water = ray * nearness;
    let mirrored = reflect(direction_to_water, vec3(0.0, 0.0, 1.0));
    let fresnel = 0.02 + 0.98 * pow(1.0 - clamp(-direction_to_water.z, 0.0, 1.0), 5.0);
    let water = mix(air::lit(env, color * 0.75, normal, 1.0, 1.0), air::sky_color(env, mirrored), fresnel);
    lit = select(lit, water, (flags & looks::WATER) != 0u && normal.z > 0.9);
#endif
#ifdef WINDOWS
    let bays = facade::bays(variety);
    let has_windows = (flags & looks::FACADE) != 0u && in.normal.w <= 0.5 && abs(normal.z) < 0.5;
    let is_data = f32((flags & looks::DATA_COLOR) != 0u);
    let behind = mix(lit, pane(color, normal, ray * nearness), mix(1.0, 0.35, is_data));
#endif
#ifdef FAR
    let glass = bays.y * bays.z * f32(has_windows);
    var drawn = shown(marked(mix(lit, behind, glass), color, flags), between);
#ifdef NIGHT
    let lamps = air::tone(facade::lamps(env, vec2(0.0), vec2(9.0), words.y >> 16u)) * (glass * (1.0 - is_data));
    drawn = max(drawn, air::stored(lamps));
#endif
#else
    let glass = 0.0;
    let drawn = shown(marked(lit, color, flags), between);
#endif
#ifdef WINDOWS
    // Streets are darker than roofs; by how much a pixel says.
    out.wall = vec4(drawn, 0.1 * (1.0 - glass) * f32(abs(normal.z) < 0.5));
#ifdef FAR
    out.storeys = up / facade::STOREY_M;
#else
    out.pane = shown(marked(behind, color, flags), between);
    out.place = vec3(air::site_from_render((world_from_local * vec4(position, 0.0)).xyz).xy, up / facade::STOREY_M);
    let tangent = vec2(-normal.y, normal.x) * inverseSqrt(max(dot(normal.xy, normal.xy), 1e-6));
    out.along = tangent / bays.x;
    out.window = select(vec2(0.0), bays.yz, has_windows);
#endif
#else
    out.wall = drawn;
#endif
    out.flags_and_seed = words.y;
#ifdef DRAPED
    out.coordinate = in.coordinate;
    let is_plain = f32((flags & looks::DATA_COLOR) == 0u);
    let under_drape = mix(0.62, 1.0, smoothstep(0.0, 14.0, up));
    out.light = surface(vec3(1.0), normal, under_drape, flags, vec4(0.5)) * between.through * is_plain;
    out.added = between.added;
#endif
    return out;
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4<f32> {
#ifdef WINDOWS
#ifdef FAR
    let storeys = in.storeys;
#else
    let storeys = in.place.z;
#endif
    var color = in.wall.rgb * (1.0 - in.wall.a * (1.0 - clamp(storeys * (facade::STOREY_M / 14.0), 0.0, 1.0)));
#else
    var color = in.wall;
#endif
#ifdef DRAPED
    let draped = air::stored(air::tone(textureSample(drape, drape_sampler, in.coordinate).rgb * in.light + in.added));
    color = select(color, draped, in.light.x > 0.0);
#endif
#ifdef WINDOWS
#ifndef FAR
    let cell = vec2(dot(in.place.xy, in.along), in.place.z);
    let width = fwidth(cell);
    let share = facade::filtered(cell.x, in.window.x, width.x) * facade::filtered(cell.y, in.window.y, width.y);
    let glass = share * smoothstep(0.05, 0.12, cell.y);
    color = mix(color, in.pane, glass);
#ifdef NIGHT
    let dark = f32((in.flags_and_seed & looks::DATA_COLOR) == 0u);
    let lamps = air::tone(facade::lamps(env, cell, width, in.flags_and_seed >> 16u)) * (glass * dark);
    color = max(color, air::stored(lamps));
#endif
#endif
#endif
#ifdef MARKS
    if (in.flags_and_seed & looks::DOUBTED) != 0u {
        let mark = looks::doubt(in.flags_and_seed, in.clip.xy);
        color = mix(color, air::stored(mark.rgb) * (0.35 + dot(color, vec3(0.5))), mark.a);
    }
    let selected = air::stored(looks::SELECTED) * (0.55 + 0.6 * dot(color, vec3(0.33)));
    color = mix(color, selected, looks::highlight(in.flags_and_seed, in.clip.xy));
#endif
    return vec4(color, 1.0);
}
