//! Who brings the bytes of tiles, and who decodes them: seams, because a browser has no threads that could wait or work.

use std::sync::Arc;

use bevy::tasks::BoxedFuture;

use crate::formats::glb::GlbDecoder;
use crate::formats::{ContentDecoder, TileContent};
use crate::streaming::ByteSource;

/// Why the bytes of a tile are not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchFailure {
    /// It has so many bytes, more than there is room for.
    TooLarge(u64),
    /// They did not come; trying again may help.
    Failed(String),
}

/// Brings the bytes of files, beside the frame.
pub trait TileFetcher: Send + Sync {
    /// The bytes of `name`, `max_bytes` at most.
    fn fetch(&self, name: String, max_bytes: u64) -> BoxedFuture<'static, Result<Vec<u8>, FetchFailure>>;
}

/// Decodes contents of tiles, beside the frame.
pub trait TileDecoder: Send + Sync {
    /// What a glb holds, or why it is none. Polled on a task thread where there are threads.
    fn decode(&self, bytes: Arc<Vec<u8>>) -> BoxedFuture<'static, Result<TileContent, String>>;
}

/// On the thread that asks.
pub struct DecodeHere;

impl TileDecoder for DecodeHere {
    fn decode(&self, bytes: Arc<Vec<u8>>) -> BoxedFuture<'static, Result<TileContent, String>> {
        Box::pin(async move { GlbDecoder.decode(&bytes).map_err(|error| error.to_string()) })
    }
}

/// From a source that is read on a task thread.
pub(super) struct FromSource(pub Arc<dyn ByteSource>);

impl TileFetcher for FromSource {
    fn fetch(&self, name: String, max_bytes: u64) -> BoxedFuture<'static, Result<Vec<u8>, FetchFailure>> {
        let source = self.0.clone();
        Box::pin(async move {
            let failed = |error: crate::streaming::ByteSourceError| FetchFailure::Failed(error.to_string());
            match source.size(&name).map_err(failed)? {
                size if size > max_bytes => Err(FetchFailure::TooLarge(size)),
                _ => source.read(&name, None).map_err(failed),
            }
        })
    }
}
