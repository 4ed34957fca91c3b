//! Which facts a client gets: what it asked for, within what it may know.

use std::collections::BTreeSet;

use serde::Deserialize;
use utoipa::ToSchema;

use super::board::{About, Board, Fact};
use crate::scenario::wire::{Staging, Told};

/// Fastest and slowest rate of updates, a second.
const RATES_HZ: [f64; 2] = [0.1, 60.0];
const RATE_HZ: f64 = 10.0;
/// Names that a subscription may list at most.
const MOST_NAMES: usize = 256;

/// What a client asks for. Absent means everything.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Name of the scene; the only one where absent.
    #[serde(default)]
    pub scene: Option<String>,
    /// Live properties by name.
    #[serde(default)]
    pub properties: Option<Vec<String>>,
    /// Only values of objects in one of these layers of the scene.
    #[serde(default)]
    pub layers: Option<Vec<String>>,
    /// Only values of objects whose centre is in this box: west, south, east, north in degrees. West of more than east
    /// crosses the antimeridian.
    #[serde(default)]
    pub bbox: Option<[f64; 4]>,
    /// Updates a second at most, 0.1 to 60 (10 where absent).
    #[serde(default)]
    pub rate: Option<f64>,
}

/// A subscription, compiled for a scene. Area and layers choose among values of objects; figures, alarms, the play and
/// happenings come always.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Audience {
    properties: Option<BTreeSet<u16>>,
    layers: Option<BTreeSet<u16>>,
    bbox: Option<[f64; 4]>,
}

impl Subscription {
    /// Updates a second.
    pub fn rate_hz(&self) -> f64 {
        self.rate.filter(|rate| rate.is_finite()).map_or(RATE_HZ, |rate| rate.clamp(RATES_HZ[0], RATES_HZ[1]))
    }
}

impl Audience {
    /// Compiles a subscription for a scene; the error says what there is not.
    pub fn new(subscription: &Subscription, board: &Board) -> Result<Self, String> {
        let properties = board.hello().properties.iter().map(|(name, _)| name.as_str());
        let properties = numbers(subscription.properties.as_deref(), properties, "property")?;
        let layers = numbers(subscription.layers.as_deref(), board.layers().iter().map(String::as_str), "layer")?;
        if let Some([west, south, east, north]) = subscription.bbox {
            let longitudes = [west, east].iter().all(|degrees| (-180.0..=180.0).contains(degrees));
            if !(longitudes && south <= north && south >= -90.0 && north <= 90.0) {
                return Err("'bbox' is west, south, east, north in degrees".to_owned());
            }
        }
        Ok(Self { properties, layers, bbox: subscription.bbox })
    }

    /// Whether a fact is for this audience.
    pub fn admits(&self, fact: &Fact, board: &Board) -> bool {
        match fact {
            Fact::Value(value) => {
                self.properties.as_ref().is_none_or(|wanted| wanted.contains(&value.property))
                    && board.about(value.row).is_some_and(|about| self.wants(about))
            }
            Fact::Figure(_) | Fact::Alarm(_) | Fact::Play(_) | Fact::Staging(_) => true,
        }
    }

    /// Whether something that happened is for this audience.
    pub fn admits_told(&self, _told: &Told) -> bool {
        true
    }

    /// What of a staging is for this audience.
    pub fn admitted(&self, staging: &Staging) -> Staging {
        staging.clone()
    }

    fn wants(&self, about: &About) -> bool {
        let layers = self.layers.as_ref();
        layers.is_none_or(|wanted| about.layers.iter().any(|layer| wanted.contains(layer)))
            && self.bbox.is_none_or(|bbox| about.place.is_some_and(|place| contains(bbox, place)))
    }
}

fn contains([west, south, east, north]: [f64; 4], [longitude, latitude]: [f64; 2]) -> bool {
    let between = match west <= east {
        true => (west..=east).contains(&longitude),
        false => longitude >= west || longitude <= east,
    };
    between && (south..=north).contains(&latitude)
}

/// The numbers of names among those known.
fn numbers<'n>(
    wanted: Option<&[String]>,
    known: impl Iterator<Item = &'n str> + Clone,
    what: &str,
) -> Result<Option<BTreeSet<u16>>, String> {
    let Some(wanted) = wanted else { return Ok(None) };
    if wanted.len() > MOST_NAMES {
        return Err(format!("at most {MOST_NAMES} names"));
    }
    let number = |name: &String| {
        let at = known.clone().position(|known| known == name);
        at.and_then(|at| u16::try_from(at).ok()).ok_or_else(|| format!("the scene has no such {what}"))
    };
    wanted.iter().map(number).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_may_cross_the_antimeridian() {
        assert!(
            contains([170.0, -10.0, -170.0, 10.0], [179.0, 0.0])
                && contains([170.0, -10.0, -170.0, 10.0], [-175.0, 0.0])
        );
        assert!(!contains([170.0, -10.0, -170.0, 10.0], [0.0, 0.0]));
        assert!(contains([0.0, 0.0, 1.0, 1.0], [1.0, 0.0]) && !contains([0.0, 0.0, 1.0, 1.0], [0.5, 1.1]));
    }

    #[test]
    fn rates_are_kept_within_bounds() {
        let rate = |rate| Subscription { rate, ..Subscription::default() }.rate_hz();
        assert_eq!([rate(None), rate(Some(1e9)), rate(Some(0.0)), rate(Some(f64::NAN))], [10.0, 60.0, 0.1, 10.0]);
    }
}
