//! Which stack is meant: the flags go before the variable, and the variable before the deployment's note.

use migration::deployment::Deployment;

use crate::args::DeployedArgs;
use crate::engine::step_functions::arn::Arn;
use crate::errors::CliError;

/// Names the state machine, as the TypeScript original had it.
const MACHINE_VARIABLE: &str = "SFN_ARN";

/// The stack that is meant, and what is known of it before AWS is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) named: Named,
    /// Who names it, in words.
    pub(crate) by: String,
    /// Where it is; `None` is where the AWS configuration points.
    pub(crate) region: Option<String>,
    /// The account that it has to be in, where that is known.
    pub(crate) account: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Stack(String),
    Machine(Arn),
}

impl Target {
    /// Nothing where no flag, no variable and no note of `migration` name one.
    pub(crate) fn find(args: &DeployedArgs, migration: Option<&str>) -> Result<Option<Self>, CliError> {
        let note = || migration.map(read_note).transpose().map(Option::flatten);
        if let Some(stack) = &args.stack {
            return Self::of_stack(stack, note()?).map(Some);
        }
        if let Some(arn) = &args.state_machine {
            return Self::of_machine(arn, "--state-machine").map(Some);
        }
        if let Some(arn) = std::env::var(MACHINE_VARIABLE).ok().filter(|arn| !arn.is_empty()) {
            return Self::of_machine(&arn, MACHINE_VARIABLE).map(Some);
        }
        Ok(note()?.map(|(deployment, file)| Self {
            named: Named::Stack(deployment.stack),
            by: file,
            region: Some(deployment.region),
            account: Some(deployment.account),
        }))
    }

    /// A stack's name, or its id, which is an ARN. Where the note has the same stack, it is the one of the note.
    fn of_stack(name: &str, note: Option<(Deployment, String)>) -> Result<Self, CliError> {
        let (named, by) = (Named::Stack(name.to_owned()), "--stack".to_owned());
        if name.starts_with("arn:") {
            let Some(Arn { region, account, .. }) = Arn::parse(name) else {
                return Err(CliError::usage(format!("--stack: expected a stack's name or id, found {name}")));
            };
            return Ok(Self { named, by, region: Some(region), account: Some(account) });
        }
        let note = note.filter(|(deployment, _)| deployment.stack == name);
        let (region, account) = note.map(|(deployment, _)| (deployment.region, deployment.account)).unzip();
        Ok(Self { named, by, region, account })
    }

    fn of_machine(arn: &str, by: &str) -> Result<Self, CliError> {
        let Some(arn) = Arn::of_state_machine(arn) else {
            return Err(CliError::usage(format!(
                "{by}: expected a state machine's ARN such as \
                 arn:aws:states:eu-west-1:111122223333:stateMachine:NAME, without a version, found {arn}"
            )));
        };
        let (region, account) = (Some(arn.region.clone()), Some(arn.account.clone()));
        Ok(Self { named: Named::Machine(arn), by: by.to_owned(), region, account })
    }
}

/// The note of a migration's deployment in this folder, and its file.
fn read_note(migration: &str) -> Result<Option<(Deployment, String)>, CliError> {
    let file = Deployment::file(migration);
    let text = match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|error| CliError::usage(format!("{file} can't be read: {error}")))?,
    };
    let note = serde_json::from_str(&text).map_err(|error| {
        CliError::usage(format!("expected the note of a deployment in {file}: {error}; remove it, and deploy again"))
    })?;
    Ok(Some((note, file)))
}
