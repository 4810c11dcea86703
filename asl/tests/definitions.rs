//! Definitions of others: read and written again without loss.

#![allow(clippy::print_stdout, reason = "what is skipped, and how many rows agree, is to be seen")]

use std::{fs, path::Path};

use asl::{ProblemKind, StateMachine, validate};
use serde_json::Value;

/// States of the collection that do not fit the model. Both are tests of what is invalid.
const MALFORMED: usize = 2;

#[test]
fn public_definitions_come_back_as_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/asl-cases/definitions.jsonl");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped the public definitions: {} is not there", path.display());
        return;
    };
    let (mut all, mut malformed) = (0, Vec::new());
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("a row");
        let definition = match &row["definition"] {
            Value::String(text) => serde_json::from_str(text).expect("a definition"),
            definition => definition.clone(),
        };
        let machine: StateMachine = serde_json::from_value(definition.clone()).expect("a machine");
        assert_eq!(serde_json::to_value(&machine).expect("json"), definition, "{}", row["path"]);
        all += 1;
        let problems = validate(&machine).into_iter();
        let found = problems.filter(|problem| matches!(problem.kind, ProblemKind::Malformed(_)));
        malformed.extend(found.map(|problem| format!("{} {}: {problem}", row["repo"], row["path"])));
    }
    println!("{all} definitions come back; states that do not fit the model:");
    malformed.iter().for_each(|state| println!("  {state}"));
    assert!(malformed.len() <= MALFORMED, "{} states do not fit the model", malformed.len());
}

#[test]
fn what_aws_ran_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/asl-cases/executions.jsonl");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped the recorded definitions: {} is not there", path.display());
        return;
    };
    let mut refused = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("a row");
        let machine: StateMachine = serde_json::from_value(row["definition"].clone()).expect("a machine");
        refused.extend(validate(&machine).iter().map(|problem| format!("{}: {problem}", row["id"])));
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
