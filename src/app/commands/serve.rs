//! `veduta serve`: cities and scenes over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::runtime::{Handle, Runtime};

use super::check::Problem;
use super::serve_access;
use super::serve_stages::Stages;
use crate::app::cli::ServeArgs;
use crate::app::documents::{Documents, environment};
use crate::app::serve_pictures;
use crate::platform::{FolderSource, ObjectSource, RotatingLines};
use crate::scene::EventAction;
use crate::service::access::check_rights;
use crate::service::audit::check_chain;
use crate::service::{Catalogue, Phase, Published, ServeDocument, Service, read_serve, serve};
use crate::streaming::ByteSource;

pub use super::check_serve::{check_config, is_config};

/// Where nobody says otherwise: nobody but this machine gets there.
pub(super) const LISTEN: &str = "127.0.0.1:8080";

pub fn run(arguments: &ServeArgs) -> Result<ExitCode> {
    if arguments.hash_token {
        return serve_access::print_hash();
    }
    let document = document(arguments)?;
    let listen = document.listen.as_deref().unwrap_or(LISTEN);
    let listener = TcpListener::bind(listen)
        .with_context(|| format!("cannot listen on {listen} (--listen ADDRESS:PORT names another)"))?;
    let folder = serve_access::folder_of(arguments.config.as_ref());
    let address = listener.local_addr()?;
    let access = serve_access::access(&document, &folder, address, arguments.insecure_public)?;
    let certificate = serve_access::certificate(&document, &folder)?;
    let runtime = Runtime::new().context("cannot start the server's threads")?;
    // From here on a hangup does not end the program, however long its packages take to open.
    let hangups = runtime.block_on(async { Hangups::listen() });
    let catalogue = catalogue(&document, &Catalogue::default(), runtime.handle())?;
    check_rights(&catalogue, &document.rights, &live_names(&document)?)?;
    // They are on stage until the end of this function.
    let stages = Stages::default();
    let scenes = stages.prepare(&document, &catalogue)?;
    let mut service = Service::with(catalogue, &document).protected(access, document.rights.clone())?;
    if let Some(certificate) = &certificate {
        service = service.with_certificate(certificate.config());
    }
    match page(arguments)? {
        Some(page) => service = service.with_page(&page),
        None => tracing::warn!(
            "no viewer's page is here, only the API is served: build it with 'make web', or name it with --page"
        ),
    }
    stages.apply(scenes, service.live())?;
    serve_pictures::start(stages.clone(), service.live())?;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    match address.ip().is_unspecified() {
        true => say!("{scheme}://127.0.0.1:{}/ on this machine, and at its other addresses", address.port()),
        false => say!("{scheme}://{address}/"),
    }
    runtime.block_on(async {
        if let Some(certificate) = certificate {
            tokio::spawn(serve_access::follow(certificate));
        }
        tokio::spawn(stop_when_told(service.clone()));
        let reader = Reader { service: service.clone(), stages, arguments: arguments.clone(), address };
        tokio::spawn(read_again_when_told(hangups, reader));
        serve(listener, service).await.context("the server stopped")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Where the viewer's page is: where the command line says, where `make web` writes it, or beside the program.
fn page(arguments: &ServeArgs) -> Result<Option<PathBuf>> {
    if let Some(folder) = &arguments.page {
        if !folder.join("index.html").is_file() {
            bail!("there is no page in {}: build it with 'make web'", folder.display());
        }
        return Ok(Some(folder.clone()));
    }
    let program = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
    let beside = program.into_iter().flat_map(|folder| [folder.join("web"), folder.join("../share/veduta/web")]);
    let places = std::iter::once(PathBuf::from("web/dist")).chain(beside);
    Ok(places.into_iter().find(|folder| folder.join("index.html").is_file()))
}

/// The problems of an audit log, over all its files, the oldest first.
pub fn check_audit(path: &Path) -> Result<Vec<Problem>> {
    let lines = RotatingLines::read_all(path).with_context(|| path.display().to_string())?;
    let report = check_chain(lines.iter().map(String::as_str));
    let told = report.problems.iter().map(|(line, message)| Problem::error(format!("line {line}: {message}")));
    let lost =
        (report.lost > 0).then(|| Problem::warning(format!("{} lines were lost while it was written", report.lost)));
    Ok(told.chain(lost).collect())
}

/// What a `serve.toml` says, with its paths from here.
pub(super) fn read_config(path: &Path) -> Result<ServeDocument> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {shown}"))?;
    let mut document = read_serve(&text, &shown, &environment())?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for path in document.paths.iter_mut().filter(|path| !is_address(path)) {
        *path = folder.join(&*path).display().to_string();
    }
    Ok(document)
}

/// What the file says, and the command line over it.
fn document(arguments: &ServeArgs) -> Result<ServeDocument> {
    let mut document = arguments.config.as_deref().map(read_config).transpose()?.unwrap_or_default();
    if !arguments.paths.is_empty() {
        document.paths = arguments.paths.iter().map(|path| path.display().to_string()).collect();
    }
    if document.paths.is_empty() {
        bail!("nothing to serve: name packages, or 'paths' in the file of --config");
    }
    document.listen = arguments.listen.clone().or(document.listen);
    Ok(document)
}

fn is_address(path: &str) -> bool {
    path.starts_with("s3://")
}

/// Opens what is served, each package under its file's name. What has not changed since stays as it is, open and in memory.
pub(super) fn catalogue(document: &ServeDocument, before: &Catalogue, runtime: &Handle) -> Result<Catalogue> {
    let (mut catalogue, mut opened) = (Catalogue::default(), BTreeSet::new());
    for path in &document.paths {
        let (name, files) = if is_address(path) {
            let files = ObjectSource::open(path, runtime.clone()).with_context(|| format!("cannot open {path}"))?;
            (name_of(Path::new(path)), Arc::new(files) as Arc<dyn ByteSource>)
        } else {
            let package = Documents::open(Path::new(path))?.package()?;
            // Several scenes may be about one package.
            if !opened.insert(package.canonicalize().unwrap_or_else(|_| package.clone())) {
                continue;
            }
            let files = FolderSource::new(&package).with_context(|| format!("cannot open {}", package.display()))?;
            (name_of(&package), Arc::new(files) as Arc<dyn ByteSource>)
        };
        let mut published = Arc::new(Published::open(&name, files).with_context(|| path.clone())?);
        if let Some(same) = before.cities.get(&name).filter(|before| before.version == published.version) {
            published = same.clone();
        }
        if catalogue.cities.insert(name.clone(), published).is_some() {
            let hint = "name one of them otherwise; a scene brings the package that it is about";
            bail!("two packages are called '{name}', the second is of {path}: {hint}");
        }
    }
    Ok(catalogue)
}

/// What scenes know of objects besides attributes: properties that bindings and events set.
pub(super) fn live_names(document: &ServeDocument) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for path in document.paths.iter().map(Path::new).filter(|path| path.is_file()) {
        let documents = Documents::open(path)?;
        names.extend(documents.scene.bindings.iter().map(|binding| binding.property.clone()));
        names.extend(documents.scenario.iter().flat_map(|scenario| &scenario.events).filter_map(|event| {
            match &event.action {
                EventAction::Set { property, .. } => Some(property.clone()),
                _ => None,
            }
        }));
    }
    Ok(names)
}

/// Scenes and scenarios by the names of their files.
pub(super) fn scenes(document: &ServeDocument) -> Result<BTreeMap<String, &Path>> {
    let mut scenes = BTreeMap::new();
    for path in document.paths.iter().map(Path::new).filter(|path| path.is_file()) {
        let name = name_of(path);
        if scenes.insert(name.clone(), path).is_some() {
            bail!("two scenes are called '{name}': {}", path.display());
        }
    }
    Ok(scenes)
}

/// The file's name without its ending, with `-` for everything that an address would have to escape.
pub(super) fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// Ctrl-C, or SIGTERM as supervisors send it.
async fn stop_when_told(service: Service) {
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        // Where signals cannot be heard, nothing stops the server but its end.
        Ok(()) = tokio::signal::ctrl_c() => {}
        Some(()) = terminated => {}
        else => return,
    }
    tracing::info!("stopping");
    service.enter(Phase::Stopping);
}

/// SIGHUP, where there is such a thing.
struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    fn listen() -> Self {
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    /// Whether there was one; `false` where there will be none.
    async fn next(&mut self) -> bool {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal {
            return signal.recv().await.is_some();
        }
        false
    }
}

/// On SIGHUP everything is read and opened anew, beside what is served, and then takes its place. What cannot be opened
/// changes nothing.
async fn read_again_when_told(mut hangups: Hangups, reader: Reader) {
    while hangups.next().await {
        let reader = reader.clone();
        let read = tokio::task::spawn_blocking(move || reader.read_again()).await;
        match read {
            Ok(Ok(())) => tracing::warn!("read again"),
            Ok(Err(error)) => tracing::error!("nothing is changed: {error:#}"),
            Err(error) => tracing::error!("nothing is changed: {error}"),
        }
    }
}

/// What is read again, and for whom.
#[derive(Clone)]
struct Reader {
    service: Service,
    stages: Stages,
    arguments: ServeArgs,
    address: SocketAddr,
}

impl Reader {
    fn read_again(&self) -> Result<()> {
        let (service, arguments) = (&self.service, &self.arguments);
        let document = document(arguments)?;
        let catalogue = catalogue(&document, &service.catalogue(), &Handle::current())?;
        let scenes = self.stages.prepare(&document, &catalogue)?;
        match service.access() {
            Some(before) => {
                let folder = serve_access::folder_of(arguments.config.as_ref());
                let open = arguments.insecure_public;
                let access = serve_access::renewed(&before, &document, &folder, self.address, open)?;
                check_rights(&catalogue, &document.rights, &live_names(&document)?)?;
                service.renew(catalogue, access, document.rights.clone())?;
            }
            None => service.publish(catalogue)?,
        }
        self.stages.apply(scenes, service.live())?;
        service.restaged();
        service.limit(document.limits);
        service.believe(document.proxies());
        Ok(())
    }
}
