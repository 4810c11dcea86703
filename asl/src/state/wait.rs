//! Wait: for a while, or until a time.

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use super::{finish, setters};
use crate::{JsonPath, Literal, Selection, path::present};

/// A state that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Wait {
    /// What the state is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// How long.
    #[serde(flatten)]
    pub duration: WaitFor,
    /// Which part of its input the state sees.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub input_path: Option<Selection>,
    /// Which part of its output the state passes on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub output_path: Option<Selection>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

/// How long a Wait state waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WaitFor {
    /// So many seconds.
    Seconds(Literal<u32>),
    /// As many seconds as are found there.
    SecondsPath(JsonPath),
    /// Until a time: `2026-11-20T10:00:00Z`.
    Timestamp(String),
    /// Until the time that is found there.
    TimestampPath(JsonPath),
}

impl Wait {
    /// A state that waits so many seconds.
    pub fn seconds(seconds: u32) -> Self {
        Self::new(WaitFor::Seconds(seconds.into()))
    }

    /// A state that waits as many seconds as `path` finds.
    pub fn seconds_path(path: impl Into<JsonPath>) -> Self {
        Self::new(WaitFor::SecondsPath(path.into()))
    }

    /// A state that waits until the time that `path` finds.
    pub fn timestamp_path(path: impl Into<JsonPath>) -> Self {
        Self::new(WaitFor::TimestampPath(path.into()))
    }

    /// A state that waits.
    pub fn new(duration: WaitFor) -> Self {
        Self { comment: None, duration, input_path: None, output_path: None, extra: Object::new() }
    }

    setters!(comment input_path output_path);
    finish!(Wait);
}
