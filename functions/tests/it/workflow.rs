//! The whole workflow, by the real binaries.

use asl::interpret::Outcome;
use migration::deployment::{METRICS_NAMESPACE, Metric};
use migration::summary::{self, Status};
use migration::{Kind, Task};
use serde_json::{Value, json};

use crate::stack::{self, Ran};
use crate::world::{SECRET, STACK, World};

const STEPS: &str = "backup: true\nprewarm: { read_units: 20, write_units: 20 }\nsegments: 3\n\
                     transform: [ { rename: { path: old, to: new } } ]";

/// The sum of a metric over all lines.
fn sum(metrics: &[Value], metric: Metric) -> f64 {
    metrics.iter().map(|line| line[metric.name()].as_f64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_functions_run_a_migration() {
    let world = World::new(40, STEPS).await;
    let ran = stack::run(&world).await;
    assert!(matches!(ran.outcome, Outcome::Succeeded(_)), "{:?}", ran.outcome);
    assert!(world.items().await.iter().all(|item| item.contains_key("new") && !item.contains_key("old")));
    let summary = summary::read(&world.ledger, &world.plan.run).await.unwrap().unwrap();
    assert_eq!((summary.status, summary.counts.written, summary.segments.succeeded), (Status::Succeeded, 40, 3));
    lines_tell_of_every_call(&world, &ran);
    metrics_are_the_ledgers(&world, &ran, &summary.counts);
    no_value_was_shown(&ran);
    assert!(!world.was_imds_asked());
}

fn lines_tell_of_every_call(world: &World, ran: &Ran) {
    let logs = ran.logs();
    for task in Task::IN_PLACE {
        let of_task = |line: &&Value| line["task"] == task.name();
        let begun = logs.iter().filter(of_task).filter(|line| line["message"] == "begins");
        let ended: Vec<_> = logs.iter().filter(of_task).filter(|line| line["message"] == "ends").collect();
        let requests: Vec<_> = begun.map(|line| &line["requestId"]).collect();
        assert!(!requests.is_empty(), "{task} was not called");
        assert_eq!(requests, ended.iter().map(|line| &line["requestId"]).collect::<Vec<_>>());
        for line in &ended {
            assert!(line["duration_ms"].is_u64() && line["outcome"].is_string(), "{line}");
            assert!(line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
            assert_eq!((&line["level"], &line["run"]), (&json!("INFO"), &json!(world.plan.run)));
        }
    }
    let ended = |task: Task| {
        let is_last = |line: &&Value| line["task"] == task.name() && line["message"] == "ends";
        logs.iter().filter(is_last).cloned().collect::<Vec<_>>()
    };
    let workers = ended(Task::MigrateSegment);
    let mut children: Vec<_> = workers.iter().map(|line| line["child"].as_u64().unwrap()).collect();
    children.sort_unstable();
    assert_eq!(children, [0, 1, 2]);
    assert_eq!(workers.iter().map(|line| line["written"].as_u64().unwrap()).sum::<u64>(), 40);
    assert!(workers.iter().all(|line| line["loops"] == 0 && line["segments_done"] == 1));
    assert_eq!(ended(Task::Summarise)[0]["outcome"], "succeeded");
    assert!(ended(Task::Prewarm)[0].get("scanned").is_none());
    assert_eq!(ended(Task::CheckPrewarm).last().unwrap()["outcome"], "done");
}

fn metrics_are_the_ledgers(world: &World, ran: &Ran, counts: &migration::Counts) {
    let metrics = ran.metrics();
    for line in &metrics {
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], METRICS_NAMESPACE, "{line}");
        assert_eq!((&line["run"], &line["Stack"]), (&json!(world.plan.run), &json!(STACK)));
    }
    let sums = [Metric::ItemsScanned, Metric::ItemsWritten, Metric::SegmentsDone].map(|metric| sum(&metrics, metric));
    assert_eq!(sums, [40.0, 40.0, 3.0]);
    assert_eq!(sum(&metrics, Metric::ReadUnits), counts.read_units);
    assert_eq!(sum(&metrics, Metric::WriteUnits), counts.write_units);
}

/// R20, in everything that was written.
fn no_value_was_shown(ran: &Ran) {
    for (task, output) in &ran.outputs {
        assert!(!output.stdout.contains(SECRET) && !output.stderr.contains(SECRET), "{task}: {}", output.stdout);
    }
}

/// R19, R20: the run fails by name, its capacity goes back, and neither logs nor errors hold what the items hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_says_so_without_values() {
    let steps = "prewarm: { read_units: 20, write_units: 20 }\nsegments: 1\nmarker: done\n\
                 transform: [ { increment: { path: old, by: 1 } } ]";
    let world = World::new(5, steps).await;
    let ran = stack::run(&world).await;
    let Outcome::Failed(failure) = &ran.outcome else { panic!("expected a failure, found {:?}", ran.outcome) };
    assert_eq!(failure.error.as_ref().unwrap().as_str(), Kind::TooManyFailedItems.name());
    let logs = ran.logs();
    let line = logs.iter().find(|line| line["message"] == "fails").unwrap();
    assert_eq!((&line["error"], &line["level"]), (&json!(Kind::TooManyFailedItems.name()), &json!("ERROR")));
    assert_eq!((&line["task"], &line["failed"]), (&json!("MigrateSegment"), &json!(5)));
    // What the pages had counted is not lost with the error.
    assert_eq!(sum(&ran.metrics(), Metric::ItemsFailed), 5.0);
    no_value_was_shown(&ran);
    assert!(!format!("{failure:?}").contains(SECRET));
    assert_eq!(world.units_when_active().await, (10, 10));
}
