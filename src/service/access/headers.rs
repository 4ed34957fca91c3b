//! What every answer says to browsers.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;

use super::AccessError;

const A_YEAR: &str = "max-age=31536000";
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// `[page]`: who may show this server's pages and call it from theirs.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PageDocument {
    /// Origins (`https://portal.example`) whose pages may hold the viewer in a frame; none may where none is named.
    pub frame_ancestors: Vec<String>,
    /// Origins whose pages may call this server.
    pub origins: Vec<String>,
}

/// The headers, ready to be put.
#[derive(Debug, Clone)]
pub struct PageHeaders {
    put: Vec<(HeaderName, HeaderValue)>,
    origins: Vec<String>,
    tls: bool,
}

impl PageHeaders {
    /// From what is written. The policy is what the viewer needs and no more: programs, WebAssembly, workers, pictures and
    /// calls of this server itself (CSP Level 3).
    pub fn new(document: &PageDocument, tls: bool) -> Result<Self, AccessError> {
        for origin in document.frame_ancestors.iter().chain(&document.origins) {
            if !is_origin(origin) {
                return Err(AccessError::Page(origin.clone()));
            }
        }
        let ancestors = match document.frame_ancestors.is_empty() {
            true => "'none'".to_owned(),
            false => document.frame_ancestors.join(" "),
        };
        let policy = format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; \
             img-src 'self' data: blob:; style-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; \
             form-action 'self'; frame-ancestors {ancestors}"
        );
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| AccessError::Page(text.to_owned()));
        let fixed = HeaderValue::from_static;
        let resources = if document.origins.is_empty() { "same-origin" } else { "cross-origin" };
        let mut put = vec![
            (header::CONTENT_SECURITY_POLICY, value(&policy)?),
            (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
            (header::REFERRER_POLICY, fixed("no-referrer")),
            (CROSS_ORIGIN_OPENER_POLICY, fixed("same-origin")),
            (CROSS_ORIGIN_RESOURCE_POLICY, fixed(resources)),
        ];
        if document.frame_ancestors.is_empty() {
            put.push((header::X_FRAME_OPTIONS, fixed("DENY")));
        }
        if tls {
            put.push((header::STRICT_TRANSPORT_SECURITY, fixed(A_YEAR)));
        }
        Ok(Self { put, origins: document.origins.clone(), tls })
    }

    /// Whether the server itself speaks TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Puts them where the endpoint has not put its own.
    pub fn put(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.put {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    /// Whether a request comes from a page of this server, of a named origin, or from no page at all. Browsers say the
    /// page's origin with everything that could change something (Fetch, section 3.1), and where from (Fetch Metadata).
    pub fn same_origin(&self, headers: &HeaderMap, authority: Option<&str>) -> bool {
        let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let host = authority.or_else(|| text(header::HOST));
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next().map(|origin| origin.to_str().unwrap_or("?")), origins.next()) {
            (None, _) => matches!(text(HeaderName::from_static("sec-fetch-site")), None | Some("same-origin" | "none")),
            (Some(origin), None) => {
                let own = origin.split_once("://").map(|(_, authority)| authority);
                let named = self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin));
                named || own.zip(host).is_some_and(|(own, host)| own.eq_ignore_ascii_case(host))
            }
            (Some(_), Some(_)) => false,
        }
    }
}

/// Whether a server that is open to its own machine is called by a name of that machine: a page elsewhere may give itself a
/// name that leads here ("DNS rebinding").
pub fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let local = name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    local || name.parse::<std::net::IpAddr>().is_ok()
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-:[]*".contains(c);
    matches!(scheme, "http" | "https") && !authority.is_empty() && authority.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let mut all = HeaderMap::new();
        pairs.iter().map(pair).for_each(|(name, value)| {
            all.append(name, value);
        });
        all
    }

    #[test]
    fn tells_own_pages_from_others() {
        let document = PageDocument { origins: vec!["https://portal.example".into()], ..PageDocument::default() };
        let page = PageHeaders::new(&document, false).unwrap();
        let own = |pairs: &[(&'static str, &str)]| page.same_origin(&headers(pairs), None);
        assert!(own(&[("host", "city.example:8080")]), "no browser");
        assert!(own(&[("host", "city.example:8080"), ("origin", "http://city.example:8080")]));
        assert!(own(&[("host", "city.example"), ("origin", "https://portal.example")]));
        assert!(own(&[("host", "city.example"), ("sec-fetch-site", "same-origin")]));
        assert!(!own(&[("host", "city.example"), ("origin", "https://evil.example")]));
        assert!(!own(&[("host", "city.example"), ("origin", "null")]));
        assert!(!own(&[("origin", "https://city.example")]));
        assert!(!own(&[("host", "city.example"), ("sec-fetch-site", "cross-site")]));
        assert!(!own(&[("host", "a"), ("origin", "http://a"), ("origin", "http://b")]));
        assert!(!own(&[("host", "city.example"), ("origin", "https://city.example.evil.example")]));
    }

    #[test]
    fn says_what_the_viewer_needs_and_no_more() {
        let put = |document: &PageDocument, tls| {
            let mut all = HeaderMap::new();
            PageHeaders::new(document, tls).unwrap().put(&mut all);
            all
        };
        let plain = put(&PageDocument::default(), false);
        let policy = plain[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(plain[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!plain.contains_key(header::STRICT_TRANSPORT_SECURITY));
        let framed = PageDocument { frame_ancestors: vec!["https://portal.example".into()], ..PageDocument::default() };
        let framed = put(&framed, true);
        assert!(
            framed[header::CONTENT_SECURITY_POLICY].to_str().unwrap().ends_with("ancestors https://portal.example")
        );
        assert!(
            framed.contains_key(header::STRICT_TRANSPORT_SECURITY) && !framed.contains_key(header::X_FRAME_OPTIONS)
        );
        for wrong in ["portal.example", "https://a; script-src *", "https://a b", "https://", "javascript://x"] {
            let document = PageDocument { frame_ancestors: vec![wrong.into()], ..PageDocument::default() };
            assert!(PageHeaders::new(&document, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn knows_the_names_of_its_own_machine() {
        for own in
            ["localhost:8080", "LOCALHOST", "127.0.0.1", "127.0.0.1:1", "[::1]:80", "a.localhost", "192.168.0.2:1"]
        {
            assert!(is_own_name(own), "{own}");
        }
        for other in ["evil.example", "localhost.evil.example:8080", "", "127.0.0.1.evil.example", "xlocalhost"] {
            assert!(!is_own_name(other), "{other}");
        }
    }
}
