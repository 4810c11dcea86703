//! What has to hold of both tables before a copy begins. Every refusal comes before anything is written, and says what to do.

use super::Origin;
use super::table::{has_recovery, standing};
use crate::definition::Target;
use crate::error::{Error, Kind};
use crate::plan::{Engine, Plan};
use crate::services::Services;
use crate::table::Table;

/// Whether `plan` can be carried out between the two tables as they are.
pub(crate) async fn check(services: &Services, plan: &Plan, source: &Table, target: &Target) -> Result<(), Error> {
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
    match standing {
        Some(table) if plan.attempt == 1 && may_overwrite(plan, target, &table)? => {
            expect_empty(services, &table).await
        }
        _ => Ok(()),
    }
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

/// Whether the bulk writes without looking. Where the target's key doesn't hold the source's it has to look anyway.
fn may_overwrite(plan: &Plan, target: &Target, table: &Table) -> Result<bool, Error> {
    let origin = Origin::of(&plan.definition, &plan.key, &table.key).map_err(Error::invalid)?;
    Ok(target.carry.has_bulk() && !target.written_by_others && origin.is_in_key())
}

/// The bulk writes over what it finds: nothing of anybody else's may be there.
async fn expect_empty(services: &Services, target: &Table) -> Result<(), Error> {
    let scan = services.target.scan().table_name(&target.name).limit(1).consistent_read(true).send().await;
    let page = scan.map_err(|error| Error::from_sdk("Scan", error))?;
    if page.count == 0 {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "expected table {} to be empty, found items; empty it, or say `written_by_others: true` below target: what stands there is then \
         left as it is",
        target.name
    )))
}
