//! Entities (18-088, 8.2), all made of one thing: the streams of the served scenes. A Thing is the object of some streams, a
//! Sensor their source, a Datastream is one stream.

use serde_json::{Map, Value as Json, json};

use super::id::Id;
use crate::city::Value;
use crate::live::PastQuery;
use crate::quantity::Timestamp;
use crate::service::links::encoded;
use crate::service::live::Stream;

/// What a Sensor is called where any source may bring the values.
const UNKNOWN: &str = "unknown";
const GEOJSON: &str = "application/geo+json";
/// Observation types (18-088, table 12).
const MEASUREMENT: &str = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement";
const ANY_OBSERVATION: &str = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Observation";

/// The entity sets. Objects do not move, so that there are no HistoricalLocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Things,
    Locations,
    Datastreams,
    Sensors,
    ObservedProperties,
    Observations,
    FeaturesOfInterest,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Things,
        Self::Locations,
        Self::Datastreams,
        Self::Sensors,
        Self::ObservedProperties,
        Self::Observations,
        Self::FeaturesOfInterest,
    ];

    /// Name of the entity set.
    pub fn set(self) -> &'static str {
        self.names().0
    }

    /// Name of a link to many of them, and of one to one.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Things => ("Things", "Thing"),
            Self::Locations => ("Locations", "Location"),
            Self::Datastreams => ("Datastreams", "Datastream"),
            Self::Sensors => ("Sensors", "Sensor"),
            Self::ObservedProperties => ("ObservedProperties", "ObservedProperty"),
            Self::Observations => ("Observations", "Observation"),
            Self::FeaturesOfInterest => ("FeaturesOfInterest", "FeatureOfInterest"),
        }
    }

    /// The entity set of a name.
    pub fn called(set: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.set() == set)
    }

    /// To what it is linked, and whether to many (18-088, 8.2.1 to 8.2.8).
    fn linked(self) -> &'static [(Self, bool)] {
        match self {
            Self::Things => &[(Self::Locations, true), (Self::Datastreams, true)],
            Self::Locations => &[(Self::Things, true)],
            Self::Datastreams => &[
                (Self::Things, false),
                (Self::Sensors, false),
                (Self::ObservedProperties, false),
                (Self::Observations, true),
            ],
            Self::Sensors | Self::ObservedProperties => &[(Self::Datastreams, true)],
            Self::Observations => &[(Self::Datastreams, false), (Self::FeaturesOfInterest, false)],
            Self::FeaturesOfInterest => &[(Self::Observations, true)],
        }
    }

    /// Its links.
    pub fn links(self) -> impl Iterator<Item = LinkTo> {
        self.linked().iter().map(|(kind, many)| LinkTo { kind: *kind, many: *many })
    }

    /// Its link of a name.
    pub fn link(self, name: &str) -> Option<LinkTo> {
        self.links().find(|link| link.name() == name)
    }

    /// Names of its properties (18-088, tables 3 to 20).
    pub fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Things => &["name", "description", "properties"],
            Self::Locations => &["name", "description", "encodingType", "location"],
            Self::Datastreams => &["name", "description", "observationType", "unitOfMeasurement"],
            Self::Sensors => &["name", "description", "encodingType", "metadata"],
            Self::ObservedProperties => &["name", "definition", "description"],
            Self::Observations => &["phenomenonTime", "result", "resultTime"],
            Self::FeaturesOfInterest => &["name", "description", "encodingType", "feature"],
        }
    }
}

/// A link from an entity to another one, or to several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkTo {
    pub kind: Kind,
    pub many: bool,
}

impl LinkTo {
    /// Its name: in the plural where it leads to several.
    pub fn name(self) -> &'static str {
        let (many, one) = self.kind.names();
        if self.many { many } else { one }
    }
}

/// An entity. `stream` is its own, or one of its own.
#[derive(Clone)]
pub(super) struct Entity<'s> {
    pub kind: Kind,
    pub stream: &'s Stream,
    /// Of an Observation.
    pub observation: Option<(Timestamp, Value)>,
}

impl<'s> Entity<'s> {
    /// The entity of a kind (none of the Observations) that a stream belongs to; a place is not everybody's.
    pub fn of(kind: Kind, stream: &'s Stream) -> Option<Self> {
        let is_there = kind != Kind::Locations || stream.object.place.is_some();
        is_there.then_some(Self { kind, stream, observation: None })
    }

    /// An Observation by its instant.
    pub fn observation_at(stream: &'s Stream, instant: Timestamp) -> Option<Self> {
        let before = Timestamp(instant.0.checked_add(1)?);
        let found = stream.observations(&PastQuery { from: instant, before, most: 1, newest_first: true }).pop()?;
        Some(Self { kind: Kind::Observations, stream, observation: Some(found) })
    }

    /// The source of its stream.
    pub fn source(&self) -> &str {
        self.stream.source().unwrap_or(UNKNOWN)
    }

    /// For people.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Things | Kind::Locations | Kind::FeaturesOfInterest => self.stream.object.id.clone(),
            Kind::Datastreams => format!("{} of {}", self.stream.property(), self.stream.object.id),
            Kind::Sensors => self.source().to_owned(),
            Kind::ObservedProperties => self.stream.property().to_owned(),
            Kind::Observations => String::new(),
        }
    }

    /// Its address below `base`, encoded.
    pub fn address(&self, base: &str) -> String {
        let key = Id::of(self).to_string();
        format!("{base}/{}('{}')", self.kind.set(), encoded(&key))
    }

    /// Its properties, without control information and links; unknown names have none.
    pub fn property(&self, name: &str, base: &str) -> Option<Json> {
        let object = &self.stream.object;
        let found = match name {
            "name" => self.name().into(),
            "description" => self.description().into(),
            "properties" => json!({ "class": object.class, "scene": self.stream.scene.name }),
            "encodingType" if self.kind == Kind::Sensors => "text/plain".into(),
            "encodingType" => GEOJSON.into(),
            "metadata" => format!("a source of the scene {}", self.stream.scene.name).into(),
            "location" => point(object.place),
            "feature" => {
                json!({ "type": "Feature", "geometry": point(object.place), "properties": { "id": object.id } })
            }
            // No vocabulary is named for it, so its own address stands for it.
            "definition" => self.address(base).into(),
            "observationType" => self.observation_type().into(),
            "unitOfMeasurement" => unit(self.stream.unit()),
            "phenomenonTime" => self.observation.as_ref()?.0.to_string().into(),
            "result" => (&self.observation.as_ref()?.1).into(),
            "resultTime" => Json::Null,
            _ => return None,
        };
        self.kind.properties().contains(&name).then_some(found)
    }

    fn description(&self) -> String {
        let (object, property) = (&self.stream.object, self.stream.property());
        match self.kind {
            Kind::Things | Kind::FeaturesOfInterest => object.class.clone(),
            Kind::Locations => format!("the place of {}", object.id),
            Kind::Datastreams => format!("{property} of {} ({})", object.id, object.class),
            Kind::Sensors => format!("what brings values of the scene {}", self.stream.scene.name),
            Kind::ObservedProperties => format!("the live property {property} of the scene {}", self.stream.scene.name),
            Kind::Observations => String::new(),
        }
    }

    fn observation_type(&self) -> &'static str {
        let latest = self.stream.latest.as_ref().map(|(_, value)| value);
        let is_number = latest.is_none_or(|value| value.number().is_some());
        if is_number || !self.stream.unit().is_empty() { MEASUREMENT } else { ANY_OBSERVATION }
    }

    /// All of it: control information (18-088, 8.1), properties, links.
    pub fn json(&self, base: &str) -> Map<String, Json> {
        let address = self.address(base);
        let mut out = Map::new();
        out.insert("@iot.id".to_owned(), Id::of(self).to_string().into());
        for name in self.kind.properties() {
            out.insert((*name).to_owned(), self.property(name, base).unwrap_or_default());
        }
        for link in self.kind.links().map(LinkTo::name) {
            out.insert(format!("{link}@iot.navigationLink"), format!("{address}/{link}").into());
        }
        out.insert("@iot.selfLink".to_owned(), address.into());
        out
    }
}

/// The place of an object as GeoJSON: longitude and latitude, degrees.
fn point(place: Option<[f64; 2]>) -> Json {
    place.map_or(Json::Null, |at| json!({ "type": "Point", "coordinates": at }))
}

/// A unit by its UCUM code; where there is none, each part is null (18-088, 8.2.4).
fn unit(code: &str) -> Json {
    if code.is_empty() {
        return json!({ "name": null, "symbol": null, "definition": null });
    }
    json!({ "name": code, "symbol": code, "definition": format!("ucum:{code}") })
}
