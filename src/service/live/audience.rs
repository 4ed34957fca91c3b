//! Which facts a client gets: what it asked for, within what it may know.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;

use super::board::{About, Board, Fact};
use super::sight::Sight;
use crate::scenario::wire::{Alarm, Figure, LiveValueOf, Staging, Told};

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
/// happenings come always, as far as whoever asks may know them.
#[derive(Clone, Default)]
pub struct Audience {
    sight: Option<Arc<Sight>>,
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
    /// Everything that may be known with this sight; everything there is without one.
    pub fn of(sight: Option<Arc<Sight>>) -> Self {
        Self { sight, ..Self::default() }
    }

    /// Compiles a subscription for a scene; the error says what there is not, or not for this sight.
    pub fn new(subscription: &Subscription, board: &Board, sight: Option<Arc<Sight>>) -> Result<Self, String> {
        let seen = sight.as_deref();
        let shows_property = |number| seen.is_none_or(|sight| sight.shows_property(number));
        let properties = board.hello().properties.iter().zip(0..);
        let properties = properties.map(|((name, _), number)| shows_property(number).then_some(name.as_str()));
        let properties = numbers(subscription.properties.as_deref(), properties, "property")?;
        let shows_layer = |name: &str| seen.is_none_or(|sight| sight.shows_layer(name));
        let layers = board.layers().iter().map(|name| Some(name.as_str()).filter(|name| shows_layer(name)));
        let layers = numbers(subscription.layers.as_deref(), layers, "layer")?;
        if let Some([west, south, east, north]) = subscription.bbox {
            let longitudes = [west, east].iter().all(|degrees| (-180.0..=180.0).contains(degrees));
            if !(longitudes && south <= north && south >= -90.0 && north <= 90.0) {
                return Err("'bbox' is west, south, east, north in degrees".to_owned());
            }
        }
        Ok(Self { sight, properties, layers, bbox: subscription.bbox })
    }

    /// Whether a fact is for this audience.
    pub fn admits(&self, fact: &Fact, board: &Board) -> bool {
        match fact {
            Fact::Value(value) => {
                self.properties.as_ref().is_none_or(|wanted| wanted.contains(&value.property))
                    && board.about(value.row).is_some_and(|about| self.wants(about))
                    && self.sight.as_ref().is_none_or(|sight| sight.admits_value(value))
            }
            Fact::Figure(figure) => self.sight.as_ref().is_none_or(|sight| sight.figure(figure).is_some()),
            Fact::Alarm(alarm) => self.sight.as_ref().is_none_or(|sight| sight.alarm(alarm).is_some()),
            Fact::Play(_) | Fact::Staging(_) => true,
        }
    }

    /// Whether only a part of the scene may be known.
    pub fn is_restricted(&self) -> bool {
        self.sight.is_some()
    }

    /// Whether of a value only the object's own may be known, not what everything in it amounts to.
    pub fn sees_own_only(&self, fact: &Fact) -> bool {
        match (&self.sight, fact) {
            (Some(sight), Fact::Value(value)) => sight.sees_own_only(value.row),
            _ => false,
        }
    }

    /// A value as this audience is told of it.
    pub fn value(&self, value: &LiveValueOf) -> Option<LiveValueOf> {
        self.sight.as_ref().map_or_else(|| Some(value.clone()), |sight| sight.value(value))
    }

    /// A figure as this audience is told of it.
    pub fn figure(&self, figure: &Figure) -> Option<Figure> {
        self.sight.as_ref().map_or_else(|| Some(figure.clone()), |sight| sight.figure(figure))
    }

    /// An alarm as this audience is told of it.
    pub fn alarm(&self, alarm: &Alarm) -> Option<Alarm> {
        self.sight.as_ref().map_or_else(|| Some(alarm.clone()), |sight| sight.alarm(alarm))
    }

    /// Whether something that happened is for this audience.
    pub fn admits_told(&self, told: &Told) -> bool {
        self.sight.as_ref().is_none_or(|sight| sight.admits_told(told))
    }

    /// What of a staging is for this audience.
    pub fn staging(&self, staging: &Staging) -> Staging {
        self.sight.as_ref().map_or_else(|| staging.clone(), |sight| sight.staging(staging))
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

/// The numbers of names among those known; one that may not be known is `None`.
fn numbers<'n>(
    wanted: Option<&[String]>,
    known: impl Iterator<Item = Option<&'n str>> + Clone,
    what: &str,
) -> Result<Option<BTreeSet<u16>>, String> {
    let Some(wanted) = wanted else { return Ok(None) };
    if wanted.len() > MOST_NAMES {
        return Err(format!("at most {MOST_NAMES} names"));
    }
    let number = |name: &String| {
        let at = known.clone().position(|known| known == Some(name));
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
