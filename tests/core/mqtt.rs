//! MQTT against a real mosquitto on a free loopback port.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use veduta::app::feeds::LiveFeeds;
use veduta::live::{Bindings, FaultKind, JsonConnector, LiveCity, SourceIndex};
use veduta::platform::mqtt::MqttTransport;
use veduta::platform::transport::{BackOff, ConnectionState, Inbox, TransportStatus, wall_clock};
use veduta::scene::{SceneDocument, SourceDocument, SourceKind};

use super::live::{Row, binding, by_id, seconds};
use super::live_sources::{station, value};

const SOURCE: SourceIndex = SourceIndex(0);
const PATIENCE: Duration = Duration::from_secs(60);
const BACK_OFF: BackOff = BackOff { first: Duration::from_millis(50), most: Duration::from_millis(400) };

/// A broker of this test alone; ends with it.
pub struct Mosquitto {
    folder: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Not yet running. `None` where mosquitto is not installed and not required.
    fn prepare(extra: &str) -> Option<Self> {
        let program = program("mosquitto")?;
        drop(program);
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let extra = extra.replace("FOLDER", folder.path().to_str().unwrap());
        // `user root`: started by root it would otherwise become a user who cannot read the folder.
        let config =
            format!("listener {port} 127.0.0.1\nuser root\npersistence false\nmax_queued_messages 0\n{extra}\n");
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        Some(Self { folder, port, child: None })
    }

    pub fn anonymous() -> Option<Self> {
        Self::prepare("allow_anonymous true")
    }

    pub fn start(&mut self) {
        let config = self.folder.path().join("mosquitto.conf");
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = Command::new(program("mosquitto").unwrap());
        command.arg("-c").arg(config).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        wait("mosquitto listens", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Where it listens.
    #[cfg(feature = "server")]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn source(&self) -> SourceDocument {
        SourceDocument {
            name: "broker".into(),
            kind: SourceKind::Mqtt,
            url: Some(format!("mqtt://127.0.0.1:{}", self.port)),
            topics: vec!["city/#".into()],
            mapping: BTreeMap::from([("value".into(), "/v".into()), ("time".into(), "/t".into())]),
            ..SourceDocument::default()
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let folders = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin:/usr/bin";
    let found = folders.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    if found.is_none() {
        let required = std::env::var("VEDUTA_SHARED_DATA").as_deref() == Ok("required");
        assert!(!required, "{name} is missing: apt-get install mosquitto mosquitto-clients openssl");
        println!("skipped: no {name}");
    }
    found
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The whole way from a source document to the latest values.
struct Subscriber {
    transport: MqttTransport,
    inbox: Inbox,
    city: LiveCity,
    row: Row,
}

impl Subscriber {
    fn start(document: &SourceDocument, folder: &Path) -> Self {
        let connector = Arc::new(JsonConnector::new(&document.name, &document.mapping).unwrap());
        let inbox = Inbox::new(100_000);
        let transport =
            MqttTransport::start(document, folder, SOURCE, connector, inbox.clone(), BACK_OFF).expect("started");
        let bindings = Bindings::compile(&[binding("city/{n}", by_id("B{n}"), "power")], &["broker"]).unwrap();
        Self { transport, inbox, city: LiveCity::new(bindings, wall_clock()), row: Row(1000) }
    }

    /// What a frame does.
    fn frame(&mut self) {
        self.city.advance(wall_clock());
        let mut batch = Vec::new();
        self.inbox.take(8192, &mut batch);
        for (source, observation) in &batch {
            self.city.apply(*source, observation, &self.row);
        }
    }

    fn value(&mut self, row: u32) -> Option<f64> {
        self.frame();
        self.city.reading_of(row, 0)?.latest?.value.number()
    }

    fn wait_for(&self, state: ConnectionState) -> TransportStatus {
        wait(&format!("{state:?}"), || self.transport.status().state == state);
        self.transport.status()
    }
}

/// Publishes at QoS 1 and returns when the broker has everything.
pub fn publish(options: MqttOptions, messages: Vec<(String, bool, String)>) {
    let (client, mut connection) = Client::new(options, 128);
    let count = messages.len();
    let sender = std::thread::spawn(move || {
        for (topic, retain, payload) in messages {
            client.publish(topic, QoS::AtLeastOnce, retain, payload).unwrap();
        }
        client
    });
    let mut acknowledged = 0;
    while acknowledged < count {
        if let Event::Incoming(Packet::PubAck(_)) = connection.recv().unwrap().expect("published") {
            acknowledged += 1;
        }
    }
    drop(sender.join().unwrap());
}

pub fn publisher(port: u16) -> MqttOptions {
    MqttOptions::new("publisher", "127.0.0.1", port)
}

fn message(n: u32, time: i64, value: f64) -> (String, bool, String) {
    (format!("city/{n}"), false, format!(r#"{{"v": {value}, "t": {time}}}"#))
}

#[test]
fn values_arrive_and_bind_and_retained_ones_count_once() {
    let Some(mut broker) = Mosquitto::anonymous() else { return };
    broker.start();
    let retained = (String::from("city/5"), true, String::from(r#"{"v": 50, "t": 1700000000}"#));
    publish(publisher(broker.port), vec![retained.clone()]);
    let mut subscriber = Subscriber::start(&broker.source(), Path::new("."));
    let status = subscriber.wait_for(ConnectionState::Connected);
    assert_eq!((status.cause, status.connections), (None, 1));
    wait("the retained value", || subscriber.value(5) == Some(50.0));
    publish(
        publisher(broker.port),
        vec![
            retained.clone(),
            retained,
            message(7, 1_700_000_000, 7.5),
            ("city/8".into(), false, "{\"v\": \"NaN\"}".into()),
            message(4000, 1_700_000_000, 1.0),
        ],
    );
    wait("all messages", || subscriber.transport.status().messages == 6);
    wait("the value", || subscriber.value(7) == Some(7.5));
    wait("all applied", || {
        subscriber.frame();
        subscriber.city.counters().unbound == 1
    });
    let counters = subscriber.city.counters();
    assert_eq!((counters.applied, counters.duplicate, counters.unbound), (2, 2, 1));
    assert_eq!(subscriber.inbox.take_diagnostics()[&SOURCE].total(), 1);
    assert!(subscriber.inbox.take_diagnostics().is_empty(), "each is told once");
    let start = Instant::now();
    subscriber.transport.stop();
    assert!(start.elapsed() < Duration::from_secs(6), "stopped");
}

fn refused(port: u16) -> String {
    format!("cannot reach the broker, Connection refused (os error 111): mqtt://127.0.0.1:{port}")
}

/// No broker is needed to see what is told of one that is not there: a line with cause and address, and further attempts.
#[test]
fn where_nobody_listens_is_told_and_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let source =
        SourceDocument { url: Some(format!("mqtt://127.0.0.1:{port}")), name: "b".into(), ..SourceDocument::default() };
    let subscriber = Subscriber::start(&source, Path::new("."));
    wait("three attempts", || subscriber.transport.status().failed_attempts >= 3);
    let status = subscriber.transport.status();
    assert_eq!((status.state, status.cause), (ConnectionState::Lost, Some(refused(port))));
    assert_eq!((status.connections, status.messages), (0, 0));
    let start = Instant::now();
    subscriber.transport.stop();
    assert!(start.elapsed() < Duration::from_secs(6), "stopped");
}

#[test]
fn a_broker_that_is_down_is_waited_for() {
    let Some(mut broker) = Mosquitto::anonymous() else { return };
    let mut subscriber = Subscriber::start(&broker.source(), Path::new("."));
    wait("three attempts", || subscriber.transport.status().failed_attempts >= 3);
    let status = subscriber.transport.status();
    assert_eq!(status.state, ConnectionState::Lost);
    let cause = status.cause.unwrap();
    assert_eq!(cause, refused(broker.port));
    broker.start();
    subscriber.wait_for(ConnectionState::Connected);
    publish(publisher(broker.port), vec![message(1, 1_700_000_000, 3.0)]);
    wait("the value", || subscriber.value(1) == Some(3.0));
    assert_eq!(subscriber.transport.status().failed_attempts, 0);
}

#[test]
fn a_broker_that_dies_is_come_back_to() {
    let Some(mut broker) = Mosquitto::anonymous() else { return };
    broker.start();
    let mut subscriber = Subscriber::start(&broker.source(), Path::new("."));
    subscriber.wait_for(ConnectionState::Connected);
    publish(publisher(broker.port), vec![message(1, 100, 1.0), message(2, 100, 2.0)]);
    wait("the values", || subscriber.value(1) == Some(1.0) && subscriber.value(2) == Some(2.0));
    broker.kill();
    let status = subscriber.wait_for(ConnectionState::Lost);
    assert!(status.cause.is_some() && status.since > seconds(0));
    broker.start();
    let status = subscriber.wait_for(ConnectionState::Connected);
    assert_eq!(status.connections, 2);
    publish(publisher(broker.port), vec![message(1, 90, 9.0), message(2, 110, 22.0)]);
    wait("the new value", || subscriber.value(2) == Some(22.0));
    assert_eq!(subscriber.value(1), Some(1.0), "an older value does not overwrite");
    assert_eq!(subscriber.city.counters().late, 1);
}

#[test]
fn a_wrong_password_is_told() {
    let Some(mut broker) = Mosquitto::prepare("allow_anonymous false\npassword_file FOLDER/passwords") else { return };
    let Some(tool) = program("mosquitto_passwd") else { return };
    let file = broker.folder.path().join("passwords");
    let made = Command::new(tool).args(["-b", "-c"]).arg(file).args(["viewer", "s3cret"]).status().unwrap();
    assert!(made.success());
    broker.start();
    let mut source = SourceDocument { username: Some("viewer".into()), ..broker.source() };
    source.password = Some("guess".into());
    let subscriber = Subscriber::start(&source, Path::new("."));
    let status = subscriber.wait_for(ConnectionState::Lost);
    let cause = format!("the broker refused the user name or the password: mqtt://127.0.0.1:{}", broker.port);
    assert_eq!(status.cause, Some(cause));
    wait("it goes on trying", || subscriber.transport.status().failed_attempts >= 2);
    source.password = Some("s3cret".into());
    let mut subscriber = Subscriber::start(&source, Path::new("."));
    subscriber.wait_for(ConnectionState::Connected);
    let mut options = publisher(broker.port);
    options.set_credentials("viewer", "s3cret");
    publish(options, vec![message(3, 100, 4.0)]);
    wait("the value", || subscriber.value(3) == Some(4.0));
}

/// An authority, and a server certificate for 127.0.0.1 of it, made by openssl.
fn certificates(folder: &Path) -> Option<()> {
    let openssl = program("openssl")?;
    let run = |line: &str| {
        let output = Command::new(&openssl).args(line.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    run(&format!("req {key} -keyout server.key -out server.csr -subj /CN=broker -addext subjectAltName=IP:127.0.0.1"));
    run(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -out server.pem -days 2",
    );
    run(&format!("req -x509 {key} -keyout other.key -out other.pem -days 2 -subj /CN=stranger"));
    Some(())
}

#[test]
fn tls_trusts_the_given_authority_only() {
    let tls = "allow_anonymous true\ncafile FOLDER/ca.pem\ncertfile FOLDER/server.pem\nkeyfile FOLDER/server.key";
    let Some(mut broker) = Mosquitto::prepare(tls) else { return };
    let folder = broker.folder.path().to_owned();
    if certificates(&folder).is_none() {
        return;
    }
    broker.start();
    let secure = |ca: &str| SourceDocument {
        url: Some(format!("mqtts://127.0.0.1:{}", broker.port)),
        ca_file: Some(ca.into()),
        ..broker.source()
    };
    let trusted = Subscriber::start(&secure("ca.pem"), &folder);
    trusted.wait_for(ConnectionState::Connected);
    let strange = Subscriber::start(&secure("other.pem"), &folder);
    let cause = format!(
        "no secure connection to the broker, its certificate is of no authority that is trusted (see 'ca_file'): \
         mqtts://127.0.0.1:{}",
        broker.port
    );
    assert_eq!(strange.wait_for(ConnectionState::Lost).cause, Some(cause));
    wait("it goes on trying", || strange.transport.status().failed_attempts >= 2);

    std::fs::write(folder.join("empty.pem"), "").unwrap();
    for (file, part) in
        [("missing.pem", "No such file"), ("empty.pem", "there is none in it"), ("ca.key", "none in it")]
    {
        let connector = Arc::new(JsonConnector::new("broker", &BTreeMap::new()).unwrap());
        let started =
            MqttTransport::start(&secure(file), &folder, SOURCE, connector, Inbox::new(9), BackOff::default());
        let error = started.err().expect("refused").to_string();
        assert!(error.contains(part) && error.contains(file), "{error}");
    }
}

/// As the program does it: a burst that is more than a frame takes comes through whole, a part in each frame.
#[test]
fn a_burst_is_worked_off_over_frames() {
    let Some(mut broker) = Mosquitto::anonymous() else { return };
    broker.start();
    let scene = SceneDocument {
        sources: vec![broker.source()],
        bindings: vec![binding("city/{n}", by_id("meter"), "power")],
        ..SceneDocument::default()
    };
    let mut live = LiveFeeds::start(&scene, Path::new("."), station(), 0).unwrap();
    wait("connected", || live.statuses().all(|(_, status)| status.state == ConnectionState::Connected));
    publish(publisher(broker.port), (0..5000).map(|i| message(1, 1_700_000_000 + i, i as f64)).collect());
    wait("all received", || live.statuses().all(|(_, status)| status.messages == 5000));
    wait("all applied", || {
        live.advance(wall_clock());
        live.city().latest().counters().applied == 5000
    });
    assert_eq!(value(live.city(), "meter", "power"), Some(4999.0));
}

/// Nothing vanishes without a word: what cannot be used is counted by reason, with an example.
#[test]
fn what_is_sent_in_vain_is_counted() {
    let Some(mut broker) = Mosquitto::anonymous() else { return };
    broker.start();
    let scene = SceneDocument {
        sources: vec![broker.source()],
        bindings: vec![binding("city/{n}", by_id("{n}"), "power")],
        ..SceneDocument::default()
    };
    let mut live = LiveFeeds::start(&scene, Path::new("."), station(), 0).unwrap();
    wait("connected", || live.statuses().all(|(_, status)| status.state == ConnectionState::Connected));
    let sent = [
        ("city/meter", r#"{"v": 1}"#),
        ("city/meter", "warm"),
        ("city/meter", r#"{"t": 1700000000}"#),
        ("city/nobody", r#"{"v": 1, "t": 1700000000}"#),
        ("city/a/b", r#"{"v": 1, "t": 1700000000}"#),
        ("city/mast", r#"{"v": 1, "t": 9700000000}"#),
    ];
    publish(publisher(broker.port), sent.map(|(topic, text)| (topic.to_owned(), false, text.to_owned())).to_vec());
    let tally = |live: &LiveFeeds| live.city().latest().tallies().first().cloned().unwrap_or_default();
    wait("all counted", || {
        live.advance(wall_clock());
        tally(&live).received() == 6
    });
    let tally = tally(&live);
    assert_eq!((tally.bound, tally.faults.count(FaultKind::NoTime)), (1, 1), "as of its receipt, and told");
    let reasons: Vec<(&str, u64)> = tally.not_bound().map(|(reason, count, _)| (reason, count)).collect();
    let expected = [
        ("not readable", 1),
        ("field missing", 1),
        ("no binding matches the stream", 1),
        ("no such object", 1),
        ("from the future", 1),
    ];
    assert_eq!(reasons, expected);
    assert!(tally.not_bound().all(|(_, _, example)| example.is_some_and(|text| text.contains("city/"))));
}

/// 10 000 messages with repetitions and late ones through the broker: the state is the model's.
#[test]
fn ten_thousand_messages_end_in_the_right_state() {
    let Some(mut broker) = Mosquitto::anonymous() else { return };
    broker.start();
    let mut subscriber = Subscriber::start(&broker.source(), Path::new("."));
    subscriber.wait_for(ConnectionState::Connected);
    let mut random = 42_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut messages = Vec::new();
    let (mut model, mut late, mut duplicate) = (BTreeMap::new(), 0, 0);
    while messages.len() < 10_000 {
        let n = next(500) as u32;
        // The value is a function of stream and time, so a repetition is a true duplicate.
        let time = 1_700_000_000 + messages.len() as i64 / 50 - next(40) as i64;
        let value = f64::from(n) + (time % 1000) as f64 / 8.0;
        for _ in 0..1 + next(5) / 4 {
            messages.push(message(n, time, value));
            match model.get(&n) {
                Some((latest, _)) if time < *latest => late += 1,
                Some((latest, _)) if time == *latest => duplicate += 1,
                _ => drop(model.insert(n, (time, value))),
            }
        }
    }
    let count = messages.len() as u64;
    publish(publisher(broker.port), messages);
    wait("all messages", || {
        subscriber.frame();
        subscriber.inbox.counters().taken == count
    });
    for (n, (time, value)) in &model {
        let latest = subscriber.city.reading_of(*n, 0).unwrap().latest.unwrap();
        assert_eq!((latest.time, latest.value.number()), (seconds(*time), Some(*value)), "stream {n}");
    }
    let counters = subscriber.city.counters();
    assert_eq!((counters.late, counters.duplicate), (late, duplicate));
    assert_eq!(counters.applied, count - late - duplicate);
    assert!(late > 1000 && duplicate > 100, "{late} {duplicate}");
}
