//! The shell in a browser. A page calls [`mount`] with a canvas, the address of a package and a scene; from then on it talks
//! to the engine through a [`Viewer`].
//!
//! ```text
//! page --requests--> Mailbox --once a frame--> page.rs: camera, pick, picture
//!      --bytes of /api/live--> Viewed (ViewedScene) --once a frame--> scene_view: looks, words, labels, sun
//! engine --events by name, as JSON--> page's listener
//!        --bytes of tiles--> page --> workers: decode --> engine
//! ```
//!
//! Without the feature `viewer` the same program is what a worker runs: it decodes, and knows nothing of drawing.

#[cfg(feature = "viewer")]
mod canvas;
#[cfg(feature = "viewer")]
mod mailbox;
#[cfg(feature = "viewer")]
mod page;
#[cfg(feature = "viewer")]
mod remote_package;
#[cfg(feature = "viewer")]
mod scene_view;
#[cfg(feature = "viewer")]
#[path = "../shell/mod.rs"]
mod shell;
#[cfg(feature = "viewer")]
mod viewed;
#[cfg(feature = "viewer")]
mod viewer;

#[cfg(not(feature = "viewer"))]
mod worker;

#[cfg(feature = "viewer")]
pub use viewer::{Viewer, mount};
#[cfg(not(feature = "viewer"))]
pub use worker::decode;

/// What the page's loader calls first: nothing to do, since a page mounts what it wants.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
