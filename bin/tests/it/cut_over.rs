//! A copy that is rehearsed in one process, and looked after from others: status, verify, changes, cut-over and its way back.

use aws_sdk_dynamodb::types::AttributeValue;
use regex_lite::Regex;
use serde_json::json;

use crate::support::{Folder, Running, Served};

pub(crate) const COPY: &str = "migration: by-title
source:
  table: movies
  key: { partition: { name: year, type: N }, sort: { name: title, type: S } }
target:
  table: movies-by-title
  create: true
  key: { partition: { name: title, type: S }, sort: { name: year, type: N } }
  reverse: [ { remove: { path: label } } ]
transform:
  - set: { path: label, value: \"${year}#${title}\" }
segments: 4
";

/// What people see, without what differs from run to run.
pub(crate) fn steady(text: &str) -> String {
    let filters = [
        (r"\d{8}T\d{9}Z", "[time]"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[moment]"),
        (r"after \d+\.\d s", "after [seconds] s"),
        (r"\d+ at a time", "[workers] at a time"),
        (r"\d+(\.\d)? read, ", "[n] read, "),
        (r"about \d+ read units", "about [n] read units"),
        // How often something is looked at is chance.
        (r"(?m)^  \d+ changes applied, .*\n", ""),
        (r"(?m)^.* items  .*items/s.*\n?", ""),
    ];
    filters.iter().fold(text.to_owned(), |text, (pattern, with)| {
        Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}

/// A copy of so many items that stays in step in a process of its own, and its run.
pub(crate) fn rehearsed(items: u32) -> (Folder, Running, String) {
    let folder = Folder::new();
    folder.write("migration.yaml", COPY);
    let items = items.to_string();
    let mut rehearsal = Running::start(folder.command(["--items", &items, "--database", "table.db"]));
    rehearsal.wait_for_line("in step:");
    let run = folder.only_run();
    (folder, rehearsal, run)
}

#[test]
fn a_rehearsed_copy_is_looked_after_and_cut_over_from_other_processes() {
    let (folder, rehearsal, run) = rehearsed(60);
    insta::assert_snapshot!("copy_status", steady(&folder.run(&format!("status {run}")).shown()));
    let status = folder.run_json(&format!("status {run}"), 0);
    assert_eq!((&status["copy"]["backlog"], &status["copy"]["alarms"]), (&json!(0), &json!([])));
    assert_eq!(status["copy"]["verified"]["clean"], true);
    insta::assert_snapshot!("verified", steady(&folder.run(&format!("verify {run}")).shown()));
    assert!(folder.run(&format!("changes {run}")).stdout.is_empty());

    let mut refused = folder.command(["cutover", &run, "--before", "echo the application goes on; false"]);
    let refused = crate::support::Ended::of(refused.output().unwrap());
    insta::assert_snapshot!("cutover_refused_by_the_application", steady(&refused.shown()));
    let after = "echo now on $SEGUE_TARGET";
    let mut cut = folder.command(["cutover", &run, "--reverse", "--before", "echo stopped", "--after", after]);
    let cut = crate::support::Ended::of(cut.output().unwrap());
    insta::assert_snapshot!("cutover", steady(&cut.shown()));
    insta::assert_snapshot!("cutover_again", steady(&folder.run(&format!("cutover {run}")).shown()));
    // What the application writes there by now is none of the source's.
    insta::assert_snapshot!("repair_after_cutover", steady(&folder.run(&format!("verify {run} --repair")).shown()));
    insta::assert_snapshot!("way_back", steady(&folder.run(&format!("status {run}-back")).shown()));
    insta::assert_snapshot!("cutover_not_verified", steady(&folder.run(&format!("cutover {run}-back")).shown()));
    insta::assert_snapshot!("way_back_verified", steady(&folder.run(&format!("verify {run}-back")).shown()));
    // Nothing is carried any more, so its process ends.
    insta::assert_snapshot!("way_back_given_up", steady(&folder.run(&format!("cutover {run}-back --abort")).shown()));
    let ended = rehearsal.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let key = ["year", "title"];
    let (source, target) =
        (folder.export("table.db", "movies", &key), folder.export("table.db", "movies-by-title", &key));
    assert_eq!((source.len(), target.len()), (60, 60));
    assert!(source.keys().eq(target.keys()) && source.values().all(|item| item.get("label").is_none()));
}

/// The target is the application's by then: to a repair all that it writes would be differences.
#[tokio::test]
async fn a_target_that_was_cut_over_to_is_not_repaired() {
    let folder = Folder::new();
    folder.write("migration.yaml", COPY);
    let ended = folder.run("--items 20 --database table.db --traffic 20 --traffic-seconds 1 --cutover");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let run = folder.only_run();
    let served = Served::start(&folder, "table.db");
    let put = served.client.put_item().table_name("movies-by-title");
    let put = put
        .item("title", AttributeValue::S("A film of the target's".into()))
        .item("label", AttributeValue::S("x".into()));
    put.item("year", AttributeValue::N("2026".into())).send().await.unwrap();
    served.end("INT");
    let before = folder.export("table.db", "movies-by-title", &["title"]);
    let refused = folder.run(&format!("verify {run} --repair"));
    assert_eq!((refused.code, folder.export("table.db", "movies-by-title", &["title"])), (Some(2), before));
    insta::assert_snapshot!("repair_after_cutover_without_a_way_back", steady(&refused.shown()));
    // It is compared all the same, and what differs is listed by the copy's name.
    let compared = folder.run(&format!("verify {run}"));
    assert_eq!(compared.code, Some(1), "{}", compared.stderr);
    assert!(
        compared.stdout.contains("to go on    nothing") && !compared.stdout.contains("--repair"),
        "{}",
        compared.stdout
    );
    let differences = folder.run(&format!("differences {run}"));
    let listed: serde_json::Value = serde_json::from_str(&differences.stdout).unwrap();
    assert_eq!(listed["target_key"]["title"]["S"], "A film of the target's", "{}", differences.shown());
}

#[test]
fn a_rehearsal_that_stays_in_step_hears_a_stop() {
    let (folder, rehearsal, run) = rehearsed(20);
    let stopped = folder.run(&format!("stop {run}"));
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    let ended = rehearsal.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("ended; what the source changes from here on is carried by nobody"),
        "{}",
        ended.stderr
    );
}

#[test]
fn two_tables_are_compared_and_what_differs_is_listed() {
    let folder = Folder::with_steps("- set: { path: label, value: new }");
    folder.write(
        "data.jsonl",
        "{\"Item\":{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}}\n{\"Item\":{\"id\":{\"S\":\"b\"}}}\n",
    );
    folder.run_json("--data data.jsonl --database table.db", 0);
    folder.write("data.jsonl", "{\"Item\":{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"2\"},\"label\":{\"S\":\"new\"}}}\n{\"Item\":{\"id\":{\"S\":\"c\"}}}\n");
    folder.run_json("--table other --data data.jsonl --database table.db --segments 1", 0);
    let compared = folder.run("verify --source things --target other --database table.db --segments 1");
    insta::assert_snapshot!("two_tables_differ", steady(&compared.shown()));
    let run = compared.stdout.split_whitespace().next().unwrap();
    let listed = folder.run(&format!("differences {run}"));
    insta::assert_snapshot!("differences", listed.shown());
    let repaired = folder.run_json("verify --source things --target other --database table.db --repair", 0);
    assert_eq!(repaired["found"]["repaired"], 3);
    let again = folder.run_json("verify --source things --target other --database table.db", 0);
    assert_eq!(again["found"]["source_items"], 2);
    assert_eq!(folder.export_lines("table.db", "things"), folder.export_lines("table.db", "other"));
    // In place: what the migration would still do.
    folder.write("migration.yaml", crate::support::things("- set: { path: label, value: newer }"));
    let left = folder.run_json("verify --database table.db", 1);
    assert_eq!(left["found"]["different"], 2);
    assert_eq!(folder.run("verify --database table.db --repair").code, Some(2));
}
