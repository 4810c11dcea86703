//! Flags of the commands that look after a copy: its cut-over, and the changes that could not be applied.

use clap::builder::NonEmptyStringValueParser;

use super::{Output, RunArgs};

#[derive(Debug, clap::Args)]
pub(crate) struct CutoverArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Keep the source in step with the target afterwards, so that going back loses nothing
    #[arg(long)]
    pub(crate) reverse: bool,
    /// Stops the application's writes to the source: run by the shell once the gate is open; when it fails, everything stays
    /// as it was
    #[arg(long, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) before: Option<String>,
    /// Has the application begin on the target: run by the shell when nothing is on its way any more
    #[arg(long, value_name = "COMMAND", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) after: Option<String>,
    /// For how long the changes that were made last are waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) within: u64,
    /// How long ago the two tables may have begun to be compared; more than the 24 h of a stream is for tables that take longer,
    /// when capture was never so far behind since
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) verified_within: u64,
    /// Take a cut-over back that was begun; where none was, give the copy up: its target is kept in step no more
    #[arg(long, conflicts_with_all = ["reverse", "before", "after", "within", "verified_within"])]
    pub(crate) abort: bool,
    /// Begin on AWS without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// What to write to stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Bring the item with this key, or that of this event, in step, as it is now, and take the change out; without a key, do
    /// so for all
    #[arg(long, value_name = "KEY", num_args = 0..=1, conflicts_with = "drop")]
    pub(crate) retry: Option<Option<String>>,
    /// Take the changes of the item with this key, or that of this event, out: they are never applied
    #[arg(long, value_name = "KEY")]
    pub(crate) drop: Option<String>,
}
