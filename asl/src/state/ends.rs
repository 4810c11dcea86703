//! Succeed and Fail: the ends of a flow.

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use super::setters;
use crate::{ErrorName, FailCause, FailError, JsonPath, Selection, path::present};

/// A state that ends the flow well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Succeed {
    /// What the state is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
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

impl Succeed {
    /// A state that ends the flow with its input.
    pub fn new() -> Self {
        Self::default()
    }

    setters!(comment input_path output_path);
}

/// A state that ends the whole execution badly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Fail {
    /// What the state is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The error it reports.
    #[serde(flatten)]
    pub error: FailError,
    /// The cause it reports.
    #[serde(flatten)]
    pub cause: FailCause,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

impl Fail {
    /// A state that reports `error` with `cause`.
    pub fn new(error: impl Into<ErrorName>, cause: impl Into<String>) -> Self {
        Self {
            error: FailError::Fixed(error.into().to_string()),
            cause: FailCause::Fixed(cause.into()),
            ..Self::default()
        }
    }

    /// A state that reports the error and the cause that these paths find.
    pub fn at(error: impl Into<JsonPath>, cause: impl Into<JsonPath>) -> Self {
        Self { error: FailError::Path(error.into()), cause: FailCause::Path(cause.into()), ..Self::default() }
    }

    setters!(comment);
}
