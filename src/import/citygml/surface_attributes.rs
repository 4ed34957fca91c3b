//! Attributes of boundary surfaces, which are no objects: those that all surfaces of a kind share go to their object.

use std::collections::BTreeMap;

use super::attributes::AttributeList;
use super::findings::Findings;
use crate::city::Value;

/// What is a surface's own affair.
const PLAIN: &[&str] = &["name", "description", "creationDate", "terminationDate", "identifier"];

/// What the boundary surfaces of one object say of themselves.
#[derive(Default)]
pub(super) struct SurfaceAttributes {
    /// By class of surface and name of attribute: the value, `None` where surfaces differ in it.
    values: BTreeMap<(String, String), Option<Value>>,
}

impl SurfaceAttributes {
    /// Adds those of one surface; its name and dates are its own.
    pub(super) fn add(&mut self, class: &str, attributes: AttributeList) {
        for (name, value) in attributes.list {
            if PLAIN.contains(&&*name) {
                continue;
            }
            let known = self.values.entry((class.to_owned(), name.to_string())).or_insert_with(|| Some(value.clone()));
            if known.as_ref() != Some(&value) {
                *known = None;
            }
        }
    }

    /// Hands on what is the same everywhere: as attributes of the object itself where the surfaces are what it is
    /// (`function` of a traffic area), of Dynamizers too, else with the class before the name
    /// (`RoofSurface.diffuse_irradiation`).
    pub(super) fn hand_to(self, attributes: &mut AttributeList, is_traffic: bool, findings: &mut Findings) {
        let mut differing = Vec::new();
        for ((class, name), value) in self.values {
            let is_own = is_traffic || name.starts_with("dynamizer");
            match value {
                Some(value) => {
                    let name = if is_own { name } else { format!("{class}.{name}") };
                    if let Some(name) = attributes.unique(&name) {
                        attributes.put(&name, value);
                    }
                }
                None => differing.push(format!("{class}.{name}")),
            }
        }
        if !differing.is_empty() {
            let message =
                format!("attributes in which boundary surfaces differ are left out: {}", differing.join(", "));
            findings.note("surface-attributes-left-out", message);
        }
    }
}
