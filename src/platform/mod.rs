//! The outside world: files, clock, tasks, transports. The only place with threads, sockets and `cfg(target_arch)`.

#[cfg(not(target_arch = "wasm32"))]
mod clock;
#[cfg(all(feature = "viewer", unix))]
mod display;
#[cfg(not(target_arch = "wasm32"))]
mod file_scratch;
#[cfg(not(target_arch = "wasm32"))]
mod folder;
#[cfg(not(target_arch = "wasm32"))]
mod http_files;
#[cfg(not(target_arch = "wasm32"))]
mod interrupt;
#[cfg(not(target_arch = "wasm32"))]
pub mod mqtt;
#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
mod object_source;
#[cfg(not(target_arch = "wasm32"))]
mod rotating_lines;
#[cfg(not(target_arch = "wasm32"))]
mod source_files;
#[cfg(not(target_arch = "wasm32"))]
mod sqlite;
#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
mod tls;
#[cfg(not(target_arch = "wasm32"))]
pub mod transport;
#[cfg(target_arch = "wasm32")]
pub mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use clock::{monotonic_now, resident_bytes};
#[cfg(all(feature = "viewer", unix))]
pub use display::has_display;
#[cfg(not(target_arch = "wasm32"))]
pub use file_scratch::FileScratch;
#[cfg(not(target_arch = "wasm32"))]
pub use folder::{AtomicFolder, FolderSource, write_atomically};
#[cfg(not(target_arch = "wasm32"))]
pub use http_files::{HttpFiles, open_source};
#[cfg(not(target_arch = "wasm32"))]
pub use interrupt::Interrupt;
#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
pub use object_source::ObjectSource;
#[cfg(not(target_arch = "wasm32"))]
pub use rotating_lines::RotatingLines;
#[cfg(not(target_arch = "wasm32"))]
pub use source_files::LocalFiles;
#[cfg(all(feature = "server", not(target_arch = "wasm32")))]
pub use tls::{Certificate, CertificateError};
