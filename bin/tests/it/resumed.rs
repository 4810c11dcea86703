//! A run that was stopped or killed is taken up again where its last pages ended.

use serde_json::{Value, json};

use crate::main_job::count;
use crate::support::{Ended, Folder, Running, Served, lines};

const STEPS: &str = "- increment: { path: n, by: 1, marker: counted }";
const ITEMS: u64 = 1_500;

fn items() -> Vec<Value> {
    (0..ITEMS).map(|n| json!({ "id": { "S": format!("{n:05}") }, "n": { "N": n.to_string() } })).collect()
}

fn folder_with_table() -> Folder {
    let folder = Folder::with_steps(STEPS);
    folder.write("data.jsonl", lines(&items()));
    assert_eq!(folder.run("--data data.jsonl --database table.db --dry-run").code, Some(0));
    folder
}

/// Begins a run and kills it in the middle of its work.
fn killed(folder: &Folder) {
    let flags = "--database table.db --segments 300 --workers 2 --prewarm --prewarm-rcu 1500 --prewarm-wcu 1500";
    let mut running = Running::start(folder.command(flags.split_whitespace()));
    // The first page is done.
    running.wait_for_line("items/s");
    running.signal("KILL");
    assert_eq!(running.end().code, None);
}

#[tokio::test]
async fn a_run_that_was_killed_goes_on_and_counts_nothing_twice() {
    let folder = folder_with_table();
    killed(&folder);
    let run = folder.only_run();
    let resumed = folder.run(&format!("resume {run} --output json"));
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert_eq!(count(&resumed.json(), "scanned"), ITEMS);
    for line in folder.export_lines("table.db", "things") {
        let item: Value = serde_json::from_str(&line).unwrap();
        let number: u64 = item["Item"]["id"]["S"].as_str().unwrap().parse().unwrap();
        assert_eq!(item["Item"]["n"], json!({ "N": (number + 1).to_string() }));
    }
    assert_units(&folder, 1_000).await;
    let again = folder.run(&format!("resume {run}"));
    assert_eq!(again.code, Some(0));
    assert!(again.stderr.contains("has succeeded: there is nothing to go on with"), "{}", again.stderr);
}

#[tokio::test]
async fn the_capacity_of_a_killed_run_can_be_put_back_alone() {
    let folder = folder_with_table();
    killed(&folder);
    let run = folder.only_run();
    let told = folder.run("--database table.db --dry-run");
    assert!(
        told.stderr.contains(&format!("`run restore {run}` puts it back to 1,000 read + 1,000 write")),
        "{}",
        told.stderr
    );
    let restored = folder.run(&format!("restore {run}"));
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert_units(&folder, 1_000).await;
    let again = folder.run(&format!("restore {run}"));
    assert!(again.stderr.contains("has nothing to put back"), "{}", again.stderr);
}

/// Whatever the command is for.
#[tokio::test]
async fn whoever_is_at_a_terminal_is_offered_to_have_it_put_back() {
    let folder = folder_with_table();
    killed(&folder);
    let run = folder.only_run();
    let left = format!("run {run} was killed and has left table things raised: `run restore {run}` puts it back to");
    let shown = folder.run_on_a_terminal("status", "n\n");
    assert!(shown.contains(&left) && shown.contains("put it back now? [y/N] n"), "{shown}");
    // Nobody could answer.
    let piped = folder.run("status");
    assert!(piped.stderr.contains(&left) && !piped.stderr.contains("now?"), "{}", piped.stderr);
    let shown = folder.run_on_a_terminal("watch", "y\n");
    assert!(shown.contains("it has 1,000 read + 1,000 write units again"), "{shown}");
    assert_units(&folder, 1_000).await;
    assert!(!folder.run("status").stderr.contains("has left"));
}

#[test]
fn a_run_that_is_not_there_is_refused_with_those_that_are() {
    let folder = Folder::with_example();
    let refused = |ended: &Ended| assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let none = folder.run("resume nobody");
    refused(&none);
    assert!(none.stderr.contains("found no nobody; there are: none"), "{}", none.stderr);
    assert_eq!(folder.run("--items 20 --segments 2").code, Some(0));
    let run = folder.only_run();
    for command in ["resume", "restore", "failures"] {
        let ended = folder.run(&format!("{command} ../{run}"));
        refused(&ended);
        assert!(ended.stderr.contains(&run), "{}", ended.stderr);
    }
}

async fn assert_units(folder: &Folder, units: i64) {
    let served = Served::start(folder, "table.db");
    let table = served.client.describe_table().table_name("things").send().await.unwrap().table.unwrap();
    let found = table.provisioned_throughput.unwrap();
    assert_eq!((found.read_capacity_units, found.write_capacity_units), (Some(units), Some(units)));
    served.end("TERM");
}

/// What an earlier run has left behind is in nobody's way, and isn't passed over in silence either.
#[test]
fn a_ledger_that_cannot_be_read_is_said_and_is_in_nobodys_way() {
    let folder = Folder::with_example();
    std::fs::create_dir_all(folder.path().join(".segue/runs")).unwrap();
    folder.write(".segue/runs/broken-20261120T000000000Z.db", "no database");
    let ended = folder.run("--items 20 --segments 2");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("the ledger of run broken-20261120T000000000Z can't be read: "), "{}", ended.stderr);
}

#[test]
fn a_run_without_failed_items_has_nothing_to_retry() {
    let folder = Folder::with_example();
    assert_eq!(folder.run("--items 20 --segments 2 --database table.db").code, Some(0));
    let run = folder.only_run();
    let refused = |args: &str, why: &str| {
        let ended = folder.run(&format!("retry {run} {args}"));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    };
    refused("", "has no failed items to take up");
    refused("--migration nowhere.yaml", "expected a migration in nowhere.yaml");
}
