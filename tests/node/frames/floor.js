// In the page: 10 000 boxes in 16 draws of bare WebGL 2, to know what vertices and pixels cost without any engine.
// `floor.names` are the programs; `floor.draw(name, frames)` draws with one.

const [BOXES, DRAWS, SIDE_M] = [10_000, 16, 40];

/** What city_plain.wgsl works out for a vertex, and the same with fewer operations. */
const SHARED = `
layout(std140) uniform Environment { vec4 light_direction, light_color, sun_direction, zenith, horizon, glow, sky_ambient, ground_ambient, camera; };
uvec3 mixed(uvec3 n) {
  uvec3 v = n * 1664525u + 1013904223u;
  v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y; v ^= v >> 16u; v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
  return v;
}
vec3 lit(vec3 albedo, vec3 n, float open) {
  vec3 ambient = mix(ground_ambient.rgb, sky_ambient.rgb, n.z * 0.5 + 0.5) * (1.0 + 0.22 * dot(n.xy, sun_direction.xy));
  return albedo * (light_color.rgb * max(dot(n, light_direction.xyz), 0.0) * 0.5 + ambient * open);
}
vec3 tone(vec3 c) { vec3 x = max(c, 0.0) * 0.82; return clamp((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 0.0, 1.0); }
`;
const FULL = `${SHARED}
float hash(uvec3 n) { return float(mixed(n).x >> 8u) / 16777216.0; }
vec3 linear(vec3 c) { return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(vec3(0.04045), c)); }
vec3 sky(vec3 d) {
  float towards = dot(normalize(d.xy + vec2(1e-5, 0.0)), normalize(sun_direction.xy + vec2(1e-5, 0.0))) * 0.5 + 0.5;
  vec3 color = mix(mix(horizon.rgb, glow.rgb, towards * towards * towards), zenith.rgb, 1.0 - exp(-max(d.z, 0.0) * 4.5));
  float angle = max(dot(d, sun_direction.xyz), 0.0), p2 = angle * angle, p8 = p2 * p2 * p2 * p2, p16 = p8 * p8, p64 = p16 * p16 * p16 * p16;
  return color + glow.rgb * (0.1 * p8 + 0.35 * (p64 * p16 * p8 * p2)) * smoothstep(0.0, 3.0, glow.w);
}
void shade(vec3 world, vec3 up, vec3 n, vec3 own, uint seed, vec3 color) {
  vec3 ray = world - camera.xyz, direction = normalize(ray);
  float far = length(ray) * horizon.w * exp(-max(ground_ambient.w + ray.z * 0.5, 0.0) / 1200.0);
  vec3 through = exp(-far * vec3(0.8, 1.0, 1.28));
  vec3 added = sky(normalize(vec3(direction.xy, max(direction.z, 0.0) * 0.5 + 0.02))) * (1.0 - through);
  vec3 base = linear(own) * color, albedo = base * (1.0 + vec3(0.16, 0.12, 0.06) * (hash(uvec3(seed, 1u, 1u)) - 0.5) * 1.6);
  if (n.z > 0.5) {
    float kind = hash(uvec3(seed, 41u, 3u));
    albedo = mix(albedo, albedo * mix(vec3(0.78, 0.78, 0.8), vec3(0.92, 0.82, 0.74), smoothstep(0.35, 0.8, kind)), 0.85);
  }
  float open = mix(mix(0.62, 1.0, smoothstep(0.0, 14.0, up.z)), 1.0, smoothstep(0.5, 1.0, n.z));
  wall = tone(lit(albedo, n, open) * through + added);
  vec3 mirrored = reflect(direction, n), mirror = sky(mirrored) * mix(0.55, 1.0, smoothstep(-0.2, 0.25, mirrored.z));
  float grazing = 1.0 - clamp(-dot(direction, n), 0.0, 1.0), fresnel = 0.1 + 0.9 * grazing * grazing * grazing * grazing * grazing;
  pane = tone((lit(base * 0.16 + vec3(0.012, 0.016, 0.02), n, 1.0) + mirror * fresnel) * through + added);
  float style = hash(uvec3(seed, 3u, 5u)), bay = mix(2.6, 4.4, hash(uvec3(seed, 11u, 2u))), curtain = step(0.8, style);
  cell = vec2(dot(up.xy, normalize(vec2(-n.y, n.x) + vec2(1e-6, 0.0))) / bay, up.z / 3.2);
  window = abs(n.z) < 0.5 ? vec2(mix(0.52, 0.9, curtain), mix(0.52, 0.86, curtain)) : vec2(0.0);
}`;
const CUT = `${SHARED}
vec3 linear(vec3 c) { return c * (c * (c * 0.305306 + 0.682171) + 0.012523); }
vec3 air(vec2 level) { float towards = dot(level, zenith.ww) * 0.5 + 0.5; return mix(horizon.rgb, glow.rgb, towards * towards * towards); }
void shade(vec3 world, vec3 up, vec3 n, vec3 own, uint seed, vec3 color) {
  vec3 ray = world - camera.xyz, h = vec3(mixed(uvec3(seed, 1u, 1u)) >> 8u) / 16777216.0;
  float near = inversesqrt(dot(ray, ray)), u = exp(-0.16 * horizon.w / near), u2 = u * u, u4 = u2 * u2;
  vec3 direction = ray * near, through = vec3(u4 * u, u4 * u2, u4 * u4), far = mix(air(direction.xy), zenith.rgb, 0.086), added = far - far * through;
  float roof = clamp(n.z * 4.0 - 2.0, 0.0, 1.0);
  vec3 albedo = linear(own) * color * (1.0 + vec3(0.16, 0.12, 0.06) * (h.x - 0.5) * 1.6) * mix(vec3(1.0), mix(vec3(0.81), vec3(0.93, 0.85, 0.78), h.y), roof);
  vec3 light = lit(albedo, n, mix(0.62 + 0.38 * clamp(up.z / 14.0, 0.0, 1.0), 1.0, roof));
  wall = tone(light * through + added);
  float grazing = 1.0 - clamp(-dot(direction, n), 0.0, 1.0), g2 = grazing * grazing, above = direction.z - 2.0 * dot(direction, n) * n.z;
  vec3 mirror = mix(far, zenith.rgb, clamp(above * 2.0, 0.0, 1.0)) * (0.1 + 0.9 * g2 * g2 * grazing);
  pane = tone((light * 0.16 + vec3(0.012, 0.016, 0.02) + mirror) * through + added);
  float curtain = step(0.8, h.y);
  cell = vec2(dot(up.xy, vec2(-n.y, n.x)) / (2.6 + 1.8 * h.z), up.z * 0.3125);
  window = abs(n.z) < 0.5 ? vec2(mix(0.52, 0.9, curtain), mix(0.52, 0.86, curtain)) : vec2(0.0);
}`;
const PLACED = "void shade(vec3 world, vec3 up, vec3 n, vec3 own, uint seed, vec3 color) { wall = color * (0.6 + 0.4 * n.x); pane = vec3(0.1); cell = up.xz; window = vec2(0.0); }";

const vertex = (flat, shade) => `#version 300 es
precision highp float; precision highp int; precision highp usampler2D;
layout(location = 0) in vec3 position; layout(location = 1) in vec4 normal; layout(location = 2) in uint object; layout(location = 3) in vec4 color;
uniform mat4 clip_from_world; uniform highp usampler2D objects;
${flat} out vec3 wall; ${flat} out vec3 pane; out vec2 cell; flat out vec2 window;
${shade}
void main() {
  uvec4 words = texelFetch(objects, ivec2(int(object % 256u), int(object / 256u)), 0);
  vec3 own = vec3(words.x & 255u, words.x >> 8 & 255u, words.x >> 16 & 255u) / 255.0;
  vec3 world = vec3(position.xy, position.z * uintBitsToFloat(words.z));
  gl_Position = clip_from_world * vec4(world, 1.0);
  shade(world, world, normalize(normal.xyz), own, words.y >> 16u, color.rgb);
}`;
const placed = (flat) => vertex(flat, PLACED).replace(/uvec4 words[\s\S]*?255.0;/, "vec3 own = vec3(0.0); uvec4 words = uvec4(0u, 0u, 0x3f800000u, 0u);");
const fragment = (flat, windows) => `#version 300 es
precision highp float; ${flat} in vec3 wall; ${flat} in vec3 pane; in vec2 cell; flat in vec2 window; out vec4 shown;
float share(float x, float on, float width) {
  float w = max(width, 1e-4), low = x - w * 0.5 - 0.5 * (1.0 - on), high = low + w;
  return clamp((floor(high) * on + min(fract(high), on) - floor(low) * on - min(fract(low), on)) / w, 0.0, 1.0);
}
void main() {
  ${windows ? "vec2 w = fwidth(cell); float glass = share(cell.x, window.x, w.x) * share(cell.y, window.y, w.y) * smoothstep(0.05, 0.12, cell.y);" : "float glass = 0.0;"}
  shown = vec4(${windows ? "mix(wall, pane, glass)" : "wall"}, 1.0);
}`;

function begin(gl) {
  /**
   * Two triangles a side and for the roof. `apart`: each face has its corners; `shared`: the last vertex of a triangle has its
   * normal; `fours`: the same, and opposite walls come first, so that a software card finds four new vertices at a time.
   */
  const boxes = (chosen, corner) => {
    const [vertices, indices] = [[], []];
    const put = (x, y, z, normal, object) => vertices.push([x, y, z, ...normal, object]) - 1;
    for (const number of chosen) {
      const varied = (salt) => (((number * 7919 + salt * 104729) >>> 0) % 1000) / 1000;
      const [x, y, height] = [(number % 100) * SIDE_M - 2000, Math.floor(number / 100) * SIDE_M - 2000, 6 + varied(3) * 40];
      const [wide, deep, object] = [10 + varied(1) * 20, 10 + varied(2) * 20, number % 625];
      const corners = [[x, y], [x + wide, y], [x + wide, y + deep], [x, y + deep]];
      const walls = [[0, -1, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0]];
      const fours = corner === "fours";
      const roof = corners.map(([x, y], side) => put(x, y, height, fours && side % 2 === 0 ? walls[side] : [0, 0, 1], object));
      const feet = corner !== "apart" && corners.map(([x, y], side) => put(x, y, 0, walls[side], object));
      if (fours) {
        for (const side of [0, 2]) indices.push(feet[side + 1], roof[side + 1], feet[side], feet[side], roof[side + 1], roof[side]);
        for (const [side, next] of [[1, 2], [3, 0]]) indices.push(feet[next], roof[next], feet[side], roof[next], roof[side], feet[side]);
        indices.push(roof[2], roof[0], roof[1], roof[0], roof[2], roof[3]);
        continue;
      }
      indices.push(roof[0], roof[1], roof[2], roof[0], roof[2], roof[3]);
      walls.forEach((normal, side) => {
        const next = (side + 1) % 4;
        if (feet) return indices.push(feet[next], roof[next], feet[side], roof[next], roof[side], feet[side]);
        const [a, b] = [corners[side], corners[next]];
        const [p, q, r, s] = [[...a, 0], [...b, 0], [...b, height], [...a, height]].map((place) => put(...place, normal, object));
        indices.push(p, q, r, p, r, s);
      });
    }
    const bytes = new DataView(new ArrayBuffer(vertices.length * 24));
    vertices.forEach((values, i) => {
      values.slice(0, 3).forEach((value, axis) => bytes.setFloat32(i * 24 + axis * 4, value, true));
      values.slice(3, 6).forEach((value, axis) => bytes.setInt8(i * 24 + 12 + axis, value * 127));
      bytes.setUint32(i * 24 + 16, values[6], true);
      bytes.setUint32(i * 24 + 20, 0xffb0b8c0, true);
    });
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    for (const [target, data] of [[gl.ARRAY_BUFFER, bytes.buffer], [gl.ELEMENT_ARRAY_BUFFER, new Uint32Array(indices)]]) {
      gl.bindBuffer(target, gl.createBuffer());
      gl.bufferData(target, data, gl.STATIC_DRAW);
    }
    [0, 1, 2, 3].forEach((location) => gl.enableVertexAttribArray(location));
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 24, 0);
    gl.vertexAttribPointer(1, 4, gl.BYTE, true, 24, 12);
    gl.vertexAttribIPointer(2, 1, gl.UNSIGNED_INT, 24, 16);
    gl.vertexAttribPointer(3, 4, gl.UNSIGNED_BYTE, true, 24, 20);
    return { array, count: indices.length };
  };
  const draws = (corner) =>
    Array.from({ length: DRAWS }, (_, draw) => boxes([...Array(BOXES).keys()].filter((box) => box % DRAWS === draw), corner));
  const program = (...sources) => {
    const linked = gl.createProgram();
    [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].forEach((kind, i) => {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, sources[i]);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(linked, shader);
    });
    gl.linkProgram(linked);
    if (!gl.getProgramParameter(linked, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(linked));
    return linked;
  };
  const [apart, shared, fours] = ["apart", "shared", "fours"].map(draws);
  const objects = new Uint32Array(256 * 3 * 4);
  for (let i = 0; i < 768; i++) objects.set([0xff8890a0, (((i * 2654435761) >>> 16) << 16) | 32, 0x3f800000, 0], i * 4);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32UI, 256, 3, 0, gl.RGBA_INTEGER, gl.UNSIGNED_INT, objects);
  const environment = [
    [0.3, 0.4, 0.85, 0], [2, 1.8, 1.5, 0], [0.3, 0.4, 0.85, 0.4], [0.1, 0.28, 0.6, 0.7], [0.56, 0.7, 0.84, 3.5e-5],
    [0.7, 0.8, 0.84, 18], [0.4, 0.5, 0.6, 0], [0.25, 0.23, 0.2, 300], [0, -2500, 600, 0],
  ];
  gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, gl.createBuffer());
  gl.bufferData(gl.UNIFORM_BUFFER, new Float32Array(environment.flat()), gl.STATIC_DRAW);
  gl.enable(gl.DEPTH_TEST);
  gl.enable(gl.CULL_FACE);
  return {
    "placed": [apart, program(placed(""), fragment("", false))],
    "placed, shared corners": [shared, program(placed("flat"), fragment("flat", false))],
    "placed, in fours": [fours, program(placed("flat"), fragment("flat", false))],
    "plain": [apart, program(vertex("", FULL), fragment("", true))],
    "plain, no windows": [apart, program(vertex("", FULL), fragment("", false))],
    "plain, shared corners": [shared, program(vertex("flat", FULL), fragment("flat", true))],
    "cut": [apart, program(vertex("", CUT), fragment("", true))],
    "cut, shared corners": [shared, program(vertex("flat", CUT), fragment("flat", true))],
    "cut, in fours": [fours, program(vertex("flat", CUT), fragment("flat", true))],
  };
}

/** From the world to the picture for a camera that turns a little with each frame. */
function clipFromWorld(frame, aspect) {
  const [pitch, yaw, focal, near, far] = [-0.25, 0.1 * Math.sin(frame * 0.1), 1 / Math.tan(0.4), 1, 10_000];
  const ahead = [Math.sin(yaw) * Math.cos(pitch), Math.cos(yaw) * Math.cos(pitch), Math.sin(pitch)];
  const right = [Math.cos(yaw), -Math.sin(yaw), 0];
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const up = [0, 1, 2].map((i) => right[(i + 1) % 3] * ahead[(i + 2) % 3] - right[(i + 2) % 3] * ahead[(i + 1) % 3]);
  const eye = [0, -2500, 600];
  const rows = [
    [...right, -dot(right, eye)].map((value) => (value * focal) / aspect),
    [...up, -dot(up, eye)].map((value) => value * focal),
    [...ahead, -dot(ahead, eye)].map((value, i) => (value * (far + near) - (i === 3 ? 2 * far * near : 0)) / (far - near)),
    [...ahead, -dot(ahead, eye)],
  ];
  return new Float32Array([0, 1, 2, 3].flatMap((column) => rows.map((row) => row[column])));
}

const canvas = Object.assign(document.createElement("canvas"), { width: 960, height: 540 });
document.body.append(canvas);
const gl = canvas.getContext("webgl2", { antialias: false });
const programs = begin(gl);
let frame = 0;
globalThis.floor = {
  names: Object.keys(programs),
  draw(name, frames) {
    const [draws, program] = programs[name];
    for (let left = frames; left > 0; left--) {
      gl.clearColor(0.6, 0.7, 0.8, 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.useProgram(program);
      gl.uniformMatrix4fv(gl.getUniformLocation(program, "clip_from_world"), false, clipFromWorld(frame++, canvas.width / canvas.height));
      for (const { array, count } of draws) {
        gl.bindVertexArray(array);
        gl.drawElements(gl.TRIANGLES, count, gl.UNSIGNED_INT, 0);
      }
      // The frame is done when a pixel of it has been read.
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    }
    return canvas.toDataURL();
  },
};
