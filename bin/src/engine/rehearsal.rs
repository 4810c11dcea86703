//! What carries a copy in a rehearsal: the embedded database's own queue, mappings and bucket, and the task functions as its
//! functions, each call with a deadline of its own.
//!
//! The names are always the same: a database is one folder's, and carries one copy at a time.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::embedded::{Embedded, Function, FunctionError};
use aws_config::SdkConfig;
use aws_sdk_dynamodbstreams as streams;
use aws_sdk_lambda as lambda;
use aws_sdk_s3 as s3;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_sqs::{self as sqs, Client as Sqs};
use migration::plan::RunId;
use migration::{Carrier, Error, Kind, Services, Task, Wiring};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::engine::{Clients, endpoint};
use crate::errors::CliError;

const QUEUE: &str = "segue-changes.fifo";
const DEAD_LETTERS: &str = "segue-dead-letters.fifo";
const BUCKET: &str = "segue-exports";
/// As the stack has it (`infra/src/stack`): a change is tried so often before it is put aside.
const MOST_RECEIVES: u32 = 5;
/// As the stack's functions have it.
const FUNCTION_TIME: Duration = Duration::from_secs(60);
/// Six times that: AWS's advice for queues that call functions (Lambda developer guide, "Using Lambda with Amazon SQS").
const VISIBILITY: Duration = Duration::from_secs(6 * 60);
/// The longest that SQS keeps a message.
const RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// What carries copies in a database that this process has opened. The queues are made where they aren't there.
pub(crate) async fn carrier(database: &Embedded) -> Result<Carrier, CliError> {
    let streams = database.streams_client_builder();
    wired(database.lambda_client_builder(), database.sqs_client_builder(), database.s3_client_builder(), streams).await
}

/// The tables of a run that is rehearsed in another process of this machine, and what carries its copy, through that process;
/// nothing where it doesn't serve them just now.
pub(crate) async fn reach(run: &RunId) -> Result<Option<Clients>, CliError> {
    let Some(configuration) = endpoint::reach_database(run).await? else { return Ok(None) };
    let carrier = Some(carrier_at(&configuration).await?);
    Ok(Some(Clients { carrier, ..Clients::of_one(functions::client::dynamodb(&configuration)) }))
}

async fn carrier_at(configuration: &SdkConfig) -> Result<Carrier, CliError> {
    // One host, whatever the bucket.
    let s3 = s3::config::Builder::from(configuration).force_path_style(true);
    wired(configuration.into(), configuration.into(), s3, configuration.into()).await
}

async fn wired(
    lambda: lambda::config::Builder,
    sqs: sqs::config::Builder,
    s3: s3::config::Builder,
    streams: streams::config::Builder,
) -> Result<Carrier, CliError> {
    let client = Sqs::from_conf(sqs.clone().build());
    let dead_letters = queue(&client, DEAD_LETTERS, None).await?;
    let changes = queue(&client, QUEUE, Some(&dead_letters.arn)).await?;
    let wiring = Wiring {
        queue_url: changes.url,
        queue_arn: changes.arn,
        dead_letters_url: dead_letters.url,
        capture_function: Task::CaptureChanges.name().into(),
        replay_function: Task::ApplyChanges.name().into(),
        export_bucket: BUCKET.into(),
    };
    Ok(Carrier::new(lambda, sqs, s3, streams, wiring))
}

/// Makes the tasks that mappings call functions of the database. They hold neither it nor `services`, which their database
/// is reached by: both last as long as the caller wants.
pub(crate) fn register(database: &Embedded, services: &Arc<Services>) {
    for task in [Task::CaptureChanges, Task::ApplyChanges] {
        let services = Arc::downgrade(services);
        let function = Function::new(task.name(), move |event| call(task, services.clone(), event));
        database.register(function.timeout(FUNCTION_TIME));
    }
}

async fn call(task: Task, services: Weak<Services>, event: Value) -> Result<Value, FunctionError> {
    let Some(services) = services.upgrade() else {
        return Err(FunctionError::new(Kind::Stopped.name(), "the rehearsal has ended"));
    };
    let answer = task.run(&services, event, Some(Instant::now() + FUNCTION_TIME)).await;
    answer.map_err(|error| FunctionError::new(error.kind().name(), error.to_string()))
}

struct Queue {
    url: String,
    arn: String,
}

async fn queue(sqs: &Sqs, name: &str, dead_letters: Option<&str>) -> Result<Queue, CliError> {
    let seconds = |duration: Duration| duration.as_secs().to_string();
    let mut attributes = HashMap::from([
        (QueueAttributeName::FifoQueue, "true".to_owned()),
        (QueueAttributeName::DeduplicationScope, "messageGroup".to_owned()),
        (QueueAttributeName::FifoThroughputLimit, "perMessageGroupId".to_owned()),
        (QueueAttributeName::VisibilityTimeout, seconds(VISIBILITY)),
        (QueueAttributeName::MessageRetentionPeriod, seconds(RETENTION)),
    ]);
    if let Some(arn) = dead_letters {
        let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": MOST_RECEIVES });
        attributes.insert(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    let created = sqs.create_queue().queue_name(name).set_attributes(Some(attributes)).send().await;
    let url = created.map_err(|error| Error::from_control_plane("CreateQueue", error))?.queue_url;
    let url = url.ok_or_else(|| CliError::failed("CreateQueue answered without a URL"))?;
    let get = sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
    let found = get.send().await.map_err(|error| Error::from_control_plane("GetQueueAttributes", error))?;
    let arn = found.attributes.and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn));
    Ok(Queue { url, arn: arn.ok_or_else(|| CliError::failed("GetQueueAttributes answered without an ARN"))? })
}
