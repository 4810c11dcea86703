//! Pass: hands its input on, or makes something of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use super::{finish, setters};
use crate::{PayloadTemplate, ResultPath, Selection, path::present};

/// A state that does no work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pass {
    /// What the state is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Which part of its input the state sees.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub input_path: Option<Selection>,
    /// The result, as it is: nothing in it is evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub result: Option<Value>,
    /// The result, made from the input, where `result` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<PayloadTemplate>,
    /// Where the result goes in the state's input.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub result_path: Option<ResultPath>,
    /// Which part of its output the state passes on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub output_path: Option<Selection>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

impl Pass {
    /// A state that passes its input on.
    pub fn new() -> Self {
        Self::default()
    }

    setters!(comment input_path parameters result_path output_path);
    finish!(Pass);

    /// The result, as it is.
    pub fn result(mut self, result: Value) -> Self {
        self.result = Some(result);
        self
    }
}
