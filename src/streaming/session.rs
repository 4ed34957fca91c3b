//! The state of what is being loaded and drawn: views and events in, commands out. No input or output of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::{Graft, Part, SelectionCounters, TileId, TileTree, TreeError, Urgency, View, select};

/// One thing loaded once: never reused, so that a late event of something cancelled is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(pub u64);

/// What the host shall do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Read a file; answer `Fetched`, `FetchFailed` or, when it is longer than allowed, `TooLarge`.
    Fetch {
        /// The resource.
        resource: ResourceId,
        /// Number of its tree, from `add_tree`.
        tree: usize,
        /// Name of the file.
        name: String,
        /// Greatest length the host may hold, bytes.
        max_bytes: u64,
    },
    /// Give up reading and drop what came; no answer.
    CancelFetch(ResourceId),
    /// Decode what was fetched, then drop the fetched bytes; answer `Decoded` (a content: then upload it and answer
    /// `Uploaded`), `Grafted` (a subtree), `DecodeFailed`, or `TooLarge` when it takes more than allowed.
    Decode {
        /// The resource.
        resource: ResourceId,
        /// Whether it is a subtree file or a content.
        part: Part,
        /// Greatest sum of processor and graphics memory of the result, bytes.
        max_bytes: u64,
    },
    /// Draw it from now on.
    Show(ResourceId),
    /// Draw it no longer.
    Hide(ResourceId),
    /// Drop everything held for it.
    Release(ResourceId),
}

/// What the host tells.
#[derive(Debug, Clone)]
pub enum Event {
    /// The file is here, so many bytes.
    Fetched(ResourceId, u64),
    /// Reading failed.
    FetchFailed(ResourceId),
    /// A content is decoded: bytes in processor and graphics memory together, upload included.
    Decoded(ResourceId, u64),
    /// A subtree file is decoded.
    Grafted(ResourceId, Graft),
    /// The bytes are not what they should be.
    DecodeFailed(ResourceId),
    /// It would take so many bytes where fewer were allowed; the host dropped it.
    TooLarge(ResourceId, u64),
    /// It can be drawn; bytes it keeps in processor and graphics memory together, not more than decoded.
    Uploaded(ResourceId, u64),
}

/// Limits of a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SessionSettings {
    /// Hard budget of everything: fetched, decoded, uploaded, tree tables; bytes.
    pub budget_bytes: u64,
    /// Screen-space error aimed at, pixels, above 0; 16 is usual.
    pub error_px: f64,
    /// Fetches at once, 1 or more.
    pub max_fetches: usize,
    /// Decodes and uploads at once, 1 or more.
    pub max_decodes: usize,
    /// What a file is allowed before its size is known, bytes.
    pub fetch_estimate_bytes: u64,
    /// What a decoded file is allowed before its size is known, bytes.
    pub decode_estimate_bytes: u64,
    /// Attempts before a file is given up, 1 or more.
    pub max_attempts: u32,
    /// Wait after the first failure, seconds; doubles each time.
    pub backoff_s: f64,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            budget_bytes: 1 << 30,
            error_px: 16.0,
            max_fetches: 16,
            max_decodes: 4,
            fetch_estimate_bytes: 512 << 10,
            decode_estimate_bytes: 2 << 20,
            max_attempts: 5,
            backoff_s: 0.5,
        }
    }
}

/// Figures for a diagnostics panel.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SessionStats {
    /// Bytes charged now, reservations included.
    pub used_bytes: u64,
    /// The most that was ever charged.
    pub peak_bytes: u64,
    /// Files being read.
    pub fetching: usize,
    /// Files read that wait or are being decoded or uploaded.
    pub decoding: usize,
    /// Contents that can be drawn and subtrees grafted.
    pub resident: usize,
    /// Contents shown.
    pub shown: usize,
    /// Factor on the screen-space error by which the budget coarsens, 1 or more.
    pub coarsening: f64,
    /// Failed attempts.
    pub failures: u64,
    /// Fetches cancelled.
    pub cancelled: u64,
    /// Resources evicted to make room.
    pub evicted: u64,
    /// Counts of the last selection, all trees.
    pub selection: SelectionCounters,
}

/// Why a tree was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The tables of the tree alone pass the budget.
    #[error("a tile tree takes {needed} bytes and {free} of the budget are free")]
    TreeTooLarge {
        /// Bytes of the tree.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
}

type Key = (usize, TileId, Part);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fetching,
    Fetched,
    Decoding,
    Uploading,
    Ready,
}

#[derive(Debug, Clone)]
struct Resource {
    id: ResourceId,
    state: State,
    charge: u64,
    allowed: (u64, u64),
    last_used: u64,
    shown: bool,
}

#[derive(Debug, Clone, Default)]
struct Trouble {
    attempts: u32,
    retry_at_s: f64,
    /// What it was found to need: fetch, decode.
    needs: (u64, u64),
    name: String,
    given_up: bool,
}

/// Streams several trees within one budget.
pub struct Session {
    settings: SessionSettings,
    trees: Vec<Box<dyn TileTree>>,
    resources: BTreeMap<Key, Resource>,
    keys: BTreeMap<ResourceId, Key>,
    troubles: BTreeMap<Key, Trouble>,
    queued: Vec<Command>,
    next: u64,
    frame: u64,
    now_s: f64,
    views: Vec<View>,
    coarsest_needed: f64,
    held_by_host: u64,
    stats: SessionStats,
}

impl Session {
    /// A session without trees.
    pub fn new(settings: SessionSettings) -> Self {
        Self {
            settings,
            trees: Vec::new(),
            resources: BTreeMap::new(),
            keys: BTreeMap::new(),
            troubles: BTreeMap::new(),
            queued: Vec::new(),
            next: 0,
            frame: 0,
            now_s: 0.0,
            views: Vec::new(),
            coarsest_needed: 1.0,
            held_by_host: 0,
            stats: SessionStats { coarsening: 1.0, ..SessionStats::default() },
        }
    }

    /// Adds a tree; its number.
    pub fn add_tree(&mut self, tree: Box<dyn TileTree>) -> Result<usize, SessionError> {
        let (needed, free) = (tree.base_bytes(), self.settings.budget_bytes.saturating_sub(self.stats.used_bytes));
        if needed > free {
            return Err(SessionError::TreeTooLarge { needed, free });
        }
        self.recharge(0, needed);
        self.trees.push(tree);
        Ok(self.trees.len() - 1)
    }

    /// Says how many bytes the host holds for what is no tile (a ground of its own, water, fonts): they are charged to the
    /// budget, and tiles get what they leave. Replaces what was said before.
    pub fn set_held_by_host(&mut self, bytes: u64) {
        let before = std::mem::replace(&mut self.held_by_host, bytes);
        self.recharge(before, bytes);
        if bytes < before {
            self.coarsest_needed = 1.0;
        }
    }

    /// Figures now.
    pub fn stats(&self) -> SessionStats {
        let count = |states: &[State]| self.resources.values().filter(|r| states.contains(&r.state)).count();
        SessionStats {
            fetching: count(&[State::Fetching]),
            decoding: count(&[State::Fetched, State::Decoding, State::Uploading]),
            resident: count(&[State::Ready]),
            shown: self.resources.values().filter(|r| r.shown).count(),
            ..self.stats
        }
    }

    /// Names of the files that were given up.
    pub fn given_up(&self) -> Vec<&str> {
        self.troubles.values().filter(|t| t.given_up).map(|t| t.name.as_str()).collect()
    }

    /// Tree and tile of a resource; `None` after its release.
    pub fn tile(&self, resource: ResourceId) -> Option<(usize, TileId)> {
        self.keys.get(&resource).map(|key| (key.0, key.1))
    }

    /// Chooses what to draw and load. `now_s` never goes back, seconds from any start.
    pub fn update(&mut self, views: &[View], now_s: f64) -> Vec<Command> {
        self.frame += 1;
        self.now_s = now_s;
        if self.views != views {
            self.views = views.to_vec();
            self.coarsest_needed = 1.0;
        }
        let (wanted, drawn) = self.choose();
        self.show(&drawn);
        self.cancel_unwanted(&wanted);
        let mut order: Vec<(Key, (Urgency, f64))> = wanted.iter().map(|(key, rank)| (*key, *rank)).collect();
        order.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(b.1.1.total_cmp(&a.1.1)).then(a.0.cmp(&b.0)));
        self.decode(&order);
        let blocked = self.fetch(&order, &wanted);
        self.adapt(blocked);
        std::mem::take(&mut self.queued)
    }

    /// Drops everything: what the host must release. Work under way is released as well; its late events are ignored.
    pub fn shut_down(&mut self) -> Vec<Command> {
        let keys: Vec<Key> = self.resources.keys().copied().collect();
        keys.into_iter().for_each(|key| self.drop_resource(key));
        std::mem::take(&mut self.queued)
    }

    /// Takes an event; those of resources released or cancelled are ignored.
    pub fn handle(&mut self, event: Event) -> Result<(), TreeError> {
        match event {
            Event::Fetched(id, bytes) => self.step(id, State::Fetching, State::Fetched, bytes),
            Event::Decoded(id, bytes) => self.step(id, State::Decoding, State::Uploading, bytes),
            Event::Uploaded(id, bytes) => self.step(id, State::Uploading, State::Ready, bytes),
            Event::FetchFailed(id) | Event::DecodeFailed(id) => self.fail(id),
            Event::TooLarge(id, bytes) => self.grow(id, bytes),
            Event::Grafted(id, graft) => return self.graft(id, graft),
        }
        Ok(())
    }

    fn recharge(&mut self, old: u64, new: u64) {
        self.stats.used_bytes = self.stats.used_bytes - old + new;
        self.stats.peak_bytes = self.stats.peak_bytes.max(self.stats.used_bytes);
    }

    fn step(&mut self, id: ResourceId, from: State, to: State, bytes: u64) {
        let Some(key) = self.keys.get(&id).copied() else { return };
        let Some(resource) = self.resources.get_mut(&key).filter(|r| r.state == from) else { return };
        let (charge, allowed) = match to {
            State::Fetched => (bytes + resource.allowed.1, resource.allowed.0),
            _ => (bytes, resource.allowed.1),
        };
        if bytes > allowed {
            return self.grow(id, bytes);
        }
        resource.state = to;
        let old = std::mem::replace(&mut resource.charge, charge);
        self.recharge(old, charge);
    }

    fn graft(&mut self, id: ResourceId, graft: Graft) -> Result<(), TreeError> {
        let Some(key) = self.keys.get(&id).copied() else { return Ok(()) };
        let bytes = graft.bytes();
        if self.resources.get(&key).is_some_and(|r| r.state == State::Decoding && bytes <= r.allowed.1) {
            let done = self.trees.get_mut(key.0).map_or(Ok(()), |tree| tree.graft(key.1, graft));
            if done.is_err() {
                self.fail(id);
                return done;
            }
        }
        self.step(id, State::Decoding, State::Ready, bytes);
        Ok(())
    }

    fn fail(&mut self, id: ResourceId) {
        let Some(key) = self.keys.get(&id).copied() else { return };
        let name = self.name(key).unwrap_or_default();
        let trouble = self.troubles.entry(key).or_default();
        trouble.name = name;
        trouble.attempts += 1;
        trouble.given_up = trouble.attempts >= self.settings.max_attempts;
        let doublings = (trouble.attempts - 1).min(16) as i32;
        trouble.retry_at_s = self.now_s + self.settings.backoff_s * 2.0_f64.powi(doublings);
        self.stats.failures += 1;
        self.drop_resource(key);
    }

    /// Lets a resource have more next time; beyond the whole budget it is given up.
    fn grow(&mut self, id: ResourceId, bytes: u64) {
        let Some(key) = self.keys.get(&id).copied() else { return };
        let Some(fetching) = self.resources.get(&key).map(|r| r.state == State::Fetching) else { return };
        let name = self.name(key).unwrap_or_default();
        let trouble = self.troubles.entry(key).or_default();
        trouble.name = name;
        let need = if fetching { &mut trouble.needs.0 } else { &mut trouble.needs.1 };
        *need = bytes.max(*need);
        trouble.given_up |= bytes > self.settings.budget_bytes;
        self.drop_resource(key);
    }

    fn name(&self, (tree, tile, part): Key) -> Option<String> {
        let tree = self.trees.get(tree)?;
        match part {
            Part::Subtree => tree.awaited(tile),
            Part::Content(number) => tree.content_name(tile, number),
        }
    }

    /// Takes a resource out of the tables, with what hangs on it, and tells the host.
    fn drop_resource(&mut self, key: Key) {
        let Some(resource) = self.resources.remove(&key) else { return };
        self.keys.remove(&resource.id);
        self.recharge(resource.charge, 0);
        if resource.shown {
            self.queued.push(Command::Hide(resource.id));
        }
        self.queued.push(match resource.state {
            State::Fetching => Command::CancelFetch(resource.id),
            _ => Command::Release(resource.id),
        });
        if key.2 == Part::Subtree
            && resource.state == State::Ready
            && let Some(tree) = self.trees.get_mut(key.0)
        {
            tree.prune(key.1);
            let tree = &self.trees[key.0];
            let exists = |k: &Key| match k.2 {
                Part::Subtree => tree.shape(k.1).is_some(),
                Part::Content(number) => tree.shape(k.1).is_some_and(|shape| number < shape.contents),
            };
            let gone: Vec<Key> = self.resources.keys().filter(|k| k.0 == key.0 && !exists(k)).copied().collect();
            gone.into_iter().for_each(|k| self.drop_resource(k));
        }
    }

    fn choose(&mut self) -> (BTreeMap<Key, (Urgency, f64)>, BTreeSet<Key>) {
        let (mut wanted, mut drawn, mut sum) = (BTreeMap::new(), BTreeSet::new(), SelectionCounters::default());
        let mut used = Vec::new();
        for (number, tree) in self.trees.iter().enumerate() {
            let ready = |tile, count| {
                (0..count).all(|content| {
                    let key = (number, tile, Part::Content(content));
                    self.resources.get(&key).is_some_and(|r| r.state == State::Ready)
                })
            };
            let threshold = self.settings.error_px * self.stats.coarsening;
            let chosen = select(tree.as_ref(), &self.views, threshold, &ready);
            let contents = |tile: TileId| {
                let count = tree.shape(tile).map_or(0, |shape| shape.contents);
                (0..count).map(move |content| (number, tile, Part::Content(content)))
            };
            drawn.extend(chosen.draw.iter().flat_map(|tile| contents(*tile)));
            used.extend(chosen.ancestors.iter().flat_map(|tile| contents(*tile)));
            for want in &chosen.want {
                let rank = (want.urgency, want.score);
                let subtree = want.subtree.then_some((number, want.tile, Part::Subtree));
                let parts = (!want.subtree).then(|| contents(want.tile)).into_iter().flatten();
                for key in subtree.into_iter().chain(parts) {
                    let best = wanted.entry(key).or_insert(rank);
                    if rank.0 > best.0 || rank.0 == best.0 && rank.1 > best.1 {
                        *best = rank;
                    }
                }
            }
            sum.visited += chosen.counters.visited;
            sum.culled += chosen.counters.culled;
            sum.drawn += chosen.counters.drawn;
            sum.waiting += chosen.counters.waiting;
            sum.standing_in += chosen.counters.standing_in;
        }
        used.extend(wanted.keys().copied());
        for key in used {
            if let Some(resource) = self.resources.get_mut(&key) {
                resource.last_used = self.frame;
            }
        }
        self.stats.selection = sum;
        (wanted, drawn)
    }

    /// New tiles are shown before old ones are hidden, so that no frame has a hole.
    fn show(&mut self, drawn: &BTreeSet<Key>) {
        let mut hide = Vec::new();
        for (key, resource) in &mut self.resources {
            let show = drawn.contains(key);
            if show && !resource.shown {
                self.queued.push(Command::Show(resource.id));
            } else if !show && resource.shown {
                hide.push(Command::Hide(resource.id));
            }
            resource.shown = show;
        }
        self.queued.append(&mut hide);
    }

    fn cancel_unwanted(&mut self, wanted: &BTreeMap<Key, (Urgency, f64)>) {
        let pending = |r: &Resource| matches!(r.state, State::Fetching | State::Fetched);
        let gone: Vec<Key> =
            self.resources.iter().filter(|(k, r)| pending(r) && !wanted.contains_key(k)).map(|(k, _)| *k).collect();
        for key in gone {
            self.stats.cancelled += 1;
            self.drop_resource(key);
        }
    }

    fn decode(&mut self, order: &[(Key, (Urgency, f64))]) {
        let busy = |r: &&Resource| matches!(r.state, State::Decoding | State::Uploading);
        let free = self.settings.max_decodes.saturating_sub(self.resources.values().filter(busy).count());
        let fetched =
            order.iter().filter(|(key, _)| self.resources.get(key).is_some_and(|r| r.state == State::Fetched));
        let next: Vec<Key> = fetched.take(free).map(|(key, _)| *key).collect();
        for key in next {
            if let Some(resource) = self.resources.get_mut(&key) {
                resource.state = State::Decoding;
                let max_bytes = resource.allowed.1;
                self.queued.push(Command::Decode { resource: resource.id, part: key.2, max_bytes });
            }
        }
    }

    /// Starts fetches in order of priority; true when the budget stopped one.
    fn fetch(&mut self, order: &[(Key, (Urgency, f64))], wanted: &BTreeMap<Key, (Urgency, f64)>) -> bool {
        let fetching = |r: &&Resource| r.state == State::Fetching;
        let mut free = self.settings.max_fetches.saturating_sub(self.resources.values().filter(fetching).count());
        for (key, _) in order {
            if free == 0 {
                return false;
            }
            let trouble = self.troubles.get(key);
            let waits = trouble.is_some_and(|t| t.given_up || t.retry_at_s > self.now_s);
            if waits || self.resources.contains_key(key) {
                continue;
            }
            let needs = trouble.map_or((0, 0), |t| t.needs);
            // A file known to be too small for the estimate still gets the estimate: it may have changed.
            let allowed = (
                if needs.0 > 0 { needs.0 } else { self.settings.fetch_estimate_bytes },
                if needs.1 > 0 { needs.1 } else { self.settings.decode_estimate_bytes },
            );
            let Some(name) = self.name(*key) else { continue };
            if !self.make_room(allowed.0.saturating_add(allowed.1), wanted) {
                return true;
            }
            self.start(*key, name, allowed);
            free -= 1;
        }
        false
    }

    fn start(&mut self, key: Key, name: String, allowed: (u64, u64)) {
        let id = ResourceId(self.next);
        self.next += 1;
        let charge = allowed.0 + allowed.1;
        self.recharge(0, charge);
        let (state, last_used) = (State::Fetching, self.frame);
        self.resources.insert(key, Resource { id, state, charge, allowed, last_used, shown: false });
        self.keys.insert(id, key);
        self.queued.push(Command::Fetch { resource: id, tree: key.0, name, max_bytes: allowed.0 });
    }

    /// Evicts what is neither drawn nor wanted, longest unused first, until `bytes` fit.
    fn make_room(&mut self, bytes: u64, wanted: &BTreeMap<Key, (Urgency, f64)>) -> bool {
        let fits = |session: &Self| session.stats.used_bytes.saturating_add(bytes) <= session.settings.budget_bytes;
        if fits(self) {
            return true;
        }
        // Pruning a subtree drops what is below it, which must not be in the middle of a decode: its memory is in use.
        let busy = |r: &&Resource| matches!(r.state, State::Decoding | State::Uploading);
        let steady = !self.resources.values().any(|r| busy(&r));
        let idle = |(key, r): &(&Key, &Resource)| {
            r.state == State::Ready && !r.shown && !wanted.contains_key(key) && (steady || key.2 != Part::Subtree)
        };
        let mut idle: Vec<(u64, Key)> = self.resources.iter().filter(idle).map(|(k, r)| (r.last_used, *k)).collect();
        idle.sort_unstable();
        for (_, key) in idle {
            self.stats.evicted += u64::from(self.resources.contains_key(&key));
            self.drop_resource(key);
            if fits(self) {
                return true;
            }
        }
        false
    }

    /// Coarsens while the budget blocks what is wanted; refines again when there is ample room, but never, for the same
    /// views, back to what was found not to fit.
    fn adapt(&mut self, blocked: bool) {
        let idle = !self.resources.values().any(|r| r.state != State::Ready);
        if blocked && idle {
            self.stats.coarsening = (self.stats.coarsening * 1.1).min(1e6);
            self.coarsest_needed = self.stats.coarsening;
        } else if !blocked && self.stats.used_bytes < self.settings.budget_bytes / 10 * 6 {
            self.stats.coarsening = (self.stats.coarsening / 1.05).max(self.coarsest_needed);
        }
    }
}
