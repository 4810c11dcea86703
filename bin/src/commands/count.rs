//! `run count`: the exact number of a table's items, and of those that `where` chooses.

use std::path::Path;

use migration::definition::Definition;
use migration::plan::Job;

use crate::args::CountArgs;
use crate::commands::migrate::read;
use crate::commands::reading::{self, Reading};
use crate::errors::{CliError, Ended};

/// The migration of a folder.
const MIGRATION: &str = "migration.yaml";

pub(crate) async fn count(args: CountArgs) -> Result<Ended, CliError> {
    let file = args.migration.clone();
    let definition = match (&args.migration, &args.table) {
        (None, Some(table)) => Definition::identity("count", table.clone()),
        (file, table) => {
            let mut definition = read(file.as_deref().unwrap_or(Path::new(MIGRATION)))?;
            // Where the items go to is nothing to a count.
            if let Some(table) = table {
                definition.source.table = table.clone();
            }
            definition
        }
    };
    let file = file.unwrap_or_else(|| MIGRATION.into());
    reading::begin(Reading { definition, file, job: Job::Count, verb: "counts", args: args.reading }).await
}
