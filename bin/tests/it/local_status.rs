//! `run status` and `run watch` on runs of this machine: they have ended, were killed, or are under way elsewhere.

use std::path::PathBuf;

use regex_lite::Regex;
use serde_json::{Value, json};

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

/// Its ledger is held by the process that works on it, which answers for it.
#[test]
fn a_run_that_is_under_way_is_looked_at_and_one_that_was_killed_is_said_to_be() {
    let folder = Folder::with_example();
    let running = under_way(&folder);
    let shown = folder.run("status").shown();
    let since = Regex::new(r"since \d{4}-[^:]+:\d\d:[0-9.]+Z").unwrap();
    let figures = Regex::new(r"[\d,]+ (items/s|scanned|written|unchanged|filtered|of 40 done)").unwrap();
    let units = Regex::new(r"[\d,]+ read \+ [\d,]+ write units/s").unwrap();
    let shown = units.replace(&shown, "[n] read + [n] write units/s").into_owned();
    let shown = since.replace(&shown, "since [start]");
    insta::assert_snapshot!("status_under_way", figures.replace_all(&shown, "[n] $1"));
    let first = folder.run_json("status", 0);
    assert_eq!((&first["status"], &first["phase"]), (&json!("running"), &json!("migrating")));
    assert!(count(&first, "scanned") > 0, "{first}");
    let run = first["run"].as_str().unwrap();
    for command in ["resume", "restore"] {
        insta::assert_snapshot!("refused_under_way", folder.run(&format!("{command} {run}")).shown());
    }
    drop(running);

    // The note of a process that was killed stays; the lock tells.
    assert!(note(&folder, run).exists());
    let status = folder.run_json("status", 0);
    assert_eq!(status["status"], "cut_off");
    assert_eq!(status["capacity"]["raised"], true);
    assert_eq!(status["segments"]["total"], 40);
    assert!(count(&status, "scanned") >= count(&first, "scanned"), "{status}");
    let shown = folder.run("status");
    assert!(shown.stdout.contains("was cut off before its end; `run resume tidy-movies-"), "{}", shown.stdout);
    assert_eq!(folder.run("watch").code, Some(2));
}

#[test]
fn a_run_that_is_under_way_is_watched_to_its_end() {
    let folder = Folder::with_example();
    let running = under_way(&folder);
    let mut leaving = Running::start(folder.command(["watch"]));
    leaving.wait_for_line("items/s");
    leaving.signal("INT");
    let left = leaving.end();
    assert_eq!(left.code, Some(130), "{}", left.stderr);
    assert!(left.stderr.contains("stopped following: run tidy-movies-"), "{}", left.stderr);

    let mut watching = Running::start(folder.command("watch --output json".split_whitespace()));
    watching.wait_for_line("items/s");
    running.signal("INT");
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    let watched = watching.end();
    assert_eq!(watched.code, Some(130), "{}", watched.stderr);
    let report = watched.json();
    assert_eq!(report["status"], "stopped");
    assert!(!note(&folder, report["run"].as_str().unwrap()).exists());
}

/// Another process asks it, and it ends as with Ctrl-C.
#[test]
fn a_run_that_is_under_way_is_asked_to_stop() {
    let folder = Folder::with_example();
    let running = under_way(&folder);
    let run = folder.only_run();
    let shown = |args: &str| folder.run(&format!("{args} {run}")).shown();
    insta::assert_snapshot!("throttled", shown("throttle --write-units 700"));
    insta::assert_snapshot!("stop_now", shown("stop --now"));
    let stopped = folder.run(&format!("stop {run} --output json"));
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("is asked to stop: pages under way are finished"), "{}", stopped.stderr);
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("asked to stop: "), "{}", ended.stderr);
    let report = stopped.json();
    assert_eq!(report["status"], "stopped");
    assert!(ended.stdout.contains("1,000 read + 1,000 write units again"), "{}", ended.stdout);
    for command in ["stop", "pause"] {
        insta::assert_snapshot!("has_ended", shown(command));
    }
    // What asked it to stop is forgotten when it goes on.
    assert_eq!(folder.run_json(&format!("resume {run}"), 0)["items"]["scanned"], 20_000);
}

/// The secret opens the ledger to whoever has it.
#[cfg(unix)]
#[test]
fn the_way_to_the_ledger_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with_example();
    let running = under_way(&folder);
    let run = folder.run_json("status", 0)["run"].as_str().unwrap().to_owned();
    let file = note(&folder, &run);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // With another secret nobody gets in: the process is there, and doesn't answer.
    let mut other: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    other["access_key_id"] = "0123456789abcdef0123456789abcdef".into();
    std::fs::write(&file, other.to_string()).unwrap();
    let ended = folder.run("status");
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("which doesn't answer for it"), "{}", ended.stderr);
    drop(running);
}

/// A run that has begun, and takes long.
fn under_way(folder: &Folder) -> Running {
    let mut running = Running::start(
        folder.command("--items 20000 --segments 40 --workers 1 --database table.db".split_whitespace()),
    );
    running.wait_for_line("items/s");
    running
}

fn note(folder: &Folder, run: &str) -> PathBuf {
    folder.path().join(format!(".segue/runs/{run}.endpoint"))
}
