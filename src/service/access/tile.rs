//! What a tile shows to those who may not see all of it.

use glam::{Vec2, Vec3};

use crate::formats::glb::{EncodeOptions, GlbError, decode, encode};
use crate::formats::{Column, FeatureTable, TextColumn, TileContent, TilePart};
use crate::geometry::Mesh;
use crate::package::{ObjectTable, Selection};

/// Column of a tile that holds each feature's row in the object table.
const OBJECT: &str = "object";
const PARENT: &str = "parent";

/// A tile's file without the objects and attributes that `selection` leaves out of `table`, the whole city's; rows are those
/// of the selection. Triangles that belong to no object (blocks that stand for many houses from afar) go, too: nobody can
/// tell whom they show.
pub fn selected_tile(bytes: &[u8], selection: &Selection, table: &ObjectTable) -> Result<Vec<u8>, GlbError> {
    encode(&selected_content(decode(bytes)?, selection, table), &EncodeOptions::default())
}

fn selected_content(content: TileContent, selection: &Selection, table: &ObjectTable) -> TileContent {
    let rows: Vec<Option<u32>> = match content.features.column(OBJECT) {
        Some(Column::UInt32(rows)) => rows.iter().map(|row| selection.row(*row)).collect(),
        _ => Vec::new(),
    };
    // By feature of the file: its number among those that stay.
    let mut count = 0;
    let numbers: Vec<Option<u32>> = rows
        .iter()
        .map(|row| {
            row.map(|_| {
                count += 1;
                count - 1
            })
        })
        .collect();
    let parts: Vec<TilePart> = content.parts.into_iter().filter_map(|part| selected_part(part, &numbers)).collect();
    TileContent {
        center: content.center,
        parts,
        features: selected_features(&content.features, &rows, selection, table),
    }
}

fn selected_part(part: TilePart, numbers: &[Option<u32>]) -> Option<TilePart> {
    let mesh = selected_mesh(&part.mesh, numbers);
    (!mesh.indices.is_empty()).then_some(TilePart { mesh, ..part })
}

/// The triangles whose three corners belong to features that stay, with vertices of their own.
fn selected_mesh(mesh: &Mesh, numbers: &[Option<u32>]) -> Mesh {
    let feature = |vertex: u32| {
        let id = mesh.feature_ids.get(vertex as usize)?;
        numbers.get(*id as usize).copied().flatten()
    };
    let mut places: Vec<Option<u32>> = vec![None; mesh.positions.len()];
    let (mut kept, mut indices) = (Vec::new(), Vec::new());
    for triangle in mesh.indices.as_chunks::<3>().0 {
        if triangle.iter().any(|vertex| feature(*vertex).is_none()) {
            continue;
        }
        for vertex in triangle {
            let Some(place) = places.get_mut(*vertex as usize) else { continue };
            indices.push(*place.get_or_insert_with(|| {
                kept.push(*vertex);
                kept.len() as u32 - 1
            }));
        }
    }
    Mesh {
        positions: of::<Vec3>(&mesh.positions, &kept),
        normals: of::<Vec3>(&mesh.normals, &kept),
        texture_coordinates: of::<Vec2>(&mesh.texture_coordinates, &kept),
        colors: of(&mesh.colors, &kept),
        feature_ids: kept.iter().filter_map(|vertex| feature(*vertex)).collect(),
        indices,
    }
}

/// The values at these places; none where there are none at all.
fn of<T: Copy>(values: &[T], places: &[u32]) -> Vec<T> {
    places.iter().filter_map(|place| values.get(*place as usize).copied()).collect()
}

fn selected_features(
    features: &FeatureTable,
    rows: &[Option<u32>],
    selection: &Selection,
    table: &ObjectTable,
) -> FeatureTable {
    let kept: Vec<u32> = (0..).zip(rows).filter_map(|(feature, row)| row.map(|_| feature)).collect();
    let shown = features.columns.iter().filter(|(name, _)| selection.shows(name));
    let columns = shown.map(|(name, column)| {
        let column = match (name.as_str(), column) {
            (OBJECT, _) => Column::UInt32(rows.iter().copied().flatten().collect()),
            (PARENT, Column::Text(parents)) => Column::Text(visible_parents(parents, &kept, selection, table)),
            (_, column) => selected_column(column, &kept),
        };
        (name.clone(), column)
    });
    FeatureTable { count: kept.len(), columns: columns.collect() }
}

fn visible_parents(parents: &TextColumn, kept: &[u32], selection: &Selection, table: &ObjectTable) -> TextColumn {
    let visible = |id: &&str| table.row(id).is_some_and(|row| selection.row(row).is_some());
    kept.iter().map(|feature| parents.get(*feature as usize).filter(visible).unwrap_or_default()).collect()
}

fn selected_column(column: &Column, kept: &[u32]) -> Column {
    match column {
        Column::Bool(values) => Column::Bool(of(values, kept)),
        Column::UInt32(values) => Column::UInt32(of(values, kept)),
        Column::Int(values) => Column::Int(of(values, kept)),
        Column::Float(values) => Column::Float(of(values, kept)),
        Column::Text(texts) => {
            Column::Text(kept.iter().map(|feature| texts.get(*feature as usize).unwrap_or_default()).collect())
        }
    }
}
