//! All functions of a stack, called by the state machine itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use asl::ErrorName;
use asl::interpret::{Call, Clock, Execution, Interpreter, MemoryObjects, Outcome, TaskCall, TaskFailure, Tasks};
use async_trait::async_trait;
use jiff::Timestamp;
use migration::{Task, workflow};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::binaries;
use crate::runtime_api::{Function, Output, Reader};
use crate::world::{World, lines};

/// Starts a task's function.
pub(crate) async fn function(world: &World, task: Task) -> (Function, Reader) {
    Function::start(binaries::of(task), &world.variables(task)).await
}

/// Lets all functions of the stack run the plan to its end, as the state machine calls them.
pub(crate) async fn run(world: &World) -> Ran {
    let functions = Functions::start(world).await;
    let interpreter = Interpreter::new(workflow::of(&world.plan.definition).unwrap(), functions.calls.clone()).unwrap();
    let interpreter = interpreter.objects(MemoryObjects::new()).clock(Hasty);
    let input = serde_json::to_value(&world.plan).unwrap();
    let outcome = interpreter.run(Execution::new(world.plan.run.to_string(), input)).await;
    drop(interpreter);
    Ran { outcome, outputs: functions.end() }
}

/// A run that has ended, and what each function has written.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) outputs: Vec<(Task, Output)>,
}

impl Ran {
    /// The lines of all functions' logs.
    pub(crate) fn logs(&self) -> Vec<Value> {
        self.lines().filter(|line| line.get("_aws").is_none()).collect()
    }

    /// The lines of all functions' metrics.
    pub(crate) fn metrics(&self) -> Vec<Value> {
        self.lines().filter(|line| line.get("_aws").is_some()).collect()
    }

    fn lines(&self) -> impl Iterator<Item = Value> {
        self.outputs.iter().flat_map(|(_, output)| lines(output))
    }
}

struct Functions {
    calls: Arc<Calls>,
    readers: Vec<(Task, Reader)>,
}

/// One process each; like a sandbox it works one call at a time.
struct Calls(HashMap<Task, Mutex<Function>>);

impl Functions {
    async fn start(world: &World) -> Self {
        let (mut calls, mut readers) = (HashMap::new(), Vec::new());
        for task in Task::of(&world.plan.definition).iter().copied() {
            let (function, reader) = function(world, task).await;
            calls.insert(task, Mutex::new(function));
            readers.push((task, reader));
        }
        Self { calls: Calls(calls).into(), readers }
    }

    fn end(self) -> Vec<(Task, Output)> {
        // Nobody else has them any more: the processes end.
        drop(Arc::into_inner(self.calls).expect("the interpreter is gone"));
        let outputs = self.readers.into_iter().map(|(task, reader)| (task, reader.output()));
        outputs.collect()
    }
}

#[async_trait]
impl Tasks for Calls {
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
        let Call::Lambda { function, payload } = call.call else { panic!("expected a Lambda function") };
        let task = Task::of_function_arn(&function).unwrap();
        let answer = self.0[&task].lock().await.invoke(&payload).await;
        answer.map_err(|error| {
            let name = ErrorName::from(error["errorType"].as_str().unwrap());
            TaskFailure::new(name, error.to_string())
        })
    }
}

/// Time that passes a hundred times as fast: nobody wants to wait ten seconds between two looks.
struct Hasty;

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / 100).await;
    }
}
