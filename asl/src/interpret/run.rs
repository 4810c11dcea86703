//! One execution: who it is, how many events it has had, and what all of its states share.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{Event, EventKind, Execution, Failure, Interpreter, Outcome, clock::within, flow};
use crate::{ErrorName, ExecutionType, Flow, intrinsic};

/// What an execution and all of its children share.
pub(super) struct Session<'a> {
    pub(super) interpreter: &'a Interpreter,
    pub(super) execution: &'a Execution,
    random: Mutex<StdRng>,
}

/// One execution, or one child of a Distributed Map.
pub(super) struct Run<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) id: Arc<str>,
    pub(super) name: String,
    pub(super) machine: Machine,
    pub(super) input: Value,
    pub(super) started: Timestamp,
    pub(super) kind: ExecutionType,
    last_event: AtomicU64,
}

/// The machine as an execution names it; a Map Run has one of its own.
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) name: String,
}

/// What goes with an event.
pub(super) enum Detail<'a> {
    None,
    Payload(&'a Value),
    Failure(&'a Failure),
}

/// Runs one execution to its end.
pub(super) async fn run(interpreter: &Interpreter, execution: &Execution) -> Outcome {
    let random = Mutex::new(StdRng::seed_from_u64(interpreter.seed));
    let session = Session { interpreter, execution, random };
    let machine = Machine {
        id: session.arn(&format!("stateMachine:{}", execution.machine_name)),
        name: execution.machine_name.clone(),
    };
    let id = match execution.kind {
        ExecutionType::Standard => format!("execution:{}:{}", machine.name, execution.name),
        ExecutionType::Express => format!("express:{}:{}:{}", machine.name, execution.name, session.uuid()),
    };
    let id = session.arn(&id);
    let run = Run::new(&session, id, execution.name.clone(), machine, execution.input.clone(), execution.kind);
    let limit = interpreter.machine.timeout_seconds.map(|seconds| std::time::Duration::from_secs(seconds.into()));
    run.to_end(&interpreter.machine.flow, limit).await
}

impl Session<'_> {
    /// An ARN of Step Functions in the execution's region and account.
    pub(super) fn arn(&self, resource: &str) -> String {
        let Execution { region, account, .. } = self.execution;
        format!("arn:aws:states:{region}:{account}:{resource}")
    }

    /// Draws from the randomness of the execution.
    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn uuid(&self) -> String {
        self.draw(intrinsic::uuid)
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        session: &'a Session<'a>,
        id: String,
        name: String,
        machine: Machine,
        input: Value,
        kind: ExecutionType,
    ) -> Self {
        let started = session.interpreter.clock.now();
        Self { session, id: id.into(), name, machine, input, started, kind, last_event: AtomicU64::new(0) }
    }

    /// Runs the flow from the input of the execution, and says how it ended.
    pub(super) async fn to_end(&self, flow: &Flow, limit: Option<std::time::Duration>) -> Outcome {
        self.tell(EventKind::ExecutionStarted, None, Detail::Payload(&self.input));
        let work = flow::run(self, flow, self.input.clone(), None);
        match within(self.interpreter().clock.as_ref(), limit, work).await {
            Some(Ok(output)) => {
                self.tell(EventKind::ExecutionSucceeded, None, Detail::Payload(&output));
                Outcome::Succeeded(output)
            }
            Some(Err(failure)) => {
                self.tell(EventKind::ExecutionFailed, None, Detail::Failure(&failure));
                Outcome::Failed(failure)
            }
            None => {
                let failure = Failure { error: Some(ErrorName::TIMEOUT), cause: None };
                self.tell(EventKind::ExecutionTimedOut, None, Detail::Failure(&failure));
                Outcome::TimedOut(failure)
            }
        }
    }

    pub(super) fn interpreter(&self) -> &'a Interpreter {
        self.session.interpreter
    }

    /// Records an event of a state and yields its number.
    ///
    /// Fails when the history is full. The event that ends the execution is the last that fits:
    /// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
    pub(super) fn record(&self, kind: EventKind, state: &str, detail: Detail<'_>) -> Result<u64, Failure> {
        let limit = self.interpreter().limits.history_events;
        match limit.filter(|limit| self.last_event.load(Ordering::Relaxed) + 1 >= *limit) {
            None => Ok(self.tell(kind, Some(state), detail)),
            Some(limit) => Err(Failure::new(
                ErrorName::RUNTIME,
                format!("The execution reached the maximum number of history events ({limit})."),
            )),
        }
    }

    /// Counts an event, tells the observer, and yields its number.
    fn tell(&self, kind: EventKind, state: Option<&str>, detail: Detail<'_>) -> u64 {
        let id = self.last_event.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(observer) = &self.interpreter().observer {
            let at = self.interpreter().clock.now();
            let (data, failure) = match detail {
                Detail::None => (None, None),
                Detail::Payload(data) => (Some(data), None),
                Detail::Failure(failure) => (None, Some(failure)),
            };
            observer.event(&Event { execution: &self.id, id, at, kind, state, data, failure });
        }
        id
    }

    /// The parts of the context object that are the same in all states.
    pub(super) fn context(&self) -> Value {
        let mut execution = json!({
            "Id": &*self.id,
            "Input": self.input,
            "StartTime": timestamp(self.started),
            "Name": self.name,
            "RoleArn": self.session.execution.role_arn,
        });
        if self.kind == ExecutionType::Standard {
            execution["RedriveCount"] = 0.into();
        }
        json!({
            "Execution": execution,
            "StateMachine": { "Id": self.machine.id, "Name": self.machine.name },
        })
    }
}

/// A time as the context object shows it: in milliseconds, UTC.
pub(super) fn timestamp(at: Timestamp) -> String {
    format!("{at:.3}")
}
