// One texel of an object table. Twin of `ObjectLook` in src/engine/city_material/object_table.rs.
#define_import_path veduta::object

const TABLE_WIDTH: u32 = 256u;
const HIDDEN: u32 = 1u;
const HIGHLIGHT: u32 = 2u;
const STALE: u32 = 4u;
const OUT_OF_RANGE: u32 = 8u;
const PULSE: u32 = 16u;
const FACADE: u32 = 32u;
const DATA_COLOR: u32 = 64u;
const GLOWS: u32 = 128u;
const WATER: u32 = 256u;
const GROUND: u32 = 512u;
const SUSPECT: u32 = 1024u;
// STALE, OUT_OF_RANGE or SUSPECT.
const DOUBTED: u32 = 1036u;
// Of a face, not of an object: too narrow for a window. Twin of `narrow` in src/engine/city_material/part.rs.
const NARROW: u32 = 32768u;

// How bright a colour that tells something is by itself in the night, of its own brightness.
const DATA_GLOW: f32 = 0.45;

// The colour of what is selected.
const SELECTED: vec3<f32> = vec3(0.10, 0.75, 1.0);

// How much of a pixel is in the colour of what is selected. An object whose own colour tells something keeps it between
// level lines.
fn highlight(flags: u32, pixel: vec2<f32>) -> f32 {
    let tells = (flags & (DATA_COLOR | PULSE | DOUBTED)) != 0u;
    let lines = 0.9 * smoothstep(0.45, 0.65, abs(fract(pixel.y / 8.0) - 0.5) * 2.0);
    return select(0.62, lines, tells) * f32((flags & HIGHLIGHT) != 0u);
}

// What is drawn over an object whose live value is DOUBTED, and how much of the pixel it covers. On the screen, so that it
// looks the same near and far: grey stripes for old, amber ones the other way for out of range, amber dots for suspect.
fn doubt(flags: u32, pixel: vec2<f32>) -> vec4<f32> {
    let stale = (flags & STALE) != 0u;
    let slant = select(pixel.x - pixel.y, pixel.x + pixel.y, stale);
    let stripes = smoothstep(0.35, 0.65, abs(fract(slant / 10.0) - 0.5) * 2.0);
    let dots = 1.0 - smoothstep(0.24, 0.4, length(fract(pixel / 9.0) - 0.5));
    let cover = select(stripes, dots, (flags & SUSPECT) != 0u);
    return vec4(select(vec3(1.0, 0.45, 0.05), vec3(0.42, 0.44, 0.48), stale), cover * 0.75);
}

struct ObjectTexel {
    color: vec4<f32>,
    flags: u32,
    seed: u32,
    height_factor: f32,
    base: f32,
}

fn texel_place(object: u32) -> vec2<i32> {
    return vec2(i32(object % TABLE_WIDTH), i32(object / TABLE_WIDTH));
}

fn linear_from_srgb(c: vec3<f32>) -> vec3<f32> {
    return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(vec3(0.04045), c));
}

fn unpack_texel(words: vec4<u32>) -> ObjectTexel {
    var texel: ObjectTexel;
    let srgb = unpack4x8unorm(words.x);
    texel.color = vec4(linear_from_srgb(srgb.rgb), srgb.a);
    texel.flags = words.y & 0xFFFFu;
    texel.seed = words.y >> 16u;
    texel.height_factor = bitcast<f32>(words.z);
    texel.base = bitcast<f32>(words.w);
    return texel;
}

// Place of a vertex in content axes after the object's height factor.
fn scaled_position(texel: ObjectTexel, position: vec3<f32>) -> vec3<f32> {
    return vec3(position.xy, texel.base + (position.z - texel.base) * texel.height_factor);
}
