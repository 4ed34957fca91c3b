//! Which tiles now: selection as a pure function, a sans-IO session, a hard byte budget. No renderer, no files.

mod byte_source;

pub use byte_source::{ByteSource, ByteSourceError, MemorySource};
