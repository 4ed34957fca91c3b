//! The browser as the outside world: requests and what the bundle can draw with.

mod http;

pub use http::{HttpError, get};

/// Whether this bundle draws with WebGPU; the other one draws with WebGL2.
pub const WEBGPU: bool = cfg!(feature = "webgpu");
