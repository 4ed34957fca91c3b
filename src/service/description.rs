//! `/api`: the description of everything that is served, for programs (OpenAPI 3.1) and people.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Service;
use super::parameters::{Asked, Nothing};

/// The media type of OpenAPI 3.1 documents.
pub(super) const OPENAPI: &str = "application/vnd.oai.openapi+json;version=3.1";

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(description))
}

/// The description, ready to be sent.
pub(super) struct Described {
    json: String,
    page: String,
}

/// This description: OpenAPI 3.1, or a page where HTML is preferred.
#[utoipa::path(
    get,
    path = "/api",
    tag = "api",
    responses((status = 200, description = "The description", content(
        (Object = "application/vnd.oai.openapi+json;version=3.1"),
        (String = "text/html")
    )))
)]
async fn description(
    Extension(described): Extension<Arc<Described>>,
    headers: HeaderMap,
    _: Asked<Nothing>,
) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.split(',').next().is_some_and(|first| first.trim_start().starts_with("text/html")) {
        return Html(described.page.clone()).into_response();
    }
    ([(header::CONTENT_TYPE, OPENAPI)], described.json.clone()).into_response()
}

/// The description with what every endpoint has in common: it may answer with a problem.
pub(super) fn with_problems(api: &mut OpenApi) {
    for (_, operation) in api.paths.paths.values_mut().flat_map(operations) {
        let responses = &mut operation.responses.responses;
        for (range, words) in [("4XX", "What is wrong with the request"), ("5XX", "The server cannot answer now")] {
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            let problem = ResponseBuilder::new().description(words).content("application/problem+json", content);
            responses.entry(range.to_owned()).or_insert_with(|| problem.build().into());
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let methods = [
        ("GET", &mut item.get),
        ("HEAD", &mut item.head),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

impl Described {
    /// Of everything that is served.
    pub fn new(mut api: OpenApi) -> Self {
        let json = api.to_json().unwrap_or_else(|fault| {
            tracing::error!("the description cannot be written: {fault}");
            String::new()
        });
        Self { json, page: page(&mut api) }
    }
}

/// Every operation with its first sentence.
fn page(api: &mut OpenApi) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Veduta</title>\n<h1>Veduta</h1>\n<p>What this server \
         answers. Programs get it as OpenAPI 3.1 from this address.</p>\n<dl>\n",
    );
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            let (path, summary) = (escaped(path), escaped(operation.summary.as_deref().unwrap_or_default()));
            // Writing to a string cannot fail.
            let _ = writeln!(page, "<dt><code>{method} {path}</code></dt><dd>{summary}</dd>");
        }
    }
    page.push_str("</dl>\n</html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
