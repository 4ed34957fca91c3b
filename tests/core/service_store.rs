//! A city in an object store: a real server that speaks S3 (the crate s3s-fs) on a free loopback port.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::service_operations::Process;
use crate::service_world::package;

const SECRET: &str = "a-secret-of-the-test";

/// The store; killed with the value.
struct Store(Child, String);

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Store {
    /// Serves the folders of `root` as buckets. `None` where s3s-fs is not installed and not required.
    fn start(root: &Path) -> Option<Self> {
        let program = program()?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &port, "--access-key", "reader", "--secret-key", SECRET]);
        let child = command.arg(root).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let store = Self(child, format!("127.0.0.1:{port}"));
        let begin = Instant::now();
        while TcpStream::connect(&store.1).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "s3s-fs listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(store)
    }
}

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("VEDUTA_S3S_FS").map(PathBuf::from);
    let folders = std::env::var("PATH").unwrap_or_default();
    let found =
        named.or_else(|| folders.split(':').map(|folder| Path::new(folder).join("s3s-fs")).find(|path| path.is_file()));
    if found.is_none() {
        let required = std::env::var("VEDUTA_SHARED_DATA").as_deref() == Ok("required");
        assert!(!required, "s3s-fs is missing: scripts/setup.sh test");
        println!("skipped: no s3s-fs");
    }
    found
}

/// Status and body.
fn fetch(address: &str, path: &str, more: &str) -> (u16, Vec<u8>) {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer[..head]).split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_off(head + 4))
}

#[test]
fn a_city_is_served_from_an_object_store() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = folder.path().join("cities");
    std::fs::create_dir(&bucket).unwrap();
    assert!(Command::new("cp").arg("-r").arg(package()).arg(bucket.join("demo.city")).status().unwrap().success());
    let Some(store) = Store::start(folder.path()) else { return };
    let endpoint = format!("http://{}", store.1);
    let environment = |secret| {
        [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "reader"),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]
    };
    let arguments = ["s3://cities/demo.city", "--listen", "127.0.0.1:0"];
    let server = Process::start(folder.path(), &arguments, &environment(SECRET));
    let cities: serde_json::Value = serde_json::from_slice(&fetch(&server.1, "/api/city", "").1).unwrap();
    assert_eq!(cities[0]["name"], "demo");
    let address = |file: &str| format!("/api/tiles/demo/{}/{file}", cities[0]["version"].as_str().unwrap());
    for file in ["tileset.json", "objects/ids", "terrain/heights.grid", "content/0/0/0.glb"] {
        let (status, body) = fetch(&server.1, &address(file), "");
        assert_eq!(status, 200, "{file}");
        assert!(body == std::fs::read(package().join(file)).unwrap(), "{file}");
    }
    let part = fetch(&server.1, &address("index/tree"), "range: bytes=10-19\r\n");
    assert!(part == (206, std::fs::read(package().join("index/tree")).unwrap()[10..20].to_vec()));
    assert_eq!(fetch(&server.1, &address("content/99/0/0.glb"), "").0, 404);

    let refused = |address: &str, secret| -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
        command.current_dir(folder.path()).args(["serve", address, "--listen", "127.0.0.1:0"]);
        command.envs(environment(secret)).output().unwrap()
    };
    for (address, secret) in [("s3://cities/demo.city", "another"), ("s3://cities/none.city", SECRET)] {
        let output = refused(address, secret);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(
            told.lines().filter(|line| line.starts_with("veduta: ")).count() == 1 && told.contains(address),
            "{told}"
        );
        assert!(!told.contains(SECRET), "{told}");
    }

    drop(store);
    assert_eq!(fetch(&server.1, &address("tileset.json"), "").0, 200, "what is kept is still served");
    let (status, body) = fetch(&server.1, &address("index/words"), "");
    assert_eq!(status, 500);
    assert!(!String::from_utf8_lossy(&body).contains("127.0.0.1"), "nothing of the store is told");
}
