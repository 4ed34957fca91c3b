//! Which tiles now: selection as a pure function, a sans-IO session, a hard byte budget. No renderer, no files.
//!
//! A [`TileTree`] says what tiles there are; [`select`] says which of them the views want and which can be drawn;
//! [`Session`] turns that into commands to a host (fetch, decode, show, hide, release) and takes the host's events back.

mod byte_source;
mod explicit_tree;
mod implicit_tree;
mod selection;
mod session;
mod tile_tree;
mod view;

pub use byte_source::{ByteSource, ByteSourceError, MemorySource};
pub use explicit_tree::{ExplicitTile, ExplicitTree};
pub use implicit_tree::{Availability, ImplicitTiling, ImplicitTree, SubtreeAvailability};
pub use selection::{Part, Selection, SelectionCounters, Urgency, Want, select};
pub use session::{Command, Event, ResourceId, Session, SessionError, SessionSettings, SessionStats};
pub use tile_tree::{Graft, Refine, TileId, TileShape, TileTree, TreeError, Volume};
pub use view::View;
