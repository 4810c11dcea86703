//! What can be wrong with a call to AWS, as far as it matters what is done about it.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};

use crate::failure::Usage;

/// What kind of trouble a call is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The credentials were good, and aren't any more; or AWS never knew them.
    Credentials(String),
    /// They are good, but not for this.
    Denied(String),
    /// It may go well the next time: too many calls, a fault of the service's, no answer.
    Passing(String),
    /// The service has said no, with this code and message.
    Refused {
        /// The error's code, by which callers tell one from the other.
        code: String,
        /// What the service says of it.
        message: String,
    },
}

/// The codes of credentials that have run out or that nobody knows.
const CREDENTIALS: [&str; 10] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidToken",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "AuthFailure",
];
const DENIED: [&str; 4] = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"];
const PASSING: [&str; 8] = [
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
    "ServiceUnavailable",
    "InternalFailure",
    "RequestTimeout",
];

impl Trouble {
    /// The kind of an error of the SDK.
    pub fn of<E>(error: &SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let Some(source) = credentials_error(error) {
            return Self::Credentials(words(source));
        }
        let Some(answer) = error.raw_response() else { return Self::Passing(words(error)) };
        let status = answer.status();
        let code = error.code().map_or_else(|| format!("HTTP {status}"), ToOwned::to_owned);
        let message = error.message().unwrap_or("no reason given").trim().trim_end_matches('.').to_owned();
        if CREDENTIALS.contains(&code.as_str()) {
            Self::Credentials(format!("{code}: {message}"))
        } else if DENIED.contains(&code.as_str()) || (error.code().is_none() && status.as_u16() == 403) {
            Self::Denied(message)
        } else if PASSING.contains(&code.as_str()) || status.is_server_error() {
            Self::Passing(format!("{code}: {message}"))
        } else {
            Self::Refused { code, message }
        }
    }

    /// The code, where the service refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Credentials(_) | Self::Denied(_) | Self::Passing(_) => None,
        }
    }

    /// As an error of the command: `doing` says what it wanted.
    pub fn into_error(self, doing: &str) -> anyhow::Error {
        match self {
            Self::Credentials(reason) => Usage::new(format!(
                "{doing}: AWS doesn't take the credentials ({reason}); renew them, e.g. with `aws sso login`, and call this again"
            ))
            .into(),
            Self::Denied(message) => Usage::new(format!(
                "{doing}: these credentials aren't allowed to ({message}); README.md lists what they need"
            ))
            .into(),
            Self::Passing(reason) => anyhow::anyhow!("{doing}: {reason}; asked several times, so try again later"),
            Self::Refused { code, message } => anyhow::anyhow!("{doing}: {message} ({code})"),
        }
    }
}

/// An error of the SDK as an error of the command.
pub fn explain<E>(doing: &str, error: SdkError<E>) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    Trouble::of(&error).into_error(doing)
}

/// An error and what is behind it, on one line. The SDK's own words for the outermost are empty.
pub fn words(error: &dyn Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes.join(": ")
}

fn credentials_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CredentialsError> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
