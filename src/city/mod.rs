//! What exists: city objects, their classes, levels, attributes and tree. Nothing here knows files or pictures.

mod expression;
mod object;
mod suggest;
mod value;

pub use expression::{AggregateExpression, AggregateKind, Expression, ExpressionError, Scope};
pub use object::{CimLevel, CityObject, LodShape};
pub use suggest::{did_you_mean, suggest};
pub use value::Value;
