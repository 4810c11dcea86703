//! Flags of the commands that read whole tables.

use std::num::NonZeroU32;
use std::path::PathBuf;

use migration::definition::{Percentage, TableName, TotalSegments};

use super::{DeployedArgs, EngineArg, Output, share};

/// How a table is read: where, how fast, and what is said of it.
#[derive(Debug, clap::Args)]
pub(crate) struct ReadingArgs {
    /// Into how many segments the scan is divided, 1 to 1000000 [default: the migration's, or 100]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) segments: Option<TotalSegments>,
    /// How many segments are worked at a time [default: 4 for each processor; 100 on Step Functions]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) workers: Option<u32>,
    /// Read units a second that it may take; `throttle` changes it while it goes on [default: the migration's, or its
    /// share]
    #[arg(long, value_name = "N")]
    pub(crate) read_units: Option<NonZeroU32>,
    /// The share of the table's own units that it may take where no units are named, above 0, up to 100
    /// [default: the migration's, or 75]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = share)]
    pub(crate) share: Option<Percentage>,
    /// The embedded database's file that the table stands in
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
    /// Where to run [default: step-functions where a stack is deployed or named, embedded with --database, otherwise
    /// direct]
    #[arg(long, value_enum)]
    pub(crate) engine: Option<EngineArg>,
    #[command(flatten)]
    pub(crate) deployed: DeployedArgs,
    /// Begin on AWS without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// What to write to stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CountArgs {
    /// The migration whose table is meant, and whose `where` chooses [default: migration.yaml, unless --table names a
    /// table]
    #[arg(long, value_name = "FILE")]
    pub(crate) migration: Option<PathBuf>,
    /// The table, instead of the one that the migration names
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<TableName>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("tables").multiple(true).args(["source", "target"]).conflicts_with("run"))]
pub(crate) struct VerifyArgs {
    /// The run whose tables are compared, by its migration
    pub(crate) run: Option<String>,
    /// The table that items are carried from, instead of the one that the migration names
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<TableName>,
    /// The table that they are carried to, likewise
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<TableName>,
    /// The migration that makes the target's items of the source's [default: migration.yaml, unless --source and --target
    /// name two tables that should be the same]
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub(crate) migration: Option<PathBuf>,
    /// Set right in the target what differs: through the queue where changes are being carried, otherwise at once
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
}
