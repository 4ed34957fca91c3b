//! What exists: city objects, their classes, levels, attributes and tree. Nothing here knows files or pictures.

mod object;
mod value;

pub use object::{CimLevel, CityObject, LodShape};
pub use value::Value;
