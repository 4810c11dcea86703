//! What happens in an execution, told to whoever observes it.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::Failure;

/// Is told about every event of an execution and of its children, in the order in which they happen.
///
/// It is called from within the execution, so it must not take long. Payloads are shown to it as they are.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}

impl<T: Observer + ?Sized> Observer for std::sync::Arc<T> {
    fn event(&self, event: &Event<'_>) {
        (**self).event(event);
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// The ARN of the execution, which is another for each child of a Distributed Map.
    pub execution: &'a str,
    /// Its number within the execution, from 1.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// The state in which it happened.
    pub state: Option<&'a str>,
    /// The input or the output that goes with it.
    pub data: Option<&'a Value>,
    /// The failure that goes with it.
    pub failure: Option<&'a Failure>,
}

/// What can happen. Printed, it is the `type` of an event in AWS's `GetExecutionHistory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is named as AWS names it")]
pub enum EventKind {
    ExecutionStarted,
    ExecutionSucceeded,
    ExecutionFailed,
    ExecutionTimedOut,
    /// A state of this kind was entered.
    StateEntered(&'static str),
    /// A state of this kind was left.
    StateExited(&'static str),
    LambdaFunctionScheduled,
    LambdaFunctionStarted,
    LambdaFunctionSucceeded,
    LambdaFunctionFailed,
    LambdaFunctionTimedOut,
    TaskScheduled,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TaskFailed,
    TaskTimedOut,
    MapStateStarted,
    MapStateSucceeded,
    MapStateFailed,
    MapIterationStarted,
    MapIterationSucceeded,
    MapIterationFailed,
    MapIterationAborted,
    MapRunStarted,
    MapRunSucceeded,
    MapRunFailed,
    ParallelStateStarted,
    ParallelStateFailed,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateEntered(kind) => write!(f, "{kind}StateEntered"),
            Self::StateExited(kind) => write!(f, "{kind}StateExited"),
            other => write!(f, "{other:?}"),
        }
    }
}
