//! City objects.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Value;
use crate::geometry::{Bounds, Shape};

/// One thing of the city, as an importer hands it on and before it is written into a package's columns.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CityObject {
    /// The source's own identifier (gml:id, GlobalId, 建物ID, OSM id); unique in a package.
    pub id: String,
    /// Class name in CityGML 3.0 words (`Building`, `BuildingPart`, `Road`, `WaterBody`, `SolitaryVegetationObject`,
    /// `Bridge`, `BuildingStorey`, `BuildingRoom` ...); `Zone`, `Device`, `Pipe`, `Manhole` where CityGML has none.
    pub class: String,
    /// What people call it.
    pub name: Option<String>,
    /// Identifier of the object that this one is part of.
    pub parent: Option<String>,
    /// Level of the finest thing known about it.
    pub level: CimLevel,
    /// Attributes by name, in the order of the source. Names are shared: a city has millions of attributes under a few
    /// dozen names.
    pub attributes: Vec<(Arc<str>, Value)>,
    /// Its looks, coarse to fine; empty for objects without geometry (a campus, a storey known only by name).
    pub shapes: Vec<LodShape>,
    /// A hash of its geometry as its source has it, wherever it is placed; 0 where there is no source.
    pub geometry: u64,
    /// Where it is where it has no shape (a device); empty if nowhere. Site frame.
    pub place: Option<Bounds>,
}

/// One level of detail of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LodShape {
    /// CityJSON's refined LoD as written, `1.2` -> 1.2.
    pub lod: f32,
    /// The geometry, site frame.
    pub shape: Shape,
}

/// CIM1 to CIM7 (CJJ/T 315-2022): surface, frame, standard, fine, functional, component, part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[repr(u8)]
pub enum CimLevel {
    /// Terrain, administrative areas, water.
    Surface = 1,
    /// Building blocks and roads.
    #[default]
    Frame = 2,
    /// Walls and roofs, transport, vegetation.
    Standard = 3,
    /// Facades, street furniture.
    Fine = 4,
    /// Rooms, storeys, functions.
    Functional = 5,
    /// Components.
    Component = 6,
    /// Parts.
    Part = 7,
}

impl CityObject {
    /// The least box around all its shapes, or its place; empty where it is nowhere.
    pub fn bounds(&self) -> Bounds {
        self.shapes.iter().fold(self.place.unwrap_or(Bounds::EMPTY), |all, lod| all.union(lod.shape.bounds()))
    }

    /// Adds what another source knows of the same object: attributes that are not known here, and other levels of detail.
    pub fn join(&mut self, other: Self) {
        for (name, value) in other.attributes {
            match self.attributes.iter_mut().find(|(known, _)| *known == name) {
                None => self.attributes.push((name, value)),
                Some((_, known)) if known.is_null() => *known = value,
                Some(_) => {}
            }
        }
        for lod in other.shapes {
            if self.shapes.iter().all(|known| known.lod != lod.lod) {
                self.shapes.push(lod);
            }
        }
        self.shapes.sort_by(|a, b| a.lod.total_cmp(&b.lod));
        self.name = self.name.take().or(other.name);
        self.parent = self.parent.take().or(other.parent);
        self.place = self.place.or(other.place).filter(|_| self.shapes.is_empty());
        self.level = self.level.max(other.level);
        self.geometry = self.geometry.rotate_left(1) ^ other.geometry;
    }

    /// The value of an attribute; `Null` where there is none.
    pub fn attribute(&self, name: &str) -> &Value {
        self.attributes.iter().find(|(key, _)| **key == *name).map_or(&Value::Null, |(_, value)| value)
    }
}
