//! Which engine a run takes. What is named goes before what is found; flags of another engine are never silently
//! without effect.

use migration::deployment::Deployment;

use crate::args::{EngineArg, MigrateArgs, RehearsalArgs};
use crate::engine::step_functions::Target;
use crate::errors::CliError;

/// The engine, and what it needs to begin.
#[derive(Debug)]
pub(crate) enum Choice {
    /// `named` tells whether somebody has asked for it.
    Embedded {
        named: bool,
    },
    Direct,
    StepFunctions(Target),
}

pub(crate) fn choose(args: &MigrateArgs, migration: &str) -> Result<Choice, CliError> {
    match args.engine {
        Some(EngineArg::Embedded) => {
            refuse_flags_of_a_stack(args, "--engine embedded rehearses in this process")?;
            Ok(Choice::Embedded { named: true })
        }
        Some(EngineArg::Direct) => {
            refuse_flags_of_the_rehearsal(args, "--engine direct works on a table that is there")?;
            refuse_flags_of_a_stack(args, "--engine direct works in this process")?;
            Ok(Choice::Direct)
        }
        engine @ (Some(EngineArg::StepFunctions) | None) => match Target::find(&args.deployed, Some(migration))? {
            Some(target) => {
                let found = format!("this run is one on a stack ({} names it); --engine embedded rehearses", target.by);
                refuse_flags_of_the_rehearsal(args, &found)?;
                Ok(Choice::StepFunctions(target))
            }
            None if engine.is_some() => Err(CliError::usage(nothing_deployed(migration))),
            None => {
                refuse_flags_of_a_stack(args, "nothing is deployed, so this run would be a rehearsal")?;
                Ok(Choice::Embedded { named: false })
            }
        },
    }
}

/// What to say where a stack is needed, and none is named.
pub(crate) fn nothing_deployed(migration: &str) -> String {
    format!(
        "expected a deployment of {migration} ({}), found none; deploy it with `cargo run -p infra -- deploy`, or name \
         its stack with --stack or its state machine with --state-machine or SFN_ARN",
        Deployment::file(migration)
    )
}

fn refuse_flags_of_the_rehearsal(args: &MigrateArgs, instead: &str) -> Result<(), CliError> {
    let RehearsalArgs { data, items, database, traffic, cutover, .. } = &args.rehearsal;
    refuse(
        [
            (data.is_some(), "--data"),
            (items.is_some(), "--items"),
            (database.is_some(), "--database"),
            (traffic.is_some(), "--traffic"),
            (*cutover, "--cutover"),
        ],
        &format!("is for the embedded engine; {instead}"),
    )
}

fn refuse_flags_of_a_stack(args: &MigrateArgs, instead: &str) -> Result<(), CliError> {
    refuse(
        [
            (args.deployed.stack.is_some(), "--stack"),
            (args.deployed.state_machine.is_some(), "--state-machine"),
            (args.detach, "--detach"),
        ],
        &format!("is for --engine step-functions; {instead}"),
    )
}

fn refuse<const N: usize>(flags: [(bool, &str); N], message: &str) -> Result<(), CliError> {
    match flags.into_iter().find(|(given, _)| *given) {
        Some((_, flag)) => Err(CliError::usage(format!("{flag} {message}"))),
        None => Ok(()),
    }
}
