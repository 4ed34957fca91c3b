//! Geodesy: where things are. Frames as types, coordinate reference systems by identifier, heights by reference.
//!
//! A position enters as a [`MapPoint`] (or a batch of bare coordinates with one [`CrsId`] and one [`HeightReference`]), is
//! converted once by a [`CoordinateOperation`] that a [`CrsRegistry`] makes, and lives from then on in the site frame:
//! [`SitePoint`], metres east, north, up of the scene's anchor, rigid from [`Ecef`]. [`SiteConversion`] is the whole way in
//! one call. Coordinates are east (longitude) first everywhere; degrees exist only in this seam, because files hold them.
//!
//! Closed forms serve WGS 84, CGCS2000, JGD2011, Web Mercator and the Chinese map offsets; everything else goes to the
//! backend: PROJ, or `proj4rs` in the browser and in builds without the feature `proj`. `docs/geodesy.md` tells how far the
//! two differ. There is no default CRS: an unknown one is an error that names it.

#[cfg(feature = "proj")]
#[path = "backend_proj.rs"]
mod backend;
#[cfg(not(feature = "proj"))]
#[path = "backend_proj4rs.rs"]
mod backend;
mod baidu_mercator;
mod china_offset;
mod city_crs;
mod closed_form;
mod crs_id;
mod crs_info;
mod error;
mod frame;
mod height;
mod map_point;
mod operation;
mod proj4rs_operation;
#[cfg(feature = "proj")]
pub mod proj_operation;
mod registry;
mod site_conversion;
mod sun;
mod wkt;

pub use city_crs::{CityCrs, CityRelation};
pub use crs_id::CrsId;
pub use crs_info::{AxisOrder, CrsInfo};
pub use error::GeodesyError;
pub use frame::{Ecef, Geodetic, SiteFrame, SitePoint, WGS84_FLATTENING, WGS84_SEMI_MAJOR_AXIS_M};
pub use height::{GeoidModel, HeightReference, Separation};
pub use map_point::MapPoint;
pub use operation::{CoordinateOperation, Identity};
pub use proj4rs_operation::Proj4rsOperation;
pub use registry::CrsRegistry;
pub use site_conversion::SiteConversion;
pub use sun::SunPosition;
