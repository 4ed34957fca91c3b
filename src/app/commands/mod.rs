//! What each command does.

/// Prints a line; a reader that is gone is an error, which ends the command in order ([`is_closed_pipe`]).
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stdout(), $($words)*)?
    }};
}

mod bench;
mod check;
mod check_documents;
#[cfg(feature = "server")]
mod check_serve;
pub(super) mod demo;
mod diff;
mod import;
mod import_plan;
mod info;
mod merge;
mod places;
pub(super) mod play;
mod query;
mod rasters;
#[cfg(feature = "viewer")]
pub(super) mod render;
#[cfg(feature = "server")]
mod serve;
#[cfg(not(feature = "server"))]
#[path = "serve_absent.rs"]
mod serve;
#[cfg(feature = "server")]
mod serve_access;
#[cfg(feature = "server")]
pub(in crate::app) mod serve_stages;
mod simulate;
#[cfg(feature = "viewer")]
mod view;
#[cfg(feature = "viewer")]
mod viewer;
#[cfg(not(feature = "viewer"))]
#[path = "viewer_absent.rs"]
mod viewer;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::cli::Command;
use crate::package::{City, Manifest};
use crate::platform::FolderSource;

/// Runs a command; the exit code where it did not fail but has something to say (`check`).
pub fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Query(arguments) => query::run(&arguments),
        Command::Render(arguments) => viewer::render(&arguments),
        Command::View(arguments) => viewer::view(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Play(arguments) => play::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}

/// Whether output was refused because nobody reads it any more (`veduta query ... | head`).
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::BrokenPipe)
}

/// Opens a city package.
fn open_city(path: &Path) -> Result<City> {
    let shown = || path.display().to_string();
    let source = FolderSource::new(path).with_context(|| format!("cannot open the package {}", path.display()))?;
    City::open(Arc::new(source)).with_context(shown)
}

/// Whether a path is a city package.
fn is_package(path: &Path) -> bool {
    path.join(Manifest::NAME).is_file()
}
