//! Fields that stand where they don't belong. What the model of a state does not know is either misplaced or unknown.

use serde_json::Value;

use super::{ProblemKind, Report};
use crate::State;

/// Fields that the model carries among the unknown ones and that AWS takes on these kinds of state.
const CARRIED: [(&str, &[&str]); 6] = [
    ("QueryLanguage", &["Task", "Choice", "Wait", "Pass", "Map", "Parallel", "Succeed", "Fail"]),
    ("Assign", &["Task", "Choice", "Wait", "Pass", "Map", "Parallel"]),
    ("Output", &["Task", "Choice", "Wait", "Pass", "Map", "Parallel", "Succeed"]),
    ("Arguments", &["Task", "Parallel"]),
    ("Items", &["Map"]),
    ("Credentials", &["Task"]),
];

pub(super) fn check(state: &State, report: Report<'_>) {
    for (field, value) in state.extra() {
        let carried = CARRIED.iter().any(|(name, kinds)| name == field && kinds.contains(&state.kind()));
        let idle = field == "End" && *value == Value::Bool(false);
        let comment = field == "Comment";
        if !carried && !idle && !comment {
            report(ProblemKind::MisplacedField { field: field.clone(), kind: state.kind() });
        }
    }
}
