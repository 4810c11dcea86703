//! What a machine calls, and who answers.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{ErrorName, Resource, StateName};

/// Answers the calls of Task states.
///
/// The future is dropped when the task times out or the execution ends; what it awaits stops there. Work that must
/// use another processor is spawned by the implementation, which then has to stop it when it is dropped.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Does the work and yields the result, before `ResultSelector` and the like.
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure>;
}

#[async_trait]
impl<T: Tasks + ?Sized> Tasks for Arc<T> {
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
        (**self).run(call).await
    }
}

/// One call of one Task state.
#[derive(Clone, Debug)]
pub struct TaskCall {
    /// The ARN of the execution.
    pub execution: Arc<str>,
    /// The state that calls.
    pub state: StateName,
    /// How often the state was tried before.
    pub retry_count: u32,
    /// What is called.
    pub call: Call,
    /// The token of a `.waitForTaskToken` task, as `$$.Task.Token` shows it.
    pub token: Option<String>,
    /// To be beaten by tasks that have `HeartbeatSeconds`.
    pub heartbeat: Heartbeat,
}

/// What is called, with what.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// A Lambda function, by its ARN or through `lambda:invoke`. The answer is the function's own; the interpreter
    /// wraps it as `lambda:invoke` does (`{"ExecutedVersion", "Payload", "StatusCode"}`) where that was called.
    Lambda {
        /// The function's name or ARN as it stands in the definition.
        function: String,
        /// The event.
        payload: Value,
    },
    /// Anything else.
    Service {
        /// The resource.
        resource: Resource,
        /// The effective input.
        parameters: Value,
    },
}

/// Tells the interpreter that a task is alive.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat(Arc<Notify>);

impl Heartbeat {
    /// The task is alive now.
    pub fn beat(&self) {
        self.0.notify_one();
    }

    pub(super) async fn beaten(&self) {
        self.0.notified().await;
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct TaskFailure {
    /// The name that `Retry` and `Catch` match.
    pub error: ErrorName,
    /// What a person reads; Lambda's is `{"errorMessage", "errorType", ...}` as JSON.
    pub cause: String,
}

impl TaskFailure {
    /// A failure of this name.
    pub fn new(error: impl Into<ErrorName>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into() }
    }
}
