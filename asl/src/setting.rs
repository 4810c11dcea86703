//! Fields that come in two forms, a literal (`TimeoutSeconds`) and a path (`TimeoutSecondsPath`).
//!
//! AWS refuses a state that has both. Here one value holds either, so that no program can write both; a definition
//! that has both is refused when it is read.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Number;

use crate::JsonPath;

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
    Timeout(u32), "TimeoutSeconds", "TimeoutSecondsPath"
);
setting!(
    /// How many seconds may pass between two heartbeats of a task.
    Heartbeat(u32), "HeartbeatSeconds", "HeartbeatSecondsPath"
);
setting!(
    /// How many children run at once; 0 and unset mean as many as AWS allows.
    MaxConcurrency(u32), "MaxConcurrency", "MaxConcurrencyPath"
);
setting!(
    /// Which share of children may fail, from 0 to 100.
    ToleratedFailurePercentage(Number), "ToleratedFailurePercentage", "ToleratedFailurePercentagePath"
);
setting!(
    /// How many children may fail.
    ToleratedFailureCount(u32), "ToleratedFailureCount", "ToleratedFailureCountPath"
);
setting!(
    /// How many items are read at most; 0 and unset mean all of them.
    MaxItems(u32), "MaxItems", "MaxItemsPath"
);
setting!(
    /// How many items a batch holds at most.
    MaxItemsPerBatch(u32), "MaxItemsPerBatch", "MaxItemsPerBatchPath"
);
setting!(
    /// How large a batch may be.
    MaxInputBytesPerBatch(u32), "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"
);
setting!(
    /// The error that a Fail state reports; its path may be an intrinsic function.
    FailError(String), "Error", "ErrorPath"
);
setting!(
    /// The cause that a Fail state reports; its path may be an intrinsic function.
    FailCause(String), "Cause", "CausePath"
);
