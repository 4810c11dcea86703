//! Parallel: several flows at once, each with the same input; the result is the list of theirs.

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use super::{finish, setters};
use crate::{Catch, Flow, PayloadTemplate, ResultPath, Retry, Selection, path::present};

/// A state that runs several flows at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parallel {
    /// What the state is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Which part of its input the state sees.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub input_path: Option<Selection>,
    /// What each branch is given, made from the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<PayloadTemplate>,
    /// The flows.
    pub branches: Vec<Flow>,
    /// What is made of the results before they are placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_selector: Option<PayloadTemplate>,
    /// Where the results go in the state's input.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub result_path: Option<ResultPath>,
    /// Which part of its output the state passes on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub output_path: Option<Selection>,
    /// When it is tried again, all branches of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Vec<Retry>>,
    /// Where it goes when a branch failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch: Option<Vec<Catch>>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

impl Parallel {
    /// A state that runs these flows at once.
    pub fn new(branches: impl IntoIterator<Item = Flow>) -> Self {
        Self { branches: branches.into_iter().collect(), ..Self::default() }
    }

    setters!(comment input_path parameters result_selector result_path output_path retry);
    finish!(Parallel);
}
