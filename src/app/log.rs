//! Log lines on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::cli::LogFormat;

/// Starts logging: warnings by default, more with `-v`, or as `VEDUTA_LOG` says (`veduta=debug,bevy_render=warn`).
pub(super) fn start(verbose: u8, format: LogFormat) {
    let default = match verbose {
        0 => "warn,wgpu=error,naga=error,bevy_render=error",
        1 => "veduta=info,warn,wgpu=error,naga=error",
        2 => "veduta=debug,info,wgpu=warn,naga=warn",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("VEDUTA_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // Colours are for eyes: a file or a pipe gets none.
    let colored = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colored).with_writer(std::io::stderr);
    // A second start (a test that runs commands in one process) keeps the first one's log.
    let _ = match format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}
