//! Mappings as they are told of and switched: what is being switched off still delivers, a queue's mapping tells no result, and
//! a function may take no longer than its messages are hidden. Time is paused.

use std::time::Duration;

use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName;
use embedded::{Function, Options};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::mappings::{by_key, from_stream, function, lambda, put, streamed, world_of};
use crate::queues::{queue, send, sqs};

const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:000000000000:Changes.fifo";

#[tokio::test(start_paused = true)]
async fn what_is_being_switched_off_delivers_until_it_is() {
    let embedded = world_of(Options::default().mapping_takes(Duration::from_secs(20)));
    let arn = streamed(&embedded).await;
    let seen = function(&embedded, "Capture", |_| Ok(json!({})));
    let made = from_stream(&embedded, &arn).send().await.unwrap();
    sleep(Duration::from_secs(21)).await;
    put(&embedded, "a", 1).await;
    sleep(Duration::from_secs(2)).await;
    let (lambda, uuid) = (lambda(&embedded), made.uuid().unwrap());
    lambda.update_event_source_mapping().uuid(uuid).enabled(false).send().await.unwrap();
    put(&embedded, "a", 2).await;
    sleep(Duration::from_secs(15)).await;
    assert_eq!(by_key(&seen)["a"], [1, 2], "it is Disabling, and not yet Disabled");
    sleep(Duration::from_secs(10)).await;
    put(&embedded, "a", 3).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(by_key(&seen)["a"], [1, 2]);
    lambda.update_event_source_mapping().uuid(uuid).enabled(true).send().await.unwrap();
    sleep(Duration::from_secs(25)).await;
    assert_eq!(by_key(&seen)["a"], [1, 2, 3]);
}

/// Of a stream's mapping the last result is told, and reported failures are none of the function; of a queue's none is told.
#[tokio::test(start_paused = true)]
async fn the_last_result_is_a_streams() {
    let embedded = world_of(Options::default());
    let arn = streamed(&embedded).await;
    let fails = |event: &Value| match event["Records"][0]["dynamodb"]["SequenceNumber"].clone() {
        Value::Null => Ok(json!({ "batchItemFailures": [{ "itemIdentifier": event["Records"][0]["messageId"] }] })),
        number => Ok(json!({ "batchItemFailures": [{ "itemIdentifier": number }] })),
    };
    function(&embedded, "Capture", fails);
    function(&embedded, "Apply", fails);
    let client = sqs(&embedded);
    let changes = queue(&client, "Changes.fifo", &[(QueueAttributeName::VisibilityTimeout, "30")]).await;
    let lambda = lambda(&embedded);
    let of_stream = from_stream(&embedded, &arn).send().await.unwrap();
    let create = lambda.create_event_source_mapping().function_name("Apply").event_source_arn(QUEUE_ARN);
    let of_queue = create.send().await.unwrap();
    put(&embedded, "a", 1).await;
    send(&client, &changes, "a", "a1").await;
    sleep(Duration::from_secs(10)).await;
    let result = async |uuid: Option<&str>| {
        let get = lambda.get_event_source_mapping().uuid(uuid.unwrap()).send();
        get.await.unwrap().last_processing_result
    };
    assert_eq!(result(of_stream.uuid()).await.as_deref(), Some("OK"));
    assert_eq!(result(of_queue.uuid()).await, None);
}

#[tokio::test(start_paused = true)]
async fn messages_are_hidden_for_as_long_as_their_function_may_take() {
    let embedded = world_of(Options::default());
    let client = sqs(&embedded);
    queue(&client, "Changes.fifo", &[(QueueAttributeName::VisibilityTimeout, "30")]).await;
    let lambda = lambda(&embedded);
    let create = |seconds: u64| {
        embedded.register(Function::new("Apply", |_| async { Ok(Value::Null) }).timeout(Duration::from_secs(seconds)));
        lambda.create_event_source_mapping().function_name("Apply").event_source_arn(QUEUE_ARN).send()
    };
    let refused = create(60).await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterValueException"));
    assert_eq!(
        refused.message(),
        Some("Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds")
    );
    create(30).await.unwrap();
}
