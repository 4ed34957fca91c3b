//! A package behind an address: its first files, and the rest when it is wanted.

use std::cell::RefCell;
use std::sync::Arc;

use bevy::tasks::BoxedFuture;
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::engine::tiles::{FetchFailure, TileDecoder, TileFetcher};
use crate::formats::TileContent;
use crate::package::Manifest;
use crate::platform::web::{HttpError, get};
use crate::streaming::MemorySource;

/// What the first files may have together, bytes.
const MOST_FIRST_BYTES: u64 = 64 << 20;

/// A package under an address that ends in `/`.
pub struct RemotePackage {
    address: String,
    token: Option<String>,
}

impl RemotePackage {
    /// The package at an address, for whom a token lets in.
    pub fn new(address: &str, token: Option<&str>) -> Self {
        let slash = if address.ends_with('/') { "" } else { "/" };
        Self { address: format!("{address}{slash}"), token: token.map(str::to_owned) }
    }

    /// What a city stream needs before it can begin: manifest and tilesets.
    pub async fn first_files(&self) -> Result<MemorySource, HttpError> {
        let manifest = self.first(Manifest::NAME).await?;
        let mut names = vec!["tileset.json"];
        // One that cannot be read is told by who opens the city.
        if Manifest::read(&String::from_utf8_lossy(&manifest)).is_ok_and(|manifest| manifest.terrain) {
            names.push("terrain/tileset.json");
        }
        let mut files = vec![(Manifest::NAME.to_owned(), manifest)];
        for name in names {
            files.push((name.to_owned(), self.first(name).await?));
        }
        Ok(files.into_iter().collect())
    }

    async fn first(&self, name: &str) -> Result<Vec<u8>, HttpError> {
        get(&format!("{}{name}", self.address), self.token.as_deref(), MOST_FIRST_BYTES).await
    }
}

impl TileFetcher for RemotePackage {
    fn fetch(&self, name: String, max_bytes: u64) -> BoxedFuture<'static, Result<Vec<u8>, FetchFailure>> {
        let (url, token) = (format!("{}{name}", self.address), self.token.clone());
        Box::pin(async move {
            get(&url, token.as_deref(), max_bytes).await.map_err(|error| match error {
                HttpError::TooLarge { bytes, .. } => FetchFailure::TooLarge(bytes),
                other => FetchFailure::Failed(other.to_string()),
            })
        })
    }
}

thread_local! {
    /// The page's function that hands bytes to workers: it takes a `Uint8Array` of a glb and promises one of what
    /// [`TileContent::to_bytes`] writes. A page has one thread, and a program one page.
    static DECODE: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Decodes in the page's workers.
pub struct WorkerDecoder;

impl WorkerDecoder {
    /// With a function of the page.
    pub fn new(decode: Function) -> Self {
        DECODE.set(Some(decode));
        Self
    }
}

impl TileDecoder for WorkerDecoder {
    fn decode(&self, bytes: Arc<Vec<u8>>) -> BoxedFuture<'static, Result<TileContent, String>> {
        Box::pin(async move {
            let words = |error: JsValue| error.as_string().unwrap_or_else(|| format!("{error:?}"));
            let call = |decode: &Function| decode.call1(&JsValue::NULL, &Uint8Array::from(&bytes[..]).into());
            let called = DECODE.with_borrow(|decode| decode.as_ref().map(call));
            let promise: Promise = called.ok_or("no worker")?.map_err(words)?.dyn_into().map_err(words)?;
            let content: Uint8Array = JsFuture::from(promise).await.map_err(words)?.dyn_into().map_err(words)?;
            TileContent::from_bytes(&content.to_vec()).map_err(|error| format!("from a worker: {error}"))
        })
    }
}
