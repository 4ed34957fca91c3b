//! Live: what holds in each served scene, told to clients as it changes, and what they may order.
//!
//! ```text
//! app: stage --publish--> Board --Audience--> socket (each client at its own pace) --> viewer
//!       ^                   +--> /api/indicators, /api/alarms, /api/scenarios, /api/playback
//!       +---PlayOrder (bounded channel)---- /api/playback
//!       +---Memory (a seam)---- streams --- /api/history, /sta/v1.1
//! /api/screens --ScreenOrder--> mailbox of a viewer's socket;   /api/snapshot.png --Painter (a seam)--> app
//! ```
//!
//! The [`Board`] keeps each fact once, with the number of the state that changed it last. A client is a position in those
//! numbers, so nothing is queued for it: what it was too slow for is replaced by what holds when its turn comes. A client
//! whose answers (WebSocket pongs) stay out gets nothing more until they come, so that nothing piles up on the way either.
//! Whoever something is withheld from gets facts through a [`Sight`], which is worked out once for a role and what it sees.

mod answers;
mod audience;
mod besides;
mod board;
mod history;
mod memory;
mod pictures;
mod playing;
mod screens;
mod sight;
mod socket;
mod standing;
mod streams;
mod text;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{oneshot, watch};
use utoipa_axum::router::OpenApiRouter;

pub use audience::{Audience, Subscription};
pub use board::{About, Board, Fact, Position};
pub use memory::Memory;
pub use pictures::{Painter, PictureError, PictureRequest};
pub use screens::Screens;
pub use sight::{SceneParts, Sight};
pub(super) use streams::Stream;

use super::access::Role;
use super::{Metrics, Problem, ProblemKind, Served, Service};
use crate::platform::monotonic_now;
use crate::quantity::Timestamp;
use crate::scenario::SceneForViewers;
use crate::sim::Recording;

/// Orders that wait for a stage at most.
const MOST_ORDERS: usize = 32;

/// Bounds of what clients may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveLimits {
    /// Clients at once.
    pub clients: usize,
    /// Bytes of a message from a client.
    pub message_bytes: usize,
    /// Messages of a client in ten seconds.
    pub messages: u32,
    /// Facts in a message to a client.
    pub facts: usize,
    /// Messages on the way to a client at once.
    pub on_the_way: u64,
    /// Seconds after which a client that does not answer is left.
    pub silence_s: u64,
    /// Bytes of past values that each scene keeps for them.
    pub history_bytes: usize,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            clients: 2000,
            message_bytes: 16 << 10,
            messages: 200,
            facts: 4096,
            on_the_way: 8,
            silence_s: 45,
            history_bytes: 64 << 20,
        }
    }
}

/// What can be asked of a play.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PlayCommand {
    /// Play on.
    Play,
    /// Stop where it is.
    Pause,
    /// Go to an instant.
    Seek(Timestamp),
    /// Pause and go some steps on, or back.
    Step(i64),
    /// Played seconds a second.
    Speed(f64),
    /// Whether to begin again at the end.
    Loop(bool),
}

/// A command and who waits for it.
pub struct PlayOrder {
    /// The command.
    pub command: PlayCommand,
    /// Told when the board shows what came of it.
    pub done: oneshot::Sender<()>,
}

/// Upper ends of the lags that are told apart, seconds.
const LAGS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// How old changes are when they are sent.
#[derive(Debug)]
pub struct Lag(Histogram);

impl Default for Lag {
    fn default() -> Self {
        Self(Histogram::new(LAGS))
    }
}

/// What clients cost and get, counted.
#[derive(Debug, Default)]
pub struct LiveCounters {
    /// Clients now.
    pub clients: Gauge,
    /// Clients turned away because there were too many.
    pub turned_away: Counter,
    /// Clients that get nothing now because they have not answered to what they got.
    pub thinned: Gauge,
    /// Messages on the way to clients: sent and not answered.
    pub on_the_way: Gauge,
    /// Time from a change to the message that tells of it, seconds: what was waited for a client's own pace is in it.
    pub lag: Lag,
    /// Messages sent.
    pub messages: Counter,
    /// Their bytes.
    pub bytes: Counter,
    /// Facts that changed on all boards.
    pub changes: Counter,
    /// Sends left out because a client was too slow.
    pub left_out: Counter,
    /// Clients left because they did not answer or sent what is not understood.
    pub dropped: Counter,
    /// Observations of connections that wait to be applied.
    pub inbox: Gauge,
    /// Bytes of past values that scenes keep.
    pub history: Gauge,
    /// Orders to plays.
    pub orders: Counter,
}

impl LiveCounters {
    /// Shows them under `/metrics`.
    pub(super) fn register(&self, metrics: &Metrics) {
        metrics.register("live_clients", "Clients of /api/live", self.clients.clone());
        metrics.register("live_turned_away", "Clients of /api/live beyond the limit", self.turned_away.clone());
        metrics.register("live_clients_thinned", "Clients that read too slowly now", self.thinned.clone());
        metrics.register("live_on_the_way", "Messages that clients have not answered yet", self.on_the_way.clone());
        metrics.register("live_lag_seconds", "Age of the newest change when it is sent", self.lag.0.clone());
        metrics.register("live_messages", "Messages to clients of /api/live", self.messages.clone());
        metrics.register("live_bytes", "Bytes of these messages", self.bytes.clone());
        metrics.register("live_changes", "Facts that changed in served scenes", self.changes.clone());
        metrics.register("live_left_out", "Sends left out for slow clients", self.left_out.clone());
        metrics.register(
            "live_dropped",
            "Clients left because they did not answer or made no sense",
            self.dropped.clone(),
        );
        metrics.register("live_inbox", "Observations that wait to be applied", self.inbox.clone());
        metrics.register("live_history_bytes", "Bytes of past values that scenes keep", self.history.clone());
        metrics.register("live_orders", "Orders to plays", self.orders.clone());
    }
}

/// The state of a scene.
#[derive(Debug, Clone, Copy)]
struct Head {
    version: u64,
    since: Instant,
}

/// A served scene.
pub struct SceneChannel {
    board: RwLock<Board>,
    /// Number of the state, and when it came about; clients wait for it to change.
    head: watch::Sender<Head>,
    changes: Counter,
    orders: SyncSender<PlayOrder>,
    about: SceneAbout,
    /// Recordings of its simulations by name, as soon as they are there; `None` where there will be none.
    runs: RwLock<BTreeMap<String, Option<Arc<Recording>>>>,
}

/// What is told of a scene in lists.
#[derive(Clone, Default)]
pub struct SceneAbout {
    /// Title of the scenario, where it has one.
    pub scenario: Option<String>,
    /// Variants of the scenario.
    pub variants: Vec<String>,
    /// The one that is played.
    pub variant: Option<String>,
    /// The scene as a viewer elsewhere draws it.
    pub for_viewers: SceneForViewers,
    /// What its variant adds, encoded; empty where that is nothing.
    pub added: Arc<[u8]>,
    /// By number of the binding: the source that brings its values, where it can be only one.
    pub sources: Vec<Option<String>>,
    /// What it remembers; without it only the latest values are known, and it takes no observations.
    pub memory: Option<Arc<dyn Memory>>,
    /// What it is made of; without it the scene is only for those who see everything.
    pub parts: Option<Arc<SceneParts>>,
}

/// A scene as far as somebody sees it.
pub(super) struct SeenScene {
    channel: Arc<SceneChannel>,
    /// What is left of it; `None` where nothing is withheld.
    sight: Option<Arc<Sight>>,
}

/// What roles see of scenes, by role and scene.
pub(super) type Sights = BTreeMap<(Role, String), Arc<Sight>>;

impl SeenScene {
    /// How it is drawn.
    fn document(&self) -> &SceneForViewers {
        self.sight.as_ref().map_or(&self.channel.about.for_viewers, |sight| sight.document())
    }
}

impl SceneChannel {
    /// Changes the board; clients are told if that changed its state.
    pub fn publish(&self, change: impl FnOnce(&mut Board)) {
        let version = {
            let mut board = self.board.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut board);
            board.version()
        };
        self.head.send_if_modified(|head| {
            self.changes.inc_by(version - head.version);
            let changed = head.version != version;
            if changed {
                *head = Head { version, since: monotonic_now() };
            }
            changed
        });
    }

    /// Hands over the recording of a simulation, or says that there will be none.
    pub fn add_run(&self, name: &str, recording: Option<Arc<Recording>>) {
        self.runs.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), recording);
    }

    /// The recording of a simulation; `None` while it is being computed, `Some(None)` where there will be none.
    fn run(&self, name: &str) -> Option<Option<Arc<Recording>>> {
        self.runs.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Looks at the board; keep it short, the publisher waits.
    pub fn read<T>(&self, look: impl FnOnce(&Board) -> T) -> T {
        look(&self.board.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Everything that is live in a server.
#[derive(Default)]
pub struct Live {
    scenes: RwLock<BTreeMap<String, Arc<SceneChannel>>>,
    screens: Screens,
    painter: OnceLock<Box<dyn Painter>>,
    limits: LiveLimits,
    /// Counters.
    pub counters: LiveCounters,
}

impl Live {
    /// With bounds of one's own.
    pub fn with_limits(limits: LiveLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Its bounds.
    pub fn limits(&self) -> &LiveLimits {
        &self.limits
    }

    /// Begins to serve a scene under the name in its board's hello. Whoever holds the channel publishes into it and
    /// carries out what the receiver brings.
    pub fn open(&self, board: Board, about: SceneAbout) -> (Arc<SceneChannel>, Receiver<PlayOrder>) {
        let (orders, receiver) = sync_channel(MOST_ORDERS);
        let name = board.hello().scene.clone();
        let head = watch::Sender::new(Head { version: board.version(), since: monotonic_now() });
        let channel = Arc::new(SceneChannel {
            board: RwLock::new(board),
            head,
            changes: self.counters.changes.clone(),
            orders,
            about,
            runs: RwLock::default(),
        });
        self.scenes.write().unwrap_or_else(PoisonError::into_inner).insert(name, channel.clone());
        (channel, receiver)
    }

    /// Whether this is what is served under its name.
    fn has(&self, channel: &Arc<SceneChannel>) -> bool {
        let scenes = self.scenes.read().unwrap_or_else(PoisonError::into_inner);
        scenes.values().any(|served| Arc::ptr_eq(served, channel))
    }

    /// Serves a scene no longer.
    pub fn close(&self, name: &str) {
        self.scenes.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Sets who draws pictures; the first one stays.
    pub fn set_painter(&self, painter: Box<dyn Painter>) {
        // A second painter is of no use.
        drop(self.painter.set(painter));
    }

    /// All served scenes by name.
    pub fn scenes(&self) -> BTreeMap<String, Arc<SceneChannel>> {
        self.scenes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A place for one more client; none where there are too many.
    fn admit(self: &Arc<Self>) -> Option<Seat> {
        let before = self.counters.clients.inc();
        let seat = Seat(self.clone());
        if usize::try_from(before).is_ok_and(|before| before < self.limits.clients) {
            return Some(seat);
        }
        self.counters.turned_away.inc();
        None
    }
}

impl Service {
    /// The scenes that who asks may know of, by name.
    fn live_scenes(&self) -> BTreeMap<String, SeenScene> {
        self.live_scenes_of(&self.served())
    }

    /// The same of what is served now or will be.
    pub(super) fn live_scenes_of(&self, served: &Served) -> BTreeMap<String, SeenScene> {
        let seen = |(name, channel): (String, _)| self.seen_scene(served, &name, channel).map(|seen| (name, seen));
        self.live.scenes().into_iter().filter_map(seen).collect()
    }

    /// A scene by its name as far as who asks sees it; the only one where none is named.
    fn live_scene(&self, name: Option<&str>) -> Result<SeenScene, Problem> {
        let mut scenes = self.live_scenes();
        let found = match name {
            Some(name) => scenes.remove(name),
            None if scenes.len() > 1 => {
                return Err(Problem::new(ProblemKind::BadRequest, "'scene' is missing: several are served"));
            }
            None => scenes.pop_first().map(|(_, seen)| seen),
        };
        found.ok_or_else(|| Problem::new(ProblemKind::NotFound, "no such scene is served live"))
    }

    /// A scene as far as who asks sees it; `None` where its city is not there for them.
    fn seen_scene(&self, served: &Served, name: &str, channel: Arc<SceneChannel>) -> Option<SeenScene> {
        if served.rights_of(self.role).next().is_none() {
            return Some(SeenScene { channel, sight: None });
        }
        let city = served.catalogues.get(&self.role)?.cities.get(&channel.about.for_viewers.city)?;
        if city.selection.is_none() {
            return Some(SeenScene { channel, sight: None });
        }
        let parts = channel.about.parts.as_ref()?;
        let mut sights = served.sights.lock().unwrap_or_else(PoisonError::into_inner);
        let sight = sights.entry((self.role, name.to_owned())).or_insert_with(|| {
            let hello = channel.read(|board| board.hello().clone());
            Arc::new(Sight::new(Arc::clone(parts), Arc::clone(city), &hello, &channel.about.for_viewers))
        });
        let sight = Arc::clone(sight);
        drop(sights);
        Some(SeenScene { channel, sight: Some(sight) })
    }
}

/// The place of a client; free again when it is dropped.
struct Seat(Arc<Live>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.counters.clients.dec();
    }
}

pub(super) fn router() -> OpenApiRouter<Service> {
    socket::router()
        .merge(answers::router())
        .merge(besides::router())
        .merge(history::router())
        .merge(playing::router())
        .merge(screens::router())
        .merge(pictures::router())
}
