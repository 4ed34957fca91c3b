//! What a scene remembers: a seam, the app's stage is behind it.

use crate::city::Value;
use crate::live::{NotObserved, PastQuery};
use crate::quantity::Timestamp;

/// The past of a scene in the present or of a play, and the way in for observations. Rows are those of the whole city, numbers
/// of properties those of the scene's hello.
///
/// ```
/// use std::sync::Mutex;
/// use veduta::city::Value;
/// use veduta::live::{History, NotObserved, PastQuery};
/// use veduta::{quantity::Timestamp, service::live::Memory};
/// struct One(Mutex<History>);
/// impl Memory for One {
///     fn past(&self, row: u32, _property: u16, asked: &PastQuery) -> Vec<(Timestamp, Value)> {
///         self.0.lock().unwrap().past(row, asked)
///     }
///     fn observe(&self, row: u32, _property: u16, time: Timestamp, value: Value) -> Result<(), NotObserved> {
///         Ok(self.0.lock().unwrap().push(row, time, &value))
///     }
/// }
/// let one = One(Mutex::new(History::new(1 << 20)));
/// one.observe(3, 0, Timestamp(5), Value::from(1.5)).unwrap();
/// let all = PastQuery { from: Timestamp(0), before: Timestamp(9), most: 10, newest_first: true };
/// assert_eq!(one.past(3, 0, &all), [(Timestamp(5), Value::from(1.5))]);
/// ```
pub trait Memory: Send + Sync {
    /// Past values of a property of an object, in the order that is asked for.
    fn past(&self, row: u32, property: u16, asked: &PastQuery) -> Vec<(Timestamp, Value)>;

    /// Hands over an observation, to be applied like those of connections; it is not applied yet when this returns.
    fn observe(&self, row: u32, property: u16, time: Timestamp, value: Value) -> Result<(), NotObserved>;
}
