//! Flags of a rehearsal alone: its data, its database, and what happens around a copy.

use std::path::PathBuf;

/// How a migration is rehearsed.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RehearsalArgs {
    /// Items for a table that the embedded database doesn't have yet: a JSON array, or the DynamoDB JSON lines of
    /// an S3 export; gzip too
    #[arg(long, value_name = "FILE", conflicts_with = "items")]
    pub(crate) data: Option<PathBuf>,
    /// How many sample items of the example table to make instead [default: 10000]
    #[arg(long, value_name = "N")]
    pub(crate) items: Option<u64>,
    /// Keep the embedded database in this file [default: a temporary one]
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
    /// While a copy is rehearsed, let an application make, change and delete items of the source, so many writes a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) traffic: Option<u32>,
    /// For how many seconds the application of --traffic writes [default: until the cut-over]
    #[arg(long, value_name = "N", requires = "traffic", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) traffic_seconds: Option<u64>,
    /// End the rehearsal of a copy by its cut-over, as soon as the target is in step; without it the copy goes on until `run
    /// cutover` or Ctrl-C
    #[arg(long)]
    pub(crate) cutover: bool,
}
