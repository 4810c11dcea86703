//! The simulation's own arguments, beside those of libtest: `--seeds N` plays that many seeds, `--seed S` plays one
//! and says what it met.

use libtest_mimic::Arguments;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// As many of each kind as are always played.
    AsUsual,
    /// The seeds below that.
    Seeds(u64),
    /// This one alone.
    Seed(u64),
}

/// Takes the own arguments out, and leaves the rest to libtest's.
pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> Result<(Asked, Arguments), String> {
    let mut arguments = arguments.into_iter();
    let (mut asked, mut rest) = (Asked::AsUsual, Vec::new());
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument.clone(), None),
        };
        let kind: fn(u64) -> Asked = match name.as_str() {
            "--seeds" => Asked::Seeds,
            "--seed" => Asked::Seed,
            _ => {
                rest.push(argument);
                continue;
            }
        };
        let number = value.or_else(|| arguments.next()).unwrap_or_default();
        let number = number.parse().map_err(|_| format!("expected a number after {name}, found {number:?}"))?;
        asked = kind(number);
    }
    Ok((asked, Arguments::from_iter(rest)))
}
