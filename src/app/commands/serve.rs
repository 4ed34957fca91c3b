//! `veduta serve`: cities and scenes over HTTP.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::app::cli::ServeArgs;
use crate::app::documents::Documents;
use crate::platform::FolderSource;
use crate::service::{Catalogue, Published, Service, described};

pub fn run(arguments: &ServeArgs) -> Result<ExitCode> {
    let service = Service::new(catalogue(&arguments.paths)?);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the server's threads")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(&arguments.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", arguments.listen))?;
        println!("http://{}/", listener.local_addr()?);
        let (router, _) = described(service);
        axum::serve(listener, router).with_graceful_shutdown(stopped()).await.context("the server stopped")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Opens what is served, each package under its file's name.
fn catalogue(paths: &[std::path::PathBuf]) -> Result<Catalogue> {
    let mut catalogue = Catalogue::default();
    for path in paths {
        let package = Documents::open(path)?.package()?;
        let files = FolderSource::new(&package).with_context(|| format!("cannot open {}", package.display()))?;
        let name = name_of(&package);
        let published = Published::open(&name, Arc::new(files)).with_context(|| package.display().to_string())?;
        if catalogue.cities.insert(name.clone(), Arc::new(published)).is_some() {
            bail!("two packages are called '{name}': {}", package.display());
        }
    }
    Ok(catalogue)
}

/// The file's name without its ending, with `-` for everything that an address would have to escape.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

async fn stopped() {
    // Where signals cannot be heard, nothing stops the server but its end.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
