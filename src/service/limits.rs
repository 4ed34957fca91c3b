//! What one client may take of the server: sizes, connections, requests, time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use serde::Deserialize;

use super::{Problem, ProblemKind, Service};
use crate::platform::monotonic_now;

/// A head may have so many bytes, whatever a document says.
pub(super) const LEAST_HEADER_BYTES: usize = 8_192;

/// Clients that are remembered; more cannot be told from new ones.
const MOST_CLIENTS: usize = 65_536;

/// Limits, as `[limits]` in `serve.toml` says them. Time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest address with its question, bytes.
    pub url_bytes: usize,
    /// Longest head of a request, bytes; at least 8 192. Twice that of the start ends a connection without a document.
    pub header_bytes: usize,
    /// Longest body of a request, bytes.
    pub body_bytes: usize,
    /// Open connections, all clients together.
    pub connections: usize,
    /// Open connections of one address (of an IPv6 network of 64 bits).
    pub connections_per_client: usize,
    /// Requests a second of one address in the long run; 0: as many as it likes.
    pub requests_per_s: f64,
    /// Requests that an address may make at once.
    pub request_burst: f64,
    /// Time to the head of an answer.
    pub request_s: f64,
    /// A connection whose client takes nothing of what is sent to it for so long is closed.
    pub write_s: f64,
    /// Time for the head of a request to come in. Told when the server starts.
    pub header_s: f64,
    /// After being told to stop: so long `/readyz` says no while new connections are still taken.
    pub announce_s: f64,
    /// Then: so long open requests may take to end.
    pub finish_s: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            url_bytes: 8 << 10,
            header_bytes: 16 << 10,
            body_bytes: 1 << 20,
            connections: 4_096,
            connections_per_client: 256,
            // A browser that flies through a city asks for some hundred tiles at once.
            requests_per_s: 500.0,
            request_burst: 2_000.0,
            request_s: 30.0,
            write_s: 30.0,
            header_s: 10.0,
            announce_s: 0.0,
            finish_s: 10.0,
        }
    }
}

/// What clients have taken.
#[derive(Default)]
pub struct Clients(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    buckets: HashMap<IpAddr, Bucket>,
    open: HashMap<IpAddr, usize>,
    all_open: usize,
}

/// A token bucket: filled at the rate, emptied by requests.
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// A connection that counts; it no longer does when this is dropped.
pub struct Opened {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    /// Takes a token of a client at `now`; else the seconds until there is one.
    pub fn take(&self, client: IpAddr, limits: &Limits, now: Instant) -> Result<(), f64> {
        let client = network(client);
        if limits.requests_per_s <= 0.0 {
            return Ok(());
        }
        let burst = limits.request_burst.max(1.0);
        let filled = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tokens + since * limits.requests_per_s).min(burst)
        };
        let mut taken = self.taken();
        if taken.buckets.len() >= MOST_CLIENTS && !taken.buckets.contains_key(&client) {
            // Whoever has a full bucket is as good as new.
            taken.buckets.retain(|_, bucket| filled(bucket) < burst);
            if taken.buckets.len() >= MOST_CLIENTS {
                return Err(1.0);
            }
        }
        let bucket = taken.buckets.entry(client).or_insert(Bucket { tokens: burst, at: now });
        bucket.tokens = filled(bucket);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return Err((1.0 - bucket.tokens) / limits.requests_per_s);
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Gives a client back what it has taken last.
    pub fn give_back(&self, client: IpAddr) {
        if let Some(bucket) = self.taken().buckets.get_mut(&network(client)) {
            bucket.tokens += 1.0;
        }
    }

    /// Counts a connection, unless the client or all together have too many. One `for_many` (a proxy) may have as many as
    /// all together.
    pub fn open(self: &Arc<Self>, address: IpAddr, for_many: bool, limits: &Limits) -> Option<Opened> {
        let client = network(address);
        let mut taken = self.taken();
        let open = taken.open.get(&client).copied().unwrap_or_default();
        let own_full = !for_many && open >= limits.connections_per_client;
        if own_full || taken.all_open >= limits.connections {
            return None;
        }
        taken.open.insert(client, open + 1);
        taken.all_open += 1;
        Some(Opened { clients: self.clone(), client })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut taken = self.clients.taken();
        taken.all_open = taken.all_open.saturating_sub(1);
        if let Some(open) = taken.open.get_mut(&self.client) {
            *open -= 1;
            if *open == 0 {
                taken.open.remove(&self.client);
            }
        }
    }
}

/// Who counts as one client: an IPv4 address, or the IPv6 network that one customer gets (RFC 6177: at least 64 bits).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// Supervisors ask here whether the server lives; it costs nothing, and must not fail because others ask much.
const NOT_COUNTED: [&str; 2] = ["/healthz", "/readyz"];

/// Lets a request through that keeps the limits, for as long as it may take.
pub(super) async fn guard(State(service): State<Service>, request: Request, next: Next) -> Response {
    let limits = *service.limits();
    let version = request.version();
    let (request, heard) = heard(request);
    let mut response = match refused(&service, &limits, &request) {
        Some(refused) => refused,
        None => match tokio::time::timeout(seconds(limits.request_s), next.run(request)).await {
            Ok(response) => response,
            Err(_) if heard.load(Ordering::Relaxed) => {
                Problem::new(ProblemKind::Unavailable, "it took too long").into_response()
            }
            Err(_) => Problem::new(ProblemKind::TooSlow, "").into_response(),
        },
    };
    // Where a body was not read to its end the connection cannot be used again, which a client must know before it tries.
    if version <= Version::HTTP_11 && !heard.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    // What has not come through the gate, or not back.
    if let Some(access) = service.access().filter(|_| !response.headers().contains_key(CONTENT_SECURITY_POLICY)) {
        access.page.put(response.headers_mut());
    }
    response
}

/// A body that tells when all of it has been read.
struct Heard {
    body: Body,
    all: Arc<AtomicBool>,
}

fn heard(request: Request) -> (Request, Arc<AtomicBool>) {
    let all = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let told = Arc::clone(&all);
    (request.map(|body| Body::new(Heard { body, all })), told)
}

impl HttpBody for Heard {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.all.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The answer to a request that does not keep the limits.
fn refused(service: &Service, limits: &Limits, request: &Request) -> Option<Response> {
    let uri = request.uri();
    let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if length > limits.url_bytes {
        let words = format!("at most {} bytes", limits.url_bytes);
        return Some(Problem::new(ProblemKind::AddressTooLong, words).into_response());
    }
    let head: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let most = limits.header_bytes.max(LEAST_HEADER_BYTES);
    if length + head > most {
        return Some(Problem::new(ProblemKind::HeadTooLarge, format!("at most {most} bytes")).into_response());
    }
    let told = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if told.is_some_and(|length: u64| length > limits.body_bytes as u64) {
        let words = format!("at most {} bytes", limits.body_bytes);
        return Some(Problem::new(ProblemKind::TooLarge, words).into_response());
    }
    if !NOT_COUNTED.contains(&uri.path())
        && let Some(ConnectInfo(address)) = request.extensions().get::<ConnectInfo<SocketAddr>>()
        && let Err(seconds) = service.clients.take(address.ip(), limits, monotonic_now())
    {
        service.metrics.turned_away.inc();
        let mut response = Problem::new(ProblemKind::TooMany, "").into_response();
        let wait = HeaderValue::from(seconds.ceil().clamp(1.0, 3600.0) as u64);
        response.headers_mut().insert(header::RETRY_AFTER, wait);
        return Some(response);
    }
    None
}

/// A time of a document; what is no time counts as a day.
pub(super) fn seconds(seconds: f64) -> Duration {
    const DAY: Duration = Duration::from_secs(86_400);
    Duration::try_from_secs_f64(seconds).unwrap_or(DAY).min(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let limits = Limits { requests_per_s: 10.0, request_burst: 3.0, ..Limits::default() };
        let (clients, begin) = (Clients::default(), monotonic_now());
        for _ in 0..3 {
            assert!(clients.take(CLIENT, &limits, begin).is_ok());
        }
        assert!(clients.take(CLIENT, &limits, begin).is_err_and(|wait| (wait - 0.1).abs() < 1e-9));
        assert!(clients.take(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), &limits, begin).is_ok(), "another client");
        let later = begin + Duration::from_millis(2_050);
        let taken = (0..100).filter(|_| clients.take(CLIENT, &limits, later).is_ok()).count();
        assert_eq!(taken, 3, "what was not taken does not add up beyond the burst");
        let without = Limits { requests_per_s: 0.0, ..limits };
        assert!((0..100).all(|_| clients.take(CLIENT, &without, later).is_ok()));
    }

    #[test]
    fn clients_without_end_do_not_take_memory_without_end() {
        let limits = Limits { requests_per_s: 1.0, request_burst: 2.0, ..Limits::default() };
        let (clients, begin) = (Clients::default(), monotonic_now());
        for i in 0..MOST_CLIENTS as u32 + 10 {
            let turned_away = clients.take(IpAddr::V4(i.into()), &limits, begin).is_err();
            assert_eq!(turned_away, i as usize >= MOST_CLIENTS);
        }
        assert!(clients.take(CLIENT, &limits, begin + Duration::from_secs(5)).is_ok(), "full buckets are forgotten");
        assert!(clients.taken().buckets.len() < 10);
    }

    #[test]
    fn connections_are_counted_by_network_and_given_back() {
        let limits = Limits { connections: 3, connections_per_client: 2, ..Limits::default() };
        let clients = Arc::new(Clients::default());
        let open = |address: &str| clients.open(address.parse().unwrap(), false, &limits);
        let first = open("2001:db8::1");
        let _second = open("2001:db8::2");
        assert!(first.is_some() && open("2001:db8::3").is_none(), "one network");
        let _other = open("::ffff:192.0.2.1");
        assert!(_other.is_some() && open("192.0.2.2").is_none(), "all together");
        drop(first);
        assert!(open("2001:db8::3").is_some());
    }
}
