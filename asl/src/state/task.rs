//! Task: calls something and takes its answer as the result.

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use super::{finish, setters};
use crate::{Catch, Heartbeat, PayloadTemplate, Resource, ResultPath, Retry, Selection, Timeout, path::present};

/// A state that calls something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    /// What the state is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// What it calls.
    pub resource: Resource,
    /// Which part of its input the state sees.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub input_path: Option<Selection>,
    /// What the call is given, made from the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<PayloadTemplate>,
    /// What is made of the answer before it is placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_selector: Option<PayloadTemplate>,
    /// Where the answer goes in the state's input.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub result_path: Option<ResultPath>,
    /// Which part of its output the state passes on.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub output_path: Option<Selection>,
    /// How long the call may take.
    #[serde(flatten)]
    pub timeout: Timeout,
    /// How long the call may be silent.
    #[serde(flatten)]
    pub heartbeat: Heartbeat,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Vec<Retry>>,
    /// Where it goes when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch: Option<Vec<Catch>>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Object<String, Value>,
}

impl Task {
    /// A task that calls `resource`.
    pub fn new(resource: impl Into<Resource>) -> Self {
        Self {
            comment: None,
            resource: resource.into(),
            input_path: None,
            parameters: None,
            result_selector: None,
            result_path: None,
            output_path: None,
            timeout: Timeout::Unset,
            heartbeat: Heartbeat::Unset,
            retry: None,
            catch: None,
            extra: Object::new(),
        }
    }

    /// A task that invokes a Lambda function with `payload`, a template, through `lambda:invoke`.
    pub fn invoke(function: impl Into<String>, payload: Value) -> Self {
        let function: String = function.into();
        Self::new(Resource::lambda_invoke())
            .parameters(serde_json::json!({ "FunctionName": function, "Payload": payload }))
    }

    setters!(comment input_path parameters result_selector result_path output_path retry);
    finish!(Task);

    /// How many seconds the call may take.
    pub fn timeout_seconds(mut self, seconds: u32) -> Self {
        self.timeout = seconds.into();
        self
    }

    /// How many seconds the call may be silent.
    pub fn heartbeat_seconds(mut self, seconds: u32) -> Self {
        self.heartbeat = seconds.into();
        self
    }
}
