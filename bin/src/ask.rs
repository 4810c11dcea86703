//! Questions on the terminal. Whoever doesn't say yes has said no.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether there is anybody to answer.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, and waits for the answer.
pub(crate) fn yes(question: &str) -> io::Result<bool> {
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
