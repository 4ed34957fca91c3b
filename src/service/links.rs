//! Links to other addresses of this server, and to the pages around a page.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Uri, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::proxies::Secured;

/// A link (RFC 8288).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Link {
    /// Where to.
    #[schema(example = "http://127.0.0.1:8080/ogc/collections")]
    pub href: String,
    /// How it relates.
    #[schema(example = "next")]
    pub rel: &'static str,
    /// Its media type.
    #[serde(rename = "type")]
    #[schema(example = "application/geo+json")]
    pub media_type: &'static str,
    /// How to ask there: `POST` with the same body; by `GET` where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'static str>,
}

/// The address that was called.
pub(super) struct Here {
    /// Scheme and host, empty where the request does not say what can be trusted to be one.
    base: String,
    uri: Uri,
}

impl<S: Sync> FromRequestParts<S> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let said = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let host = parts.uri.authority().map(|authority| authority.as_str()).or_else(|| said(header::HOST.as_str()));
        let secure = parts.extensions.get::<Secured>().is_some();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        let host = host.filter(|host| !host.is_empty() && host.len() < 256 && host.chars().all(plain));
        let scheme = if secure { "https" } else { "http" };
        let base = host.map_or_else(String::new, |host| format!("{scheme}://{host}"));
        Ok(Self { base, uri: parts.uri.clone() })
    }
}

impl Here {
    /// A link to `path`, which is already encoded.
    pub fn link(&self, rel: &'static str, media_type: &'static str, path: &str) -> Link {
        Link { href: self.address(path), rel, media_type, method: None }
    }

    /// The full address of `path`, which is already encoded.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A link to what was called.
    pub fn itself(&self, media_type: &'static str) -> Link {
        self.link("self", media_type, self.uri.path_and_query().map_or("/", |path| path.as_str()))
    }

    /// A link to what was called, with another value of a parameter.
    pub fn with(&self, rel: &'static str, media_type: &'static str, parameter: &str, value: &str) -> Link {
        let of_parameter = |part: &&str| {
            let name = part.split('=').next().unwrap_or_default();
            name == parameter || name.replace("%24", "$") == parameter
        };
        let kept = self.uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
        let mut parts: Vec<&str> = kept.filter(|part| !of_parameter(part)).collect();
        let own = format!("{parameter}={}", encoded(value));
        parts.push(&own);
        self.link(rel, media_type, &format!("{}?{}", self.uri.path(), parts.join("&")))
    }

    /// Links to the pages before and after one that begins at `offset` with `limit` of `matched`.
    pub fn pages(
        &self,
        media_type: &'static str,
        offset: usize,
        returned: usize,
        limit: usize,
        matched: usize,
    ) -> Vec<Link> {
        let page = |rel, offset: usize| self.with(rel, media_type, "offset", &offset.to_string());
        let mut links = Vec::new();
        if returned > 0 && offset.saturating_add(returned) < matched {
            links.push(page("next", offset + returned));
        }
        if offset > 0 {
            links.push(page("prev", offset.min(matched).saturating_sub(limit)));
        }
        links
    }
}

/// A name as a part of an address: everything but unreserved characters (RFC 3986, 2.3) percent-encoded.
pub(super) fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
