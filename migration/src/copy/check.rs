//! What has to hold of both tables before a copy begins. Every refusal comes before anything is written, and says what to do.

use super::earlier::{self, Earlier};
use super::quiet;
use super::table::{has_recovery, standing};
use crate::definition::Target;
use crate::error::{Error, Kind};
use crate::ledger::Ledger;
use crate::pace;
use crate::plan::{Engine, Plan, RunId};
use crate::services::Services;
use crate::table::Table;

/// Whether `plan` can be carried out between the two tables as they are; gives the target, where it stands.
pub(crate) async fn check(
    services: &Services,
    plan: &Plan,
    source: &Table,
    target: &Target,
) -> Result<Option<Table>, Error> {
    let standing = standing(&services.target, target).await?;
    match &standing {
        Some(table) => stands(plan, source, table)?,
        None if target.create => {}
        None => {
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "expected the target, table {}, found none; create it, or say `create: true` below target",
                    target.table
                ),
            ));
        }
    }
    if target.carry.has_changes() {
        if plan.engine == Engine::Direct {
            return Err(Error::invalid(
                "expected a copy of items alone, found one of changes too: the direct engine has no functions that carry them; deploy the \
                 migration with `infra -- deploy`, or say `carry: bulk` below target",
            ));
        }
        source.stream.as_ref().map_or(Ok(()), |stream| stream.check(&source.name))?;
    }
    if plan.reads_export() && !has_recovery(&services.source, &source.name).await? {
        return Err(Error::invalid(format!(
            "expected point-in-time recovery of table {} to be on, as an export needs it, found it off; switch it on, or say `bulk: scan` \
             below target",
            source.name
        )));
    }
    if let Some(table) = &standing {
        refuse_what_others_have(services, plan, target, table).await?;
    }
    Ok(standing)
}

/// The same before the two tables are compared: whoever compares a table with itself finds nothing, and a repair would write to
/// the source.
pub(crate) async fn check_compared(
    services: &Services,
    plan: &Plan,
    source: &Table,
    target: &Target,
) -> Result<(), Error> {
    match standing(services.target_of(plan), target).await? {
        Some(table) => are_two(plan, source, &table),
        None => Err(Error::new(
            Kind::NotFound,
            format!("expected the table that is compared with {}, {}, found none", source.name, target.table),
        )),
    }
}

fn stands(plan: &Plan, source: &Table, target: &Table) -> Result<(), Error> {
    are_two(plan, source, target)?;
    if !target.is_active {
        return Err(Error::new(Kind::Busy, format!("table {} or one of its indexes is not ACTIVE", target.name)));
    }
    Ok(())
}

fn are_two(plan: &Plan, source: &Table, target: &Table) -> Result<(), Error> {
    if source.arn == target.arn && !source.arn.is_empty() {
        return Err(Error::invalid(format!(
            "expected two tables, found that source and target are both {}; name the region or the role that the target is reached by, or \
             leave it out to change the table in place",
            source.name
        )));
    }
    if plan.target_key.as_ref() != Some(&target.key) {
        return Err(Error::invalid(format!("the key of table {} is not the plan's; plan the run anew", target.name)));
    }
    Ok(())
}

/// Refuses a target that holds what isn't this run's. A bulk puts back what was changed and deleted there since its source was
/// like that, whatever it writes on condition of: before its first write nothing may be there, unless it is to leave all that as it
/// is. Where the application has moved to, not even a change may come.
async fn refuse_what_others_have(
    services: &Services,
    plan: &Plan,
    target: &Target,
    table: &Table,
) -> Result<(), Error> {
    let earlier = earlier::of(&services.ledger, &plan.run, table).await?;
    let is_wanted_empty = matches!(earlier, Some(Earlier::CutOver(_)))
        || target.carry.has_bulk() && !target.written_by_others && !has_begun(&services.ledger, &plan.run).await?;
    if !is_wanted_empty || is_empty(services, table).await? {
        return Ok(());
    }
    let (table, source) = (&table.name, &plan.definition.source.table);
    Err(Error::invalid(match earlier {
        Some(Earlier::CutOver(run)) => format!(
            "expected a table that no application was moved to, found {table}: run {run} was cut over to it, so that what stands there \
             is the application's, and {source} is behind it; copy into another table, or, where nothing works on {table} any more, \
             delete it first"
        ),
        Some(Earlier::Carried(run)) => format!(
            "expected table {table} to be empty, found items, and that run {run} carries to it: `run status {run}` says how it stands; \
             copy into another table, or, where nothing works on {table}, delete it first"
        ),
        None => format!(
            "expected table {table} to be empty, found items; empty it, or say `written_by_others: true` below target: what stands \
             there is then left as it is"
        ),
    }))
}

/// Whether the target may hold something of this run. Its plan alone says nothing: much may have been written there by others before
/// the run is resumed.
async fn has_begun(ledger: &Ledger, run: &RunId) -> Result<bool, Error> {
    Ok(pace::may_have_written(ledger, run).await? || quiet::is_bulk_over(ledger, run).await?)
}

async fn is_empty(services: &Services, target: &Table) -> Result<bool, Error> {
    let scan = services.target.scan().table_name(&target.name).limit(1).consistent_read(true).send().await;
    Ok(scan.map_err(|error| Error::from_sdk("Scan", error))?.count == 0)
}
