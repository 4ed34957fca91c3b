//! What styles, live values, scenarios and the pointer say about objects, brought to the object tables.

use std::collections::BTreeMap;

use bevy::prelude::*;

use super::decode::PartObjects;
use crate::engine::city_material::{ObjectFlags, ObjectLook, ObjectTable};

/// What differs from an object's plain look.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ObjectChange {
    /// Another colour, sRGB; taken as data and drawn evenly.
    pub color: Option<[u8; 3]>,
    /// Drawn height over true height.
    pub height_factor: Option<f32>,
    /// Flags in addition.
    pub flags: ObjectFlags,
}

impl ObjectChange {
    /// The plain look with this change.
    pub fn on(&self, plain: ObjectLook) -> ObjectLook {
        let mut look = ObjectLook { flags: plain.flags.with(self.flags), ..plain };
        if let Some([r, g, b]) = self.color {
            look.color = [r, g, b, 255];
            look.flags = look.flags.with(ObjectFlags::DATA_COLOR);
        }
        look.height_factor = self.height_factor.unwrap_or(plain.height_factor);
        look
    }
}

/// Changes by object row, in layers that lie over each other by name: a later name wins for colour and height, flags add
/// up. Whoever owns a layer replaces it as a whole (`styles`, `live`, `scenario`, `pick`).
#[derive(Resource, Debug, Clone, Default)]
pub struct ObjectChanges {
    layers: BTreeMap<&'static str, BTreeMap<u32, ObjectChange>>,
    dirty: bool,
}

impl ObjectChanges {
    /// Replaces a layer.
    pub fn set_layer(&mut self, name: &'static str, changes: BTreeMap<u32, ObjectChange>) {
        if self.layers.get(name) != Some(&changes) {
            self.layers.insert(name, changes);
            self.dirty = true;
        }
    }

    /// Changes one object in a layer; `None` takes the change away.
    pub fn set(&mut self, name: &'static str, row: u32, change: Option<ObjectChange>) {
        let layer = self.layers.entry(name).or_default();
        match change {
            Some(change) => layer.insert(row, change),
            None => layer.remove(&row),
        };
        self.dirty = true;
    }

    /// All layers' changes of an object, one over the other.
    pub fn of(&self, row: u32) -> ObjectChange {
        let mut sum = ObjectChange::default();
        for change in self.layers.values().filter_map(|layer| layer.get(&row)) {
            sum.color = change.color.or(sum.color);
            sum.height_factor = change.height_factor.or(sum.height_factor);
            sum.flags = sum.flags.with(change.flags);
        }
        sum
    }

    pub(super) fn apply_again(&mut self) {
        self.dirty |= self.layers.values().any(|layer| !layer.is_empty());
    }
}

/// Writes changed looks into the tables: a table sends only the rows of texels that differ.
pub(super) fn apply_changes(
    mut changes: ResMut<ObjectChanges>,
    mut parts: Query<(&PartObjects, &mut ObjectTable)>,
    spawned: Query<(), Added<PartObjects>>,
) {
    if !changes.dirty && (spawned.is_empty() || changes.layers.is_empty()) {
        return;
    }
    changes.bypass_change_detection().dirty = false;
    for (part, mut table) in &mut parts {
        for (feature, (row, plain)) in part.rows.iter().zip(part.plain.iter()).enumerate() {
            table.bypass_change_detection().set(feature, changes.of(*row).on(*plain));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_lie_over_each_other() {
        let mut changes = ObjectChanges::default();
        changes.set("live", 4, Some(ObjectChange { color: Some([1, 2, 3]), ..Default::default() }));
        changes.set("pick", 4, Some(ObjectChange { flags: ObjectFlags::HIGHLIGHT, ..Default::default() }));
        changes.set("styles", 4, Some(ObjectChange { color: Some([9, 9, 9]), ..Default::default() }));
        let look = changes.of(4).on(ObjectLook::default());
        assert_eq!(look.color, [9, 9, 9, 255]);
        assert!(look.flags.has(ObjectFlags::HIGHLIGHT.with(ObjectFlags::DATA_COLOR)));
        changes.set("styles", 4, None);
        assert_eq!(changes.of(4).color, Some([1, 2, 3]));
        assert_eq!(changes.of(5), ObjectChange::default());
    }
}
