//! MakeTarget: the target is there, ACTIVE, and what it was to be. One that stands is looked at and left as it is; one that
//! doesn't is created from the source's definition. Asking twice makes one.

use aws_sdk_applicationautoscaling::Client as Autoscaling;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, TimeToLiveDescription, TimeToLiveSpecification,
    TimeToLiveStatus,
};

use super::blueprint::{self, Blueprint, Source};
use super::books;
use super::earlier;
use super::permitted;
use super::quiet::Waiting;
use crate::definition::{KeySchema, Target};
use crate::error::{Error, Kind};
use crate::patience::{Meter, patiently};
use crate::plan::{Plan, RunId};
use crate::services::Services;
use crate::table::{self, Table};
use crate::{control, scaling};

/// Tables are created within a minute, with indexes too.
const LOOK_SECONDS: u32 = 5;

/// Sees to it that the target is there.
pub(crate) async fn make(services: &Services, run: &RunId) -> Result<Waiting, Error> {
    control::heed_stop(&services.ledger, run).await?;
    let plan = services.plan(run).await?;
    let (target, key) = wanted(&plan)?;
    match standing(&services.target, target).await? {
        Some(table) if table.key != *key => Err(Error::invalid(format!(
            "expected table {} to have the key {}, found {}; plan the run anew",
            table.name,
            table::shown(key),
            table::shown(&table.key)
        ))),
        Some(table) if !table.is_active => Ok(Waiting::seconds(LOOK_SECONDS)),
        Some(table) => {
            earlier::note(services, run, &table).await?;
            let waiting = match books::course(&services.ledger, run).await?.target_made {
                true => finish(services, &plan, target).await?,
                false => Waiting::OVER,
            };
            // Once, and not each time that it is looked at.
            if let Some(role) = target.role.as_ref().filter(|_| waiting.ready) {
                permitted::check(&services.target, role, &table).await?;
            }
            Ok(waiting)
        }
        None => {
            let Blueprint { create, expiry, not_copied } =
                draw(&services.source, services.autoscaling.as_ref(), &plan, target, key).await?;
            // Noted first: what was created and not noted would be taken for somebody's own, and not be finished.
            books::amend(&services.ledger, run, |course| {
                course.target_made = true;
                course.not_copied.clone_from(&not_copied);
                course.expiry.clone_from(&expiry);
            })
            .await?;
            create
                .send_with(&services.target)
                .await
                .map_err(|error| Error::from_control_plane("CreateTable", error))?;
            Ok(Waiting::seconds(LOOK_SECONDS))
        }
    }
}

/// What the target of a plan is created as, and what of the source it will not have, in words.
pub async fn not_copied(source: &Client, scaled_by: Option<&Autoscaling>, plan: &Plan) -> Result<Vec<String>, Error> {
    let (target, key) = wanted(plan)?;
    Ok(draw(source, scaled_by, plan, target, key).await?.not_copied)
}

/// The target as it stands, if it does.
pub(crate) async fn standing(client: &Client, target: &Target) -> Result<Option<Table>, Error> {
    match Table::describe(client, target.table.as_str()).await {
        Ok(table) => Ok(Some(table)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn wanted(plan: &Plan) -> Result<(&Target, &KeySchema), Error> {
    let target = plan.definition.target.as_ref().zip(plan.target_key.as_ref());
    target.ok_or_else(|| Error::invalid("expected a migration with a target, found none"))
}

async fn draw(
    client: &Client,
    scaled_by: Option<&Autoscaling>,
    plan: &Plan,
    target: &Target,
    key: &KeySchema,
) -> Result<Blueprint, Error> {
    let source = source(client, scaled_by, plan.definition.source.table.as_str()).await?;
    blueprint::draw(&source, target, key, &plan.definition.transform)
}

/// The source, with all that is copied.
async fn source(client: &Client, scaled_by: Option<&Autoscaling>, name: &str) -> Result<Source, Error> {
    let description = table::description(client, name).await?;
    let is_scaled = match scaled_by {
        Some(autoscaling) => !scaling::targets(autoscaling, &Table::describe(client, name).await?).await?.is_empty(),
        None => false,
    };
    Ok(Source {
        tags: tags(client, description.table_arn().unwrap_or_default()).await?,
        description,
        expiry: expiry(client, name).await?,
        is_scaled,
    })
}

/// Whether a table can be restored to a point in time, and so be exported.
pub(crate) async fn has_recovery(client: &Client, name: &str) -> Result<bool, Error> {
    let described = patiently(&Meter::default(), async || {
        let describe = client.describe_continuous_backups().table_name(name).send().await;
        describe.map_err(|error| Error::from_control_plane("DescribeContinuousBackups", error))
    })
    .await?;
    let recovery = described.continuous_backups_description.and_then(|it| it.point_in_time_recovery_description);
    Ok(recovery.is_some_and(|it| it.point_in_time_recovery_status == Some(PointInTimeRecoveryStatus::Enabled)))
}

async fn tags(client: &Client, arn: &str) -> Result<Vec<aws_sdk_dynamodb::types::Tag>, Error> {
    let (mut tags, mut next) = (Vec::new(), None);
    loop {
        let page = patiently(&Meter::default(), async || {
            let list = client.list_tags_of_resource().resource_arn(arn).set_next_token(next.clone()).send().await;
            list.map_err(|error| Error::from_control_plane("ListTagsOfResource", error))
        })
        .await?;
        tags.extend(page.tags.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            return Ok(tags);
        }
    }
}

/// Lets the target's items expire as the source's do, where the copy has created it: for the cut-over, when changes of the source
/// are carried no more. Gives the attribute that they expire by. Done already where it is as wanted: DynamoDB refuses that twice.
pub async fn let_expire(services: &Services, run: &RunId) -> Result<Option<String>, Error> {
    let plan = services.plan(run).await?;
    let Some(attribute) = books::course(&services.ledger, run).await?.expiry else { return Ok(None) };
    let (client, name) = (&services.target, wanted(&plan)?.0.table.as_str());
    if expiry(client, name).await?.is_some() {
        return Ok(Some(attribute));
    }
    let wanted = TimeToLiveSpecification::builder().enabled(true).attribute_name(&attribute).build();
    let wanted = wanted.map_err(|error| Error::invalid(error.to_string()))?;
    let update = client.update_time_to_live().table_name(name).time_to_live_specification(wanted);
    update.send().await.map_err(|error| Error::from_control_plane("UpdateTimeToLive", error))?;
    Ok(Some(attribute))
}

/// The attribute that the target of a run's copy deletes items by, once it is cut over.
pub(crate) async fn expiry_after(services: &Services, plan: &Plan) -> Result<Option<String>, Error> {
    match books::course(&services.ledger, &plan.run).await?.expiry {
        None => expiry(services.target_of(plan), wanted(plan)?.0.table.as_str()).await,
        found => Ok(found),
    }
}

/// The attribute that a table's items expire by, where they do.
pub(crate) async fn expiry(client: &Client, name: &str) -> Result<Option<String>, Error> {
    let described = patiently(&Meter::default(), async || {
        let describe = client.describe_time_to_live().table_name(name).send().await;
        describe.map_err(|error| Error::from_control_plane("DescribeTimeToLive", error))
    })
    .await?;
    let is_on = |it: &TimeToLiveDescription| {
        matches!(it.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    };
    Ok(described.time_to_live_description.filter(is_on).and_then(|it| it.attribute_name))
}

/// What can be switched on only once the table is there. Recovery can't be at once: for some moments after a table is ACTIVE its
/// backups "are being enabled".
async fn finish(services: &Services, plan: &Plan, target: &Target) -> Result<Waiting, Error> {
    if !has_recovery(&services.source, plan.definition.source.table.as_str()).await? {
        return Ok(Waiting::OVER);
    }
    let wanted = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build();
    let wanted = wanted.map_err(|error| Error::invalid(error.to_string()))?;
    let update = services.target.update_continuous_backups().table_name(target.table.as_str());
    let update = update.point_in_time_recovery_specification(wanted);
    match update.send().await.map_err(|error| Error::from_control_plane("UpdateContinuousBackups", error)) {
        Ok(_) => Ok(Waiting::OVER),
        Err(error) if error.kind() == Kind::Busy => Ok(Waiting::seconds(LOOK_SECONDS)),
        Err(error) => Err(error),
    }
}
