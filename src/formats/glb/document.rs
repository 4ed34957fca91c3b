//! The JSON chunk, as far as tiles use it (glTF 2.0 section 5, and the extensions' schemas).
//!
//! The `gltf` crate is not used: its accessors panic on an index that leads nowhere unless its own validation ran, and that
//! refuses the extensions which tiles are made of.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Document {
    pub extensions_required: Vec<String>,
    pub scene: Option<usize>,
    pub scenes: Vec<Scene>,
    pub nodes: Vec<Node>,
    pub meshes: Vec<Mesh>,
    pub accessors: Vec<Accessor>,
    pub buffer_views: Vec<BufferView>,
    pub buffers: Vec<Buffer>,
    pub materials: Vec<Material>,
    pub textures: Vec<Texture>,
    pub images: Vec<Image>,
    pub extensions: DocumentExtensions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DocumentExtensions {
    #[serde(rename = "CESIUM_RTC")]
    pub rtc: Option<Rtc>,
    #[serde(rename = "EXT_structural_metadata")]
    pub metadata: Option<StructuralMetadata>,
}

#[derive(Debug, Deserialize)]
pub struct Rtc {
    pub center: [f64; 3],
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Scene {
    pub nodes: Vec<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    pub children: Vec<usize>,
    pub mesh: Option<usize>,
    pub matrix: Option<[f64; 16]>,
    pub translation: Option<[f64; 3]>,
    pub rotation: Option<[f64; 4]>,
    pub scale: Option<[f64; 3]>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Mesh {
    pub primitives: Vec<Primitive>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Primitive {
    pub attributes: std::collections::BTreeMap<String, usize>,
    pub indices: Option<usize>,
    pub material: Option<usize>,
    pub mode: Option<u32>,
    pub extensions: PrimitiveExtensions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PrimitiveExtensions {
    #[serde(rename = "EXT_mesh_features")]
    pub features: Option<MeshFeatures>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MeshFeatures {
    pub feature_ids: Vec<FeatureIds>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FeatureIds {
    pub attribute: Option<u32>,
    pub texture: Option<serde::de::IgnoredAny>,
    pub property_table: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accessor {
    pub buffer_view: Option<usize>,
    #[serde(default)]
    pub byte_offset: usize,
    pub component_type: u32,
    #[serde(default)]
    pub normalized: bool,
    pub count: usize,
    #[serde(rename = "type")]
    pub kind: String,
    pub sparse: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BufferView {
    pub buffer: usize,
    #[serde(default)]
    pub byte_offset: usize,
    pub byte_length: usize,
    pub byte_stride: Option<usize>,
    #[serde(default)]
    pub extensions: BufferViewExtensions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct BufferViewExtensions {
    #[serde(rename = "EXT_meshopt_compression")]
    pub meshopt: Option<Meshopt>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meshopt {
    pub buffer: usize,
    #[serde(default)]
    pub byte_offset: usize,
    pub byte_length: usize,
    pub byte_stride: usize,
    pub count: usize,
    pub mode: String,
    #[serde(default)]
    pub filter: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Buffer {
    pub uri: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Material {
    pub pbr_metallic_roughness: Pbr,
    pub alpha_mode: Option<String>,
    pub alpha_cutoff: Option<f32>,
    pub double_sided: bool,
    pub extensions: MaterialExtensions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MaterialExtensions {
    #[serde(rename = "KHR_materials_unlit")]
    pub unlit: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pbr {
    pub base_color_factor: Option<[f32; 4]>,
    pub base_color_texture: Option<TextureInfo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TextureInfo {
    pub index: usize,
    pub tex_coord: u32,
    pub extensions: TextureInfoExtensions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TextureInfoExtensions {
    #[serde(rename = "KHR_texture_transform")]
    pub transform: Option<TextureTransform>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TextureTransform {
    pub offset: Option<[f32; 2]>,
    pub rotation: f32,
    pub scale: Option<[f32; 2]>,
    pub tex_coord: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Texture {
    pub source: Option<usize>,
    pub extensions: TextureExtensions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TextureExtensions {
    #[serde(rename = "KHR_texture_basisu")]
    pub basisu: Option<TextureSource>,
    #[serde(rename = "EXT_texture_webp")]
    pub webp: Option<TextureSource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TextureSource {
    pub source: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Image {
    pub mime_type: Option<String>,
    pub buffer_view: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StructuralMetadata {
    pub schema: Schema,
    pub property_tables: Vec<PropertyTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Schema {
    pub classes: std::collections::BTreeMap<String, Class>,
    pub enums: std::collections::BTreeMap<String, Enum>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Class {
    pub properties: std::collections::BTreeMap<String, ClassProperty>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClassProperty {
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub component_type: Option<String>,
    pub enum_type: Option<String>,
    pub array: bool,
    pub count: Option<usize>,
    pub normalized: bool,
    pub offset: Option<serde_json::Value>,
    pub scale: Option<serde_json::Value>,
    pub no_data: Option<serde_json::Value>,
    pub default: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Enum {
    pub value_type: Option<String>,
    pub values: Vec<EnumValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EnumValue {
    pub name: String,
    pub value: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PropertyTable {
    #[serde(rename = "class")]
    pub class_name: String,
    pub count: usize,
    pub properties: std::collections::BTreeMap<String, TableProperty>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TableProperty {
    pub values: usize,
    pub array_offsets: Option<usize>,
    pub string_offsets: Option<usize>,
    pub array_offset_type: Option<String>,
    pub string_offset_type: Option<String>,
    pub offset: Option<serde_json::Value>,
    pub scale: Option<serde_json::Value>,
}
