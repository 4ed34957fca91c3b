//! `serve.toml`: what is served and how.
//!
//! ```toml
//! format_version = 1
//! listen = "127.0.0.1:8080"
//! paths = ["tokyo.city", "s3://cities/osaka"]     # relative to this file
//! cache_mib = 256                                 # bodies of tiles that are kept
//! [limits]
//! requests_per_s = 500
//! ```

use serde::Deserialize;

use super::access::{IssuerDocument, PageDocument, RightDocument, SessionDocument, TokenDocument};
use super::limits::Limits;
use super::proxies::{Network, Proxies, ProxyHeader};
use crate::scene::{DocumentError, Environment, read_document};

/// A `serve.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeDocument {
    #[serde(rename = "format_version")]
    _format_version: u32,
    /// Address and port.
    pub listen: Option<String>,
    /// Packages, scenes and scenarios: files, relative to the document, or `s3://BUCKET/PREFIX`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// MiB of tile bodies that are kept in memory. Told when the server starts.
    #[serde(default = "cache_mib")]
    pub cache_mib: usize,
    /// MiB of past values that each scene keeps in memory. Told when the server starts.
    #[serde(default = "history_mib")]
    pub history_mib: usize,
    /// What one client may take.
    #[serde(default)]
    pub limits: Limits,
    /// Networks of proxies that may tell from where requests come.
    #[serde(default)]
    pub trusted_proxies: Vec<Network>,
    /// How they tell it.
    #[serde(default)]
    pub proxy_header: ProxyHeader,
    /// Whom tokens of this server let in.
    #[serde(default, rename = "token")]
    pub tokens: Vec<TokenDocument>,
    /// An issuer of tokens.
    pub oidc: Option<IssuerDocument>,
    /// What is withheld from whom.
    #[serde(default, rename = "right")]
    pub rights: Vec<RightDocument>,
    /// How browsers stay signed in.
    #[serde(default)]
    pub session: SessionDocument,
    /// Pages of other sites.
    #[serde(default)]
    pub page: PageDocument,
    /// TLS by the server itself.
    pub tls: Option<TlsDocument>,
    /// The log of who did what.
    pub audit: Option<AuditDocument>,
}

/// `[tls]`: files in PEM, relative to the document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsDocument {
    /// The chain of certificates, the server's own first.
    pub certificate: String,
    /// Its key.
    pub key_file: String,
}

/// `[audit]`: where the log of who did what is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditDocument {
    /// The file, relative to the document.
    pub file: String,
    /// MiB after which it makes way for a new one.
    #[serde(default = "file_mib")]
    pub file_mib: u64,
    /// Files before it that are kept.
    #[serde(default = "files")]
    pub files: usize,
}

fn file_mib() -> u64 {
    16
}

fn files() -> usize {
    10
}

fn history_mib() -> usize {
    64
}

fn cache_mib() -> usize {
    256
}

impl Default for ServeDocument {
    fn default() -> Self {
        Self {
            _format_version: 1,
            listen: None,
            paths: Vec::new(),
            cache_mib: cache_mib(),
            history_mib: history_mib(),
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::default(),
            tokens: Vec::new(),
            oidc: None,
            rights: Vec::new(),
            session: SessionDocument::default(),
            page: PageDocument::default(),
            tls: None,
            audit: None,
        }
    }
}

impl ServeDocument {
    /// Who may tell from where requests come, and how.
    pub fn proxies(&self) -> Proxies {
        Proxies { trusted: self.trusted_proxies.clone(), header: self.proxy_header }
    }
}

/// Reads a `serve.toml`; `${VAR}` is filled in from `environment`. Every unknown key and wrong type is told with its line.
pub fn read_serve(text: &str, file_name: &str, environment: &Environment) -> Result<ServeDocument, DocumentError> {
    read_document(text, file_name, environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_as_without_a_file_and_mistakes_have_their_line() {
        let read = |text: &str| read_serve(text, "serve.toml", &Environment::new());
        assert_eq!(read("format_version = 1\n").unwrap(), ServeDocument::default());
        let some = read("format_version = 1\npaths = ['a']\n[limits]\nrequests_per_s = 7.5\n").unwrap();
        assert_eq!((some.limits.requests_per_s, some.limits.request_burst), (7.5, Limits::default().request_burst));
        let error = read("format_version = 1\ncache_mb = 1\n[limits]\nurl_byte = 5\n").unwrap_err().to_string();
        assert!(error.contains("serve.toml:2:") && error.contains("did you mean 'cache_mib'?"), "{error}");
        assert!(error.contains("serve.toml:4:") && error.contains("did you mean 'url_bytes'?"), "{error}");
        let some = read("format_version = 1\ntrusted_proxies = ['10.0.0.0/8']\nproxy_header = 'Forwarded'\n").unwrap();
        let proxies = some.proxies();
        assert!(proxies.trusts([10, 1, 2, 3].into()) && !proxies.trusts([11, 1, 2, 3].into()));
        let error = read("format_version = 1\ntrusted_proxies = ['proxy.example']\n").unwrap_err().to_string();
        assert!(error.contains("serve.toml:2:") && error.contains("no network"), "{error}");
    }

    #[test]
    fn a_token_itself_is_refused_where_it_is_written() {
        let read = |text: &str| {
            let text = format!("format_version = 1\n[[token]]\nname = 'a'\nrole = 'viewer'\n{text}\n");
            read_serve(&text, "serve.toml", &[("HASH".to_owned(), "plain-words-of-a-token".to_owned())].into())
        };
        for literal in ["hash = 'plain-words-of-a-token'", "hash = '${HASH}'", "token = 'plain-words-of-a-token'"] {
            let error = read(literal).unwrap_err().to_string();
            assert!(error.contains("serve.toml:5:") && !error.contains("plain-words"), "{error}");
        }
        assert_eq!(read("hash_file = 'a.hash'").unwrap().tokens[0].hash_file.as_deref(), Some("a.hash"));
        assert!(read("hash_file = 'a'\n[tls]\ncertificate = 'c'\nkey = 'k'").is_err(), "only a file holds a key");
    }
}
