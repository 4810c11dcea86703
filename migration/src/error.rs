//! One error type for the domain. Its kinds carry the names that the workflow's Retry and Catch match (R10)
//! and say whether trying again can help.

use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::limit::Limit;

/// What went wrong, and what lay underneath.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    /// Of a throttled request: the limit that it has met, where DynamoDB says it.
    limit: Option<Limit>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of errors, by what their receiver does about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input, or the migration, is impossible. Trying again can't help.
    InvalidInput,
    /// The table, the run or another resource isn't there.
    NotFound,
    /// No credentials, expired ones, or a permission that is missing.
    Denied,
    /// More was asked than the table's capacity gives.
    Throttled,
    /// The service didn't answer, or answered that it can't just now.
    Unavailable,
    /// The table is being changed; later it will not be.
    Busy,
    /// More items failed than the migration tolerates (R19).
    TooManyFailedItems,
    /// Somebody asked the run to stop.
    Stopped,
    /// The worker's time is up, or the run is paused: it is to be called again.
    Interrupted,
    /// DynamoDB refused the request for a reason that no retry mends.
    Refused,
    /// A task panicked: a bug, ours or a transform's.
    Panicked,
    /// Two tables that should be in step are not (R18).
    TablesDiffer,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::InvalidInput,
        Self::NotFound,
        Self::Denied,
        Self::Throttled,
        Self::Unavailable,
        Self::Busy,
        Self::TooManyFailedItems,
        Self::Stopped,
        Self::Interrupted,
        Self::Refused,
        Self::Panicked,
        Self::TablesDiffer,
    ];

    /// The kinds that pass by themselves: the workflow retries these and no others.
    pub const TRANSIENT: [Self; 3] = [Self::Throttled, Self::Unavailable, Self::Busy];

    /// The error's name in the state machine. Stable: deployed workflows match it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "Segue.InvalidInput",
            Self::NotFound => "Segue.NotFound",
            Self::Denied => "Segue.Denied",
            Self::Throttled => "Segue.Throttled",
            Self::Unavailable => "Segue.Unavailable",
            Self::Busy => "Segue.Busy",
            Self::TooManyFailedItems => "Segue.TooManyFailedItems",
            Self::Stopped => "Segue.Stopped",
            Self::Interrupted => "Segue.Interrupted",
            Self::Refused => "Segue.Refused",
            Self::Panicked => "Segue.Panicked",
            Self::TablesDiffer => "Segue.TablesDiffer",
        }
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(self) -> bool {
        Self::TRANSIENT.contains(&self)
    }
}

impl Error {
    /// An error with nothing underneath. The message holds no item's value (R20).
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), limit: None, source: None }
    }

    /// The input is impossible.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidInput, message)
    }

    /// What kind of error it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The limit that a throttled request has met, where DynamoDB says it.
    pub fn limit(&self) -> Option<&Limit> {
        self.limit.as_ref()
    }

    /// The same error, said to have happened while `doing`.
    #[must_use]
    pub fn while_doing(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// What the SDK says of a failed call to `operation`.
    ///
    /// DynamoDB puts values into some of its validation messages, so a refusal keeps its message only where
    /// that is known to be free of them (R20).
    pub fn from_sdk<E>(operation: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        Self::from_answer(operation, error, detail_of)
    }

    /// The same of a call that carries no item: what its service says is kept whole. Of a table that can't be made, or changed, the
    /// code alone says nothing.
    pub fn from_control_plane<E>(operation: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        Self::from_answer(operation, error, |_, code, message| format!("{message} ({code})"))
    }

    fn from_answer<E>(
        operation: &str,
        error: SdkError<E, HttpResponse>,
        detail_of: impl Fn(Kind, &str, &str) -> String,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let (kind, detail) = match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let code = service.err().code().unwrap_or("unknown error");
                let kind = kind_of(code, status);
                (kind, detail_of(kind, code, service.err().message().unwrap_or_default()))
            }
            SdkError::TimeoutError(_) => (Kind::Unavailable, "no answer in time".into()),
            SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
                (Kind::Unavailable, "the endpoint can't be reached".into())
            }
            SdkError::ResponseError(_) => (Kind::Unavailable, "the answer could not be read".into()),
            other => of_construction(other),
        };
        let limit = match &error {
            SdkError::ServiceError(service) if kind == Kind::Throttled => {
                service.raw().body().bytes().and_then(Limit::of_refusal)
            }
            _ => None,
        };
        // An answer of the service may hold items; what else there is may not.
        let source = match error {
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => None,
            other => Some(Box::new(other) as _),
        };
        Self { kind, message: format!("{operation}: {detail}"), limit, source }
    }
}

/// The SDK names a missing or broken credential only in the chain of what it wraps.
fn of_construction(error: &dyn std::error::Error) -> (Kind, String) {
    let mut chain = vec![error.to_string()];
    let mut source = error.source();
    while let Some(inner) = source {
        chain.push(inner.to_string());
        source = inner.source();
    }
    if chain.iter().any(|message| message.contains("credential") || message.contains("identity")) {
        let advice = "no usable AWS credentials were found; sign in (for example `aws sso login`), or set \
                      AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        return (Kind::Denied, advice.into());
    }
    (Kind::Unavailable, chain.pop().unwrap_or_default())
}

/// Error codes of the DynamoDB API reference ("Error handling"), of those of Step Functions, Application Auto Scaling, Lambda, SQS and S3, and of AWS's front
/// door (the common errors; the query protocol of CloudFormation and STS has names of its own for some).
fn kind_of(code: &str, status: u16) -> Kind {
    match code {
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "KmsThrottled"
        | "TooManyRequestsException"
        | "SlowDown"
        | "Throttling" => Kind::Throttled,
        "ResourceNotFoundException"
        | "TableNotFoundException"
        | "BackupNotFoundException"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "ExecutionDoesNotExist"
        | "StateMachineDoesNotExist"
        | "NoSuchBucket"
        | "NoSuchKey" => Kind::NotFound,
        "ResourceInUseException"
        | "BackupInUseException"
        | "LimitExceededException"
        | "TransactionConflictException"
        | "ConcurrentUpdateException"
        | "ContinuousBackupsUnavailableException"
        | "ResourceConflictException" => Kind::Busy,
        "AccessDenied"
        | "AccessDeniedException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Kind::Denied,
        _ if status >= 500 => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

fn detail_of(kind: Kind, code: &str, message: &str) -> String {
    const FREE_OF_VALUES: [&str; 7] = [
        "Item size",
        "Item collection",
        "Nesting Levels",
        "One or more parameter values were invalid: Type mismatch for",
        "The document path provided",
        "The conditional request failed",
        "Expression size",
    ];
    if kind != Kind::Refused || FREE_OF_VALUES.iter().any(|start| message.starts_with(start)) {
        format!("{message} ({code})")
    } else {
        code.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are part of deployed workflows: a change here breaks runs that are under way.
    #[test]
    fn names_are_stable_and_distinct() {
        insta::assert_snapshot!(Kind::ALL.map(Kind::name).join("\n"), @r"
        Segue.InvalidInput
        Segue.NotFound
        Segue.Denied
        Segue.Throttled
        Segue.Unavailable
        Segue.Busy
        Segue.TooManyFailedItems
        Segue.Stopped
        Segue.Interrupted
        Segue.Refused
        Segue.Panicked
        Segue.TablesDiffer
        ");
    }

    #[test]
    fn a_refusal_shows_no_item_value() {
        let message = "The parameter cannot be converted to a numeric value: secret";
        assert_eq!(detail_of(Kind::Refused, "ValidationException", message), "ValidationException");
    }
}
