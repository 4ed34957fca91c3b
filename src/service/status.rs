//! Whether the server lives and is ready: for load balancers and supervisors.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "It lives", body = str)))]
async fn alive() -> &'static str {
    "alive"
}

/// Everything that is served is open.
#[utoipa::path(get, path = "/readyz", responses((status = 200, description = "It is ready", body = str)))]
async fn ready() -> &'static str {
    "ready"
}
