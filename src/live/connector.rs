//! The seam between transports and observations.

use super::{Diagnostics, Observation};
use crate::quantity::Timestamp;

/// A message as a transport hands it on.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// Topic (MQTT), path (HTTP) or file name.
    pub topic: &'m str,
    /// The bytes.
    pub payload: &'m [u8],
    /// When it came in.
    pub received: Timestamp,
}

/// What came out of messages. Reuse one: its memory is kept.
#[derive(Debug, Clone, Default)]
pub struct Decoded {
    /// In the order of the messages.
    pub observations: Vec<Observation>,
    /// What could not be used.
    pub diagnostics: Diagnostics,
}

/// Turns messages into observations. A bad message, or a bad item of a good one, is counted in
/// [`Decoded::diagnostics`]; the rest of the message goes on.
///
/// ```
/// use std::collections::BTreeMap;
/// use veduta::live::{Connector, Decoded, JsonConnector, Message};
/// use veduta::quantity::Timestamp;
/// let mapping = BTreeMap::from([("value".to_owned(), "/v".to_owned()), ("stream".to_owned(), "{2}".to_owned())]);
/// let connector = JsonConnector::new("broker", &mapping).unwrap();
/// let mut decoded = Decoded::default();
/// connector.decode(&Message { topic: "city/B1", payload: br#"{"v": 3.5}"#, received: Timestamp(0) }, &mut decoded);
/// assert_eq!(&*decoded.observations[0].stream, "B1");
/// ```
pub trait Connector: Send + Sync {
    /// Adds the observations of one message to `into`.
    fn decode(&self, message: &Message<'_>, into: &mut Decoded);
}
