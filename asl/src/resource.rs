//! What a Task calls. The text of a definition stays as it is; its meaning is read from it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The `Resource` of a Task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Resource {
    /// An ARN, or a `${Substitution}` that a template replaces.
    Text(String),
    /// A template's own function (`{"Fn::GetAtt": [...]}`), to be resolved before the machine runs.
    Template(Value),
}

/// What the text of a [`Resource`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceKind<'a> {
    /// A Lambda function by its ARN: its input is the event, its answer the result.
    LambdaFunction(&'a str),
    /// `arn:aws:states:::lambda:invoke`: the function stands in `FunctionName`, its event in `Payload`.
    LambdaInvoke(Pattern),
    /// Any API call: `arn:aws:states:::aws-sdk:dynamodb:describeTable`.
    AwsSdk {
        /// The service as the SDK for Java spells it, in lower case.
        service: &'a str,
        /// The API action in camel case.
        action: &'a str,
        /// When the task counts as done.
        pattern: Pattern,
    },
    /// Another optimised integration: `arn:aws:states:::sqs:sendMessage`.
    Integration {
        /// The service.
        service: &'a str,
        /// The action.
        action: &'a str,
        /// When the task counts as done.
        pattern: Pattern,
    },
    /// An activity that workers poll.
    Activity(&'a str),
    /// Anything else, a substitution among it.
    Other(&'a str),
}

/// When a task counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// As soon as the service answers.
    RequestResponse,
    /// When the job that was started has ended (`.sync`, `.sync:2`).
    Sync,
    /// When someone returns the task's token (`.waitForTaskToken`).
    WaitForTaskToken,
}

impl Resource {
    /// `arn:aws:states:::lambda:invoke`.
    pub fn lambda_invoke() -> Self {
        Self::Text("arn:aws:states:::lambda:invoke".into())
    }

    /// Any API call: `Resource::aws_sdk("dynamodb", "describeTable")`.
    pub fn aws_sdk(service: &str, action: &str) -> Self {
        Self::Text(format!("arn:aws:states:::aws-sdk:{service}:{action}"))
    }

    /// The text, or nothing where a template still has to be resolved.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Template(_) => None,
        }
    }

    /// What the text says.
    pub fn kind(&self) -> ResourceKind<'_> {
        self.as_str().map_or(ResourceKind::Other(""), kind_of)
    }
}

fn kind_of(text: &str) -> ResourceKind<'_> {
    let parts: Vec<&str> = text.splitn(7, ':').collect();
    let [arn, _partition, service, _region, _account, rest @ ..] = parts.as_slice() else {
        return ResourceKind::Other(text);
    };
    match (*arn, *service, rest) {
        ("arn", "lambda", ["function", _]) => ResourceKind::LambdaFunction(text),
        ("arn", "states", ["activity", _]) => ResourceKind::Activity(text),
        ("arn", "states", ["aws-sdk", call]) => match call.split_once(':') {
            Some((service, action)) => {
                let (action, pattern) = split_pattern(action);
                ResourceKind::AwsSdk { service, action, pattern }
            }
            None => ResourceKind::Other(text),
        },
        ("arn", "states", [service, action]) => match (*service, split_pattern(action)) {
            ("lambda", ("invoke", pattern)) => ResourceKind::LambdaInvoke(pattern),
            (service, (action, pattern)) => ResourceKind::Integration { service, action, pattern },
        },
        _ => ResourceKind::Other(text),
    }
}

fn split_pattern(action: &str) -> (&str, Pattern) {
    match action.split_once('.') {
        Some((action, "waitForTaskToken")) => (action, Pattern::WaitForTaskToken),
        Some((action, sync)) if sync.starts_with("sync") => (action, Pattern::Sync),
        _ => (action, Pattern::RequestResponse),
    }
}

impl ResourceKind<'_> {
    /// When the task counts as done.
    pub fn pattern(&self) -> Pattern {
        match self {
            Self::LambdaInvoke(pattern) | Self::AwsSdk { pattern, .. } | Self::Integration { pattern, .. } => *pattern,
            Self::LambdaFunction(_) | Self::Activity(_) | Self::Other(_) => Pattern::RequestResponse,
        }
    }
}

impl<T: Into<String>> From<T> for Resource {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Template(template) => write!(f, "{template}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_from_the_arn() {
        let function = "arn:aws:lambda:us-east-1:123456789012:function:work:live";
        assert_eq!(Resource::from(function).kind(), ResourceKind::LambdaFunction(function));
        assert_eq!(Resource::lambda_invoke().kind(), ResourceKind::LambdaInvoke(Pattern::RequestResponse));
        assert_eq!(
            Resource::from("arn:aws:states:::sqs:sendMessage.waitForTaskToken").kind(),
            ResourceKind::Integration { service: "sqs", action: "sendMessage", pattern: Pattern::WaitForTaskToken }
        );
        assert_eq!(
            Resource::aws_sdk("dynamodb", "describeTable").kind(),
            ResourceKind::AwsSdk { service: "dynamodb", action: "describeTable", pattern: Pattern::RequestResponse }
        );
        assert_eq!(Resource::from("${WorkArn}").kind(), ResourceKind::Other("${WorkArn}"));
        assert_eq!(Resource::from("arn:aws:states:::ecs:runTask.sync:2").kind().pattern(), Pattern::Sync);
    }
}
