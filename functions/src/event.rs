//! What a function is called with, readable or not: whatever can't be read is reported under our own name for it
//! (R10), not under that of a type in the runtime.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An event's JSON, or why it is none.
pub(crate) struct Event(pub(crate) Result<Value, String>);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}
