//! Runs a machine in this process, as AWS Step Functions would run it.
//!
//! Time passes only on the [`Clock`] that is handed in, chance comes only from the seed, and work happens only in
//! the [`Tasks`] that are handed in. Nothing is kept of what has happened: who wants a history observes it. An
//! execution is one future; dropping it stops everything in it. It spawns nothing, so tasks that shall use several
//! processors spawn themselves.
//!
//! Not covered: JSONata and `Assign`, manifests and Parquet files in an ItemReader, the formats of `WriterConfig`.
//! What differs from AWS, by intent: a history has no limit unless [`Limits`] sets one, nothing persists, and there is
//! no redrive.

mod choice;
mod clock;
mod context;
mod distributed;
mod events;
mod failure;
mod flow;
mod inline;
mod items;
mod map;
mod objects;
mod parallel;
mod reader;
mod results;
mod run;
mod supported;
mod task;
mod tasks;
mod wait;
mod work;

use std::sync::Arc;

use serde_json::Value;

use crate::{ExecutionType, StateMachine};

pub use clock::{Clock, TokioClock};
pub use events::{Event, EventKind, Observer};
pub use failure::{Failure, Outcome};
pub use objects::{MemoryObjects, ObjectStore, ObjectSummary};
pub use supported::Unsupported;
pub use tasks::{Call, Heartbeat, TaskCall, TaskFailure, Tasks};
pub(crate) use wait::is_timestamp;

/// A machine with everything it needs to run.
///
/// ```
/// # use asl::{interpret::*, *};
/// # use serde_json::{Value, json};
/// struct Greet;
///
/// #[async_trait::async_trait]
/// impl Tasks for Greet {
///     async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
///         match call.call {
///             Call::Lambda { payload, .. } => Ok(json!(format!("hello {}", payload["name"]))),
///             Call::Service { .. } => Err(TaskFailure::new("Unknown", "only Lambda functions are known here")),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let machine = StateMachine::builder("Greet")
///     .state("Greet", Task::invoke("greet", json!({"name.$": "$.name"})).result_path("$.greeting").end())
///     .build()?;
/// let outcome = Interpreter::new(machine, Greet)?.run(Execution::new("first", json!({"name": "Ada"}))).await;
/// assert!(matches!(outcome, Outcome::Succeeded(output) if output["greeting"]["Payload"] == "hello \"Ada\""));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Interpreter {
    machine: Arc<StateMachine>,
    tasks: Arc<dyn Tasks>,
    clock: Arc<dyn Clock>,
    observer: Option<Arc<dyn Observer>>,
    objects: Option<Arc<dyn ObjectStore>>,
    seed: u64,
    limits: Limits,
}

/// What an execution may not exceed. The defaults are the quotas of AWS, except for the history: see there.
///
/// <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the input or the output of a state: 262,144.
    pub payload_bytes: usize,
    /// Events in the history of one execution. AWS has 25,000 for STANDARD; `None`, the default, has no limit.
    pub history_events: Option<u64>,
    /// Children of one Distributed Map at once: 10,000.
    pub distributed_concurrency: usize,
    /// Iterations of one inline Map at once: 40.
    pub inline_concurrency: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: 256 * 1024,
            history_events: None,
            distributed_concurrency: 10_000,
            inline_concurrency: 40,
        }
    }
}

/// What one execution is called and starts with.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Its name, unique per machine.
    pub name: String,
    /// What the first state is given.
    pub input: Value,
    /// What the machine is called.
    pub machine_name: String,
    /// The role it would run as.
    pub role_arn: String,
    /// The region in its ARNs.
    pub region: String,
    /// The account in its ARNs.
    pub account: String,
    /// Standard or Express, which shows in its ARN.
    pub kind: ExecutionType,
}

impl Execution {
    /// An execution of this name with this input, in an account of zeros.
    pub fn new(name: impl Into<String>, input: Value) -> Self {
        Self {
            name: name.into(),
            input,
            machine_name: "local".into(),
            role_arn: "arn:aws:iam::000000000000:role/local".into(),
            region: "local".into(),
            account: "000000000000".into(),
            kind: ExecutionType::Standard,
        }
    }
}

impl Interpreter {
    /// Takes a machine that is known to be valid; what the interpreter does not cover is refused here.
    pub fn new(machine: impl Into<Arc<StateMachine>>, tasks: impl Tasks + 'static) -> Result<Self, Unsupported> {
        let machine = machine.into();
        supported::check(&machine)?;
        Ok(Self {
            machine,
            tasks: Arc::new(tasks),
            clock: Arc::new(TokioClock::new()),
            observer: None,
            objects: None,
            seed: 0,
            limits: Limits::default(),
        })
    }

    /// Runs on this clock rather than on [`TokioClock`].
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Tells this observer about every event.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Reads items from, and writes results to, this store.
    pub fn objects(mut self, objects: impl ObjectStore + 'static) -> Self {
        self.objects = Some(Arc::new(objects));
        self
    }

    /// Draws jitter, names and the like from this seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Holds executions to other limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Runs one execution to its end. Dropping the future stops it, and with it everything it is waiting for.
    pub async fn run(&self, execution: Execution) -> Outcome {
        run::run(self, &execution).await
    }
}
