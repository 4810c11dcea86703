//! Flows and machines: named states and where they start.

use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Problems, State, StateName, validate};

/// A whole state machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StateMachine {
    /// `JSONPath`, which is the default, or `JSONata`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_language: Option<QueryLanguage>,
    /// The version of the language, `1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How long an execution may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// The states.
    #[serde(flatten)]
    pub flow: Flow,
}

/// The language in which a machine or a state queries its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueryLanguage {
    /// `$.a.b` and intrinsic functions.
    JSONPath,
    /// `{% $a.b %}`; the model carries it, the interpreter refuses it.
    JSONata,
}

/// Named states and where they start: a whole machine, a branch, or what a Map runs per item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Flow {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The first state.
    pub start_at: StateName,
    /// The states in the order of the definition.
    pub states: IndexMap<StateName, State>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Default for StateName {
    fn default() -> Self {
        Self::from("")
    }
}

impl Flow {
    /// A flow that starts at the state of this name, which is still to be added.
    pub fn starting_at(name: impl Into<StateName>) -> Self {
        Self { start_at: name.into(), ..Self::default() }
    }

    /// Adds a state. A second one of the same name replaces the first.
    pub fn state(mut self, name: impl Into<StateName>, state: impl Into<State>) -> Self {
        self.states.insert(name.into(), state.into());
        self
    }

    /// What it is for.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(text.into());
        self
    }
}

/// A machine that is being written; [`Builder::build`] tells whether it is one.
#[derive(Clone, Debug)]
pub struct Builder(StateMachine);

impl StateMachine {
    /// Begins a machine that starts at the state of this name.
    pub fn builder(start_at: impl Into<StateName>) -> Builder {
        Builder(Self { query_language: None, version: None, timeout_seconds: None, flow: Flow::starting_at(start_at) })
    }

    /// The machine as indented JSON, in the order in which it was written.
    pub fn to_json(&self) -> String {
        // Every map of the model has text keys and every number is finite, so this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Builder {
    /// Adds a state. A second one of the same name replaces the first.
    pub fn state(mut self, name: impl Into<StateName>, state: impl Into<State>) -> Self {
        self.0.flow = self.0.flow.state(name, state);
        self
    }

    /// What the machine is for.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.0.flow.comment = Some(text.into());
        self
    }

    /// How many seconds an execution may take.
    pub fn timeout_seconds(mut self, seconds: u32) -> Self {
        self.0.timeout_seconds = Some(seconds);
        self
    }

    /// The machine, or everything that is wrong with it.
    pub fn build(self) -> Result<StateMachine, Problems> {
        match validate(&self.0) {
            problems if problems.is_empty() => Ok(self.0),
            problems => Err(Problems(problems)),
        }
    }
}

impl FromStr for StateMachine {
    type Err = serde_json::Error;

    /// Reads a definition. States that do not fit the model are carried as [`State::Malformed`], for [`validate`] to
    /// report all of them at once.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}
