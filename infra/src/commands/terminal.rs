//! Words on stderr, and questions. stdout is for data that can be piped.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};
use std::thread;

use anyhow::{Context, bail};
use tokio::sync::oneshot;

use crate::failure::Usage;

/// Something worth a line.
#[allow(clippy::print_stderr, reason = "the one place that writes to stderr")]
pub(super) fn line(text: impl fmt::Display) {
    eprintln!("{text}");
}

/// How the user agrees to what costs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// With `--yes`.
    Given,
    /// When asked.
    Asked,
}

impl Consent {
    /// Without a terminal nobody can be asked, which is said before anything is begun.
    pub(super) fn of(yes: bool, otherwise: &str) -> anyhow::Result<Self> {
        if yes {
            return Ok(Self::Given);
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            bail!(Usage::new(format!("expected a terminal to ask on, or --yes; nothing was changed; {otherwise}")));
        }
        Ok(Self::Asked)
    }

    /// Asks, unless the answer is known.
    pub(super) async fn to(self, question: &str) -> anyhow::Result<bool> {
        match self {
            Self::Given => Ok(true),
            Self::Asked => ask(question).await,
        }
    }
}

/// Asks on the terminal. On a thread of its own, which ends with the process if nobody ever answers.
async fn ask(question: &str) -> anyhow::Result<bool> {
    write!(io::stderr(), "{} [y/N] ", console::style(question).for_stderr().bold())?;
    let (send, receive) = oneshot::channel();
    thread::spawn(move || {
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer).map(|_| answer);
        // Who asked may have been interrupted meanwhile.
        drop(send.send(read));
    });
    let answer = receive.await.context("the answer can't be read")?.context("the answer can't be read")?;
    Ok(is_yes(&answer))
}

/// Only a clear yes is one.
fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(is_yes("y\n") && is_yes("YES\r\n"));
        assert!(!is_yes("") && !is_yes("\n") && !is_yes("n\n") && !is_yes("yep\n"));
    }
}
