//! Creation of Observations (18-088, 10.2), which go the way of those of connections.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde::Deserialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::entity::{Entity, Kind};
use super::path::Target;
use crate::city::Value;
use crate::live::{MOST_AHEAD_US, NotObserved};
use crate::platform::transport::wall_clock;
use crate::quantity::Timestamp;
use crate::service::live::Stream;
use crate::service::{Problem, ProblemKind, Service};

/// An Observation to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewObservation {
    /// A number, a text, true or false.
    #[schema(example = 12.5)]
    result: Json,
    /// When it was observed (RFC 3339, an instant); now where it is absent.
    #[serde(default, rename = "phenomenonTime")]
    #[schema(example = "2026-07-01T06:00:00Z")]
    phenomenon_time: Option<String>,
    /// Taken, and not kept.
    #[serde(default, rename = "resultTime")]
    #[schema(example = "2026-07-01T06:00:00Z")]
    result_time: Option<String>,
    /// What it belongs to; not where the address says it.
    #[serde(default, rename = "Datastream")]
    datastream: Option<Reference>,
}

/// An entity that is there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reference {
    /// Its identifier.
    #[serde(rename = "@iot.id")]
    #[schema(example = "demo:air-01:pm25")]
    id: String,
}

fn wrong(cause: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::BadRequest, cause)
}

impl NewObservation {
    /// Reads a body, whatever it says that it is.
    pub async fn read(request: Request) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, &()).await;
        let body = body.map_err(|_| Problem::new(ProblemKind::TooLarge, "the body is too large, or ends too early"))?;
        serde_json::from_slice(&body).map_err(|fault| wrong(format!("the body is no Observation: {fault}")))
    }

    /// The result as connections would bring it.
    fn value(&self) -> Result<Value, Problem> {
        let value = match &self.result {
            Json::Bool(truth) => Value::Bool(*truth),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::Int(whole),
                None => number.as_f64().map_or(Value::Null, Value::from),
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Null | Json::Array(_) | Json::Object(_) => Value::Null,
        };
        if value.is_null() { Err(wrong("'result' is a number, a text, true or false")) } else { Ok(value) }
    }

    fn time(&self, now: Timestamp) -> Result<Timestamp, Problem> {
        let instant = |name: &str, text: &str| {
            let words = format!("'{name}' is an instant like 2026-07-01T06:00:00+08:00");
            Timestamp::parse(text).map_err(|_| wrong(words))
        };
        self.result_time.as_deref().map(|text| instant("resultTime", text)).transpose()?;
        let time = self.phenomenon_time.as_deref().map_or(Ok(now), |text| instant("phenomenonTime", text))?;
        if time.0 > now.0.saturating_add(MOST_AHEAD_US) {
            let words = format!("'phenomenonTime' lies more than {} s ahead of now, {now}", MOST_AHEAD_US / 1_000_000);
            return Err(wrong(words));
        }
        Ok(time)
    }

    /// The Datastream that it belongs to: the one of the address, or the one that it names.
    async fn stream(&self, service: &Service, of_address: Option<Stream>) -> Result<Stream, Problem> {
        match (of_address, &self.datastream) {
            (Some(stream), None) => Ok(stream),
            (Some(_), Some(_)) => Err(wrong("the address says which Datastream it is: the body must not")),
            (None, None) => Err(wrong("'Datastream' is missing: {\"@iot.id\": \"...\"}")),
            (None, Some(Reference { id })) => {
                let segment = format!("{}('{}')", Kind::Datastreams.set(), id.replace('\'', "''"));
                let seen = service.clone();
                let found = service.readers.read(move |_| Ok(Target::of(&seen, &[segment]).ok())).await?;
                found
                    .and_then(|mut target| target.streams.pop())
                    .ok_or_else(|| wrong("there is no Datastream with this '@iot.id'"))
            }
        }
    }

    /// Hands it over and waits until it holds. What it has become, and of which stream.
    pub async fn create(
        self,
        service: &Service,
        of_address: Option<Stream>,
    ) -> Result<(Stream, (Timestamp, Value)), Problem> {
        let (value, time) = (self.value()?, self.time(wall_clock())?);
        let stream = self.stream(service, of_address).await?;
        if stream.latest.as_ref().is_some_and(|(latest, _)| *latest > time) {
            return Err(Problem::new(ProblemKind::Conflict, "a later observation is known already"));
        }
        let refused = |cause: NotObserved| {
            let kind = match cause {
                NotObserved::Play | NotObserved::Unbound => ProblemKind::Conflict,
                NotObserved::NotANumber => ProblemKind::BadRequest,
                NotObserved::TooMany => ProblemKind::Unavailable,
            };
            Problem::new(kind, cause.to_string())
        };
        match stream.observe(time, value.clone()).await.map_err(refused)? {
            true => Ok((stream, (time, value))),
            false => Err(Problem::new(ProblemKind::Unavailable, "it was handed over, but not taken in time")),
        }
    }
}

/// The Observation as an entity.
pub(super) fn created(stream: &Stream, observation: (Timestamp, Value)) -> Entity<'_> {
    Entity { kind: Kind::Observations, stream, observation: Some(observation) }
}
