//! `/api/playback`: where a play is, and steering it.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::{SceneQuery, read};
use super::{PlayCommand, PlayOrder, SceneChannel};
use crate::quantity::Timestamp;
use crate::service::{Problem, ProblemKind, Service};

/// How long an order is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Steps that one order goes at most.
const MOST_STEPS: i64 = 1_000_000;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(state, steer))
}

/// Where a play is.
#[derive(Debug, Serialize, ToSchema)]
struct PlayState {
    /// Name of the scene.
    scene: String,
    /// The shown instant (RFC 3339).
    time: String,
    /// The first instant.
    start: String,
    /// The last instant.
    end: String,
    /// Length of a step, seconds.
    step_s: f64,
    /// Whether it plays.
    playing: bool,
    /// Whether it begins again at its end.
    looping: bool,
    /// Played seconds a second.
    speed: f64,
}

/// Where a play is.
#[utoipa::path(get, path = "/api/playback", params(SceneQuery), responses(
    (status = 200, description = "The play", body = PlayState),
    (status = 400, description = "Not a question", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such play", body = Problem, content_type = "application/problem+json"),
))]
async fn state(
    State(service): State<Service>,
    query: Result<Query<SceneQuery>, QueryRejection>,
) -> Result<Json<PlayState>, Problem> {
    let channel = service.live_scene(read(query)?.scene.as_deref())?.channel;
    shown(&channel).map(Json)
}

fn shown(channel: &SceneChannel) -> Result<PlayState, Problem> {
    let (scene, play) = channel.read(|board| (board.hello().scene.clone(), board.play()));
    let play =
        play.ok_or_else(|| Problem::new(ProblemKind::NotFound, "the scene is in the present: it has no play"))?;
    let (time, start, end) = (play.time.to_string(), play.start.to_string(), play.end.to_string());
    let (playing, looping, speed, step_s) = (play.playing, play.looping, play.speed, play.step_s);
    Ok(PlayState { scene, time, start, end, step_s, playing, looping, speed })
}

/// What a play is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PlayAction {
    /// Play on; from the start where it stands at its end.
    Play,
    /// Stop where it is.
    Pause,
    /// Go to `time`.
    Seek,
    /// Pause and go `steps` on (1 where absent), or back.
    Step,
    /// Play `speed` seconds a second, 0.1 to 1000.
    Speed,
    /// Begin again at the end, or not: `looping`.
    Loop,
}

/// An order to a play.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlayBody {
    /// Name of the scene; the only one where absent.
    #[serde(default)]
    scene: Option<String>,
    /// What to do.
    action: PlayAction,
    /// For `seek`: an instant (RFC 3339).
    #[serde(default)]
    #[schema(example = "2026-07-01T08:00:00+08:00")]
    time: Option<String>,
    /// For `step`.
    #[serde(default)]
    steps: Option<i64>,
    /// For `speed`.
    #[serde(default)]
    speed: Option<f64>,
    /// For `loop`.
    #[serde(default)]
    looping: Option<bool>,
}

impl PlayBody {
    fn command(&self) -> Result<PlayCommand, &'static str> {
        Ok(match self.action {
            PlayAction::Play => PlayCommand::Play,
            PlayAction::Pause => PlayCommand::Pause,
            PlayAction::Seek => {
                let time = self.time.as_deref().ok_or("'seek' needs a 'time'")?;
                PlayCommand::Seek(Timestamp::parse(time).map_err(|_| "'time' is like 2026-07-01T06:00:00+08:00")?)
            }
            PlayAction::Step => PlayCommand::Step(self.steps.unwrap_or(1).clamp(-MOST_STEPS, MOST_STEPS)),
            PlayAction::Speed => match self.speed {
                Some(speed) if (0.1..=1000.0).contains(&speed) => PlayCommand::Speed(speed),
                _ => return Err("'speed' lies between 0.1 and 1000"),
            },
            PlayAction::Loop => PlayCommand::Loop(self.looping.ok_or("'loop' needs 'looping'")?),
        })
    }
}

/// Steers a play; answers with where it is then.
#[utoipa::path(post, path = "/api/playback", request_body = PlayBody, responses(
    (status = 200, description = "Done", body = PlayState),
    (status = 400, description = "Not an order", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such play", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many orders wait", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The play does not answer", body = Problem, content_type = "application/problem+json"),
))]
async fn steer(
    State(service): State<Service>,
    body: Result<Json<PlayBody>, JsonRejection>,
) -> Result<Json<PlayState>, Problem> {
    let refuse = |detail: &str| Problem::new(ProblemKind::BadRequest, detail);
    let Json(body) = body.map_err(|_| refuse("the body is a JSON object with 'action'"))?;
    let command = body.command().map_err(refuse)?;
    let channel = service.live_scene(body.scene.as_deref())?.channel;
    shown(&channel)?;
    let (done, carried_out) = oneshot::channel();
    let waiting = |_| Problem::new(ProblemKind::TooMany, "too many orders wait");
    service.live.counters.orders.inc();
    channel.orders.try_send(PlayOrder { command, done }).map_err(waiting)?;
    match timeout(PATIENCE, carried_out).await {
        Ok(Ok(())) => shown(&channel).map(Json),
        _ => Err(Problem::new(ProblemKind::Unavailable, "the play does not answer")),
    }
}
