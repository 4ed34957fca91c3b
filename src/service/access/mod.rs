//! Who asks, what they may do, what they may see.
//!
//! ```text
//! request --> gate: caller (token, issuer, session, ticket) --role table--> endpoints over what that role sees --> headers
//!               |                                                                     |
//!               +--refused: 401, 403                                                  +--> audit
//! ```
//!
//! `role` is the one table of who may do what; what it does not name, nobody may. `rights` makes of each package what a role
//! sees of it: endpoints are given that, and cannot give away what is not in it. `token`, `issuer` and `session` say who
//! somebody is. Nothing here opens a file: the host hands in documents, the clock and the place of the audit log.

mod caller;
mod gate;
mod headers;
mod issuer;
mod restricted;
mod rights;
mod role;
pub(super) mod session;
mod tile;
mod token;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use serde::Deserialize;

pub use caller::{Caller, Grounds, How};
pub use gate::Gate;
pub use headers::{PageDocument, PageHeaders};
pub use issuer::{Issuer, IssuerDocument, is_web_token};
pub use rights::{RightDocument, RightsError, check_rights, visible};
pub use role::{Need, Role, needed};
pub use token::{TokenDocument, TokenHash, Tokens, Verdict, hash_token};

use super::audit::AuditLog;
use super::proxies::Secured;
use super::{Problem, ProblemKind};
use crate::quantity::Timestamp;
use token::Remembered;

/// The time, from the host.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Browsers that may be signed in at a time.
const SESSIONS: usize = 10_000;
/// Tickets that wait to be used.
const TICKETS: usize = 10_000;
/// How long a ticket waits.
const TICKET_S: f64 = 30.0;

/// Why nobody can be let in safely.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A token's entry is wrong.
    #[error("{cause}: [[token]] '{name}'")]
    Token {
        /// What is wrong.
        cause: String,
        /// Whose.
        name: String,
    },
    /// The issuer's entry is wrong.
    #[error("{cause}: [oidc] {issuer}")]
    Issuer {
        /// What is wrong.
        cause: String,
        /// Which.
        issuer: String,
    },
    /// A header cannot be made of what is written.
    #[error("not a host or an origin: '{0}'")]
    Page(String),
    /// The machine gave no random bytes.
    #[error("the machine has no randomness")]
    Random,
    /// Anybody in the network could do anything.
    #[error(
        "{0} can be reached from the network, and nobody is asked who they are: write [[token]] or [oidc] into the \
         configuration, or say --insecure-public to let anybody look"
    )]
    Unprotected(IpAddr),
    /// Whoever reaches the proxy could do anything.
    #[error(
        "'trusted_proxies' are named, so others than this machine get here, and nobody is asked who they are: write \
         [[token]] or [oidc] into the configuration, or say --insecure-public to let anybody look"
    )]
    UnprotectedProxy,
}

/// `[session]`: how browsers stay signed in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionDocument {
    /// Hours until they must sign in again.
    pub hours: f64,
}

impl Default for SessionDocument {
    fn default() -> Self {
        Self { hours: 12.0 }
    }
}

/// What decides who comes in.
#[derive(Debug, Clone, Default)]
pub struct AccessSettings {
    /// Tokens of this server.
    pub tokens: Vec<TokenDocument>,
    /// An issuer of tokens.
    pub issuer: Option<IssuerDocument>,
    /// The role of whoever does not say who they are; `None`: they are sent to sign in.
    pub open: Option<Role>,
    /// How browsers stay signed in.
    pub session: SessionDocument,
    /// Pages.
    pub page: PageDocument,
    /// Whether the server itself speaks TLS.
    pub tls: bool,
}

/// The role of whoever does not say who they are, for a server that listens on `address`: everything on the machine
/// itself, nothing elsewhere or behind a proxy, unless it is said that anybody may look.
pub fn open_role(
    address: IpAddr,
    behind_proxies: bool,
    authenticates: bool,
    insecure_public: bool,
) -> Result<Option<Role>, AccessError> {
    match (authenticates, address.to_canonical().is_loopback(), insecure_public) {
        (true, _, _) => Ok(None),
        (false, true, _) if !behind_proxies => Ok(Some(Role::Admin)),
        (false, _, true) => Ok(Some(Role::Viewer)),
        (false, true, false) => Err(AccessError::UnprotectedProxy),
        (false, false, false) => Err(AccessError::Unprotected(address)),
    }
}

/// Lets people in.
pub struct Access {
    tokens: Tokens,
    issuer: Option<Arc<Issuer>>,
    sessions: Arc<Remembered<Caller>>,
    tickets: Arc<Remembered<Caller>>,
    open: Option<Role>,
    session_s: f64,
    pub(in crate::service) page: PageHeaders,
    clock: Clock,
    audit: AuditLog,
}

impl Access {
    /// From what is written. Fails where that would not be safe.
    pub fn new(settings: AccessSettings, clock: Clock, audit: AuditLog) -> Result<Self, AccessError> {
        Ok(Self {
            tokens: Tokens::new(&settings.tokens)?,
            issuer: settings.issuer.map(Issuer::new).transpose()?.map(Arc::new),
            sessions: Arc::new(Remembered::new(SESSIONS)?),
            tickets: Arc::new(Remembered::new(TICKETS)?),
            open: settings.open,
            session_s: settings.session.hours.clamp(0.05, 24.0 * 30.0) * 3600.0,
            page: PageHeaders::new(&settings.page, settings.tls)?,
            clock,
            audit,
        })
    }

    /// The same door with other settings: who is signed in stays so as long as what they signed in with is still good, an
    /// issuer that is taken as before keeps its keys, and the log goes on.
    pub fn renewed(&self, settings: AccessSettings) -> Result<Self, AccessError> {
        let same = self.issuer.as_ref().filter(|issuer| settings.issuer.as_ref() == Some(issuer.document())).cloned();
        let made = Self::new(settings, Arc::clone(&self.clock), self.audit.clone())?;
        let (sessions, tickets) = (Arc::clone(&self.sessions), Arc::clone(&self.tickets));
        Ok(Self { issuer: same.or(made.issuer), sessions, tickets, ..made })
    }

    /// The role that somebody has now who was known before; `None` where they are not known any more.
    pub fn role_of(&self, caller: &Caller) -> Option<Role> {
        match caller.grounds {
            Grounds::Token(_) => self.tokens.role_by(caller.grounds, &caller.name),
            Grounds::Issuer(_) => {
                self.issuer.as_ref().filter(|issuer| issuer.grounds() == caller.grounds).map(|_| caller.role)
            }
            Grounds::Open => self.open,
        }
    }

    /// Whether the server itself speaks TLS.
    pub fn tls(&self) -> bool {
        self.page.tls()
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The log of who did what.
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Who asks; `None` where they do not say and the server is not open.
    pub(super) async fn caller(&self, parts: &Parts) -> Result<Option<Caller>, Problem> {
        if let Some(token) = bearer(&parts.headers)? {
            return Ok(Some(self.holder(token, peer(&parts.extensions)).await?));
        }
        if let Some(ticket) = session::ticket(parts) {
            let caller = self.tickets.take(&ticket, self.now()).and_then(|caller| self.still(caller));
            return caller.map(Some).ok_or_else(unknown);
        }
        if let Some(caller) = self.session(&parts.headers, parts.extensions.get::<Secured>().is_some()) {
            return Ok(Some(caller));
        }
        let caller = |role| Caller { name: "anyone".into(), role, how: How::Open, grounds: Grounds::Open, until: None };
        Ok(self.open.map(caller))
    }

    /// Whose token it is that comes from an address.
    async fn holder(&self, token: &str, from: Option<IpAddr>) -> Result<Caller, Problem> {
        let now = self.now();
        if let Some(issuer) = self.issuer.as_ref().filter(|_| is_web_token(token)) {
            return issuer.verify(token, now).await.ok_or_else(unknown);
        }
        match self.tokens.verify(token, from, now).await {
            Verdict::Known(caller) => Ok(caller),
            Verdict::Unknown => Err(unknown()),
            Verdict::Busy => Err(Problem::new(ProblemKind::TooMany, "too many tokens are being checked; try again")),
        }
    }

    fn session(&self, headers: &HeaderMap, secured: bool) -> Option<Caller> {
        let caller = self.sessions.get(&session::cookie(headers, secured)?, self.now())?;
        Some(Caller { how: How::Session, ..self.still(caller)? })
    }

    /// Somebody who was known before, as they are now.
    fn still(&self, caller: Caller) -> Option<Caller> {
        Some(Caller { role: self.role_of(&caller)?, ..caller })
    }
}

fn unknown() -> Problem {
    Problem::new(ProblemKind::Unauthenticated, "the token is not good")
}

/// The address that a request comes from.
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let wrong = || Problem::new(ProblemKind::Unauthenticated, "'Authorization' is 'Bearer' and a token");
    if all.next().is_some() {
        return Err(wrong());
    }
    let (scheme, token) = value.to_str().map_err(|_| wrong())?.split_once(' ').ok_or_else(wrong)?;
    let token = token.trim();
    let good =
        scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    if good { Ok(Some(token)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_stands_open_to_a_network_by_oversight() {
        let of = |address: &str, authenticates, insecure| {
            open_role(address.parse().unwrap(), false, authenticates, insecure)
        };
        for local in ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(of(local, false, false).unwrap(), Some(Role::Admin), "{local}");
        }
        for public in ["0.0.0.0", "::", "192.168.1.2", "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"] {
            let refused = of(public, false, false).unwrap_err().to_string();
            assert!(refused.contains("[[token]]") && refused.contains("--insecure-public"), "{refused}");
            assert_eq!(refused.lines().count(), 1);
            assert_eq!(of(public, false, true).unwrap(), Some(Role::Viewer), "{public}");
            assert_eq!(of(public, true, true).unwrap(), None, "{public}");
        }
        assert_eq!(of("127.0.0.1", true, false).unwrap(), None, "who has tokens asks for them everywhere");
        let behind = |insecure| open_role([127, 0, 0, 1].into(), true, false, insecure);
        assert!(behind(false).unwrap_err().to_string().contains("trusted_proxies"));
        assert_eq!(behind(true).unwrap(), Some(Role::Viewer));
    }

    #[test]
    fn reads_bearer_tokens_and_nothing_else() {
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, axum::http::HeaderValue::from_bytes(value).unwrap());
            }
            bearer(&headers).map(|token| token.map(str::to_owned)).map_err(|_| ())
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[b"Bearer abc"]), Ok(Some("abc".into())));
        assert_eq!(of(&[b"bEaReR  abc "]), Ok(Some("abc".into())));
        for wrong in [&b"Basic YTpi"[..], b"Bearer", b"Bearer ", b"", b"Bearer a b", b"Bearer \xff", b"Bearer\tabc"] {
            assert_eq!(of(&[wrong]), Err(()), "{wrong:?}");
        }
        assert_eq!(of(&[b"Bearer a", b"Bearer b"]), Err(()));
    }
}
