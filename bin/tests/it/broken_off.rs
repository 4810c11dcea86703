//! Ctrl-C during a cut-over: the application is never left half stopped, and what leads on is said.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::cut_over::{rehearsed, steady};
use crate::support::{Folder, Running};

/// Stops once the test has opened the pipe `stop` and let go of it, and notes each time that it has.
const BEFORE: &str = "cat stop; echo stopped >> log";

/// A cut-over whose application is being stopped just now, and what it waits for.
fn stopping(folder: &Folder, run: &str) -> (Running, File) {
    let mut command = folder.command(["cutover", run, "--before", BEFORE, "--after", "echo moved >> log"]);
    command.process_group(0);
    let mut cut = Running::start(command);
    cut.wait_for_line("--before: ");
    // Opened once it reads.
    let stop = File::options().write(true).open(folder.path().join("stop")).unwrap();
    (cut, stop)
}

fn log(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}

#[test]
fn ctrl_c_lets_the_command_finish_and_the_same_cut_over_goes_on() {
    let (folder, rehearsal, run) = rehearsed(20);
    assert!(Command::new("mkfifo").arg(folder.path().join("stop")).status().unwrap().success());

    // A second one waits for nothing; the command goes on.
    let (mut cut, stop) = stopping(&folder, &run);
    cut.press_ctrl_c();
    cut.wait_for_line("stopping: ");
    cut.press_ctrl_c();
    cut.wait_for_line("goes on by itself");
    assert_eq!(log(&folder), "");
    drop(stop);
    let ended = cut.end();
    insta::assert_snapshot!("left", steady(&ended.shown()));
    assert_eq!(log(&folder), "stopped\n");

    let (mut cut, stop) = stopping(&folder, &run);
    cut.press_ctrl_c();
    cut.wait_for_line("stopping: ");
    drop(stop);
    let ended = cut.end();
    insta::assert_snapshot!("broken_off", steady(&ended.shown()));
    assert_eq!(log(&folder), "stopped\nstopped\n");

    // Nobody knows what the application has done in between: it is stopped once more.
    let (cut, stop) = stopping(&folder, &run);
    drop(stop);
    insta::assert_snapshot!("gone_on", steady(&cut.end().shown()));
    assert_eq!(log(&folder), "stopped\nstopped\nstopped\nmoved\n");
    assert_eq!(rehearsal.end().code, Some(0));
}

#[test]
fn a_cut_over_that_was_broken_off_is_taken_back() {
    let (folder, rehearsal, run) = rehearsed(20);
    let mut cut = Running::start(folder.command(["cutover", &run, "--before", "true"]));
    cut.wait_for_line("waiting for what was written last");
    cut.signal("INT");
    let ended = cut.end();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("take back   `run cutover {run} --abort`")), "{}", ended.stderr);
    let taken_back = folder.run(&format!("cutover {run} --abort"));
    assert_eq!(taken_back.code, Some(0), "{}", taken_back.stderr);
    assert!(taken_back.stderr.contains("is taken back: changes are carried on"), "{}", taken_back.stderr);
    // It is carried on by the process that rehearses.
    assert_eq!(folder.run_json(&format!("status {run}"), 0)["copy"]["cutover"], serde_json::Value::Null);
    rehearsal.signal("INT");
    assert_eq!(rehearsal.end().code, Some(0));
}
