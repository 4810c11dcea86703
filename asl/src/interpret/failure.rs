//! How an execution ends.

use std::fmt;

use serde_json::{Value, json};

use super::TaskFailure;
use crate::ErrorName;

/// The end of an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It reached its end with this output.
    Succeeded(Value),
    /// It failed and nothing caught it.
    Failed(Failure),
    /// It took longer than `TimeoutSeconds` of the machine.
    TimedOut(Failure),
}

/// What went wrong. A Fail state may say neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The name that `Retry` and `Catch` match.
    pub error: Option<ErrorName>,
    /// What a person reads.
    pub cause: Option<String>,
}

impl Failure {
    pub(super) fn new(error: ErrorName, cause: impl Into<String>) -> Self {
        Self { error: Some(error), cause: Some(cause.into()) }
    }

    /// Whether nothing can retry or catch it.
    pub(super) fn is_runtime(&self) -> bool {
        self.error == Some(ErrorName::RUNTIME)
    }

    /// What a catcher hands on.
    pub(super) fn to_output(&self) -> Value {
        let error = self.error.as_ref().map_or("", ErrorName::as_str);
        json!({ "Error": error, "Cause": self.cause.as_deref().unwrap_or_default() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.error, &self.cause) {
            (Some(error), Some(cause)) => write!(f, "{error}: {cause}"),
            (Some(error), None) => write!(f, "{error}"),
            (None, Some(cause)) => write!(f, "{cause}"),
            (None, None) => write!(f, "failed without a cause"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<TaskFailure> for Failure {
    fn from(failure: TaskFailure) -> Self {
        Self::new(failure.error, failure.cause)
    }
}
