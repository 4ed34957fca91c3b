//! Identifiers and names of attributes across all files of a source.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::import::{Place, SourceObject, SourceReport};

/// What is taken so far.
#[derive(Default)]
pub(super) struct Identity {
    /// Identifiers, each with the highest number that was put behind it.
    ids: HashMap<String, usize>,
    /// One copy of each name of an attribute.
    attributes: HashSet<Arc<str>>,
}

impl Identity {
    /// Gives the objects of one member identifiers that no other object has, those of parts in step with what they are part
    /// of, and lets them share the names of their attributes.
    pub(super) fn settle(&mut self, objects: &mut [SourceObject], path: &str, report: &mut SourceReport) {
        let mut renamed: Vec<(String, String)> = Vec::new();
        for object in objects {
            for (name, _) in &mut object.object.attributes {
                match self.attributes.get(name) {
                    Some(known) => *name = Arc::clone(known),
                    None => drop(self.attributes.insert(Arc::clone(name))),
                }
            }
            let made = &mut object.object;
            // The latest of that name is the one that this object follows.
            let new = |old: &String| renamed.iter().rev().find(|(before, _)| before == old).map(|(_, new)| new.clone());
            if let Some(parent) = made.parent.as_ref().and_then(new) {
                made.parent = Some(parent);
            }
            let old = made.id.clone();
            let Some(number) = self.ids.get_mut(&old) else {
                self.ids.insert(old, 1);
                continue;
            };
            let mut next = *number;
            while self.ids.contains_key(&made.id) {
                next += 1;
                made.id = format!("{old}#{next}");
            }
            self.ids.extend([(old.clone(), next), (made.id.clone(), 1)]);
            let message = format!("the identifier occurs again; this one is called {}", made.id);
            report.warn("duplicate-id", message, Place::file(path).object(old.clone()));
            renamed.push((old, made.id.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_what_they_are_part_of() {
        let object = |id: &str, parent: Option<&str>| {
            let mut made = SourceObject::default();
            (made.object.id, made.object.parent) = (id.to_owned(), parent.map(str::to_owned));
            made
        };
        let mut report = SourceReport::default();
        let mut identity = Identity::default();
        let member = || [object("a", None), object("b", Some("a")), object("c", Some("b"))];
        identity.settle(&mut member(), "x", &mut report);
        let mut again = member();
        identity.settle(&mut again, "x", &mut report);
        let found = again.map(|made| (made.object.id, made.object.parent.unwrap_or_default()));
        let expected = [("a#2", ""), ("b#2", "a#2"), ("c#2", "b#2")];
        assert_eq!(found, expected.map(|(id, parent)| (id.to_owned(), parent.to_owned())));
        assert_eq!(report.count_of("duplicate-id"), 3);
    }
}
