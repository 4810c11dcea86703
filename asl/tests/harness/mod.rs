//! Runs recorded executions and compares them with what AWS answered. Shared by the tests and `--example execute`.
//!
//! The form of a row is that of `asl-cases/README.md`: a definition, an input, stubs for Lambda functions, objects,
//! and what AWS answered.

pub(crate) mod agree;
pub(crate) mod stubs;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use asl::{
    ExecutionType, StateMachine,
    interpret::{Event, Execution, Interpreter, Limits, MemoryObjects, Observer, Outcome, TokioClock},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One row.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: ExecutionType,
    pub(crate) definition: Value,
    #[serde(default = "empty")]
    pub(crate) input: Value,
    #[serde(default)]
    pub(crate) lambdas: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) s3: Vec<Object>,
    #[serde(default)]
    pub(crate) features: Vec<String>,
    #[serde(default)]
    pub(crate) wildcard_strings: Vec<String>,
    #[serde(default)]
    pub(crate) expected: Option<Expected>,
}

/// What AWS answered.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) output: Value,
    #[serde(default)]
    pub(crate) error: Value,
    #[serde(default)]
    pub(crate) cause: Value,
    #[serde(default)]
    pub(crate) event_types: Option<Vec<String>>,
    #[serde(default = "exact")]
    pub(crate) event_order_exact: Option<bool>,
}

/// An object that is there before the execution starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Object {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) body: String,
}

fn empty() -> Value {
    Value::Object(Map::new())
}

fn exact() -> Option<bool> {
    Some(true)
}

/// What the interpreter answers: one line of output.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) status: Status,
    #[serde(flatten)]
    pub(crate) end: End,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) event_types: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Succeeded,
    Failed,
    TimedOut,
    /// It needs something that the interpreter refuses.
    Unsupported,
    /// Its definition is none.
    Invalid,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum End {
    Output { output: Value },
    Failure { error: Option<String>, cause: Option<String> },
    Reason { reason: String },
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// When virtual time begins: the day of the recordings, since one of them waits for a time far from it.
const BEGINNING: &str = "2026-11-20T00:00:00Z";

/// Runs rows in virtual time.
pub(crate) struct Runner(tokio::runtime::Runtime);

impl Runner {
    pub(crate) fn new() -> std::io::Result<Self> {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().map(Self)
    }

    pub(crate) fn run(&self, case: &Case) -> Answer {
        let machine = match &case.definition {
            Value::String(text) => text.parse::<StateMachine>(),
            definition => serde_json::from_value(definition.clone()),
        };
        match machine {
            Ok(machine) => self.0.block_on(run(case, machine)),
            Err(error) => refuse(case, Status::Invalid, error.to_string()),
        }
    }
}

/// Whether a row needs JSONata or Assign, which the interpreter does not have.
pub(crate) fn is_out_of_scope(case: &Case) -> bool {
    case.features.iter().any(|feature| ["jsonata", "JSONata", "Assign"].contains(&feature.as_str()))
}

fn refuse(case: &Case, status: Status, reason: String) -> Answer {
    // A definition in JSONata may not fit the model at all; that is no mistake in it.
    let status = if is_out_of_scope(case) { Status::Unsupported } else { status };
    Answer { id: case.id.clone(), status, end: End::Reason { reason }, event_types: Vec::new() }
}

async fn run(case: &Case, machine: StateMachine) -> Answer {
    let objects = MemoryObjects::new();
    for Object { bucket, key, body } in &case.s3 {
        objects.insert(bucket, key, body.as_bytes());
    }
    let history = Arc::new(History { execution: Mutex::default() });
    let interpreter = match Interpreter::new(machine, stubs::Stubs(case.lambdas.clone())) {
        Ok(interpreter) => interpreter,
        Err(unsupported) => return refuse(case, Status::Unsupported, unsupported.to_string()),
    };
    let interpreter = interpreter
        .clock(TokioClock::starting_at(BEGINNING.parse().unwrap_or_default()))
        .observer(history.clone())
        .objects(objects)
        .limits(Limits { history_events: Some(25_000), ..Limits::default() });
    let execution = Execution {
        machine_name: "machine".into(),
        region: "us-east-1".into(),
        account: "111111111111".into(),
        kind: case.kind,
        ..Execution::new("execution", case.input.clone())
    };
    let (status, end) = match interpreter.run(execution).await {
        Outcome::Succeeded(output) => (Status::Succeeded, End::Output { output }),
        Outcome::Failed(failure) => (Status::Failed, failed(failure)),
        Outcome::TimedOut(failure) => (Status::TimedOut, failed(failure)),
    };
    Answer { id: case.id.clone(), status, end, event_types: history.event_types() }
}

fn failed(failure: asl::interpret::Failure) -> End {
    End::Failure { error: failure.error.map(|error| error.to_string()), cause: failure.cause }
}

/// The events of the execution itself, not those of its children, as `GetExecutionHistory` has them.
struct History {
    execution: Mutex<Option<(String, Vec<String>)>>,
}

impl History {
    fn event_types(&self) -> Vec<String> {
        self.execution.lock().ok().and_then(|mut events| events.take()).map(|(_, events)| events).unwrap_or_default()
    }
}

impl Observer for History {
    fn event(&self, event: &Event<'_>) {
        let Ok(mut events) = self.execution.lock() else { return };
        let (execution, events) = events.get_or_insert_with(|| (event.execution.to_owned(), Vec::new()));
        if execution == event.execution {
            events.push(event.kind.to_string());
        }
    }
}
