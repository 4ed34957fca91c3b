//! Files of our own server, by the browser's `fetch`.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response, WorkerGlobalScope};

/// Why bytes did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The server refused, or has no such file.
    #[error("the server answers {status}: {url}")]
    Status {
        /// HTTP status.
        status: u16,
        /// What was asked for.
        url: String,
    },
    /// More than the caller has room for.
    #[error("{bytes} bytes are more than {most}: {url}")]
    TooLarge {
        /// What the server has.
        bytes: u64,
        /// What there is room for.
        most: u64,
        /// What was asked for.
        url: String,
    },
    /// No answer at all.
    #[error("{cause}: {url}")]
    Failed {
        /// What the browser said.
        cause: String,
        /// What was asked for.
        url: String,
    },
}

/// The bytes at an address, for whom a bearer token lets in, `most` at most; the length that the server states is looked at before they are read.
pub async fn get(url: &str, token: Option<&str>, most: u64) -> Result<Vec<u8>, HttpError> {
    let failed = |error: JsValue| {
        let words = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
        HttpError::Failed { cause: words.unwrap_or_else(|| format!("{error:?}")), url: url.to_owned() }
    };
    let response: Response =
        JsFuture::from(fetch(url, token).map_err(failed)?).await.map_err(failed)?.dyn_into().map_err(failed)?;
    if !response.ok() {
        return Err(HttpError::Status { status: response.status(), url: url.to_owned() });
    }
    let too_large = |bytes: u64| HttpError::TooLarge { bytes, most, url: url.to_owned() };
    // Of a compressed answer this is less than what comes out; that is looked at below.
    let stated = response.headers().get("content-length").ok().flatten().and_then(|length| length.parse().ok());
    if let Some(bytes) = stated.filter(|bytes| *bytes > most) {
        return Err(too_large(bytes));
    }
    let buffer = JsFuture::from(response.array_buffer().map_err(failed)?).await.map_err(failed)?;
    let bytes = Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>());
    if u64::from(bytes.length()) > most {
        return Err(too_large(bytes.length().into()));
    }
    Ok(bytes.to_vec())
}

/// `fetch` of a page or of a worker.
fn fetch(url: &str, token: Option<&str>) -> Result<js_sys::Promise, JsValue> {
    let headers = Headers::new()?;
    if let Some(token) = token {
        headers.set("authorization", &format!("Bearer {token}"))?;
    }
    let request = RequestInit::new();
    request.set_headers(&headers);
    let global = js_sys::global();
    Ok(match global.dyn_ref::<web_sys::Window>() {
        Some(window) => window.fetch_with_str_and_init(url, &request),
        None => global.unchecked_into::<WorkerGlobalScope>().fetch_with_str_and_init(url, &request),
    })
}
