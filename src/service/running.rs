//! Taking connections: how many, how slow they may be, and how they end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::middleware::{AddExtension, from_fn};
use axum::{Extension, Router};
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tower::Layer;

use super::limits::{Clients, LEAST_HEADER_BYTES, Opened, seconds};
use super::metrics::Metrics;
use super::pace::{Flow, pace};
use super::{Phase, Service, described};

/// Answers until the service is told to stop, and then until open requests have ended or their time is over.
pub async fn serve(listener: TcpListener, service: Service) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let limits = service.limits();
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener)?.handle(handle.clone());
    // What is above the limit but is still read gets a problem document for its answer.
    let header_bytes = limits.header_bytes.max(LEAST_HEADER_BYTES).saturating_mul(2);
    let builder = server.http_builder();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(seconds(limits.header_s)).max_buf_size(header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(256)
        .keep_alive_interval(seconds(limits.header_s));
    let (router, _): (Router, _) = described(service.clone());
    service.enter(Phase::Ready);
    let ending = service.clone();
    tokio::spawn(async move {
        ending.stopped().await;
        let limits = ending.limits();
        tokio::time::sleep(seconds(limits.announce_s)).await;
        handle.graceful_shutdown(Some(seconds(limits.finish_s)));
    });
    let application = router.layer(from_fn(pace)).into_make_service_with_connect_info::<SocketAddr>();
    let counting = Counting(service.clone());
    match service.certificate.clone() {
        None => server.acceptor(counting).serve(application).await,
        Some(config) => server.acceptor(RustlsAcceptor::new(config).acceptor(counting)).serve(application).await,
    }
}

/// Takes a connection where its client may have another one; closes it otherwise.
#[derive(Clone)]
struct Counting(Service);

impl<S> Accept<TcpStream, S> for Counting {
    type Stream = Counted;
    type Service = AddExtension<S, Arc<Flow>>;
    type Future = std::future::Ready<io::Result<(Counted, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = self.counted(stream).map(|stream| {
            let service = Extension(Arc::clone(&stream.flow)).layer(service);
            (stream, service)
        });
        std::future::ready(accepted)
    }
}

impl Counting {
    fn counted(&self, stream: TcpStream) -> io::Result<Counted> {
        let (clients, metrics): (&Arc<Clients>, &Arc<Metrics>) = (&self.0.clients, &self.0.metrics);
        let (address, limits) = (stream.peer_addr()?.ip(), self.0.limits());
        let Some(opened) = clients.open(address, self.0.proxies().trusts(address), &limits) else {
            metrics.turned_away.inc();
            return Err(io::Error::other("too many connections"));
        };
        // Answers are written whole: waiting for more to send with them only costs time.
        stream.set_nodelay(true)?;
        metrics.connections.inc();
        let patience = seconds(limits.write_s).max(Duration::from_millis(100));
        let (flow, look) = (Arc::default(), Box::pin(sleep(patience / 2)));
        Ok(Counted { stream, patience, stuck: None, flow, look, metrics: metrics.clone(), _opened: opened })
    }
}

/// A connection that counts until it is closed, whatever it is by then (a WebSocket too).
struct Counted {
    stream: TcpStream,
    /// How long the client may take nothing of what is sent.
    patience: Duration,
    /// Ends when it has taken nothing for so long; `None` while nothing waits.
    stuck: Option<Pin<Box<Sleep>>>,
    /// Answers that the client has stopped.
    flow: Arc<Flow>,
    /// Ends when it is time to look at them.
    look: Pin<Box<Sleep>>,
    metrics: Arc<Metrics>,
    _opened: Opened,
}

impl Counted {
    /// What came of a write: a client that takes nothing for too long is left.
    fn watched<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let patience = self.patience;
        ready!(self.stuck.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(cx));
        Poll::Ready(Err(self.too_slow()))
    }

    /// Looks now and then whether the client takes nothing of an answer, though it may take others.
    fn looked(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.look.as_mut().poll(cx).is_ready() {
            if self.flow.is_stuck(self.patience) {
                return Err(self.too_slow());
            }
            self.look.set(sleep(self.patience / 2));
        }
        Ok(())
    }

    fn too_slow(&self) -> io::Error {
        self.metrics.too_slow.inc();
        io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.looked(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
