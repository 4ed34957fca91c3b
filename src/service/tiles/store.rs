//! Files of packages as bodies: read and compressed once, by few threads at a time.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body as Answer;
use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Semaphore;

use super::cache::{Body, BodyCache, Key};
use super::encoding::Encoding;
use crate::service::{Problem, ProblemKind, Published};
use crate::streaming::{ByteSource, ByteSourceError};

/// Longer files are read for each request, piece by piece.
const MOST_KEPT: u64 = 16 << 20;
/// A piece of such a file.
const PIECE: u64 = 1 << 20;
/// Reads at a time: a store far away takes long for each.
const READS: usize = 32;
/// Compressions at a time: they take a core each, which answers need too.
const COMPRESSIONS: usize = 2;

/// Bodies of files.
pub struct TileStore {
    cache: BodyCache,
    reads: Arc<Semaphore>,
    compressions: Arc<Semaphore>,
    /// Bodies that were there.
    pub hits: Counter,
    /// Bodies that had to be read or compressed.
    pub misses: Counter,
}

/// A file as who asks may have it.
#[derive(Clone)]
pub struct TileFile {
    /// Of the package.
    pub city: Arc<Published>,
    /// In the package.
    pub name: String,
    body: Body,
}

impl TileFile {
    /// Bytes, uncompressed.
    pub fn size(&self) -> u64 {
        match &self.body {
            Body::Whole(bytes) => bytes.len() as u64,
            Body::Large(size) => *size,
            Body::NoGain => 0,
        }
    }
}

impl TileStore {
    /// A store that keeps at most so many bytes.
    pub fn new(most_bytes: usize) -> Self {
        let [reads, compressions] = [READS, COMPRESSIONS].map(|count| Arc::new(Semaphore::new(count)));
        let (hits, misses) = (Counter::default(), Counter::default());
        Self { cache: BodyCache::new(most_bytes), reads, compressions, hits, misses }
    }

    /// Bytes kept now.
    pub fn kept_bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// The file of this name. Everything that leaves a package through `/api/tiles` comes from here: what somebody may not
    /// see is refused or taken out here.
    pub async fn file(&self, city: &Arc<Published>, name: &str) -> Result<TileFile, Problem> {
        if !is_in_package(name) {
            return Err(no_file());
        }
        let key = Key { version: city.version.clone(), name: name.to_owned(), encoding: None };
        let read = || async {
            let (files, name) = (city.files.clone(), name.to_owned());
            run(&self.reads, move || whole(&*files, &name)).await?
        };
        let body = self.body(&key, read).await?;
        Ok(TileFile { city: city.clone(), name: key.name, body })
    }

    /// The file compressed; `None` where that does not gain.
    pub async fn compressed(&self, file: &TileFile, encoding: Encoding) -> Result<Option<Bytes>, Problem> {
        let Body::Whole(bytes) = &file.body else { return Ok(None) };
        let key = Key { version: file.city.version.clone(), name: file.name.clone(), encoding: Some(encoding) };
        let compress = || async {
            let bytes = bytes.clone();
            let made = run(&self.compressions, move || encoding.compressed(&bytes)).await?;
            let made = made.map_err(|error| Problem::internal(&error))?;
            Ok(made.map_or(Body::NoGain, |made| Body::Whole(made.into())))
        };
        match self.body(&key, compress).await? {
            Body::Whole(bytes) => Ok(Some(bytes)),
            Body::Large(_) | Body::NoGain => Ok(None),
        }
    }

    /// A part of a file as an answer's body. A long file is read while it is sent: no more than a piece is held.
    pub fn part(&self, file: &TileFile, range: Range<u64>) -> Answer {
        if let Body::Whole(bytes) = &file.body {
            return Answer::from(bytes.slice(range.start as usize..range.end as usize));
        }
        let (files, name, reads) = (file.city.files.clone(), file.name.clone(), self.reads.clone());
        Answer::from_stream(futures_util::stream::unfold(Some(range), move |left| {
            let (files, name, reads) = (files.clone(), name.clone(), reads.clone());
            async move {
                let Range { start, end } = left.filter(|left| left.start < left.end)?;
                let stop = end.min(start + PIECE);
                let read = run(&reads, move || files.read(&name, Some(start..stop))).await;
                let piece = read.and_then(|read| read.map_err(|error| Problem::internal(&error)));
                // The head is sent: all that can be said of a failure is that the body ends too early.
                let piece = piece.map_err(|_| std::io::Error::other("the file could not be read"));
                let left = piece.is_ok().then_some(stop..end);
                Some((piece, left))
            }
        }))
    }

    async fn body<F>(&self, key: &Key, make: impl FnOnce() -> F) -> Result<Body, Problem>
    where
        F: Future<Output = Result<Body, Problem>>,
    {
        let cell = self.cache.cell(key);
        if let Some(body) = cell.get() {
            self.hits.inc();
            return Ok(body.clone());
        }
        let body = cell.get_or_try_init(make).await;
        match body {
            Ok(body) => {
                self.misses.inc();
                self.cache.filled(key, body);
                Ok(body.clone())
            }
            Err(problem) => {
                self.cache.forget(key);
                Err(problem)
            }
        }
    }
}

/// Runs what blocks on a thread of its own, once it may.
async fn run<T: Send + 'static>(
    permits: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    // The semaphore is never closed.
    let permit = permits.clone().acquire_owned().await.map_err(|error| Problem::internal(&error))?;
    let work = move || {
        // Held by the work and not by who waits for it: that one may be gone before the work ends.
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

fn whole(files: &dyn ByteSource, name: &str) -> Result<Body, Problem> {
    let told = |error| match error {
        ByteSourceError::NotFound(_) => no_file(),
        other => Problem::internal(&other),
    };
    let size = files.size(name).map_err(told)?;
    if size > MOST_KEPT {
        return Ok(Body::Large(size));
    }
    Ok(Body::Whole(files.read(name, None).map_err(told)?.into()))
}

fn no_file() -> Problem {
    Problem::new(ProblemKind::NotFound, "the package has no such file")
}

/// Whether a name can be one that a tiler wrote: what lies beside in the folder is nobody's business, and names that some
/// system reads in its own way (`..`, `\`, `:`, NUL) never get there.
fn is_in_package(name: &str) -> bool {
    let known = ["city.toml", "tileset.json"].contains(&name)
        || ["content/", "subtrees/", "terrain/", "objects/", "index/"].iter().any(|folder| name.starts_with(folder));
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    known && name.len() <= 200 && name.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_packages_are_looked_for() {
        for name in ["city.toml", "tileset.json", "content/3/1/2.glb", "terrain/tileset.json", "objects/column-12"] {
            assert!(is_in_package(name), "{name}");
        }
        for name in [
            "",
            "/city.toml",
            "content/../city.toml",
            "content/./0.glb",
            "content//0.glb",
            "content/",
            "content/..",
            "content/a\\b",
            "content/a\0",
            "content/c:d",
            "content/.hidden",
            "content/é",
            "../city.toml",
            "notes.txt",
            "contents/0.glb",
        ] {
            assert!(!is_in_package(name), "{name:?}");
        }
    }
}
