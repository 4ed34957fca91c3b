//! Files of our own server, by the browser's `fetch`.

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, ReadableStreamDefaultReader, RequestInit, Response, WorkerGlobalScope};

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

/// The bytes at an address, for whom a bearer token lets in; no more than `most` of them are ever held, whatever comes out
/// of a compressed answer.
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
    // Of a compressed answer this is less than what comes out; that is looked at while it comes.
    let stated: Option<u64> =
        response.headers().get("content-length").ok().flatten().and_then(|length| length.parse().ok());
    if let Some(bytes) = stated.filter(|bytes| *bytes > most) {
        return Err(too_large(bytes));
    }
    let Some(body) = response.body() else { return Ok(Vec::new()) };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut bytes = Vec::with_capacity(stated.unwrap_or_default() as usize);
    while let Some(part) = next(&reader).await.map_err(failed)? {
        let length = bytes.len() as u64 + u64::from(part.length());
        if length > most {
            // What else would come is of no use, and nobody waits for the answer to that.
            let _ = reader.cancel();
            return Err(too_large(length));
        }
        bytes.extend(part.to_vec());
    }
    Ok(bytes)
}

/// The next part of a body; `None` at its end.
async fn next(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, JsValue> {
    let part = JsFuture::from(reader.read()).await?;
    let is_done = Reflect::get(&part, &"done".into())?.is_truthy();
    if is_done { Ok(None) } else { Reflect::get(&part, &"value".into())?.dyn_into().map(Some) }
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
