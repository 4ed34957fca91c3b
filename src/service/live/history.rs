//! `/api/history`: past values of one property of one object.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::streams::Stream;
use crate::city::Value;
use crate::live::PastQuery;
use crate::quantity::Timestamp;
use crate::service::links::{Here, Link};
use crate::service::parameters::{Asked, count, from_one};
use crate::service::{Problem, ProblemKind, Service};

/// Values in an answer where no limit is asked for, and at most.
const USUAL: usize = 1000;
const MOST: usize = 10_000;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(history))
}

/// Whose past is asked for, and which part of it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryAsked {
    /// Identifier of the object.
    #[param(example = "air-01")]
    object: String,
    /// Name of the live property.
    #[param(example = "pm25")]
    property: String,
    /// From this instant on (RFC 3339).
    #[param(example = "2026-07-01T06:00:00Z")]
    from: Option<String>,
    /// Up to this instant, which belongs to it.
    #[param(example = "2026-07-01T07:00:00Z")]
    until: Option<String>,
    /// Values in the answer, 1000 where it is not given, never more than 10 000.
    #[serde(default, deserialize_with = "count")]
    #[param(schema_with = from_one)]
    limit: Option<usize>,
    /// Name of the scene; the only one where absent.
    scene: Option<String>,
}

/// Past values.
#[derive(Debug, Serialize, ToSchema)]
struct PastValues {
    /// Name of the scene.
    scene: String,
    /// Identifier of the object.
    object: String,
    /// Name of the property.
    property: String,
    /// UCUM unit; empty where it has none.
    unit: String,
    /// The oldest first.
    values: Vec<PastValue>,
    /// This answer, and the `next` one where there is more.
    links: Vec<Link>,
}

/// A value as it was observed.
#[derive(Debug, Serialize, ToSchema)]
struct PastValue {
    /// When (RFC 3339).
    #[schema(example = "2026-07-01T06:00:00Z")]
    time: String,
    /// A number, a text, true or false.
    #[schema(value_type = serde_json::Value, example = 12.5)]
    value: serde_json::Value,
}

impl HistoryAsked {
    fn query(&self) -> Result<PastQuery, Problem> {
        if self.limit == Some(0) {
            return Err(Problem::new(ProblemKind::BadRequest, "limit: at least 1"));
        }
        let instant = |name: &str, text: &Option<String>, open: i64| {
            let wrong = |_| format!("{name}: not a time (2026-07-01T06:00:00+08:00, its '+' written %2B)");
            text.as_deref().map_or(Ok(Timestamp(open)), |text| Timestamp::parse(text).map_err(wrong))
        };
        let wrong = |cause| Problem::new(ProblemKind::BadRequest, cause);
        let from = instant("from", &self.from, i64::MIN).map_err(wrong)?;
        let until = instant("until", &self.until, i64::MAX).map_err(wrong)?;
        let most = self.limit.unwrap_or(USUAL).min(MOST);
        Ok(PastQuery { from, before: Timestamp(until.0.saturating_add(1)), most, newest_first: false })
    }
}

/// Past values of a live property: the oldest first, as far back as the scene remembers.
#[utoipa::path(
    get,
    path = "/api/history",
    tag = "live",
    params(HistoryAsked),
    responses((status = 200, description = "The values", body = PastValues))
)]
async fn history(
    State(service): State<Service>,
    here: Here,
    Asked(asked): Asked<HistoryAsked>,
) -> Result<Json<PastValues>, Problem> {
    let query = asked.query()?;
    let scene = service.live_scene(asked.scene.as_deref())?.channel.read(|board| board.hello().scene.clone());
    let wanted = (asked.object, asked.property);
    let seen = service.clone();
    let found = service.readers.read(move |_| {
        let is_wanted = |_: &str, object: &str, property: &str| (object, property) == (&*wanted.0, &*wanted.1);
        let missing = || Problem::new(ProblemKind::NotFound, "nothing is bound to such a property of such an object");
        let stream = seen.streams(Some(&scene), &is_wanted).pop().ok_or_else(missing)?;
        Ok(page(&stream, &query, &here))
    });
    found.await.map(Json)
}

fn page(stream: &Stream, asked: &PastQuery, here: &Here) -> PastValues {
    let mut found = stream.observations(&PastQuery { most: asked.most + 1, ..*asked });
    let further = found.get(asked.most).map(|(time, _)| time.to_string());
    found.truncate(asked.most);
    let value = |(time, value): (Timestamp, Value)| PastValue { time: time.to_string(), value: (&value).into() };
    let mut links = vec![here.itself("application/json")];
    links.extend(further.map(|time| here.with("next", "application/json", "from", &time)));
    PastValues {
        scene: stream.scene.name.clone(),
        object: stream.object.id.clone(),
        property: stream.property().to_owned(),
        unit: stream.unit().to_owned(),
        values: found.into_iter().map(value).collect(),
        links,
    }
}
