//! What a request is answered with, and how a refusal looks on the wire: DynamoDB's JSON, its `__type` and
//! its status code.

use dynoxide::DynoxideError;
use dynoxide::errors::CancellationReason;
use serde_json::{Value, json};

/// A whole answer: the HTTP status, the body, and what the service tells in headers of its own.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// The media type of the services that are told by their target.
pub(crate) const AMZ_JSON: &str = "application/x-amz-json-1.0";

impl Reply {
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self { status, media_type: AMZ_JSON, headers: Vec::new(), body }
    }
}

/// Why a request is refused.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The engine's own errors carry their items and cancellation reasons.
    Engine(Box<DynoxideError>),
    /// Errors that the engine doesn't know.
    Service { code: &'static str, message: String, throttling_reasons: Vec<ThrottlingReason> },
}

/// Which limit throttled: the documented reason and the ARN of the table or index.
#[derive(Debug, Clone)]
pub(crate) struct ThrottlingReason {
    pub(crate) reason: String,
    pub(crate) resource: String,
}

pub(crate) type Answer<T = Vec<u8>> = std::result::Result<T, Fault>;

const DYNAMODB: &str = "com.amazonaws.dynamodb.v20120810#";
const CORAL: &str = "com.amazon.coral.service#";
/// The exceptions that every AWS service shares live in another namespace than DynamoDB's own.
const SHARED: [&str; 3] = ["UnknownOperationException", "SerializationException", "ExpiredTokenException"];

impl Fault {
    pub(crate) fn service(code: &'static str, message: impl Into<String>) -> Self {
        Self::Service { code, message: message.into(), throttling_reasons: Vec::new() }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        DynoxideError::ValidationException(message.into()).into()
    }

    pub(crate) fn unknown_operation() -> Self {
        Self::service("UnknownOperationException", "")
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        DynoxideError::InternalServerError(message.to_string()).into()
    }

    pub(crate) fn is_failed_condition(&self) -> bool {
        matches!(self, Self::Engine(error) if matches!(**error,
            DynoxideError::ConditionalCheckFailedException(..)
                | DynoxideError::StatementConditionalCheckFailed(..)
                | DynoxideError::TransactionCanceledException(..)))
    }

    /// The cancellation of a transaction of so many parts, one of which is refused with this.
    pub(crate) fn into_cancellation(self, part: usize, parts: usize) -> Self {
        let Self::Service { code, message, .. } = self else { return self };
        let code = if code == "ThrottlingException" { "ThrottlingError" } else { "ProvisionedThroughputExceeded" };
        let reason = |number| CancellationReason {
            code: if number == part { code } else { "None" }.to_owned(),
            message: (number == part).then(|| message.clone()),
            item: None,
        };
        let reasons: Vec<_> = (0..parts).map(reason).collect();
        let codes: Vec<_> = reasons.iter().map(|reason| reason.code.as_str()).collect();
        let message = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        DynoxideError::TransactionCanceledException(message, reasons).into()
    }

    pub(crate) fn into_reply(self) -> Reply {
        match self {
            Self::Engine(error) => Reply::json(error.status_code(), error.to_json().into_bytes()),
            Self::Service { code, message, throttling_reasons } => {
                let space = if SHARED.contains(&code) { CORAL } else { DYNAMODB };
                let mut body = json!({ "__type": format!("{space}{code}") });
                if !message.is_empty() {
                    body["message"] = Value::String(message);
                }
                if !throttling_reasons.is_empty() {
                    // The model of the one exception has the member in lower case.
                    let lower = code == "ThrottlingException";
                    let member = if lower { "throttlingReasons" } else { "ThrottlingReasons" };
                    body[member] = throttling_reasons
                        .into_iter()
                        .map(|it| json!({ "reason": it.reason, "resource": it.resource }))
                        .collect();
                }
                Reply::json(400, body.to_string().into_bytes())
            }
        }
    }
}

impl From<DynoxideError> for Fault {
    fn from(error: DynoxideError) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        DynoxideError::from(error).into()
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        match answer {
            Ok(body) => Self::json(200, body),
            Err(fault) => fault.into_reply(),
        }
    }
}
