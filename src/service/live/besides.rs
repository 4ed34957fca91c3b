//! What a viewer draws of a scene besides its city: what the variant adds, and the water of its simulations. Neither can be
//! had in part, so it is for those from whom nothing is withheld.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::SeenScene;
use crate::service::parameters::{Asked, Named, Nothing};
use crate::service::{Problem, ProblemKind, Service};

const BYTES: &str = "application/octet-stream";
/// Seconds after which to ask again for what is being computed.
const AGAIN_S: &str = "2";

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(added)).routes(routes!(run))
}

impl Service {
    /// The scene, for whom all of it is to be seen.
    fn whole_scene(&self, name: &str) -> Result<SeenScene, Problem> {
        let seen = self.live_scene(Some(name))?;
        if seen.sight.is_some() {
            return Err(Problem::new(ProblemKind::NotFound, "nothing of this kind is to be seen of the scene"));
        }
        Ok(seen)
    }
}

/// What the variant of a scene adds to its city, as viewers of this version take it.
#[utoipa::path(get, path = "/api/scenes/{scene}/added",
    params(("scene" = String, Path, description = "Name of the scene")),
    responses(
        (status = 200, description = "The added objects", content_type = "application/octet-stream", body = [u8]),
        (status = 400, description = "An address that is not UTF-8", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such scene, or nothing is added to it", body = Problem, content_type = "application/problem+json"),
    ))]
async fn added(
    State(service): State<Service>,
    Named(scene): Named<String>,
    _: Asked<Nothing>,
) -> Result<Response, Problem> {
    let added = service.whole_scene(&scene)?.channel.about.added.clone();
    if added.is_empty() {
        return Err(Problem::new(ProblemKind::NotFound, "nothing is added to this scene"));
    }
    Ok(([(header::CONTENT_TYPE, BYTES)], Bytes::from_owner(added)).into_response())
}

/// The recording of a simulation of a scene, as `veduta simulate` writes it; 202 while it is being computed.
#[utoipa::path(get, path = "/api/scenes/{scene}/runs/{run}",
    params(
        ("scene" = String, Path, description = "Name of the scene"),
        ("run" = String, Path, description = "Name of the simulation"),
    ),
    responses(
        (status = 200, description = "The recording", content_type = "application/octet-stream", body = [u8]),
        (status = 202, description = "It is being computed: ask again", content_type = "application/octet-stream", body = [u8]),
        (status = 400, description = "An address that is not UTF-8", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such scene or simulation", body = Problem, content_type = "application/problem+json"),
    ))]
async fn run(
    State(service): State<Service>,
    Named((scene, run)): Named<(String, String)>,
    _: Asked<Nothing>,
) -> Result<Response, Problem> {
    let seen = service.whole_scene(&scene)?;
    let listed = seen.document().runs.iter().any(|listed| listed.name == run);
    match seen.channel.run(&run) {
        Some(Some(recording)) => {
            Ok(([(header::CONTENT_TYPE, BYTES)], Bytes::from_owner(recording.bytes().clone())).into_response())
        }
        None if listed => {
            let headers = [(header::CONTENT_TYPE, BYTES), (header::RETRY_AFTER, AGAIN_S)];
            Ok((StatusCode::ACCEPTED, headers, Vec::new()).into_response())
        }
        _ => Err(Problem::new(ProblemKind::NotFound, "the scene has no such simulation, or it failed")),
    }
}
