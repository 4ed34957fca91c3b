//! How long a client may take nothing of what is sent to it.
//!
//! A connection that takes no bytes shows in its writes. HTTP/2 lets a client stop single answers and keep the connection
//! going: those wait in their bodies, so each body tells since when it is the client's turn.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::Version;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::platform::monotonic_now;

/// Bytes handed on at once: after so many a slow client is seen to take something.
const PART_BYTES: usize = 64 << 10;

/// The answers of a connection that wait for its client, each since when.
#[derive(Default)]
pub struct Flow {
    waiting: Mutex<BTreeMap<u64, Instant>>,
    last: AtomicU64,
}

impl Flow {
    /// Whether the client takes nothing of an answer for longer than this.
    pub fn is_stuck(&self, patience: Duration) -> bool {
        self.waiting().values().any(|since| since.elapsed() > patience)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Instant>> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that tells its connection when it waits for the client.
struct Paced {
    body: Body,
    /// What is left of a part that was too large to be handed on at once.
    left: Bytes,
    flow: Arc<Flow>,
    number: u64,
}

impl Paced {
    fn new(body: Body, flow: Arc<Flow>) -> Self {
        let number = flow.last.fetch_add(1, Ordering::Relaxed);
        flow.waiting().insert(number, monotonic_now());
        Self { body, left: Bytes::new(), flow, number }
    }

    /// Hands on a part. What is handed on is kept elsewhere until the client makes room for it, and that shows here only in
    /// the part behind it: so the last byte is always a part of its own.
    fn handed_on(&mut self, mut data: Bytes) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.left = data.split_off(data.len().saturating_sub(1).clamp(1, PART_BYTES).min(data.len()));
        self.flow.waiting().insert(self.number, monotonic_now());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.left.is_empty() {
            let left = std::mem::take(&mut self.left);
            return self.handed_on(left);
        }
        // The client has taken what there was: now it is this server's turn.
        self.flow.waiting().remove(&self.number);
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => self.handed_on(data),
                Err(trailers) => Poll::Ready(Some(Ok(trailers))),
            },
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (own, left) = (self.body.size_hint(), self.left.len() as u64);
        match own.exact() {
            Some(bytes) => SizeHint::with_exact(bytes + left),
            None => SizeHint::default(),
        }
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.flow.waiting().remove(&self.number);
    }
}

/// Watches the answers of connections on which a client may stop each by itself.
pub async fn pace(request: Request, next: Next) -> Response {
    let flow = request.extensions().get::<Arc<Flow>>().filter(|_| request.version() == Version::HTTP_2).cloned();
    let response = next.run(request).await;
    match flow {
        Some(flow) if !response.body().is_end_stream() => response.map(|body| Body::new(Paced::new(body, flow))),
        _ => response,
    }
}
