// City objects. One sun, sky light, facades, haze. No storage buffer: runs on WebGL2 as it is.
#import bevy_pbr::mesh_functions
#import bevy_pbr::mesh_view_bindings as view_bindings
#import bevy_pbr::shadows
#import veduta::environment as air
#import veduta::environment::{Environment}
#import veduta::facade
#import veduta::object as looks
#import veduta::water

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
    @location(0) world: vec3<f32>,
    // Site axes from the content centre; z from the object's foot.
    @location(1) place: vec3<f32>,
    @location(2) normal: vec3<f32>,
    @location(3) color: vec3<f32>,
    @location(4) @interpolate(flat) flags_and_seed: u32,
#ifdef DRAPED
    @location(5) coordinate: vec2<f32>,
#endif
}

@vertex
fn vertex(in: Vertex) -> Varyings {
    var out: Varyings;
    let texel = looks::unpack_texel(textureLoad(objects, looks::texel_place(in.object), 0));
    let world_from_local = mesh_functions::get_world_from_local(in.instance_index);
    let position = looks::scaled_position(texel, in.position);
    let world = world_from_local * vec4(position, 1.0);
    out.world = world.xyz;
    out.clip = view_bindings::view.clip_from_world * world;
    if (texel.flags & looks::HIDDEN) != 0u {
        out.clip = vec4(2.0, 2.0, 2.0, 1.0);
    }
    out.place = vec3(air::site_from_render((world_from_local * vec4(position, 0.0)).xyz).xy, position.z - texel.base);
    out.normal = air::site_from_render((world_from_local * vec4(in.normal.xyz, 0.0)).xyz);
    out.color = mix(in.color.rgb, texel.color.rgb * in.color.rgb, texel.color.a);
    out.flags_and_seed = texel.flags | select(0u, looks::NARROW, in.normal.w > 0.5) | (texel.seed << 16u);
#ifdef DRAPED
    out.coordinate = in.coordinate;
#endif
    return out;
}

fn sun_shadow(world: vec3<f32>, normal_in_render: vec3<f32>, pixel: vec2<f32>) -> f32 {
    if env.light_direction.w < 0.5 {
        return 1.0;
    }
    let view_z = dot(vec4(view_bindings::view.view_from_world[0].z, view_bindings::view.view_from_world[1].z,
        view_bindings::view.view_from_world[2].z, view_bindings::view.view_from_world[3].z), vec4(world, 1.0));
    return shadows::fetch_directional_shadow(0u, vec4(world, 1.0), normal_in_render, view_z, pixel);
}

// Bare earth is never of one colour: patches of 128, 32 and 4 m, each until a pixel covers them. The lattices repeat with
// the 4 096 m of the pattern's origin.
fn ground_tint(place: vec2<f32>, footprint: f32) -> vec3<f32> {
    let wide = (air::lattice_noise(place / 128.0, 32, 5u) - 0.5) * (1.0 - smoothstep(4.0, 14.0, footprint));
    let middle = (air::lattice_noise(place / 32.0, 128, 6u) - 0.5) * (1.0 - smoothstep(3.0, 10.0, footprint));
    let fine = (air::lattice_noise(place / 4.0, 1024, 7u) - 0.5) * (1.0 - smoothstep(0.7, 2.0, footprint));
    let dry = wide * 0.45 + middle * 0.35;
    return (1.0 + 0.20 * fine) * (1.0 + dry * vec3(0.42, 0.22, 0.10)) * (1.0 + 0.12 * middle);
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4<f32> {
    let flags = in.flags_and_seed & 0xFFFFu;
    let seed = in.flags_and_seed >> 16u;
    let normal = normalize(in.normal);
    let ray = air::site_from_render(in.world - env.camera_in_render.xyz);
    let direction = normalize(ray);
    let seconds = env.sky_ambient.w;

    // Derivatives before any branch.
    let tangent = normalize(vec2(-normal.y, normal.x) + vec2(1e-6, 0.0));
    let along = dot(in.place.xy, tangent);
    let footprint = vec2(fwidth(along), fwidth(in.place.z));
    let roof_footprint = fwidth(in.place.x) + fwidth(in.place.y);

    let is_data = f32((flags & looks::DATA_COLOR) != 0u);
    var albedo = in.color;
#ifdef DRAPED
    albedo *= mix(textureSample(drape, drape_sampler, in.coordinate).rgb, vec3(1.0), is_data);
#endif
    var emission = vec3(0.0);
    var glass = 0.0;
    let wall = 1.0 - smoothstep(0.35, 0.6, abs(normal.z));
    if (flags & looks::FACADE) != 0u {
        // Neighbours differ a little.
        let variety = facade::variety(seed);
        let tint = variety.x - 0.5;
        albedo *= 1.0 + (1.0 - is_data) * vec3(0.16, 0.12, 0.06) * tint * 1.6;
        if wall > 0.0 && (flags & looks::NARROW) == 0u {
            let f = facade::facade(env, albedo, along, in.place.z, footprint, variety, seed);
            glass = f.glass * wall * mix(1.0, 0.35, is_data);
            albedo = mix(albedo, f.albedo, wall);
            emission = f.emission * (wall * (1.0 - is_data));
        }
        if normal.z > 0.5 {
            // Roofs: gravel, membrane or tiles, with a little grain where it can be seen.
            let roof = mix(vec3(0.78, 0.78, 0.80), vec3(0.92, 0.82, 0.74), smoothstep(0.35, 0.8, variety.y));
            let cell = vec3<u32>(u32(i32(floor(in.place.x * 0.7)) + 65536), u32(i32(floor(in.place.y * 0.7)) + 65536), seed);
            let grain = (air::hash(cell) - 0.5) * (1.0 - smoothstep(0.6, 2.4, roof_footprint));
            albedo = mix(albedo, albedo * roof * (1.0 + 0.10 * grain), (1.0 - is_data) * 0.85);
        }
    }

    if (flags & looks::GROUND) != 0u && seed != 0u && roof_footprint < 14.0 {
        albedo *= ground_tint(air::site_from_render(in.world).xy + env.pattern_origin.xy, roof_footprint);
    }

    // Streets are darker than roofs: a cheap occlusion by height above the foot.
    let open = mix(0.62, 1.0, smoothstep(0.0, 14.0, in.place.z));
    let occlusion = mix(open, 1.0, smoothstep(0.5, 1.0, normal.z));
    let normal_in_render = vec3(normal.x, normal.z, -normal.y);
    var shadow = 1.0;
    if dot(normal, env.light_direction.xyz) > 0.0 {
        shadow = sun_shadow(in.world, normal_in_render, in.clip.xy);
    }
    var color = air::lit(env, albedo, normal, shadow, occlusion);
    if glass > 0.0 {
        let mirrored = reflect(direction, normal);
        let sky = air::sky_color(env, mirrored) * mix(0.55, 1.0, smoothstep(-0.2, 0.25, mirrored.z));
        let fresnel = 0.10 + 0.90 * pow(1.0 - clamp(-dot(direction, normal), 0.0, 1.0), 5.0);
        let inside = air::lit(env, albedo * 0.16 + vec3(0.012, 0.016, 0.02), normal, shadow, occlusion);
        let glint = pow(max(dot(mirrored, env.light_direction.xyz), 0.0), 180.0) * shadow;
        let pane = inside + sky * fresnel + env.light_color.rgb * glint * 2.0;
        color = mix(color, pane, glass);
    }
    // What is told by a colour is seen in the night, too.
    color += emission + in.color * (is_data * env.light_color.w * looks::DATA_GLOW);
    if (flags & looks::WATER) != 0u && normal.z > 0.9 {
        let place = air::site_from_render(in.world).xy + env.pattern_origin.xy;
        color = water::surface(env, albedo * 0.75, place, direction, roof_footprint * 0.5, shadow);
    }

    if (flags & looks::GLOWS) != 0u {
        color += in.color * mix(0.25, 1.4, env.light_color.w);
    }
    if (flags & looks::DOUBTED) != 0u {
        let mark = looks::doubt(flags, in.clip.xy);
        color = mix(color, mark.rgb * (0.35 + dot(color, vec3(0.5))), mark.a);
    }
    if (flags & looks::PULSE) != 0u {
        let beat = 0.5 + 0.5 * cos(seconds * 6.2831853);
        color = mix(color, in.color * 1.6, 0.55 * beat);
    }
    color = air::haze(env, color, ray);
    if (flags & looks::HIGHLIGHT) != 0u {
        let rim = pow(1.0 - clamp(-dot(direction, normal), 0.0, 1.0), 2.0);
        let mark = looks::SELECTED * (0.55 + 0.6 * min(dot(color, vec3(0.33)), 0.8));
        color = mix(color, mark + vec3(0.05, 0.35, 0.5) * rim, looks::highlight(flags, in.clip.xy));
    }
    return air::finish(color, in.clip.xy);
}
