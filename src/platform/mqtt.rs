//! MQTT 3.1.1 as a transport: one thread a source, which connects, subscribes, decodes and fills the inbox, and comes
//! back with back-off when it is cut off.
//!
//! Sessions are clean: after a cut the broker sends what is retained, and every sensor's next value; what was sent in
//! between is not made up for, and goes stale where it was bound with a limit.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::TryRng;
use rand::rngs::SysRng;
use rumqttc::tokio_rustls::rustls::pki_types::CertificateDer;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto};
use rumqttc::{
    Client, ConnectReturnCode, Connection, ConnectionError, Event, MqttOptions, NetworkOptions, Packet, QoS,
    StateError, SubscribeFilter, SubscribeReasonCode, TlsConfiguration, TlsError, Transport,
};

use super::transport::{BackOff, ConnectionState, Inbox, TransportStatus, wall_clock};
use crate::live::{Connector, Decoded, Message, SourceIndex};
use crate::scene::SourceDocument;

const MOST_MESSAGE_BYTES: usize = 4 << 20;
const CONNECT_TIMEOUT_S: u64 = 5;
const KEEP_ALIVE_S: u64 = 15;

/// Why an MQTT source cannot even be started. A broker that is down is no error: see [`TransportStatus`].
#[derive(Debug, thiserror::Error)]
pub enum MqttError {
    /// The address cannot be used.
    #[error("{cause} (write it like mqtt://host:1883 or mqtts://host:8883): {url}")]
    Address {
        /// What is wrong.
        cause: &'static str,
        /// As written.
        url: String,
    },
    /// The certificates cannot be used.
    #[error("no certificate authority can be read, {cause}: {file}")]
    Certificates {
        /// What is wrong.
        cause: String,
        /// The file.
        file: String,
    },
    /// The machine gives no random numbers.
    #[error("the machine gives no random numbers: {0}")]
    Randomness(String),
    /// The thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A running MQTT source. Dropping it stops it without waiting; [`MqttTransport::stop`] waits.
pub struct MqttTransport {
    shared: Arc<Shared>,
    client: Client,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    inner: Mutex<Inner>,
    woken: Condvar,
}

#[derive(Default)]
struct Inner {
    status: TransportStatus,
    stopping: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: ConnectionState, cause: Option<String>) {
        let mut inner = self.lock();
        if inner.status.state != state {
            inner.status.state = state;
            inner.status.since = wall_clock();
        }
        inner.status.cause = cause;
    }
}

impl MqttTransport {
    /// Whether a source could be started, but for the broker: its address and its certificates.
    pub fn check(document: &SourceDocument, folder: &Path) -> Result<(), MqttError> {
        let address = Address::parse(document.url.as_deref().unwrap_or_default())?;
        if address.secure {
            tls(document.ca_file.as_deref(), folder)?;
        }
        Ok(())
    }

    /// Starts a source. Paths in the document are relative to `folder`.
    pub fn start(
        document: &SourceDocument,
        folder: &Path,
        source: SourceIndex,
        connector: Arc<dyn Connector>,
        inbox: Inbox,
        back_off: BackOff,
    ) -> Result<Self, MqttError> {
        let address = Address::parse(document.url.as_deref().unwrap_or_default())?;
        // Of the machine's randomness: a thousand screens of one configuration that start together are told apart.
        let seed = SysRng.try_next_u64().map_err(|error| MqttError::Randomness(error.to_string()))?;
        // MQTT 3.1.1, 3.1.3.1: every broker takes 23 letters and digits.
        let mut options = MqttOptions::new(format!("veduta{seed:016x}"), &address.host, address.port);
        options.set_keep_alive(Duration::from_secs(KEEP_ALIVE_S));
        options.set_max_packet_size(MOST_MESSAGE_BYTES, MOST_MESSAGE_BYTES);
        options.set_clean_session(true);
        if let Some(user) = &document.username {
            options.set_credentials(user, document.password.as_deref().unwrap_or_default());
        }
        if address.secure {
            options.set_transport(Transport::tls_with_config(tls(document.ca_file.as_deref(), folder)?));
        }
        let (client, mut connection) = Client::new(options, 64);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(CONNECT_TIMEOUT_S);
        connection.eventloop.set_network_options(network);
        let status = TransportStatus { since: wall_clock(), ..TransportStatus::default() };
        let inner = Inner { status, stopping: false };
        let shared = Arc::new(Shared { inner: Mutex::new(inner), woken: Condvar::new() });
        let worker = Worker {
            shared: shared.clone(),
            client: client.clone(),
            topics: document.topics.clone(),
            url: address.to_string(),
            source,
            connector,
            inbox,
            back_off,
            seed,
            decoded: Decoded::default(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("mqtt {}", document.name))
            .spawn(move || worker.run(connection))
            .map_err(MqttError::Thread)?;
        Ok(Self { shared, client, thread: Some(thread) })
    }

    /// What it tells of itself.
    pub fn status(&self) -> TransportStatus {
        self.shared.lock().status.clone()
    }

    /// Disconnects and waits for the end of the thread (at most the five seconds of an attempt to connect).
    pub fn stop(mut self) {
        self.signal_stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of an MQTT source panicked");
        }
    }

    fn signal_stop(&self) {
        self.shared.lock().stopping = true;
        self.shared.woken.notify_all();
        // Fails only where the thread has ended or its queue is full of our requests: then it looks at `stopping`.
        let _ = self.client.try_disconnect();
    }
}

impl Drop for MqttTransport {
    fn drop(&mut self) {
        self.signal_stop();
    }
}

struct Worker {
    shared: Arc<Shared>,
    client: Client,
    topics: Vec<String>,
    /// For messages.
    url: String,
    source: SourceIndex,
    connector: Arc<dyn Connector>,
    inbox: Inbox,
    back_off: BackOff,
    seed: u64,
    decoded: Decoded,
}

impl Worker {
    fn run(mut self, mut connection: Connection) {
        while !self.shared.lock().stopping {
            match connection.recv() {
                Ok(Ok(Event::Incoming(packet))) => self.incoming(packet),
                Ok(Ok(Event::Outgoing(_))) => {}
                Ok(Err(error)) => self.lost(&error),
                Err(_) => break,
            }
        }
        self.shared.set(ConnectionState::Stopped, None);
    }

    fn incoming(&mut self, packet: Packet) {
        match packet {
            Packet::ConnAck(_) => {
                let filters = self.topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
                if let Err(error) = self.client.try_subscribe_many(filters.collect::<Vec<_>>()) {
                    let cause = format!("cannot subscribe to {}, {error}: {}", self.topics.join(", "), self.url);
                    self.shared.set(ConnectionState::Lost, Some(cause));
                }
            }
            Packet::SubAck(answer) => {
                let refused = answer.return_codes.iter().zip(&self.topics);
                let refused = refused.filter(|(code, _)| matches!(code, SubscribeReasonCode::Failure));
                let refused: Vec<&str> = refused.map(|(_, topic)| topic.as_str()).collect();
                let cause = (!refused.is_empty())
                    .then(|| format!("the broker refused the topics {}: {}", refused.join(", "), self.url));
                self.shared.set(ConnectionState::Connected, cause);
                let mut inner = self.shared.lock();
                inner.status.connections += 1;
                match std::mem::take(&mut inner.status.failed_attempts) {
                    0 => tracing::info!(broker = self.url, "MQTT connected"),
                    // As loud as what was said when it was lost.
                    attempts => tracing::warn!(broker = self.url, attempts, "MQTT connected again"),
                }
            }
            Packet::Publish(message) => {
                {
                    let mut inner = self.shared.lock();
                    inner.status.messages += 1;
                    inner.status.bytes += message.payload.len() as u64;
                }
                let received = wall_clock();
                let message = Message { topic: &message.topic, payload: &message.payload, received };
                self.connector.decode(&message, &mut self.decoded);
                self.inbox.push(self.source, &mut self.decoded);
            }
            _ => {}
        }
    }

    /// Notes the cause and sleeps, unless stopped.
    fn lost(&mut self, error: &ConnectionError) {
        if self.shared.lock().stopping {
            return;
        }
        let cause = format!("{}: {}", cause(error), self.url);
        let (delay, is_news) = {
            let mut inner = self.shared.lock();
            let attempt = inner.status.failed_attempts;
            inner.status.failed_attempts = attempt.saturating_add(1);
            (self.back_off.delay(attempt, self.seed), attempt == 0 || inner.status.cause.as_ref() != Some(&cause))
        };
        let retry_ms = delay.as_millis() as u64;
        // A broker that is down for a night is told of once.
        match is_news {
            true => tracing::warn!(cause, retry_ms, "MQTT lost"),
            false => tracing::debug!(cause, retry_ms, "MQTT lost"),
        }
        self.shared.set(ConnectionState::Lost, Some(cause));
        let inner = self.shared.lock();
        let waited = self.shared.woken.wait_timeout_while(inner, delay, |inner| !inner.stopping);
        drop(waited);
    }
}

/// In words for people, on one line.
fn cause(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => "the broker refused the user name or the password".to_owned(),
        ConnectionError::ConnectionRefused(code) => format!("the broker refused the connection, {code:?}"),
        ConnectionError::Io(error) => format!("cannot reach the broker, {error}"),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            format!("the broker does not answer within {CONNECT_TIMEOUT_S} s")
        }
        ConnectionError::Tls(TlsError::Io(error)) if is_unknown_issuer(error) => {
            "no secure connection to the broker, its certificate is of no authority that is trusted (see 'ca_file')"
                .to_owned()
        }
        ConnectionError::Tls(error) => format!("no secure connection to the broker, {error}"),
        ConnectionError::MqttState(StateError::Io(_) | StateError::ConnectionAborted) => {
            "the broker closed the connection".to_owned()
        }
        other => format!("the connection to the broker failed, {other}"),
    }
}

fn is_unknown_issuer(error: &std::io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)))
}

#[derive(Debug, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    secure: bool,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl Address {
    fn parse(url: &str) -> Result<Self, MqttError> {
        let refuse = |cause| MqttError::Address { cause, url: url.to_owned() };
        let (secure, rest) = match url.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ => return Err(refuse("not an MQTT address")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            // The address is shown in messages: it must hold no secret, so it is not repeated here either.
            let cause = "user name and password belong to 'username' and 'password'";
            return Err(MqttError::Address { cause, url: url.split("://").next().unwrap_or_default().to_owned() });
        }
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains(['/', '?', '#']) {
            return Err(refuse("no host in it"));
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(|| refuse("no such port"))?,
            None if secure => 8883,
            None => 1883,
        };
        Ok(Self { host: host.to_owned(), port, secure })
    }
}

/// Trust in the authorities of a PEM file, or in those of the system.
fn tls(ca_file: Option<&str>, folder: &Path) -> Result<TlsConfiguration, MqttError> {
    let mut roots = RootCertStore::empty();
    let file = match ca_file {
        Some(name) => {
            let file = folder.join(name).display().to_string();
            let refuse = |cause: String| MqttError::Certificates { cause, file: file.clone() };
            let bytes = std::fs::read(folder.join(name)).map_err(|error| refuse(error.to_string()))?;
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
                roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
            }
            file
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            "the system's store".to_owned()
        }
    };
    let refuse = |cause: String| MqttError::Certificates { cause, file: file.clone() };
    if roots.is_empty() {
        return Err(refuse("there is none in it".to_owned()));
    }
    // The provider is named because a second one anywhere in the program would make the default undecided.
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConfiguration::Rustls(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let address = |url: &str| Address::parse(url).map(|a| (a.host, a.port, a.secure)).map_err(|e| e.to_string());
        assert_eq!(address("mqtt://broker"), Ok(("broker".into(), 1883, false)));
        assert_eq!(address("mqtts://broker.example/"), Ok(("broker.example".into(), 8883, true)));
        assert_eq!(address("mqtt://[::1]:2883"), Ok(("::1".into(), 2883, false)));
        for url in ["mqtt://broker:1883", "mqtts://[::1]:2883"] {
            assert_eq!(Address::parse(url).unwrap().to_string(), url);
        }
        for (url, part) in [
            ("http://x", "not an MQTT address"),
            ("mqtt://", "no host"),
            ("mqtt://x:0", "no such port"),
            ("mqtt://x:99999", "no such port"),
            ("mqtt://me:secret@x", "belong to 'username'"),
        ] {
            let error = address(url).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{error}");
        }
    }
}
