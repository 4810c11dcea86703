//! Executes recorded rows in virtual time: `cargo run -p asl --example execute -- FILE.jsonl [--compare]`.
//!
//! Prints one line a row: `{"id", "status", "output" | "error", "cause" | "reason", "event_types"}`. With
//! `--compare`, rows that differ from what AWS answered go to stderr, and at the end how many agree.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is the purpose")]
#![allow(clippy::expect_used, clippy::exit, missing_docs, reason = "a tool for tests")]

use std::{
    fs,
    io::{self, BufWriter, Write},
    process::ExitCode,
};

#[path = "../tests/harness/mod.rs"]
mod harness;

use harness::{Answer, Case, Runner, agree};

/// Exit codes: a file that is wrong, and a call that is wrong.
const BAD_FILE: u8 = 1;
const BAD_USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let compare = arguments.iter().any(|argument| argument == "--compare");
    arguments.retain(|argument| argument != "--compare");
    let [path] = arguments.as_slice() else {
        eprintln!("usage: execute FILE.jsonl [--compare]");
        return ExitCode::from(BAD_USAGE);
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("error: can't read {path}: {error}");
            return ExitCode::from(BAD_USAGE);
        }
    };
    match execute(path, &text, compare) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(BAD_FILE)
        }
    }
}

fn execute(path: &str, text: &str, compare: bool) -> Result<(), String> {
    let runner = Runner::new().map_err(|error| format!("can't start: {error}"))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut agreed, mut compared) = (0, 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Case = serde_json::from_str(line).map_err(|error| format!("{path}:{}: {error}", number + 1))?;
        let answer = runner.run(&case);
        let line = serde_json::to_string(&answer).map_err(|error| error.to_string())?;
        writeln!(out, "{line}").map_err(|error| format!("can't write: {error}"))?;
        if compare && !harness::is_out_of_scope(&case) {
            compared += 1;
            agreed += usize::from(report(&case, &answer));
        }
    }
    out.flush().map_err(|error| format!("can't write: {error}"))?;
    if compare {
        eprintln!("asl cases: {agreed} of {compared} agree with AWS");
    }
    Ok(())
}

/// Whether the answer agrees; if not, says why on stderr.
fn report(case: &Case, answer: &Answer) -> bool {
    let Some(expected) = &case.expected else {
        eprintln!("{}: nothing is recorded to compare with", case.id);
        return false;
    };
    let differences = agree::differences(case, expected, answer);
    for difference in &differences {
        eprintln!("{}: {difference}", case.id);
    }
    differences.is_empty()
}
