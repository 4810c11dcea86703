//! `run status` and `run watch` on runs of this machine: they have ended, were killed, or are under way elsewhere.

use serde_json::json;

use crate::main_job::count;
use crate::support::{Folder, Running};

#[test]
fn a_run_that_has_ended_shows_its_report() {
    let folder = Folder::with_example();
    let report = folder.run_json("--items 50 --segments 3 --database table.db", 0);
    let status = folder.run_json("status", 0);
    assert_eq!(status, report);
    let run = report["run"].as_str().unwrap();
    assert_eq!(folder.run_json(&format!("status {run}"), 0), report);
    assert_eq!(folder.run_json(&format!("watch {run}"), 0), report);
    // The newest is meant where none is named.
    let second = folder.run_json("--segments 4 --database table.db", 0);
    assert_eq!(folder.run_json("status", 0), second);
    assert_eq!(count(&second, "written"), 0);
}

#[test]
fn a_rehearsal_whose_database_is_gone_still_has_its_report() {
    let folder = Folder::with_example();
    let report = folder.run_json("--items 50 --segments 3", 0);
    assert_eq!(folder.run_json("status", 0), report);
}

/// Its ledger is held by the process that works on it.
#[test]
fn a_run_that_is_under_way_is_said_to_be_and_one_that_was_killed_too() {
    let folder = Folder::with_example();
    let mut running = Running::start(
        folder.command("--items 20000 --segments 40 --workers 1 --database table.db".split_whitespace()),
    );
    running.wait_for_line("items/s");
    let status = folder.run("status");
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    insta::assert_snapshot!("status_held", status.shown());
    assert_eq!(folder.run("status --output json").json()["status"], "running");
    insta::assert_snapshot!("watch_held", folder.run("watch").shown());
    drop(running);

    let status = folder.run_json("status", 0);
    assert_eq!(status["status"], "cut_off");
    assert_eq!(status["capacity"]["raised"], true);
    assert_eq!(status["segments"]["total"], 40);
    assert_ne!(status["items"]["scanned"], json!(0));
    let shown = folder.run("status");
    assert!(shown.stdout.contains("was cut off before its end; `run resume tidy-movies-"), "{}", shown.stdout);
    assert_eq!(folder.run("watch").code, Some(2));
}
