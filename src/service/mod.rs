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

pub mod access;
pub mod audit;
mod city;
mod description;
mod document;
mod features;
mod limits;
mod links;
pub mod live;
mod metrics;
mod ogc;
mod pace;
mod page;
mod parameters;
mod problem;
mod proxies;
mod published;
mod reading;
mod running;
mod sta;
mod status;
mod tiles;

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::{Extension, Router};
use axum_server::tls_rustls::RustlsConfig;
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any as Anyone, CorsLayer};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use access::{Access, Gate, RightDocument, RightsError, Role, visible};
pub use document::{AuditDocument, ServeDocument, TlsDocument, read_serve};
pub use limits::{Clients, Limits};
pub use metrics::Metrics;
pub use problem::{Problem, ProblemKind};
pub use proxies::{Network, Proxies, ProxyHeader};
pub use published::{Catalogue, Published};
pub use reading::Readers;
pub use running::serve;
pub use tiles::{TileFile, TileStore};

/// Title and version of the generated document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Veduta", description = "A city: objects, tiles, live values, plays."),
    components(schemas(Problem))
)]
struct Description;

/// Where a server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not everything is open yet.
    Opening,
    /// It serves.
    Ready,
    /// It was told to stop; open requests end.
    Stopping,
}

/// What is served, by who asks.
type Catalogues = BTreeMap<Role, Arc<Catalogue>>;

/// Who is let in, and what is withheld from them.
#[derive(Clone)]
struct Protection {
    access: Arc<Access>,
    rights: Vec<RightDocument>,
}

/// What is served to whom: replaced as a whole, so that nobody sees one thing with the rights of another.
struct Served {
    catalogues: Catalogues,
    protection: Option<Protection>,
    /// What roles see of live scenes.
    sights: Mutex<live::Sights>,
}

impl Served {
    fn new(catalogues: Catalogues, protection: Option<Protection>) -> Self {
        Self { catalogues, protection, sights: Mutex::default() }
    }

    /// What is withheld from a role.
    fn rights_of(&self, role: Role) -> impl Iterator<Item = &RightDocument> {
        let rights = self.protection.iter().flat_map(|protection| &protection.rights);
        rights.filter(move |right| right.role == role)
    }
}

/// What every endpoint has at hand; clones share it.
#[derive(Clone)]
pub struct Service {
    served: Arc<RwLock<Arc<Served>>>,
    /// Told when something else is served.
    replaced: Arc<watch::Sender<u64>>,
    role: Role,
    certificate: Option<RustlsConfig>,
    limits: Arc<RwLock<Arc<Limits>>>,
    proxies: Arc<RwLock<Arc<Proxies>>>,
    page: Option<Arc<Path>>,
    phase: Arc<watch::Sender<Phase>>,
    clients: Arc<Clients>,
    /// Files of packages.
    pub tiles: Arc<TileStore>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    live: Arc<live::Live>,
    /// Those who read cities for requests.
    pub readers: Readers,
}

impl Service {
    /// A service with everything as where no `serve.toml` says otherwise.
    pub fn new(catalogue: Catalogue) -> Self {
        Self::with(catalogue, &ServeDocument::default())
    }

    /// A service as a `serve.toml` says, to whoever reaches it: see [`Self::protected`].
    pub fn with(catalogue: Catalogue, document: &ServeDocument) -> Self {
        let tiles = Arc::new(TileStore::new(document.cache_mib << 20));
        let metrics = Arc::new(Metrics::default());
        metrics.register("tile_cache_hits", "Bodies of tiles that were kept", tiles.hits.clone());
        metrics.register("tile_cache_misses", "Bodies of tiles that were read or compressed", tiles.misses.clone());
        let limits = live::LiveLimits { history_bytes: document.history_mib << 20, ..live::LiveLimits::default() };
        let live = Arc::new(live::Live::with_limits(limits));
        live.counters.register(&metrics);
        Self {
            live,
            served: Arc::new(RwLock::new(Arc::new(Served::new(open_to_all(catalogue), None)))),
            replaced: Arc::default(),
            role: Role::Admin,
            certificate: None,
            limits: Arc::new(RwLock::new(Arc::new(document.limits))),
            proxies: Arc::new(RwLock::new(Arc::new(document.proxies()))),
            page: None,
            phase: Arc::new(watch::Sender::new(Phase::Opening)),
            clients: Arc::default(),
            tiles,
            metrics,
            readers: Readers::default(),
        }
    }

    /// With other bounds for live clients.
    pub fn with_live(self, live: Arc<live::Live>) -> Self {
        Self { live, ..self }
    }

    /// What is live.
    pub fn live(&self) -> &Arc<live::Live> {
        &self.live
    }

    /// The same service, with the viewer's page from a folder.
    pub fn with_page(self, folder: &Path) -> Self {
        Self { page: Some(folder.into()), ..self }
    }

    /// The same service, speaking TLS.
    pub fn with_certificate(self, certificate: RustlsConfig) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// The same service behind a gate, each role with what it may see.
    pub fn protected(self, access: Access, rights: Vec<RightDocument>) -> Result<Self, RightsError> {
        let catalogue = self.catalogue().as_ref().clone();
        self.renew(catalogue, access, rights)?;
        Ok(self)
    }

    /// Serves something else, perhaps to others, from now on: requests under way end with what they began with, connections
    /// for live values of whoever is no longer known or sees something else now are closed. Where the rights do not fit,
    /// nothing changes. What is behind no gate from the start stays so.
    pub fn renew(&self, catalogue: Catalogue, access: Access, rights: Vec<RightDocument>) -> Result<(), RightsError> {
        let catalogues = by_role(&catalogue, &rights)?;
        self.replace(Served::new(catalogues, Some(Protection { access: Arc::new(access), rights })));
        Ok(())
    }

    fn replace(&self, served: Served) {
        // What takes long with large cities is worked out before anybody waits for it.
        for role in Role::ALL {
            self.seen_by(role).live_scenes_of(&served);
        }
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(served);
        self.replaced.send_modify(|times| *times += 1);
    }

    /// Says that other scenes are live now: connections for those that were are closed.
    pub fn restaged(&self) {
        self.replaced.send_modify(|times| *times += 1);
    }

    fn served(&self) -> Arc<Served> {
        // Nothing that holds this lock can leave what it holds half written.
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is served now to who asks: objects and attributes that they may not see are not in it. A request asks once and
    /// keeps it: meanwhile it may be replaced.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.served().catalogues.get(&self.role).cloned().unwrap_or_default()
    }

    /// Serves something else from now on; requests under way end with what they began with. Where the rights do not fit it,
    /// nothing changes.
    pub fn publish(&self, catalogue: Catalogue) -> Result<(), RightsError> {
        let protection = self.served().protection.clone();
        let catalogues = match &protection {
            Some(protection) => by_role(&catalogue, &protection.rights)?,
            None => open_to_all(catalogue),
        };
        self.replace(Served::new(catalogues, protection));
        Ok(())
    }

    /// A city by its name in addresses.
    pub fn city(&self, name: &str) -> Result<Arc<Published>, Problem> {
        let missing = || Problem::new(ProblemKind::NotFound, "no city has this name; /api/city lists them");
        self.catalogue().cities.get(name).cloned().ok_or_else(missing)
    }

    /// What lets people in; `None` where whoever reaches the server is in.
    pub fn access(&self) -> Option<Arc<Access>> {
        self.served().protection.as_ref().map(|protection| Arc::clone(&protection.access))
    }

    fn seen_by(&self, role: Role) -> Self {
        Self { role, ..self.clone() }
    }

    /// The limits that hold now.
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other limits from now on.
    pub fn limit(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
    }

    /// The proxies that are believed now.
    pub fn proxies(&self) -> Arc<Proxies> {
        self.proxies.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other proxies are believed from now on.
    pub fn believe(&self, proxies: Proxies) {
        *self.proxies.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(proxies);
    }

    /// Where the server is in its life.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Goes on to another phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Waits until the server is told to stop: whoever holds a connection for long (a WebSocket) ends it then.
    pub async fn stopped(&self) {
        // The sender lives as long as the service: this cannot fail.
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Stopping).await;
    }
}

fn open_to_all(catalogue: Catalogue) -> Catalogues {
    let whole = Arc::new(catalogue);
    Role::ALL.into_iter().map(|role| (role, Arc::clone(&whole))).collect()
}

fn by_role(whole: &Catalogue, rights: &[RightDocument]) -> Result<Catalogues, RightsError> {
    Role::ALL.into_iter().map(|role| Ok((role, Arc::new(visible(whole, rights, role)?)))).collect()
}

/// All endpoints with their description in OpenAPI 3.1, behind the gate where there is one.
pub fn described(service: Service) -> (Router, utoipa::openapi::OpenApi) {
    let (router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .merge(access::session::router())
        .merge(city::router())
        .merge(description::router())
        .merge(live::router())
        .merge(metrics::router())
        .merge(ogc::router())
        .merge(sta::router())
        .merge(status::router())
        .merge(tiles::router())
        .split_for_parts();
    description::with_problems(&mut description);
    let sent = Arc::new(description::Described::new(description.clone()));
    let body_bytes = service.limits().body_bytes;
    let router = router
        .merge(page::router(service.page.as_deref()))
        .fallback(problem::unknown)
        .method_not_allowed_fallback(problem::not_allowed)
        .layer(Extension(sent))
        .layer(DefaultBodyLimit::max(body_bytes))
        .layer(from_fn(metrics::note_route));
    let router = match service.access() {
        None => router.with_state(service.clone()),
        Some(_) => {
            let endpoints = Role::ALL.map(|role| (role, router.clone().with_state(service.seen_by(role))));
            Gate::router(service.clone(), endpoints.into())
        }
    };
    // The last layer is the first that a request meets. This limit is for bodies that do not tell their length.
    let router = router
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(service.clone(), limits::guard))
        .layer(cors())
        .layer(from_fn_with_state(service.clone(), metrics::observe))
        .layer(from_fn_with_state(service, proxies::see_through));
    (router, description)
}

/// Pages of other origins may read. What they may see is a matter of the token that they send; cookies count for nothing.
fn cors() -> CorsLayer {
    let asked = [header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH, header::RANGE];
    let told = [header::ETAG, header::CONTENT_RANGE, header::CONTENT_LENGTH, header::LOCATION, header::RETRY_AFTER];
    CorsLayer::new()
        .allow_origin(Anyone)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(asked)
        .expose_headers(told)
}

/// A fault in an endpoint ends its request and nothing else.
fn panicked(_: Box<dyn Any + Send + 'static>) -> axum::response::Response {
    Problem::internal(&"an endpoint panicked").into_response()
}
