//! `/metrics` for Prometheus, and a line in the log for each request.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::body::HttpBody;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Problem, Service};
use crate::platform::{monotonic_now, resident_bytes};

/// Upper ends of the latencies that are told apart, seconds.
const LATENCIES: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    /// The address with its parameters by name: a label for each tile would be one for each object of a city.
    route: String,
    method: &'static str,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// What the server counts. Others register what they count beside it.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Kind, Counter>,
    latency: Family<Route, Histogram, fn() -> Histogram>,
    sent: Counter,
    memory: Gauge,
    kept: Gauge,
    /// Connections that are open.
    pub connections: Gauge,
    /// Requests and connections that were turned away because there were too many of them.
    pub turned_away: Counter,
    /// Connections that were closed because their client took nothing of what was sent.
    pub too_slow: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("veduta")),
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(LATENCIES)),
            sent: Counter::default(),
            memory: Gauge::default(),
            kept: Gauge::default(),
            connections: Gauge::default(),
            turned_away: Counter::default(),
            too_slow: Counter::default(),
        };
        metrics.register("requests", "Requests answered", metrics.requests.clone());
        metrics.register("request_seconds", "Time to the head of an answer", metrics.latency.clone());
        metrics.register("sent_bytes", "Bytes of bodies whose length is known", metrics.sent.clone());
        metrics.register("memory_bytes", "Memory of the process", metrics.memory.clone());
        metrics.register("tile_cache_bytes", "Bodies of tiles that are kept", metrics.kept.clone());
        metrics.register("connections", "Open connections", metrics.connections.clone());
        metrics.register("turned_away", "Requests and connections beyond a limit", metrics.turned_away.clone());
        metrics.register("too_slow", "Connections closed because nothing was taken", metrics.too_slow.clone());
        metrics
    }
}

impl Metrics {
    /// Adds something that is counted, under `veduta_` and its name (`_total` is added to counters).
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, metric);
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// What the server counts, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, description = "OpenMetrics 1.0", body = str, content_type = "application/openmetrics-text")
))]
async fn metrics(State(service): State<Service>) -> Result<Response, Problem> {
    let metrics = &service.metrics;
    metrics.memory.set(resident_bytes().unwrap_or_default() as i64);
    metrics.kept.set(service.tiles.kept_bytes() as i64);
    let text = metrics.text().map_err(|error| Problem::internal(&error))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// Tells [`observe`] the template of the address, which is known only behind the gate.
pub(super) async fn note_route(template: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(template) = template {
        response.extensions_mut().insert(template);
    }
    response
}

/// Counts and logs a request. The address goes to the log without its question, which may hold what is nobody's business.
pub(super) async fn observe(State(service): State<Service>, request: Request, next: Next) -> Response {
    let begin = monotonic_now();
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let (method, path) = (known(request.method()), request.uri().path().to_owned());
    let response = next.run(request).await;
    let template = response.extensions().get::<MatchedPath>();
    let route = template.map_or("none", MatchedPath::as_str).to_owned();
    let (seconds, status) = (begin.elapsed().as_secs_f64(), response.status().as_u16());
    let bytes = response.body().size_hint().exact().unwrap_or_default();
    let metrics = &service.metrics;
    metrics.requests.get_or_create(&Kind { route: route.clone(), method, status: status.into() }).inc();
    metrics.latency.get_or_create(&Route { route }).observe(seconds);
    metrics.sent.inc_by(bytes);
    let client = client.map(tracing::field::display);
    tracing::info!(method, path, status, bytes, ms = seconds * 1e3, client, "request");
    response
}

/// Methods that are told apart; a client may make up any number of others.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
