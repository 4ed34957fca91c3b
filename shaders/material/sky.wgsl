// The sky: one triangle at the far plane.
#import bevy_pbr::mesh_view_bindings::view
#import veduta::environment as air
#import veduta::environment::{Environment}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> env: Environment;

// Share of thin high cloud in a direction above the horizon: four sizes of noise, drawn out along the wind.
fn cirrus(direction: vec3<f32>, seconds: f32) -> f32 {
    let dome = direction.xy / (direction.z + 0.16);
    var p = vec2(dome.x * 0.94 + dome.y * 0.34, (dome.y * 0.94 - dome.x * 0.34) * 2.3) * 1.15 + vec2(seconds * 0.0015, 0.0);
    var sum = 0.0;
    var share = 0.5;
    for (var i = 0u; i < 4u; i += 1u) {
        sum += share * air::lattice_noise(p + 64.0, 256, i);
        p = vec2(p.x * 1.9 + p.y * 0.5, p.y * 1.9 - p.x * 0.5) + 7.3;
        share *= 0.5;
    }
    return smoothstep(0.46, 0.80, sum) * smoothstep(0.015, 0.20, direction.z);
}

struct Varyings {
    @builtin(position) clip: vec4<f32>,
    // From the eye, site axes; of any length.
    @location(0) ray: vec3<f32>,
}

@vertex
fn vertex(@location(0) position: vec3<f32>) -> Varyings {
    // Depth 0 is infinitely far (reversed z); equal to the cleared depth, so that anything drawn wins.
    let on_near = view.view_from_clip * vec4(position.xy, 1.0, 1.0);
    let ray = view.world_from_view * vec4(on_near.xyz / on_near.w, 0.0);
    return Varyings(vec4(position.xy, 0.0, 1.0), air::site_from_render(ray.xyz));
}

@fragment
fn fragment(in: Varyings) -> @location(0) vec4<f32> {
    let direction = normalize(in.ray);
    var color = air::sky_color(env, direction);
    // Far below the horizon where nothing is drawn: the haze darkens towards the ground.
    color *= mix(0.72, 1.0, smoothstep(-0.35, 0.0, direction.z));
    let angle = dot(direction, env.sun_direction.xyz);
    var cloud = 0.0;
#ifndef PLAIN
    if direction.z > 0.015 {
        cloud = cirrus(direction, env.sky_ambient.w);
        let forward = max(angle, 0.0);
        let bright = env.sky_ambient.rgb * 0.9 + env.light_color.rgb * (0.20 + 0.25 * forward * forward * forward);
        color = mix(color, max(bright, color), cloud * 0.62);
    }
#endif
    let disc = smoothstep(0.99996, 0.999985, angle) * smoothstep(-0.02, 0.0, direction.z);
    color += vec3(1.0, 0.86, 0.66) * disc * env.glow_color.w * (1.0 - 0.6 * cloud);

#ifndef PLAIN
    let night = env.light_color.w;
    if night > 0.05 && direction.z > 0.0 {
        let cell = direction * 260.0;
        let n = floor(cell);
        let h = air::hash(vec3<u32>(vec3<i32>(n) + 4096));
        let center = n + 0.5 + 0.3 * (vec3(air::hash(vec3<u32>(vec3<i32>(n) + 77)), h, 1.0 - h) - 0.5);
        let star = step(0.9965, h) * (1.0 - smoothstep(0.10, 0.42, distance(cell, center)));
        color += vec3(0.75, 0.82, 1.0) * star * night * (1.0 - cloud) * smoothstep(0.03, 0.35, direction.z) * mix(0.25, 0.9, fract(h * 977.0));
    }
#endif
    return air::finish(color, in.clip.xy);
}
