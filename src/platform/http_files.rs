//! Sources that are named by their address: a GeoTIFF or an archive on a server, the maps of a WMTS or WMS.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::LocalFiles;
use crate::import::{ImportError, SourceFiles};

/// Bytes of one answer.
const MOST_BYTES: u64 = 64 << 20;
/// Small parts are asked for in blocks of so many bytes, and so many blocks are kept: every importer looks at the first bytes,
/// and directories are read entry by entry.
const BLOCK: u64 = 64 << 10;
const BLOCKS: usize = 16;
const CONNECT: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(120);

/// A source by what the user named: an address that begins with `http://` or `https://`, else a file or folder.
pub fn open_source(path: &Path) -> Result<Box<dyn SourceFiles>, ImportError> {
    let shown = path.display().to_string();
    let is_address = shown.starts_with("http://") || shown.starts_with("https://");
    if is_address { Ok(Box::new(HttpFiles::new(&shown))) } else { Ok(Box::new(LocalFiles::open(path)?)) }
}

/// Its number and its bytes.
type Block = (u64, Arc<[u8]>);

/// One address as a file of that name. Other addresses may be asked for by [`SourceFiles::find`]: the tiles of the service whose
/// document it is.
#[derive(Debug, Clone)]
pub struct HttpFiles {
    address: String,
    names: [String; 1],
    agent: Agent,
    /// The whole answer, where the server gives no parts of it.
    whole: Arc<Mutex<Option<Arc<[u8]>>>>,
    /// Blocks of it by their number, the one that came last at the end.
    blocks: Arc<Mutex<VecDeque<Block>>>,
    length: Arc<Mutex<Option<u64>>>,
}

impl HttpFiles {
    /// Nothing is asked for yet.
    pub fn new(address: &str) -> Self {
        let path = address.split(['?', '#']).next().unwrap_or(address);
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path).to_owned();
        let certificates = rustls_native_certs::load_native_certs().certs;
        let roots: Vec<Certificate<'static>> =
            certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .user_agent(concat!("veduta/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        Self {
            address: address.to_owned(),
            names: [name],
            agent: config.new_agent(),
            whole: Arc::default(),
            blocks: Arc::default(),
            length: Arc::default(),
        }
    }

    fn failed(cause: impl ToString, address: &str) -> ImportError {
        ImportError::Read { cause: cause.to_string(), path: address.to_owned() }
    }

    fn get(&self, address: &str, range: Option<&Range<u64>>) -> Result<Response<Body>, ImportError> {
        let mut request = self.agent.get(address);
        if let Some(range) = range {
            request = request.header("Range", format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        request.call().map_err(|error| Self::failed(error, address))
    }

    fn body(mut answer: Response<Body>, address: &str) -> Result<Vec<u8>, ImportError> {
        let status = answer.status();
        if !status.is_success() {
            return Err(Self::failed(format!("the server answers {status}"), address));
        }
        let body = answer.body_mut().with_config().limit(MOST_BYTES);
        body.read_to_vec().map_err(|error| Self::failed(error, address))
    }

    fn address_of(&self, name: &str) -> String {
        if name == self.names[0] { self.address.clone() } else { name.to_owned() }
    }

    /// The whole answer, asked for once.
    fn all(&self) -> Result<Arc<[u8]>, ImportError> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = &*whole {
            return Ok(Arc::clone(bytes));
        }
        let bytes: Arc<[u8]> = Self::body(self.get(&self.address, None)?, &self.address)?.into();
        *whole = Some(Arc::clone(&bytes));
        Ok(bytes)
    }

    /// A block of the source; shorter at its end.
    fn block(&self, number: u64) -> Result<Arc<[u8]>, ImportError> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = blocks.iter().find(|(known, _)| *known == number) {
            return Ok(Arc::clone(bytes));
        }
        let bytes: Arc<[u8]> = self.range(&self.names[0], number * BLOCK..(number + 1).saturating_mul(BLOCK))?.into();
        blocks.push_back((number, Arc::clone(&bytes)));
        if blocks.len() > BLOCKS {
            blocks.pop_front();
        }
        Ok(bytes)
    }

    fn size_at(&self, address: &str, name: &str) -> Result<u64, ImportError> {
        let answer = self.agent.head(address).call().map_err(|error| Self::failed(error, address))?;
        let stated = answer.headers().get("Content-Length").and_then(|length| length.to_str().ok()?.parse().ok());
        // Of an answer that is packed for the way the length is another one.
        let is_packed = answer.headers().contains_key("Content-Encoding");
        match stated.filter(|_| answer.status().is_success() && !is_packed) {
            Some(length) => Ok(length),
            None => self.read(name).map(|bytes| bytes.len() as u64),
        }
    }

    fn range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ImportError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let address = self.address_of(name);
        let part = |bytes: &[u8]| {
            let at = |place: u64| usize::try_from(place).map_or(bytes.len(), |place| place.min(bytes.len()));
            bytes.get(at(range.start)..at(range.end)).unwrap_or_default().to_vec()
        };
        if let Some(bytes) = &*self.whole.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(part(bytes));
        }
        let answer = self.get(&address, Some(&range))?;
        match answer.status().as_u16() {
            206 => Self::body(answer, &address),
            // Behind the end.
            416 => Ok(Vec::new()),
            _ if name == self.names[0] => {
                drop(answer);
                self.all().map(|bytes| part(&bytes))
            }
            _ => Self::body(answer, &address).map(|bytes| part(&bytes)),
        }
    }
}

impl SourceFiles for HttpFiles {
    fn path(&self) -> &str {
        &self.address
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ImportError> {
        if name == self.names[0] {
            return self.all().map(|bytes| bytes.to_vec());
        }
        let address = self.address_of(name);
        Self::body(self.get(&address, None)?, &address)
    }

    fn size(&self, name: &str) -> Result<u64, ImportError> {
        if name != self.names[0] {
            return self.size_at(&self.address_of(name), name);
        }
        let mut known = self.length.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(length) = *known {
            return Ok(length);
        }
        let length = self.size_at(&self.address, name)?;
        *known = Some(length);
        Ok(length)
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, ImportError> {
        let length = range.end.saturating_sub(range.start);
        if name != self.names[0] || length > BLOCK || range.end > u64::MAX - BLOCK {
            return self.range(name, range);
        }
        let mut found = Vec::with_capacity(length as usize);
        for number in range.start / BLOCK..range.end.div_ceil(BLOCK) {
            let block = self.block(number)?;
            let at = |place: u64| (place.saturating_sub(number * BLOCK) as usize).min(block.len());
            found.extend_from_slice(block.get(at(range.start)..at(range.end)).unwrap_or_default());
        }
        Ok(found)
    }

    fn find(&self, name: &str) -> Result<Option<Vec<u8>>, ImportError> {
        let address = self.address_of(name);
        if !(address.starts_with("http://") || address.starts_with("https://")) {
            return Ok(None);
        }
        let answer = self.get(&address, None)?;
        match answer.status().as_u16() {
            204 | 404 | 410 => Ok(None),
            _ => Self::body(answer, &address).map(Some),
        }
    }

    fn path_of(&self, name: &str) -> String {
        self.address_of(name)
    }

    fn shared(&self) -> Arc<dyn SourceFiles> {
        Arc::new(self.clone())
    }
}
