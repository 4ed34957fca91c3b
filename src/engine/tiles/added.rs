//! Objects that no tile holds: what the variant of a scenario adds to the city. Drawn, picked and styled as those of tiles.

use std::sync::Arc;

use bevy::prelude::*;
use glam::DAffine3;

use super::HeldBytes;
use super::decode::PartObjects;
use crate::engine::city_material::{CityAssets, ObjectLook, mesh_box, mesh_gpu_bytes};
use crate::formats::FeatureTable;
use crate::geometry;

/// One object, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AddedPart {
    /// Its row, after those of the package.
    pub row: u32,
    /// Triangles; all feature ids are 0.
    pub mesh: geometry::Mesh,
    /// How it looks when nothing is said about it.
    pub look: ObjectLook,
    /// From the mesh to the site.
    pub site_from_content: DAffine3,
}

/// The added objects of a city.
#[derive(Resource, Debug, Default)]
pub struct AddedObjects {
    parts: Vec<AddedPart>,
    entities: Vec<Entity>,
    changed: bool,
}

impl AddedObjects {
    /// Replaces all of them.
    pub fn set(&mut self, parts: Vec<AddedPart>) {
        self.changed |= self.parts != parts;
        self.parts = parts;
    }
}

pub(super) fn draw_added(mut added: ResMut<AddedObjects>, mut assets: CityAssets) {
    if !added.changed {
        return;
    }
    let AddedObjects { parts, entities, changed } = added.bypass_change_detection();
    *changed = false;
    entities.drain(..).for_each(|entity| assets.commands.entity(entity).despawn());
    for part in parts.iter() {
        let (bounds, looks) = (mesh_box(&part.mesh), vec![part.look]);
        let entity = assets.spawn(&part.mesh, looks.clone(), None, part.site_from_content);
        let held = HeldBytes(part.mesh.bytes() + mesh_gpu_bytes(&part.mesh));
        let objects = PartObjects {
            features: Arc::new(FeatureTable::default()),
            low: bounds.min().into(),
            high: bounds.max().into(),
            rows: Arc::new(vec![part.row]),
            plain: Arc::new(looks),
            mesh: Arc::new(part.mesh.clone()),
            site_from_content: part.site_from_content,
        };
        assets.commands.entity(entity).insert((objects, held));
        entities.push(entity);
    }
}
