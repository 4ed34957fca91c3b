//! `make load`: many viewers of a busy scene, from a real broker through a real server, which is killed in the middle.
//!
//! ```text
//! publisher --MQTT, 1000 values/s--> mosquitto --> veduta serve --/api/live--> 200 viewers (and some that never read)
//! ```
//!
//! Each value carries the instant at which it was published, so a viewer knows how old it is when it comes. In the middle
//! the server is killed (SIGKILL) and started again; viewers connect again. At the end the publisher stops, and every
//! viewer must know exactly what a new viewer is told. Prints one JSON object; exit code 1 where a bar is missed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot go on should stop"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rumqttc::{Client, MqttOptions, QoS};
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use veduta::platform::transport::wall_clock;
use veduta::scenario::LiveMirror;
use veduta::scenario::wire::LiveMessage;

const OBJECTS: u32 = 1000;
const RATE_HZ: u32 = 1000;
const VIEWERS: usize = 200;
/// Viewers that never read.
const SLEEPERS: usize = 10;
const HALF: Duration = Duration::from_secs(20);
const BAR_MS: f64 = 250.0;

/// What all viewers together saw.
#[derive(Default)]
struct Seen {
    /// Ages of values in milliseconds, each with how many; those of the last second before a kill and after a start are left
    /// out, because they tell of the kill.
    ages_ms: Mutex<std::collections::BTreeMap<u64, u64>>,
    counting: AtomicBool,
    values: AtomicU64,
    messages: AtomicU64,
    connections: AtomicU64,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let [broker, port] = [free_port(), free_port()];
    let _broker = mosquitto(folder.path(), broker);
    town(folder.path(), broker);
    let mut server = serve(folder.path(), port);
    let stop = Arc::new(AtomicBool::new(false));
    let publishing = {
        let stop = stop.clone();
        std::thread::spawn(move || publish(broker, &stop))
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = Arc::new(Seen::default());
    let done = Arc::new(AtomicBool::new(false));
    let viewers: Vec<_> = (0..VIEWERS).map(|_| runtime.spawn(view(port, seen.clone(), done.clone()))).collect();
    let begin_kb = memory_kb(server.0.id());
    count_for(&seen, HALF);
    let awake_kb = memory_kb(server.0.id());
    let sleepers: Vec<_> = (0..SLEEPERS).map(|_| runtime.block_on(subscribed(port)).unwrap()).collect();
    count_for(&seen, HALF);
    let with_sleepers_kb = memory_kb(server.0.id());
    drop(server);
    std::thread::sleep(Duration::from_secs(1));
    let before = seen.connections.load(Ordering::Relaxed);
    server = serve(folder.path(), port);
    let restarted = Instant::now();
    while seen.connections.load(Ordering::Relaxed) < before + VIEWERS as u64 {
        assert!(restarted.elapsed() < Duration::from_secs(60), "viewers stay away after a restart");
        std::thread::sleep(Duration::from_millis(20));
    }
    let back_s = restarted.elapsed().as_secs_f64();
    count_for(&seen, HALF);
    let again_kb = memory_kb(server.0.id());
    stop.store(true, Ordering::Relaxed);
    let published = publishing.join().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    done.store(true, Ordering::Relaxed);
    let truth = runtime.block_on(snapshot(port));
    let known: Vec<LiveMirror> = viewers.into_iter().map(|viewer| runtime.block_on(viewer).unwrap()).collect();
    let correct = known.iter().filter(|mirror| mirror.values == truth.values && !truth.values.is_empty()).count();
    drop(sleepers);
    let ages = seen.ages_ms.lock().unwrap();
    let p99 = quantile(&ages, 0.99);
    println!(
        "{}",
        json!({
            "viewers": VIEWERS, "published": published, "values_received": seen.values.load(Ordering::Relaxed),
            "messages_received": seen.messages.load(Ordering::Relaxed),
            "age_ms": {"p50": quantile(&ages, 0.5), "p95": quantile(&ages, 0.95), "p99": p99, "max": ages.keys().last()},
            "server_mib": {"begin": mib(begin_kb), "awake": mib(awake_kb), "with_sleepers": mib(with_sleepers_kb),
                "after_restart": mib(again_kb)},
            "sleepers": SLEEPERS, "all_back_after_kill_s": back_s, "viewers_correct_at_the_end": correct,
        })
    );
    assert_eq!(correct, VIEWERS, "viewers that know something else than the server");
    assert!(p99 <= BAR_MS, "p99 of {p99} ms, the bar is {BAR_MS}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn mib(kb: u64) -> f64 {
    (kb as f64 / 1024.0 * 10.0).round() / 10.0
}

/// Resident memory of a process.
fn memory_kb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse().unwrap_or_default()
}

fn quantile(ages: &std::collections::BTreeMap<u64, u64>, part: f64) -> f64 {
    let all: u64 = ages.values().sum();
    let mut before = 0;
    for (age, count) in ages {
        before += count;
        if before as f64 >= all as f64 * part {
            return *age as f64;
        }
    }
    0.0
}

fn count_for(seen: &Seen, time: Duration) {
    let settle = Duration::from_secs(2);
    std::thread::sleep(settle);
    seen.counting.store(true, Ordering::Relaxed);
    std::thread::sleep(time - settle);
    seen.counting.store(false, Ordering::Relaxed);
}

fn mosquitto(folder: &Path, port: u16) -> Running {
    let config = folder.join("mosquitto.conf");
    let text = format!(
        "listener {port} 127.0.0.1\nuser root\npersistence false\nallow_anonymous true\nmax_queued_messages 0\n"
    );
    std::fs::write(&config, text).unwrap();
    let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"].map(PathBuf::from);
    let program = program.into_iter().find(|path| path.is_file()).expect("mosquitto: apt-get install mosquitto");
    let broker = Command::new(program).arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let broker = Running(broker.unwrap());
    wait_for(port);
    broker
}

fn wait_for(port: u16) {
    let begin = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// `veduta` as it was built with this program.
fn veduta() -> Command {
    let here = std::env::current_exe().unwrap();
    let folder = here.parent().and_then(Path::parent).unwrap();
    Command::new(folder.join("veduta"))
}

/// A town of equal houses, one device each.
fn town(folder: &Path, broker: u16) {
    let house = |n: u32| {
        let (x, y) = (121.0 + f64::from(n % 40) * 0.0005, 31.0 + f64::from(n / 40) * 0.0005);
        let ring = [[x, y], [x + 0.0003, y], [x + 0.0003, y + 0.0003], [x, y + 0.0003], [x, y]];
        json!({"type": "Feature", "id": format!("B{n}"), "properties": {"height": 12},
            "geometry": {"type": "Polygon", "coordinates": [ring]}})
    };
    let features: Vec<_> = (0..OBJECTS).map(house).collect();
    let collection = json!({"type": "FeatureCollection", "features": features});
    std::fs::write(folder.join("town.geojson"), collection.to_string()).unwrap();
    let import = ["import", "town.geojson", "-o", "town.city"];
    assert!(veduta().current_dir(folder).args(import).stdout(Stdio::null()).status().unwrap().success());
    let scene = format!(
        "format_version = 1\n[city]\npackages = [\"town.city\"]\n[[source]]\nname = \"broker\"\nkind = \"mqtt\"\n\
         url = \"mqtt://127.0.0.1:{broker}\"\ntopics = [\"city/#\"]\nmapping = {{ value = \"/v\", time = \"/t\" }}\n\
         [[binding]]\nsource = \"broker\"\nstream = \"city/{{id}}\"\nto = {{ id = \"{{id}}\" }}\nproperty = \"power\"\n\
         [[indicator]]\nname = \"total\"\nexpression = \"sum(power)\"\n"
    );
    std::fs::write(folder.join("town.toml"), scene).unwrap();
}

fn serve(folder: &Path, port: u16) -> Running {
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["serve", "town.toml", "--listen", &listen];
    let server = veduta().current_dir(folder).args(arguments).stdout(Stdio::null()).spawn().unwrap();
    wait_for(port);
    Running(server)
}

/// Publishes at the rate until told to stop; how many values.
fn publish(port: u16, stop: &AtomicBool) -> u64 {
    let (client, mut connection) = Client::new(MqttOptions::new("load", "127.0.0.1", port), 4096);
    let reading = std::thread::spawn(move || connection.iter().take_while(Result::is_ok).count());
    let (begin, mut count) = (Instant::now(), 0_u64);
    while !stop.load(Ordering::Relaxed) {
        let due = (begin.elapsed().as_secs_f64() * f64::from(RATE_HZ)) as u64;
        while count < due {
            let row = count * 7 % u64::from(OBJECTS);
            let payload = format!(r#"{{"v": {}, "t": {}}}"#, count % 1000, wall_clock().0);
            client.publish(format!("city/B{row}"), QoS::AtMostOnce, false, payload).unwrap();
            count += 1;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(client.disconnect());
    drop(reading.join());
    count
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn subscribed(port: u16) -> Option<Socket> {
    let (mut socket, _) = connect_async(format!("ws://127.0.0.1:{port}/api/live")).await.ok()?;
    socket.send(Message::text(json!({"subscribe": {"rate": 10}}).to_string())).await.ok()?;
    Some(socket)
}

/// A viewer that connects again whenever it is cut off. What it knows at the end.
async fn view(port: u16, seen: Arc<Seen>, done: Arc<AtomicBool>) -> LiveMirror {
    let mut mirror = LiveMirror::default();
    while !done.load(Ordering::Relaxed) {
        let Some(mut socket) = subscribed(port).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let mut is_new = true;
        loop {
            let next = tokio::time::timeout(Duration::from_millis(200), socket.next()).await;
            let message = match next {
                Err(_) if done.load(Ordering::Relaxed) => return mirror,
                Err(_) => continue,
                Ok(Some(Ok(message))) => message,
                Ok(_) => break,
            };
            let Message::Binary(bytes) = message else { continue };
            let message = LiveMessage::decode(&bytes).unwrap();
            note(&seen, &message);
            mirror.take(message);
            if is_new && mirror.complete {
                is_new = false;
                seen.connections.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    mirror
}

fn note(seen: &Seen, message: &LiveMessage) {
    let LiveMessage::Update(update) = message else { return };
    seen.messages.fetch_add(1, Ordering::Relaxed);
    seen.values.fetch_add(update.values.len() as u64, Ordering::Relaxed);
    if update.snapshot || !seen.counting.load(Ordering::Relaxed) {
        return;
    }
    let now = wall_clock();
    let mut ages = seen.ages_ms.lock().unwrap();
    for own in update.values.iter().filter_map(|value| value.own.as_ref()) {
        *ages.entry((now.seconds_since(own.time) * 1e3).max(0.0) as u64).or_default() += 1;
    }
}

async fn snapshot(port: u16) -> LiveMirror {
    let mut mirror = LiveMirror::default();
    let mut socket = subscribed(port).await.unwrap();
    while !mirror.complete {
        if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
            mirror.take(LiveMessage::decode(&bytes).unwrap());
        }
    }
    mirror
}
