//! Composition: the shells and the commands. The only place where errors are reported to a person.

#[cfg(feature = "viewer")]
pub mod city_picture;
#[cfg(feature = "viewer")]
pub mod graphics;
#[cfg(feature = "viewer")]
pub mod offscreen;

/// Runs the command line; the exit code is 0 done, 1 failed, 2 wrong usage.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
