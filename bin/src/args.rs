//! Flags as they are typed.

mod copies;
mod reading;
mod rehearsal;

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use migration::definition::{Percentage, TableName, TotalSegments};

pub(crate) use copies::{ChangesArgs, CutoverArgs};
pub(crate) use reading::{CountArgs, ReadingArgs, VerifyArgs};
pub(crate) use rehearsal::RehearsalArgs;

/// Change every item of a DynamoDB table, safely, while it is in use
///
/// Without a command, `run` carries out the migration that migration.yaml describes: on the stack that was deployed from
/// this folder, after it has asked, or, where nothing is deployed, as a rehearsal on an embedded DynamoDB in this
/// process.
#[derive(Debug, Parser)]
#[command(name = "run", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) migrate: MigrateArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say how far a run is, or how it has ended
    Status(SomeRunArgs),
    /// Follow a run to its end, from any terminal
    Watch(SomeRunArgs),
    /// Ask a run to end in order, and follow it until it has: pages under way are finished, capacity is put back
    Stop(StopArgs),
    /// Give a run another budget of write and read units while it goes on
    Throttle(ThrottleArgs),
    /// Hold a run still until `go-on`: its workers finish what they have sent, and begin nothing
    Pause(RunArgs),
    /// Let a run that was paused go on
    GoOn(RunArgs),
    /// Go on with a run that was stopped, failed or killed: what is done is not read again
    Resume(ResumeArgs),
    /// Take up the items that a run could not migrate, and no others, with the migration as it is now
    Retry(RetryArgs),
    /// Put back the capacity that a run has raised and, because it was cut off, not put back
    Restore(RunArgs),
    /// Write the items that a run could not migrate to stdout, a JSON object a line: key, reason, segment
    Failures(RunArgs),
    /// Count a table's items, and those that the migration's `where` chooses: exactly, by reading them all
    Count(CountArgs),
    /// Compare two tables both ways, each item with what the migration makes of it; in place, look for what is left to do
    Verify(VerifyArgs),
    /// Write what differed when a run's tables were compared last to stdout, a JSON object a line: keys and names of
    /// attributes
    Differences(RunArgs),
    /// Move the application of a copy from the source to the target, once nothing is left behind: refuses until then, and says
    /// why
    Cutover(CutoverArgs),
    /// Write the changes of a copy that could not be applied to stdout, a JSON object a line: key, event, reason
    Changes(ChangesArgs),
    /// Serve an embedded database on 127.0.0.1, for any AWS client
    Serve(ServeArgs),
    /// Write a table's items to stdout as DynamoDB JSON, one {"Item":{...}} a line
    Export(ExportArgs),
}

impl Command {
    /// Whether it is about a run, and about which, where one is named.
    pub(crate) fn of_run(&self) -> Option<Option<&str>> {
        match self {
            Self::Status(SomeRunArgs { run, .. }) | Self::Watch(SomeRunArgs { run, .. }) => Some(run.as_deref()),
            Self::Stop(StopArgs { run, .. })
            | Self::Throttle(ThrottleArgs { run, .. })
            | Self::Pause(run)
            | Self::GoOn(run)
            | Self::Resume(ResumeArgs { run, .. })
            | Self::Retry(RetryArgs { run, .. })
            | Self::Cutover(CutoverArgs { run, .. })
            | Self::Changes(ChangesArgs { run, .. })
            | Self::Restore(run)
            | Self::Failures(run)
            | Self::Differences(run) => Some(Some(&run.run)),
            Self::Count(_) | Self::Verify(_) | Self::Serve(_) | Self::Export(_) => None,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    /// The migration to carry out
    #[arg(long, value_name = "FILE", default_value = "migration.yaml")]
    pub(crate) migration: PathBuf,
    /// The table to change, instead of the one that the migration names
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<TableName>,
    /// Into how many segments the scan is divided, 1 to 1000000
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) segments: Option<TotalSegments>,
    /// By what requests items are written
    #[arg(long, value_enum)]
    pub(crate) writes: Option<WritesArg>,
    /// Make the table ready for so much; never lowers anything [default: the migration's way, or provisioned]
    #[arg(long, value_enum, value_name = "WAY", num_args = 0..=1, require_equals = true)]
    pub(crate) prewarm: Option<Option<PrewarmArg>>,
    /// Read units to raise it to [default: the migration's, or 12000]
    #[arg(long, value_name = "UNITS", requires = "prewarm", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) prewarm_rcu: Option<u32>,
    /// Write units to raise it to [default: the migration's, or 4000]
    #[arg(long, value_name = "UNITS", requires = "prewarm", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) prewarm_wcu: Option<u32>,
    /// Write units a second that the run may take, all of its workers together; `throttle` changes it while it goes on
    /// [default: the migration's, or its share]
    #[arg(long, value_name = "N")]
    pub(crate) write_units: Option<NonZeroU32>,
    /// Read units a second, likewise
    #[arg(long, value_name = "N")]
    pub(crate) read_units: Option<NonZeroU32>,
    /// The share of the table's own units that it may take where no units are named, above 0, up to 100; the rest is
    /// left to others [default: the migration's, or 75]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = share)]
    pub(crate) share: Option<Percentage>,
    /// How many segments are worked at a time [default: 4 for each processor; 100 on Step Functions, where each is a
    /// Lambda function at work: an account starts with 1000 of them, for all that it does]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) workers: Option<u32>,
    #[command(flatten)]
    pub(crate) rehearsal: RehearsalArgs,
    /// Where to run [default: step-functions where a stack is deployed or named, otherwise embedded]
    #[arg(long, value_enum)]
    pub(crate) engine: Option<EngineArg>,
    #[command(flatten)]
    pub(crate) deployed: DeployedArgs,
    /// Begin on AWS without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Begin on AWS and leave: the execution's ARN and its page in the console go to stdout
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) detach: bool,
    /// What `${now}` stands for [default: the start], such as 2026-11-20T09:30:00Z
    #[arg(long, value_name = "TIMESTAMP")]
    pub(crate) now: Option<Timestamp>,
    /// Write nothing: show what would change on a sample, whether a second run would write again, and the cost
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Prices for the cost, as JSON; see migration/src/prices.json
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// What to write to stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineArg {
    /// A rehearsal: an embedded DynamoDB in this process
    Embedded,
    /// This process, on the table that the AWS configuration or AWS_ENDPOINT_URL reaches
    Direct,
    /// The stack that `infra -- deploy` has made, or the one that --stack or --state-machine names
    StepFunctions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WritesArg {
    /// An UpdateItem or a DeleteItem for each item
    Single,
    /// 25 items in one request, each on its own condition: the same write units, less work for the workers
    Batched,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrewarmArg {
    /// Raise provisioned units while the run lasts, paid by the hour, and put them back afterwards
    Provisioned,
    /// Raise the warm throughput: costs money once, and stays, as it can't be lowered
    WarmThroughput,
}

/// A stack that stands already. What is typed here goes before the variable SFN_ARN, and that before the note that
/// `infra -- deploy` leaves in its folder.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct DeployedArgs {
    /// The stack to run on, instead of the one that was deployed from this folder
    #[arg(long, value_name = "NAME", conflicts_with = "state_machine")]
    pub(crate) stack: Option<String>,
    /// The state machine of such a stack; the variable SFN_ARN does the same
    #[arg(long, value_name = "ARN")]
    pub(crate) state_machine: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A report to read
    Text,
    /// One JSON object
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Go on at AWS without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// What to write to stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// The migration that was mended
    #[arg(long, value_name = "FILE", default_value = "migration.yaml")]
    pub(crate) migration: PathBuf,
    /// The run's table, where it isn't the one that the migration names
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<TableName>,
    /// Begin on AWS without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// What to write to stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The run, as its first lines and its report name it
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) deployed: DeployedArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// On Step Functions: stop the execution and its children at once, instead of asking them; the stack's rule puts the
    /// capacity back
    #[arg(long)]
    pub(crate) now: bool,
    /// What to write to stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
#[group(id = "budget", required = true, multiple = true, args = ["write_units", "read_units", "default"])]
pub(crate) struct ThrottleArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Write units a second, for all workers of the run together
    #[arg(long, value_name = "N")]
    pub(crate) write_units: Option<NonZeroU32>,
    /// Read units a second, likewise
    #[arg(long, value_name = "N")]
    pub(crate) read_units: Option<NonZeroU32>,
    /// What the run began with
    #[arg(long, conflicts_with_all = ["write_units", "read_units"])]
    pub(crate) default: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SomeRunArgs {
    /// The run, as its first lines and its report name it [default: the newest]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) deployed: DeployedArgs,
    /// The migration whose deployment is meant
    #[arg(long, value_name = "FILE", default_value = "migration.yaml")]
    pub(crate) migration: PathBuf,
    /// What to write to stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// The database's file; it is made where there is none
    #[arg(long, value_name = "FILE")]
    pub(crate) database: PathBuf,
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8000)]
    pub(crate) port: u16,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The database's file
    #[arg(long, value_name = "FILE")]
    pub(crate) database: PathBuf,
    /// The table to write out
    #[arg(long, value_name = "NAME")]
    pub(crate) table: String,
}

fn share(text: &str) -> Result<Percentage, String> {
    let share = text.parse().ok().and_then(|share: f64| Percentage::try_from(share).ok());
    let share = share.filter(|share| *share > Percentage::ZERO);
    share.ok_or_else(|| "expected a percentage above 0, up to 100".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn help_is_as_it_was_reviewed() {
        insta::assert_snapshot!("help", Args::command().term_width(100).render_long_help());
    }
}
