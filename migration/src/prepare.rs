//! The first task: looks at the table once more, and writes the plan where every worker finds it.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::allowance::Allowance;
use crate::copy::{Images, check, current, earlier, quiet};
use crate::cutover;
use crate::definition::Target;
use crate::error::{Error, Kind};
use crate::export;
use crate::ledger::{Entry, Ledger};
use crate::plan::{Job, Plan, RunId, Scope};
use crate::segment::Checkpoint;
use crate::services::Services;
use crate::table::Table;
use crate::transform::{Run, Transform};
use crate::{summary, verify};

/// The input of tasks that need nothing but the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfRun {
    /// The run.
    pub run: RunId,
}

/// What the workflow goes on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// The run.
    pub run: RunId,
    /// Whether to take a backup first.
    pub backup: bool,
    /// Whether to raise the table's capacity.
    pub prewarm: bool,
    /// The Map's items.
    pub children: Vec<u32>,
    /// How many of them work at a time.
    pub concurrency: u32,
    /// Which attempt of the run this is.
    pub attempt: u32,
    /// What the document of a copy asks besides.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopySteps>,
}

/// The steps of a copy's document that a run takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySteps {
    /// Whether the bulk is to be ended, and changes to be applied from then on: verifying and counting are jobs of their own.
    pub copying: bool,
    /// Whether the target may have to be created.
    pub make_target: bool,
    /// Whether changes are carried.
    pub changes: bool,
    /// Whether the Map over the children is run.
    pub bulk: bool,
    /// Whether its children work an export's files.
    pub export: bool,
    /// Whether the two tables are compared.
    pub verify: bool,
    /// The items of the Map that compares them.
    pub verify_children: Vec<u32>,
}

/// Checks that the plan still fits the table, and writes it to the ledger.
pub(crate) async fn prepare(services: &Services, plan: Plan) -> Result<Prepared, Error> {
    // Of a way back the copy's own migration was deployed.
    let deployed_with = match &plan.of {
        Some(of) if plan.is_back() => services.plan(&of.run.forth()).await?.definition.digest(),
        _ => plan.definition.digest(),
    };
    if services.deployed.as_ref().is_some_and(|deployed| *deployed != deployed_with) {
        return Err(Error::invalid(format!(
            "the migration {} is not as it was deployed; deploy it with `infra -- deploy`, and run it anew",
            plan.definition.migration
        )));
    }
    let table = Table::describe(services.source_of(&plan), plan.definition.source.table.as_str()).await?;
    table.check(&plan.definition)?;
    if table.key != plan.key {
        return Err(Error::invalid(format!("the key of table {} is not the plan's; plan the run anew", table.name)));
    }
    if !table.is_active {
        return Err(Error::new(Kind::Busy, format!("table {} or one of its indexes is not ACTIVE", table.name)));
    }
    Transform::new(plan.definition.clone(), plan.key.clone(), &services.functions, Run { now: plan.now })?;
    if plan.definition.target.is_some() && plan.job != Job::Count {
        // Whether every image can tell its source's key, whoever has planned this.
        Images::new(&plan, &services.functions)?;
    }
    let carried_to = match (&plan.definition.target, plan.job) {
        (Some(target), Job::Migrate) => {
            cutover::refuse_ended(&services.ledger, &plan.run).await?;
            current::refuse_another(&services.ledger, &plan.run).await?;
            check::check(services, &plan, &table, target).await?
        }
        (Some(target), Job::Verify { .. }) => {
            check::check_compared(services, &plan, &table, target).await?;
            None
        }
        (None, _) | (_, Job::Count) => None,
    };
    verify::check_repair(&services.ledger, &plan).await?;
    begin(&services.ledger, &plan).await?;
    if let Some(target) = &carried_to {
        earlier::note(services, &plan.run, target).await?;
    }
    verify::begin(services, &plan).await?;
    Allowance::of_run(services, &plan, &table).await?.put(&services.ledger, &plan.run).await?;
    let children = match plan.scope {
        Scope::Segments => plan.shuffled_children(),
        Scope::FailedItems => children_with_failed_items(&services.ledger, &plan).await?,
    };
    let copy = match &plan.definition.target {
        Some(target) => Some(steps_of_copy(services, &plan, target).await?),
        None => None,
    };
    Ok(Prepared {
        backup: plan.definition.backup && plan.job == Job::Migrate,
        prewarm: plan.definition.prewarm.is_some() && plan.job == Job::Migrate,
        copy,
        children,
        concurrency: plan.concurrency,
        attempt: plan.attempt,
        run: plan.run,
    })
}

/// The steps of a copy that are left: a bulk that was over stays over, as changes may have been applied since (R14). One that
/// wasn't read to its end isn't ended by a retry of its failed items: whoever resumes it reads the rest.
async fn steps_of_copy(services: &Services, plan: &Plan, target: &Target) -> Result<CopySteps, Error> {
    let migrates = plan.job == Job::Migrate;
    let is_bulk_over = quiet::is_bulk_over(&services.ledger, &plan.run).await?;
    let is_retry = plan.scope == Scope::FailedItems;
    let is_bulk_left = target.carry.has_bulk() && (is_retry || !is_bulk_over);
    let is_cut_short = is_retry && is_bulk_left && !is_bulk_over && {
        let so_far = summary::of_plan(&services.ledger, plan).await?;
        so_far.segments_done < so_far.segments
    };
    let verify = plan.job != Job::Count && !is_cut_short;
    Ok(CopySteps {
        copying: migrates && !is_cut_short,
        make_target: migrates && target.create,
        changes: migrates && target.carry.has_changes(),
        bulk: plan.job == Job::Count || migrates && is_bulk_left,
        export: plan.reads_export() && plan.scope == Scope::Segments,
        verify,
        verify_children: if verify { plan.shuffled_verify_children() } else { Vec::new() },
    })
}

/// How an attempt has ended, and what it has found: of the one before, these go.
const OF_AN_ATTEMPT: [Entry; 3] = [Entry::Report, Entry::WorkerError, Entry::Verified];

/// Writes the plan. Of the attempt before, the checkpoints stay. A call that comes late, when the attempt has long begun or a
/// further one has, changes nothing: what it takes out was there before it has looked at the plan.
async fn begin(ledger: &Ledger, plan: &Plan) -> Result<(), Error> {
    if plan.attempt == 1 {
        return ledger.put_first(&plan.run, Entry::Plan, plan).await.map(drop);
    }
    let mut stale = Vec::new();
    for entry in OF_AN_ATTEMPT {
        let found = ledger.get_with_body::<IgnoredAny>(&plan.run, entry).await?;
        stale.extend(found.map(|(_, body)| (entry, body)));
    }
    let Some((before, body)) = ledger.get_with_body::<Plan>(&plan.run, Entry::Plan).await? else {
        return ledger.put_first(&plan.run, Entry::Plan, plan).await.map(drop);
    };
    match before.attempt.cmp(&plan.attempt) {
        Ordering::Less => {}
        Ordering::Equal => return Ok(()),
        Ordering::Greater => {
            let message = format!(
                "expected attempt {} of run {} to be its newest, found attempt {}: this one has come too late, and changes \
                 nothing",
                plan.attempt, plan.run, before.attempt
            );
            return Err(Error::new(Kind::Refused, message));
        }
    }
    for (entry, body) in stale {
        ledger.delete_as(&plan.run, entry, &body).await?;
    }
    match ledger.replace(&plan.run, Entry::Plan, &body, plan).await? {
        true => Ok(()),
        false => Err(Error::new(Kind::Busy, "the run's plan is being changed")),
    }
}

/// The children in whose segments there are failed items.
async fn children_with_failed_items(ledger: &Ledger, plan: &Plan) -> Result<Vec<u32>, Error> {
    let mut with_failed_items = BTreeSet::new();
    let parts = export::parts(ledger, plan).await?;
    ledger
        .each_segment(&plan.run, |segment, checkpoint: Checkpoint| {
            if checkpoint.counts.failed > 0 {
                with_failed_items.insert(parts.child_of(segment));
            }
        })
        .await?;
    Ok(plan.shuffled(parts.children).into_iter().filter(|child| with_failed_items.contains(child)).collect())
}
