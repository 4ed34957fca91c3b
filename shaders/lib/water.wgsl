// Water seen from above: ripples, the sky in it, the sun on it.
#define_import_path veduta::water

#import veduta::environment::{Environment, sky_color, lit}

// Slope of the ripples at a place (site axes, metres): a sum of sine waves whose lengths share no factor, so that nothing
// repeats; each fades where a pixel covers more than a third of it. `footprint` metres that a pixel covers.
fn ripples(place: vec2<f32>, seconds: f32, footprint: f32) -> vec2<f32> {
    // Direction, length in metres, slope.
    var waves = array<vec4<f32>, 5>(
        vec4(0.83, 0.56, 23.0, 0.016), vec4(-0.42, 0.91, 11.3, 0.020), vec4(0.97, -0.24, 5.9, 0.026),
        vec4(-0.71, -0.70, 2.7, 0.030), vec4(0.20, 0.98, 1.3, 0.030));
    var slope = vec2(0.0);
    for (var i = 0; i < 5; i += 1) {
        let wave = waves[i];
        let number = 6.2831853 / wave.z;
        // Crests bend: without it the sun lies on the water in straight rows.
        let across = dot(place, vec2(-wave.y, wave.x)) * number;
        let bend = 1.4 * sin(across * 0.31 + f32(i) * 1.7) + 0.8 * sin(across * 0.117 + dot(place, wave.xy) * number * 0.073);
        // Deep water: the speed goes with the root of the length.
        let phase = dot(place, wave.xy) * number + bend - seconds * sqrt(9.81 * number);
        slope += wave.xy * (wave.w * cos(phase) * (1.0 - smoothstep(0.12, 0.36, footprint / wave.z)));
    }
    return slope;
}

// Colour of a water surface whose body has the colour `body`. `direction` from the eye, site axes.
fn surface(env: Environment, body: vec3<f32>, place: vec2<f32>, direction: vec3<f32>, footprint: f32, shadow: f32) -> vec3<f32> {
    let slope = ripples(place, env.sky_ambient.w, footprint);
    // Gusts: calmer and rougher patches of some hundred metres.
    let gust = 0.75 + 0.25 * sin(place.x * 0.0131 + 1.3 * sin(place.y * 0.0097)) * sin(place.y * 0.0173 + 1.1 * sin(place.x * 0.0059));
    let normal = normalize(vec3(-slope * gust, 1.0));
    let mirrored = reflect(direction, normal);
    let sky = sky_color(env, normalize(vec3(mirrored.xy, max(mirrored.z, 0.02))));
    // Schlick's fit to Fresnel's equations for water (refractive index 1.33).
    let fresnel = 0.02 + 0.98 * pow(1.0 - clamp(-dot(direction, normal), 0.0, 1.0), 5.0);
    // Far away the ripples that a pixel no longer shows widen the sun's path.
    let sharpness = mix(420.0, 60.0, smoothstep(0.2, 8.0, footprint));
    let glint = pow(max(dot(mirrored, env.light_direction.xyz), 0.0), sharpness) * shadow;
    return lit(env, body, vec3(0.0, 0.0, 1.0), shadow, 1.0) * (1.0 - fresnel) + sky * fresnel
        + env.light_color.rgb * glint * mix(1.2, 0.5, smoothstep(0.2, 8.0, footprint));
}
