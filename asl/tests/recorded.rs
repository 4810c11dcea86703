//! Executions as AWS answered them: our own rows beside this test, and the recordings where they are at hand.

#![allow(clippy::print_stdout, reason = "what is skipped, and how many rows agree, is to be seen")]

mod harness;

use std::{fs, path::Path};

use harness::{Case, Runner, agree};

/// How many of the recorded rows without JSONata and Assign agree. Two can't: one has lost its input (the recorded
/// call shows `[]`), one has lost the inner `ParallelStateExited` when the recorder sorted its events.
const AGREEING_FLOOR: usize = 441;

fn agreeing(text: &str, name: &str) -> (usize, usize) {
    let runner = Runner::new().expect("a runtime");
    let (mut agreeing, mut all) = (0, 0);
    for line in text.lines() {
        let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error} in {line}"));
        if harness::is_out_of_scope(&case) {
            continue;
        }
        all += 1;
        let expected = case.expected.as_ref().unwrap_or_else(|| panic!("{}: nothing expected", case.id));
        let differences = agree::differences(&case, expected, &runner.run(&case));
        differences.iter().for_each(|difference| println!("{}: {difference}", case.id));
        agreeing += usize::from(differences.is_empty());
    }
    (agreeing, all)
}

#[test]
fn our_own_rows_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut rows = 0;
    for entry in fs::read_dir(folder).expect("the folder of cases") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a readable file");
        let (agreed, all) = agreeing(&text, &path.display().to_string());
        assert_eq!(agreed, all, "{}", path.display());
        rows += all;
    }
    assert!(rows >= 20, "only {rows} rows");
}

#[test]
fn recorded_rows_agree() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/asl-cases/executions.jsonl");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped the recorded executions: {} is not there", path.display());
        return;
    };
    let (agreed, all) = agreeing(&text, "executions.jsonl");
    println!("asl cases: {agreed} of {all} agree with AWS");
    assert!(agreed >= AGREEING_FLOOR, "asl cases: {agreed} of {all} agree with AWS, expected {AGREEING_FLOOR}");
}
