//! Load on a running server: connections that ask for tiles one after the other, all of them kept by the server after the
//! first round. `tile_load ADDR:PORT [CONNECTIONS] [SECONDS] [ENCODING]`; JSON out, and exit code 1 where the bar is missed. The
//! server needs `requests_per_s = 0`.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Failure = Box<dyn Error + Send + Sync>;

const BAR_PER_S: f64 = 5000.0;

/// One connection (HTTP/1.1, kept open).
struct Client {
    stream: TcpStream,
    held: Vec<u8>,
}

impl Client {
    async fn connect(address: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, held: Vec::new() })
    }

    /// Asks and reads the whole answer: status and body.
    async fn get(&mut self, path: &str, encoding: &str) -> Result<(u16, Vec<u8>), Failure> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: {encoding}\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        let mut piece = [0; 65_536];
        loop {
            if let Some(end) = self.held.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.held[..end]).to_ascii_lowercase();
                let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or("no status")?;
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.ok_or("no length")?.parse()?;
                if self.held.len() >= end + 4 + length {
                    let rest = self.held.split_off(end + 4 + length);
                    let answer = std::mem::replace(&mut self.held, rest);
                    return Ok((status, answer[end + 4..].to_vec()));
                }
            }
            let count = self.stream.read(&mut piece).await?;
            if count == 0 {
                return Err("the server closed".into());
            }
            self.held.extend_from_slice(&piece[..count]);
        }
    }
}

/// Files of the first city that are there: the tileset and tiles of the coarse levels.
async fn files(address: &str, encoding: &str) -> Result<Vec<String>, Failure> {
    let mut client = Client::connect(address).await?;
    let cities: serde_json::Value = serde_json::from_slice(&client.get("/api/city", "identity").await?.1)?;
    let tileset = cities[0]["tileset"].as_str().ok_or("no city is served")?.to_owned();
    let base = tileset.trim_end_matches("tileset.json").to_owned();
    let mut found = vec![tileset, format!("{base}subtrees/0/0/0.subtree")];
    for level in 0..4_u32 {
        let side = 1 << level;
        let tiles = (0..side * side).map(|i| format!("{base}content/{level}/{}/{}.glb", i % side, i / side));
        found.extend(tiles);
    }
    let mut there = Vec::new();
    for file in found {
        if client.get(&file, encoding).await?.0 == 200 {
            there.push(file);
        }
    }
    Ok(there)
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = arguments.first().ok_or("ADDR:PORT of the server is missing")?.clone();
    let number = |at: usize, otherwise: u64| arguments.get(at).map_or(Ok(otherwise), |text| text.parse());
    let (connections, seconds) = (number(1, 64)?, number(2, 10)?);
    let encoding: Arc<str> = arguments.get(3).map_or("br", String::as_str).into();
    let files = Arc::new(files(&address, &encoding).await?);
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..connections as usize)
        .map(|at| {
            let (address, files, encoding) = (address.clone(), files.clone(), encoding.clone());
            tokio::spawn(async move {
                let (mut client, mut bytes, mut times) = (Client::connect(&address).await?, 0, Vec::new());
                for i in at.. {
                    let start = Instant::now();
                    if start > end {
                        break;
                    }
                    let (status, body) = client.get(&files[i % files.len()], &encoding).await?;
                    if status != 200 {
                        return Err(format!("status {status}").into());
                    }
                    bytes += body.len();
                    times.push(start.elapsed());
                }
                Ok::<_, Failure>((bytes, times))
            })
        })
        .collect();
    let (mut bytes, mut times) = (0, Vec::new());
    for task in tasks {
        let (more, their) = task.await??;
        bytes += more;
        times.extend(their);
    }
    let spent = begin.elapsed().as_secs_f64();
    times.sort();
    let ms = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    let facts = serde_json::json!({
        "files": files.len(), "connections": connections, "requests": times.len(), "requests_per_s": times.len() as f64 / spent,
        "mean_body_bytes": bytes / times.len(), "p50_ms": ms(0.5), "p99_ms": ms(0.99), "longest_ms": ms(1.0),
    });
    println!("{facts:#}");
    let rate = times.len() as f64 / spent;
    if rate < BAR_PER_S {
        return Err(format!("{rate:.0} requests a second, the bar is {BAR_PER_S}").into());
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run())
}
