//! What the interpreter refuses: JSONata and variables. Everything else that the model holds, it runs.

use serde_json::Value;

use crate::{QueryLanguage, Rule, State, StateMachine, StateName, Test, walk};

/// A machine uses something that the interpreter does not cover, or has a state that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", place(.state))]
pub struct Unsupported {
    /// The state that uses it, with the states around it: `Migrate/MigrateSegment`.
    pub state: Option<String>,
    /// What it uses, in words.
    pub what: String,
}

fn place(state: &Option<String>) -> String {
    state.as_ref().map(|state| format!(" (in state {state})")).unwrap_or_default()
}

pub(super) fn check(machine: &StateMachine) -> Result<(), Unsupported> {
    if machine.query_language == Some(QueryLanguage::JSONata) {
        return Err(Unsupported { state: None, what: "the query language JSONata is not supported".into() });
    }
    let mut found = None;
    walk::flows(&machine.flow, &mut |place, flow| {
        for (name, state) in &flow.states {
            if let Some(what) = unsupported(state) {
                found.get_or_insert_with(|| Unsupported { state: Some(path(place, name)), what });
            }
        }
    });
    found.map_or(Ok(()), Err)
}

fn path(place: &[&StateName], name: &StateName) -> String {
    place.iter().copied().chain([name]).map(StateName::as_str).collect::<Vec<_>>().join("/")
}

fn unsupported(state: &State) -> Option<String> {
    if let State::Malformed(state) = state {
        return Some(state.reason.clone());
    }
    let extra = state.extra();
    let conditional = |state: &State| match state {
        State::Choice(choice) => choice.choices.iter().any(|branch| has_condition(&branch.rule)),
        _ => false,
    };
    if extra.get("QueryLanguage").and_then(Value::as_str) == Some("JSONata") || conditional(state) {
        Some("the query language JSONata is not supported".into())
    } else if extra.contains_key("Assign") || state.catchers().iter().any(|catch| catch.extra.contains_key("Assign")) {
        Some("Assign is not supported".into())
    } else {
        None
    }
}

fn has_condition(rule: &Rule) -> bool {
    match &rule.test {
        Test::Condition(_) => true,
        Test::And(rules) | Test::Or(rules) => rules.iter().any(has_condition),
        Test::Not(rule) => has_condition(rule),
        Test::Compare(..) => false,
    }
}
