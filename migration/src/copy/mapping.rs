//! Event source mappings: what lets a stream or a queue call a function. A mapping is found again by its source and its
//! function, so that asking for it twice makes one, and nobody has to have kept its id.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::operation::create_event_source_mapping::builders::CreateEventSourceMappingFluentBuilder;
use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, EventSourcePosition, FunctionResponseType, ScalingConfig,
};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::patience::{Meter, patiently};

/// Records of a call of capture: a call takes less than its function's time, and 100 requests to the queue.
const CAPTURE_BATCH: i32 = 1_000;
/// Batches of one shard at a time: the most that there are (Lambda developer guide, "Using Lambda with DynamoDB"). The changes of
/// one item stay in order.
const CAPTURE_PARALLEL: i32 = 10;
/// Without end: a change that was given up would be lost.
const UNBOUNDED: i32 = -1;
/// The most that there are from a FIFO queue.
const REPLAY_BATCH: i32 = 10;

/// A mapping as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Its id.
    pub id: String,
    /// `Enabled`, `Disabled`, or what it is on its way to.
    pub state: String,
    /// What came of the last batch, as Lambda says it; a stream's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_result: Option<String>,
}

impl Mapping {
    /// Whether it is at work.
    pub fn is_enabled(&self) -> bool {
        self.state == "Enabled"
    }

    /// Whether it has come to rest.
    pub fn is_disabled(&self) -> bool {
        self.state == "Disabled"
    }

    /// Whether the function could not be called, or has failed, the last time.
    pub fn has_failed(&self) -> bool {
        self.last_result.as_deref().is_some_and(|result| result.starts_with("PROBLEM"))
    }

    fn of(found: &EventSourceMappingConfiguration) -> Option<Self> {
        Some(Self {
            id: found.uuid()?.to_owned(),
            state: found.state().unwrap_or_default().to_owned(),
            last_result: found.last_processing_result().map(str::to_owned),
        })
    }
}

/// What calls a function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Caller<'c> {
    /// A table's stream, from its oldest record on, by its ARN.
    Stream(&'c str),
    /// A FIFO queue, by its ARN, and how many calls there may be at a time.
    Queue(&'c str, u32),
}

impl<'c> Caller<'c> {
    fn arn(self) -> &'c str {
        match self {
            Self::Stream(arn) | Self::Queue(arn, _) => arn,
        }
    }

    /// Every one reports the records that failed, and has none given up (R16).
    fn described(self, create: CreateEventSourceMappingFluentBuilder) -> CreateEventSourceMappingFluentBuilder {
        let create = create.event_source_arn(self.arn()).enabled(true);
        let create = create.function_response_types(FunctionResponseType::ReportBatchItemFailures);
        match self {
            Self::Stream(_) => create
                .starting_position(EventSourcePosition::TrimHorizon)
                .batch_size(CAPTURE_BATCH)
                .parallelization_factor(CAPTURE_PARALLEL)
                .bisect_batch_on_function_error(true)
                .maximum_retry_attempts(UNBOUNDED)
                .maximum_record_age_in_seconds(UNBOUNDED),
            Self::Queue(_, at_a_time) => {
                // 2 to 1,000 (Lambda API reference, "ScalingConfig").
                let at_a_time = i32::try_from(at_a_time.clamp(2, 1_000)).unwrap_or(1_000);
                let scaling = ScalingConfig::builder().maximum_concurrency(at_a_time).build();
                create.batch_size(REPLAY_BATCH).scaling_config(scaling)
            }
        }
    }
}

/// Sees to it that `caller` calls `function`: makes the mapping, or switches on the one that there is.
pub(crate) async fn switch_on(lambda: &Client, function: &str, caller: Caller<'_>) -> Result<Mapping, Error> {
    patiently(&Meter::default(), async || match find(lambda, function, caller.arn()).await? {
        Some(mapping) if mapping.is_disabled() => switch(lambda, &mapping.id, true).await,
        Some(mapping) => Ok(mapping),
        None => {
            let create = caller.described(lambda.create_event_source_mapping().function_name(function));
            let made =
                create.send().await.map_err(|error| Error::from_control_plane("CreateEventSourceMapping", error))?;
            let state = made.state().unwrap_or("Creating").to_owned();
            let id = made.uuid().unwrap_or_default().to_owned();
            Ok(Mapping { id, state, last_result: None })
        }
    })
    .await
}

/// Lets a mapping rest: what arrives waits.
pub async fn switch_off(lambda: &Client, id: &str) -> Result<Option<Mapping>, Error> {
    patiently(&Meter::default(), async || match look(lambda, id).await? {
        Some(mapping) if mapping.is_enabled() => switch(lambda, id, false).await.map(Some),
        mapping => Ok(mapping),
    })
    .await
}

/// Takes a mapping away. One that isn't there is away.
pub async fn remove(lambda: &Client, id: &str) -> Result<(), Error> {
    patiently(&Meter::default(), async || match lambda.delete_event_source_mapping().uuid(id).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(()),
        Err(error) => Err(Error::from_control_plane("DeleteEventSourceMapping", error)),
    })
    .await
}

/// A mapping by its id; `None` where it isn't there.
pub(crate) async fn look(lambda: &Client, id: &str) -> Result<Option<Mapping>, Error> {
    patiently(&Meter::default(), async || match lambda.get_event_source_mapping().uuid(id).send().await {
        Ok(found) => {
            let state = found.state().unwrap_or_default().to_owned();
            let last_result = found.last_processing_result().map(str::to_owned);
            Ok(Some(Mapping { id: id.to_owned(), state, last_result }))
        }
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(Error::from_control_plane("GetEventSourceMapping", error)),
    })
    .await
}

/// The mapping between the two, if there is one.
async fn find(lambda: &Client, function: &str, caller_arn: &str) -> Result<Option<Mapping>, Error> {
    Ok(list(lambda, function, Some(caller_arn)).await?.into_iter().next())
}

/// Whatever calls a function.
pub(crate) async fn of_function(lambda: &Client, function: &str) -> Result<Vec<Mapping>, Error> {
    patiently(&Meter::default(), async || list(lambda, function, None).await).await
}

async fn list(lambda: &Client, function: &str, caller_arn: Option<&str>) -> Result<Vec<Mapping>, Error> {
    let list = lambda.list_event_source_mappings().function_name(function);
    let list = list.set_event_source_arn(caller_arn.map(str::to_owned));
    let found = list.send().await.map_err(|error| Error::from_control_plane("ListEventSourceMappings", error))?;
    let left = found.event_source_mappings().iter().filter(|mapping| mapping.state() != Some("Deleting"));
    Ok(left.filter_map(Mapping::of).collect())
}

async fn switch(lambda: &Client, id: &str, on: bool) -> Result<Mapping, Error> {
    let update = lambda.update_event_source_mapping().uuid(id).enabled(on);
    let updated = update.send().await.map_err(|error| Error::from_control_plane("UpdateEventSourceMapping", error))?;
    let state = updated.state().unwrap_or_default().to_owned();
    Ok(Mapping { id: id.to_owned(), state, last_result: None })
}
