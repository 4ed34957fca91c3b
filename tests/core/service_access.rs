//! Who gets in, what they may, and that what is withheld is in no answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use veduta::quantity::Timestamp;
use veduta::service::access::{
    Access, AccessSettings, Need, RightDocument, Role, TokenDocument, TokenHash, check_rights, hash_token, needed,
    visible,
};
use veduta::service::audit::{AuditLog, ChainEnd, Entry, LineWriter, check_chain};
use veduta::service::{Limits, Proxies, Service, described};

use crate::service_world::{Reply, World, catalogue, package};

const TOKENS: [(&str, Role); 4] = [
    ("viewer-0123456789abcdef", Role::Viewer),
    ("operator-0123456789abcdef", Role::Operator),
    ("planner-0123456789abcdef", Role::Planner),
    ("admin-0123456789abcdef", Role::Admin),
];

pub fn token(role: Role) -> &'static str {
    TOKENS.iter().find(|(_, own)| *own == role).unwrap().0
}

pub fn settings() -> AccessSettings {
    let token = |(token, role): &(&str, Role)| TokenDocument {
        name: role.name().to_owned(),
        role: *role,
        hash: Some(TokenHash::try_from(hash_token(token).unwrap()).unwrap()),
        hash_file: None,
    };
    AccessSettings { tokens: TOKENS.iter().map(token).collect(), ..AccessSettings::default() }
}

pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(since.as_secs_f64())
}

/// An audit log in memory.
#[derive(Clone, Default)]
pub struct Lines(pub Arc<Mutex<Vec<String>>>);

impl LineWriter for Lines {
    fn append(&mut self, lines: &[String]) -> std::io::Result<()> {
        self.0.lock().unwrap().extend_from_slice(lines);
        Ok(())
    }
}

fn world_with(settings: AccessSettings, rights: Vec<RightDocument>, audit: AuditLog) -> World {
    let access = Access::new(settings, Arc::new(now), audit).unwrap();
    World::serving(Service::new(catalogue()).protected(access, rights).unwrap())
}

pub fn world() -> World {
    world_with(settings(), Vec::new(), AuditLog::off())
}

pub fn asked(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    world.send(|client| {
        let mut request = client.request(method.parse().unwrap(), world.url(path)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    })
}

pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub fn status(world: &World, path: &str, authorization: &str) -> u16 {
    asked(world, "GET", path, &[("authorization", authorization)], "").status
}

#[test]
fn every_operation_says_whom_it_is_for() {
    let (_, description) = described(Service::new(catalogue()));
    let paths = serde_json::to_value(&description).unwrap()["paths"].clone();
    let mut open = Vec::new();
    for (path, item) in paths.as_object().unwrap() {
        for method in ["get", "head", "post", "put", "patch", "delete"].iter().filter(|m| item.get(**m).is_some()) {
            match needed(&method.to_uppercase().parse().unwrap(), path) {
                None => panic!("{method} {path} is in no family of the role table: nobody can call it"),
                Some(Need::Nothing) => open.push(format!("{method} {path}")),
                Some(Need::Role(_)) => {}
            }
        }
    }
    // What is open to everybody is named one by one: a new entry is a decision.
    for operation in open {
        let known = ["get /", "get /healthz", "get /readyz", "get /favicon.ico"].contains(&operation.as_str())
            || operation.ends_with(" /api/session")
            || operation.starts_with("get /viewer");
        assert!(known, "{operation} asks nothing of whoever calls it");
    }
}

#[test]
fn whoever_does_not_say_who_they_are_gets_only_what_is_for_everybody() {
    let world = world();
    assert_eq!(world.get("/healthz").status, 200);
    for path in ["/api/city", "/api/tiles/demo", "/metrics", "/ogc", "/nothing/here", "/api/session/ticket"] {
        let reply = world.get(path);
        reply.problem(401);
        assert!(reply.header("www-authenticate").starts_with("Bearer"), "{path}");
        assert!(reply.header("content-security-policy").contains("'wasm-unsafe-eval'"), "{path}");
    }
    for wrong in [
        "Bearer wrong-0123456789abcdef",
        "Basic YTpi",
        "Bearer",
        "Bearer x",
        "bearer  ",
        "Bearer \u{e9}\u{e9}\u{e9}\u{e9}",
    ] {
        let reply = asked(&world, "GET", "/api/city", &[("authorization", wrong)], "");
        assert!((400..500).contains(&reply.status), "{wrong}: {}", reply.status);
    }
}

#[test]
fn roles_may_what_the_table_says() {
    let world = world();
    for (word, role) in TOKENS {
        let own = bearer(word);
        // 404 and 405: the gate let it through to endpoints that have nothing there.
        assert_ne!(status(&world, "/api/session", &own), 403);
        assert_eq!(status(&world, "/metrics", &own) == 403, role < Role::Admin, "{role:?}");
        let told = |path: &str| asked(&world, "POST", path, &[("authorization", &own)], "").status;
        assert_eq!(told("/api/playback/seek") == 403, role < Role::Operator, "{role:?}");
        assert_eq!(told("/api/scenarios/rain") == 403, role < Role::Planner, "{role:?}");
        assert_eq!(asked(&world, "GET", "/api/unheard-of", &[("authorization", &own)], "").status, 404);
    }
    let session = asked(&world, "GET", "/api/session", &[("authorization", &bearer(token(Role::Planner)))], "");
    assert_eq!(session.json(), json!({ "name": "planner", "role": "planner" }));
    assert_eq!(world.get("/api/session").json(), json!({}));
}

#[test]
fn browsers_sign_in_with_a_cookie_that_other_sites_cannot_use() {
    let world = world();
    let body = json!({ "token": token(Role::Operator) }).to_string();
    let json = ("content-type", "application/json");
    asked(&world, "POST", "/api/session", &[], &body).problem(400);
    asked(&world, "POST", "/api/session", &[json], "{\"token\": 5}").problem(400);
    asked(&world, "POST", "/api/session", &[json], &json!({ "token": "wrong-0123456789abc" }).to_string()).problem(401);
    asked(&world, "POST", "/api/session", &[json, ("origin", "https://evil.example")], &body).problem(403);
    let signed_in = asked(&world, "POST", "/api/session", &[json], &body);
    assert_eq!((signed_in.status, signed_in.header("cache-control")), (200, "no-store"));
    let set = signed_in.header("set-cookie").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict") && set.contains("Path=/"), "{set}");
    let cookie = set.split(';').next().unwrap();
    assert!(!set.contains(token(Role::Operator)));

    let who = asked(&world, "GET", "/api/session", &[("cookie", cookie)], "");
    assert_eq!(who.json()["role"], "operator");
    let ticket = |headers: &[(&str, &str)]| asked(&world, "POST", "/api/session/ticket", headers, "");
    ticket(&[("cookie", cookie), ("origin", "https://evil.example")]).problem(403);
    ticket(&[("cookie", cookie), ("sec-fetch-site", "cross-site")]).problem(403);
    let own = format!("http://{}", world.address);
    let given = ticket(&[("cookie", cookie), ("origin", &own)]);
    assert_eq!(given.status, 200);
    // A ticket opens one WebSocket and nothing else.
    let name = given.json()["ticket"].as_str().unwrap().to_owned();
    let address = format!("/api/live?ticket={name}");
    assert_eq!(world.get(&address).status, 401, "not without an upgrade");
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    assert_ne!(asked(&world, "GET", &address, &upgrade, "").status, 401);
    assert_eq!(asked(&world, "GET", &address, &upgrade, "").status, 401, "once");

    assert_eq!(asked(&world, "DELETE", "/api/session", &[("cookie", cookie)], "").status, 204);
    assert_eq!(ticket(&[("cookie", cookie)]).status, 401, "signed out");
}

#[test]
fn a_cookie_is_secure_where_a_proxy_that_is_believed_says_that_the_browser_has_come_over_tls() {
    let world = world();
    let body = json!({ "token": token(Role::Operator) }).to_string();
    let json = ("content-type", "application/json");
    let set = |headers: &[(&str, &str)]| {
        asked(&world, "POST", "/api/session", &[&[json][..], headers].concat(), &body).header("set-cookie").to_owned()
    };
    let https = ("x-forwarded-proto", "https");
    assert!(!set(&[https]).contains("Secure"), "anybody can write this");
    world.service.believe(Proxies { trusted: vec!["127.0.0.1".parse().unwrap()], ..Proxies::default() });
    assert!(!set(&[]).contains("Secure") && !set(&[("x-forwarded-proto", "https, http")]).contains("Secure"));
    let secured = set(&[https]);
    assert!(secured.starts_with("__Host-veduta=") && secured.contains("; Secure"), "{secured}");
    let who = |headers: &[(&str, &str)]| asked(&world, "GET", "/api/session", headers, "").json();
    let cookie = ("cookie", secured.split(';').next().unwrap());
    assert_eq!((&who(&[cookie, https])["role"], who(&[cookie])), (&json!("operator"), json!({})));
    let links = asked(&world, "GET", "/ogc", &[("authorization", &bearer(token(Role::Viewer))), https], "");
    assert!(links.text().contains("\"https://127.0.0.1") && !links.text().contains("\"http://127"), "{}", links.text());
}

#[test]
fn whoever_goes_or_is_too_slow_is_in_the_log_all_the_same() {
    let lines = Lines::default();
    let (log, writer) = AuditLog::start(Box::new(lines.clone()), ChainEnd::after(None));
    let writer = std::thread::spawn(writer);
    let world = world_with(settings(), Vec::new(), log.clone());
    // Time enough to see who asks, on a busy machine too.
    world.service.limit(Limits { request_s: 3.0, ..Limits::default() });
    // More is announced than comes.
    let head = format!("host: 127.0.0.1\r\nauthorization: {}\r\ncontent-length: 50", bearer(token(Role::Operator)));
    let answer = world.raw(&format!("POST /api/city/demo/objects HTTP/1.1\r\n{head}\r\nconnection: close\r\n\r\n{{"));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("content-security-policy"), "{answer}");
    log.flush();
    drop(log);
    drop(world);
    writer.join().unwrap();
    let lines = lines.0.lock().unwrap();
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    let told = (&line["who"], &line["what"], &line["status"]);
    assert_eq!(told, (&json!("operator"), &json!("POST /api/city/demo/objects"), &json!(499)), "{lines:?}");
}

#[test]
fn a_server_that_is_open_to_its_machine_does_not_obey_other_sites() {
    let world =
        world_with(AccessSettings { open: Some(Role::Admin), ..AccessSettings::default() }, vec![], AuditLog::off());
    let of = |method: &str, headers: &[(&str, &str)]| asked(&world, method, "/api/playback", headers, "").status;
    assert_ne!(of("POST", &[]), 403, "no browser");
    assert_eq!(of("POST", &[("origin", "https://evil.example")]), 403);
    assert_eq!(of("POST", &[("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(of("GET", &[("host", "evil.example")]), 403, "a name that was bent to lead here");
    assert_eq!(of("GET", &[("upgrade", "websocket"), ("origin", "https://evil.example")]), 403);
    for (name, value) in [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7"), ("via", "1.1 proxy")] {
        assert_eq!(of("GET", &[(name, value)]), 403, "who is behind a proxy is not on this machine");
    }
    assert_ne!(of("GET", &[]), 403);
}

#[test]
fn what_people_do_is_in_the_log_and_their_tokens_are_not() {
    let lines = Lines::default();
    let (log, writer) = AuditLog::start(Box::new(lines.clone()), ChainEnd::after(None));
    let writer = std::thread::spawn(writer);
    let world = world_with(settings(), Vec::new(), log.clone());
    let admin = bearer(token(Role::Admin));
    let body = json!({ "token": token(Role::Viewer) }).to_string();
    asked(&world, "GET", "/api/city?secret=in-the-query", &[("authorization", "Bearer wrong-0123456789abcdef")], "");
    asked(&world, "GET", "/metrics", &[("authorization", &admin)], "");
    asked(&world, "GET", "/healthz", &[], "");
    let forwarded = [("authorization", admin.as_str()), ("x-forwarded-for", "203.0.113.77, 198.51.100.9")];
    asked(&world, "GET", "/metrics", &forwarded, "");
    let trusted = vec!["127.0.0.1".parse().unwrap()];
    world.service.believe(Proxies { trusted, ..Proxies::default() });
    asked(&world, "GET", "/metrics", &forwarded, "");
    world.service.believe(Proxies::default());
    asked(&world, "POST", "/api/session", &[("content-type", "application/json")], &body);
    log.flush();
    drop(log);
    drop(world);
    writer.join().unwrap();
    let lines = lines.0.lock().unwrap().clone();
    let all = lines.join("\n");
    assert_eq!(check_chain(lines.iter().map(String::as_str)).problems, []);
    assert_eq!(lines.len(), 5, "{all}");
    let line = |at: usize| serde_json::from_str::<Value>(&lines[at]).unwrap();
    assert_eq!(
        (&line(0)["status"], &line(0)["who"], &line(0)["from"]),
        (&json!(401), &Value::Null, &json!("127.0.0.1"))
    );
    assert_eq!((&line(1)["who"], &line(1)["what"]), (&json!("admin"), &json!("GET /metrics")));
    assert_eq!((&line(2)["from"], &line(3)["from"]), (&json!("127.0.0.1"), &json!("198.51.100.9")), "{all}");
    assert_eq!((&line(4)["who"], &line(4)["status"]), (&json!("viewer"), &json!(200)));
    for secret in TOKENS.map(|(token, _)| token).into_iter().chain(["wrong-0123456789abcdef", "in-the-query"]) {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[test]
fn a_right_with_a_mistake_in_it_is_refused_and_not_without_effect() {
    let catalogue = catalogue();
    let live = BTreeSet::from(["power".to_owned()]);
    let check = |text: &str| {
        let right: RightDocument = toml::from_str(&format!("role = 'viewer'\n{text}")).unwrap();
        check_rights(&catalogue, &[right], &live).map_err(|error| error.to_string())
    };
    for right in
        ["hide = ['residents', 'power', 'height']", "hide_classes = ['Pipe']", "closed = true", "where = 'true'"]
    {
        assert_eq!(check(right), Ok(()), "{right}");
    }
    for (right, told) in [
        ("hide = ['Residents']", "hide = 'Residents': no attribute or live property"),
        ("hide_classes = ['Pipes']", "hide_classes = 'Pipes': no class"),
        ("", "withholds nothing"),
    ] {
        let error = check(right).unwrap_err();
        assert!(error.contains(told), "{right}: {error}");
    }
    assert!(check("hide = ['resident']").unwrap_err().contains("did you mean 'residents'?"));
}

fn secret() -> (String, String, RightDocument) {
    let whole = catalogue().cities["demo"].clone();
    let table = whole.city.table();
    let row = (0..table.rows()).find(|row| table.class(*row).unwrap() == "Building").unwrap();
    let object = whole.city.object(row).unwrap().unwrap();
    let hidden = object.attributes.iter().max_by_key(|(name, _)| name.len()).unwrap().0.clone();
    let right = json!({ "role": "viewer", "where": format!("id <> '{}'", object.id), "hide": [hidden] });
    (object.id, hidden, serde_json::from_value(right).unwrap())
}

pub fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Names of all files of the package, relative to it.
fn files(folder: &std::path::Path, base: &str, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{base}{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true => files(&entry.path(), &format!("{name}/"), names),
            false => names.push(name),
        }
    }
}

#[test]
fn what_is_withheld_from_a_role_is_in_no_file_that_it_gets() {
    let (id, hidden, right) = secret();
    let whole = catalogue();
    let all = whole.cities["demo"].clone();
    let seen = visible(&whole, std::slice::from_ref(&right), Role::Viewer).unwrap().cities["demo"].clone();
    let same = visible(&whole, &[right], Role::Admin).unwrap().cities["demo"].clone();
    assert!(Arc::ptr_eq(&all, &same), "nothing is withheld from others");
    assert_ne!(all.version, seen.version);
    let secret_row = all.city.table().row(&id).unwrap();
    assert_eq!((seen.row(secret_row), seen.city.table().row(&id)), (None, None));
    assert_eq!(seen.city.table().rows() + 1, all.city.table().rows());

    let mut names = Vec::new();
    files(package(), "", &mut names);
    let (mut shown, mut tiles, mut rows) = (0, 0, std::collections::BTreeSet::new());
    for name in &names {
        let Ok(bytes) = seen.files.read(name, None) else { continue };
        assert!(!name.starts_with("objects/") && !name.starts_with("index/"), "{name}");
        assert!(!holds(&bytes, &id) && !holds(&bytes, &hidden), "{name}");
        shown += 1;
        if !name.starts_with("content/") {
            continue;
        }
        tiles += 1;
        // Tile and table agree on who is who.
        let content = veduta::formats::glb::decode(&bytes).unwrap();
        let (Some(objects), Some(ids)) = (content.features.column("object"), content.features.column("id")) else {
            continue;
        };
        for feature in 0..content.features.count {
            let row = objects.value(feature).number().unwrap() as u32;
            assert_eq!(ids.value(feature).text(), Some(seen.city.table().id(row)));
            rows.insert(row);
        }
    }
    assert!(shown > tiles && tiles > 0 && rows.len() > 10, "{shown} files, {tiles} tiles, {} objects", rows.len());
}

/// What the server answers to these bytes; 0 where it closes without a word.
fn raw(world: &World, bytes: &[u8]) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let answer = world.block_on(async {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has said what it had to say.
        let _ = stream.read_to_end(&mut answer).await;
        answer
    });
    let line = String::from_utf8_lossy(answer.get(..answer.len().min(16)).unwrap_or_default()).into_owned();
    line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

#[test]
fn any_bytes_where_somebody_says_who_they_are_are_refused_and_never_a_fault() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    let world = world();
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "Bearer [ -~]{0,80}".prop_map(String::into_bytes),
        "Bearer [A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}".prop_map(String::into_bytes),
        "(__Host-)?veduta=[0-9a-f]{60,66}".prop_map(String::into_bytes),
    ];
    let header = prop_oneof![Just("Authorization"), Just("Cookie"), Just("Origin"), Just("Sec-WebSocket-Protocol")];
    let path = prop_oneof![Just("/api/city".to_owned()), "/api/[!-~]{0,40}", "/api/live\\?ticket=[!-~]{0,80}"];
    let mut runner = TestRunner::new(Config { cases: 120, failure_persistence: None, ..Config::default() });
    runner
        .run(&(header, value, path), |(header, value, path)| {
            let mut request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}: ").into_bytes();
            request.extend(value.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
            request.extend(b"\r\n\r\n");
            let status = raw(&world, &request);
            prop_assert!(status == 0 || (400..500).contains(&status), "{status}");
            Ok(())
        })
        .unwrap();
}

/// Runs the program with something typed in; exit code, what it says, what it complains of.
fn program(arguments: &[&str], typed: &str) -> (Option<i32>, String, String) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.env_remove("VEDUTA_LISTEN").env_remove("VEDUTA_SERVE_CONFIG").spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_program_refuses_to_stand_open_hashes_tokens_and_checks_logs() {
    let package = package().to_str().unwrap();
    let (code, said, complaint) = program(&["serve", package, "--listen", "0.0.0.0:0"], "");
    assert_eq!((code, said.as_str()), (Some(1), ""), "{complaint}");
    assert!(complaint.contains("[[token]]") && complaint.contains("--insecure-public"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");

    let (code, hash, complaint) = program(&["serve", "--hash-token"], "a-token-of-some-length\n");
    assert_eq!(code, Some(0), "{complaint}");
    assert!(TokenHash::try_from(hash.trim().to_owned()).is_ok(), "{hash}");
    assert_eq!(program(&["serve", "--hash-token"], "short\n").0, Some(1));

    let lines = Lines::default();
    let (log, writer) = AuditLog::start(Box::new(lines.clone()), ChainEnd::after(None));
    for what in ["PUT /a", "PUT /b", "PUT /c"] {
        let from = "10.0.0.7".to_owned();
        log.tell(Entry { time: Timestamp(0), caller: None, from, what: what.to_owned(), status: 401 });
    }
    drop(log);
    writer();
    let text = lines.0.lock().unwrap().join("\n");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let shown = path.to_str().unwrap();
    std::fs::write(&path, format!("{text}\n")).unwrap();
    assert_eq!(program(&["check", shown], "").0, Some(0));
    std::fs::write(&path, format!("{}\n", text.replace("PUT /b", "PUT /x"))).unwrap();
    let (code, said, _) = program(&["check", shown], "");
    assert_eq!(code, Some(1));
    assert!(said.contains("error: line 3:"), "{said}");
}
