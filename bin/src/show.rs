//! Words on stderr. stdout is for data that can be piped.

use std::fmt;
use std::io::{self, Write};

use crate::errors::CliError;

/// Something worth a line.
#[allow(clippy::print_stderr, reason = "the one place that writes to stderr")]
pub(crate) fn line(text: impl fmt::Display) {
    eprintln!("{text}");
}

pub(crate) fn error(error: &CliError) {
    line(format_args!("{} {error}", console::style("error:").for_stderr().red().bold()));
}

/// What the command is for, on stdout. A reader that has gone away is no failure.
pub(crate) fn output(text: impl fmt::Display) -> Result<(), CliError> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
