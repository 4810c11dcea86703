//! Who else writes to a target that is to be set right. What carries a copy's changes is alone at that, and whoever a target was cut
//! over to has it for themselves. A comparison of a large table outlasts either, so this is asked anew for each page.

use crate::copy::{current, earlier};
use crate::cutover::{self, Phase};
use crate::definition::{Definition, Target};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::plan::{self, Job, Plan, RunId};

/// By whom what differs is set right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// By replay, which carries the changes of this copy, or will: nobody writes beside it.
    Replay(RunId),
    /// By whoever compares: nobody else writes.
    Worker,
}

/// By whom what differs between a plan's tables is set right just now; an error where nobody may.
pub(super) async fn by(ledger: &Ledger, plan: &Plan) -> Result<By, Error> {
    if let Some(copy) = copy_of(ledger, plan).await? {
        refuse_late(ledger, &copy).await?;
        if cutover::is_carried(ledger, &copy.run).await? {
            return Ok(By::Replay(copy.run));
        }
    }
    // A comparison on one machine has a ledger of its own, in which no copy is.
    Ok(match &plan.of {
        Some(of) if of.changes => By::Replay(of.run.clone()),
        _ => By::Worker,
    })
}

/// Refuses a repair of what nobody may set right, before it begins.
pub async fn check_repair(ledger: &Ledger, plan: &Plan) -> Result<(), Error> {
    match plan.job {
        Job::Verify { repair: true } => by(ledger, plan).await.map(drop),
        Job::Verify { repair: false } | Job::Migrate | Job::Count => Ok(()),
    }
}

/// Refuses to repair the target of a copy that was cut over, or given up. The application writes to it: what the source never had
/// is what a repair takes for differences.
pub async fn refuse_late(ledger: &Ledger, copy: &Plan) -> Result<(), Error> {
    let run = &copy.run;
    let cutover = cutover::read(ledger, run).await?.filter(|cutover| cutover.phase >= Phase::EndingReplay);
    let Some(cutover) = cutover else { return Ok(()) };
    let target = copy.definition.target.as_ref().map(|target| target.table.to_string()).unwrap_or_default();
    let over = "a repair would put the source's items over what the application writes to";
    Err(Error::invalid(match (cutover.phase, cutover.back) {
        (Phase::GivenUp, _) => format!(
            "run {run} was given up: {target} isn't kept in step, and may be in use by now; run the migration anew to carry \
             the source once more"
        ),
        (_, Some(back)) => format!(
            "run {run} is cut over: {over} {target}; `run verify {back} --repair` sets the source right instead"
        ),
        (_, None) => {
            format!("run {run} is cut over: {over} {target}; `run verify {run}` compares the two tables without it")
        }
    }))
}

/// The copy that goes on between a migration's tables.
pub async fn going_on(ledger: &Ledger, definition: &Definition) -> Result<Option<Plan>, Error> {
    let Some(current) = current::read(ledger).await? else { return Ok(None) };
    let copy = plan::read(ledger, &current.run).await?;
    Ok(copy.filter(|copy| are_the_same(&copy.definition, definition)))
}

/// The copy that a ledger knows between the tables of a plan: the one that it names; otherwise the one that goes on, or the one
/// that has carried to the target last.
async fn copy_of(ledger: &Ledger, plan: &Plan) -> Result<Option<Plan>, Error> {
    if let Some(of) = &plan.of {
        return plan::read(ledger, &of.run).await;
    }
    match going_on(ledger, &plan.definition).await? {
        None => earlier::newest(ledger, |copy| are_the_same(&copy.definition, &plan.definition)).await,
        found => Ok(found),
    }
}

/// Whether two migrations carry the one table to the other.
fn are_the_same(one: &Definition, other: &Definition) -> bool {
    fn place(target: &Target) -> (&str, Option<&str>, Option<&str>) {
        (target.table.as_str(), target.region.as_deref(), target.role.as_deref())
    }
    one.source.table == other.source.table && one.target.as_ref().map(place) == other.target.as_ref().map(place)
}
