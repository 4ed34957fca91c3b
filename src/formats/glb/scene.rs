//! Walks the nodes of a glb and bakes their meshes into one content.

use std::collections::BTreeMap;
use std::sync::Arc;

use glam::{DAffine3, DMat3, DMat4, DQuat, DVec3, Vec2, Vec3};

use super::accessor::Reader;
use super::document::{Document, FeatureIds, Node, Primitive, TextureTransform};
use super::{GlbError, container, property_table};
use crate::formats::{AlphaMode, EncodedImage, FeatureTable, TileContent, TilePart};
use crate::geometry::Mesh;

/// Extensions that a file may require and this reader honours or may pass over without losing shape or meaning.
const KNOWN: &[&str] = &[
    "KHR_mesh_quantization",
    "EXT_meshopt_compression",
    "KHR_texture_transform",
    "KHR_texture_basisu",
    "EXT_texture_webp",
    "EXT_mesh_features",
    "EXT_structural_metadata",
    "CESIUM_RTC",
];
const MAX_DEPTH: usize = 64;

/// 3D Tiles' turn from y up to z up.
const Z_UP_FROM_Y_UP: DMat3 = DMat3::from_cols(DVec3::X, DVec3::Z, DVec3::NEG_Y);

/// What a binary glTF 2.0 file holds: every triangle of its scene, baked to the tile's frame, with the attributes of
/// the property table that its features name. Points and lines are left out. Any bytes give a content or an error.
pub fn decode(bytes: &[u8]) -> Result<TileContent, GlbError> {
    let (json, binary) = container::split(bytes)?;
    let document: Document = serde_json::from_slice(json).map_err(|error| GlbError::Json(error.to_string()))?;
    let honoured = |name: &str| KNOWN.contains(&name) || name.starts_with("KHR_materials_");
    if let Some(name) = document.extensions_required.iter().find(|name| !honoured(name)) {
        return Err(GlbError::Extension(name.clone()));
    }
    let mut walk =
        Walk { document: &document, reader: Reader::new(&document, binary), images: BTreeMap::new(), table: None };
    let placed = walk.place_nodes()?;
    let mut parts = Vec::new();
    for (mesh, tile_from_node) in placed {
        let primitives = &document.meshes.get(mesh).ok_or_else(|| invalid("no such mesh", "mesh", mesh))?.primitives;
        for primitive in primitives.iter().filter(|p| matches!(p.mode, None | Some(4..=6))) {
            parts.push((walk.part(primitive)?, tile_from_node));
        }
    }
    let features = walk
        .table
        .map_or(Ok(FeatureTable::default()), |index| property_table::decode(&document, &mut walk.reader, index))?;
    Ok(bake(parts, features))
}

fn invalid(what: &'static str, kind: &str, index: usize) -> GlbError {
    GlbError::Invalid { what, place: format!("{kind} {index}") }
}

/// Turns parts in node space into parts around the centre of their common box.
fn bake(parts: Vec<(TilePart, DAffine3)>, features: FeatureTable) -> TileContent {
    let (mut min, mut max) = (DVec3::INFINITY, DVec3::NEG_INFINITY);
    for (part, tile_from_node) in &parts {
        for corner in corners(&part.mesh.positions) {
            let place = tile_from_node.transform_point3(corner);
            (min, max) = (min.min(place), max.max(place));
        }
    }
    let center = if (max - min).is_finite() { (min + max) * 0.5 } else { DVec3::ZERO };
    let parts = parts
        .into_iter()
        .map(|(mut part, tile_from_node)| {
            bake_mesh(&mut part.mesh, DAffine3::from_translation(-center) * tile_from_node);
            part
        })
        .filter(|part| !part.mesh.indices.is_empty())
        .collect();
    TileContent { center, parts, features }
}

fn corners(positions: &[Vec3]) -> impl Iterator<Item = DVec3> {
    let (min, max) =
        positions.iter().fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(min, max), p| (min.min(*p), max.max(*p)));
    let count = if positions.is_empty() { 0 } else { 8 };
    (0..count).map(move |i| {
        let pick = |bit: u32, low: f32, high: f32| f64::from(if i >> bit & 1 == 0 { low } else { high });
        DVec3::new(pick(0, min.x, max.x), pick(1, min.y, max.y), pick(2, min.z, max.z))
    })
}

fn bake_mesh(mesh: &mut Mesh, content_from_node: DAffine3) {
    for position in &mut mesh.positions {
        *position = content_from_node.transform_point3(position.as_dvec3()).as_vec3();
    }
    let linear = content_from_node.matrix3;
    // The cofactor matrix turns normals right under any scale, mirrored or flat.
    let cofactor = DMat3::from_cols(
        linear.y_axis.cross(linear.z_axis),
        linear.z_axis.cross(linear.x_axis),
        linear.x_axis.cross(linear.y_axis),
    );
    let mirrored = linear.determinant() < 0.0;
    let turn = if mirrored { -cofactor } else { cofactor };
    for normal in &mut mesh.normals {
        *normal = (turn * normal.as_dvec3()).normalize_or(DVec3::Z).as_vec3();
    }
    if mirrored {
        // glTF 2.0 section 3.7.4: a negative determinant turns the winding.
        mesh.indices.as_chunks_mut::<3>().0.iter_mut().for_each(|triangle| triangle.swap(1, 2));
    }
    if mesh.normals.is_empty() {
        flatten(mesh);
    }
}

/// Gives each triangle vertices of its own with its normal: what glTF asks for where normals are missing.
fn flatten(mesh: &mut Mesh) {
    fn spread<T: Copy>(values: &[T], indices: &[u32]) -> Vec<T> {
        indices.iter().filter_map(|i| values.get(*i as usize).copied()).collect()
    }
    mesh.positions = spread(&mesh.positions, &mesh.indices);
    mesh.feature_ids = spread(&mesh.feature_ids, &mesh.indices);
    mesh.colors = spread(&mesh.colors, &mesh.indices);
    mesh.texture_coordinates = spread(&mesh.texture_coordinates, &mesh.indices);
    mesh.normals = mesh
        .positions
        .as_chunks::<3>()
        .0
        .iter()
        .flat_map(|[a, b, c]| [(b - a).cross(c - a).normalize_or(Vec3::Z); 3])
        .collect();
    mesh.indices = (0..mesh.positions.len() as u32).collect();
}

struct Walk<'a> {
    document: &'a Document,
    reader: Reader<'a>,
    images: BTreeMap<usize, Arc<EncodedImage>>,
    /// The property table that the first feature ids name.
    table: Option<usize>,
}

impl Walk<'_> {
    /// Every mesh of the scene with where it stands. A node is entered once: in a valid file it has one parent.
    fn place_nodes(&self) -> Result<Vec<(usize, DAffine3)>, GlbError> {
        let document = self.document;
        let scene = document.scenes.get(document.scene.unwrap_or(0));
        let roots: Vec<usize> = scene.map_or_else(|| (0..document.nodes.len()).collect(), |scene| scene.nodes.clone());
        let rtc = document.extensions.rtc.as_ref().map_or(DVec3::ZERO, |rtc| DVec3::from_array(rtc.center));
        let root = DAffine3 { matrix3: Z_UP_FROM_Y_UP, translation: rtc };
        let mut stack: Vec<(usize, DAffine3, usize)> = roots.into_iter().rev().map(|node| (node, root, 0)).collect();
        let mut entered = vec![false; document.nodes.len()];
        let mut placed = Vec::new();
        while let Some((index, tile_from_parent, depth)) = stack.pop() {
            let node = document.nodes.get(index).ok_or_else(|| invalid("no such node", "node", index))?;
            if std::mem::replace(&mut entered[index], true) || depth > MAX_DEPTH {
                return Err(invalid("more than one parent, or nested too deep", "node", index));
            }
            let tile_from_node = tile_from_parent * parent_from_node(node);
            placed.extend(node.mesh.map(|mesh| (mesh, tile_from_node)));
            stack.extend(node.children.iter().rev().map(|child| (*child, tile_from_node, depth + 1)));
        }
        Ok(placed)
    }

    fn part(&mut self, primitive: &Primitive) -> Result<TilePart, GlbError> {
        let Some(&position) = primitive.attributes.get("POSITION") else {
            return Err(GlbError::Unsupported("primitives without POSITION"));
        };
        let mut part = TilePart::of(Mesh {
            positions: self.reader.floats::<3>(position, 0.0)?.into_iter().map(Vec3::from).collect(),
            ..Mesh::default()
        });
        let count = part.mesh.positions.len();
        let same_count = |walk: &Self, index: usize| walk.reader.count(index) == count;
        let attribute = |name: &str| primitive.attributes.get(name).copied();
        if let Some(index) = attribute("NORMAL").filter(|index| same_count(self, *index)) {
            part.mesh.normals = self.reader.floats::<3>(index, 0.0)?.into_iter().map(Vec3::from).collect();
        }
        if let Some(index) = attribute("COLOR_0").filter(|index| same_count(self, *index)) {
            let colors = self.reader.floats::<4>(index, 1.0)?;
            let byte = |channel: f32| (channel.clamp(0.0, 1.0) * 255.0).round() as u8;
            part.mesh.colors = colors.into_iter().map(|color| color.map(byte)).collect();
        }
        let indices = match primitive.indices {
            Some(index) => self.reader.integers(index)?,
            None => {
                self.reader.book(count, 4)?;
                (0..count as u32).collect()
            }
        };
        part.mesh.indices = triangles(indices, primitive.mode.unwrap_or(4));
        if part.mesh.indices.iter().any(|index| *index as usize >= count) {
            return Err(invalid("an index is beyond its vertices", "accessor", primitive.indices.unwrap_or(position)));
        }
        part.mesh.feature_ids = self.feature_ids(primitive, count)?;
        self.dress(&mut part, primitive, count)?;
        // Flat normals take vertices of their own: booked before they are made.
        let made = if part.mesh.normals.is_empty() { part.mesh.indices.len() } else { count };
        self.reader.book(made, size_of::<Vec3>() * 2)?;
        Ok(part)
    }

    fn feature_ids(&mut self, primitive: &Primitive, count: usize) -> Result<Vec<u32>, GlbError> {
        let set = primitive.extensions.features.as_ref().and_then(|features| {
            features
                .feature_ids
                .iter()
                .find(|set| set.texture.is_none() && set.property_table.is_some())
                .or_else(|| features.feature_ids.iter().find(|set| set.texture.is_none()))
        });
        let legacy = primitive.attributes.get("_BATCHID");
        let accessor = match (set, legacy) {
            (Some(FeatureIds { attribute: Some(number), .. }), _) => {
                primitive.attributes.get(&format!("_FEATURE_ID_{number}"))
            }
            (Some(_), _) => {
                // EXT_mesh_features: without attribute and texture the vertex number is the id.
                self.reader.book(count, 4)?;
                self.note_table(set);
                return Ok((0..count as u32).collect());
            }
            (None, legacy) => legacy,
        };
        let Some(&index) = accessor.filter(|index| self.reader.count(**index) == count) else { return Ok(Vec::new()) };
        self.note_table(set);
        self.reader.integers(index)
    }

    fn note_table(&mut self, set: Option<&FeatureIds>) {
        self.table = self.table.or(set.and_then(|set| set.property_table));
    }

    fn dress(&mut self, part: &mut TilePart, primitive: &Primitive, count: usize) -> Result<(), GlbError> {
        let Some(index) = primitive.material else { return Ok(()) };
        let document = self.document;
        let material = document.materials.get(index).ok_or_else(|| invalid("no such material", "material", index))?;
        part.base_color = material.pbr_metallic_roughness.base_color_factor.unwrap_or([1.0; 4]);
        part.double_sided = material.double_sided;
        part.unlit = material.extensions.unlit.is_some();
        part.alpha = match material.alpha_mode.as_deref() {
            Some("MASK") => AlphaMode::Mask(material.alpha_cutoff.unwrap_or(0.5)),
            Some("BLEND") => AlphaMode::Blend,
            _ => AlphaMode::Opaque,
        };
        let Some(info) = &material.pbr_metallic_roughness.base_color_texture else { return Ok(()) };
        let transform = info.extensions.transform.as_ref();
        let set = transform.and_then(|t| t.tex_coord).unwrap_or(info.tex_coord);
        let accessor = primitive.attributes.get(&format!("TEXCOORD_{set}"));
        let Some(&accessor) = accessor.filter(|index| self.reader.count(**index) == count) else { return Ok(()) };
        part.mesh.texture_coordinates = self.reader.floats::<2>(accessor, 0.0)?.into_iter().map(Vec2::from).collect();
        if let Some(transform) = transform {
            part.mesh.texture_coordinates.iter_mut().for_each(|uv| *uv = transform_coordinate(transform, *uv));
        }
        part.texture = self.image(info.index)?;
        Ok(())
    }

    fn image(&mut self, texture: usize) -> Result<Option<Arc<EncodedImage>>, GlbError> {
        let document = self.document;
        let texture_of =
            document.textures.get(texture).ok_or_else(|| invalid("no such texture", "texture", texture))?;
        let extended = [&texture_of.extensions.basisu, &texture_of.extensions.webp];
        let source = texture_of.source.or_else(|| extended.into_iter().flatten().find_map(|e| e.source));
        let Some(index) = source else { return Ok(None) };
        if let Some(image) = self.images.get(&index) {
            return Ok(Some(Arc::clone(image)));
        }
        let image = document.images.get(index).ok_or_else(|| invalid("no such image", "image", index))?;
        let Some(view) = image.buffer_view else { return Ok(None) };
        let length = self.reader.view(view)?.len();
        self.reader.book(length, 1)?;
        let bytes = self.reader.view(view)?.to_vec();
        let mime = image.mime_type.clone().unwrap_or_else(|| sniff(&bytes).to_owned());
        let image = Arc::new(EncodedImage { mime, bytes });
        self.images.insert(index, Arc::clone(&image));
        Ok(Some(image))
    }
}

fn sniff(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"\x89PNG") { "image/png" } else { "image/jpeg" }
}

fn parent_from_node(node: &Node) -> DAffine3 {
    match node.matrix {
        Some(columns) => DAffine3::from_mat4(DMat4::from_cols_array(&columns)),
        None => DAffine3::from_scale_rotation_translation(
            DVec3::from_array(node.scale.unwrap_or([1.0; 3])),
            DQuat::from_array(node.rotation.unwrap_or([0.0, 0.0, 0.0, 1.0])),
            DVec3::from_array(node.translation.unwrap_or([0.0; 3])),
        ),
    }
}

/// KHR_texture_transform: translation * rotation * scale.
fn transform_coordinate(transform: &TextureTransform, uv: Vec2) -> Vec2 {
    let scaled = uv * Vec2::from(transform.scale.unwrap_or([1.0; 2]));
    let (sin, cos) = transform.rotation.sin_cos();
    let turned = Vec2::new(cos * scaled.x + sin * scaled.y, cos * scaled.y - sin * scaled.x);
    turned + Vec2::from(transform.offset.unwrap_or([0.0; 2]))
}

/// Strips and fans to separate triangles (glTF 2.0 section 3.7.2.1); what does not fill a triangle is dropped.
fn triangles(mut indices: Vec<u32>, mode: u32) -> Vec<u32> {
    match mode {
        5 => {
            let triangle = |(i, t): (usize, &[u32])| [t[0], t[1 + i % 2], t[2 - i % 2]];
            indices.windows(3).enumerate().flat_map(triangle).collect()
        }
        6 => {
            let Some((&first, rest)) = indices.split_first() else { return indices };
            rest.windows(2).flat_map(|edge| [edge[0], edge[1], first]).collect()
        }
        _ => {
            indices.truncate(indices.len() / 3 * 3);
            indices
        }
    }
}
