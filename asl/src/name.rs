//! Names that a machine is made of: states and errors. Newtypes, so that one never passes for the other.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// The name of a state: unique in the whole machine, 80 characters at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateName(String);

impl StateName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for StateName {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for StateName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The name of an error: what `Retry` and `Catch` match, whole and case-sensitive.
///
/// The constants are those that AWS reserves:
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorName(Cow<'static, str>);

impl ErrorName {
    /// Matches every error except `States.Runtime` and `States.DataLimitExceeded`.
    pub const ALL: Self = Self::fixed("States.ALL");
    /// Matches what `ALL` matches, except timeouts.
    pub const TASK_FAILED: Self = Self::fixed("States.TaskFailed");
    /// A task or an execution ran longer than it may; also matches a missed heartbeat.
    pub const TIMEOUT: Self = Self::fixed("States.Timeout");
    /// A task did not report for longer than it may.
    pub const HEARTBEAT_TIMEOUT: Self = Self::fixed("States.HeartbeatTimeout");
    /// The machine cannot go on. Nothing retries or catches it.
    pub const RUNTIME: Self = Self::fixed("States.Runtime");
    /// A payload is larger than 256 KiB.
    pub const DATA_LIMIT_EXCEEDED: Self = Self::fixed("States.DataLimitExceeded");
    /// The role may not do what the task asks.
    pub const PERMISSIONS: Self = Self::fixed("States.Permissions");
    /// `ResultPath` cannot be applied to the state's input.
    pub const RESULT_PATH_MATCH_FAILURE: Self = Self::fixed("States.ResultPathMatchFailure");
    /// A path within `Parameters` finds nothing. AWS reports it as `States.Runtime` today.
    pub const PARAMETER_PATH_FAILURE: Self = Self::fixed("States.ParameterPathFailure");
    /// A branch of a Parallel state failed.
    pub const BRANCH_FAILED: Self = Self::fixed("States.BranchFailed");
    /// No rule of a Choice state holds, and it has no default. AWS reports it as `States.Runtime` today.
    pub const NO_CHOICE_MATCHED: Self = Self::fixed("States.NoChoiceMatched");
    /// An intrinsic function was called wrongly.
    pub const INTRINSIC_FAILURE: Self = Self::fixed("States.IntrinsicFailure");
    /// More children of a Distributed Map failed than is tolerated.
    pub const EXCEED_TOLERATED_FAILURE_THRESHOLD: Self = Self::fixed("States.ExceedToleratedFailureThreshold");
    /// The item source of a Distributed Map cannot be read.
    pub const ITEM_READER_FAILED: Self = Self::fixed("States.ItemReaderFailed");
    /// The results of a Distributed Map cannot be written.
    pub const RESULT_WRITER_FAILED: Self = Self::fixed("States.ResultWriterFailed");
    /// A JSONata expression cannot be evaluated.
    pub const QUERY_EVALUATION_ERROR: Self = Self::fixed("States.QueryEvaluationError");
    /// A nested execution reported a failure over HTTP.
    pub const HTTP_SOCKET: Self = Self::fixed("States.Http.Socket");

    /// Every name that AWS reserves. Others that begin with `States.` match nothing.
    pub const RESERVED: &'static [Self] = &[
        Self::ALL,
        Self::TASK_FAILED,
        Self::TIMEOUT,
        Self::HEARTBEAT_TIMEOUT,
        Self::RUNTIME,
        Self::DATA_LIMIT_EXCEEDED,
        Self::PERMISSIONS,
        Self::RESULT_PATH_MATCH_FAILURE,
        Self::PARAMETER_PATH_FAILURE,
        Self::BRANCH_FAILED,
        Self::NO_CHOICE_MATCHED,
        Self::INTRINSIC_FAILURE,
        Self::EXCEED_TOLERATED_FAILURE_THRESHOLD,
        Self::ITEM_READER_FAILED,
        Self::RESULT_WRITER_FAILED,
        Self::QUERY_EVALUATION_ERROR,
        Self::HTTP_SOCKET,
    ];

    /// A name known when the program is written.
    pub const fn fixed(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this pattern of a `Retry` or `Catch` matches an error of the name `error`.
    ///
    /// Nothing matches `States.Runtime`, and only its own name matches `States.DataLimitExceeded`:
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
    pub fn matches(&self, error: &ErrorName) -> bool {
        if *error == Self::RUNTIME {
            return false;
        }
        let timeout = *error == Self::TIMEOUT || *error == Self::HEARTBEAT_TIMEOUT;
        match self {
            name if name == error => true,
            name if *error == Self::DATA_LIMIT_EXCEEDED => name == error,
            name if *name == Self::ALL => true,
            name if *name == Self::TASK_FAILED => !timeout,
            name => *name == Self::TIMEOUT && timeout,
        }
    }
}

impl From<String> for ErrorName {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl From<&str> for ErrorName {
    fn from(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_what_aws_says() {
        let custom = ErrorName::from("Custom");
        assert!(ErrorName::ALL.matches(&custom));
        assert!(ErrorName::TASK_FAILED.matches(&custom));
        assert!(!ErrorName::TASK_FAILED.matches(&ErrorName::TIMEOUT));
        assert!(ErrorName::TIMEOUT.matches(&ErrorName::HEARTBEAT_TIMEOUT));
        assert!(!ErrorName::HEARTBEAT_TIMEOUT.matches(&ErrorName::TIMEOUT));
        assert!(!ErrorName::ALL.matches(&ErrorName::RUNTIME));
        assert!(!ErrorName::RUNTIME.matches(&ErrorName::RUNTIME));
        assert!(!ErrorName::ALL.matches(&ErrorName::DATA_LIMIT_EXCEEDED));
        assert!(ErrorName::DATA_LIMIT_EXCEEDED.matches(&ErrorName::DATA_LIMIT_EXCEEDED));
        assert!(!custom.matches(&ErrorName::from("custom")));
    }
}
