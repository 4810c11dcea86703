//! What the stack tells a function by environment variables. One that is missing is an error before the first
//! invocation, with its name.

use migration::deployment::{
    CAPTURE_FUNCTION_VARIABLE, DEAD_LETTERS_URL_VARIABLE, EXPORT_BUCKET_VARIABLE, LEDGER_TABLE_VARIABLE,
    MIGRATION_DIGEST_VARIABLE, QUEUE_ARN_VARIABLE, QUEUE_URL_VARIABLE, REPLAY_FUNCTION_VARIABLE, STACK_VARIABLE,
    TARGET_REGION_VARIABLE, TARGET_ROLE_VARIABLE,
};
use migration::{Error, Task, Wiring};

/// A function's variables, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The ledger's table.
    pub(crate) ledger_table: String,
    /// The stack's name, under which the metrics stand.
    pub(crate) stack: String,
    /// The migration that was deployed. Only `Prepare` looks at it, and only its function is told.
    pub(crate) migration_digest: Option<String>,
    /// What carries a copy's changes; `None` in the stack of a migration in place.
    pub(crate) wiring: Option<Wiring>,
    /// The target's region, where that isn't the stack's.
    pub(crate) target_region: Option<String>,
    /// The role by which the target is reached, where it is in another account.
    pub(crate) target_role: Option<String>,
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
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        let wiring = |queue_url| {
            let of_queue = |name| needed(name, "what the stack has made for the changes of a copy");
            // The functions that mappings call make none: they aren't told of each other.
            let function = |name| match task {
                Task::CaptureChanges | Task::ApplyChanges => Ok(String::new()),
                _ => needed(name, "a function that a mapping calls"),
            };
            Ok::<_, Error>(Wiring {
                queue_url,
                queue_arn: of_queue(QUEUE_ARN_VARIABLE)?,
                dead_letters_url: of_queue(DEAD_LETTERS_URL_VARIABLE)?,
                capture_function: function(CAPTURE_FUNCTION_VARIABLE)?,
                replay_function: function(REPLAY_FUNCTION_VARIABLE)?,
                export_bucket: of_queue(EXPORT_BUCKET_VARIABLE)?,
            })
        };
        let digest = || needed(MIGRATION_DIGEST_VARIABLE, "the digest of the migration");
        Ok(Self {
            ledger_table: needed(LEDGER_TABLE_VARIABLE, "the name of the ledger's table")?,
            stack: needed(STACK_VARIABLE, "the name of the stack")?,
            migration_digest: (task == Task::Prepare).then(digest).transpose()?,
            wiring: given(QUEUE_URL_VARIABLE).map(wiring).transpose()?,
            target_region: given(TARGET_REGION_VARIABLE),
            target_role: given(TARGET_ROLE_VARIABLE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(&str, &str); 9] = [
        (LEDGER_TABLE_VARIABLE, "books"),
        (STACK_VARIABLE, "Segue-tidy"),
        (MIGRATION_DIGEST_VARIABLE, "0af1"),
        (QUEUE_URL_VARIABLE, "https://queue"),
        (QUEUE_ARN_VARIABLE, "arn:queue"),
        (DEAD_LETTERS_URL_VARIABLE, "https://dead"),
        (CAPTURE_FUNCTION_VARIABLE, "arn:capture"),
        (REPLAY_FUNCTION_VARIABLE, "arn:replay"),
        (EXPORT_BUCKET_VARIABLE, "bucket"),
    ];

    fn without(missing: &str, task: Task) -> Result<Environment, Error> {
        let value = |name: &str| ALL.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Environment::of(task, |name| value(name).filter(|_| name != missing))
    }

    #[test]
    fn every_variable_that_is_missing_is_named() {
        // Without a queue it is the stack of a migration in place.
        for (name, _) in ALL.into_iter().filter(|(name, _)| *name != QUEUE_URL_VARIABLE) {
            let error = without(name, Task::Prepare).unwrap_err();
            assert!(error.to_string().contains(&format!("variable {name} to hold")), "{error}");
        }
    }

    #[test]
    fn a_copy_is_known_by_its_queue() {
        assert_eq!(without(QUEUE_URL_VARIABLE, Task::Prepare).unwrap().wiring, None);
        let wiring = |task| without("", task).unwrap().wiring.unwrap();
        assert_eq!(wiring(Task::StartReplay).replay_function, "arn:replay");
        // Its own stack can't name it to itself.
        assert_eq!(
            without(CAPTURE_FUNCTION_VARIABLE, Task::CaptureChanges).unwrap().wiring,
            Some(wiring(Task::ApplyChanges))
        );
    }

    #[test]
    fn only_prepare_is_told_of_the_migration() {
        let digests: Vec<_> = Task::ALL.map(|task| without("", task).unwrap().migration_digest).into_iter().collect();
        assert_eq!(digests.iter().flatten().collect::<Vec<_>>(), ["0af1"]);
        assert_eq!(without(MIGRATION_DIGEST_VARIABLE, Task::Restore).unwrap().stack, "Segue-tidy");
    }
}
