//! A run on a stack, from the built binary to its report: against an AWS in this process that really executes it.

use migration::Task;
use migration::item::json::item_to_json;
use serde_json::json;

use crate::fake_aws::{MACHINE, STACK, World, aside};
use crate::main_job::count;
use crate::support::{Ended, Folder};

const NOW: &str = "--now 2026-11-20T09:30:00Z";

/// The table as `export` writes it, sorted.
async fn table_of(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    let mut start = None;
    loop {
        let scan = world.client.scan().table_name("movies").set_exclusive_start_key(start).send().await.unwrap();
        lines.extend(scan.items().iter().map(|item| json!({ "Item": item_to_json(item) }).to_string()));
        start = scan.last_evaluated_key;
        if start.is_none() {
            lines.sort();
            return lines;
        }
    }
}

fn run_of(ended: &Ended) -> String {
    ended.json()["run"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_bare_run_runs_on_what_was_deployed_as_the_rehearsal_does() {
    // Both are told the same time.
    let timed = || {
        let folder = Folder::with_example();
        let yaml = std::fs::read_to_string(folder.path().join("migration.yaml")).unwrap();
        let stamped = yaml.replace("transform:\n", "transform:\n  - set: { path: seen_at, value: \"${now}\" }\n");
        folder.write("migration.yaml", stamped);
        folder
    };
    let world = World::deployed(timed(), 300).await;
    let ended = world.run(&format!("--segments 7 --prewarm --yes {NOW}")).await;
    insta::assert_snapshot!("deployed", ended.shown());
    let rehearsed = timed();
    let rehearsal = rehearsed.run_json(&format!("--items 300 --segments 7 --database table.db {NOW}"), 0);
    assert_eq!(count(&rehearsal, "written"), 294);
    let table = table_of(&world).await;
    assert_eq!(table, rehearsed.export_lines("table.db", "movies"));
    assert_eq!(table.iter().filter(|item| item.contains("2026-11-20T09:30:00Z")).count(), 294);

    // R3, and the object.
    let again = world.run(&format!("--segments 13 --yes --output json {NOW}")).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let report = again.json();
    assert_eq!((&report["engine"], &report["status"]), (&json!("step-functions"), &json!("succeeded")));
    assert_eq!((count(&report, "scanned"), count(&report, "written")), (300, 0));
    assert_eq!(world.aws.executions().len(), 2);
}

#[tokio::test]
async fn a_stack_is_named_by_flags_and_by_the_variable() {
    let world = World::with_example(20).await;
    world.forget_deployment();
    let flags =
        [format!("--stack {STACK}"), format!("--state-machine {MACHINE}"), "--engine step-functions".to_owned()];
    for (at, flags) in flags.iter().enumerate() {
        let mut command = world.command(&format!("{flags} --segments 2 --yes --output json"));
        command.env("AWS_REGION", "eu-west-1");
        if at == 2 {
            command.env("SFN_ARN", MACHINE);
        }
        let ended = World::end(command).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("on stack {STACK}")), "{}", ended.stderr);
    }
    // The variable alone is enough.
    let mut command = world.command("--segments 2 --yes --output json");
    command.env("SFN_ARN", MACHINE);
    assert_eq!(World::end(command).await.json()["engine"], "step-functions");
    assert_eq!(world.aws.executions().len(), 4);
    // And --engine embedded always rehearses.
    let mut command = world.command("--engine embedded --items 20 --segments 2 --output json");
    command.env("SFN_ARN", MACHINE);
    assert_eq!(World::end(command).await.json()["engine"], "embedded");
    assert_eq!(world.aws.executions().len(), 4);
}

#[tokio::test]
async fn items_that_fail_are_listed_and_the_capacity_is_back() {
    let world = World::with_example(100).await;
    // A text is no date.
    let put = world.client.put_item().table_name("movies");
    let put = put.item("year", aws_sdk_dynamodb::types::AttributeValue::N("1".into()));
    let put = put.item("title", aws_sdk_dynamodb::types::AttributeValue::S("Undated".into()));
    let date = aws_sdk_dynamodb::types::AttributeValue::S("soon".into());
    put.item("info", aws_sdk_dynamodb::types::AttributeValue::M([("release_date".to_owned(), date)].into()))
        .send()
        .await
        .unwrap();
    let ended = world.run(&format!("--segments 1 --prewarm --yes {NOW}")).await;
    insta::assert_snapshot!("deployed_failing", ended.shown());
    let run = world.aws.executions().pop().unwrap();
    let failures = world.run(&format!("failures {run}")).await;
    assert_eq!(failures.code, Some(0), "{}", failures.stderr);
    assert!(failures.stdout.contains("Undated"), "{}", failures.stdout);
    let restored = world.run(&format!("restore {run}")).await;
    assert_eq!((restored.code, restored.stderr.trim_end()), (Some(0), &*format!("run {run} has nothing to put back")));
}

/// The run goes on without whoever started it, and is followed by somebody else.
#[tokio::test]
async fn a_detached_run_is_looked_at_and_watched() {
    let world = World::with_example(60).await;
    world.aws.hold(Task::MigrateSegment);
    let ended = world.run("--segments 5 --prewarm --yes --detach").await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    insta::assert_snapshot!("deployed_detached", ended.shown());
    let run = world.aws.executions().pop().unwrap();
    assert_eq!(ended.stdout.lines().next(), Some(&*format!("{}:{run}", MACHINE.replace("stateMachine", "execution"))));

    // Another is refused meanwhile, and nothing of it is begun.
    let other = world.run("--segments 5 --yes").await;
    insta::assert_snapshot!("deployed_beside_another", other.shown());
    let restored = world.run(&format!("restore {run}")).await;
    assert_eq!(restored.code, Some(2), "{}", restored.stderr);
    assert!(restored.stderr.contains("is under way"), "{}", restored.stderr);
    assert_eq!(world.aws.executions().len(), 1);

    // It waits in its Map.
    let status = wait_for_phase(&world, "migrating").await;
    assert_eq!((status["run"].as_str(), status["status"].as_str()), (Some(&*run), Some("running")));
    assert_eq!(status["segments"], json!({ "total": 5, "succeeded": 0, "failed": 0 }));
    assert_eq!(status["capacity"]["raised"], true);
    assert_eq!(status["children"]["running"], 5);
    let text = world.run(&format!("status {run}")).await;
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    insta::assert_snapshot!("deployed_status", without_rates(&text.shown()));

    let mut watching = world.start(&format!("watch {run} --output json"));
    let mut watching = aside(move || {
        watching.wait_for_line("run tidy-movies");
        watching
    })
    .await;
    world.aws.let_go(Task::MigrateSegment);
    let ended = aside(move || {
        watching.wait_for_line("succeeded after");
        watching.end()
    })
    .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.json()["status"], "succeeded");
    // The newest run, once more.
    let status = world.run("status --output json").await;
    assert_eq!((run_of(&status), status.code), (run, Some(0)));
}

/// Looks until the run is that far.
pub(crate) async fn wait_for_phase(world: &World, phase: &str) -> serde_json::Value {
    loop {
        let status = world.run("status --output json").await;
        assert_eq!(status.code, Some(0), "{}", status.stderr);
        let status = status.json();
        if status["phase"] == phase {
            return status;
        }
    }
}

pub(crate) fn without_rates(shown: &str) -> String {
    let filters = [
        (r"since \d{4}-[^:]+:\d\d:[0-9.]+Z", "since [start]"),
        (r"rates       [1-9].* since the work began", "rates       [rates] since the work began"),
    ];
    filters.iter().fold(shown.to_owned(), |shown, (pattern, with)| {
        regex_lite::Regex::new(pattern).unwrap().replace_all(&shown, *with).into_owned()
    })
}

#[tokio::test]
async fn dry_run_reads_a_sample_of_the_real_table() {
    let world = World::with_example(100).await;
    let before = table_of(&world).await;
    let ended = world.run("--dry-run --output json").await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.json()["sampled"], 100);
    assert_eq!((table_of(&world).await, world.aws.executions().len()), (before, 0));
}
