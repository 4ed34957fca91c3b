//! A server over the small demo city on a free loopback port, and a client that waits: what the tests of the server share.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use veduta::platform::FolderSource;
use veduta::service::{Catalogue, Published, Service, serve};

/// The small demo city as a package on disk, made once a run.
pub fn package() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("service-{}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_veduta"));
        command.args(["demo", "--headless", "-o"]).arg(&folder).env_remove("DISPLAY");
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        folder.join("demo-small-1.city")
    })
}

/// The demo city under the name `demo`.
pub fn catalogue() -> Catalogue {
    let files = Arc::new(FolderSource::new(package()).unwrap());
    let published = Published::open("demo", files).unwrap();
    let mut catalogue = Catalogue::default();
    catalogue.cities.insert("demo".to_owned(), Arc::new(published));
    catalogue
}

/// A running server; it ends with the value.
pub struct World {
    /// What it serves.
    pub service: Service,
    /// Where it listens.
    pub address: SocketAddr,
    running: JoinHandle<std::io::Result<()>>,
    runtime: Runtime,
    client: Client,
}

/// An answer, read to its end; nothing is decoded and no redirect followed.
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl World {
    /// Serves the demo city.
    pub fn start() -> Self {
        Self::serving(Service::new(catalogue()))
    }

    /// Serves anything.
    pub fn serving(service: Service) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let running = runtime.spawn(serve(listener, service.clone()));
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { service, address, running, runtime, client }
    }

    /// Waits until the server has ended, after it was told to.
    pub fn ended(self) {
        self.runtime.block_on(self.running).unwrap().unwrap();
    }

    /// Sends bytes as they are over a connection of its own and hands on all that comes back until it is closed.
    pub fn raw(&self, request: &str) -> String {
        let mut connection = TcpStream::connect(self.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A server that closes with something unread resets: what came before counts.
        let _ = connection.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Runs a future (a WebSocket, a raw socket) where the server runs.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The full address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send(|client| client.get(self.url(path)))
    }

    /// Any request: `world.send(|client| client.post(world.url("/x")).body("y"))`.
    pub fn send(&self, request: impl FnOnce(&Client) -> RequestBuilder) -> Reply {
        let request = request(&self.client);
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            Reply { status, headers, body: answer.bytes().await.unwrap().to_vec() }
        })
    }
}

impl Reply {
    /// A header, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Asserts an RFC 9457 problem of this status and hands on its detail.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        problem["detail"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn a_server_lives_and_tells_what_it_does_not_know() {
    let world = World::start();
    assert_eq!(world.get("/healthz").text(), "alive");
    world.get("/nothing/here").problem(404);
    world.send(|client| client.delete(world.url("/healthz"))).problem(405);
    assert!(world.service.city("demo").is_ok());
}
