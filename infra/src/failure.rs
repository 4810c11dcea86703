//! How a command ends that didn't do its work: what the user has to mend, what failed, and what was stopped are told
//! apart by their exit codes.

use std::fmt;
use std::process::ExitCode;

/// The user has to change something; nothing was changed by us. Exit code 2. It can stand around another error, too:
/// `result.context(Usage::new("…"))`.
#[derive(Debug)]
pub struct Usage(String);

/// Ctrl-C has ended the command. Exit code 130: what a shell expects of a program that SIGINT has ended.
#[derive(Debug)]
pub struct Stopped(String);

impl Usage {
    /// An error that says what was expected, what was found, and what to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl Stopped {
    /// An error that says how far the command has come.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
impl std::error::Error for Stopped {}

/// The exit code of a command that ended with this error: 2, 130, or 1 for everything that merely failed.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Stopped>().is_some() {
        130
    } else if error.downcast_ref::<Usage>().is_some() {
        2
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn the_kind_of_an_error_is_seen_through_its_contexts() {
        let usage = || anyhow::Error::from(Usage::new("expected a bucket"));
        assert_eq!(code(&usage()), 2);
        assert_eq!(code(&usage().context("while the stack was put together")), 2);
        assert_eq!(code(&Err::<(), _>(anyhow!("no such file")).context(Usage::new("expected a file")).unwrap_err()), 2);
        assert_eq!(code(&Stopped::new("stopped").into()), 130);
        assert_eq!(code(&anyhow!("it failed")), 1);
    }
}
