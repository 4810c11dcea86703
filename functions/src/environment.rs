//! What the stack tells a function by environment variables. One that is missing is an error before the first
//! invocation, with its name.

use migration::deployment::{LEDGER_TABLE_VARIABLE, MIGRATION_DIGEST_VARIABLE, STACK_VARIABLE};
use migration::{Error, Task};

/// A function's variables, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The ledger's table.
    pub(crate) ledger_table: String,
    /// The stack's name, under which the metrics stand.
    pub(crate) stack: String,
    /// The migration that was deployed. Only `Prepare` looks at it, and only its function is told.
    pub(crate) migration_digest: Option<String>,
}

impl Environment {
    /// The variables of a task's function, as `variable` finds them.
    pub(crate) fn of(task: Task, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let needed = |name: &str, what: &str| {
            variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                let message =
                    format!("expected the environment variable {name} to hold {what}, found nothing; deploy the stack");
                Error::invalid(message)
            })
        };
        let digest = || needed(MIGRATION_DIGEST_VARIABLE, "the digest of the migration");
        Ok(Self {
            ledger_table: needed(LEDGER_TABLE_VARIABLE, "the name of the ledger's table")?,
            stack: needed(STACK_VARIABLE, "the name of the stack")?,
            migration_digest: (task == Task::Prepare).then(digest).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(&str, &str); 3] =
        [(LEDGER_TABLE_VARIABLE, "books"), (STACK_VARIABLE, "Segue-tidy"), (MIGRATION_DIGEST_VARIABLE, "0af1")];

    fn without(missing: &str, task: Task) -> Result<Environment, Error> {
        let value = |name: &str| ALL.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Environment::of(task, |name| value(name).filter(|_| name != missing))
    }

    #[test]
    fn every_variable_that_is_missing_is_named() {
        for (name, _) in ALL {
            let error = without(name, Task::Prepare).unwrap_err();
            assert!(error.to_string().contains(&format!("variable {name} to hold")), "{error}");
        }
    }

    #[test]
    fn only_prepare_is_told_of_the_migration() {
        let digests: Vec<_> = Task::ALL.map(|task| without("", task).unwrap().migration_digest).into_iter().collect();
        assert_eq!(digests.iter().flatten().collect::<Vec<_>>(), ["0af1"]);
        assert_eq!(without(MIGRATION_DIGEST_VARIABLE, Task::Restore).unwrap().stack, "Segue-tidy");
    }
}
