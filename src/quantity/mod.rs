//! Quantities: time and units. Everything inside Veduta is SI, radians and seconds; documents and screens may show
//! degrees and other units, and convert at their edge.
//!
//! `time` holds the one time type; it is parsed from RFC 3339 at the edges and never read from a clock here.

mod time;

pub use time::{TimeError, Timestamp};
