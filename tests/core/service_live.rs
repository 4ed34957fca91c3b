//! `/api/live` and what hangs on it, over real sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use serde_json::{Value as Json, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use veduta::app::documents::Documents;
use veduta::app::serve_stage::ServedStage;
use veduta::app::stage::Stage;
use veduta::city::Value;
use veduta::indicator::ObjectTree;
use veduta::live::ValueState;
use veduta::quantity::Timestamp;
use veduta::scenario::wire::{Hello, LiveMessage, LiveValueOf, OwnValue, Told};
use veduta::scenario::{LiveMirror, ViewedScene};
use veduta::scene::ObjectStyle;
use veduta::service::live::{About, Audience, Board, Fact, Live, LiveLimits, Position, SceneAbout, SceneChannel};
use veduta::service::{Catalogue, Service, described};

use crate::service_viewer::{PATIENCE, Viewer};
use crate::service_world::World;

/// Serves until the test ends.
pub async fn serve(live: Arc<Live>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (router, _) = described(Service::new(Catalogue::default()).with_live(live));
    let application = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, application).await });
    address
}

/// A scene of so many rows, alternately of two layers, along a line of latitude.
pub fn town(live: &Live, rows: u32) -> Arc<SceneChannel> {
    let properties = vec![("power".to_owned(), "kW".to_owned()), ("people".to_owned(), String::new())];
    let hello = Hello { scene: "town".into(), title: "Town".into(), properties, ..Hello::default() };
    let mut board = Board::new(hello, vec!["east".into(), "west".into()]);
    for row in 0..rows {
        let place = Some([120.0 + f64::from(row) * 0.001, 30.0]);
        board.introduce(row, || About {
            id: format!("B{row}"),
            class: "Building".into(),
            layers: vec![(row % 2) as u16],
            place,
        });
    }
    live.open(board, SceneAbout::default()).0
}

fn value(row: u32, property: u16, number: f64) -> Fact {
    let own =
        OwnValue { state: ValueState::Fresh, binding: 0, value: Value::from(number), time: Timestamp(number as i64) };
    Fact::Value(LiveValueOf { row, property, own: Some(own), rolled_up: Some(number * 2.0) })
}

pub fn publish(channel: &SceneChannel, rows: std::ops::Range<u32>, number: f64) {
    channel.publish(|board| {
        for row in rows {
            board.put(value(row, (row % 2) as u16, number));
        }
    });
}

/// The server's state as a viewer that has everything would know it.
pub fn state(channel: &SceneChannel) -> LiveMirror {
    let mut mirror = LiveMirror::default();
    channel.read(|board| {
        mirror.take(LiveMessage::Hello(board.hello().clone()));
        let whole = board.update(&Audience::default(), &mut Position::default(), usize::MAX);
        mirror.take(LiveMessage::Update(whole.unwrap()));
    });
    mirror
}

pub fn assert_same(client: &LiveMirror, channel: &SceneChannel) {
    let server = state(channel);
    assert_eq!(client.hello, server.hello);
    assert_eq!(client.values, server.values);
    assert_eq!((&client.figures, &client.alarms), (&server.figures, &server.alarms));
    assert_eq!((client.play, &client.staging), (server.play, &server.staging));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_and_deltas_make_the_state_of_the_server() {
    let live = Arc::new(Live::with_limits(LiveLimits { facts: 37, ..LiveLimits::default() }));
    let channel = town(&live, 1000);
    publish(&channel, 0..500, 1.0);
    let address = serve(live).await;
    let mut client = Viewer::subscribed(address, json!({"rate": 60})).await;
    let publisher = channel.clone();
    let publishing = tokio::task::spawn_blocking(move || {
        for round in 0..40_u32 {
            let from = round * 17 % 900;
            publish(&publisher, from..from + 100, f64::from(round) + 2.0);
            publisher.publish(|board| board.tell(Told { time: Timestamp(i64::from(round)), ..Told::default() }));
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    client.until("a whole snapshot", |viewer| viewer.mirror.complete).await;
    publishing.await.unwrap();
    let version = channel.read(Board::version);
    client.until("the last state", |viewer| viewer.mirror.version == version).await;
    assert_same(&client.mirror, &channel);
    let told = client.mirror.take_happenings();
    assert!(
        told.is_sorted_by_key(|told| told.time) && told.last().is_some_and(|told| told.time == Timestamp(39)),
        "{told:?}"
    );
    let is_snapshot = |message: &LiveMessage| matches!(message, LiveMessage::Update(update) if update.snapshot);
    assert_eq!(client.messages.iter().filter(|message| is_snapshot(message)).count(), 1);
    assert!(matches!(client.messages.first(), Some(LiveMessage::Hello(_))));
    // A second subscription on the same socket begins anew, with what it asks for.
    client
        .say(&json!({"subscribe": {"properties": ["people"], "layers": ["west"], "bbox": [120.0, 29.0, 120.1, 31.0]}}))
        .await;
    client.until("the other snapshot", |viewer| viewer.mirror.complete && viewer.mirror.values.len() == 50).await;
    assert!(client.mirror.values.keys().all(|(row, property)| row % 2 == 1 && *row <= 100 && *property == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_does_not_read_is_thinned_told_so_and_delays_nobody() {
    let live = Arc::new(Live::default());
    let channel = town(&live, 4000);
    let address = serve(live.clone()).await;
    publish(&channel, 0..4000, 1.0);
    let mut slow = Viewer::subscribed(address, json!({"rate": 60})).await;
    slow.until("the snapshot", |viewer| viewer.mirror.complete).await;
    let before = live.counters.bytes.get();
    let mut fed = 0.0;
    for round in 0..150 {
        publish(&channel, 0..4000, f64::from(round) + 2.0);
        fed += 1.0;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Nothing but what is on the way was written for it: a few messages of at least 100 kB, of 150.
    let written = (live.counters.bytes.get() - before) as f64;
    let a_message = channel.read(|board| {
        let whole = board.update(&Audience::default(), &mut Position::default(), 4096).unwrap();
        LiveMessage::Update(whole).encode().len() as f64
    });
    assert!(
        a_message > 60_000.0 && written <= 10.0 * a_message,
        "{written} bytes written, a message has {a_message}, {fed} fed"
    );
    // Another client is not delayed by it.
    let mut quick = Viewer::subscribed(address, json!({"rate": 60, "properties": ["power"]})).await;
    quick.until("its snapshot", |viewer| viewer.mirror.complete).await;
    for round in 0..20 {
        let begin = Instant::now();
        publish(&channel, 0..1, 1000.0 + f64::from(round));
        quick
            .until("the value", |viewer| {
                viewer.mirror.values[&(0, 0)].rolled_up == Some(2.0 * (1000.0 + f64::from(round)))
            })
            .await;
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }
    // When it reads again it is told, and has the latest values.
    let version = channel.read(Board::version);
    slow.until("the notice", |viewer| viewer.mirror.left_out > 0 && viewer.mirror.version == version).await;
    assert_same(&slow.mirror, &channel);
    assert!(live.counters.left_out.get() >= slow.mirror.left_out);
}

#[test]
fn operators_see_how_far_viewers_are_behind() {
    let world = World::start();
    let channel = town(world.service.live(), 10);
    publish(&channel, 0..10, 1.0);
    let metric = |name: &str| {
        let reply = world.get("/metrics");
        let line = reply.text().lines().find_map(|line| line.strip_prefix(&format!("veduta_live_{name} ")));
        line.unwrap_or_else(|| panic!("{name} is not in:\n{}", reply.text())).parse::<f64>().unwrap()
    };
    assert_eq!(["lag_seconds_count", "on_the_way", "clients_thinned"].map(metric), [0.0; 3]);
    let mut client = world.block_on(Viewer::subscribed(world.address, json!({"rate": 60})));
    world.block_on(client.until("the snapshot", |viewer| viewer.mirror.complete));
    assert_eq!(metric("lag_seconds_count"), 0.0, "a snapshot tells of what is old");
    publish(&channel, 0..10, 2.0);
    world.block_on(client.until("the value", |viewer| viewer.mirror.values[&(0, 0)].rolled_up == Some(4.0)));
    assert_eq!(metric("lag_seconds_count"), 1.0);
    assert!(metric("lag_seconds_sum") < 5.0);
    // It no longer reads, so it no longer answers.
    let begin = Instant::now();
    for round in 3.. {
        publish(&channel, 0..10, f64::from(round));
        if metric("clients_thinned") > 0.0 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "nobody sees that it is behind");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(metric("on_the_way"), 8.0);
    drop(client);
    let begin = Instant::now();
    while metric("clients_thinned") + metric("on_the_way") > 0.0 {
        assert!(begin.elapsed() < PATIENCE, "who has gone counts no more");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_never_answers_is_left() {
    let live = Arc::new(Live::with_limits(LiveLimits { silence_s: 2, ..LiveLimits::default() }));
    let channel = town(&live, 10);
    publish(&channel, 0..10, 1.0);
    let address = serve(live.clone()).await;
    let silent = Viewer::subscribed(address, json!({})).await;
    let mut reading = Viewer::subscribed(address, json!({})).await;
    reading.until("the snapshot", |viewer| viewer.mirror.complete).await;
    let begin = Instant::now();
    while live.counters.dropped.get() == 0 {
        assert!(begin.elapsed() < PATIENCE, "the silent one was kept");
        let _ = reading.next_within(Duration::from_millis(50)).await;
    }
    publish(&channel, 0..10, 7.0);
    reading.until("the next value", |viewer| viewer.mirror.values[&(0, 0)].rolled_up == Some(14.0)).await;
    assert_eq!(live.counters.clients.get(), 1);
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senseless_messages_end_the_connection_and_no_other() {
    let live = Arc::new(Live::with_limits(LiveLimits { clients: 3, ..LiveLimits::default() }));
    let channel = town(&live, 10);
    publish(&channel, 0..10, 1.0);
    let address = serve(live.clone()).await;
    let mut good = Viewer::subscribed(address, json!({})).await;
    good.until("the snapshot", |viewer| viewer.mirror.complete).await;
    let texts = [
        "".to_owned(),
        "{".to_owned(),
        "[".repeat(10_000),
        json!({"subscribe": {"scene": "../town"}}).to_string(),
        json!({"subscribe": {"properties": ["nothing"]}}).to_string(),
        json!({"subscribe": {"bbox": [0, 0, 0, 1e300]}}).to_string(),
        json!({"subscribe": {"unknown": 1}}).to_string(),
        json!({"screen": {"name": "", "width": 1, "height": 1}}).to_string(),
    ];
    for text in texts {
        let mut client = Viewer::connect(address, "", None).await;
        client.socket.send(Message::text(text.clone())).await.unwrap();
        assert_eq!(client.next().await, Err(1008), "{text}");
    }
    let mut client = Viewer::connect(address, "", None).await;
    client.socket.send(Message::binary(vec![0_u8; 100])).await.unwrap();
    assert_eq!(client.next().await, Err(1008));
    let mut client = Viewer::connect(address, "", None).await;
    // Larger than is taken: the server reads no further.
    drop(client.socket.send(Message::text("x".repeat(1 << 20))).await);
    assert!(client.next().await.is_err());
    let mut client = Viewer::connect(address, "", None).await;
    for _ in 0..1000 {
        if client.socket.feed(Message::text(json!({"subscribe": {}}).to_string())).await.is_err() {
            break;
        }
    }
    drop(client.socket.flush().await);
    while client.next().await.is_ok() {}
    publish(&channel, 0..10, 3.0);
    good.until("the next value", |viewer| viewer.mirror.values[&(0, 0)].rolled_up == Some(6.0)).await;
    drop(client);
    let begin = Instant::now();
    while live.counters.clients.get() > 1 {
        assert!(begin.elapsed() < PATIENCE, "places stay taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (_one, _two) = (Viewer::connect(address, "", None).await, Viewer::connect(address, "", None).await);
    let refused = connect_async(format!("ws://{address}/api/live")).await.unwrap_err();
    assert!(refused.to_string().contains("503"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_are_listed_and_steered() {
    let live = Arc::new(Live::default());
    town(&live, 1);
    let address = serve(live).await;
    let mut wall = Viewer::connect(address, "", None).await;
    wall.say(&json!({"screen": {"name": "wall left", "width": 3840, "height": 2160}})).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let screens = format!("http://{address}/api/screens");
    let listed = async || http.get(&screens).send().await.unwrap().json::<Json>().await.unwrap();
    let begin = Instant::now();
    while listed().await.as_array().is_none_or(Vec::is_empty) {
        assert!(begin.elapsed() < PATIENCE, "the screen is not listed");
    }
    let list = listed().await;
    assert_eq!((&list[0]["name"], &list[0]["width"]), (&json!("wall left"), &json!(3840)), "{list}");
    let order = async |body: Json| {
        let answer = http.post(&screens).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    let (status, answer) = order(json!({"screen": list[0]["screen"], "camera": "top", "message": "雨"})).await;
    assert_eq!((status, answer), (200, json!({"delivered": 1, "refused": 0})));
    wall.next().await.unwrap();
    let Some(LiveMessage::Order(got)) = wall.messages.last() else { panic!("an order") };
    assert_eq!((got.camera.as_deref(), got.message.as_deref(), &got.scene), (Some("top"), Some("雨"), &None));
    assert_eq!(order(json!({"screen": 99, "camera": "top"})).await.0, 404);
    for body in
        [json!({}), json!({"camera": 7}), json!({"place": [500, 0, 0, 0, 0]}), json!({"message": "x".repeat(5000)})]
    {
        let (status, answer) = order(body).await;
        assert_eq!((status, &answer["status"]), (400, &json!(400)), "{answer}");
    }
    drop(wall);
    let begin = Instant::now();
    while listed().await != json!([]) {
        assert!(begin.elapsed() < PATIENCE, "the screen stays listed");
    }
}

/// Whoever reads the scene and its messages draws each object as the server itself would.
fn assert_looks_alike(document: &str, messages: &[LiveMessage], served: &ServedStage) {
    let mut viewed = ViewedScene::new(serde_json::from_str(document).unwrap()).unwrap();
    messages.iter().for_each(|message| drop(viewed.take(message.clone())));
    let stage = served.stage.lock();
    let mut styled = 0;
    for row in 0..stage.objects.row_count() {
        let attribute = |name: &str| match name {
            "id" => Value::from(stage.objects.id(row)),
            "class" => Value::from(stage.objects.class(row)),
            _ => stage.objects.attribute(row, name),
        };
        let style = viewed.style(row, &attribute);
        assert_eq!(style, stage.style(row), "{}", stage.objects.id(row));
        styled += usize::from(style != ObjectStyle::default());
    }
    assert!(styled > 0, "the scene says nothing of how objects look");
}

/// A scene on stage under a name.
pub fn staged(folder: &Path, file: &str, name: &str, live: &Live) -> ServedStage {
    let stage = Stage::open(Documents::open(&folder.join(file)).unwrap(), None).unwrap();
    ServedStage::start(name, "town", stage, live).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_is_played_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    crate::play::town(folder.path());
    let live = Arc::new(Live::default());
    let scene = std::fs::read_to_string(folder.path().join("town.toml")).unwrap();
    let layers =
        "[[layer]]\nname = \"low\"\nwhere = \"height < 20\"\ncolor = \"#203040\"\nlabel = { text = \"name\" }\n";
    let effects = "effect = [{ kind = \"color\", ramp = { stops = [[0, \"#00ff00\"], [2, \"#ff0000\"]] } }]\n";
    let scene = scene.replacen("stale_after_s = 7200\n", &format!("stale_after_s = 7200\n{effects}"), 1) + layers;
    std::fs::write(folder.path().join("town.toml"), scene).unwrap();
    let stage = staged(folder.path(), "town.scenario.toml", "storm", &live);
    let address = serve(live.clone()).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| http.get(format!("http://{address}{path}")).send().await.unwrap();
    let steer = async |body: Json| {
        let answer = http.post(format!("http://{address}/api/playback")).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Json>().await.unwrap())
    };
    let scenarios: Json = get("/api/scenarios").await.json().await.unwrap();
    assert_eq!((&scenarios[0]["scene"], &scenarios[0]["variants"]), (&json!("storm"), &json!(["today", "built"])));
    let mut client = Viewer::subscribed(address, json!({"scene": "storm", "rate": 60})).await;
    client.until("the snapshot", |viewer| viewer.mirror.complete).await;
    // Hour 4 of +08:00: see the play of the same scenario in `play.rs`.
    let (status, play) = steer(json!({"action": "seek", "time": "2026-05-01T04:00:00+08:00"})).await;
    assert_eq!(
        (status, &play["time"], &play["playing"]),
        (200, &json!("2026-04-30T20:00:00Z"), &json!(false)),
        "{play}"
    );
    let alarms: Json = get("/api/alarms").await.json().await.unwrap();
    let objects: Vec<&Json> = alarms.as_array().unwrap().iter().map(|alarm| &alarm["object"]).collect();
    assert_eq!(objects, [&json!("a")], "an indicator of the same name raises none: {alarms}");
    assert_eq!((&alarms[0]["alarm"], &alarms[0]["message"]), (&json!("flooded"), &json!("东楼: 1.8 m")), "{alarms}");
    let figures: Json = get("/api/indicators?scene=storm").await.json().await.unwrap();
    assert_eq!(
        (&figures[0]["indicator"], &figures[0]["value"], &figures[0]["state"]),
        (&json!("level"), &json!(1.8), &json!("warning"))
    );
    client.until("the alarm", |viewer| viewer.mirror.alarms.values().any(|alarm| alarm.name == "flooded")).await;
    client
        .until("hour four", |viewer| {
            viewer.mirror.play.is_some_and(|play| play.time.to_string() == "2026-04-30T20:00:00Z")
        })
        .await;
    let channel = live.scenes()["storm"].clone();
    assert_same(&client.mirror, &channel);
    let document = get("/api/scenes/storm").await.text().await.unwrap();
    assert!(!document.contains("levels/"), "where values come from is nobody's affair: {document}");
    assert_looks_alike(&document, &client.messages, &stage);
    // Back before everything: no alarm, and the set attribute is as it was.
    assert_eq!(steer(json!({"action": "seek", "time": "2026-05-01T00:00:00+08:00"})).await.0, 200);
    client
        .until("no alarm", |viewer| viewer.mirror.alarms.is_empty() && viewer.mirror.staging.attributes.is_empty())
        .await;
    assert_looks_alike(&document, &client.messages, &stage);
    assert_eq!(steer(json!({"action": "speed", "speed": 1000})).await.0, 200);
    assert_eq!(steer(json!({"action": "play"})).await.1["playing"], json!(true));
    client.until("it plays", |viewer| viewer.mirror.play.is_some_and(|play| play.time > play.start)).await;
    assert_eq!(steer(json!({"action": "step", "steps": 1})).await.1["playing"], json!(false));
    for body in
        [json!({}), json!({"action": "seek"}), json!({"action": "speed", "speed": -1}), json!({"action": "fly"})]
    {
        assert_eq!(steer(body).await.0, 400);
    }
    assert_eq!(steer(json!({"scene": "none", "action": "play"})).await.0, 404);
    for (path, status) in [
        ("/api/alarms?scene=none", 404),
        ("/api/alarms?x=1", 400),
        ("/api/snapshot.png?size=9x9", 400),
        ("/api/snapshot.png?size=1e9x1", 400),
        ("/api/snapshot.png?at=x", 400),
        ("/api/snapshot.png", 503),
        ("/api/live", 400),
    ] {
        assert_eq!(get(path).await.status().as_u16(), status, "{path}");
    }
}
