//! Whether an answer is what AWS answered. The rules are those of `asl-cases/README.md`.

use regex_lite::Regex;
use serde_json::Value;

use super::{Answer, Case, End, Expected};

/// Strings that stand for any other.
const WILDCARDS: [&str; 8] =
    ["timestamp", "date", "RequestId", "X-Amzn-Trace-Id", "x-amz-crc32", "json-input", "snf_role_arn", "sfn_role_arn"];

/// Fields that depend on the day and the account.
const IGNORED: [&str; 4] = ["SdkHttpMetadata", "SdkResponseMetadata", "ExecutedVersion", "LogResult"];

/// Every way in which the answer differs, none if it agrees.
pub(crate) fn differences(case: &Case, expected: &Expected, answer: &Answer) -> Vec<String> {
    let compare = Compare {
        placeholder: Regex::new(r"<[A-Za-z_-]+(:\d+|\d*_\d*idx|_id|-id)>").expect("a regular expression"),
        wildcards: &case.wildcard_strings,
    };
    let mut differences = Vec::new();
    let status = answer.status.to_string();
    if status != expected.status {
        differences.push(format!("status: expected {}, found {status}", expected.status));
    }
    match &answer.end {
        End::Output { output } => compare.value("output", &expected.output, output, &mut differences),
        End::Failure { error, cause } => {
            compare.value("error", &expected.error, &error.clone().into(), &mut differences);
            compare.value("cause", &expected.cause, &cause.clone().into(), &mut differences);
        }
        End::Reason { reason } => differences.push(reason.clone()),
    }
    if let Some(mut events) = expected.event_types.clone() {
        let mut found = answer.event_types.clone();
        if expected.event_order_exact == Some(false) {
            events.sort_unstable();
            found.sort_unstable();
        }
        if events != found {
            differences.push(format!("events: expected {events:?}, found {found:?}"));
        }
    }
    differences
}

struct Compare<'a> {
    placeholder: Regex,
    wildcards: &'a [String],
}

impl Compare<'_> {
    fn value(&self, place: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
        match (expected, found) {
            (Value::String(text), _) if self.is_wildcard(text) => {}
            (Value::String(expected), Value::String(found)) if expected == found => {}
            (Value::String(expected), Value::String(found)) => match (nested(expected), nested(found)) {
                (Some(expected), Some(found)) => self.value(place, &expected, &found, differences),
                _ => differences.push(format!("{place}: expected {expected:?}, found {found:?}")),
            },
            (expected @ Value::Object(_), Value::String(found)) if nested(found).is_some() => {
                self.value(place, expected, &nested(found).unwrap_or_default(), differences);
            }
            (Value::Number(expected), Value::Number(found)) if expected.as_f64() == found.as_f64() => {}
            (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
                for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                    self.value(&format!("{place}[{at}]"), expected, found, differences);
                }
            }
            (Value::Object(expected), Value::Object(found)) => {
                let message = expected.contains_key("errorMessage");
                let ignored =
                    |key: &str| IGNORED.contains(&key) || (message && ["stackTrace", "requestId"].contains(&key));
                let keys = expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key)));
                for key in keys.filter(|key| !ignored(key)) {
                    let place = format!("{place}.{key}");
                    match (expected.get(key), found.get(key)) {
                        (Some(expected), Some(found)) => self.value(&place, expected, found, differences),
                        (Some(_), None) => differences.push(format!("{place}: missing")),
                        _ => differences.push(format!("{place}: not expected")),
                    }
                }
            }
            (expected, found) if expected == found => {}
            (expected, found) => differences.push(format!("{place}: expected {expected}, found {found}")),
        }
    }

    fn is_wildcard(&self, text: &str) -> bool {
        WILDCARDS.contains(&text)
            || self.wildcards.iter().any(|wildcard| wildcard == text)
            || self.placeholder.is_match(text)
    }
}

fn nested(text: &str) -> Option<Value> {
    text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}
