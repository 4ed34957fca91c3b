//! `/api/live`: a client's WebSocket.
//!
//! ```text
//! client --subscribe, screen (JSON)--> listen --wish, mailbox--> speak --Hello, Update, Notice, Order, Ping--> client
//!        --Pong----------------------> listen --answered-------> speak: how much is on the way
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use axum::extract::{Query, State, WebSocketUpgrade};
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::screens::{Registration, ScreenWish};
use super::sight::Sight;
use super::standing::{NOT_KNOWN, OTHER_RIGHTS};
use super::text::{Names, json_text};
use super::{Audience, Head, Live, Position, SceneChannel, Seat, Subscription};
use crate::platform::transport::wall_clock;
use crate::quantity::Timestamp;
use crate::scenario::wire::{LiveMessage, Notice, ScreenOrder};
use crate::service::access::Caller;
use crate::service::{Phase, Problem, ProblemKind, Service};

/// A message to a client is never larger than what so many facts take; this only guards against a fault.
const MOST_BYTES: usize = 32 << 20;
/// Buffers of a connection: tungstenite's own are made for few connections.
const BUFFER: usize = 4 << 10;
/// Orders that wait for a screen at most.
const MAILBOX: usize = 16;
const LIMIT_WINDOW_S: f64 = 10.0;

pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(connect))
}

/// How a client wants to be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// For programs: compact.
    #[default]
    Binary,
    /// For people and charts.
    Json,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ConnectQuery {
    /// How messages are written: `binary` (docs/serving.md) or `json`.
    #[serde(default)]
    format: Format,
    /// Who connects, where a browser cannot say it otherwise; read at the gate.
    #[serde(default)]
    #[expect(dead_code, reason = "the gate has read it; here it is only known")]
    ticket: Option<String>,
}

/// What a client may say, as JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ClientMessage {
    Subscribe(Subscription),
    Screen(ScreenWish),
}

/// Live values, figures, alarms and plays of a scene: a WebSocket. Send `{"subscribe": {...}}`; a snapshot comes, then what
/// changes, at the rate that was asked for.
#[utoipa::path(get, path = "/api/live", params(ConnectQuery), responses(
    (status = 101, description = "The WebSocket is open"),
    (status = 400, description = "This is no WebSocket", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many clients", body = Problem, content_type = "application/problem+json"),
))]
async fn connect(
    State(service): State<Service>,
    caller: Option<Extension<Caller>>,
    query: Result<Query<ConnectQuery>, axum::extract::rejection::QueryRejection>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Problem::new(ProblemKind::BadRequest, "'format' is 'binary' or 'json'"))?;
    let upgrade = upgrade.map_err(|_| Problem::new(ProblemKind::BadRequest, "this address is a WebSocket"))?;
    let live = service.live.clone();
    let seat = live.admit().ok_or_else(|| Problem::new(ProblemKind::Unavailable, "too many clients"))?;
    let upgrade = upgrade
        .max_message_size(live.limits.message_bytes)
        .max_frame_size(live.limits.message_bytes)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(MOST_BYTES);
    let caller = caller.map(|Extension(caller)| caller);
    Ok(upgrade.on_upgrade(move |socket| serve(socket, service, caller, seat, query.format)))
}

/// What a client listens to.
#[derive(Clone)]
struct Wish {
    channel: Arc<SceneChannel>,
    sight: Option<Arc<Sight>>,
    audience: Audience,
    rate_hz: f64,
}

/// Why a connection ends.
type Farewell = (u16, String);

async fn serve(socket: WebSocket, service: Service, caller: Option<Caller>, seat: Seat, format: Format) {
    let live = service.live().clone();
    let (mut sink, mut stream) = socket.split();
    let (wish, wishes) = watch::channel::<Option<Wish>>(None);
    let listened = {
        let wishes = wishes.clone();
        move || wishes.borrow().as_ref().map(|wish| Arc::clone(&wish.channel))
    };
    let (answered, answers) = watch::channel(0_u64);
    let (mailbox, mail) = mpsc::channel(MAILBOX);
    let speaker = Speaker {
        live: &live,
        sink: &mut sink,
        format,
        sent: 0,
        left_out: 0,
        left_out_told: 0,
        on_the_way: OnTheWay::new(&live),
    };
    let listener = Listener {
        service: &service,
        live: &live,
        wish,
        answered,
        mailbox,
        screen: None,
        heard: 0,
        since: wall_clock(),
    };
    let farewell = tokio::select! {
        farewell = listener.listen(&mut stream) => farewell,
        farewell = speaker.speak(wishes, answers, mail) => farewell,
        farewell = service.sent_away(caller.as_ref(), listened) => Some(farewell),
        () = service.stopped() => Some((close_code::AWAY, "the server stops".to_owned())),
    };
    drop(seat);
    if let Some((code, reason)) = farewell {
        if service.phase() != Phase::Stopping && ![NOT_KNOWN, OTHER_RIGHTS].contains(&code) {
            live.counters.dropped.inc();
        }
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // Who does not read does not hear why; the connection ends all the same. What has come and was not read would make it
        // end at once, with what was sent (RFC 6455, section 7.1.1): so it is read until the client ends it, too.
        let closing = async {
            if sink.send(close).await.is_ok() {
                while let Some(Ok(_)) = stream.next().await {}
            }
        };
        drop(timeout(Duration::from_secs(1), closing).await);
    }
}

struct Listener<'l> {
    service: &'l Service,
    live: &'l Arc<Live>,
    wish: watch::Sender<Option<Wish>>,
    answered: watch::Sender<u64>,
    mailbox: mpsc::Sender<ScreenOrder>,
    screen: Option<Registration>,
    /// Messages since `since`.
    heard: u32,
    since: Timestamp,
}

impl Listener<'_> {
    /// Until the client goes (`None`) or has to.
    async fn listen(mut self, stream: &mut SplitStream<WebSocket>) -> Option<Farewell> {
        let silence = Duration::from_secs(self.live.limits.silence_s);
        loop {
            let message = match timeout(silence, stream.next()).await {
                Err(_) => return Some((close_code::AWAY, "no answer".to_owned())),
                Ok(None | Some(Err(_)) | Some(Ok(Message::Close(_)))) => return None,
                Ok(Some(Ok(message))) => message,
            };
            if let Err(reason) = self.take(message) {
                return Some((close_code::POLICY, reason));
            }
        }
    }

    fn take(&mut self, message: Message) -> Result<(), String> {
        if let Message::Pong(number) = &message {
            let number = <[u8; 8]>::try_from(number.as_ref()).map(u64::from_le_bytes).unwrap_or_default();
            // An answer to what was sent is free; others count.
            let is_new = self.answered.send_if_modified(|known| {
                let is_new = number > *known;
                *known = number.max(*known);
                is_new
            });
            if is_new {
                return Ok(());
            }
        }
        let now = wall_clock();
        if !(0.0..LIMIT_WINDOW_S).contains(&now.seconds_since(self.since)) {
            (self.heard, self.since) = (0, now);
        }
        self.heard += 1;
        if self.heard > self.live.limits.messages {
            return Err("too many messages".to_owned());
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err("messages to the server are JSON".to_owned()),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(()),
        };
        match serde_json::from_str(text.as_str()) {
            Ok(ClientMessage::Subscribe(subscription)) => self.subscribe(&subscription),
            Ok(ClientMessage::Screen(wish)) => {
                self.screen = None;
                self.screen = Some(self.live.screens.register(wish, self.mailbox.clone())?);
                Ok(())
            }
            Err(_) => Err("not a message that is known here".to_owned()),
        }
    }

    fn subscribe(&mut self, subscription: &Subscription) -> Result<(), String> {
        let seen = self.service.live_scene(subscription.scene.as_deref()).map_err(|_| "no such scene".to_owned())?;
        let audience = seen.channel.read(|board| Audience::new(subscription, board, seen.sight.clone()))?;
        let wish = Wish { channel: seen.channel, sight: seen.sight, audience, rate_hz: subscription.rate_hz() };
        self.wish.send_replace(Some(wish));
        Ok(())
    }
}

struct Speaker<'s> {
    live: &'s Live,
    sink: &'s mut SplitSink<WebSocket, Message>,
    format: Format,
    /// Messages that the client is to answer.
    sent: u64,
    left_out: u64,
    left_out_told: u64,
    on_the_way: OnTheWay<'s>,
}

/// Messages that a client has not answered, as far as they are counted.
struct OnTheWay<'l> {
    live: &'l Live,
    count: i64,
    thinned: bool,
}

impl<'l> OnTheWay<'l> {
    fn new(live: &'l Live) -> Self {
        Self { live, count: 0, thinned: false }
    }

    /// So many are on the way; whether a further one may be.
    fn is(&mut self, count: u64) -> bool {
        let (thinned, count) = (count >= self.live.limits.on_the_way, i64::try_from(count).unwrap_or(i64::MAX));
        self.live.counters.on_the_way.inc_by(count - self.count);
        self.live.counters.thinned.inc_by(i64::from(thinned) - i64::from(self.thinned));
        (self.count, self.thinned) = (count, thinned);
        !thinned
    }
}

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        self.is(0);
    }
}

/// A subscription that is being served.
struct Serving {
    wish: Wish,
    head: watch::Receiver<Head>,
    position: Position,
    pace: Interval,
    /// The time for the next update has come.
    due: bool,
    /// There is more to send than the last message held.
    more: bool,
}

impl Serving {
    fn new(wish: Wish) -> Self {
        let mut head = wish.channel.head.subscribe();
        head.mark_changed();
        let mut pace = interval(Duration::from_secs_f64(1.0 / wish.rate_hz));
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { wish, head, position: Position::default(), pace, due: false, more: false }
    }

    /// Waits until an update may be sent. `false` where it was its time, but the client is not ready.
    async fn next(&mut self, client_ready: bool) -> bool {
        loop {
            if !self.due || !client_ready {
                self.pace.tick().await;
                self.due = true;
                if !client_ready {
                    return false;
                }
            }
            // The scene is kept by this wish, so its head stays.
            if self.more || self.head.changed().await.is_ok() {
                return true;
            }
        }
    }
}

impl Speaker<'_> {
    /// Until the connection breaks (`None`).
    async fn speak(
        mut self,
        mut wishes: watch::Receiver<Option<Wish>>,
        mut answers: watch::Receiver<u64>,
        mut mail: mpsc::Receiver<ScreenOrder>,
    ) -> Option<Farewell> {
        let mut alive = interval(Duration::from_secs(self.live.limits.silence_s.div_ceil(3).max(1)));
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut serving: Option<Serving> = None;
        loop {
            let ready = self.on_the_way.is(self.sent.saturating_sub(*answers.borrow_and_update()));
            let next = async {
                match &mut serving {
                    Some(serving) => serving.next(ready).await,
                    None => std::future::pending().await,
                }
            };
            let sent = tokio::select! {
                changed = wishes.changed() => {
                    changed.ok()?;
                    serving = wishes.borrow_and_update().clone().map(Serving::new);
                    self.hello(serving.as_ref()).await
                }
                changed = answers.changed(), if !ready => changed.ok(),
                order = mail.recv() => self.send(&LiveMessage::Order(order?), None).await,
                _ = alive.tick() => self.ping().await,
                may_send = next => match &mut serving {
                    Some(serving) if may_send => self.update(serving).await,
                    Some(serving) => {
                        // Whether there was anything to leave out would tell of what is withheld.
                        let (part, changed) = (serving.wish.sight.is_some(), serving.head.has_changed());
                        self.left_out += u64::from(part || serving.more || changed.unwrap_or(false));
                        Some(())
                    }
                    None => Some(()),
                },
            };
            sent?;
        }
    }

    async fn hello(&mut self, serving: Option<&Serving>) -> Option<()> {
        let Some(serving) = serving else { return Some(()) };
        let hello = match &serving.wish.sight {
            Some(sight) => sight.hello().clone(),
            None => serving.wish.channel.read(|board| board.hello().clone()),
        };
        self.send(&LiveMessage::Hello(hello), None).await
    }

    async fn update(&mut self, serving: &mut Serving) -> Option<()> {
        serving.due = false;
        let lost_before = serving.position.lost;
        let (wish, position) = (&serving.wish, &mut serving.position);
        let update = wish.channel.read(|board| board.update(&wish.audience, position, self.live.limits.facts));
        let Some(update) = update else {
            serving.more = false;
            return Some(());
        };
        // A snapshot tells of what is old.
        if !update.snapshot && !serving.more {
            self.live.counters.lag.0.observe(serving.head.borrow().since.elapsed().as_secs_f64());
        }
        // The parts of a state follow each other as fast as the client takes them.
        serving.more = update.more;
        serving.due = update.more;
        self.send(&LiveMessage::Update(update), Some(&serving.wish)).await?;
        let left_out = self.left_out - self.left_out_told;
        if left_out > 0 || serving.position.lost > lost_before {
            self.live.counters.left_out.inc_by(left_out);
            self.left_out_told = self.left_out;
            let (left_out_in_all, lost_happenings) = (self.left_out, serving.position.lost);
            self.send(&LiveMessage::Notice(Notice { left_out, left_out_in_all, lost_happenings }), None).await?;
        }
        self.ping().await
    }

    /// Asks the client to answer when it has read everything up to here.
    async fn ping(&mut self) -> Option<()> {
        self.sent += 1;
        self.sink.send(Message::Ping(self.sent.to_le_bytes().to_vec().into())).await.ok()
    }

    async fn send(&mut self, message: &LiveMessage, wish: Option<&Wish>) -> Option<()> {
        let (message, bytes) = match self.format {
            Format::Binary => {
                let bytes = message.encode();
                let length = bytes.len();
                (Message::Binary(bytes.into()), length)
            }
            Format::Json => {
                let text = match wish {
                    None => json_text(message, Names::None),
                    Some(Wish { sight: Some(sight), .. }) => json_text(message, Names::Part(sight)),
                    Some(wish) => wish.channel.read(|board| json_text(message, Names::Whole(board))),
                };
                let length = text.len();
                (Message::Text(text.into()), length)
            }
        };
        self.live.counters.messages.inc();
        self.live.counters.bytes.inc_by(bytes as u64);
        self.sink.send(message).await.ok()
    }
}
