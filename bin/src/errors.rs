//! Exit codes: 0 done, 1 a run that failed, 2 input that can't be right, 130 stopped by Ctrl-C.

use std::fmt;
use std::process::ExitCode;

use migration::Kind;
use migration::summary::Status;

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    RunFailed,
    Stopped,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Done => Self::SUCCESS,
            Ended::RunFailed => Self::FAILURE,
            // What a shell expects of a program that SIGINT has ended.
            Ended::Stopped => Self::from(130),
        }
    }
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        match status {
            Status::Succeeded => Self::Done,
            Status::Failed => Self::RunFailed,
            Status::Stopped => Self::Stopped,
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum CliError {
    /// The user has to change something: nothing was begun.
    Usage(String),
    /// Everything else.
    Failed(String),
    /// A second Ctrl-C: the run was cut off.
    CutOff(String),
}

impl CliError {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
            Self::CutOff(_) => Ended::Stopped.into(),
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) | Self::CutOff(message) => f.write_str(message),
        }
    }
}

/// Before a run begins, what is wrong with the migration, the table or the credentials is for the user to mend.
impl From<migration::Error> for CliError {
    fn from(error: migration::Error) -> Self {
        match error.kind() {
            Kind::InvalidInput | Kind::NotFound | Kind::Denied => Self::Usage(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// A database that another process holds, or that can't be opened, is named wrongly or in use: the user's to mend.
impl From<embedded::Error> for CliError {
    fn from(error: embedded::Error) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::Usage(message)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
