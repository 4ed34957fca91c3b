//! `/` and `/web`: the viewer's page and its programs, the files that `make web` writes.

use std::path::Path;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, get_service};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

use super::problem::unknown;

/// What `/` shows where the page is not there.
const NO_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Veduta</title>\
    <p>The viewer's page is not here: build it with <code>make web</code>, or name its folder with <code>--page</code>. \
    The API is described under <a href=\"api\">/api</a>.</p></html>";

/// The page in a folder, or a word that there is none.
pub(super) fn router<S: Clone + Send + Sync + 'static>(folder: Option<&Path>) -> Router<S> {
    let Some(folder) = folder else { return Router::new().route("/", get(Html(NO_PAGE))) };
    // The page asks each time whether its programs have changed; where they have not, nothing is sent.
    let asks = SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let missing = tower::service_fn(|_: axum::extract::Request| async { Ok(unknown().await.into_response()) });
    let files = ServeDir::new(folder).append_index_html_on_directories(false).precompressed_br().fallback(missing);
    Router::new()
        .route("/", get_service(ServeFile::new(folder.join("index.html"))))
        .nest_service("/web", files.map_response(|response| response.into_response()))
        .layer(asks)
}
