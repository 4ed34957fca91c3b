//! What nobody would write: addresses, questions and frames at random, near enough to right ones to get far into the
//! server. Whatever they are, it answers with what the caller did wrong, tells nothing of itself, and goes on.

use std::cell::Cell;
use std::sync::Arc;

use futures_util::SinkExt;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use veduta::service::Service;
use veduta::service::live::Live;

use crate::service_viewer::Viewer;
use crate::service_withheld::staged;
use crate::service_world::{Reply, World, catalogue, package};

/// What an attacker would like to read in an answer.
const TELLING: [&str; 6] = ["panicked", "src/", ".rs:", "RUST_BACKTRACE", "No such file", "os error"];

fn runner(cases: u32) -> TestRunner {
    // Not written down: a case that fails is printed with what it was.
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// An answer is what was asked for, or a problem that is the caller's.
fn is_sound(reply: &Reply, asked: &str) -> Result<(), TestCaseError> {
    let words = String::from_utf8_lossy(&reply.body);
    prop_assert!(reply.status < 500, "{asked}: {} {words}", reply.status);
    if reply.status >= 400 {
        prop_assert_eq!(reply.header("content-type"), "application/problem+json", "{}", asked);
        let place = package().display().to_string();
        let told = TELLING.iter().find(|telling| words.contains(**telling)).copied();
        prop_assert_eq!(told.or(words.contains(&place).then_some("where files are")), None, "{}: {}", asked, words);
    }
    Ok(())
}

/// A few of the parts, one behind the other.
fn from_parts(parts: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let part = prop_oneof![8 => prop::sample::select(parts).prop_map(str::to_owned), 1 => "\\PC{0,4}"];
    prop::collection::vec(part, 0..most).prop_map(|parts| parts.concat())
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'/' | b'-' | b'_' | b'%' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[test]
fn paths_of_tiles_lead_to_tiles_or_nowhere() {
    let world = World::start();
    let version = world.service.city("demo").unwrap().version.clone();
    const PARTS: &[&str] = &[
        "content",
        "/",
        "/0",
        "/1",
        "0",
        ".glb",
        "tileset.json",
        "city.toml",
        "..",
        "../",
        "%2e%2e",
        "%2F",
        "%5c",
        "%00",
        "./",
        "//",
        "subtrees",
        "objects",
        "attributes",
        ".bin",
        "%",
        "%ff",
        "%c0%af",
        "demo",
        "etc/passwd",
        "~",
        "\\",
    ];
    let whole = world.get(&format!("/api/tiles/demo/{version}/tileset.json")).body;
    runner(400)
        .run(&(from_parts(PARTS, 9), any::<bool>()), |(file, versioned)| {
            let base = if versioned { format!("/api/tiles/demo/{version}/") } else { "/api/tiles/".to_owned() };
            let path = format!("{base}{}", escaped(&file));
            // Sent as it is: a client would put the dots right before.
            let answer = world.raw(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"));
            let status: u16 = answer.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_default();
            prop_assert!((200..500).contains(&status), "{path}: {answer}");
            prop_assert!(!answer.contains("root:"), "{path}");
            let told = TELLING.iter().find(|telling| status >= 400 && answer.contains(**telling));
            prop_assert_eq!(told, None, "{}: {}", path, answer);
            Ok(())
        })
        .unwrap();
    assert_eq!(world.get(&format!("/api/tiles/demo/{version}/tileset.json")).body, whole);
}

#[test]
fn questions_of_any_words_are_answered_or_refused() {
    let world = World::start();
    const PARTS: &[&str] = &[
        "class",
        "=",
        "'Building'",
        "measuredHeight",
        " > ",
        " < ",
        "10",
        "1e999",
        "-",
        "(",
        ")",
        " and ",
        " or ",
        "not ",
        " in ",
        "(1,2)",
        " like ",
        "'%a_'",
        " between ",
        " is null",
        "'",
        "\"",
        "id",
        ",",
        "abs(",
        "round(",
        " ",
        "*",
        "/",
        "^",
        "null",
        "true",
        "S_INTERSECTS(geometry,",
        "POINT(121.9 30.9)",
        "BBOX(121,30,122,31))",
        "CASEI(",
        "%",
        "--",
        ";",
        "💧",
        "\u{0}",
        "name",
        "+",
    ];
    let asked = [
        "/api/city/demo/objects?where=",
        "/api/city/demo/objects?bbox=",
        "/api/city/demo/objects?polygon=",
        "/api/city/demo/objects?text=",
        "/ogc/collections/demo.Building/items?filter=",
        "/ogc/collections/demo.Building/items?bbox=",
        "/ogc/collections/demo.Building/items?datetime=",
    ];
    let (answered, refused) = (Cell::new(0), Cell::new(0));
    runner(600)
        .run(&(prop::sample::select(asked.to_vec()), from_parts(PARTS, 24)), |(address, words)| {
            let question = format!("{address}{}", escaped(&words.replace('%', "%25")));
            let reply = world.get(&question);
            let count = if reply.status == 200 { &answered } else { &refused };
            count.set(count.get() + 1);
            prop_assert_ne!(reply.status, 429, "the questions themselves are what is tried here");
            is_sound(&reply, &format!("{address}{words:?}"))
        })
        .unwrap();
    assert!(answered.get() > 10 && refused.get() > 100, "{answered:?} answered, {refused:?} refused");
    assert_eq!(world.get("/healthz").status, 200);
}

/// Messages of a client that are nearly right, and bytes that are not.
fn frame() -> impl Strategy<Value = Message> {
    let word = prop::sample::select(vec!["subscribe", "screen", "rate", "bbox", "properties", "layers", "scene", "x"]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|it| json!(it)),
        any::<f64>().prop_map(|it| json!(it)),
        any::<i64>().prop_map(|it| json!(it)),
        "\\PC{0,12}".prop_map(|it| json!(it)),
    ];
    let tree = leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|list| json!(list)),
            prop::collection::vec((word.clone(), inner), 0..5).prop_map(|pairs| {
                let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
                serde_json::Value::Object(pairs.collect())
            }),
        ]
    });
    prop_oneof![
        4 => tree.clone().prop_map(|tree| Message::text(json!({ "subscribe": tree }).to_string())),
        2 => tree.prop_map(|tree| Message::text(tree.to_string())),
        1 => "\\PC{0,60}".prop_map(Message::text),
        2 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Message::binary),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| Message::Ping(bytes.into())),
        1 => Just(Message::text("[".repeat(2000))),
    ]
}

#[test]
fn frames_of_any_bytes_end_a_connection_at_most() {
    let live = Arc::new(Live::default());
    let _stage = staged("town", &live);
    let world = World::serving(Service::new(catalogue()).with_live(live));
    runner(120)
        .run(&prop::collection::vec(frame(), 1..4), |frames| {
            let code = world.block_on(async {
                let mut viewer = Viewer::connect(world.address, "", None).await;
                for frame in &frames {
                    // It may have been closed by what came before.
                    let _ = viewer.socket.send(frame.clone()).await;
                }
                let _ = viewer.socket.close(None).await;
                viewer.until_closed().await
            });
            // Normal, unsupported, not UTF-8, policy, too large, or closed before it was told; never a fault of the server.
            prop_assert!([1000, 1003, 1005, 1006, 1007, 1008, 1009].contains(&code), "{code}: {frames:?}");
            Ok(())
        })
        .unwrap();
    // The others are served as before.
    world.block_on(async {
        let mut viewer = Viewer::subscribed(world.address, json!({ "rate": 10 })).await;
        viewer.until("the snapshot", |viewer| viewer.mirror.complete).await;
    });
}
