//! Composition: the shells and the commands. `cli` says what can be typed, `commands/` does it; the only place where errors
//! are reported to a person and where layers that do not know each other meet.

#[cfg(any(feature = "server", feature = "viewer"))]
mod added;
mod city_builder;
#[cfg(feature = "viewer")]
pub mod city_picture;
mod cli;
mod commands;
#[cfg(feature = "viewer")]
pub mod desktop;
pub mod documents;
pub mod feeds;
#[cfg(feature = "viewer")]
pub mod graphics;
#[cfg(feature = "viewer")]
mod labels;
mod log;
pub mod losses;
#[cfg(feature = "viewer")]
pub mod offscreen;
mod progress;
pub mod runs;
#[cfg(feature = "viewer")]
pub mod scene_picture;
#[cfg(feature = "server")]
mod serve_memory;
#[cfg(all(feature = "server", feature = "viewer"))]
mod serve_pictures;
#[cfg(all(feature = "server", not(feature = "viewer")))]
#[path = "serve_pictures_absent.rs"]
mod serve_pictures;
#[cfg(feature = "server")]
pub mod serve_stage;
#[cfg(feature = "viewer")]
pub mod shell;
pub mod stage;
#[cfg(feature = "viewer")]
pub mod stage_view;

use std::process::ExitCode;

use clap::Parser;

/// Runs the command line. 0 done, 1 failed (one line on stderr: what, cause, path), 2 wrong usage.
pub fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are not failures; everything else is wrong usage. Printing fails only on a closed pipe.
            let _ = usage.print();
            return if usage.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    log::start(cli.verbose, cli.log_format);
    let command = cli.command.unwrap_or_else(|| cli::Command::Demo(cli::DemoArgs::default()));
    match commands::run(command) {
        Ok(code) => code,
        Err(error) if commands::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("veduta: {error:#}");
            ExitCode::FAILURE
        }
    }
}
