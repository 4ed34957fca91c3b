//! Objects that no tile holds: what the variant of a scenario adds to the city. Drawn, picked and styled as those of tiles.

use bevy::prelude::*;

use super::HeldBytes;
use super::decode::with_looks;
use super::upload;
use crate::engine::city_material::{CityAssets, ObjectFlags};
use crate::scenario::AddedContent;

/// The added objects of a city.
#[derive(Resource, Debug, Default)]
pub struct AddedObjects {
    contents: Vec<AddedContent>,
    entities: Vec<Entity>,
    changed: bool,
}

impl AddedObjects {
    /// Replaces all of them.
    pub fn set(&mut self, contents: Vec<AddedContent>) {
        self.changed |= self.contents != contents;
        self.contents = contents;
    }
}

pub(super) fn draw_added(mut added: ResMut<AddedObjects>, mut assets: CityAssets) {
    if !added.changed {
        return;
    }
    let AddedObjects { contents, entities, changed } = added.bypass_change_detection();
    *changed = false;
    entities.drain(..).for_each(|entity| assets.commands.entity(entity).despawn());
    for AddedContent { content, site_from_content, color } in contents.iter() {
        let mut tile = with_looks(content.clone(), *site_from_content, false);
        for look in tile.parts.iter_mut().flat_map(|part| &mut part.looks) {
            match *color {
                Some([r, g, b]) => look.color = [r, g, b, 255],
                None => {
                    look.color = [255, 255, 255, 0];
                    look.flags = look.flags.without(ObjectFlags::FACADE);
                }
            }
        }
        let held = HeldBytes(tile.resident_bytes() as usize);
        let parts = upload(tile, &mut assets);
        // They are always shown.
        for part in &parts {
            assets.commands.entity(*part).insert(Visibility::Inherited);
        }
        entities.extend(parts);
        entities.push(assets.commands.spawn(held).id());
    }
}
