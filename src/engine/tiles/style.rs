//! What styles, live values, scenarios and the pointer say about objects, brought to the object tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bevy::prelude::*;

use super::decode::{NO_OBJECT, PartObjects};
use crate::engine::city_material::{ObjectFlags, ObjectLook, ObjectTable};
use crate::formats::FeatureTable;

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

/// An object in a part that is drawn.
#[derive(Debug, Clone, Copy)]
pub struct DrawnObject<'p> {
    /// Row of the package's object table.
    pub row: u32,
    /// What the tile says of its features.
    pub features: &'p FeatureTable,
    /// Which of them it is.
    pub feature: usize,
}

/// Knows how objects look now: asked for those of a part when it appears, and again for rows that were touched.
pub trait ObjectLooks: Send + Sync {
    /// What differs from the plain look of an object.
    fn change(&self, object: &DrawnObject<'_>) -> ObjectChange;
}

/// What differs from the plain looks: a base that is asked, and over it changes by object row, in layers by name; a later
/// name wins for colour and height, flags add up. Whoever owns a layer replaces it as a whole (`pick`).
#[derive(Resource, Default)]
pub struct ObjectChanges {
    base: Option<Arc<dyn ObjectLooks>>,
    layers: BTreeMap<&'static str, BTreeMap<u32, ObjectChange>>,
    touched: BTreeSet<u32>,
    all: bool,
}

impl ObjectChanges {
    /// Sets who knows how objects look; all are asked for anew.
    pub fn set_base(&mut self, base: Arc<dyn ObjectLooks>) {
        self.base = Some(base);
        self.all = true;
    }

    /// Tells that the base has news of these rows.
    pub fn touch(&mut self, rows: impl IntoIterator<Item = u32>) {
        self.touched.extend(rows);
    }

    /// Tells that the base may have news of every row.
    pub fn touch_all(&mut self) {
        self.all = true;
    }

    /// Replaces a layer.
    pub fn set_layer(&mut self, name: &'static str, changes: BTreeMap<u32, ObjectChange>) {
        let old = self.layers.insert(name, changes).unwrap_or_default();
        let new = self.layers.get(name).into_iter().flatten();
        let differs = new.filter(|(row, change)| old.get(*row) != Some(*change)).map(|(row, _)| *row);
        self.touched.extend(differs);
        let gone = |row: &&u32| !self.layers.get(name).is_some_and(|new| new.contains_key(*row));
        self.touched.extend(old.keys().filter(gone));
    }

    /// Changes one object in a layer; `None` takes the change away.
    pub fn set(&mut self, name: &'static str, row: u32, change: Option<ObjectChange>) {
        let layer = self.layers.entry(name).or_default();
        match change {
            Some(change) => layer.insert(row, change),
            None => layer.remove(&row),
        };
        self.touched.insert(row);
    }

    /// The base and all layers of an object, one over the other.
    pub fn of(&self, object: &DrawnObject<'_>) -> ObjectChange {
        let mut sum = self.base.as_ref().map(|base| base.change(object)).unwrap_or_default();
        for change in self.layers.values().filter_map(|layer| layer.get(&object.row)) {
            sum.color = change.color.or(sum.color);
            sum.height_factor = change.height_factor.or(sum.height_factor);
            sum.flags = sum.flags.with(change.flags);
        }
        sum
    }

    fn is_empty(&self) -> bool {
        self.base.is_none() && self.layers.values().all(BTreeMap::is_empty)
    }
}

/// Where the objects of all parts are: row, entity's bits, feature of the part. A row can be in several tiles.
#[derive(Resource, Debug, Default)]
pub(super) struct RowPlaces(BTreeSet<(u32, u64, u32)>);

/// Forgets the objects of a part that goes.
pub(super) fn forget(removed: On<Remove, PartObjects>, parts: Query<&PartObjects>, mut places: ResMut<RowPlaces>) {
    let Ok(part) = parts.get(removed.entity) else { return };
    for (row, feature) in part.rows.iter().zip(0..) {
        places.0.remove(&(*row, removed.entity.to_bits(), feature));
    }
}

/// Writes changed looks into the tables: those of new parts, and of rows that were touched. A table sends only the rows of
/// texels that differ.
pub(super) fn apply_changes(
    mut changes: ResMut<ObjectChanges>,
    mut places: ResMut<RowPlaces>,
    mut parts: Query<(&PartObjects, &mut ObjectTable)>,
    new: Query<(Entity, &PartObjects), Added<PartObjects>>,
) {
    let mut due: BTreeSet<u64> = BTreeSet::new();
    for (entity, part) in &new {
        let of_objects = part.rows.iter().zip(0..).filter(|(row, _)| **row != NO_OBJECT);
        places.0.extend(of_objects.map(|(row, feature)| (*row, entity.to_bits(), feature)));
        due.insert(entity.to_bits());
    }
    let changes = changes.bypass_change_detection();
    let (touched, all) = (std::mem::take(&mut changes.touched), std::mem::take(&mut changes.all));
    if all {
        due.extend(places.0.iter().map(|(_, entity, _)| *entity));
    } else if changes.is_empty() {
        due.clear();
    }
    for bits in &due {
        let Ok((part, mut table)) = parts.get_mut(Entity::from_bits(*bits)) else { continue };
        for (feature, (row, plain)) in part.rows.iter().zip(part.plain.iter()).enumerate() {
            if *row != NO_OBJECT {
                let object = DrawnObject { row: *row, features: &part.features, feature };
                table.bypass_change_detection().set(feature, changes.of(&object).on(*plain));
            }
        }
    }
    for row in touched {
        for (_, bits, feature) in places.0.range((row, 0, 0)..=(row, u64::MAX, u32::MAX)) {
            let Ok((part, mut table)) = parts.get_mut(Entity::from_bits(*bits)) else { continue };
            let feature = *feature as usize;
            let Some(plain) = part.plain.get(feature) else { continue };
            let object = DrawnObject { row, features: &part.features, feature };
            table.bypass_change_detection().set(feature, changes.of(&object).on(*plain));
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
        let features = FeatureTable::default();
        let of = |changes: &ObjectChanges, row| changes.of(&DrawnObject { row, features: &features, feature: 0 });
        let look = of(&changes, 4).on(ObjectLook::default());
        assert_eq!(look.color, [9, 9, 9, 255]);
        assert!(look.flags.has(ObjectFlags::HIGHLIGHT.with(ObjectFlags::DATA_COLOR)));
        changes.set("styles", 4, None);
        assert_eq!(of(&changes, 4).color, Some([1, 2, 3]));
        assert_eq!(of(&changes, 5), ObjectChange::default());
    }
}
