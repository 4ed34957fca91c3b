//! `/api/indicators`, `/api/alarms`, `/api/scenarios`: what holds now, for those who ask once.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Audience, Fact, SeenScene};
use crate::scenario::SceneForViewers;
use crate::scenario::wire::IndicatorAbout;
use crate::service::parameters::{Asked, Named, Nothing};
use crate::service::{Problem, ProblemKind, Service};

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(indicators))
        .routes(routes!(alarms))
        .routes(routes!(scenarios))
        .routes(routes!(scene))
}

/// Which scene is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct SceneQuery {
    /// Name of the scene; the only one where absent.
    #[serde(default)]
    pub scene: Option<String>,
}

/// Reads a query, or says that it cannot be read.
pub(super) fn read<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let unreadable = |_| Problem::new(ProblemKind::BadRequest, "the query has an unknown key or a value that is none");
    query.map(|Query(query)| query).map_err(unreadable)
}

/// A figure of an indicator.
#[derive(Debug, Serialize, ToSchema)]
struct FigureEntry {
    /// Name of the indicator.
    indicator: String,
    /// As people call it.
    title: String,
    /// UCUM unit; empty where it has none.
    unit: String,
    /// The value aimed at; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<f64>,
    /// The object that it is for; absent for the city or an area.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    /// The value; null where none is known.
    value: Option<f64>,
    /// `unknown`, `normal`, `warning`, `critical`.
    state: &'static str,
}

/// The figures of a scene.
#[utoipa::path(get, path = "/api/indicators", params(SceneQuery), responses(
    (status = 200, description = "Figures", body = Vec<FigureEntry>),
    (status = 400, description = "Not a question", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such scene", body = Problem, content_type = "application/problem+json"),
))]
async fn indicators(
    State(service): State<Service>,
    query: Result<Query<SceneQuery>, QueryRejection>,
) -> Result<Json<Vec<FigureEntry>>, Problem> {
    let seen = service.live_scene(read(query)?.scene.as_deref())?;
    let all = Audience::of(seen.sight);
    Ok(Json(seen.channel.read(|board| {
        let figures = board.figures().filter(|figure| all.admits(&Fact::Figure((*figure).clone()), board));
        let entry = |figure: &crate::scenario::wire::Figure| {
            let about = board.hello().indicators.get(usize::from(figure.indicator))?.clone();
            let IndicatorAbout { name: indicator, title, unit, target, .. } = about;
            let object = figure.row.map(|row| board.about(row).map(|about| about.id.clone()).unwrap_or_default());
            Some(FigureEntry {
                indicator,
                title,
                unit,
                target,
                object,
                value: figure.value,
                state: figure.state.word(),
            })
        };
        figures.filter_map(entry).collect()
    })))
}

/// An alarm that is raised.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmEntry {
    /// Name of its rule; empty for one that an event raised.
    alarm: String,
    /// The object; empty for the city.
    object: String,
    /// `info`, `warning`, `critical`.
    severity: &'static str,
    /// Words for people.
    message: String,
    /// Since when (RFC 3339).
    since: String,
    /// The latest value.
    value: Option<f64>,
}

/// The alarms that are raised in a scene.
#[utoipa::path(get, path = "/api/alarms", params(SceneQuery), responses(
    (status = 200, description = "Alarms", body = Vec<AlarmEntry>),
    (status = 400, description = "Not a question", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such scene", body = Problem, content_type = "application/problem+json"),
))]
async fn alarms(
    State(service): State<Service>,
    query: Result<Query<SceneQuery>, QueryRejection>,
) -> Result<Json<Vec<AlarmEntry>>, Problem> {
    let seen = service.live_scene(read(query)?.scene.as_deref())?;
    let all = Audience::of(seen.sight);
    Ok(Json(seen.channel.read(|board| {
        let raised = board.alarms().filter(|alarm| alarm.raised);
        let raised = raised.filter(|alarm| all.admits(&Fact::Alarm((*alarm).clone()), board));
        let entry = |alarm: &crate::scenario::wire::Alarm| AlarmEntry {
            alarm: alarm.name.clone(),
            object: alarm.object.clone(),
            severity: alarm.severity.word(),
            message: alarm.message.clone(),
            since: alarm.since.to_string(),
            value: alarm.value,
        };
        raised.map(entry).collect()
    })))
}

/// A scene or scenario that is served live.
#[derive(Debug, Serialize, ToSchema)]
struct SceneEntry {
    /// Name in addresses and subscriptions.
    scene: String,
    /// As people call it.
    title: String,
    /// The city that it is about, see `/api/city`.
    city: String,
    /// Title of the scenario; absent for a scene in the present.
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<String>,
    /// Variants of the scenario.
    variants: Vec<String>,
    /// The variant that is played.
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
    /// Names of the scene's cameras.
    cameras: Vec<String>,
    /// Names of the scene's layers.
    layers: Vec<String>,
    /// Live properties.
    properties: Vec<String>,
    /// The first instant of the play (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    /// The last instant of the play.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
}

/// Scenes and scenarios that are served live.
#[utoipa::path(get, path = "/api/scenarios",
    responses((status = 200, description = "Scenes and scenarios", body = Vec<SceneEntry>)))]
async fn scenarios(State(service): State<Service>) -> Json<Vec<SceneEntry>> {
    Json(service.live_scenes().values().map(scene_entry).collect())
}

/// A scene as a viewer draws it: layers, effects of live values, cameras, panel.
#[utoipa::path(get, path = "/api/scenes/{scene}",
    params(("scene" = String, Path, description = "Name of the scene")),
    responses(
        (status = 200, description = "The scene", body = serde_json::Value),
        (status = 400, description = "An address that is not UTF-8", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such scene", body = Problem, content_type = "application/problem+json"),
    ))]
async fn scene(
    State(service): State<Service>,
    Named(name): Named<String>,
    _: Asked<Nothing>,
) -> Result<Json<SceneForViewers>, Problem> {
    Ok(Json(service.live_scene(Some(&name))?.document().clone()))
}

fn scene_entry(seen: &SeenScene) -> SceneEntry {
    let (about, document) = (&seen.channel.about, seen.document());
    let (hello, play) = seen.channel.read(|board| (board.hello().clone(), board.play()));
    let properties = seen.sight.as_ref().map_or(&hello.properties, |sight| &sight.hello().properties);
    SceneEntry {
        scene: hello.scene.clone(),
        title: hello.title.clone(),
        scenario: about.scenario.clone(),
        variants: about.variants.clone(),
        variant: about.variant.clone(),
        city: document.city.clone(),
        cameras: document.cameras.iter().map(|camera| camera.name.clone()).collect(),
        layers: document.layers.iter().map(|layer| layer.name.clone()).collect(),
        properties: properties.iter().map(|(name, _)| name.clone()).collect(),
        start: play.map(|play| play.start.to_string()),
        end: play.map(|play| play.end.to_string()),
    }
}
