//! glTF 2.0 models that people bring (.glb, .gltf with files beside it), by the `gltf` crate: its scene graph flattened.
//!
//! Tiles of a city go through [`super::glb`], which reads their quantization, compression and features; a model from
//! somebody's modelling program is checked here for what would make the crate's readers go out of bounds.

use glam::{DMat4, DVec3, Vec3};
use gltf::mesh::Mode;
use gltf::{Accessor, Document, Gltf, Node, Primitive};

use super::{TileContent, TilePart};
use crate::geometry::Mesh;

/// Why a model cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It is no glTF, or not a valid one.
    #[error("not a valid glTF model: {0}")]
    Invalid(String),
    /// A buffer that is not there.
    #[error("the buffer '{0}' is not there (a .glb holds all of a model in one file)")]
    NoBuffer(String),
    /// An accessor that leaves its buffer.
    #[error("accessor {0} reads beyond its data")]
    OutOfBounds(usize),
    /// Something that is not read.
    #[error("{0} is not supported; export the model without it")]
    Unsupported(&'static str),
    /// Nothing to draw.
    #[error("the model has no triangles")]
    Empty,
}

/// Reads a model. `file` gives the bytes of a buffer beside a .gltf by its relative name. Vertices are in the axes of
/// [`TileContent`] (z up), its centre is the model's origin.
pub fn read_model(bytes: &[u8], file: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<TileContent, ModelError> {
    let invalid = |error: gltf::Error| ModelError::Invalid(error.to_string());
    let Gltf { document, blob } = Gltf::from_slice_without_validation(bytes).map_err(invalid)?;
    let root = document.into_json();
    check_unchecked(&root)?;
    let gltf = Gltf { document: Document::from_json(root).map_err(invalid)?, blob };
    let buffers = buffers(&gltf, file)?;
    let scene = gltf.default_scene().or_else(|| gltf.scenes().next()).ok_or(ModelError::Empty)?;
    let mut parts = Vec::new();
    let mut open: Vec<(Node<'_>, DMat4)> = scene.nodes().map(|node| (node, DMat4::IDENTITY)).collect();
    // Nodes of a valid file form trees: whoever comes by more of them than there are goes in a circle.
    let mut left = gltf.nodes().len();
    while let Some((node, parent)) = open.pop() {
        left = left.checked_sub(1).ok_or_else(|| ModelError::Invalid("nodes that are their own parts".to_owned()))?;
        let local = node.transform().matrix().map(|column| column.map(f64::from));
        let model_from_node = parent * DMat4::from_cols_array_2d(&local);
        for primitive in node.mesh().into_iter().flat_map(|mesh| mesh.primitives()) {
            parts.extend(part(&primitive, &buffers, model_from_node)?);
        }
        open.extend(node.children().map(|child| (child, model_from_node)));
    }
    if parts.is_empty() {
        return Err(ModelError::Empty);
    }
    Ok(TileContent { parts, ..TileContent::default() })
}

/// What the crate trusts before or without validating it: the number of the scene, and accessors of primitives.
fn check_unchecked(root: &gltf::json::Root) -> Result<(), ModelError> {
    if root.scene.is_some_and(|scene| scene.value() >= root.scenes.len()) {
        return Err(ModelError::Invalid("its scene is not there".to_owned()));
    }
    let primitives = root.meshes.iter().flat_map(|mesh| &mesh.primitives);
    let mut accessors = primitives.flat_map(|primitive| primitive.attributes.values());
    match accessors.find(|accessor| accessor.value() >= root.accessors.len()) {
        Some(missing) => Err(ModelError::Invalid(format!("accessor {} is not there", missing.value()))),
        None => Ok(()),
    }
}

fn buffers(gltf: &Gltf, file: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<Vec<u8>>, ModelError> {
    let bytes = |buffer: gltf::Buffer<'_>| match buffer.source() {
        gltf::buffer::Source::Bin => gltf.blob.clone().ok_or_else(|| ModelError::NoBuffer("BIN".to_owned())),
        gltf::buffer::Source::Uri(uri) if uri.starts_with("data:") => Err(ModelError::Unsupported("a data URI")),
        gltf::buffer::Source::Uri(uri) => file(uri).ok_or_else(|| ModelError::NoBuffer(uri.to_owned())),
    };
    gltf.buffers().map(bytes).collect()
}

/// Whether all elements of an accessor lie in its view, and that in its buffer.
fn check(accessor: &Accessor<'_>, buffers: &[Vec<u8>]) -> Result<(), ModelError> {
    if accessor.sparse().is_some() {
        return Err(ModelError::Unsupported("a sparse accessor"));
    }
    let inside = || {
        let view = accessor.view()?;
        let buffer = buffers.get(view.buffer().index())?;
        let stride = view.stride().unwrap_or(accessor.size());
        let last = accessor.count().checked_sub(1)?.checked_mul(stride)?;
        let end = accessor.offset().checked_add(last)?.checked_add(accessor.size())?;
        let whole = view.offset().checked_add(view.length())?;
        (stride >= accessor.size() && end <= view.length() && whole <= buffer.len()).then_some(())
    };
    inside().ok_or(ModelError::OutOfBounds(accessor.index()))
}

fn part(
    primitive: &Primitive<'_>,
    buffers: &[Vec<u8>],
    model_from_node: DMat4,
) -> Result<Option<TilePart>, ModelError> {
    let accessors = primitive.attributes().map(|(_, accessor)| accessor).chain(primitive.indices());
    for accessor in accessors {
        check(&accessor, buffers)?;
    }
    let reader = primitive.reader(|buffer| buffers.get(buffer.index()).map(Vec::as_slice));
    let Some(positions) = reader.read_positions() else { return Ok(None) };
    let content_from_model = |p: DVec3| DVec3::new(p.x, -p.z, p.y);
    let place = |p: [f32; 3]| content_from_model(model_from_node.transform_point3(Vec3::from(p).as_dvec3())).as_vec3();
    let positions: Vec<Vec3> = positions.map(place).collect();
    let listed: Vec<u32> = match reader.read_indices() {
        Some(indices) => indices.into_u32().collect(),
        None => (0..positions.len() as u32).collect(),
    };
    let Some(mut indices) = triangles(primitive.mode(), &listed) else { return Ok(None) };
    if indices.iter().any(|index| *index as usize >= positions.len()) {
        return Err(ModelError::OutOfBounds(primitive.indices().map_or(0, |accessor| accessor.index())));
    }
    if model_from_node.determinant() < 0.0 {
        indices.chunks_exact_mut(3).for_each(|triangle| triangle.swap(1, 2));
    }
    let normal_matrix = model_from_node.inverse().transpose();
    let turned = |n: [f32; 3]| {
        content_from_model(normal_matrix.transform_vector3(Vec3::from(n).as_dvec3())).normalize_or_zero().as_vec3()
    };
    let normals: Option<Vec<Vec3>> = reader.read_normals().map(|normals| normals.map(turned).collect());
    let colors: Option<Vec<[u8; 4]>> = reader.read_colors(0).map(|colors| colors.into_rgba_u8().collect());
    let mesh = Mesh { positions, colors: colors.unwrap_or_default(), indices, ..Mesh::default() };
    let mesh = match normals.filter(|normals| normals.len() == mesh.positions.len()) {
        Some(normals) => Mesh { normals, ..mesh },
        None => flat(&mesh),
    };
    let material = primitive.material();
    let base_color = material.pbr_metallic_roughness().base_color_factor();
    Ok(Some(TilePart { base_color, double_sided: material.double_sided(), ..TilePart::of(mesh) }))
}

/// Lists, strips and fans as triangles (glTF 2.0, 3.7.2.1); `None` for points and lines.
fn triangles(mode: Mode, listed: &[u32]) -> Option<Vec<u32>> {
    let whole = listed.len() / 3 * 3;
    Some(match mode {
        Mode::Triangles => listed.get(..whole).unwrap_or_default().to_vec(),
        Mode::TriangleStrip => {
            let turned = |(i, t): (usize, &[u32])| if i % 2 == 0 { [t[0], t[1], t[2]] } else { [t[1], t[0], t[2]] };
            listed.windows(3).enumerate().flat_map(turned).collect()
        }
        Mode::TriangleFan => {
            let first = *listed.first()?;
            listed.get(1..)?.windows(2).flat_map(|pair| [first, pair[0], pair[1]]).collect()
        }
        Mode::Points | Mode::Lines | Mode::LineLoop | Mode::LineStrip => return None,
    })
}

/// The mesh with a flat normal for each triangle, as glTF wants it where a model brings none.
fn flat(mesh: &Mesh) -> Mesh {
    let mut out = Mesh::default();
    for triangle in mesh.indices.chunks_exact(3) {
        let corners: Vec<Vec3> =
            triangle.iter().filter_map(|index| mesh.positions.get(*index as usize).copied()).collect();
        let [a, b, c] = corners[..] else { continue };
        let normal = (b - a).cross(c - a).normalize_or(Vec3::Z);
        for index in triangle {
            out.colors.extend(mesh.colors.get(*index as usize));
            out.normals.push(normal);
            out.indices.push(out.indices.len() as u32);
        }
        out.positions.extend(corners);
    }
    out
}
