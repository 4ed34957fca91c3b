//! Packages in an object store that speaks S3.

use std::ops::Range;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStoreExt, RetryConfig};
use tokio::runtime::Handle;

use crate::streaming::{ByteSource, ByteSourceError};

/// A store that does not answer for so long is told to be down.
const PATIENCE: Duration = Duration::from_secs(20);

/// The objects of a bucket whose keys begin with a prefix. Endpoint, region and credentials come from the environment
/// (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, ...) or from the machine's role: never
/// from an address or a file of ours.
///
/// It waits for its answers: call it from threads that may wait.
#[derive(Debug)]
pub struct ObjectSource {
    store: AmazonS3,
    prefix: Path,
    runtime: Handle,
}

impl ObjectSource {
    /// `s3://BUCKET/PREFIX`; nothing is read yet. Requests run on `runtime`.
    pub fn open(address: &str, runtime: Handle) -> Result<Self, ByteSourceError> {
        let failed = |cause: String| ByteSourceError::Failed { cause, name: address.to_owned() };
        let place = address.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(failed("an address is s3://BUCKET/PREFIX".to_owned()));
        }
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|e| failed(e.to_string()))?;
        let retry = RetryConfig { max_retries: 3, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry).build();
        Ok(Self { store: store.map_err(|e| failed(e.to_string()))?, prefix, runtime })
    }

    fn key(&self, name: &str) -> Result<Path, ByteSourceError> {
        let missing = || ByteSourceError::NotFound(name.to_owned());
        if name.is_empty() || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(missing());
        }
        Path::parse(format!("{}/{name}", self.prefix).trim_start_matches('/')).map_err(|_| missing())
    }

    /// Waits for an answer, also on a thread that the runtime itself works with.
    fn wait<T>(
        &self,
        name: &str,
        request: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, ByteSourceError> {
        let answer = match Handle::try_current() {
            Ok(_) => tokio::task::block_in_place(|| self.runtime.block_on(request)),
            Err(_) => self.runtime.block_on(request),
        };
        answer.map_err(|error| match error {
            object_store::Error::NotFound { .. } => ByteSourceError::NotFound(name.to_owned()),
            other => ByteSourceError::Failed { cause: one_line(&other), name: name.to_owned() },
        })
    }
}

impl ByteSource for ObjectSource {
    fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, ByteSourceError> {
        let key = self.key(name)?;
        let Some(Range { start, end }) = range else {
            let whole = async { self.store.get(&key).await?.bytes().await };
            return Ok(self.wait(name, whole)?.into());
        };
        // A store cuts a range that reaches beyond the end, and refuses an empty one: both are told as a folder tells them.
        let size = self.size(name)?;
        if start > end || end > size {
            return Err(ByteSourceError::OutOfRange { start, end, size, name: name.to_owned() });
        }
        if start == end {
            return Ok(Vec::new());
        }
        Ok(self.wait(name, self.store.get_range(&key, start..end))?.into())
    }

    fn size(&self, name: &str) -> Result<u64, ByteSourceError> {
        let key = self.key(name)?;
        Ok(self.wait(name, self.store.head(&key))?.size)
    }
}

/// What failed, with its causes, in one line.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let words = deeper.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = deeper.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
