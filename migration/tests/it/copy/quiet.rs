//! R14: replay starts when no worker of the bulk can be alive any more.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use migration::copy::books;
use migration::plan::{Engine, Plan};
use migration::{Services, Task};
use serde_json::{Value, json};

use super::Copy;
use crate::tap::{Answer, Forward, Request, Tap};
use crate::world::things;

const LINES: &str = "target: { table: others }\ntransform: [ { set: { path: seen, value: true } } ]";

thread_local! {
    /// What is added to the time of day.
    static LATER: Cell<SignedDuration> = const { Cell::new(SignedDuration::ZERO) };
}

fn clock() -> Timestamp {
    Timestamp::from_second(1_795_167_000).unwrap() + LATER.get()
}

/// A page that never comes.
struct Stuck;

#[async_trait::async_trait]
impl Tap for Stuck {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        if request.operation == "Scan" {
            std::future::pending::<()>().await;
        }
        forward.await
    }
}

/// A copy on Step Functions, whose workers Lambda may have let go of.
async fn copy() -> Copy {
    let copy = Copy::new(things(3), "id", LINES).await;
    LATER.set(SignedDuration::ZERO);
    let plan = Plan { engine: Engine::StepFunctions, ..copy.plan.clone() };
    Copy { plan, ..copy }
}

fn at_our_time(mut services: Services) -> Services {
    services.clock = clock;
    services
}

async fn end_bulk(copy: &Copy, services: &Services) -> Value {
    Task::EndBulk.run(services, json!({ "run": copy.plan.run }), None).await.unwrap()
}

/// A worker that was killed has 15 minutes of its own, and a minute for clocks that differ.
#[tokio::test]
async fn a_worker_that_may_be_alive_is_waited_for() {
    let mut copy = copy().await;
    let services = at_our_time(copy.begun(None).await);
    copy.world.tap = Some(Arc::new(Stuck));
    let stuck = at_our_time(copy.services());
    assert!(tokio::time::timeout(Duration::from_millis(300), copy.work(&stuck)).await.is_err());
    for minutes in [0, 14, 15] {
        LATER.set(SignedDuration::from_mins(minutes));
        let answer = end_bulk(&copy, &services).await;
        assert_eq!(answer["ready"], false, "after {minutes} minutes");
        assert!(answer["wait_seconds"].as_u64().unwrap() > 0);
        assert_eq!(books::course(&copy.world.ledger, &copy.plan.run).await.unwrap().bulk_over, None);
    }
    LATER.set(SignedDuration::from_mins(17));
    assert_eq!(end_bulk(&copy, &services).await["ready"], true);
    assert!(books::course(&copy.world.ledger, &copy.plan.run).await.unwrap().bulk_over.is_some());
}

/// One that has ended isn't.
#[tokio::test]
async fn a_worker_that_has_ended_is_not_waited_for() {
    let copy = copy().await;
    let services = at_our_time(copy.begun(None).await);
    assert_eq!(copy.work(&services).await.unwrap()["done"], true);
    assert_eq!(copy.target().await.len(), 3);
    assert_eq!(end_bulk(&copy, &services).await["ready"], true);
}

/// A worker that begins when the bulk was declared over reads nothing and writes nothing: replay may have begun.
#[tokio::test]
async fn a_worker_that_comes_too_late_does_nothing() {
    let copy = copy().await;
    let services = at_our_time(copy.begun(None).await);
    assert_eq!(end_bulk(&copy, &services).await["ready"], true);
    assert_eq!(copy.work(&services).await.unwrap()["done"], true);
    assert_eq!(copy.target().await, [json!(null); 0]);
}

#[tokio::test]
async fn replay_is_refused_before_the_bulk_is_over() {
    let copy = copy().await;
    let services = at_our_time(copy.begun(None).await);
    let early = Task::StartReplay.run(&services, json!({ "run": copy.plan.run }), None).await.unwrap_err();
    assert!(early.to_string().starts_with("expected the bulk to be over"), "{early}");
}

/// Ended by a retry, a bulk that was cut off would be over before it was read.
#[tokio::test]
async fn a_retry_ends_no_bulk_that_was_not_read_to_its_end() {
    let copy = copy().await;
    let services = at_our_time(copy.begun(None).await);
    let steps = async |attempt: u32| {
        let retry = copy.plan.clone().retried(copy.plan.definition.clone(), attempt).unwrap();
        let prepared = Task::Prepare.run(&services, serde_json::to_value(retry).unwrap(), None).await.unwrap();
        (prepared["bulk"].clone(), prepared["copying"].clone(), prepared["verify"].clone())
    };
    assert_eq!(steps(2).await, (json!(true), json!(false), json!(false)));
    let resumed = copy.plan.clone().resumed(3);
    Task::Prepare.run(&services, serde_json::to_value(resumed).unwrap(), None).await.unwrap();
    assert_eq!(copy.work(&services).await.unwrap()["done"], true);
    assert_eq!(steps(4).await, (json!(true), json!(true), json!(true)));
}
