//! Fields that come in two forms, a literal (`TimeoutSeconds`) and a path (`TimeoutSecondsPath`).
//!
//! AWS refuses a state that has both. Here one value holds either, so that no program can write both; a definition
//! that has both is refused when it is read.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Number;

use crate::JsonPath;

/// A value, or a text that becomes one before the machine runs: a template's substitution (`${Seconds}`), or an
/// expression in JSONata.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Literal<T> {
    /// The value.
    Value(T),
    /// What becomes the value.
    Text(String),
}

impl<T> Literal<T> {
    /// The value, if it is known yet.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Text(_) => None,
        }
    }
}

impl<T> From<T> for Literal<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

macro_rules! setting {
    ($(#[$doc:meta])* $name:ident($type:ty), $fixed:literal, $path:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub enum $name {
            /// The field is absent.
            #[default]
            Unset,
            /// Known when the machine is written.
            Fixed($type),
            /// Found in the state's input.
            Path(JsonPath),
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let (field, path) = match self {
                    Self::Unset => return serializer.collect_map::<&str, &str, [(&str, &str); 0]>([]),
                    Self::Fixed(value) => return serializer.collect_map([($fixed, value)]),
                    Self::Path(path) => ($path, path),
                };
                serializer.collect_map([(field, path)])
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                struct Fields {
                    #[serde(rename = $fixed)]
                    fixed: Option<$type>,
                    #[serde(rename = $path)]
                    path: Option<JsonPath>,
                }
                match Fields::deserialize(deserializer)? {
                    Fields { fixed: None, path: None } => Ok(Self::Unset),
                    Fields { fixed: Some(value), path: None } => Ok(Self::Fixed(value)),
                    Fields { fixed: None, path: Some(path) } => Ok(Self::Path(path)),
                    Fields { fixed: Some(_), path: Some(_) } => {
                        Err(D::Error::custom(concat!("expected ", $fixed, " or ", $path, ", found both")))
                    }
                }
            }
        }

        impl From<$type> for $name {
            fn from(value: $type) -> Self {
                Self::Fixed(value)
            }
        }

        impl From<JsonPath> for $name {
            fn from(path: JsonPath) -> Self {
                Self::Path(path)
            }
        }
    };
}

setting!(
    /// How many seconds a task may take: 1 to 99999999, which is also what holds when it is unset.
    Timeout(Literal<u32>), "TimeoutSeconds", "TimeoutSecondsPath"
);
setting!(
    /// How many seconds may pass between two heartbeats of a task.
    Heartbeat(Literal<u32>), "HeartbeatSeconds", "HeartbeatSecondsPath"
);
setting!(
    /// How many children run at once; 0 and unset mean as many as AWS allows.
    MaxConcurrency(Literal<u32>), "MaxConcurrency", "MaxConcurrencyPath"
);
setting!(
    /// Which share of children may fail, from 0 to 100.
    ToleratedFailurePercentage(Literal<Number>), "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"
);
setting!(
    /// How many children may fail.
    ToleratedFailureCount(Literal<u32>), "ToleratedFailureCount", "ToleratedFailureCountPath"
);
setting!(
    /// How many items are read at most; 0 and unset mean all of them.
    MaxItems(Literal<u32>), "MaxItems", "MaxItemsPath"
);
setting!(
    /// How many items a batch holds at most.
    MaxItemsPerBatch(Literal<u32>), "MaxItemsPerBatch", "MaxItemsPerBatchPath"
);
setting!(
    /// How large a batch may be.
    MaxInputBytesPerBatch(Literal<u32>), "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"
);
setting!(
    /// The error that a Fail state reports; its path may be an intrinsic function.
    FailError(String), "Error", "ErrorPath"
);
setting!(
    /// The cause that a Fail state reports; its path may be an intrinsic function.
    FailCause(String), "Cause", "CausePath"
);

macro_rules! from_number {
    ($number:ty, $($name:ident)*) => {
        $(impl From<$number> for $name {
            fn from(value: $number) -> Self {
                Self::Fixed(Literal::Value(value))
            }
        })*
    };
}

from_number!(u32, Timeout Heartbeat MaxConcurrency ToleratedFailureCount MaxItems MaxItemsPerBatch MaxInputBytesPerBatch);
from_number!(Number, ToleratedFailurePercentage);
