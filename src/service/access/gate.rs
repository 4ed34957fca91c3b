//! The one way in: says who asks, whether they may, and which endpoints answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

use super::headers::is_own_name;
use super::role::{Need, Role, needed, tells_of_the_whole};
use super::session::{is_upgrade, must_sign_in};
use super::{Caller, How};
use crate::service::audit::{AuditLog, Entry};
use crate::service::{Problem, ProblemKind, Protection, Service};

/// So much of a refused request's body is taken at most, and for so long.
const REFUSED_BODY_BYTES: usize = 1 << 16;
const REFUSED_BODY_WAIT: Duration = Duration::from_secs(1);

/// What proxies add. Whoever is behind one has not reached this machine.
const PROXIED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/// In front of the endpoints, which there are once a role: each over what that role may see.
pub struct Gate {
    service: Service,
    endpoints: BTreeMap<Role, Router>,
}

/// Who asks, as far as it matters, and which endpoints they get.
struct Admitted {
    caller: Option<Caller>,
    role: Role,
}

impl Gate {
    /// Everything goes through it: what the role table does not know is refused before an endpoint hears of it.
    pub fn router(service: Service, endpoints: BTreeMap<Role, Router>) -> Router {
        Router::new().fallback(pass).with_state(Arc::new(Self { service, endpoints }))
    }
}

impl Protection {
    async fn admit(&self, parts: &Parts) -> Result<Admitted, (Option<Caller>, Response)> {
        let path = parts.uri.path();
        // A browser asks for permission (CORS) without saying who it is; who may is answered in front of this.
        let need = if parts.method == Method::OPTIONS { None } else { needed(&parts.method, path) };
        if need == Some(Need::Nothing) {
            self.check_page(parts, None).map_err(|problem| (None, problem.into_response()))?;
            return Ok(Admitted { caller: None, role: Role::Viewer });
        }
        let caller = match self.access.caller(parts).await {
            Ok(Some(caller)) => caller,
            Ok(None) => return Err((None, must_sign_in(None))),
            Err(problem) => return Err((None, must_sign_in(Some(problem)))),
        };
        let refused = |problem: Problem| (Some(caller.clone()), problem.into_response());
        let Some(Need::Role(need)) = need else {
            let known = [Method::GET, Method::POST].iter().any(|method| needed(method, path).is_some());
            let kind = if known { ProblemKind::MethodNotAllowed } else { ProblemKind::NotFound };
            return Err(refused(Problem::new(kind, "")));
        };
        if caller.role < need {
            return Err(refused(Problem::new(
                ProblemKind::Forbidden,
                format!("this takes the role '{}'", need.name()),
            )));
        }
        if self.rights.iter().any(|right| right.role == caller.role) && tells_of_the_whole(path) {
            let words = "this tells of a whole scene, and something of it is withheld from you";
            return Err(refused(Problem::new(ProblemKind::Forbidden, words)));
        }
        self.check_page(parts, Some(caller.how)).map_err(refused)?;
        Ok(Admitted { role: caller.role, caller: Some(caller) })
    }

    /// What a page of another site makes a browser send is not what whoever sits there asked for: where the browser adds who
    /// it is by itself (a cookie) or nobody must say so, what changes something must come from a page of this server.
    fn check_page(&self, parts: &Parts, how: Option<How>) -> Result<(), Problem> {
        let by_itself = matches!(how, None | Some(How::Session | How::Open));
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) && !is_upgrade(parts);
        if by_itself && !reads && !self.access.page.same_origin(&parts.headers, authority) {
            return Err(Problem::new(ProblemKind::Forbidden, "a page of another site asks"));
        }
        // Only a server that is open to its own machine believes whoever reaches it.
        if how == Some(How::Open) && self.access.open == Some(Role::Admin) {
            let host = parts.headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
            if !authority.or(host).is_none_or(is_own_name) {
                return Err(Problem::new(ProblemKind::Forbidden, "this server is called by another name"));
            }
            if PROXIED.iter().any(|name| parts.headers.contains_key(*name)) {
                let words =
                    "this comes through a proxy, and nobody need say who asks: see 'Behind a proxy' in docs/serving.md";
                return Err(Problem::new(ProblemKind::Forbidden, words));
            }
        }
        Ok(())
    }
}

impl Gate {
    /// Answers that depend on who asks are kept by nobody else.
    fn keep_private(&self, answer: &mut Response) {
        let headers = answer.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Authorization, Cookie"));
        let told = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kept =
            told.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "public" && *part != "private");
        let mut parts: Vec<&str> = kept.filter(|part| !part.starts_with("s-maxage")).collect();
        match parts.is_empty() {
            true => parts = vec!["private", "no-cache"],
            false if !parts.contains(&"no-store") => parts.insert(0, "private"),
            false => {}
        }
        if let Ok(value) = HeaderValue::from_str(&parts.join(", ")) {
            headers.insert(header::CACHE_CONTROL, value);
        }
    }
}

/// What goes into the log even where nobody waits for the answer any more: a client that goes has been heard all the same.
struct Watched {
    log: AuditLog,
    entry: Option<Entry>,
}

impl Watched {
    /// The status of a request whose client has gone before the answer, or which took too long, as nginx has it.
    const GONE: u16 = 499;

    /// With the answer's status, and who has become known by it.
    fn answered(mut self, caller: Option<Caller>, status: u16) {
        self.entry = self.entry.take().map(|entry| Entry { caller, status, ..entry });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.log.tell(entry);
        }
    }
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request<Body>) -> Response {
    let served = gate.service.served();
    // A gate is there only where somebody is asked.
    let Some(protection) = &served.protection else { return Problem::new(ProblemKind::NotFound, "").into_response() };
    let (mut parts, body) = request.into_parts();
    let what = format!("{} {}", parts.method, parts.uri.path());
    let from = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let from = from.map_or_else(String::new, |ConnectInfo(address)| address.ip().to_canonical().to_string());
    let changes = !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let watched =
        changes || is_upgrade(&parts) || needed(&parts.method, parts.uri.path()) == Some(Need::Role(Role::Admin));
    let watch = |caller: Option<Caller>| {
        let time = protection.access.now();
        let (from, what) = (from.clone(), what.clone());
        let entry = Entry { time, caller, from, what, status: Watched::GONE };
        Watched { log: protection.access.audit.clone(), entry: Some(entry) }
    };
    let (mut caller, mut answer, mut watched) = match protection.admit(&parts).await {
        Ok(Admitted { caller, role }) => {
            let watched = watched.then(|| watch(caller.clone()));
            let personal = caller.as_ref().is_some_and(|caller| caller.how != How::Open);
            if let Some(caller) = caller.clone() {
                parts.extensions.insert(caller);
            }
            let mut answer = match gate.endpoints.get(&role).cloned() {
                Some(endpoints) => endpoints.oneshot(Request::from_parts(parts, body)).await.into_response(),
                None => Problem::new(ProblemKind::NotFound, "").into_response(),
            };
            if personal {
                gate.keep_private(&mut answer);
            }
            (caller, answer, watched)
        }
        Err((caller, answer)) => {
            let watched = (watched || is_refusal(answer.status())).then(|| watch(caller.clone()));
            // Over HTTP/2 some clients lose an answer that comes before their body was taken.
            let taken = tokio::time::timeout(REFUSED_BODY_WAIT, axum::body::to_bytes(body, REFUSED_BODY_BYTES)).await;
            drop(taken);
            (caller, answer, watched)
        }
    };
    protection.access.page.put(answer.headers_mut());
    // Whoever signed in became known only now.
    caller = answer.extensions_mut().remove::<Caller>().or(caller);
    if is_refusal(answer.status()) {
        watched = watched.or_else(|| Some(watch(None)));
    }
    if let Some(watched) = watched {
        watched.answered(caller, answer.status().as_u16());
    }
    answer
}
