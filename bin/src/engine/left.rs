//! What a run leaves: read from its ledger and its table once it has ended.

use aws_sdk_dynamodb::Client;
use migration::copy::books::{self, Course};
use migration::copy::notes;
use migration::cutover::{self, Look, Phase};
use migration::failures::{self, FailedItem};
use migration::plan::{self, Plan, RunId};
use migration::prewarm::{self, Raised};
use migration::summary::{self, Summary};
use migration::table::Table;
use migration::verify::{self, Difference};
use migration::{Error, Kind, Ledger};

/// Failed items, and differences, that a report lists; the ledger has all of them.
const LISTED_FAILURES: usize = 10;

/// How a copy stands, or why that can't be told.
pub(crate) type SeenCopy = Result<Box<Look>, String>;

#[derive(Debug, Clone)]
pub(crate) struct Left {
    /// Whether any attempt has come so far that its plan was written: before that nothing is begun, and there is nothing to go on with.
    pub(crate) is_prepared: bool,
    /// Whether the target of its copy, or of the one that it compares, is left to the application, so that nobody sets it right.
    pub(crate) is_handed_over: bool,
    /// Nothing where the run ended before it could sum up.
    pub(crate) summary: Option<Summary>,
    pub(crate) failures: Vec<FailedItem>,
    pub(crate) differences: Vec<Difference>,
    /// Changes that a copy has applied; one that came twice counts twice.
    pub(crate) applied: u64,
    pub(crate) raised: Option<Raised>,
    /// What its copy has begun, and not ended.
    pub(crate) course: Course,
    /// How its copy stands, where somebody has looked.
    pub(crate) copy: Option<SeenCopy>,
    /// Nothing where it is gone, as the temporary database of a rehearsal is.
    pub(crate) table: Option<Table>,
}

impl Left {
    /// Reads ledger and table. Reading them twice is reading them once.
    pub(crate) async fn read(client: &Client, ledger: &Ledger, run: &RunId, table: &str) -> Result<Self, Error> {
        let table = match Table::describe(client, table).await {
            Err(error) if error.kind() == Kind::NotFound => None,
            described => Some(described?),
        };
        Ok(Self { table, ..Self::in_ledger(ledger, run).await? })
    }

    /// Reads the ledger alone.
    pub(crate) async fn in_ledger(ledger: &Ledger, run: &RunId) -> Result<Self, Error> {
        let plan = plan::read(ledger, run).await?;
        let cutover = cutover::read(ledger, plan.as_ref().map_or(run, Plan::copy)).await?;
        Ok(Self {
            is_prepared: plan.is_some(),
            is_handed_over: cutover.is_some_and(|cutover| cutover.phase >= Phase::EndingReplay),
            summary: summary::read(ledger, run).await?,
            failures: failures::list(ledger, run, LISTED_FAILURES).await?,
            differences: verify::differences(ledger, run, LISTED_FAILURES).await?,
            applied: notes::applied(ledger, run).await?.iter().map(|carried| carried.changes).sum(),
            raised: prewarm::raised_by(ledger, run).await?,
            course: books::course(ledger, run).await?,
            copy: None,
            table: None,
        })
    }
}
