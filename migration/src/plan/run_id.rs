//! How a run is named, and what its name says.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Between a run's name and the number of the attempt, in the name of an execution.
const ATTEMPT: &str = "-r";

/// What the name of a copy's way back has at its end.
const BACK: &str = "-back";

/// A run's name: the migration's, and when it started.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RunId {
    /// The run that a person has named.
    pub fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name of the execution of this run that is its nth attempt: the run's own, then `RUN-r2` and so on. Step
    /// Functions takes a name once in 90 days.
    pub fn execution_name(&self, attempt: u32) -> String {
        if attempt <= 1 { self.0.clone() } else { format!("{}{ATTEMPT}{attempt}", self.0) }
    }

    /// The run whose execution has that name.
    pub fn of_execution(name: &str) -> Self {
        let attempt = name.rsplit_once(ATTEMPT).filter(|(_, number)| number.parse::<u32>().is_ok());
        let run = attempt.map(|(run, _)| Self::named(run)).filter(|run| run.parts().is_some());
        run.unwrap_or_else(|| Self::named(name))
    }

    /// `tidy-movies-20261120T093000123Z`: unique for runs that a person starts, and in order.
    pub fn new(migration: &str, now: Timestamp) -> Self {
        Self(format!("{migration}-{}", now.strftime("%Y%m%dT%H%M%S%3fZ")))
    }

    /// The run of this copy's way back, after a cut-over.
    #[must_use]
    pub fn back(&self) -> Self {
        Self(format!("{}{BACK}", self.0))
    }

    /// The run that has the books: of a way back that of the copy, of any other its own.
    #[must_use]
    pub fn forth(&self) -> Self {
        Self(self.0.strip_suffix(BACK).unwrap_or(&self.0).to_owned())
    }

    /// The migration's name and the time of the start, which sorts as text; nothing where the name is none of a run's.
    pub fn parts(&self) -> Option<(&str, &str)> {
        let run = self.0.strip_suffix(BACK).unwrap_or(&self.0);
        let (migration, time) = run.rsplit_once('-')?;
        let is_time = time.len() == 19
            && time.char_indices().all(|(at, c)| match at {
                8 => c == 'T',
                18 => c == 'Z',
                _ => c.is_ascii_digit(),
            });
        is_time.then_some((migration, time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_known_by_its_name() {
        let run = RunId::new("tidy-movies", Timestamp::from_millisecond(1_795_167_000_123).unwrap());
        assert_eq!(run.parts(), Some(("tidy-movies", "20261120T093000123Z")));
        for other in
            ["tidy-movies", "9f2c7a3e-0b51-4e6e-9f0a-0d6f5b6c7d8e", "a-20261120T093000123", "20261120T093000123Z"]
        {
            assert_eq!(RunId::named(other).parts(), None, "{other}");
        }
    }

    #[test]
    fn an_execution_is_named_by_its_run_and_its_attempt() {
        let run = RunId::named("tidy-r2-20261120T093000123Z");
        for (attempt, name) in [(1, "tidy-r2-20261120T093000123Z"), (12, "tidy-r2-20261120T093000123Z-r12")] {
            assert_eq!(run.execution_name(attempt), name);
            assert_eq!(RunId::of_execution(name), run);
        }
        assert_eq!(RunId::of_execution("by-hand-r2"), RunId::named("by-hand-r2"));
    }
}
