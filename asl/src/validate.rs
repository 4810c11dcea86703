//! Everything that is wrong with a machine, found at once.
//!
//! The rules are those by which AWS refuses a definition, and a few mistakes that it takes but that can't be meant:
//! states that nothing leads to, error names that nothing reports. States that the types of the model forbid, such as
//! one with both a field and its path form, are read as malformed and reported here with the others.

mod fields;
mod graph;
mod map;
mod paths;
mod retry;
mod state;

use std::fmt;

use crate::{QueryLanguage, StateMachine, StateName, walk};

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The state, with the states around it (`Migrate/MigrateSegment`); nothing for the machine itself.
    pub state: Option<String>,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong. Printed, it says what was expected and what was found.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// There are no states.
    #[error("expected at least one state, found none")]
    NoStates,
    /// The flow starts nowhere.
    #[error("StartAt names the state `{0}`, which is not there")]
    UnknownStart(StateName),
    /// A state leads nowhere.
    #[error("leads to the state `{0}`, which is not there")]
    UnknownNext(StateName),
    /// No way from the start leads there.
    #[error("can't be reached from StartAt")]
    Unreachable,
    /// No way from the start leads to an end.
    #[error("expected a way to an end: a state with End, a Succeed or a Fail")]
    NoEnd,
    /// A name is empty or too long.
    #[error("expected the name to have 1 to 80 characters, found {0}")]
    NameLength(usize),
    /// Two states of the machine have the same name.
    #[error("expected names to be unique in the whole machine, found the name in {0} too")]
    DuplicateName(String),
    /// A field is not a path.
    #[error("{field}: {reason}")]
    BadPath {
        /// The field.
        field: String,
        /// Why it is none.
        reason: String,
    },
    /// A field is there that the state does not take.
    #[error("{field} doesn't belong on a {kind} state")]
    MisplacedField {
        /// The field.
        field: String,
        /// The kind of the state.
        kind: &'static str,
    },
    /// A field is out of its bounds.
    #[error("expected {field} to be {expected}, found {found}")]
    OutOfBounds {
        /// The field.
        field: String,
        /// The bounds.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A state does not fit the model at all.
    #[error("{0}")]
    Malformed(String),
    /// A retrier or a catcher is for nothing.
    #[error("{0}: expected ErrorEquals to have at least one error, found none")]
    NoErrors(String),
    /// `States.ALL` stands beside other errors.
    #[error("{0}: expected States.ALL to stand alone in ErrorEquals")]
    AllNotAlone(String),
    /// `States.ALL` is followed by others, which never match.
    #[error("{0}: expected States.ALL to be in the last place")]
    AllNotLast(String),
    /// An error begins with `States.` but is none of AWS.
    #[error("{place}: `{error}` is no error that AWS reports")]
    UnknownReserved {
        /// The retrier or catcher.
        place: String,
        /// The error.
        error: String,
    },
    /// A list has nothing in it.
    #[error("expected {0} to have at least one entry, found none")]
    Empty(&'static str),
    /// A distributed Map lacks the kind of its children.
    #[error("expected a DISTRIBUTED processor to have an ExecutionType, found none")]
    NoExecutionType,
    /// An inline Map has a field of a distributed one.
    #[error("{0} needs a processor in the mode DISTRIBUTED")]
    NeedsDistributed(&'static str),
    /// A text that has to be a time is none.
    #[error("expected {field} to be a time such as 2026-11-20T10:00:00Z, found `{found}`")]
    BadTimestamp {
        /// The field.
        field: String,
        /// What it is.
        found: String,
    },
    /// A field is missing.
    #[error("expected {0}, found none")]
    Missing(&'static str),
    /// The definition is larger than AWS takes.
    #[error("expected the definition to have at most 1,048,576 bytes, found {0}")]
    TooLarge(usize),
}

/// All that is wrong with a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Problems(pub Vec<Problem>);

/// The largest definition: <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>
const MAX_DEFINITION_BYTES: usize = 1024 * 1024;

/// Everything that is wrong with a machine, in the order of the definition; nothing if it is valid.
pub fn validate(machine: &StateMachine) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut machine_problem = |kind| problems.push(Problem { state: None, kind });
    if let Some(seconds) = machine.timeout_seconds
        && !(1..=MAX_SECONDS).contains(&seconds)
    {
        machine_problem(out_of_bounds("TimeoutSeconds", SECONDS, seconds));
    }
    if let Some(version) = machine.version.as_deref().filter(|version| *version != "1.0") {
        machine_problem(out_of_bounds("Version", "1.0", version));
    }
    match serde_json::to_vec(machine).map_or(0, |json| json.len()) {
        bytes if bytes > MAX_DEFINITION_BYTES => machine_problem(ProblemKind::TooLarge(bytes)),
        _ => {}
    }
    let jsonata = machine.query_language == Some(QueryLanguage::JSONata);
    let mut names = graph::Names::default();
    walk::flows(&machine.flow, &mut |place, flow| {
        graph::check(flow, &mut |name, kind| {
            problems.push(Problem { state: path(place, name), kind });
        });
        for (name, state) in &flow.states {
            let mut report = |kind| problems.push(Problem { state: path(place, Some(name)), kind });
            names.check(place, name, &mut report);
            state::check(state, jsonata, &mut report);
        }
    });
    problems
}

/// Takes what is wrong with one state.
type Report<'r> = &'r mut dyn FnMut(ProblemKind);

/// `Map/State`, or nothing for the machine itself.
fn path(place: &[&StateName], name: Option<&StateName>) -> Option<String> {
    let names: Vec<&str> = place.iter().copied().chain(name).map(StateName::as_str).collect();
    (!names.is_empty()).then(|| names.join("/"))
}

/// The longest time that a field may hold, about three years.
const MAX_SECONDS: u32 = 99_999_999;
const SECONDS: &str = "from 1 to 99999999";

fn out_of_bounds(field: impl Into<String>, expected: &'static str, found: impl ToString) -> ProblemKind {
    ProblemKind::OutOfBounds { field: field.into(), expected, found: found.to_string() }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            Some(state) => write!(f, "state `{state}`: {}", self.kind),
            None => write!(f, "machine: {}", self.kind),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if at > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
