//! Payload templates: JSON in which a field `"x.$"` becomes a field `x` with what its path or function yields.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The value of `Parameters`, `ResultSelector` or `ItemSelector`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PayloadTemplate(Value);

impl PayloadTemplate {
    /// The template as JSON.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// Every `"x.$"` field within, with the text of its path or function if it is a text.
    pub(crate) fn expressions(&self) -> Vec<(&str, Option<&str>)> {
        let mut found = Vec::new();
        collect(&self.0, &mut found);
        found
    }
}

fn collect<'v>(value: &'v Value, found: &mut Vec<(&'v str, Option<&'v str>)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.strip_suffix(".$") {
                    Some(_) => found.push((key, value.as_str())),
                    None => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

impl From<Value> for PayloadTemplate {
    fn from(template: Value) -> Self {
        Self(template)
    }
}
