//! The relations that make objects, and what is remembered of their members until they are put together.

use std::collections::{HashMap, HashSet};

use super::classify::{Feature, Form, boundary, of_multipolygon, of_way};
use super::element::{Element, Key, Kind, Member, Role, Tags};
use super::nodes::{Budget, NodeTable};
use super::rings::{Assembled, MAX_RINGS, assemble};
use crate::import::ImportError;

/// A relation that makes an object.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) id: i64,
    pub(super) tags: Tags<'static>,
    /// What it is; `None` while its outer way has not said it (the old style of multipolygons).
    pub(super) feature: Option<Feature>,
    pub(super) members: Vec<Member>,
}

/// All relations of a file that make objects.
#[derive(Debug, Default)]
pub(super) struct Relations {
    pub(super) areas: Vec<Area>,
    /// For each part of a building what relations say: its outline, and the relation.
    pub(super) building_parts: HashMap<Key, (Option<Key>, Key)>,
    /// Tags of relations of type `building`.
    pub(super) buildings: HashMap<i64, Tags<'static>>,
    /// Nodes of the ways that are members, or parts of buildings; `None` until the way was met.
    ways: HashMap<i64, Option<Box<[i64]>>>,
    /// Outer ways that tell what their relation is, by way: where it is among the areas.
    telling: HashMap<i64, usize>,
    /// Ways that are drawn by their relation.
    pub(super) drawn: HashSet<i64>,
}

impl Relations {
    /// Takes a relation in the first pass.
    pub(super) fn add(
        &mut self,
        element: Element<'_>,
        members: &[Member],
        budget: &mut Budget,
    ) -> Result<(), ImportError> {
        let Element { id, tags, .. } = element;
        let kind = tags.get("type").unwrap_or_default();
        if kind == "building" {
            budget.take(members.len())?;
            let outline = members.iter().find(|member| member.role == Role::Outline).map(|member| member.key);
            let relation = Key::new(Kind::Relation, id);
            let parts = members.iter().filter(|member| member.role == Role::Part);
            self.building_parts.extend(parts.map(|part| (part.key, (outline, relation))));
            self.buildings.insert(id, tags.into_owned());
            return Ok(());
        }
        let feature = match kind {
            "boundary" => boundary(&tags),
            "multipolygon" => of_multipolygon(&tags),
            // Nobody said a type, but it is a building.
            "" => of_multipolygon(&tags).filter(|feature| matches!(feature.form, Form::Building | Form::BuildingPart)),
            _ => None,
        };
        if feature.is_none() && kind != "multipolygon" {
            return Ok(());
        }
        let ways: Vec<Member> = members.iter().copied().filter(|member| member.key.kind == Kind::Way).collect();
        budget.take(ways.len())?;
        for member in &ways {
            self.ways.entry(member.key.id).or_default();
            if feature.is_none() && member.role == Role::Outer {
                self.telling.insert(member.key.id, self.areas.len());
            }
        }
        self.areas.push(Area { id, tags: tags.into_owned(), feature, members: ways });
        Ok(())
    }

    /// Takes a way in the second pass: its nodes are kept where they are needed for more than the way itself.
    pub(super) fn take_way(
        &mut self,
        id: i64,
        tags: &Tags<'_>,
        nodes: &[i64],
        is_part: bool,
        budget: &mut Budget,
    ) -> Result<(), ImportError> {
        if !is_part && !self.ways.contains_key(&id) {
            return Ok(());
        }
        budget.take(nodes.len())?;
        self.ways.insert(id, Some(nodes.into()));
        let told = self.telling.get(&id).and_then(|index| self.areas.get_mut(*index));
        let feature = of_way(tags, true);
        if let (Some(area), Some(feature)) = (told, feature)
            && matches!(feature.form, Form::Area | Form::Building | Form::BuildingPart)
        {
            if area.feature.is_none() {
                let own = std::mem::replace(&mut area.tags, tags.clone().into_owned());
                own.iter().filter(|(key, _)| *key != "type").for_each(|(key, value)| {
                    if area.tags.get(key).is_none() {
                        area.tags.push(key.to_owned().into(), value.to_owned().into());
                    }
                });
                area.feature = Some(feature);
            }
            if area.feature == Some(feature) {
                self.drawn.insert(id);
            }
        }
        Ok(())
    }

    /// Whether a way is a member of a relation that makes an object.
    pub(super) fn has_member(&self, way: i64) -> bool {
        self.ways.contains_key(&way)
    }

    /// The nodes of a way that is a member or a part.
    pub(super) fn nodes(&self, way: i64) -> Option<&[i64]> {
        self.ways.get(&way)?.as_deref()
    }

    /// Puts the polygons of an area together, and says how many of its members are not in the file.
    pub(super) fn polygons(
        &self,
        area: &Area,
        table: &NodeTable,
        steps: &mut Budget,
    ) -> Result<(Assembled, usize), ImportError> {
        let found: Vec<(&[i64], bool)> = area
            .members
            .iter()
            .filter_map(|member| Some((self.nodes(member.key.id)?, member.role == Role::Inner)))
            .collect();
        let missing = area.members.len() - found.len();
        steps.take(found.iter().map(|(nodes, _)| nodes.len()).sum())?;
        let rings = found.len().min(MAX_RINGS);
        steps.take(rings * rings / 16)?;
        Ok((assemble(&found, missing == 0, table), missing))
    }
}
