//! A stack at AWS: found, checked, and asked. Runs on it are executions of its state machine, named by the run.

mod arn;
mod aws;
mod cut_off;
mod execution;
mod follow;
mod look;
mod redrive;
mod stack;
mod target;

use migration::definition::Definition;
use migration::plan::{Plan, RunId};
use migration::{Error, Ledger};

pub(crate) use execution::{Execution, input};
pub(crate) use follow::{Followed, follow};
pub(crate) use look::Look;
pub(crate) use target::Target;

use crate::engine::Clients;
use crate::engine::step_functions::arn::Arn;
use crate::engine::step_functions::aws::Aws;
use crate::engine::step_functions::stack::Stack;
use crate::engine::step_functions::target::Named;
use crate::errors::CliError;

/// A stack of ours, with the clients that reach it.
pub(crate) struct Deployed {
    pub(crate) aws: Aws,
    pub(crate) stack: Stack,
}

impl Deployed {
    /// Finds the stack, with credentials of its account.
    pub(crate) async fn open(target: &Target) -> Result<Self, CliError> {
        let aws = Aws::connect(target.region.as_deref()).await?;
        let account = aws.account().await?;
        if let Some(expected) = &target.account
            && *expected != account
        {
            return Err(CliError::usage(format!(
                "expected credentials of account {expected}, where {} is, found those of account {account}; choose others \
                 with AWS_PROFILE, or deploy to this account with `cargo run -p infra -- deploy`",
                target.what()
            )));
        }
        let stack = match &target.named {
            Named::Stack(name) => Stack::describe(&aws, name, &account, &target.otherwise()).await?,
            Named::Machine(machine) => {
                let name = stack_of(&aws, machine).await?;
                let stack = Stack::describe(&aws, &name, &account, &target.otherwise()).await?;
                if stack.machine != *machine {
                    return Err(foreign(
                        machine,
                        &format!("stack {name} has another one for its runs, {}", stack.machine),
                    ));
                }
                stack
            }
        };
        Ok(Self { aws, stack })
    }

    /// Reads credentials and configuration anew; where they are of no use, what there was goes on.
    pub(crate) async fn reconnect(&mut self) {
        if let Ok(aws) = Aws::connect(Some(&self.aws.region)).await {
            self.aws = aws;
        }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::new(self.aws.dynamodb.clone(), &self.stack.ledger)
    }

    /// Clients of the tables of a run, and of what carries its copy.
    pub(crate) async fn clients(&self, plan: &Plan) -> Clients {
        self.clients_of(&plan.definition).await
    }

    /// The same of a migration's tables.
    pub(crate) async fn clients_of(&self, definition: &Definition) -> Clients {
        self.aws.of_copy(definition.target.as_ref(), self.stack.wiring.clone()).await
    }

    /// Whether a run of `definition` can begin.
    pub(crate) fn check(&self, definition: &Definition, file: &str) -> Result<(), CliError> {
        self.stack.check_ready()?;
        self.check_table(definition)?;
        if self.stack.is_for(definition) {
            return Ok(());
        }
        Err(CliError::usage(format!(
            "{file} isn't what was deployed as stack {}; run `cargo run -p infra -- deploy` first",
            self.stack.name
        )))
    }

    /// Whether a run that was begun with `plan` can go on: its functions take no other migration than the stack's.
    pub(crate) fn check_same(&self, plan: &Plan) -> Result<(), CliError> {
        self.stack.check_ready()?;
        if self.stack.is_for(&plan.definition) {
            return Ok(());
        }
        Err(CliError::usage(format!(
            "run {} was begun with another migration than stack {} has by now; deploy that one again, or run the migration \
             anew: what is done is not written twice",
            plan.run, self.stack.name
        )))
    }

    /// The stack's functions may change one table.
    pub(crate) fn check_table(&self, definition: &Definition) -> Result<(), CliError> {
        let Stack { name, table, .. } = &self.stack;
        if definition.source.table.as_str() == table {
            return Ok(());
        }
        Err(CliError::usage(format!(
            "expected table {table}, which stack {name} was deployed for, found {}; deploy a stack for this one with \
             `cargo run -p infra -- deploy`",
            definition.source.table
        )))
    }
}

/// The stack that has made a state machine, by the tag that CloudFormation puts on all that it makes.
async fn stack_of(aws: &Aws, machine: &Arn) -> Result<String, CliError> {
    let described = aws.states.describe_state_machine().state_machine_arn(machine.to_string()).send().await;
    let described = match described {
        Err(error) if error.as_service_error().is_some_and(|error| error.is_state_machine_does_not_exist()) => {
            let message = format!("expected a state machine {machine}, found none; name another, or deploy one");
            return Err(CliError::usage(message));
        }
        described => described.map_err(|error| Error::from_control_plane("DescribeStateMachine", error))?,
    };
    if *described.r#type() == aws_sdk_sfn::types::StateMachineType::Express {
        return Err(foreign(machine, "it is an Express workflow; ours are Standard"));
    }
    let tags = aws.states.list_tags_for_resource().resource_arn(machine.to_string()).send().await;
    let tags = tags.map_err(|error| Error::from_control_plane("ListTagsForResource", error))?.tags.unwrap_or_default();
    let stack = tags.into_iter().find(|tag| tag.key() == Some("aws:cloudformation:stack-name"));
    stack.and_then(|tag| tag.value).ok_or_else(|| foreign(machine, "no stack has made it"))
}

fn foreign(machine: &Arn, why: &str) -> CliError {
    CliError::usage(format!(
        "{machine} is no state machine of Segue's: {why}; name another, or deploy one with `cargo run -p infra -- deploy`"
    ))
}

impl Target {
    /// A command on a run of this stack, which it names where no note does.
    pub(crate) fn command(&self, verb: &str, run: &RunId) -> String {
        let flag = match (&self.named, self.by.as_str()) {
            (Named::Stack(name), "--stack") => format!(" --stack {name}"),
            (Named::Machine(arn), _) => format!(" --state-machine {arn}"),
            _ => String::new(),
        };
        format!("run {verb} {run}{flag}")
    }

    /// What to do where there is no such stack.
    fn otherwise(&self) -> String {
        match (&self.named, &self.region) {
            (Named::Stack(_), Some(_)) if self.by != "--stack" => format!("remove {} to rehearse", self.by),
            (_, Some(_)) => "name another".into(),
            (_, None) => "name another region with AWS_REGION, or another account with AWS_PROFILE".into(),
        }
    }

    fn what(&self) -> String {
        match &self.named {
            Named::Stack(name) => format!("stack {name} ({})", self.by),
            Named::Machine(arn) => format!("{arn} ({})", self.by),
        }
    }
}
