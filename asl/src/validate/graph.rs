//! Names, and where states lead.

use std::collections::{HashMap, HashSet};

use super::{ProblemKind, Report};
use crate::{Flow, State, StateName, Transition};

/// The longest name of a state: <https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html>
const MAX_NAME: usize = 80;

/// Every name of the machine, with the place where it was first seen.
#[derive(Default)]
pub(super) struct Names<'m>(HashMap<&'m StateName, String>);

impl<'m> Names<'m> {
    pub(super) fn check(&mut self, place: &[&StateName], name: &'m StateName, report: Report<'_>) {
        let length = name.as_str().chars().count();
        if !(1..=MAX_NAME).contains(&length) {
            report(ProblemKind::NameLength(length));
        }
        let place = super::path(place, None).map_or("the machine".into(), |place| format!("`{place}`"));
        match self.0.get(name) {
            Some(other) => report(ProblemKind::DuplicateName(other.clone())),
            None => drop(self.0.insert(name, place)),
        }
    }
}

/// Follows every way through a flow. `report` takes the state, or nothing for the flow itself.
pub(super) fn check<'m>(flow: &'m Flow, report: &mut dyn FnMut(Option<&'m StateName>, ProblemKind)) {
    if flow.states.is_empty() {
        report(None, ProblemKind::NoStates);
        return;
    }
    for (name, state) in &flow.states {
        for next in state.successors() {
            if !flow.states.contains_key(next) {
                report(Some(name), ProblemKind::UnknownNext(next.clone()));
            }
        }
    }
    if !flow.states.contains_key(&flow.start_at) {
        // Without a start nothing can be reached; to say so of every state would help nobody.
        report(None, ProblemKind::UnknownStart(flow.start_at.clone()));
        return;
    }
    let reached = reach(flow);
    let guessing = reached.iter().any(|name| matches!(flow.states.get(*name), Some(State::Malformed(_))));
    for name in flow.states.keys().filter(|name| !guessing && !reached.contains(name)) {
        report(Some(name), ProblemKind::Unreachable);
    }
    if !reached.iter().filter_map(|name| flow.states.get(*name)).any(ends) {
        report(None, ProblemKind::NoEnd);
    }
}

fn reach(flow: &Flow) -> HashSet<&StateName> {
    let mut reached = HashSet::new();
    let mut open = vec![&flow.start_at];
    while let Some(name) = open.pop() {
        if let Some(state) = flow.states.get(name)
            && reached.insert(name)
        {
            open.extend(state.successors());
        }
    }
    reached
}

fn ends(state: &State) -> bool {
    // Where a malformed state leads is not known; its own problem is enough.
    matches!(state, State::Succeed(_) | State::Fail(_) | State::Malformed(_))
        || state.transition() == Some(&Transition::End)
}
