//! The server's certificate, from files that may change while it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[error("{cause}: {}", path.display())]
pub struct CertificateError {
    cause: String,
    path: PathBuf,
}

/// A chain of certificates and its key, PEM.
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    config: RustlsConfig,
    seen: Option<[SystemTime; 2]>,
}

impl Certificate {
    /// Reads both files. TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub fn open(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let seen = changed(chain, key);
        let config = RustlsConfig::from_config(Arc::new(read(chain, key)?));
        Ok(Self { chain: chain.to_owned(), key: key.to_owned(), config, seen })
    }

    /// What a server hands to each new connection; it follows [`Self::reload`].
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Reads the files again where they have changed: new connections get what they hold, those that are open go on. Where
    /// they cannot be read (half of a pair is in place), the old pair stays. Tells whether a new one is in use.
    pub fn reload(&mut self) -> Result<bool, CertificateError> {
        let seen = changed(&self.chain, &self.key);
        if seen == self.seen {
            return Ok(false);
        }
        let config = read(&self.chain, &self.key)?;
        self.config.reload_from_config(Arc::new(config));
        self.seen = seen;
        Ok(true)
    }
}

fn changed(chain: &Path, key: &Path) -> Option<[SystemTime; 2]> {
    let when = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
    Some([when(chain)?, when(key)?])
}

fn read(chain_path: &Path, key_path: &Path) -> Result<ServerConfig, CertificateError> {
    let at = |path: &Path, cause: &dyn std::fmt::Display| CertificateError {
        cause: cause.to_string(),
        path: path.to_owned(),
    };
    let bytes = fs::read(chain_path).map_err(|error| at(chain_path, &error))?;
    let chain = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| at(chain_path, &error))?;
    let key = fs::read(key_path).map_err(|error| at(key_path, &error))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| at(key_path, &error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| at(chain_path, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                at(key_path, &format!("this key is not that of the certificate {}", chain_path.display()))
            }
            error => at(chain_path, &error),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
