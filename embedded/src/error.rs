//! The one error type of this crate's own interface. What DynamoDB answers to a request travels as a
//! response instead, typed by the SDK.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong in opening, loading, serving or storing objects.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`], for callers that decide on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another process has the database file open.
    Locked,
    /// The database could not be read or written.
    Database,
    /// What was asked for can't be done: the table is missing or not empty, an item is not valid, an object's
    /// key leads out of its folder.
    Invalid,
    /// There is no such object.
    NotFound,
    /// The source of the items to load failed.
    Source,
    /// A file or a socket failed.
    Io,
}

/// The result of this crate's own interface.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    pub(crate) fn because(
        kind: ErrorKind,
        context: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, context: context.into(), source: Some(source.into()) }
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        Self::because(ErrorKind::Database, "the embedded database failed", source)
    }
}

impl From<dynoxide::DynoxideError> for Error {
    fn from(source: dynoxide::DynoxideError) -> Self {
        Self::because(ErrorKind::Database, "the embedded database failed", source)
    }
}
