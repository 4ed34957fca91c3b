//! What `veduta serve` opens for who may come in: hashes, the audit log, the certificate; and `--hash-token`.

use std::io::BufRead;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::platform::{Certificate, RotatingLines, transport::wall_clock};
use crate::service::ServeDocument;
use crate::service::access::{Access, AccessSettings, TokenHash, hash_token, open_role};
use crate::service::audit::{AuditLog, ChainEnd};

/// How often a certificate is looked at.
const CERTIFICATE_LOOK: Duration = Duration::from_secs(20);

/// Lets people in as the document says. Fails where anybody in the network could come in by oversight.
pub fn access(document: &ServeDocument, folder: &Path, listens: SocketAddr, insecure_public: bool) -> Result<Access> {
    let settings = settings(document, folder, listens, insecure_public)?;
    Ok(Access::new(settings, Arc::new(wall_clock), audit(document, folder)?)?)
}

/// Lets people in as the document says from now on. Whether the server speaks TLS, and where its audit log is, is told when
/// it starts.
pub fn renewed(
    before: &Access,
    document: &ServeDocument,
    folder: &Path,
    listens: SocketAddr,
    insecure_public: bool,
) -> Result<Access> {
    let settings = settings(document, folder, listens, insecure_public)?;
    Ok(before.renewed(AccessSettings { tls: before.tls(), ..settings })?)
}

/// Fails where nobody could be let in as the document says, on the address that it listens on.
pub fn check(document: &ServeDocument, folder: &Path, listen: &str) -> Result<()> {
    let mut addresses = listen.to_socket_addrs().with_context(|| format!("listen = '{listen}'"))?;
    let address = addresses.next().with_context(|| format!("listen = '{listen}' is no address"))?;
    Access::new(settings(document, folder, address, false)?, Arc::new(wall_clock), AuditLog::off())?;
    if let Some(parent) =
        document.audit.as_ref().and_then(|audit| folder.join(&audit.file).parent().map(Path::to_owned))
        && !parent.as_os_str().is_empty()
    {
        std::fs::metadata(&parent).with_context(|| format!("the folder of the audit log: {}", parent.display()))?;
    }
    Ok(())
}

fn settings(
    document: &ServeDocument,
    folder: &Path,
    listens: SocketAddr,
    insecure_public: bool,
) -> Result<AccessSettings> {
    let mut tokens = document.tokens.clone();
    for token in &mut tokens {
        let Some(file) = token.hash_file.as_ref().map(|file| folder.join(file)) else { continue };
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let hash = TokenHash::try_from(text.trim().to_owned());
        token.hash = Some(hash.map_err(|cause| anyhow!("{cause}: {}", file.display()))?);
    }
    let authenticates = !tokens.is_empty() || document.oidc.is_some();
    let open = open_role(listens.ip(), !document.trusted_proxies.is_empty(), authenticates, insecure_public)?;
    if authenticates && document.tls.is_none() && !listens.ip().is_loopback() {
        tracing::warn!("tokens are sent without TLS: write [tls], or let a proxy in front of the server do it");
    }
    Ok(AccessSettings {
        tokens,
        issuer: document.oidc.clone(),
        open,
        session: document.session.clone(),
        page: document.page.clone(),
        tls: document.tls.is_some(),
    })
}

/// The audit log, written by a thread of its own that ends with the last who tells it something.
fn audit(document: &ServeDocument, folder: &Path) -> Result<AuditLog> {
    let Some(audit) = &document.audit else { return Ok(AuditLog::off()) };
    let path = folder.join(&audit.file);
    let shown = || format!("cannot open the audit log {}", path.display());
    let lines = RotatingLines::open(&path, audit.file_mib.max(1) << 20, audit.files).with_context(shown)?;
    let end = ChainEnd::after(lines.last_line().with_context(shown)?.as_deref());
    let (log, writer) = AuditLog::start(Box::new(lines), end);
    std::thread::Builder::new().name("audit".to_owned()).spawn(writer).context("cannot start the audit log")?;
    Ok(log)
}

/// The server's certificate, where it speaks TLS itself.
pub fn certificate(document: &ServeDocument, folder: &Path) -> Result<Option<Certificate>> {
    let Some(tls) = &document.tls else { return Ok(None) };
    Ok(Some(Certificate::open(&folder.join(&tls.certificate), &folder.join(&tls.key_file))?))
}

/// Takes a changed certificate into use, until the server ends.
pub async fn follow(mut certificate: Certificate) {
    let mut failing = false;
    loop {
        next_look().await;
        let looked = tokio::task::spawn_blocking(move || (certificate.reload(), certificate)).await;
        let Ok((told, same)) = looked else { return };
        certificate = same;
        match told {
            Ok(true) => tracing::warn!("a new certificate is in use"),
            Ok(false) => failing = false,
            Err(error) if !std::mem::replace(&mut failing, true) => {
                tracing::error!("the certificate stays what it was: {error}");
            }
            Err(_) => {}
        }
    }
}

/// In a while, or at once on SIGHUP.
async fn next_look() {
    #[cfg(unix)]
    if let Ok(mut told) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        // Either is reason enough.
        let _ = tokio::time::timeout(CERTIFICATE_LOOK, told.recv()).await;
        return;
    }
    tokio::time::sleep(CERTIFICATE_LOOK).await;
}

/// Reads a token from the first line of what is typed or piped in, and prints its hash.
pub fn print_hash() -> Result<ExitCode> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the token")?;
    say!("{}", hash_token(line.trim()).map_err(|cause| anyhow!(cause))?);
    Ok(ExitCode::SUCCESS)
}

/// Where files that the document names are looked for.
pub fn folder_of(config: Option<&PathBuf>) -> PathBuf {
    config.and_then(|path| path.parent()).map(Path::to_owned).unwrap_or_default()
}
