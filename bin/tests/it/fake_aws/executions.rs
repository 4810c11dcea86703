//! Executions: the deployed document, interpreted in this process, its tasks the code of the deployed functions.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use asl::StateMachine;
use asl::interpret::{
    Call, Event, EventKind, Execution, Failure, Interpreter, MemoryObjects, Observer, Outcome, TaskCall, TaskFailure,
    Tasks,
};
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use migration::definition::Definition;
use migration::plan::Plan;
use migration::{Ledger, Services, Task, workflow};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::MACHINE;

pub(super) struct Executions {
    begun: Arc<Mutex<BTreeMap<String, Begun>>>,
    document: StateMachine,
    functions: Functions,
    has_rule: AtomicBool,
    is_redrivable: AtomicBool,
}

/// An execution that has begun.
struct Begun {
    name: String,
    input: String,
    started: Timestamp,
    stopped: Option<Timestamp>,
    status: &'static str,
    output: Option<Value>,
    error: Option<(String, String)>,
    /// The states that it has entered, in order.
    states: Vec<String>,
    /// Its Map Runs, in order.
    maps: Vec<MapRun>,
    /// Children that have outlived it, by their ARNs.
    left: Vec<String>,
    redrives: u32,
    task: Option<AbortHandle>,
}

/// A Map that an execution has entered, with its children.
struct MapRun {
    state: String,
    started: Timestamp,
    total: u64,
    begun: u64,
    done: u64,
}

/// What Step Functions tells of one.
pub(super) struct Described {
    pub(super) description: Value,
    pub(super) states: Vec<String>,
    pub(super) map_runs: Vec<Value>,
}

impl Executions {
    pub(super) fn new(client: &Client, ledger: &Ledger, definition: &Definition) -> Self {
        let functions = functions::transforms::all();
        let mut services = Services::new(client.clone(), None, ledger.clone(), functions, Timestamp::now);
        services.deployed = Some(definition.digest());
        Self {
            begun: Arc::default(),
            has_rule: AtomicBool::new(false),
            is_redrivable: AtomicBool::new(true),
            document: workflow::of(definition).unwrap(),
            functions: Functions {
                services: Arc::new(services),
                gates: Arc::new(Task::ALL.map(|task| (task, watch::channel(usize::MAX).0)).into()),
                failing: Arc::default(),
            },
        }
    }

    /// So many calls of a task go on; those after them wait.
    pub(super) fn let_through(&self, task: Task, calls: usize) {
        self.functions.gates[&task].send_replace(calls);
    }

    pub(super) fn fail(&self, task: Task, error: Option<&str>) {
        let mut failing = self.functions.failing.lock().unwrap();
        match error {
            Some(error) => failing.insert(task, error.to_owned()),
            None => failing.remove(&task),
        };
    }

    pub(super) fn forbid_redrive(&self) {
        self.is_redrivable.store(false, Ordering::SeqCst);
    }

    /// Takes up an execution that was cut off. Step Functions would leave out the states that have succeeded; entering
    /// them again changes nothing, as the tasks are safe to repeat.
    pub(super) fn redrive(&self, arn: &str) -> bool {
        let mut begun = self.begun.lock().unwrap();
        let one = begun.get_mut(arn).unwrap();
        if one.status == "RUNNING" || !self.is_redrivable.load(Ordering::SeqCst) {
            return false;
        }
        (one.status, one.stopped, one.error) = ("RUNNING", None, None);
        one.redrives += 1;
        one.task = Some(self.interpret(arn, &one.name, serde_json::from_str(&one.input).unwrap()));
        true
    }

    fn interpret(&self, arn: &str, name: &str, input: Value) -> AbortHandle {
        let told = Told { begun: self.begun.clone(), arn: arn.to_owned(), execution: Mutex::default() };
        let interpreter = Interpreter::new(self.document.clone(), self.functions.clone()).unwrap();
        let interpreter = interpreter.objects(MemoryObjects::new()).observer(told);
        let (execution, list, key) = (Execution::new(name, input), self.begun.clone(), arn.to_owned());
        let task = tokio::spawn(async move {
            let outcome = interpreter.run(execution).await;
            if let Some(begun) = list.lock().unwrap().get_mut(&key) {
                begun.end(outcome);
            }
        });
        task.abort_handle()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.begun.lock().unwrap().values().map(|begun| begun.name.clone()).collect()
    }

    /// The same name with the same input is the same start, while it lasts.
    pub(super) fn start(&self, name: &str, input: &str) -> Result<String, &'static str> {
        let arn = MACHINE.replace(":stateMachine:", ":execution:") + ":" + name;
        let mut begun = self.begun.lock().unwrap();
        if let Some(there) = begun.get(&arn) {
            let is_same = there.input == input && there.status == "RUNNING";
            return if is_same { Ok(arn) } else { Err("ExecutionAlreadyExists") };
        }
        let plan: Value = serde_json::from_str(input).unwrap();
        let one = Begun {
            name: name.to_owned(),
            input: input.to_owned(),
            started: Timestamp::now(),
            stopped: None,
            status: "RUNNING",
            output: None,
            error: None,
            states: Vec::new(),
            maps: Vec::new(),
            left: Vec::new(),
            redrives: 0,
            task: Some(self.interpret(&arn, name, plan)),
        };
        begun.insert(arn.clone(), one);
        Ok(arn)
    }

    pub(super) fn abort_all(&self) {
        for begun in self.begun.lock().unwrap().values_mut().filter(|begun| begun.status == "RUNNING") {
            begun.task.take().unwrap().abort();
            (begun.status, begun.stopped) = ("ABORTED", Some(Timestamp::now()));
        }
    }

    /// StopExecution: of a run's execution its children at work are left, and the rule on its end puts the capacity back;
    /// a child is just gone.
    pub(super) fn stop(&self, arn: &str, error: &str, cause: &str) -> bool {
        let mut begun = self.begun.lock().unwrap();
        if let Some(parent) = begun.values_mut().find(|parent| parent.left.iter().any(|child| child == arn)) {
            parent.left.retain(|child| child != arn);
            return true;
        }
        let Some(one) = begun.get_mut(arn) else { return false };
        if one.status == "RUNNING" {
            one.task.take().unwrap().abort();
            (one.status, one.stopped) = ("ABORTED", Some(Timestamp::now()));
            one.error = Some((error.to_owned(), cause.to_owned()));
            let newest = one.maps.last().map_or(0..0, |map| map.done..map.begun);
            one.left = newest.map(|child| format!("{arn}/child-{child}")).collect();
            if self.has_rule.load(Ordering::SeqCst) {
                let rule = Interpreter::new(workflow::restore_afterwards().unwrap(), self.functions.clone()).unwrap();
                let event = json!({ "input": one.input });
                tokio::spawn(async move { rule.run(Execution::new("rule", event)).await });
            }
        }
        true
    }

    /// Lets the rule on executions that were cut off be as `infra` deploys it; before that there is none.
    pub(super) fn follow_rule(&self) {
        self.has_rule.store(true, Ordering::SeqCst);
    }

    /// Children at work of a Map Run whose execution was stopped.
    pub(super) fn children_left(&self, map_run: &str) -> Vec<Value> {
        let begun = self.begun.lock().unwrap();
        let child = |arn: &String| {
            json!({
                "executionArn": arn, "stateMachineArn": format!("{MACHINE}/Migrate"), "name": arn.rsplit('/').next(),
                "status": "RUNNING", "startDate": 0, "mapRunArn": map_run,
            })
        };
        begun[parent(map_run).0].left.iter().map(child).collect()
    }

    pub(super) fn newest_first(&self) -> Vec<Value> {
        let begun = self.begun.lock().unwrap();
        let mut all: Vec<_> = begun.iter().collect();
        all.sort_by_key(|(_, begun)| std::cmp::Reverse(begun.started));
        all.into_iter().map(|(arn, begun)| begun.description(arn)).collect()
    }

    pub(super) fn described(&self, arn: &str) -> Option<Described> {
        let begun = self.begun.lock().unwrap();
        let one = begun.get(arn)?;
        let map_run = |map: &MapRun| {
            json!({
                "executionArn": arn, "mapRunArn": format!("{arn}/{}", map.state), "stateMachineArn": MACHINE,
                "startDate": seconds(map.started),
            })
        };
        Some(Described {
            description: one.description(arn),
            states: one.states.clone(),
            map_runs: one.maps.iter().map(map_run).collect(),
        })
    }

    pub(super) fn map_run(&self, arn: &str) -> Value {
        let begun = self.begun.lock().unwrap();
        let (execution, state) = parent(arn);
        let map = begun[execution].maps.iter().find(|map| map.state == state).unwrap();
        let MapRun { started, total, begun, done, .. } = *map;
        let counts = json!({
            "pending": total - begun, "running": begun - done, "succeeded": done, "failed": 0, "timedOut": 0, "aborted": 0,
            "total": total, "resultsWritten": 0,
        });
        json!({
            "mapRunArn": arn, "executionArn": arn, "status": "RUNNING", "startDate": seconds(started), "maxConcurrency": 100,
            "toleratedFailurePercentage": 0.0, "toleratedFailureCount": 0, "itemCounts": counts, "executionCounts": counts,
        })
    }
}

/// The execution of a Map Run, and the Map's state.
fn parent(map_run: &str) -> (&str, &str) {
    map_run.rsplit_once('/').unwrap()
}

impl Begun {
    /// Enters a state. A Map that is entered again after a redrive has the children that were done.
    fn enter(&mut self, state: &str) {
        self.states.push(state.to_owned());
        let plan: Result<Plan, _> = serde_json::from_str(&self.input);
        let total = match (state, plan) {
            ("Migrate", Ok(plan)) => plan.children,
            ("Verify", Ok(plan)) => 2 * plan.verify_children(),
            _ => return,
        };
        match self.maps.iter_mut().find(|map| map.state == state) {
            Some(map) => map.begun = map.done,
            None => self.maps.push(MapRun {
                state: state.to_owned(),
                started: Timestamp::now(),
                total: total.into(),
                begun: 0,
                done: 0,
            }),
        }
    }

    fn end(&mut self, outcome: Outcome) {
        self.stopped = Some(Timestamp::now());
        match outcome {
            Outcome::Succeeded(output) => (self.status, self.output) = ("SUCCEEDED", Some(output)),
            Outcome::Failed(failure) => (self.status, self.error) = ("FAILED", Some(shown(failure))),
            Outcome::TimedOut(failure) => (self.status, self.error) = ("TIMED_OUT", Some(shown(failure))),
        }
    }

    fn description(&self, arn: &str) -> Value {
        let mut description = json!({
            "executionArn": arn, "stateMachineArn": MACHINE, "name": self.name, "status": self.status,
            "startDate": seconds(self.started), "input": self.input, "redriveCount": self.redrives,
            "redriveStatus": if ["RUNNING", "SUCCEEDED"].contains(&self.status) { "NOT_REDRIVABLE" } else { "REDRIVABLE" },
        });
        if let Some(stopped) = self.stopped {
            description["stopDate"] = seconds(stopped);
        }
        if let Some(output) = &self.output {
            description["output"] = output.to_string().into();
        }
        if let Some((error, cause)) = &self.error {
            (description["error"], description["cause"]) = (error.as_str().into(), cause.as_str().into());
        }
        description
    }
}

fn shown(failure: Failure) -> (String, String) {
    (failure.error.map(|error| error.to_string()).unwrap_or_default(), failure.cause.unwrap_or_default())
}

fn seconds(time: Timestamp) -> Value {
    (time.as_millisecond() as f64 / 1000.0).into()
}

/// Writes the states of an execution down, and how its children stand.
struct Told {
    begun: Arc<Mutex<BTreeMap<String, Begun>>>,
    arn: String,
    /// The execution's own ARN by the interpreter, the first that is heard of; others are children.
    execution: Mutex<Option<String>>,
}

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        let mut own = self.execution.lock().unwrap();
        let is_own = own.get_or_insert_with(|| event.execution.to_owned()) == event.execution;
        let mut begun = self.begun.lock().unwrap();
        let Some(begun) = begun.get_mut(&self.arn) else { return };
        match (event.kind, event.state, begun.maps.last_mut()) {
            (EventKind::StateEntered(_), Some(state), _) if is_own => begun.enter(state),
            (EventKind::ExecutionStarted, _, Some(map)) if !is_own => map.begun += 1,
            (EventKind::ExecutionSucceeded, _, Some(map)) if !is_own => map.done += 1,
            _ => {}
        }
    }
}

/// The functions of the stack.
#[derive(Clone)]
struct Functions {
    services: Arc<Services>,
    /// How many calls of each may go on.
    gates: Arc<HashMap<Task, watch::Sender<usize>>>,
    failing: Arc<Mutex<HashMap<Task, String>>>,
}

#[async_trait]
impl Tasks for Functions {
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
        let Call::Lambda { function, payload } = call.call else { panic!("expected a function") };
        let task = Task::of_function_arn(&function).unwrap();
        let goes_on = |calls: &mut usize| {
            let goes_on = *calls > 0;
            *calls -= usize::from(goes_on);
            goes_on
        };
        while !self.gates[&task].send_if_modified(goes_on) {
            self.gates[&task].subscribe().wait_for(|calls| *calls > 0).await.unwrap();
        }
        if let Some(error) = self.failing.lock().unwrap().get(&task).cloned() {
            return Err(failure(&error, "the test lets it fail"));
        }
        let answer = task.run(&self.services, payload, None).await;
        answer.map_err(|error| failure(error.kind().name(), &error.to_string()))
    }
}

fn failure(name: &str, message: &str) -> TaskFailure {
    let cause = json!({ "errorType": name, "errorMessage": message }).to_string();
    TaskFailure::new(asl::ErrorName::from(name), cause)
}
