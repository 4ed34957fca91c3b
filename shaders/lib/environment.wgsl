// Light and air for all materials. Directions are in site axes (east, north, up), colours linear.
#define_import_path veduta::environment

// Twin of `EnvironmentUniform` in src/engine/environment.rs.
struct Environment {
    light_direction: vec4<f32>,   // w: 1 where shadows are drawn
    light_color: vec4<f32>,       // w: night
    sun_direction: vec4<f32>,     // w: share of lit windows
    zenith_color: vec4<f32>,      // w, and that of camera_in_render: unit vector towards the sun on the level
    horizon_color: vec4<f32>,     // w: haze, 1/m
    glow_color: vec4<f32>,        // w: brightness of the sun's disc
    sky_ambient: vec4<f32>,       // w: effect seconds
    ground_ambient: vec4<f32>,    // w: height of the camera, m
    camera_in_render: vec4<f32>,
    pattern_origin: vec4<f32>,
}

// Render axes are x east, y up, z south.
fn site_from_render(v: vec3<f32>) -> vec3<f32> {
    return vec3(v.x, -v.z, v.y);
}

// Three numbers without a pattern.
fn mixed(n: vec3<u32>) -> vec3<u32> {
    var v = n * 1664525u + 1013904223u;
    v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
    v ^= v >> vec3(16u);
    v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
    return v;
}

// One of them, between 0 and 1.
fn hash(n: vec3<u32>) -> f32 {
    return f32(mixed(n).x >> 8u) / 16777216.0;
}

// Smooth noise between 0 and 1 on a lattice of unit cells that repeats after `period` cells (a power of two).
fn lattice_noise(p: vec2<f32>, period: i32, salt: u32) -> f32 {
    let cell = vec2<i32>(floor(p));
    let f = fract(p);
    let t = f * f * (3.0 - 2.0 * f);
    let a = vec2<u32>(cell & vec2(period - 1));
    let b = vec2<u32>((cell + 1) & vec2(period - 1));
    let south = mix(hash(vec3(a.x, a.y, salt)), hash(vec3(b.x, a.y, salt)), t.x);
    let north = mix(hash(vec3(a.x, b.y, salt)), hash(vec3(b.x, b.y, salt)), t.x);
    return mix(south, north, t.y);
}

// Colour of the clear sky in a direction; below the horizon it stays that of the horizon.
fn sky_color(env: Environment, direction: vec3<f32>) -> vec3<f32> {
    let up = max(direction.z, 0.0);
    let level = normalize(direction.xy + vec2(1e-5, 0.0));
    let towards = dot(level, vec2(env.zenith_color.w, env.camera_in_render.w)) * 0.5 + 0.5;
    let horizon = mix(env.horizon_color.rgb, env.glow_color.rgb, towards * towards * towards);
    let t = 1.0 - exp(-up * 4.5);
    var color = mix(horizon, env.zenith_color.rgb, t);
    // Forward scattering around the sun (a sum of two lobes stands for Mie).
    let angle = max(dot(direction, env.sun_direction.xyz), 0.0);
    // The 8th and the 90th power, by squares: cheaper than logarithms.
    let p2 = angle * angle;
    let p8 = p2 * p2 * p2 * p2;
    let p16 = p8 * p8;
    let p64 = p16 * p16 * p16 * p16;
    let lobe = 0.10 * p8 + 0.35 * (p64 * p16 * p8 * p2);
    color += env.glow_color.rgb * lobe * smoothstep(0.0, 3.0, env.glow_color.w);
    return color;
}

// What the air between the eye and a point lets through of its light, and what it adds.
struct Air {
    through: vec3<f32>,
    added: vec3<f32>,
}

// Air between the eye and a point: `ray` from the camera in site axes, metres. The haze thins out with height (1 200 m).
fn air_along(env: Environment, ray: vec3<f32>) -> Air {
    let distance = length(ray);
    let mean_height = max(env.ground_ambient.w + ray.z * 0.5, 0.0);
    let depth = distance * env.horizon_color.w * exp(-mean_height / 1200.0);
    let through = exp(-depth * vec3(0.80, 1.0, 1.28));
    let direction = ray / max(distance, 1e-3);
    let air = sky_color(env, normalize(vec3(direction.xy, max(direction.z, 0.0) * 0.5 + 0.02)));
    return Air(through, air * (vec3(1.0) - through));
}

// A colour behind that air.
fn haze(env: Environment, color: vec3<f32>, ray: vec3<f32>) -> vec3<f32> {
    let air = air_along(env, ray);
    return color * air.through + air.added;
}

// Light on a surface: `shadow` 1 in the sun, `occlusion` 1 in the open.
fn lit(env: Environment, albedo: vec3<f32>, normal: vec3<f32>, shadow: f32, occlusion: f32) -> vec3<f32> {
    let sun = max(dot(normal, env.light_direction.xyz), 0.0) * shadow;
    let up = normal.z * 0.5 + 0.5;
    var ambient = mix(env.ground_ambient.rgb, env.sky_ambient.rgb, up);
    // Walls that face the bright half of the sky get more of it: without this all shaded walls look alike.
    let facing = dot(normal.xy, env.sun_direction.xy);
    ambient *= 1.0 + 0.22 * facing;
    return albedo * (env.light_color.rgb * sun * 0.5 + ambient * occlusion);
}

// Filmic curve (Hable 2010 in the fit of Narkowicz 2015, softened), on each channel.
fn tone(color: vec3<f32>) -> vec3<f32> {
    let x = max(color, vec3(0.0)) * 0.82;
    return clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), vec3(0.0), vec3(1.0));
}

// A colour as the picture holds it. ENCODED: the picture is no sRGB texture, so nothing encodes it later: here it is done,
// off by less than two steps of 255.
fn stored(color: vec3<f32>) -> vec3<f32> {
#ifdef ENCODED
    let second = sqrt(color);
    let fourth = sqrt(second);
    return max(0.662002687 * second + 0.684122060 * fourth - 0.323583601 * sqrt(fourth) - 0.022541147 * color, vec3(0.0));
#else
    return color;
#endif
}

// Ends a pixel: tones, and half a step of noise against bands in the sky.
fn finish(color: vec3<f32>, pixel: vec2<f32>) -> vec4<f32> {
    let noise = hash(vec3(u32(pixel.x), u32(pixel.y), 7u)) - 0.5;
    return vec4(stored(tone(color)) + noise * (1.0 / 255.0) * 0.6, 1.0);
}
