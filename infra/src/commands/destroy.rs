//! `infra destroy`: deletes the stack. The ledger, the results and a copy's queues stay unless they are named too; the tables
//! of the migration always stay.

use anyhow::bail;
use aws_sdk_cloudformation::types::{StackResourceSummary, StackStatus};
use jiff::Timestamp;
use migration::deployment::Output;

use super::following::{Operation, causes, follow};
use super::signals::Signals;
use super::site::{Site, Which};
use super::terminal::{Consent, line};
use crate::deploy::data::{self, Store};
use crate::deploy::events::Seen;
use crate::deploy::follow::{seen_before, seen_so_far};
use crate::deploy::stacks::{Owner, Stack};
use crate::deploy::{executions, stacks, state};
use crate::failure::Usage;

#[derive(Debug, clap::Args)]
pub(super) struct DestroyArgs {
    #[command(flatten)]
    which: Which,
    /// Delete the ledger's table, the results' bucket and a copy's queues too, with everything in them
    #[arg(long)]
    delete_data: bool,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
}

pub(super) async fn destroy(args: DestroyArgs) -> anyhow::Result<()> {
    let definition = args.which.definition()?;
    let consent = Consent::of(args.yes, "call this again where it can ask, or with --yes")?;
    let mut signals = Signals::listen()?;
    let looking = async {
        let site = Site::find(&args.which, definition).await?;
        site.check_owner()?;
        let (resources, stores) = match &site.found {
            Some(found) => {
                let resources = stacks::resources(&site.aws.cloudformation, &found.id).await?;
                let named =
                    resources.iter().filter_map(|one| Some((one.resource_type()?, one.physical_resource_id()?)));
                let stores = stores(&site, found, named);
                (resources, stores)
            }
            None => (Vec::new(), left_behind(&site).await?),
        };
        Ok((site, resources, stores))
    };
    let (site, resources, stores) = signals.unless("stopped; nothing was changed", looking).await?;
    match &site.found {
        Some(found) => delete(&site, found, &resources, consent, &mut signals).await?,
        None => line(format_args!("stack {} in {}: it isn't there", site.stack, site.aws.place())),
    }
    site.forget()?;
    let message = "stopped; the stack is gone, what holds data may still be there: call this again to see";
    signals.unless(message, clear(&site, stores, &args, consent)).await
}

/// What of a stack holds data. The source is named twice: by the migration as it is now and by the one that was deployed.
fn stores<'r>(site: &Site, stack: &Stack, resources: impl IntoIterator<Item = (&'r str, &'r str)>) -> Vec<Store> {
    let deployed = stack.outputs.get(Output::SourceTableName.name()).map_or("", String::as_str);
    data::stores(resources, &[site.definition.source.table.as_str(), deployed])
}

/// What stacks of this name and migration have left that were deleted before.
async fn left_behind(site: &Site) -> anyhow::Result<Vec<Store>> {
    let client = &site.aws.cloudformation;
    let mut left = Vec::new();
    for id in stacks::deleted(client, &site.stack).await? {
        if let Some(stack) = stacks::find(client, &id).await?
            && stack.owner(&site.definition.migration) == Owner::Us
        {
            let resources = stacks::left_by(client, &id).await?;
            left.extend(stores(site, &stack, resources.iter().map(|(kind, name)| (kind.as_str(), name.as_str()))));
        }
    }
    Ok(left)
}

/// Deletes the stack, and comes back when it is gone.
async fn delete(
    site: &Site,
    found: &Stack,
    resources: &[StackResourceSummary],
    consent: Consent,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let (stack, place) = (&site.stack, site.aws.place());
    let client = &site.aws.cloudformation;
    line(format_args!("stack {stack} in {place}: {}", found.status));
    let seen = if found.status == StackStatus::DeleteInProgress {
        seen_before(client, &found.id).await?
    } else {
        match signals.unless("stopped; nothing was changed", begin(site, found, resources, consent)).await? {
            Some(seen) => seen,
            None => bail!(Usage::new("not agreed to; nothing was changed")),
        }
    };
    let again = format!("cargo run -p infra -- destroy{}", site.flags);
    let ids = resources.iter().filter_map(|resource| resource.logical_resource_id());
    let width = ids.map(str::len).max().unwrap_or_default();
    let operation = Operation { id: &found.id, seen, what: "the deletion", again: again.clone(), width };
    let followed = follow(site, operation, signals).await?;
    if followed.status == StackStatus::DeleteComplete {
        line(format_args!("stack {stack} is deleted"));
        return Ok(());
    }
    bail!(
        "the stack could not be deleted{}\nstack {stack} is {} now; mend the cause, then call `{again}` again",
        causes(&followed),
        followed.status
    )
}

/// Begins the deletion. `None` is a user who doesn't want it.
async fn begin(
    site: &Site,
    found: &Stack,
    resources: &[StackResourceSummary],
    consent: Consent,
) -> anyhow::Result<Option<Seen>> {
    let client = &site.aws.cloudformation;
    let (stack, status) = (&site.stack, &found.status);
    if !state::is_final(status) {
        bail!(Usage::new(format!(
            "stack {stack} is {status}: somebody is changing it; wait until that has ended, then call this again"
        )));
    }
    executions::none_running(&site.aws, resources).await?;
    executions::none_in_step(&site.aws, found, "the functions that carry its changes").await?;
    executions::none_raised(&site.aws, found).await?;
    let question = format!(
        "delete the stack {stack} in {}? The table {} stays as it is",
        site.aws.place(),
        site.definition.source.table
    );
    if !consent.to(&question).await? {
        return Ok(None);
    }
    let seen = seen_so_far(client, &found.id).await?;
    let token = Timestamp::now().strftime("segue-%Y%m%dT%H%M%S%3fZ").to_string();
    stacks::delete(client, &found.id, &token).await?;
    Ok(Some(seen))
}

/// Deletes what holds data, if that is wanted; else says what there is.
async fn clear(site: &Site, stores: Vec<Store>, args: &DestroyArgs, consent: Consent) -> anyhow::Result<()> {
    let there = data::still_there(&site.aws, stores).await?;
    if there.is_empty() {
        return Ok(());
    }
    let names = there.iter().map(Store::words).collect::<Vec<_>>().join(" and ");
    if !args.delete_data {
        line(format_args!(
            "kept: {names}; `cargo run -p infra -- destroy{} --delete-data` deletes them with everything in them",
            site.flags
        ));
        return Ok(());
    }
    let question = format!("delete {names} with everything in them? The reports of all runs are lost for good");
    if !consent.to(&question).await? {
        line(format_args!("kept: {names}"));
        return Ok(());
    }
    for store in &there {
        data::delete(&site.aws, store).await?;
        line(format_args!("{} is deleted", store.words()));
    }
    Ok(())
}
