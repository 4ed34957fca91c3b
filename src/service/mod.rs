//! The server: the same cities and scenes behind a link.
//!
//! ```text
//! request --limits--> --access (who, which rights)--> endpoint --Published--> city, tiles, scene
//!                                                        |
//!                                                        +--stage (a seam: the app runs it)--> live values, play, pictures
//! ```
//!
//! `published` is what is served; each other file is one family of addresses with its own `router()`, put together here, so
//! that the OpenAPI document is generated from what is served. Everything that goes wrong is a [`Problem`] (RFC 9457).
//! Nothing here draws or holds a play: what runs beside the requests is handed in.

mod problem;
mod published;
mod status;

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use problem::{Problem, ProblemKind};
pub use published::{Catalogue, Published};

/// Title and version of the generated document.
#[derive(OpenApi)]
#[openapi(info(title = "Veduta", description = "A city: objects, tiles, live values, plays."))]
struct Description;

/// What every endpoint has at hand; clones share it.
#[derive(Clone)]
pub struct Service {
    catalogue: Arc<RwLock<Arc<Catalogue>>>,
}

impl Service {
    /// A service of what is served.
    pub fn new(catalogue: Catalogue) -> Self {
        Self { catalogue: Arc::new(RwLock::new(Arc::new(catalogue))) }
    }

    /// What is served now. A request asks once and keeps it: meanwhile it may be replaced.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        // Nothing that holds this lock can leave it half written.
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves something else from now on; requests under way end with what they began with.
    pub fn publish(&self, catalogue: Catalogue) {
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
    }

    /// A city by its name in addresses.
    pub fn city(&self, name: &str) -> Result<Arc<Published>, Problem> {
        let missing = || Problem::new(ProblemKind::NotFound, "no city has this name; /api/city lists them");
        self.catalogue().cities.get(name).cloned().ok_or_else(missing)
    }
}

/// All endpoints with their description in OpenAPI 3.1.
pub fn described(service: Service) -> (Router, utoipa::openapi::OpenApi) {
    let (router, description) =
        OpenApiRouter::with_openapi(Description::openapi()).merge(status::router()).split_for_parts();
    (
        router.fallback(problem::unknown).method_not_allowed_fallback(problem::not_allowed).with_state(service),
        description,
    )
}
