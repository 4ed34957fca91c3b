//! `/api/snapshot.png`: a picture of a scene, drawn by whoever the app hands in.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::read;
use crate::quantity::Timestamp;
use crate::service::{Problem, ProblemKind, Service};

/// How long a picture is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const SIZE: (u32, u32) = (960, 540);
const SIDES: std::ops::RangeInclusive<u32> = 16..=4096;
/// Pixels of a picture at most: one of 4K.
const MOST_PIXELS: u64 = 3840 * 2160;
const MOST_NAME: usize = 200;

/// A picture that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureRequest {
    /// Name of the scene.
    pub scene: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Name of a camera, or `LON,LAT,H,HEADING,PITCH`; the scene's first one where `None`.
    pub camera: Option<String>,
    /// The instant of a play; where the play is now where `None`.
    pub at: Option<Timestamp>,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The request asks for what there is not; the words are for whoever asked.
    #[error("{0}")]
    Refused(String),
    /// Drawing failed; the words are for the log.
    #[error("{0}")]
    Failed(String),
}

/// Draws pictures, one after the other.
pub trait Painter: Send + Sync {
    /// Takes a request, answered with a PNG file; `false` where too many wait already.
    fn ask(&self, request: PictureRequest, answer: oneshot::Sender<Result<Vec<u8>, PictureError>>) -> bool;
}

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(snapshot))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct PictureQuery {
    /// Name of the scene; the only one where absent.
    #[serde(default)]
    scene: Option<String>,
    /// Width and height in pixels (960x540 where absent).
    #[serde(default)]
    #[param(example = "960x540")]
    size: Option<String>,
    /// A camera of the scene by its name, or longitude, latitude, height, heading and pitch with commas.
    #[serde(default)]
    camera: Option<String>,
    /// The instant of a play (RFC 3339); where it is now where absent.
    #[serde(default)]
    at: Option<String>,
}

impl PictureQuery {
    fn request(self, scene: String) -> Result<PictureRequest, &'static str> {
        let (width, height) = match self.size.as_deref() {
            None => SIZE,
            Some(text) => {
                let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
                sides.ok_or("'size' is like 960x540")?
            }
        };
        let is_in = SIDES.contains(&width) && SIDES.contains(&height);
        if !is_in || u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err("'size' is 16 to 4096 a side, and at most that of 3840x2160");
        }
        if self.camera.as_ref().is_some_and(|name| name.chars().count() > MOST_NAME) {
            return Err("no such camera");
        }
        let at = self.at.as_deref().map(Timestamp::parse).transpose();
        let at = at.map_err(|_| "'at' is like 2026-07-01T06:00:00+08:00")?;
        Ok(PictureRequest { scene, width, height, camera: self.camera, at })
    }
}

/// A picture of a scene.
#[utoipa::path(get, path = "/api/snapshot.png", params(PictureQuery), responses(
    (status = 200, description = "The picture", content_type = "image/png", body = [u8]),
    (status = 400, description = "Not a picture", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such scene", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many pictures wait", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "Drawing failed", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "This server draws no pictures", body = Problem, content_type = "application/problem+json"),
))]
async fn snapshot(
    State(service): State<Service>,
    query: Result<Query<PictureQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = read(query)?;
    let seen = service.live_scene(query.scene.as_deref())?;
    if seen.sight.is_some() {
        let words = "a picture shows the whole scene, and something of it is withheld from you";
        return Err(Problem::new(ProblemKind::Forbidden, words));
    }
    let scene = seen.channel.read(|board| board.hello().scene.clone());
    let request = query.request(scene).map_err(|detail| Problem::new(ProblemKind::BadRequest, detail))?;
    let unavailable = |detail: &str| Problem::new(ProblemKind::Unavailable, detail);
    let painter = service.live.painter.get().ok_or_else(|| unavailable("this server draws no pictures"))?;
    let (answer, picture) = oneshot::channel();
    if !painter.ask(request, answer) {
        return Err(Problem::new(ProblemKind::TooMany, "too many pictures wait"));
    }
    match timeout(PATIENCE, picture).await {
        Ok(Ok(Ok(png))) => {
            let headers = [(header::CONTENT_TYPE, "image/png"), (header::CACHE_CONTROL, "no-store")];
            Ok((headers, png).into_response())
        }
        Ok(Ok(Err(PictureError::Refused(detail)))) => Err(Problem::new(ProblemKind::BadRequest, detail)),
        Ok(Ok(Err(PictureError::Failed(cause)))) => Err(Problem::internal(&cause)),
        _ => Err(unavailable("the picture takes too long")),
    }
}
