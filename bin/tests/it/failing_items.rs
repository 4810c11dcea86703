//! R19: an item that can't be migrated is counted, listed with its key and why, and never silently dropped.

use serde_json::{Value, json};

use crate::main_job::count;
use crate::support::{Ended, Folder, Served, lines};

/// Forty items; the date of every fourth is none.
fn items() -> Vec<Value> {
    let item = |number: u32| {
        let date = if number.is_multiple_of(4) { "soon" } else { "2020-01-02T03:04:05Z" };
        json!({ "id": { "S": format!("{number:02}") }, "date": { "S": date } })
    };
    (0..40).map(item).collect()
}

fn folder(tolerated: &str) -> Folder {
    let folder = Folder::with_steps("- convert: { path: date, to: epoch_seconds }");
    let migration = std::fs::read_to_string(folder.path().join("migration.yaml")).unwrap();
    folder.write("migration.yaml", migration + tolerated);
    folder.write("data.jsonl", lines(&items()));
    folder
}

#[test]
fn within_what_is_tolerated_the_run_succeeds_and_lists_them() {
    let folder = folder("tolerated_failures: { percentage: 50 }\n");
    let ended = folder.run("--data data.jsonl --database table.db --output json");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let report = ended.json();
    assert_eq!(report["status"], "succeeded");
    assert_eq!((count(&report, "written"), count(&report, "failed")), (30, 10));
    let listed: Vec<_> = ended.stderr.lines().filter(|line| line.contains("in segment")).collect();
    assert_eq!(listed.len(), 10, "{}", ended.stderr);
    for line in listed {
        assert!(line.contains(r#""id""#) && line.contains("date"), "{line}");
        // R20
        assert!(!line.contains("soon"), "{line}");
    }
    // The failed ones are exactly as they were.
    let exported = folder.export("table.db", "things", &["id"]);
    assert_eq!(exported[r#"{"S":"04"}"#], items()[4]);
    assert_eq!(exported[r#"{"S":"05"}"#]["date"], json!({ "N": "1577934245" }));
}

#[test]
fn beyond_what_is_tolerated_the_run_fails() {
    let folder = folder("tolerated_failures: { percentage: 20 }\n");
    let report = folder.run_json("--data data.jsonl", 1);
    assert_eq!(report["status"], "failed");
    let parts = ["written", "deleted", "unchanged", "filtered", "gone", "failed"];
    assert_eq!(parts.map(|outcome| count(&report, outcome)).iter().sum::<u64>(), count(&report, "scanned"));
}

#[test]
fn where_nothing_is_tolerated_one_is_enough() {
    let folder = folder("");
    let ended = folder.run("--data data.jsonl --database table.db --segments 1");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    // Failed items of a page are listed as they come.
    let (mut failed, rest): (Vec<_>, Vec<_>) = ended.stdout.lines().partition(|line| line.contains("in segment"));
    failed.sort_unstable();
    let stdout = [rest, failed].concat().join("\n");
    insta::assert_snapshot!("one_failed_item_is_too_many", Ended { stdout, ..ended }.shown());
    // A second run finds what the first has done.
    let again = folder.run_json("--database table.db --segments 1", 1);
    assert_eq!((count(&again, "written"), count(&again, "unchanged"), count(&again, "failed")), (0, 30, 10));
}

/// An item that would pass 400 KB stays as it is; all others are done, and the capacity is put back.
#[tokio::test]
async fn an_item_that_would_pass_400_kb() {
    let large = json!({ "id": { "S": "large" }, "text": { "S": "x".repeat(400 * 1024 - 40) } });
    let small = (0..20).map(|number| json!({ "id": { "S": format!("small {number}") } }));
    let all: Vec<_> = small.chain([large.clone()]).collect();
    let folder = Folder::with_steps("- set: { path: label, value: \"label of ${id}, which makes it longer\" }");
    folder.write("data.jsonl", lines(&all));
    let ended = folder.run("--data data.jsonl --database table.db --segments 1 --prewarm");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    insta::assert_snapshot!("an_item_would_pass_400_kb", ended.shown());

    let exported = folder.export("table.db", "things", &["id"]);
    assert_eq!(exported.len(), 21);
    assert!(exported[r#"{"S":"large"}"#] == large, "the item that can't grow has changed");
    for (key, item) in exported.iter().filter(|(key, _)| key.contains("small")) {
        assert!(item.get("label").is_some(), "{key}");
    }
    let served = Served::start(&folder, "table.db");
    let table = served.client.describe_table().table_name("things").send().await.unwrap().table.unwrap();
    let units = table.provisioned_throughput.unwrap();
    assert_eq!((units.read_capacity_units, units.write_capacity_units), (Some(1_000), Some(1_000)));
    served.end("TERM");
}

/// The migration is mended, and what failed is taken up, and nothing else.
#[test]
fn failed_items_are_done_after_the_migration_was_mended() {
    let folder = folder("tolerated_failures: { percentage: 50 }\n");
    folder.run_json("--data data.jsonl --database table.db", 0);
    let run = folder.only_run();
    let before = folder.export("table.db", "things", &["id"]);
    let mended = "- set: { path: date, value: 0 }";
    folder.write("migration.yaml", crate::support::things(mended) + "tolerated_failures: { percentage: 50 }\n");
    let ended = folder.run(&format!("retry {run} --output json"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("10 failed items are taken up again"), "{}", ended.stderr);
    let report = ended.json();
    assert_eq!((count(&report, "scanned"), count(&report, "written"), count(&report, "failed")), (40, 40, 0));
    assert!(folder.run(&format!("failures {run}")).stdout.is_empty());
    for (key, item) in folder.export("table.db", "things", &["id"]) {
        let expected = if before[&key]["date"] == json!({ "S": "soon" }) {
            json!({ "N": "0" })
        } else {
            before[&key]["date"].clone()
        };
        assert_eq!(item["date"], expected, "{key}");
    }
    // Then there is nothing to take up, and nothing to go on with.
    assert_eq!(folder.run(&format!("retry {run}")).code, Some(2));
    assert!(folder.run(&format!("resume {run}")).stderr.contains("nothing to go on with"));
}
