//! A server in operation: limits tried over real sockets, starting, stopping, being told to read everything again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use veduta::platform::FolderSource;
use veduta::service::{Catalogue, Limits, Phase, Proxies, Published, Service};
use veduta::streaming::{ByteSource, ByteSourceError};

use crate::cli::{failure, veduta};
use crate::service_world::{World, catalogue, package};

fn limited(limits: Limits) -> World {
    let service = Service::new(catalogue());
    service.limit(limits);
    World::serving(service)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

/// A package whose tiles take long to come.
struct Slow(FolderSource, Duration);

impl ByteSource for Slow {
    fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, ByteSourceError> {
        std::thread::sleep(self.1);
        self.0.read(name, range)
    }

    fn size(&self, name: &str) -> Result<u64, ByteSourceError> {
        self.0.size(name)
    }
}

/// The demo city with slow files, and the address of one of them.
fn slow(limits: Limits, delay: Duration) -> (World, String) {
    let quick = catalogue().cities["demo"].clone();
    let files = Arc::new(Slow(FolderSource::new(package()).unwrap(), delay));
    let (city, version) = (quick.city.clone(), quick.version.clone());
    let published = Published { name: "demo".into(), city, files, version, selection: None };
    let mut catalogue = Catalogue::default();
    catalogue.cities.insert("demo".to_owned(), Arc::new(published));
    let service = Service::new(catalogue);
    service.limit(limits);
    (World::serving(service), format!("/api/tiles/demo/{}/tileset.json", quick.version))
}

/// The demo city once more.
fn copy(to: &Path) {
    assert!(Command::new("cp").arg("-r").arg(package()).arg(to).status().unwrap().success());
}

#[test]
fn sizes_are_limited() {
    let world = limited(Limits { url_bytes: 100, body_bytes: 1_000, ..Limits::default() });
    world.get(&format!("/healthz?{}", "x".repeat(200))).problem(414);
    assert_eq!(world.get("/healthz?x").status, 200);
    world.send(|client| client.post(world.url("/healthz")).body("x".repeat(2_000))).problem(413);
    world.send(|client| client.post(world.url("/healthz")).body("x")).problem(405);
    let heads = "x: ".to_owned() + &"y".repeat(40_000);
    let answer = world.raw(&format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{heads}\r\n\r\n"));
    assert!(answer.is_empty() || answer.contains(" 431 "), "{answer}");
    let head = "x: ".to_owned() + &"y".repeat(20_000);
    let answer = world.raw(&format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n\r\n"));
    assert!(answer.contains(" 431 ") && answer.contains("application/problem+json"), "{answer}");
    let many: String = (0..500).map(|i| format!("h{i}: 1\r\n")).collect();
    let answer = world.raw(&format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n"));
    assert!(answer.is_empty() || answer.contains(" 431 "), "{answer}");
    assert_eq!(world.get("/healthz").status, 200, "others are served");
}

#[test]
fn a_client_gets_so_many_requests_and_connections() {
    let world = limited(Limits { requests_per_s: 1.0, request_burst: 5.0, ..Limits::default() });
    let replies: Vec<_> = (0..8).map(|_| world.get("/api/city")).collect();
    assert!(replies.iter().take(5).all(|reply| reply.status == 200));
    let last = replies.last().unwrap();
    last.problem(429);
    assert!((1..=5).contains(&last.header("retry-after").parse::<u64>().unwrap()));
    assert_eq!(last.header("access-control-allow-origin"), "*", "a page elsewhere can tell why");
    assert!((0..20).all(|_| world.get("/healthz").status == 200), "who watches the server is not counted");
    world.service.limit(Limits { requests_per_s: 0.0, ..Limits::default() });
    assert_eq!(world.get("/api/city").status, 200, "other limits hold at once");

    let world = limited(Limits { connections_per_client: 2, ..Limits::default() });
    let open: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(world.address).unwrap()).collect();
    // The server has taken both when it answers on the later one.
    for mut connection in &open {
        connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        assert!(connection.read(&mut [0; 1024]).unwrap() > 0);
    }
    assert_eq!(world.raw(&get("/healthz")), "", "the third is closed");
    drop(open);
    let begin = Instant::now();
    while !world.raw(&get("/healthz")).contains(" 200 ") {
        assert!(begin.elapsed() < Duration::from_secs(20), "closed connections are given back");
    }
}

#[test]
fn slow_clients_and_slow_answers_end() {
    let world = limited(Limits { header_s: 0.3, ..Limits::default() });
    let begin = Instant::now();
    let answer = world.raw("GET /healthz HTTP/1.1\r\nhost: x\r\nx: ");
    assert!(!answer.contains(" 200 "), "{answer}");
    assert!(begin.elapsed() < Duration::from_secs(10), "a head that does not come is not waited for");

    let (world, address) = slow(Limits { request_s: 0.2, ..Limits::default() }, Duration::from_secs(2));
    world.get(&address).problem(503);
    assert_eq!(world.get("/healthz").status, 200);
}

#[test]
fn one_who_takes_nothing_of_an_answer_is_left() {
    let world = limited(Limits { write_s: 0.5, ..Limits::default() });
    let ask = |times: usize| {
        let mut connection = TcpStream::connect(world.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = "GET /api HTTP/1.1\r\nhost: localhost\r\n\r\n";
        connection.write_all(request.repeat(times).as_bytes()).unwrap();
        connection
    };
    // One who takes a little now and then is served.
    let mut slow = ask(1000);
    let (mut part, begin) = (vec![0; 262_144], Instant::now());
    while begin.elapsed() < Duration::from_secs(2) {
        assert!(slow.read(&mut part).unwrap() > 0);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(world.service.metrics.too_slow.get(), 0);
    drop(slow);
    // More than all buffers on the way hold, and nobody who reads.
    let mut stuck = ask(1000);
    let begin = Instant::now();
    while world.service.metrics.too_slow.get() == 0 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the connection is held");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut all = Vec::new();
    // What was on its way comes, and then the end.
    let _ = stuck.read_to_end(&mut all);
    let answers = String::from_utf8_lossy(&all).matches("HTTP/1.1 200").count();
    assert!(answers < 1000, "{answers} answers");
    assert_eq!(world.get("/healthz").status, 200);
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[test]
fn one_who_stops_an_answer_over_http_2_is_left() {
    let world = limited(Limits { write_s: 0.6, ..Limits::default() });
    let connection = |window: u32, path: &str| {
        let mut connection = TcpStream::connect(world.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        // GET, http, the path and `localhost` (RFC 7541, appendix A); the window of each answer is said before.
        let head = [&[0x82, 0x86, 0x04, path.len() as u8], path.as_bytes(), &[0x01, 9], b"localhost"].concat();
        let settings = frame(4, 0, 0, &[&[0, 4], &window.to_be_bytes()[..]].concat());
        let all = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), settings, frame(1, 5, 1, &head)].concat();
        connection.write_all(&all).unwrap();
        connection
    };
    let too_slow = || world.service.metrics.too_slow.get();
    // One whose answer has come waits for nothing.
    let mut idle = connection(65_535, "/healthz");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(too_slow(), 0);
    idle.write_all(&frame(6, 0, 0, &[7; 8])).unwrap();
    let (mut came, mut part) = (Vec::new(), [0; 4096]);
    while !came.windows(17).any(|bytes| bytes == frame(6, 1, 0, &[7; 8])) {
        let count = idle.read(&mut part).unwrap();
        assert!(count > 0, "it was closed");
        came.extend_from_slice(&part[..count]);
    }
    for (stopped, window, path) in [(1, 0, "/healthz"), (2, 1000, "/api")] {
        let begin = Instant::now();
        let mut came = Vec::new();
        // A connection that is reset is closed, too.
        let _ = connection(window, path).read_to_end(&mut came);
        let lasted = begin.elapsed();
        assert!(lasted < Duration::from_secs(6), "{path} is held: {lasted:?}");
        assert_eq!(too_slow(), stopped, "{path}");
        assert!(!came.is_empty());
    }
    assert_eq!(world.get("/healthz").status, 200);
}

#[test]
fn where_a_request_comes_from_is_believed_of_named_proxies_only() {
    let world = limited(Limits { requests_per_s: 0.01, request_burst: 3.0, ..Limits::default() });
    let from =
        |client: &str| world.send(|http| http.get(world.url("/api/city")).header("x-forwarded-for", client)).status;
    let all = |clients: &[&str]| clients.iter().map(|client| from(client)).collect::<Vec<_>>();
    let made_up = ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"];
    assert_eq!(all(&made_up), [200, 200, 200, 429], "anybody may write a header");
    let proxies = |network: &str| Proxies { trusted: vec![network.parse().unwrap()], ..Proxies::default() };
    world.service.believe(proxies("10.0.0.0/8"));
    assert_eq!(from("198.51.100.5"), 429, "another proxy");
    world.service.believe(proxies("127.0.0.0/8"));
    assert_eq!(all(&made_up), [200; 4]);
    assert_eq!(all(&["1.1.1.1, 203.0.113.9", "1.1.1.2, 203.0.113.9", "1.1.1.3, 203.0.113.9"]), [200; 3]);
    assert_eq!(from("1.1.1.4, 203.0.113.9"), 429, "what a client has written before is of no weight");

    // A proxy has the connections of many.
    let world = limited(Limits { connections_per_client: 2, ..Limits::default() });
    world.service.believe(proxies("127.0.0.1"));
    let mut open: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(world.address).unwrap()).collect();
    for connection in &mut open {
        assert!(Process::ask(connection, "/healthz").contains(" 200 "));
    }
}

#[test]
fn stopping_ends_what_is_open_and_takes_nothing_new() {
    let limits = Limits { announce_s: 1.0, finish_s: 20.0, ..Limits::default() };
    let (world, address) = slow(limits, Duration::from_secs(3));
    assert_eq!(world.get("/readyz").status, 200);
    let mut open = TcpStream::connect(world.address).unwrap();
    open.write_all(get(&address).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    world.service.enter(Phase::Stopping);
    assert_eq!(world.get("/readyz").problem(503), "stopping");
    assert_eq!(world.get("/healthz").status, 200);
    let (server, begin) = (world.address, Instant::now());
    world.ended();
    assert!(begin.elapsed() < Duration::from_secs(15), "it does not wait for the whole time it may take");
    let mut answer = Vec::new();
    open.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..answer.len().min(300)]));
    assert!(answer.ends_with(std::fs::read(package().join("tileset.json")).unwrap().as_slice()));
    assert!(TcpStream::connect(server).is_err());
}

#[test]
fn requests_are_counted_by_their_template() {
    let world = World::start();
    let version = world.service.city("demo").unwrap().version.clone();
    for file in ["tileset.json", "city.toml", "content/99/0/0.glb"] {
        world.get(&format!("/api/tiles/demo/{version}/{file}"));
    }
    world.get("/nothing");
    let reply = world.get("/metrics");
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"));
    let text = reply.text();
    let route = "route=\"/api/tiles/{city}/{version}/{*file}\"";
    for line in [
        &format!("veduta_requests_total{{{route},method=\"GET\",status=\"200\"}} 2"),
        &format!("veduta_requests_total{{{route},method=\"GET\",status=\"404\"}} 1"),
        "veduta_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 1",
        &format!("veduta_request_seconds_count{{{route}}} 3"),
        "veduta_turned_away_total 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    let open = text.lines().find_map(|line| line.strip_prefix("veduta_connections ")).unwrap();
    assert!(open.parse::<u64>().unwrap() > 0, "{open}");
    let memory = text.lines().find_map(|line| line.strip_prefix("veduta_memory_bytes ")).unwrap();
    assert!(!cfg!(target_os = "linux") || memory.parse::<u64>().unwrap() > 1 << 20, "{memory}");
}

/// `veduta serve` as a process; killed with the value.
pub struct Process(Child, pub String);

impl Process {
    pub fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
        command.current_dir(folder).arg("serve").args(arguments).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        assert!(!address.is_empty(), "it says where it listens");
        Self(child, address)
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// An answer over a connection that stays open.
    fn ask(connection: &mut TcpStream, path: &str) -> String {
        connection.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
        let mut bytes = vec![0; 65_536];
        let count = connection.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn a_hangup_reads_everything_again_without_dropping_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let document = |cities: &str, more: &str| {
        let text = format!("format_version = 1\nlisten = '127.0.0.1:0'\npaths = [{cities}]\n{more}");
        std::fs::write(folder.join("serve.toml"), text).unwrap();
    };
    let one = package().display().to_string();
    copy(&folder.join("second.city"));
    document(&format!("'{one}'"), "");
    let mut process = Process::start(folder, &["--config", "serve.toml"], &[]);
    let mut connection = TcpStream::connect(&process.1).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let answer = Process::ask(&mut connection, "/api/city");
    assert!(answer.contains("demo-small-1") && !answer.contains("second"), "{answer}");
    document(&format!("'{one}', 'second.city'"), "");
    process.signal("-HUP");
    let begin = Instant::now();
    while !Process::ask(&mut connection, "/api/city").contains("second") {
        assert!(begin.elapsed() < Duration::from_secs(30), "the second city is served");
        std::thread::sleep(Duration::from_millis(50));
    }
    document("'second.city'", "[limits]\nurl_byte = 5\n");
    process.signal("-HUP");
    std::thread::sleep(Duration::from_secs(1));
    let answer = Process::ask(&mut connection, "/api/city");
    assert!(answer.contains("demo-small-1") && answer.contains("second"), "a mistake changes nothing: {answer}");
    process.signal("-TERM");
    let mut log = String::new();
    process.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("nothing is changed") && log.contains("did you mean 'url_bytes'?"), "{log}");
    assert!(process.0.wait().unwrap().success(), "being told to stop is no failure: {log}");
}

#[test]
fn what_keeps_it_from_starting_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (city, taken) = (package().to_str().unwrap(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let address = taken.local_addr().unwrap().to_string();
    let line = failure(folder, &["serve", city, "--listen", &address]);
    assert!(line.contains(&format!("cannot listen on {address}")) && line.contains("in use"), "{line}");
    std::fs::create_dir(folder.join("other")).unwrap();
    copy(&folder.join("other/demo-small-1.city"));
    let two = ["serve", city, "other/demo-small-1.city", "--listen", "127.0.0.1:0"];
    assert!(failure(folder, &two).contains("two packages"));
    assert!(failure(folder, &["serve", "nowhere.city", "--listen", "127.0.0.1:0"]).contains("nowhere.city"));
    std::fs::write(folder.join("serve.toml"), "format_version = 1\nlissten = 'x'\n").unwrap();
    let line = failure(folder, &["serve", "--config", "serve.toml"]);
    assert!(line.contains("serve.toml:2:1") && line.contains("did you mean 'listen'?"), "{line}");
    std::fs::write(folder.join("serve.toml"), "format_version = 1\n").unwrap();
    assert!(failure(folder, &["serve", "--config", "serve.toml"]).contains("nothing to serve"));
    assert!(failure(folder, &["serve", "s3://", "--listen", "127.0.0.1:0"]).contains("s3://BUCKET"));
}

#[test]
fn check_finds_what_would_keep_it_from_starting_and_says_what_roles_see() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    crate::play::town(folder);
    std::fs::write(folder.join("eva.hash"), veduta::service::access::hash_token("eva-0123456789abcdef").unwrap())
        .unwrap();
    let sound = "format_version = 1\npaths = ['town.scenario.toml']\n[[token]]\nname = 'eva'\nrole = 'viewer'\n\
        hash_file = 'eva.hash'\n[[right]]\nrole = 'viewer'\nwhere = 'height < 100'\nhide = ['level']\n";
    let told = |text: &str, code: i32| {
        std::fs::write(folder.join("serve.toml"), text).unwrap();
        let output = veduta(folder, &["check", "serve.toml"]);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{stdout}");
        stdout
    };
    let notes = told(sound, 0);
    assert!(notes.contains("note: viewer sees 2 of 3 objects of town, without level"), "{notes}");
    assert!(
        notes.contains("note: admin sees all 3 objects of town") && notes.contains("0 errors, 0 warnings"),
        "{notes}"
    );
    for (from, to, error) in [
        ("eva.hash", "otto.hash", "otto.hash"),
        ("hide = ['level']", "hide = ['lvel']", "did you mean 'level'?"),
        ("town.scenario.toml", "twon.scenario.toml", "twon.scenario.toml"),
        ("role = 'viewer'\nhash", "role = 'viewr'\nhash", "serve.toml:5:"),
        ("[[token]]", "[tls]\ncertificate = 'c.pem'\nkey_file = 'k.pem'\n[[token]]", "c.pem"),
        ("paths =", "listen = 'nowhere'\npaths =", "listen = 'nowhere'"),
    ] {
        let text = sound.replacen(from, to, 1);
        assert_ne!(text, sound, "{from}");
        let problems = told(&text, 1);
        assert!(problems.contains(error), "{to}: {problems}");
    }
    let open = told("format_version = 1\nlisten = '0.0.0.0:0'\npaths = ['town.city']\n", 0);
    assert!(open.contains("warning: 0.0.0.0 can be reached from the network"), "{open}");
    std::fs::write(folder.join("damaged.scenario.toml"), "format_version = 1\nscene = 'gone.toml'\n").unwrap();
    let problems = told("format_version = 1\npaths = ['damaged.scenario.toml']\n", 1);
    assert!(problems.contains("damaged.scenario.toml:2:9: no such package, scene or scenario"), "{problems}");
}
