//! Resource paths (18-088, 9.2): from an entity set along links to entities, their properties, and values.

use super::entity::{Entity, Kind, LinkTo};
use super::id::Id;
use crate::quantity::Timestamp;
use crate::service::live::Stream;
use crate::service::{Problem, ProblemKind, Service};

/// Where a path leads: entities of a kind, made of these streams.
pub(super) struct Target {
    pub kind: Kind,
    pub streams: Vec<Stream>,
    /// Whether to one entity, and not to a set.
    one: bool,
    instant: Option<Timestamp>,
    /// What of it is asked for.
    pub part: Part,
}

/// What of an entity or a set is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// A property of an entity, as JSON.
    Property(String),
    /// A property as it is (`$value`).
    Value(String),
    /// Only links to the entities of a set (`$ref`).
    References,
}

/// There is nothing at this address.
pub(super) fn missing() -> Problem {
    Problem::new(ProblemKind::NotFound, "there is no such entity or property; /sta/v1.1 lists the entity sets")
}

/// A part of a path: a name, perhaps with a key between `('` and `')`, in which a doubled quote stands for one.
fn name_and_key(segment: &str) -> Option<(&str, Option<String>)> {
    let Some((name, key)) = segment.split_once('(') else { return Some((segment, None)) };
    let key = key.strip_prefix('\'')?.strip_suffix("')")?;
    let single = key.replace("''", "");
    (!single.contains('\'')).then(|| (name, Some(key.replace("''", "'"))))
}

impl Id {
    fn is_of(&self, stream: &Stream) -> bool {
        self.names(&stream.scene.name, &stream.object.id, stream.property())
            && self.source.as_deref().is_none_or(|source| Some(source) == entity_source(stream).as_deref())
    }

    fn names(&self, scene: &str, object: &str, property: &str) -> bool {
        self.scene == scene
            && self.object.as_deref().is_none_or(|known| known == object)
            && self.property.as_deref().is_none_or(|known| known == property)
    }
}

fn entity_source(stream: &Stream) -> Option<String> {
    Entity::of(Kind::Sensors, stream).map(|sensor| sensor.source().to_owned())
}

/// All streams that an identifier means, as far as who asks may know them.
fn streams_of(service: &Service, id: &Id) -> Vec<Stream> {
    let mut streams = service.streams(Some(&id.scene), &|scene, object, property| id.names(scene, object, property));
    streams.retain(|stream| id.is_of(stream));
    streams
}

impl Target {
    /// Where the parts of a path lead.
    pub fn of(service: &Service, segments: &[String]) -> Result<Self, Problem> {
        let mut segments = segments.iter();
        let first = segments.next().and_then(|segment| name_and_key(segment));
        let (name, key) = first.ok_or_else(missing)?;
        let kind = Kind::called(name).ok_or_else(missing)?;
        let mut target = Self { kind, streams: Vec::new(), one: key.is_some(), instant: None, part: Part::Whole };
        match key {
            None => target.streams = service.streams(None, &|_, _, _| true),
            Some(key) => {
                let id = Id::parse(kind, &key).ok_or_else(missing)?;
                (target.streams, target.instant) = (streams_of(service, &id), id.instant);
            }
        }
        target.check()?;
        for segment in segments {
            target.go(service, segment)?;
        }
        Ok(target)
    }

    /// Goes one part on.
    fn go(&mut self, service: &Service, segment: &str) -> Result<(), Problem> {
        let (name, key) = name_and_key(segment).ok_or_else(missing)?;
        let link = self.kind.link(name).filter(|_| self.one && self.part == Part::Whole);
        self.part = match (&self.part, key, link) {
            (Part::Whole, key, Some(link)) => return self.follow(service, link, key),
            (Part::Whole, None, None) if self.one && self.kind.properties().contains(&name) => {
                Part::Property(name.to_owned())
            }
            (Part::Whole, None, None) if !self.one && name == "$ref" => Part::References,
            (Part::Property(property), None, None) if name == "$value" => Part::Value(property.clone()),
            _ => return Err(missing()),
        };
        Ok(())
    }

    fn follow(&mut self, service: &Service, link: LinkTo, key: Option<String>) -> Result<(), Problem> {
        (self.kind, self.one, self.instant) = (link.kind, !link.many || key.is_some(), None);
        match (link.many, key) {
            (true, None) => {}
            (true, Some(key)) => {
                let id = Id::parse(link.kind, &key).ok_or_else(missing)?;
                self.streams.retain(|stream| id.is_of(stream));
                self.instant = id.instant;
            }
            (false, None) => {
                // It may have more streams than the one that leads to it.
                let id = Id::of(&self.entity().ok_or_else(missing)?);
                self.streams = streams_of(service, &id);
            }
            (false, Some(_)) => return Err(missing()),
        }
        self.check()
    }

    /// Fails where the path leads to an entity that is not there.
    fn check(&self) -> Result<(), Problem> {
        if self.one && self.entity().is_none() { Err(missing()) } else { Ok(()) }
    }

    /// The entity; `None` for a set.
    pub fn entity(&self) -> Option<Entity<'_>> {
        let stream = self.streams.first().filter(|_| self.one)?;
        match self.instant {
            Some(instant) => Entity::observation_at(stream, instant),
            None => Entity::of(self.kind, stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_between_quotes() {
        let read = |segment| name_and_key(segment).map(|(name, key)| (name, key.unwrap_or_default()));
        assert_eq!(read("Things"), Some(("Things", String::new())));
        assert_eq!(read("Things('a''b(c)')"), Some(("Things", "a'b(c)".to_owned())));
        for wrong in ["Things(1)", "Things('a", "Things('a'b')", "Things()", "Things('a')x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
