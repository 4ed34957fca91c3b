// Procedural facades: storeys, window bays and lit windows from a place on a wall.
#define_import_path veduta::facade

#import veduta::environment::{Environment, hash, mixed, sky_color}

struct Wall {
    albedo: vec3<f32>,
    glass: f32,          // 0 wall, 1 glass
    emission: vec3<f32>, // light from inside
}

const STOREY_M: f32 = 3.2;

// Share of a box-filtered square wave of duty `on` (centred in the cell) around `x`, `width` of the pixel in cells.
fn filtered(x: f32, on: f32, width: f32) -> f32 {
    let w = max(width, 1e-4);
    let low = x - w * 0.5 - 0.5 * (1.0 - on);
    let high = x + w * 0.5 - 0.5 * (1.0 - on);
    let integral_high = floor(high) * on + min(fract(high), on);
    let integral_low = floor(low) * on + min(fract(low), on);
    return clamp((integral_high - integral_low) / w, 0.0, 1.0);
}

// By what objects differ, each between 0 and 1: tint, roof, kind of windows, width of their bays. One hash for all: it is the
// dearest part of a vertex.
fn variety(seed: u32) -> vec4<f32> {
    let v = mixed(vec3(seed, 1u, 1u));
    return vec4(vec3<f32>(v >> vec3(8u)) / 16777216.0, f32(v.x & 0xFFFu) / 4096.0);
}

// The windows of an object: width of a bay in metres, shares of a bay and of a storey that are window.
fn bays(variety: vec4<f32>) -> vec3<f32> {
    let bay = mix(2.6, 4.4, variety.w);
    // Three families: punched windows, ribbons, curtain walls.
    let style = variety.z;
    let curtain = step(0.80, style);
    let ribbon = step(0.56, style) * (1.0 - curtain);
    return vec3(bay, mix(mix(0.52, 0.94, ribbon), 0.90, curtain), mix(mix(0.52, 0.46, ribbon), 0.86, curtain));
}

// Light from the windows of a wall in the night: each has its own lamp; far away their mean remains. `cell` counts bays and
// storeys, `width` is how many of them a pixel covers.
fn lamps(env: Environment, cell: vec2<f32>, width: vec2<f32>, seed: u32) -> vec3<f32> {
    let night = env.light_color.w;
    if night <= 0.01 {
        return vec3(0.0);
    }
    let lit_share = env.sun_direction.w * mix(0.45, 1.35, hash(vec3(seed, 23u, 1u)));
    let window = vec3<u32>(u32(i32(floor(cell.x)) + 4096), u32(i32(floor(cell.y)) + 64), seed);
    let lamp = hash(window);
    let near = 1.0 - smoothstep(0.45, 1.3, max(width.x, width.y));
    let on_now = mix(lit_share * 0.75, select(0.0, 1.0, lamp < lit_share), near);
    let warmth = mix(0.4, hash(window + vec3(5u, 9u, 1u)), near);
    let color = mix(vec3(1.0, 0.62, 0.28), vec3(0.86, 0.90, 1.0), smoothstep(0.55, 1.0, warmth));
    let power = mix(0.75, 0.35 + 0.9 * hash(window + vec3(1u, 2u, 3u)), near);
    return color * (night * on_now * power * 0.95);
}

// `along` metres along the wall, `up` metres above the object's foot, `footprint` metres that a pixel covers (along, up).
fn facade(env: Environment, albedo: vec3<f32>, along: f32, up: f32, footprint: vec2<f32>, variety: vec4<f32>, seed: u32) -> Wall {
    let windows = bays(variety);
    let bay = windows.x;
    let on = windows.yz;
    let cell = vec2(along / bay, up / STOREY_M);
    let width = footprint / vec2(bay, STOREY_M);
    let share = filtered(cell.x, on.x, width.x) * filtered(cell.y, on.y, width.y);
    let ground_floor = 1.0 - smoothstep(0.9, 1.1, cell.y);
    var wall: Wall;
    wall.glass = share * (1.0 - 0.35 * ground_floor) * smoothstep(0.05, 0.12, cell.y);
    // A slab line between storeys and a darker plinth give scale.
    let slab = filtered(cell.y + 0.5, 0.10, width.y);
    wall.albedo = albedo * (1.0 - 0.10 * slab) * mix(1.0, 0.78, ground_floor);
    wall.emission = lamps(env, cell, width, seed) * wall.glass;
    return wall;
}
