//! How browsers sign in: a token once, then a cookie that no script can read; and tickets for WebSockets, which cannot send
//! headers.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::token::random_name;
use super::{Caller, How, Role, TICKET_S};
use crate::service::proxies::Secured;
use crate::service::{Problem, ProblemKind, Service};

/// Under TLS browsers take this name only with `Secure`, for the whole host and for no other (RFC 6265bis, section 4.1.3.2).
const COOKIE_TLS: &str = "__Host-veduta";
const COOKIE: &str = "veduta";
/// Sessions, and tickets, of one token at a time: others have room beside it.
const MOST_OF_ONE: usize = 1000;

pub(in crate::service) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(who, sign_in, sign_out)).routes(routes!(give_ticket))
}

/// A token to sign in with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The token.
    token: String,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
struct Who {
    /// Their name; absent where they have not said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What they may; absent where they must sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
}

impl Who {
    fn of(caller: Option<&Caller>) -> Self {
        Self { name: caller.map(|caller| caller.name.to_string()), role: caller.map(|caller| caller.role) }
    }
}

/// A ticket for one WebSocket.
#[derive(Debug, Serialize, ToSchema)]
struct Ticket {
    /// Said as `?ticket=` of the WebSocket's address.
    ticket: String,
    /// It runs out after so many seconds.
    expires_s: u32,
}

impl OptionalFromRequestParts<Service> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Option<Self>, Problem> {
        match <Self as FromRequestParts<Service>>::from_request_parts(parts, service).await {
            Ok(caller) => Ok(Some(caller)),
            // Here nobody must be known: this is where they say who they are.
            Err(_) => Ok(match service.access() {
                Some(access) => access.caller(parts).await.ok().flatten(),
                None => None,
            }),
        }
    }
}

/// Who asks, and what they may.
#[utoipa::path(get, path = "/api/session", responses((status = 200, description = "Who asks", body = Who)))]
async fn who(caller: Option<Caller>) -> Response {
    unkept(Json(Who::of(caller.as_ref())).into_response())
}

/// Signs a browser in: a token for a cookie.
#[utoipa::path(
    post, path = "/api/session", request_body = SignIn,
    responses(
        (status = 200, description = "Signed in; the cookie comes with it", body = Who),
        (status = 400, description = "No JSON of a token", body = Problem),
        (status = 401, description = "The token is not good", body = Problem),
        (status = 403, description = "Another site asks", body = Problem),
        (status = 429, description = "Too many tokens are being checked", body = Problem),
    )
)]
async fn sign_in(
    State(service): State<Service>,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    secured: Option<Extension<Secured>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let access = service.access().ok_or_else(nobody)?;
    // A form of another site can send neither this type nor this shape.
    let json = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let json = json.is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"));
    let asked = json.then(|| serde_json::from_slice::<SignIn>(&body).ok()).flatten();
    let wrong = || Problem::new(ProblemKind::BadRequest, "a JSON object with 'token' signs in");
    let asked = asked.ok_or_else(wrong)?;
    let from = from.map(|Extension(ConnectInfo(address))| address.ip());
    let caller = access.holder(&asked.token, from).await?;
    let name = random_name().map_err(|error| Problem::internal(&error))?;
    let now = access.now();
    let end = now.plus_seconds(access.session_s);
    let end = caller.until.map_or(end, |until| end.min(until));
    let caller = Caller { until: Some(end), ..caller };
    let crowded = access.sessions.count(now, |other| same(other, &caller)) >= MOST_OF_ONE;
    if crowded || !access.sessions.put_if_room(&name, caller.clone(), end, now) {
        return Err(Problem::new(ProblemKind::TooMany, "too many are signed in"));
    }
    let mut answer = Json(Who::of(Some(&caller))).into_response();
    set_cookie(&mut answer, secured.is_some(), &name, end.seconds_since(now).max(0.0) as u64)?;
    answer.extensions_mut().insert(caller);
    Ok(unkept(answer))
}

/// Signs a browser out.
#[utoipa::path(
    delete, path = "/api/session",
    responses(
        (status = 204, description = "Signed out"),
        (status = 403, description = "Another site asks", body = Problem),
    )
)]
async fn sign_out(
    State(service): State<Service>,
    secured: Option<Extension<Secured>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let access = service.access().ok_or_else(nobody)?;
    let mut answer = StatusCode::NO_CONTENT.into_response();
    if let Some(name) = cookie(&headers, secured.is_some())
        && let Some(caller) = access.sessions.take(&name, access.now())
    {
        answer.extensions_mut().insert(caller);
    }
    set_cookie(&mut answer, secured.is_some(), "", 0)?;
    Ok(unkept(answer))
}

/// A ticket that opens one WebSocket for whoever asks.
#[utoipa::path(
    post, path = "/api/session/ticket",
    responses(
        (status = 200, description = "The ticket", body = Ticket),
        (status = 401, description = "Who asks is not known", body = Problem),
        (status = 403, description = "Another site asks", body = Problem),
        (status = 429, description = "Too many tickets wait", body = Problem),
    )
)]
async fn give_ticket(State(service): State<Service>, caller: Caller) -> Result<Response, Problem> {
    let access = service.access().ok_or_else(nobody)?;
    let ticket = random_name().map_err(|error| Problem::internal(&error))?;
    let now = access.now();
    let caller = Caller { how: How::Ticket, ..caller };
    let crowded = access.tickets.count(now, |other| same(other, &caller)) >= MOST_OF_ONE;
    if crowded || !access.tickets.put_if_room(&ticket, caller, now.plus_seconds(TICKET_S), now) {
        return Err(Problem::new(ProblemKind::TooMany, "too many tickets wait"));
    }
    Ok(unkept(Json(Ticket { ticket, expires_s: TICKET_S as u32 }).into_response()))
}

/// Whether two are known by the same.
fn same(one: &Caller, other: &Caller) -> bool {
    one.grounds == other.grounds && one.name == other.name
}

fn nobody() -> Problem {
    Problem::new(ProblemKind::Unavailable, "nobody need sign in here")
}

/// No cache keeps this.
fn unkept(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn set_cookie(answer: &mut Response, secured: bool, value: &str, seconds: u64) -> Result<(), Problem> {
    let (name, secure) = if secured { (COOKIE_TLS, "; Secure") } else { (COOKIE, "") };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    let cookie = HeaderValue::from_str(&cookie).map_err(|error| Problem::internal(&error))?;
    answer.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(())
}

/// The session that a browser's cookie names, by the name that it has where the browser's connection is `secured`.
pub(super) fn cookie(headers: &HeaderMap, secured: bool) -> Option<String> {
    let wanted = if secured { COOKIE_TLS } else { COOKIE };
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned()).filter(|value| is_random_name(value))
}

/// The ticket of a WebSocket that is being opened; elsewhere an address is no place for it.
pub(super) fn ticket(parts: &Parts) -> Option<String> {
    if !is_upgrade(parts) {
        return None;
    }
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| *name == "ticket").map(|(_, value)| value.to_owned()).find(|value| is_random_name(value))
}

/// Whether a WebSocket is being opened (RFC 6455, section 4.1; RFC 8441 for HTTP/2).
pub(super) fn is_upgrade(parts: &Parts) -> bool {
    let upgrade =
        parts.headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    upgrade || parts.method == axum::http::Method::CONNECT
}

fn is_random_name(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The answer to whoever must say who they are, or to whoever did and is not believed.
pub(super) fn must_sign_in(told: Option<Problem>) -> Response {
    let challenge = match told {
        Some(_) => "Bearer realm=\"veduta\", error=\"invalid_token\"",
        None => "Bearer realm=\"veduta\"",
    };
    let words = "a token says who asks: 'Authorization: Bearer', or POST /api/session";
    let mut answer = told.unwrap_or_else(|| Problem::new(ProblemKind::Unauthenticated, words)).into_response();
    if answer.status() == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    answer
}
