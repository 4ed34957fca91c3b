//! A client of `/api/live` as the tests of the server have it: over a real socket, with what a real one would know.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use veduta::scenario::LiveMirror;
use veduta::scenario::wire::LiveMessage;

/// How long anything may take; a test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What `next_within` tells when nothing came; every other number is the code with which the connection was closed.
pub const NOTHING: u16 = 0;

pub struct Viewer {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub mirror: LiveMirror,
    /// All messages of the binary format.
    pub messages: Vec<LiveMessage>,
    /// All messages as they came.
    pub heard: Vec<Vec<u8>>,
    /// Numbers of the states that updates told.
    pub versions: Vec<u64>,
}

impl Viewer {
    /// Opens the socket, with what follows its path and a header that says who comes.
    pub async fn connect(address: SocketAddr, question: &str, header: Option<(&'static str, &str)>) -> Self {
        let mut request = format!("ws://{address}/api/live{question}").into_client_request().unwrap();
        if let Some((name, value)) = header {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await.expect("connected");
        Self { socket, mirror: LiveMirror::default(), messages: Vec::new(), heard: Vec::new(), versions: Vec::new() }
    }

    /// One who need not say who they are, and wants this.
    pub async fn subscribed(address: SocketAddr, subscription: Json) -> Self {
        Self::connect(address, "", None).await.with(subscription).await
    }

    /// One with a token.
    pub async fn known_by(address: SocketAddr, token: &str, question: &str, subscription: Json) -> Self {
        let header = ("authorization", &*format!("Bearer {token}"));
        Self::connect(address, question, Some(header)).await.with(subscription).await
    }

    /// Asks for this.
    pub async fn with(mut self, subscription: Json) -> Self {
        self.say(&json!({ "subscribe": subscription })).await;
        self
    }

    pub async fn say(&mut self, message: &Json) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message is there; `Err`: the code with which the server ended it.
    pub async fn next(&mut self) -> Result<(), u16> {
        self.next_within(PATIENCE).await
    }

    /// The same within so long.
    pub async fn next_within(&mut self, within: Duration) -> Result<(), u16> {
        loop {
            match timeout(within, self.socket.next()).await {
                Err(_) => return Err(NOTHING),
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    let message = LiveMessage::decode(&bytes).unwrap();
                    if let LiveMessage::Update(update) = &message {
                        self.versions.push(update.version);
                    }
                    self.mirror.take(message.clone());
                    self.messages.push(message);
                    self.heard.push(bytes.to_vec());
                    return Ok(());
                }
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.heard.push(text.as_bytes().to_vec());
                    return Ok(());
                }
                Ok(Some(Ok(Message::Close(frame)))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => return Err(1006),
            }
        }
    }

    pub async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let begin = std::time::Instant::now();
        while !done(self) {
            assert!(begin.elapsed() < PATIENCE, "waited in vain: {what}");
            self.next().await.unwrap_or_else(|code| panic!("{code} while waiting: {what}"));
        }
    }

    /// The code with which the connection is closed, whatever comes before.
    pub async fn until_closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    /// Whether nothing comes for a while in which several updates would have come.
    pub async fn hears_nothing(&mut self) -> bool {
        self.next_within(Duration::from_millis(500)).await == Err(NOTHING)
    }

    /// Whether anything that came holds these bytes.
    pub fn heard(&self, secret: &[u8]) -> bool {
        self.heard.iter().any(|message| message.windows(secret.len()).any(|part| part == secret))
    }
}
