//! The city as a variant has it: the package's objects, less what is removed, and what is added.

use std::collections::BTreeSet;
use std::sync::Arc;

use glam::DVec2;

use super::{AddedModel, CityEdits};
use crate::city::{CityObject, Expression, Scope, Value, did_you_mean};
use crate::geodesy::Geodetic;
use crate::geometry::Bounds;
use crate::indicator::ObjectTree;
use crate::live::ObjectDirectory;
use crate::package::{Area, City, PackageError, Query, QueryError};

/// Objects by row. Rows of the package keep their numbers; added blocks come after them, in the order of the edits, then
/// added models.
pub struct VariantCity {
    city: Arc<City>,
    removed: BTreeSet<u32>,
    added: Vec<CityObject>,
}

impl VariantCity {
    /// A package with the edits of a variant. What is asked of every object often is read here, so that a package that
    /// cannot be read says so now.
    pub fn new(city: Arc<City>, edits: &CityEdits) -> Result<Self, PackageError> {
        city.table().class(0)?;
        city.table().parent(0)?;
        let mut removed = BTreeSet::new();
        let mut left: Vec<u32> = edits.removed.iter().filter_map(|id| city.table().row(id)).collect();
        while let Some(row) = left.pop() {
            if removed.insert(row) {
                left.extend(city.table().children(row)?);
            }
        }
        let model = |model: &AddedModel| CityObject {
            id: model.id.clone(),
            class: "Building".into(),
            place: Some(Bounds::around([model.site_from_model.translation])),
            ..CityObject::default()
        };
        let added = edits.blocks.iter().cloned().chain(edits.models.iter().map(model)).collect();
        Ok(Self { city, removed, added })
    }

    /// The package.
    pub fn city(&self) -> &Arc<City> {
        &self.city
    }

    /// Rows of the package's objects that are gone: what an edit removes, with all that is in it.
    pub fn removed(&self) -> &BTreeSet<u32> {
        &self.removed
    }

    /// What is in a row after those of the package.
    pub fn added(&self, row: u32) -> Option<&CityObject> {
        self.added.get(row.checked_sub(self.city.table().rows())? as usize)
    }

    /// The identifier of a row; empty where there is no such row.
    pub fn id(&self, row: u32) -> &str {
        self.added(row).map_or_else(|| self.city.table().id(row), |object| object.id.as_str())
    }

    /// The box of an object, site frame; empty where it is nowhere.
    pub fn bounds(&self, row: u32) -> Bounds {
        let stored = || self.city.table().bounds().get(row as usize).copied().unwrap_or(Bounds::EMPTY);
        self.added(row).map_or_else(stored, CityObject::bounds)
    }

    /// An attribute (or `id`, `class`, `name`, `parent`) of an object.
    pub fn attribute(&self, row: u32, name: &str) -> Value {
        let Some(object) = self.added(row) else { return self.city.scope(row).value(name) };
        match name {
            "id" => Value::from(object.id.as_str()),
            "class" => Value::from(object.class.as_str()),
            "name" => object.name.as_deref().map_or(Value::Null, Value::from),
            _ => object.attribute(name).clone(),
        }
    }

    /// The same as people read it in a message: the `name` of what has none is its identifier.
    pub fn attribute_in_words(&self, row: u32, name: &str) -> Value {
        match self.attribute(row, name) {
            Value::Null if name == "name" => Value::from(self.id(row)),
            value => value,
        }
    }

    /// The attributes that an object has, in the order of the package.
    pub fn attributes(&self, row: u32) -> Vec<(String, Value)> {
        match self.added(row) {
            Some(object) => object.attributes.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
            // What cannot be read is not shown.
            None => self.city.object(row).ok().flatten().map(|stored| stored.attributes).unwrap_or_default(),
        }
    }

    /// The value of every object that has one in this column, by row.
    pub fn values(&self, name: &str) -> impl Iterator<Item = (u32, Value)> {
        let rows = (0..self.row_count()).filter(|row| !self.removed.contains(row));
        rows.map(move |row| (row, self.attribute(row, name))).filter(|(_, value)| !value.is_null())
    }
}

impl ObjectDirectory for VariantCity {
    fn row_of(&self, id: &str) -> Option<u32> {
        let own = || self.added.iter().position(|object| object.id == id);
        let stored = self.city.table().row(id).filter(|row| !self.removed.contains(row));
        stored.or_else(|| own().map(|at| self.city.table().rows() + at as u32))
    }

    fn nearest(&self, class: &str, place: Geodetic, within_m: f64) -> Option<u32> {
        let at = self.city.manifest().site().from_geodetic(place).0.truncate();
        let wanted =
            |row| !self.removed.contains(&row) && self.city.table().class(row).is_ok_and(|known| known == class);
        let distance = |row: u32| flat(self.bounds(row)).distance(at.extend(0.0));
        let stored = self.city.nearest_in_plan(at, within_m, &wanted);
        let own = (self.city.table().rows()..self.row_count()).filter(|row| self.class(*row) == class);
        let near = own.chain(stored).map(|row| (distance(row), row)).filter(|(distance, _)| *distance <= within_m);
        near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, row)| row)
    }
}

impl ObjectTree for VariantCity {
    fn row_count(&self) -> u32 {
        self.city.table().rows() + self.added.len() as u32
    }

    fn parent(&self, row: u32) -> Option<u32> {
        self.city.table().parent(row).ok().flatten().and_then(|id| self.city.table().row(id))
    }

    fn is_there(&self, row: u32) -> bool {
        !self.removed.contains(&row)
    }

    fn class(&self, row: u32) -> &str {
        let stored = || self.city.table().class(row).unwrap_or_default();
        self.added(row).map_or_else(stored, |object| object.class.as_str())
    }

    fn rows_in(&self, area: &[[f64; 2]]) -> Vec<u32> {
        let corners = area.iter().map(|[longitude, latitude]| self.city.plane_from_degrees(*longitude, *latitude));
        let area = Area::Polygon(corners.collect());
        let own =
            (self.city.table().rows()..self.row_count()).filter(|row| area.touches(&[corners_of(self.bounds(*row))]));
        let query = Query { area: Some(area.clone()), ..Query::default() };
        // What cannot be read is in no area.
        let stored = self.city.query(&query).unwrap_or_default();
        stored.into_iter().filter(|row| !self.removed.contains(row)).chain(own).collect()
    }

    fn matching(&self, filter: &str) -> Result<Vec<u32>, String> {
        let expression = Expression::parse(filter).map_err(|error| error.to_string())?;
        let query = Query { filter: Some(expression.clone()), ..Query::default() };
        let stored = match self.city.query(&query) {
            Ok(rows) => rows,
            // An attribute that only added objects have.
            Err(QueryError::UnknownName { name, .. }) if self.added.iter().any(|o| !o.attribute(&name).is_null()) => {
                Vec::new()
            }
            Err(QueryError::UnknownName { name, .. }) => {
                let hint = did_you_mean(&name, self.city.table().columns());
                return Err(format!("no attribute is called '{name}'{hint}"));
            }
            Err(error) => return Err(error.to_string()),
        };
        let own = (self.city.table().rows()..self.row_count())
            .filter(|row| expression.is_true(&|name: &str| self.attribute(*row, name)));
        Ok(stored.into_iter().filter(|row| !self.removed.contains(row)).chain(own).collect())
    }
}

/// A box in plan.
fn flat(bounds: Bounds) -> Bounds {
    Bounds { min: bounds.min.with_z(0.0), max: bounds.max.with_z(0.0) }
}

fn corners_of(bounds: Bounds) -> Vec<DVec2> {
    let (low, high) = (bounds.min.truncate(), bounds.max.truncate());
    vec![low, DVec2::new(high.x, low.y), high, DVec2::new(low.x, high.y)]
}
