//! Geodesy: where things are. Frames as types, coordinate reference systems by identifier, heights by reference.
//!
//! A position enters as a [`MapPoint`]-like batch in the CRS of its file, is converted once by a
//! [`CoordinateOperation`], and lives from then on in the site frame: [`SitePoint`], metres east, north, up of the
//! scene's anchor, rigid from [`Ecef`].

mod frame;

pub use frame::{Ecef, Geodetic, SiteFrame, SitePoint, WGS84_FLATTENING, WGS84_SEMI_MAJOR_AXIS_M};
