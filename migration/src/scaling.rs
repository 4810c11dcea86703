//! What scales a table by itself (R12): Application Auto Scaling is suspended while a table is raised, and put back
//! as it was, each target's own. Limits are never changed, and nothing is registered that wasn't.

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_applicationautoscaling::operation::describe_scalable_targets::DescribeScalableTargetsOutput;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget, ServiceNamespace, SuspendedState};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::patience::{Meter, patiently};
use crate::table::Table;

/// What databases that are no AWS say to a service that they don't know: DynamoDB Local, dynalite and the like.
const UNKNOWN_OPERATION: [&str; 2] = ["UnknownOperationException", "UnknownOperation"];
/// Resources that one request may name (API reference, DescribeScalableTargets).
const RESOURCES_AT_ONCE: usize = 50;

/// What scales the read or the write units of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `table/NAME` or `table/NAME/index/NAME`.
    pub resource: String,
    /// Which units, for example `dynamodb:table:WriteCapacityUnits`.
    pub dimension: String,
    /// The least that it scales to, in units a second.
    pub min_units: i32,
    /// The most that it scales to, in units a second.
    pub max_units: i32,
    /// What of it was suspended.
    pub suspended: Suspended,
}

/// What of scaling is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suspended {
    /// Lowering by policies.
    pub scale_in: bool,
    /// Raising by policies.
    pub scale_out: bool,
    /// Scheduled actions.
    pub scheduled: bool,
}

impl Suspended {
    const ALL: Self = Self { scale_in: true, scale_out: true, scheduled: true };
}

/// What scales the table and its global indexes. Nothing where the endpoint knows no such service.
pub(crate) async fn targets(client: &Client, table: &Table) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    for resources in resources(table).chunks(RESOURCES_AT_ONCE) {
        let mut next = None;
        loop {
            let Some(page) = page(client, resources, next).await? else { return Ok(targets) };
            targets.extend(page.scalable_targets().iter().map(Target::of));
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
    }
    Ok(targets)
}

async fn page(
    client: &Client,
    resources: &[String],
    start: Option<String>,
) -> Result<Option<DescribeScalableTargetsOutput>, Error> {
    patiently(&Meter::default(), async || {
        let describe = client.describe_scalable_targets().service_namespace(ServiceNamespace::Dynamodb);
        let describe = describe.set_resource_ids(Some(resources.to_vec())).set_next_token(start.clone());
        match describe.send().await {
            Err(SdkError::ServiceError(error)) if is_unknown(error.err().code(), error.raw().status().as_u16()) => {
                Ok(None)
            }
            answer => answer.map(Some).map_err(|error| refused("DescribeScalableTargets", error)),
        }
    })
    .await
}

/// Whether this is how a database that is no AWS answers a service that it doesn't know. AWS names all of its errors; a
/// proxy in between, which doesn't, answers with other statuses than these.
fn is_unknown(code: Option<&str>, status: u16) -> bool {
    code.map_or(matches!(status, 400 | 404 | 501), |code| UNKNOWN_OPERATION.contains(&code))
}

/// Suspends them wholly.
pub(crate) async fn suspend(client: &Client, targets: &[Target]) -> Result<(), Error> {
    for target in targets.iter().filter(|target| target.suspended != Suspended::ALL) {
        set(client, target, Suspended::ALL).await?;
    }
    Ok(())
}

/// Brings them back to what was suspended before. Those that somebody has deregistered meanwhile, and those of indexes
/// that somebody has dropped, are left alone: to register them would make them anew.
pub(crate) async fn put_back(client: &Client, table: &Table, before: &[Target]) -> Result<(), Error> {
    for now in targets(client, table).await? {
        let was = before.iter().find(|was| (&was.resource, &was.dimension) == (&now.resource, &now.dimension));
        if let Some(was) = was.filter(|was| was.suspended != now.suspended) {
            set(client, was, was.suspended).await?;
        }
    }
    Ok(())
}

async fn set(client: &Client, target: &Target, suspended: Suspended) -> Result<(), Error> {
    let state = SuspendedState::builder()
        .dynamic_scaling_in_suspended(suspended.scale_in)
        .dynamic_scaling_out_suspended(suspended.scale_out)
        .scheduled_scaling_suspended(suspended.scheduled)
        .build();
    patiently(&Meter::default(), async || {
        let register = client
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Dynamodb)
            .resource_id(&target.resource)
            .scalable_dimension(ScalableDimension::from(target.dimension.as_str()))
            .suspended_state(state.clone());
        register.send().await.map(drop).map_err(|error| refused("RegisterScalableTarget", error))
    })
    .await
}

fn resources(table: &Table) -> Vec<String> {
    let of_table = format!("table/{}", table.name);
    let of_indexes = table.warm.indexes.keys().map(|index| format!("{of_table}/index/{index}"));
    std::iter::once(of_table.clone()).chain(of_indexes).collect()
}

/// A table whose scaling can't be suspended isn't raised: it would be lowered in the middle of the run.
fn refused<E>(operation: &str, error: SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let error = Error::from_control_plane(operation, error);
    if error.kind().is_transient() {
        return error;
    }
    Error::new(
        error.kind(),
        format!(
            "{error}; the table's autoscaling is suspended while the table is raised, which takes the permissions \
             application-autoscaling:DescribeScalableTargets and :RegisterScalableTarget: allow both, or leave `prewarm` \
             out"
        ),
    )
}

impl Target {
    fn of(target: &ScalableTarget) -> Self {
        let suspended = target.suspended_state();
        let is = |of: fn(&SuspendedState) -> Option<bool>| suspended.and_then(of).unwrap_or_default();
        Self {
            resource: target.resource_id().to_owned(),
            dimension: target.scalable_dimension().as_str().to_owned(),
            min_units: target.min_capacity(),
            max_units: target.max_capacity(),
            suspended: Suspended {
                scale_in: is(SuspendedState::dynamic_scaling_in_suspended),
                scale_out: is(SuspendedState::dynamic_scaling_out_suspended),
                scheduled: is(SuspendedState::scheduled_scaling_suspended),
            },
        }
    }
}
