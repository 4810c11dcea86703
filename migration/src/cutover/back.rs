//! The way back: after a cut-over the target's changes are carried to the source, by the same queue and the same functions, so
//! that going back loses nothing. What the copy itself has written to the target is from before the way back begins, and is
//! not carried.

use std::time::Duration;

use jiff::{Timestamp, Unit};

use super::switch;
use crate::copy::books;
use crate::copy::current::{self, Current};
use crate::error::{Error, Kind};
use crate::ledger::Entry;
use crate::plan::{Plan, RunId};
use crate::services::Services;
use crate::table::Table;

/// Refuses a target whose stream is none that can be carried: found later, it would hold the application up between the two.
pub(super) async fn check(services: &Services, plan: &Plan) -> Result<(), Error> {
    let Some(target) = &plan.definition.target else { return Ok(()) };
    let table = Table::describe(services.target_of(plan), target.table.as_str()).await?;
    table.stream.as_ref().map_or(Ok(()), |stream| stream.check(&table.name))
}

/// Begins it, and gives its run. Replay has ended, and the application doesn't write to the target yet; nothing was written there
/// for as long as it had to be quiet. In the middle of that lies the moment from which on changes are carried: this clock may differ
/// from the stream's.
pub(super) async fn begin(services: &Services, plan: &Plan, quiet: Duration) -> Result<RunId, Error> {
    let turned = turned(plan, (services.clock)())?;
    let (ledger, run) = (&services.ledger, turned.run.clone());
    ledger.put_first(&run, Entry::Plan, &turned).await?;
    let moment = match current::read(ledger).await? {
        // Somebody died in the middle of this.
        Some(Current { run: found, changes_from: Some(moment), .. }) if found == run => moment,
        _ => whole_second((services.clock)() - quiet)?,
    };
    let next = Current { run: run.clone(), changes_from: Some(moment), expiries_until: None };
    if !current::hand_over(ledger, &plan.run, &next).await? {
        return Err(Error::new(
            Kind::Busy,
            "another copy is carried on this stack; the way back can't begin beside it",
        ));
    }
    books::amend(ledger, &run, |course| {
        course.bulk_from = Some(moment);
        course.bulk_over = Some(moment);
        course.in_step = Some(moment);
    })
    .await?;
    switch::begin(services, &run).await?;
    Ok(run)
}

/// The copy's plan, turned round.
fn turned(plan: &Plan, now: Timestamp) -> Result<Plan, Error> {
    let key = plan.target_key.clone().ok_or_else(|| Error::invalid("expected a plan with a target, found none"))?;
    let definition = plan
        .definition
        .reversed(&plan.key, &key)
        .ok_or_else(|| Error::invalid("expected steps that lead back, found none: name them in target.reverse"))?;
    Ok(Plan {
        run: plan.run.back(),
        attempt: 1,
        started: now,
        definition,
        target_key: Some(plan.key.clone()),
        key,
        ..plan.clone()
    })
}

fn whole_second(time: Timestamp) -> Result<Timestamp, Error> {
    let rounded = jiff::TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor);
    time.round(rounded).map_err(|error| Error::invalid(error.to_string()))
}
