//! Identifiers of entities: made of names that stay, `SCENE:OBJECT:PROPERTY`, so that they outlive a new import and a restart.

use super::entity::{Entity, Kind};
use crate::quantity::Timestamp;

/// What stands between the parts of an identifier.
const BETWEEN: char = ':';
/// What must not be in a part as it is: the separator, what addresses and keys in addresses give a meaning to.
const ESCAPED: [(char, &str); 4] = [('%', "%25"), (BETWEEN, "%3A"), ('/', "%2F"), ('\'', "%27")];

/// The parts of an identifier, as far as its kind has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Id {
    pub scene: String,
    pub object: Option<String>,
    pub property: Option<String>,
    pub source: Option<String>,
    pub instant: Option<Timestamp>,
}

impl Id {
    /// Reads the identifier of an entity of this kind; `None` where it cannot be one.
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let parts: Vec<String> = text.split(BETWEEN).map(plain).collect();
        let id = match (kind, parts.as_slice()) {
            (Kind::Things | Kind::Locations | Kind::FeaturesOfInterest, [scene, object]) => {
                Self { scene: scene.clone(), object: Some(object.clone()), ..Self::default() }
            }
            (Kind::Datastreams, [scene, object, property]) => Self {
                scene: scene.clone(),
                object: Some(object.clone()),
                property: Some(property.clone()),
                ..Self::default()
            },
            (Kind::Observations, [scene, object, property, micros]) => Self {
                scene: scene.clone(),
                object: Some(object.clone()),
                property: Some(property.clone()),
                instant: Some(Timestamp(micros.parse().ok()?)),
                ..Self::default()
            },
            (Kind::ObservedProperties, [scene, property]) => {
                Self { scene: scene.clone(), property: Some(property.clone()), ..Self::default() }
            }
            (Kind::Sensors, [scene, source]) => {
                Self { scene: scene.clone(), source: Some(source.clone()), ..Self::default() }
            }
            _ => return None,
        };
        // One entity has one identifier.
        (id.to_string() == text).then_some(id)
    }

    /// The identifier of an entity.
    pub fn of(entity: &Entity<'_>) -> Self {
        let stream = entity.stream;
        let object = Some(stream.object.id.clone());
        let property = Some(stream.property().to_owned());
        let none = Self { scene: stream.scene.name.clone(), ..Self::default() };
        match entity.kind {
            Kind::Things | Kind::Locations | Kind::FeaturesOfInterest => Self { object, ..none },
            Kind::Datastreams => Self { object, property, ..none },
            Kind::Observations => {
                Self { object, property, instant: entity.observation.as_ref().map(|(time, _)| *time), ..none }
            }
            Kind::ObservedProperties => Self { property, ..none },
            Kind::Sensors => Self { source: Some(entity.source().to_owned()), ..none },
        }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&escaped(&self.scene))?;
        for part in [&self.object, &self.property, &self.source].into_iter().flatten() {
            write!(f, "{BETWEEN}{}", escaped(part))?;
        }
        self.instant.map_or(Ok(()), |instant| write!(f, "{BETWEEN}{}", instant.0))
    }
}

fn escaped(part: &str) -> String {
    ESCAPED.iter().fold(part.to_owned(), |text, (sign, code)| text.replace(*sign, code))
}

fn plain(part: &str) -> String {
    // The escape's own sign comes last, so that what stood behind one is not taken for a code.
    ESCAPED.iter().rev().fold(part.to_owned(), |text, (sign, code)| text.replace(code, &sign.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_names_make_an_identifier_that_is_read_again(scene in "[a-z0-9_-]{1,8}", object in ".{0,12}", property in "[%:/'a25FA3]{0,8}", micros: i64) {
            let (object, property, instant) = (Some(object), Some(property), Some(Timestamp(micros)));
            let id = Id { scene, object, property, source: None, instant };
            let text = id.to_string();
            prop_assert!(!text.contains(['/', '\'']));
            prop_assert_eq!(Id::parse(Kind::Observations, &text), Some(id));
        }

        #[test]
        fn any_text_is_an_identifier_or_none(text in "[a:%25'/é-]{0,20}") {
            for kind in Kind::ALL {
                if let Some(id) = Id::parse(kind, &text) {
                    prop_assert_eq!(id.to_string(), text.clone());
                }
            }
        }
    }
}
