//! Choice: the first rule that holds names the next state.

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use super::setters;
use crate::{Rule, Selection, StateName, path::present};

/// A state that chooses the next one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Choice {
    /// What the state is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Which part of its input the state sees.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub input_path: Option<Selection>,
    /// Which part of its output the state passes on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub output_path: Option<Selection>,
    /// The rules, in the order in which they are tried.
    pub choices: Vec<ChoiceBranch>,
    /// Where it leads when no rule holds; without it that is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<StateName>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

/// A rule and the state it leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChoiceBranch {
    /// The state that follows when the rule holds.
    #[serde(rename = "Next")]
    pub next: StateName,
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
}

impl Choice {
    /// A choice without rules yet.
    pub fn new() -> Self {
        Self::default()
    }

    setters!(comment input_path output_path);

    /// Leads to `next` when `rule` holds and no earlier one did.
    pub fn when(mut self, rule: Rule, next: impl Into<StateName>) -> Self {
        self.choices.push(ChoiceBranch { next: next.into(), rule });
        self
    }

    /// Leads to `next` when no rule holds.
    pub fn otherwise(mut self, next: impl Into<StateName>) -> Self {
        self.default = Some(next.into());
        self
    }
}
