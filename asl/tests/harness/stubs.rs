//! The Lambda functions of the recordings, by the name of their stub.

use std::{collections::BTreeMap, time::Duration};

use asl::interpret::{Call, TaskCall, TaskFailure, Tasks};
use async_trait::async_trait;
use serde_json::{Value, json};

/// The stub of each function.
pub(crate) struct Stubs(pub(crate) BTreeMap<String, String>);

#[async_trait]
impl Tasks for Stubs {
    async fn run(&self, call: TaskCall) -> Result<Value, TaskFailure> {
        let (function, event) = match call.call {
            Call::Lambda { function, payload } => (function, payload),
            Call::Service { resource, .. } => {
                return Err(TaskFailure::new("States.Runtime", format!("no stub for {resource}")));
            }
        };
        let name = function.rsplit_once("function:").map_or(function.as_str(), |(_, name)| name);
        let stub = self.0.get(name).or_else(|| self.0.get(name.split(':').next().unwrap_or(name)));
        match stub.map(String::as_str) {
            Some("identity") => Ok(event),
            Some("raise_exception") => Err(raise("Exception", "Some exception was raised.")),
            Some("raise_custom_exception") => Err(raise("CustomException", "CustomException message")),
            Some("return_bytes_str") => Ok(json!("HelloWorld!")),
            Some("return_hello_world") => Ok(json!({ "Return": "HelloWorld" })),
            Some("large_output_string") => Ok("a".repeat(257 * 1024).into()),
            Some("wait_60_seconds") => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(event)
            }
            Some("return_decorated_input") => Ok(format!("input-event-{}", python_text(&event)).into()),
            Some(other) => Err(TaskFailure::new("States.Runtime", format!("unknown stub {other}"))),
            None => Err(not_found(name)),
        }
    }
}

fn raise(kind: &str, message: &str) -> TaskFailure {
    let cause = json!({ "errorMessage": message, "errorType": kind, "requestId": "request", "stackTrace": [] });
    TaskFailure::new(kind, cause.to_string())
}

fn not_found(name: &str) -> TaskFailure {
    let arn = format!("arn:aws:lambda:us-east-1:111111111111:function:{name}:$LATEST");
    let details = "Status Code: 404; Error Code: ResourceNotFoundException; Request ID: request; Proxy: null";
    let cause = format!("Function not found: {arn} (Service: AWSLambda; {details})");
    TaskFailure::new("Lambda.ResourceNotFoundException", cause)
}

/// A value as Python's `str` prints it.
fn python_text(value: &Value) -> String {
    value.as_str().map_or_else(|| python(value), str::to_owned)
}

fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("'{key}': {}", python(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}
