//! What happens to a tile off the frame: decoded, its objects given their looks, its triangles kept for picking.

use std::sync::Arc;

use glam::{DAffine3, Vec3};

use super::drape::{Drape, Drapes};
use crate::engine::city_material::{ObjectFlags, ObjectLook, TABLE_WIDTH, mesh_gpu_bytes};
use crate::formats::{Column, FeatureTable, TileContent};
use crate::geometry::Mesh;

/// A decoded tile, ready to be uploaded.
pub(super) struct DecodedTile {
    pub parts: Vec<DecodedPart>,
    pub site_from_content: DAffine3,
    pub features: Arc<FeatureTable>,
    /// Pictures that parts are draped with, each once.
    pub drapes: Vec<Drape>,
    /// What could not be decoded; the rest is there.
    pub problems: Vec<String>,
}

/// One mesh of it.
pub(super) struct DecodedPart {
    pub mesh: Mesh,
    pub looks: Vec<ObjectLook>,
    pub objects: Vec<u32>,
    /// Its picture among the tile's.
    pub drape: Option<usize>,
}

/// The triangles and object rows of a part that is drawn: what picking and styling need of it.
#[derive(bevy::prelude::Component, Debug, Clone)]
pub struct PartObjects {
    /// Row of the package's object table, by feature identifier of the part.
    pub rows: Arc<Vec<u32>>,
    /// How each feature looks when nothing is said about it.
    pub plain: Arc<Vec<ObjectLook>>,
    /// The mesh, relative to its content centre.
    pub mesh: Arc<Mesh>,
    /// What the tile says of its features.
    pub features: Arc<FeatureTable>,
    /// Least corner of the mesh.
    pub low: Vec3,
    /// Greatest corner of the mesh.
    pub high: Vec3,
    /// From the mesh to the site.
    pub site_from_content: DAffine3,
}

/// Object row of a feature that belongs to no object: terrain, water.
pub const NO_OBJECT: u32 = u32::MAX;

/// Gives the objects of a tile their looks. `ground` paints it as terrain by slope and height.
pub(super) fn with_looks(content: TileContent, site_from_tile: DAffine3, ground: bool) -> DecodedTile {
    let site_from_content = site_from_tile * DAffine3::from_translation(content.center);
    let rows = object_rows(&content.features);
    let mut drapes = Drapes::new(ground);
    let numbers: Vec<Option<usize>> = content.parts.iter().map(|part| drapes.number(part.texture.as_ref())).collect();
    let TileContent { center, parts, features } = content;
    let paint = ground.then_some(center.z as f32);
    let parts = parts.into_iter().zip(numbers);
    let parts = parts.map(|(part, drape)| decoded_part(&features, part.mesh, drape, &rows, paint)).collect();
    let Drapes { drapes, problems, .. } = drapes;
    DecodedTile { parts, site_from_content, features: Arc::new(features), drapes, problems }
}

/// `ground` is the height of the content's centre where the part is terrain.
fn decoded_part(
    features: &FeatureTable,
    mut mesh: Mesh,
    drape: Option<usize>,
    rows: &[u32],
    ground: Option<f32>,
) -> DecodedPart {
    if drape.is_none() {
        mesh.texture_coordinates.clear();
        if let Some(center_height) = ground {
            paint_ground(&mut mesh, center_height);
        }
    }
    let feet = feet(&mesh);
    let count = rows.len().max(feet.len()).max(1);
    let colored = colored(&mesh, count);
    let looks = (0..count)
        .map(|feature| {
            let row = rows.get(feature).copied().unwrap_or(NO_OBJECT);
            let base_m = feet.get(feature).copied().unwrap_or(0.0);
            if ground.is_some() {
                let flags = if drape.is_none() { ObjectFlags::GROUND } else { ObjectFlags::default() };
                let color = [255, 255, 255, 0];
                return ObjectLook { color, flags, base_m: base_m - 100.0, seed: 1, ..Default::default() };
            }
            let mut look = look_of(features, feature, row, base_m);
            if drape.is_some() {
                look.flags = look.flags.without(ObjectFlags::FACADE);
            }
            let own = drape.is_some() || colored.get(feature) == Some(&true);
            if own && !look.flags.has(ObjectFlags::FACADE) {
                look.color[3] = 0;
            }
            look
        })
        .collect();
    let mut objects = rows.to_vec();
    objects.resize(count, NO_OBJECT);
    DecodedPart { mesh, looks, objects, drape }
}

fn object_rows(features: &FeatureTable) -> Vec<u32> {
    match features.column("object") {
        Some(Column::UInt32(rows)) => rows.clone(),
        _ => (0..features.count as u32).collect(),
    }
}

/// Which features bring colours of their own: where others of the tile do, theirs are white.
fn colored(mesh: &Mesh, count: usize) -> Vec<bool> {
    let mut colored = vec![false; count];
    for (color, feature) in mesh.colors.iter().zip(&mesh.feature_ids) {
        if let Some(colored) = colored.get_mut(*feature as usize) {
            *colored |= color[..3] != [255; 3];
        }
    }
    colored
}

/// Lowest point of each feature, metres from the content centre.
fn feet(mesh: &Mesh) -> Vec<f32> {
    let count = mesh.feature_ids.iter().max().map_or(0, |most| *most as usize + 1);
    let mut feet = vec![f32::INFINITY; count.min(mesh.positions.len())];
    for (position, feature) in mesh.positions.iter().zip(&mesh.feature_ids) {
        if let Some(foot) = feet.get_mut(*feature as usize) {
            *foot = foot.min(position.z);
        }
    }
    feet.iter_mut().filter(|foot| !foot.is_finite()).for_each(|foot| *foot = 0.0);
    feet
}

/// Colours of facades: plaster, stone, concrete, brick, glass.
const FACADES: [[u8; 3]; 9] = [
    [226, 220, 208],
    [214, 200, 178],
    [204, 206, 208],
    [182, 146, 122],
    [236, 232, 224],
    [174, 182, 192],
    [198, 188, 172],
    [160, 168, 176],
    [222, 206, 186],
];

/// Paint of containers: blue, red, grey, green, orange, white.
const CONTAINERS: [[u8; 3]; 6] =
    [[52, 88, 132], [150, 58, 48], [140, 144, 148], [62, 112, 92], [196, 118, 56], [206, 206, 200]];

fn look_of(features: &FeatureTable, feature: usize, row: u32, base_m: f32) -> ObjectLook {
    let own = if row == NO_OBJECT { feature as u32 } else { row };
    let hash = own.wrapping_mul(0x9E37_79B1) ^ (own >> 15).wrapping_mul(0x85EB_CA77);
    let seed = (hash >> 13) as u16;
    let text = |name: &str| match features.column(name) {
        Some(Column::Text(texts)) => Some(texts.get(feature).unwrap_or_default()),
        _ => None,
    };
    let (class, function) = (text("class").unwrap_or("Building"), text("function").unwrap_or_default());
    let facade = FACADES[hash as usize % FACADES.len()];
    let (color, flags) = match class {
        "" | "Building" | "BuildingPart" | "BuildingConstructiveElement" => (facade, ObjectFlags::FACADE),
        "Road" | "Railway" | "Track" | "TransportSquare" | "Square" | "TrafficSpace" => {
            ([98, 101, 106], ObjectFlags::default())
        }
        "WaterBody" | "WaterSurface" | "Waterway" => ([52, 92, 120], ObjectFlags::WATER),
        "PlantCover" | "SolitaryVegetationObject" => ([84, 118, 66], ObjectFlags::default()),
        "LandUse" | "Park" | "ReliefFeature" | "TINRelief" => ([122, 140, 96], ObjectFlags::default()),
        "Bridge" | "BridgePart" | "Tunnel" => ([172, 172, 170], ObjectFlags::default()),
        "OtherConstruction" if function == "crane" => ([196, 84, 52], ObjectFlags::default()),
        "OtherConstruction" => ([176, 166, 154], ObjectFlags::default()),
        "CityFurniture" if function == "containers" => {
            (CONTAINERS[(hash >> 7) as usize % CONTAINERS.len()], ObjectFlags::default())
        }
        _ => ([190, 192, 196], ObjectFlags::default()),
    };
    ObjectLook { color: [color[0], color[1], color[2], 255], flags, height_factor: 1.0, base_m, seed }
}

/// Grass on the level, earth and rock on slopes, paler with height: linear colours.
fn paint_ground(mesh: &mut Mesh, center_height: f32) {
    if !mesh.colors.is_empty() {
        return;
    }
    let (grass, earth, rock) =
        (Vec3::new(0.155, 0.195, 0.095), Vec3::new(0.26, 0.215, 0.15), Vec3::new(0.34, 0.33, 0.32));
    mesh.colors = mesh
        .positions
        .iter()
        .enumerate()
        .map(|(i, position)| {
            let slope = 1.0 - mesh.normals.get(i).map_or(1.0, |n| n.z);
            let high = ((position.z + center_height - 300.0) / 1500.0).clamp(0.0, 1.0);
            let color = grass
                .lerp(earth, (slope * 6.0).clamp(0.0, 1.0))
                .lerp(rock, (slope * 2.5 - 0.4).clamp(0.0, 1.0).max(high));
            let byte = |v: f32| (v * 255.0).round() as u8;
            [byte(color.x), byte(color.y), byte(color.z), 255]
        })
        .collect();
}

impl DecodedTile {
    /// Bytes while it is uploaded: what stays, and the copy that goes to the card.
    pub fn bytes(&self) -> u64 {
        let meshes = self.parts.iter().map(|p| mesh_gpu_bytes(&p.mesh)).sum::<usize>();
        self.resident_bytes() + (meshes + self.drape_bytes()) as u64
    }

    /// Bytes once it is drawn: triangles here for picking; vertices, object table and pictures there.
    pub fn resident_bytes(&self) -> u64 {
        let part = |p: &DecodedPart| {
            let table = p.looks.len().div_ceil(TABLE_WIDTH).max(1) * TABLE_WIDTH * 16;
            p.mesh.bytes() + mesh_gpu_bytes(&p.mesh) + table + p.looks.len() * (2 * size_of::<ObjectLook>() + 4)
        };
        (self.parts.iter().map(part).sum::<usize>() + self.features.bytes() + self.drape_bytes()) as u64
    }

    fn drape_bytes(&self) -> usize {
        self.drapes.iter().map(Drape::bytes).sum()
    }
}
