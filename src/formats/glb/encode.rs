//! Tile content to binary glTF.

use std::sync::Arc;

use glam::{DVec3, Vec3};
use meshopt_rs::index::{IndexEncodingVersion, buffer as index_codec};
use meshopt_rs::vertex::{VertexEncodingVersion, buffer as vertex_codec};
use serde_json::{Value as Json, json};

use super::encode_properties::write_properties;
use super::{GlbError, container};
use crate::formats::{AlphaMode, EncodedImage, TileContent, TilePart};
use crate::geometry::Mesh;

/// Media type of images that glTF takes by an extension only.
const WEBP: &str = "image/webp";

/// How a content is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodeOptions {
    /// Coarsest allowed step of quantized positions, metres; larger extents keep 32-bit floats.
    pub largest_step_m: f64,
    /// Whether streams are compressed with EXT_meshopt_compression.
    pub compress: bool,
}

impl Default for EncodeOptions {
    /// Compressed; steps up to 5 cm, which is a tile of 3.3 km.
    fn default() -> Self {
        Self { largest_step_m: 0.05, compress: true }
    }
}

/// A glTF 2.0 binary file of `content`. The same content gives the same bytes.
///
/// Positions are 16-bit steps from the mesh's least corner, the node's translation and scale turn them to metres
/// (KHR_mesh_quantization); normals and colours are 8-bit. Missing attribute values are written as `noData`.
/// Fails where an array's length differs from the vertices' or the file would pass 4 GiB.
pub fn encode(content: &TileContent, options: &EncodeOptions) -> Result<Vec<u8>, GlbError> {
    let mut writer = Writer { options: *options, ..Writer::default() };
    for (index, part) in content.parts.iter().enumerate() {
        check(&part.mesh, index)?;
        writer.part(part, content)?;
    }
    let metadata = write_properties(&mut writer, &content.features);
    writer.append(&[]);
    if writer.binary.len() > u32::MAX as usize {
        return Err(GlbError::TooLarge { limit: u32::MAX as usize });
    }
    let document = writer.document(content, metadata);
    let text = serde_json::to_vec(&document).map_err(|error| GlbError::Json(error.to_string()))?;
    Ok(container::join(text, writer.binary))
}

fn check(mesh: &Mesh, index: usize) -> Result<(), GlbError> {
    let count = mesh.positions.len();
    let fits = |length: usize| length == 0 || length == count;
    let arrays = [mesh.normals.len(), mesh.feature_ids.len(), mesh.colors.len(), mesh.texture_coordinates.len()];
    let whole = mesh.indices.len().is_multiple_of(3) && mesh.indices.iter().all(|i| (*i as usize) < count);
    if arrays.into_iter().all(fits) && whole && mesh.positions.iter().all(|p| p.is_finite()) {
        return Ok(());
    }
    Err(GlbError::Invalid {
        what: "arrays of unequal length, a wrong index or position",
        place: format!("part {index}"),
    })
}

/// Collects the binary chunk and the JSON objects that describe it.
#[derive(Default)]
pub(super) struct Writer {
    options: EncodeOptions,
    binary: Vec<u8>,
    /// Length of the placeholder buffer that uncompressed views of compressed data lie in.
    fallback: usize,
    views: Vec<Json>,
    accessors: Vec<Json>,
    nodes: Vec<Json>,
    meshes: Vec<Json>,
    materials: Vec<Json>,
    images: Vec<Arc<EncodedImage>>,
    image_views: Vec<usize>,
    quantized: bool,
}

impl Writer {
    /// Adds bytes as a buffer view, 8-byte aligned; gives its number.
    pub(super) fn view(&mut self, bytes: &[u8]) -> usize {
        let offset = self.append(bytes);
        self.views.push(json!({ "buffer": 0, "byteOffset": offset, "byteLength": bytes.len() }));
        self.views.len() - 1
    }

    fn append(&mut self, bytes: &[u8]) -> usize {
        self.binary.resize(self.binary.len().next_multiple_of(8), 0);
        self.binary.extend_from_slice(bytes);
        self.binary.len() - bytes.len()
    }

    /// A view of vertices or indices, through the codec where asked.
    fn stream(&mut self, raw: &[u8], stride: usize, mode: &str, packed: Option<Vec<u8>>) -> usize {
        let target = if mode == "ATTRIBUTES" { 34962 } else { 34963 };
        let mut view = json!({ "buffer": 0, "byteLength": raw.len(), "target": target });
        if mode == "ATTRIBUTES" {
            view["byteStride"] = json!(stride);
        }
        match packed {
            Some(packed) => {
                let offset = self.append(&packed);
                view["buffer"] = json!(1);
                view["byteOffset"] = json!(self.fallback);
                view["extensions"] = json!({ "EXT_meshopt_compression": {
                    "buffer": 0, "byteOffset": offset, "byteLength": packed.len(),
                    "byteStride": stride, "count": raw.len() / stride, "mode": mode,
                }});
                self.fallback += raw.len().next_multiple_of(4);
            }
            None => view["byteOffset"] = json!(self.append(raw)),
        }
        self.views.push(view);
        self.views.len() - 1
    }

    fn attribute<const STRIDE: usize>(&mut self, vertices: &[[u8; STRIDE]], mut accessor: Json) -> usize {
        let packed = self.options.compress.then(|| pack_vertices(vertices)).flatten();
        accessor["bufferView"] = json!(self.stream(vertices.as_flattened(), STRIDE, "ATTRIBUTES", packed));
        accessor["count"] = json!(vertices.len());
        self.accessors.push(accessor);
        self.accessors.len() - 1
    }

    fn indices(&mut self, indices: &[u32], vertices: usize) -> usize {
        let wide = vertices > usize::from(u16::MAX);
        let packed = self.options.compress.then(|| pack_indices(indices, vertices)).flatten();
        let (raw, stride, component): (Vec<u8>, _, _) = if wide {
            (indices.iter().flat_map(|i| i.to_le_bytes()).collect(), 4, 5125)
        } else {
            (indices.iter().flat_map(|i| (*i as u16).to_le_bytes()).collect(), 2, 5123)
        };
        let view = self.stream(&raw, stride, "TRIANGLES", packed);
        let count = indices.len();
        self.accessors
            .push(json!({ "bufferView": view, "componentType": component, "count": count, "type": "SCALAR" }));
        self.accessors.len() - 1
    }

    fn part(&mut self, part: &TilePart, content: &TileContent) -> Result<(), GlbError> {
        let mesh = &part.mesh;
        if mesh.indices.is_empty() {
            return Ok(());
        }
        let (position, node) = self.positions(mesh, content.center);
        let mut attributes = json!({ "POSITION": position });
        if !mesh.normals.is_empty() {
            let byte = |v: f32| (v.clamp(-1.0, 1.0) * 127.0).round() as i8 as u8;
            let normals: Vec<[u8; 4]> = mesh
                .normals
                .iter()
                .map(|n| {
                    let n = n.normalize_or(Vec3::Z);
                    [byte(n.x), byte(n.z), byte(-n.y), 0]
                })
                .collect();
            self.quantized = true;
            let accessor = json!({ "componentType": 5120, "normalized": true, "type": "VEC3" });
            attributes["NORMAL"] = json!(self.attribute(&normals, accessor));
        }
        if !mesh.colors.is_empty() {
            let accessor = json!({ "componentType": 5121, "normalized": true, "type": "VEC4" });
            attributes["COLOR_0"] = json!(self.attribute(&mesh.colors, accessor));
        }
        if !mesh.texture_coordinates.is_empty() {
            let bytes: Vec<[u8; 8]> = mesh.texture_coordinates.iter().map(|uv| join_words(uv.x, uv.y)).collect();
            attributes["TEXCOORD_0"] = json!(self.attribute(&bytes, json!({ "componentType": 5126, "type": "VEC2" })));
        }
        let mut primitive = json!({ "mode": 4 });
        if !mesh.feature_ids.is_empty() {
            attributes["_FEATURE_ID_0"] = json!(self.feature_ids(&mesh.feature_ids));
            let mut set = json!({ "featureCount": content.features.count, "attribute": 0 });
            if !content.features.columns.is_empty() {
                set["propertyTable"] = json!(0);
            }
            primitive["extensions"] = json!({ "EXT_mesh_features": { "featureIds": [set] } });
        }
        primitive["attributes"] = attributes;
        primitive["indices"] = json!(self.indices(&mesh.indices, mesh.positions.len()));
        primitive["material"] = json!(self.material(part));
        let mut node = node;
        node["mesh"] = json!(self.meshes.len());
        self.nodes.push(node);
        self.meshes.push(json!({ "primitives": [primitive] }));
        Ok(())
    }

    /// Positions as steps from the least corner, or as floats where the step would be too coarse; and the node that
    /// puts them in place.
    fn positions(&mut self, mesh: &Mesh, center: DVec3) -> (usize, Json) {
        let y_up = |p: Vec3| Vec3::new(p.x, p.z, -p.y);
        let turned = || mesh.positions.iter().map(|p| y_up(*p));
        let (min, max) = turned().fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(min, max), p| (min.min(p), max.max(p)));
        let center = DVec3::new(center.x, center.z, -center.y);
        let step = (f64::from((max - min).max_element()) / f64::from(u16::MAX)).max(1e-6);
        if step > self.options.largest_step_m {
            let bytes: Vec<[u8; 12]> = turned().map(|p| bytemuck::cast(p.to_array().map(f32::to_le_bytes))).collect();
            let accessor =
                json!({ "componentType": 5126, "type": "VEC3", "min": min.to_array(), "max": max.to_array() });
            return (self.attribute(&bytes, accessor), json!({ "translation": center.to_array() }));
        }
        self.quantized = true;
        let steps = |p: Vec3| ((p - min).as_dvec3() / step).round().to_array().map(|v| v.clamp(0.0, 65535.0) as u16);
        let bytes: Vec<[u8; 8]> = turned()
            .map(|p| {
                let [x, y, z] = steps(p);
                bytemuck::cast([x, y, z, 0].map(u16::to_le_bytes))
            })
            .collect();
        let accessor = json!({ "componentType": 5123, "type": "VEC3", "min": [0, 0, 0], "max": steps(max) });
        let node = json!({ "translation": (center + min.as_dvec3()).to_array(), "scale": [step, step, step] });
        (self.attribute(&bytes, accessor), node)
    }

    /// 16-bit ids padded to 4 bytes; floats, exact to 2^24, where there are more (vertex attributes cannot be 32-bit integers).
    fn feature_ids(&mut self, ids: &[u32]) -> usize {
        if ids.iter().all(|id| *id <= u32::from(u16::MAX)) {
            let bytes: Vec<[u8; 4]> = ids.iter().map(|id| id.to_le_bytes()).collect();
            return self.attribute(&bytes, json!({ "componentType": 5123, "type": "SCALAR" }));
        }
        let bytes: Vec<[u8; 4]> = ids.iter().map(|id| (*id as f32).to_le_bytes()).collect();
        self.attribute(&bytes, json!({ "componentType": 5126, "type": "SCALAR" }))
    }

    fn material(&mut self, part: &TilePart) -> usize {
        let mut pbr = json!({ "baseColorFactor": part.base_color, "metallicFactor": 0.0, "roughnessFactor": 1.0 });
        if let Some(image) = &part.texture {
            let known = self.images.iter().position(|other| other == image);
            let index = known.unwrap_or_else(|| {
                let view = self.view(&image.bytes);
                self.image_views.push(view);
                self.images.push(Arc::clone(image));
                self.images.len() - 1
            });
            pbr["baseColorTexture"] = json!({ "index": index });
        }
        let mut material = json!({ "pbrMetallicRoughness": pbr });
        if part.double_sided {
            material["doubleSided"] = json!(true);
        }
        if part.unlit {
            material["extensions"] = json!({ "KHR_materials_unlit": {} });
        }
        match part.alpha {
            AlphaMode::Opaque => {}
            AlphaMode::Blend => material["alphaMode"] = json!("BLEND"),
            AlphaMode::Mask(cutoff) => {
                material["alphaMode"] = json!("MASK");
                material["alphaCutoff"] = json!(cutoff);
            }
        }
        if let Some(same) = self.materials.iter().position(|other| *other == material) {
            return same;
        }
        self.materials.push(material);
        self.materials.len() - 1
    }

    fn document(&self, content: &TileContent, metadata: Option<Json>) -> Json {
        let mut required = Vec::new();
        let mut used = Vec::new();
        let has_ids = content.parts.iter().any(|p| !p.mesh.feature_ids.is_empty() && !p.mesh.indices.is_empty());
        used.extend(has_ids.then_some("EXT_mesh_features"));
        used.extend(metadata.is_some().then_some("EXT_structural_metadata"));
        used.extend(self.materials.iter().any(|m| m.get("extensions").is_some()).then_some("KHR_materials_unlit"));
        required.extend((self.fallback > 0).then_some("EXT_meshopt_compression"));
        required.extend(self.quantized.then_some("KHR_mesh_quantization"));
        required.extend(self.images.iter().any(|image| image.mime == WEBP).then_some("EXT_texture_webp"));
        used.extend(&required);
        let mut document = json!({
            "asset": { "version": "2.0", "generator": concat!("veduta ", env!("CARGO_PKG_VERSION")) },
            "scene": 0,
            "scenes": [{}],
        });
        if !self.nodes.is_empty() {
            document["scenes"] = json!([{ "nodes": (0..self.nodes.len()).collect::<Vec<_>>() }]);
        }
        let mut buffers = Vec::new();
        if !self.binary.is_empty() {
            buffers.push(json!({ "byteLength": self.binary.len() }));
        }
        if self.fallback > 0 {
            let fallback = json!({ "EXT_meshopt_compression": { "fallback": true } });
            buffers.push(json!({ "byteLength": self.fallback, "extensions": fallback }));
        }
        let images = self.images.iter().zip(&self.image_views);
        let images: Vec<Json> =
            images.map(|(image, view)| json!({ "mimeType": image.mime, "bufferView": view })).collect();
        let texture = |(source, image): (usize, &Arc<EncodedImage>)| match image.mime.as_str() {
            WEBP => json!({ "extensions": { "EXT_texture_webp": { "source": source } } }),
            _ => json!({ "source": source }),
        };
        let textures: Vec<Json> = self.images.iter().enumerate().map(texture).collect();
        let lists = [
            ("buffers", &buffers),
            ("bufferViews", &self.views),
            ("accessors", &self.accessors),
            ("nodes", &self.nodes),
            ("meshes", &self.meshes),
            ("materials", &self.materials),
            ("images", &images),
            ("textures", &textures),
        ];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            document[name] = json!(list);
        }
        for (name, list) in [("extensionsUsed", used), ("extensionsRequired", required)] {
            if !list.is_empty() {
                document[name] = json!(list);
            }
        }
        if let Some(metadata) = metadata {
            document["extensions"] = json!({ "EXT_structural_metadata": metadata });
        }
        document
    }
}

fn join_words(a: f32, b: f32) -> [u8; 8] {
    bytemuck::cast([a.to_le_bytes(), b.to_le_bytes()])
}

/// `None` where the codec's buffer did not do, which its bound rules out; the stream stays uncompressed then.
fn pack_vertices<const STRIDE: usize>(vertices: &[[u8; STRIDE]]) -> Option<Vec<u8>> {
    let mut packed = vec![0; vertex_codec::encode_vertex_buffer_bound(vertices.len(), STRIDE)];
    let length = vertex_codec::encode_vertex_buffer(&mut packed, vertices, VertexEncodingVersion::V0)?;
    packed.truncate(length);
    Some(packed)
}

fn pack_indices(indices: &[u32], vertices: usize) -> Option<Vec<u8>> {
    // The codec asks for 16 spare bytes before each triangle.
    let mut packed = vec![0; index_codec::encode_index_buffer_bound(indices.len(), vertices) + 16];
    let length = index_codec::encode_index_buffer(&mut packed, indices, IndexEncodingVersion::V0)?;
    packed.truncate(length);
    Some(packed)
}
