//! Whether the server lives and is ready: for load balancers and supervisors.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Phase, Problem, ProblemKind, Service};

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operations",
    responses((status = 200, description = "It lives", body = str)))]
async fn alive() -> &'static str {
    "alive"
}

/// Everything that is served is open, and nobody told the server to stop.
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "It is ready", body = str),
    (status = 503, description = "Not yet, or no longer", body = Problem, content_type = "application/problem+json"),
))]
async fn ready(State(service): State<Service>) -> Result<&'static str, Problem> {
    match service.phase() {
        Phase::Ready => Ok("ready"),
        Phase::Opening => Err(Problem::new(ProblemKind::Unavailable, "opening")),
        Phase::Stopping => Err(Problem::new(ProblemKind::Unavailable, "stopping")),
    }
}
