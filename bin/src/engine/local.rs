//! The ledgers of this folder's runs, a database file each: a run that is killed leaves it behind, and two runs at a
//! time don't meet. Whoever has one open holds its lock.

use std::path::PathBuf;

use ::embedded::{Embedded, ErrorKind, Options};
use aws_sdk_dynamodb::Client;
use migration::Ledger;
use migration::plan::RunId;

use crate::errors::CliError;

/// What the runs of a folder leave there.
const FOLDER: &str = ".segue/runs";
const EXTENSION: &str = ".db";
/// Runs that an error message names.
const LISTED_RUNS: usize = 5;
/// The table in the file.
pub(crate) const LEDGER_TABLE: &str = "segue-ledger";

/// The ledger of one run, opened by this process.
pub(crate) struct LocalLedger {
    pub(crate) ledger: Ledger,
    pub(crate) file: PathBuf,
    /// What it stands in.
    pub(crate) database: Embedded,
}

/// The ledger of a run that is about to begin.
pub(crate) async fn new_ledger(run: &RunId) -> Result<LocalLedger, CliError> {
    std::fs::create_dir_all(FOLDER)
        .map_err(|error| CliError::failed(format!("can't make the folder {FOLDER} for the run's ledger: {error}")))?;
    let (database, client, file) = open_ledger(run)?;
    let ledger = Ledger::create(client, LEDGER_TABLE).await?;
    Ok(LocalLedger { ledger, file, database })
}

/// Whether a run has its ledger in this folder.
pub(crate) fn has_ledger(run: &RunId) -> Result<bool, CliError> {
    Ok(known_runs()?.contains(&run.forth().to_string()))
}

/// What to say of a run that is neither here nor deployed.
pub(crate) fn no_such_run(run: &RunId) -> Result<CliError, CliError> {
    let newest = known_runs()?.iter().rev().take(LISTED_RUNS).map(|run| format!("\n  {run}")).collect::<String>();
    let found = if newest.is_empty() { " none".into() } else { newest };
    Ok(CliError::usage(format!(
        "expected a run of this folder ({FOLDER}), found no {run}; there are:{found}\nor of a \
         stack, which --stack names: nothing is deployed from this folder"
    )))
}

/// The ledger that a run has left in this folder; nothing where the run is under way and holds it.
pub(crate) fn idle_ledger(run: &RunId) -> Result<Option<LocalLedger>, CliError> {
    match open_ledger(run) {
        Err(error) if error.kind() == ErrorKind::Locked => Ok(None),
        opened => Ok(Some(of_ledger(opened?))),
    }
}

fn of_ledger((database, client, file): (Embedded, Client, PathBuf)) -> LocalLedger {
    LocalLedger { ledger: Ledger::new(client, LEDGER_TABLE), file, database }
}

fn open_ledger(run: &RunId) -> Result<(Embedded, Client, PathBuf), ::embedded::Error> {
    let file = beside(run, EXTENSION);
    let database = Embedded::open(&file, Options::default().enforce_capacity(false))?;
    let client = Client::from_conf(migration::client_config(database.client_builder()).build());
    Ok((database, client, file))
}

/// The runs of this folder that began last.
pub(crate) fn newest_runs(limit: usize) -> Result<Vec<RunId>, CliError> {
    Ok(known_runs()?.iter().rev().take(limit).map(|run| RunId::named(run)).collect())
}

/// The runs of this folder in the order of their starts.
fn known_runs() -> Result<Vec<String>, CliError> {
    let entries = match std::fs::read_dir(FOLDER) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<std::io::Result<Vec<_>>>()?;
    let mut runs: Vec<_> = names.iter().filter_map(|name| name.strip_suffix(EXTENSION)).map(str::to_owned).collect();
    // A run's name ends in the time of its start.
    runs.sort_by(|a, b| a.rsplit('-').next().cmp(&b.rsplit('-').next()));
    Ok(runs)
}

/// A run's file of this sort. A copy's way back has the copy's.
pub(crate) fn beside(run: &RunId, extension: &str) -> PathBuf {
    PathBuf::from(FOLDER).join(format!("{}{extension}", run.forth()))
}
