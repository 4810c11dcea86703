//! Executions in virtual time: waits, bounds, tolerance, and what happens to work that is in flight.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use asl::{
    ExecutionType, Flow, JsonPath, Map, Order, Parallel, Pass, Resource, ResultWriter, Retry, Rule, StateMachine,
    Succeed, Task, Wait,
    interpret::{
        Call, Event, EventKind, Execution, Failure, Interpreter, Limits, MemoryObjects, ObjectStore, Observer, Outcome,
        TaskCall, TaskFailure, Tasks, TokioClock,
    },
};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Works for the milliseconds that its event names, then answers, or fails with the error that it names.
#[derive(Default)]
struct Work {
    started: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
    finished: AtomicUsize,
    calls: Mutex<Vec<TaskCall>>,
}

struct Running<'a>(&'a Work);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Tasks for Work {
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let _running = Running(self);
        let heartbeat = call.heartbeat.clone();
        let mut event = match &call.call {
            Call::Lambda { payload, .. } => payload.clone(),
            Call::Service { parameters, .. } => parameters.clone(),
        };
        self.calls.lock().expect("calls").push(call);
        for _ in 0..event["beats"].as_u64().unwrap_or(0) {
            sleep(Duration::from_secs(8)).await;
            heartbeat.beat();
        }
        sleep(Duration::from_millis(event["ms"].as_u64().unwrap_or(0))).await;
        self.finished.fetch_add(1, Ordering::SeqCst);
        match event["error"].as_str() {
            Some(error) => Err(TaskFailure::new(error, "as asked")),
            None => {
                event["loops"] = (event["loops"].as_u64().unwrap_or(0) + 1).into();
                Ok(event)
            }
        }
    }
}

const WORK: &str = "arn:aws:lambda:us-east-1:123456789012:function:work";

fn single(state: asl::State) -> StateMachine {
    StateMachine::builder("Only").state("Only", state).build().expect("a valid machine")
}

fn interpreter(machine: StateMachine, work: &Arc<Work>) -> Interpreter {
    Interpreter::new(machine, work.clone())
        .expect("a supported machine")
        .clock(TokioClock::starting_at("2026-01-01T00:00:00Z".parse().expect("a time")))
}

async fn run(machine: StateMachine, work: &Arc<Work>, input: Value) -> Outcome {
    interpreter(machine, work).run(Execution::new("test", input)).await
}

fn error_of(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(Failure { error, .. }) | Outcome::TimedOut(Failure { error, .. }) => {
            error.map(|error| error.to_string()).unwrap_or_default()
        }
        Outcome::Succeeded(output) => format!("succeeded with {output}"),
    }
}

#[tokio::test(start_paused = true)]
async fn retries_wait_longer_each_time() {
    let work = Arc::new(Work::default());
    let machine = single(Task::new(WORK).retry(Retry::on(["Busy"]).interval_seconds(3).max_attempts(3)).end());
    let begun = Instant::now();
    assert_eq!(error_of(run(machine, &work, json!({"error": "Busy"})).await), "Busy");
    assert_eq!(begun.elapsed().as_secs(), 3 + 6 + 12);
    let counts: Vec<u32> = work.calls.lock().expect("calls").iter().map(|call| call.retry_count).collect();
    assert_eq!(counts, [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn full_jitter_is_drawn_from_the_seed() {
    let mut waits = Vec::new();
    for seed in [1, 1, 2] {
        let work = Arc::new(Work::default());
        let machine = single(Task::new(WORK).retry(Retry::on_all().interval_seconds(1000).full_jitter()).end());
        let begun = Instant::now();
        interpreter(machine, &work).seed(seed).run(Execution::new("test", json!({"error": "Busy"}))).await;
        waits.push(begun.elapsed());
    }
    assert_eq!(waits[0], waits[1]);
    assert_ne!(waits[0], waits[2]);
    assert!(waits[0] < Duration::from_secs(7000));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_its_token_must_send_heartbeats() {
    let resource = Resource::from("arn:aws:states:::sqs:sendMessage.waitForTaskToken");
    let machine = single(
        Task::new(resource)
            .parameters(json!({"beats.$": "$.beats", "ms.$": "$.ms", "token.$": "$$.Task.Token"}))
            .heartbeat_seconds(10)
            .end(),
    );
    let work = Arc::new(Work::default());
    let alive = run(machine.clone(), &work, json!({"beats": 5, "ms": 9_000})).await;
    let Outcome::Succeeded(output) = alive else { panic!("{alive:?}") };
    assert_eq!(output["token"].as_str(), work.calls.lock().expect("calls")[0].token.as_deref());
    let silent = run(machine, &work, json!({"beats": 1, "ms": 11_000})).await;
    assert_eq!(error_of(silent), "States.HeartbeatTimeout");
}

/// A Map over `items` whose children loop over the work until they have done it `loops` times.
fn looping_map(loops: u64) -> Map {
    let segment = Flow::starting_at("Work").state("Work", Task::new(WORK).next("Done")).state(
        "Done",
        asl::Choice::new().when(Rule::variable("$.loops").number(Order::LessThan, loops), "Work").otherwise("Finished"),
    );
    Map::distributed(ExecutionType::Standard, segment.state("Finished", Succeed::new().output_path("$.loops")))
        .items_path("$.items")
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_children_run_as_many_at_once_as_is_allowed() {
    let work = Arc::new(Work::default());
    let machine = single(looping_map(5).max_concurrency(JsonPath::from("$.at_once")).end());
    let items: Vec<Value> = (0..10_000).map(|_| json!({"ms": 10})).collect();
    let begun = Instant::now();
    let outcome = run(machine, &work, json!({"at_once": 500, "items": items})).await;
    assert_eq!(outcome, Outcome::Succeeded(vec![5; 10_000].into()));
    assert_eq!(work.finished.load(Ordering::SeqCst), 50_000);
    assert_eq!(work.most.load(Ordering::SeqCst), 500);
    assert_eq!(begun.elapsed().as_millis(), 20 * 5 * 10);
}

#[tokio::test(start_paused = true)]
async fn a_map_that_fails_starts_no_new_child_and_drops_those_in_flight() {
    let work = Arc::new(Work::default());
    let machine = single(looping_map(1).max_concurrency(4).tolerated_failure_count(1).end());
    let slow = json!({"ms": 60_000});
    let fails = |ms: u64| json!({"ms": ms, "error": "Bad"});
    let outcome = run(machine, &work, json!({"items": [fails(10), slow, fails(20), slow, slow, slow]})).await;
    assert_eq!(error_of(outcome), "States.ExceedToleratedFailureThreshold");
    assert_eq!(work.started.load(Ordering::SeqCst), 5, "one took the place of the first that failed");
    assert_eq!(work.finished.load(Ordering::SeqCst), 2);
    assert_eq!(work.running.load(Ordering::SeqCst), 0, "nothing goes on");
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_fails_drops_the_others() {
    let branch = |name: &str, path: &str| Flow::starting_at(name).state(name, Task::new(WORK).input_path(path).end());
    let work = Arc::new(Work::default());
    let machine = single(Parallel::new([branch("Slow", "$.slow"), branch("Fails", "$.fails")]).end());
    let begun = Instant::now();
    let input = json!({"slow": {"ms": 60_000}, "fails": {"ms": 5, "error": "Bad"}});
    assert_eq!(error_of(run(machine, &work, input).await), "Bad");
    assert_eq!(begun.elapsed().as_millis(), 5);
    assert_eq!(work.running.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_an_execution_stops_its_work() {
    let work = Arc::new(Work::default());
    let machine = single(looping_map(1).end());
    let run = run(machine, &work, json!({"items": [{"ms": 60_000}, {"ms": 60_000}]}));
    assert!(tokio::time::timeout(Duration::from_secs(1), run).await.is_err());
    assert_eq!(work.started.load(Ordering::SeqCst), 2);
    assert_eq!(work.running.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_result_writer_lays_results_out_as_aws_does() {
    let work = Arc::new(Work::default());
    let objects = Arc::new(MemoryObjects::new());
    let writer = ResultWriter::to(json!({"Bucket.$": "$.bucket", "Prefix": "runs/"}));
    let machine = single(looping_map(1).result_writer(writer).tolerated_failure_count(1).label("Segments").end());
    let interpreter = interpreter(machine, &work).objects(objects.clone());
    let items = json!([{"ms": 1}, {"error": "Bad"}, {"ms": 2}]);
    let outcome = interpreter.run(Execution::new("test", json!({"bucket": "b", "items": items}))).await;
    let Outcome::Succeeded(output) = outcome else { panic!("{outcome:?}") };
    let details = &output["ResultWriterDetails"];
    assert_eq!(details["Bucket"], "b");
    let read = async |key: &str| -> Value {
        serde_json::from_slice(&objects.get("b", key).await.expect("an object")).expect("json")
    };
    let manifest = read(details["Key"].as_str().expect("a key")).await;
    assert_eq!(manifest["MapRunArn"], output["MapRunArn"]);
    assert!(output["MapRunArn"].as_str().is_some_and(|arn| arn.contains(":mapRun:local/Segments:")));
    let part = |status: &str| manifest["ResultFiles"][status][0]["Key"].as_str().map(str::to_owned);
    let succeeded = read(&part("SUCCEEDED").expect("a part")).await;
    assert_eq!(succeeded.as_array().map(Vec::len), Some(2));
    assert_eq!(succeeded[0]["Output"], "1");
    assert_eq!(succeeded[0]["StopDate"], "2026-01-01T00:00:00.001Z");
    let failed = read(&part("FAILED").expect("a part")).await;
    assert_eq!((&failed[0]["Error"], &failed[0]["Status"]), (&json!("Bad"), &json!("FAILED")));
}

#[tokio::test(start_paused = true)]
async fn results_that_fit_no_payload_fail_the_map() {
    let work = Arc::new(Work::default());
    let big = Flow::starting_at("Big").state("Big", Pass::new().result("x".repeat(100_000).into()).end());
    let machine = single(Map::distributed(ExecutionType::Express, big).end());
    assert_eq!(error_of(run(machine, &work, json!([1, 2, 3])).await), "States.DataLimitExceeded");
}

#[tokio::test(start_paused = true)]
async fn express_children_end_after_five_minutes() {
    let work = Arc::new(Work::default());
    let wait = Flow::starting_at("Wait").state("Wait", Wait::seconds(301).end());
    let machine = single(Map::distributed(ExecutionType::Express, wait).tolerated_failure_percentage(100.0).end());
    let begun = Instant::now();
    assert_eq!(run(machine, &work, json!([1])).await, Outcome::Succeeded(json!([])));
    assert_eq!(begun.elapsed().as_secs(), 300);
}

#[derive(Default)]
struct Recorder(Mutex<Vec<(String, u64, EventKind)>>);

impl Observer for Recorder {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().expect("events").push((event.execution.to_owned(), event.id, event.kind));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_history_ends_the_execution() {
    let work = Arc::new(Work::default());
    let recorder = Arc::new(Recorder::default());
    let machine = StateMachine::builder("Loop")
        .state("Loop", Pass::new().next("Again"))
        .state("Again", asl::Choice::new().when(Rule::variable("$.stop").is_present(), "End").otherwise("Loop"))
        .state("End", Succeed::new())
        .build()
        .expect("a valid machine");
    let limits = Limits { history_events: Some(25_000), ..Limits::default() };
    let interpreter = interpreter(machine, &work).limits(limits).observer(recorder.clone());
    let outcome = interpreter.run(Execution::new("test", json!({}))).await;
    assert_eq!(error_of(outcome), "States.Runtime");
    let events = recorder.0.lock().expect("events");
    assert!(events.iter().map(|(_, id, _)| *id).eq(1..=events.len() as u64));
    assert_eq!(events.last().map(|(_, _, kind)| *kind), Some(EventKind::ExecutionFailed));
    assert_eq!(events.len(), 25_000);
}

#[tokio::test]
async fn an_endless_loop_can_be_stopped() {
    let work = Arc::new(Work::default());
    let definition = json!({"StartAt": "Loop", "States": {"Loop": {"Type": "Pass", "Next": "Loop"}}});
    let run = run(serde_json::from_value(definition).expect("a machine"), &work, json!({}));
    assert!(tokio::time::timeout(Duration::from_millis(20), run).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn each_child_has_a_history_of_its_own() {
    let work = Arc::new(Work::default());
    let recorder = Arc::new(Recorder::default());
    let interpreter = interpreter(single(looping_map(1).end()), &work).observer(recorder.clone());
    interpreter.run(Execution::new("test", json!({"items": [{}, {}]}))).await;
    let events = recorder.0.lock().expect("events");
    let starts: Vec<&str> = events
        .iter()
        .filter(|(_, id, kind)| *id == 1 && *kind == EventKind::ExecutionStarted)
        .map(|(execution, ..)| execution.as_str())
        .collect();
    assert_eq!(starts.len(), 3);
    assert_eq!(starts[0], "arn:aws:states:local:000000000000:execution:local:test");
    assert!(starts[1..].iter().all(|child| child.contains(":execution:local/Only:")));
}

#[test]
fn executions_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let work = Arc::new(Work::default());
    let machine = single(looping_map(1).end());
    let interpreter = Interpreter::new(machine, work).expect("a supported machine");
    is_send(&interpreter.run(Execution::new("test", json!({}))));
}

#[test]
fn jsonata_and_assign_are_refused() {
    let refused = |definition: Value| {
        let machine: StateMachine = serde_json::from_value(definition).expect("a machine");
        Interpreter::new(machine, Arc::new(Work::default())).err().map(|refused| refused.to_string())
    };
    let pass = |fields: Value| {
        let mut state = json!({"Type": "Pass", "End": true});
        state.as_object_mut().expect("fields").extend(fields.as_object().cloned().unwrap_or_default());
        json!({"StartAt": "P", "States": {"P": state}})
    };
    assert_eq!(refused(pass(json!({}))), None);
    assert_eq!(refused(pass(json!({"Assign": {"a": 1}}))), Some("Assign is not supported (in state P)".into()));
    let jsonata = refused(pass(json!({"QueryLanguage": "JSONata"})));
    assert_eq!(jsonata, Some("the query language JSONata is not supported (in state P)".into()));
}
