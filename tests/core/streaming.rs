//! Streaming, frame by frame, with a host that counts what is alive.

use std::collections::BTreeMap;

use glam::{DMat3, DVec3};
use proptest::prelude::*;
use veduta::streaming::*;

/// Files are as large as the table says (1000 bytes otherwise) and take three times that decoded.
#[derive(Default)]
struct Host {
    alive: BTreeMap<ResourceId, u64>,
    names: BTreeMap<ResourceId, String>,
    shown: BTreeMap<ResourceId, String>,
    events: Vec<Event>,
    broken: Vec<String>,
    fetched: Vec<String>,
    log: Vec<Command>,
    peak: u64,
}

const FILE: u64 = 1000;
const DECODED: u64 = 3000;

impl Host {
    fn obey(&mut self, commands: Vec<Command>) {
        for command in commands {
            self.log.push(command.clone());
            match command {
                Command::Fetch { resource, name, max_bytes, .. } => {
                    self.fetched.push(name.clone());
                    if self.broken.contains(&name) {
                        self.events.push(Event::FetchFailed(resource));
                    } else if max_bytes < FILE {
                        self.events.push(Event::TooLarge(resource, FILE));
                    } else {
                        self.alive.insert(resource, FILE);
                        self.events.push(Event::Fetched(resource, FILE));
                    }
                    self.names.insert(resource, name);
                }
                Command::Decode { resource, part: Part::Subtree, .. } => {
                    let all = Availability::Constant(true);
                    let contents = vec![all.clone()];
                    let subtree = SubtreeAvailability { tiles: all.clone(), contents, child_subtrees: all };
                    self.alive.insert(resource, subtree.bytes());
                    self.events.push(Event::Grafted(resource, Graft::Implicit(subtree)));
                }
                Command::Decode { resource, max_bytes, .. } if max_bytes < DECODED => {
                    self.alive.remove(&resource);
                    self.events.push(Event::TooLarge(resource, DECODED));
                }
                Command::Decode { resource, .. } => {
                    self.alive.insert(resource, DECODED);
                    self.events.push(Event::Decoded(resource, DECODED));
                    self.events.push(Event::Uploaded(resource, DECODED));
                }
                Command::Show(resource) => {
                    assert!(self.shown.insert(resource, self.names[&resource].clone()).is_none());
                }
                Command::Hide(resource) => assert!(self.shown.remove(&resource).is_some()),
                Command::CancelFetch(resource) | Command::Release(resource) => {
                    assert!(!self.shown.contains_key(&resource), "released while shown");
                    self.alive.remove(&resource);
                }
            }
        }
        self.peak = self.peak.max(self.alive.values().sum());
    }

    /// One frame: all events of the last one arrive, then an update.
    fn frame(&mut self, session: &mut Session, view: View, now_s: f64) -> Vec<String> {
        for event in std::mem::take(&mut self.events) {
            session.handle(event).unwrap();
        }
        let commands = session.update(&[view], now_s);
        self.obey(commands);
        let mut shown: Vec<String> = self.shown.values().cloned().collect();
        shown.sort();
        shown
    }

    fn settle(&mut self, session: &mut Session, view: View) -> Vec<String> {
        let mut shown = Vec::new();
        for frame in 0..400 {
            shown = self.frame(session, view, f64::from(frame));
        }
        shown
    }

    fn end(&mut self, mut session: Session) {
        let commands = session.shut_down();
        self.obey(commands);
        assert!(self.alive.is_empty() && self.shown.is_empty());
        assert_eq!(session.stats().resident + session.stats().fetching + session.stats().decoding, 0);
    }
}

fn down_from(x: f64, height: f64) -> View {
    View {
        position_in_site: DVec3::new(x, 0.0, height),
        direction_in_site: DVec3::NEG_Z,
        up_in_site: DVec3::Y,
        vertical_fov_rad: 1.0,
        aspect: 1.5,
        viewport_height_px: 1000.0,
    }
}

fn tile(name: &str, x: f64, half: f64, error: f64) -> ExplicitTile {
    let volume = Volume::Box {
        center_in_site: DVec3::new(x, 0.0, 0.0),
        half_axes_in_site: DMat3::from_diagonal(DVec3::splat(half)),
    };
    ExplicitTile::new(volume, error, Refine::Replace, [name.to_owned()])
}

fn pair() -> Box<dyn TileTree> {
    let mut root = tile("root", 0.0, 100.0, 10.0);
    root.children = vec![tile("west", -50.0, 50.0, 0.0), tile("east", 50.0, 50.0, 0.0)];
    Box::new(ExplicitTree::new(root))
}

fn session(budget_bytes: u64, tree: Box<dyn TileTree>) -> Session {
    let mut session = Session::new(SessionSettings {
        budget_bytes,
        fetch_estimate_bytes: 500,
        decode_estimate_bytes: 2000,
        ..SessionSettings::default()
    });
    session.add_tree(tree).unwrap();
    session
}

const FAR: f64 = 5000.0;
const NEAR: f64 = 300.0;

// root (error 10 m)
// |- west
// `- east
#[test]
fn a_parent_stays_until_both_children_are_there_and_zooming_out_keeps_them() {
    let (mut host, mut session) = (Host { broken: vec!["east".into()], ..Host::default() }, session(1 << 20, pair()));
    assert_eq!(host.settle(&mut session, down_from(0.0, FAR)), ["root"]);
    assert_eq!(host.fetched.iter().filter(|n| *n != "root").count(), 0, "far away only the root is wanted");
    for frame in 0..20 {
        assert_eq!(host.frame(&mut session, down_from(0.0, NEAR), 400.0 + f64::from(frame) * 0.01), ["root"]);
    }
    host.broken.clear();
    assert_eq!(
        (0..20).map(|i| host.frame(&mut session, down_from(0.0, NEAR), 500.0 + f64::from(i))).last().unwrap(),
        ["east", "west"]
    );
    host.end(session);
}

#[test]
fn what_the_host_holds_is_counted_and_leaves_less_for_tiles() {
    let (mut host, mut session) = (Host::default(), session(12_500, pair()));
    let trees = session.stats().used_bytes;
    session.set_held_by_host(11_000);
    session.set_held_by_host(7_500 - trees);
    assert_eq!(session.stats().used_bytes, 7_500);
    assert_eq!(host.settle(&mut session, down_from(0.0, NEAR)), ["root"], "there is room for the root alone");
    session.set_held_by_host(0);
    assert_eq!(host.settle(&mut session, down_from(0.0, NEAR)), ["east", "west"]);
    host.end(session);
}

// root (error 10 m)
// |- west
// `- east
#[test]
fn zooming_out_shows_the_children_until_the_parent_is_there() {
    let mut host = Host { broken: vec!["root".into()], ..Host::default() };
    let mut session = session(1 << 20, pair());
    assert_eq!(host.settle(&mut session, down_from(0.0, NEAR)), ["east", "west"]);
    assert_eq!(host.frame(&mut session, down_from(0.0, FAR), 400.0), ["east", "west"]);
    host.end(session);
}

// root
// |- west
// `- east (never comes)
#[test]
fn failures_back_off_and_give_up_with_the_name() {
    let mut host = Host { broken: vec!["east".into()], ..Host::default() };
    let mut session = session(1 << 20, pair());
    for frame in 0..3 {
        host.frame(&mut session, down_from(0.0, NEAR), f64::from(frame) * 0.01);
    }
    assert_eq!(host.fetched.iter().filter(|n| *n == "east").count(), 1, "no second attempt within the back-off");
    assert_eq!(host.settle(&mut session, down_from(0.0, NEAR)), ["root"]);
    assert_eq!(host.fetched.iter().filter(|n| *n == "east").count(), 5);
    assert_eq!(session.given_up(), ["east"]);
    host.end(session);
}

// root
// |- west (fetch under way when the camera goes far)
// `- east (the same)
#[test]
fn what_is_no_longer_wanted_is_cancelled_and_its_late_events_are_ignored() {
    let (mut host, mut session) = (Host::default(), session(1 << 20, pair()));
    host.settle(&mut session, down_from(0.0, FAR));
    let commands = session.update(&[down_from(0.0, NEAR)], 500.0);
    host.obey(commands);
    let commands = session.update(&[down_from(0.0, FAR)], 500.1);
    assert_eq!(commands.iter().filter(|c| matches!(c, Command::CancelFetch(_))).count(), 2);
    host.obey(commands);
    assert_eq!(host.frame(&mut session, down_from(0.0, FAR), 500.2), ["root"]);
    assert_eq!(session.stats().decoding, 0);
    host.end(session);
}

fn quadtree(levels: u32) -> ImplicitTree {
    ImplicitTree::new(ImplicitTiling {
        center_in_site: DVec3::ZERO,
        half_axes_in_site: DMat3::from_diagonal(DVec3::new(51200.0, 51200.0, 50.0)),
        geometric_error_m: 1024.0,
        refine: Refine::Replace,
        octree: false,
        subtree_levels: 4,
        available_levels: levels,
        contents: vec!["content/{level}/{x}/{y}.glb".into()],
        subtrees: "subtrees/{level}/{x}/{y}.subtree".into(),
    })
    .unwrap()
}

// 0/0/0 - four children each, down to 1024 x 1024 leaves
#[test]
fn a_million_leaves_cost_only_what_is_seen() {
    let (mut host, mut session) = (Host::default(), session(64 << 20, Box::new(quadtree(11))));
    let shown = host.settle(&mut session, down_from(20_000.0, 100.0));
    assert!(shown.iter().any(|name| name.starts_with("content/10/")), "leaves under the camera: {shown:?}");
    let visited = session.stats().selection.visited;
    assert!(visited < 2000, "{visited} tiles visited");
    assert_eq!(session.stats().selection.waiting, 0);
    host.end(session);
}

// 0/0/0 - four children each, six levels; 60 kB hold about fifteen of them
#[test]
fn too_small_a_budget_coarsens_without_holes_and_comes_to_rest() {
    let (mut host, mut session) = (Host::default(), session(60_000, Box::new(quadtree(6))));
    let shown = host.settle(&mut session, down_from(0.0, 800.0));
    assert!(!shown.is_empty() && session.stats().coarsening > 1.0);
    let before = host.log.len();
    for frame in 0..50 {
        assert_eq!(host.frame(&mut session, down_from(0.0, 800.0), 1000.0 + f64::from(frame)), shown);
    }
    assert_eq!(host.log.len(), before, "at rest nothing is commanded");
    assert!(host.peak <= 60_000 && session.stats().peak_bytes <= 60_000);
    host.end(session);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    // 0/0/0 - four children each, eight levels; any walk, any order of events, any failures
    #[test]
    fn the_budget_holds_and_all_is_given_back(
        budget in 30_000..400_000_u64,
        steps in prop::collection::vec((-40_000.0..40_000.0_f64, 100.0..30_000.0_f64, any::<u64>()), 1..80),
    ) {
        let run = || {
            let (mut host, mut session) = (Host::default(), session(budget, Box::new(quadtree(8))));
            for (frame, (x, height, seed)) in steps.iter().enumerate() {
                let arrived = std::mem::take(&mut host.events);
                for (i, event) in arrived.into_iter().enumerate() {
                    match (event, seed >> (i % 60) & 3) {
                        (event, 0) => host.events.push(event),
                        (Event::Fetched(id, _), 1) => {
                            host.alive.remove(&id);
                            session.handle(Event::FetchFailed(id)).unwrap();
                        }
                        (event, _) => session.handle(event).unwrap(),
                    }
                    assert!(session.stats().used_bytes <= budget);
                }
                let commands = session.update(&[down_from(*x, *height)], frame as f64);
                host.obey(commands);
                assert!(session.stats().peak_bytes <= budget && host.peak <= budget);
            }
            let log = host.log.clone();
            host.end(session);
            log
        };
        prop_assert_eq!(run(), run());
    }
}
