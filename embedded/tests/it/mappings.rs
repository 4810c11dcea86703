//! Event source mappings: what a function is given, in which order, and what becomes of what it fails. Time is paused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::operation::create_event_source_mapping::builders::CreateEventSourceMappingFluentBuilder;
use aws_sdk_lambda::types::{EventSourcePosition, FunctionResponseType};
use aws_sdk_sqs::types::QueueAttributeName;
use embedded::{Befallen, Embedded, Function, FunctionError, Hazards, Misfortunes, Options};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::queues::{queue, send, sqs};
use crate::support::{client, n, on_demand, s};

/// The events that a function was called with.
pub(crate) type Seen = Arc<Mutex<Vec<Value>>>;

fn world() -> Embedded {
    world_of(Options::default())
}

pub(crate) fn world_of(options: Options) -> Embedded {
    Embedded::temporary(options.on_own_thread(true)).unwrap()
}

pub(crate) fn lambda(embedded: &Embedded) -> aws_sdk_lambda::Client {
    aws_sdk_lambda::Client::from_conf(embedded.lambda_client_builder().retry_config(RetryConfig::disabled()).build())
}

/// A table `Items` whose stream has both images; gives the stream's ARN.
pub(crate) async fn streamed(embedded: &Embedded) -> String {
    let client = client(embedded);
    on_demand(&client, "Items").await;
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    let update = client.update_table().table_name("Items").stream_specification(stream.build().unwrap());
    update.send().await.unwrap().table_description.unwrap().latest_stream_arn.unwrap()
}

pub(crate) async fn put(embedded: &Embedded, pk: &str, v: i64) {
    client(embedded).put_item().table_name("Items").item("pk", s(pk)).item("v", n(v)).send().await.unwrap();
}

/// Registers a function that answers each event with `answer`.
pub(crate) fn function(
    embedded: &Embedded,
    name: &str,
    answer: impl Fn(&Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
) -> Seen {
    let seen = Seen::default();
    let (noted, answer) = (seen.clone(), Arc::new(answer));
    let function = Function::new(name, move |event| {
        let (noted, answer) = (noted.clone(), answer.clone());
        async move {
            let answer = answer(&event);
            noted.lock().unwrap().push(event);
            answer
        }
    });
    embedded.register(function.timeout(Duration::from_secs(30)));
    seen
}

pub(crate) fn from_stream(embedded: &Embedded, arn: &str) -> CreateEventSourceMappingFluentBuilder {
    let create = lambda(embedded).create_event_source_mapping().event_source_arn(arn).function_name("Capture");
    create
        .starting_position(EventSourcePosition::TrimHorizon)
        .function_response_types(FunctionResponseType::ReportBatchItemFailures)
}

fn records(events: &Seen) -> Vec<Value> {
    let events = events.lock().unwrap();
    events.iter().flat_map(|event| event["Records"].as_array().unwrap().clone()).collect()
}

/// What was seen of each key, in its order.
pub(crate) fn by_key(events: &Seen) -> BTreeMap<String, Vec<i64>> {
    let mut keys = BTreeMap::<String, Vec<i64>>::new();
    for record in records(events) {
        let image = &record["dynamodb"]["NewImage"];
        let value = image["v"]["N"].as_str().unwrap().parse().unwrap();
        keys.entry(image["pk"]["S"].as_str().unwrap().to_owned()).or_default().push(value);
    }
    keys
}

#[tokio::test(start_paused = true)]
async fn a_record_is_what_the_service_sends() {
    let embedded = world();
    let arn = streamed(&embedded).await;
    put(&embedded, "a", 1).await;
    let seen = function(&embedded, "Capture", |_| Ok(json!({})));
    from_stream(&embedded, &arn).send().await.unwrap();
    put(&embedded, "a", 2).await;
    client(&embedded).delete_item().table_name("Items").key("pk", s("a")).send().await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let records = records(&seen);
    let names: Vec<_> = records.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["INSERT", "MODIFY", "REMOVE"]);
    let change = &records[1]["dynamodb"];
    assert_eq!(change["Keys"], json!({ "pk": { "S": "a" } }));
    assert_eq!(change["OldImage"], json!({ "pk": { "S": "a" }, "v": { "N": "1" } }));
    assert_eq!(change["NewImage"]["v"], json!({ "N": "2" }));
    assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert!(change["ApproximateCreationDateTime"].is_number() && change["SizeBytes"].is_number());
    assert_eq!(records[1]["eventSourceARN"], arn);
    assert_eq!((&records[1]["awsRegion"], &records[1]["eventVersion"]), (&json!("us-east-1"), &json!("1.1")));
    let ids: Vec<_> = records.iter().map(|record| record["eventID"].as_str().unwrap()).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0].len() == 32);
    assert!(records[0]["dynamodb"]["SequenceNumber"].as_str() < change["SequenceNumber"].as_str());
    assert!(records[2]["dynamodb"]["NewImage"].is_null() && records[2]["userIdentity"].is_null());
}

/// Ten lanes in each of four shards, which are split twice: every key keeps its order, nothing comes twice.
#[tokio::test(start_paused = true)]
async fn every_key_keeps_its_order_through_lanes_and_splits() {
    let embedded = world();
    let arn = streamed(&embedded).await;
    let seen = function(&embedded, "Capture", |_| Ok(json!({})));
    from_stream(&embedded, &arn).parallelization_factor(10).batch_size(3).send().await.unwrap();
    for v in 0..30 {
        for key in 0..7 {
            put(&embedded, &format!("key{key}"), v).await;
        }
        if v % 10 == 5 {
            embedded.split_shards("Items").await.unwrap();
        }
        sleep(Duration::from_millis(40)).await;
    }
    sleep(Duration::from_secs(10)).await;
    let expected: Vec<i64> = (0..30).collect();
    let by_key = by_key(&seen);
    assert_eq!(by_key.len(), 7);
    assert!(by_key.values().all(|values| *values == expected), "{by_key:?}");
}

/// A failed record holds back all that is behind it; what is before it never comes again.
#[tokio::test(start_paused = true)]
async fn from_the_lowest_failed_record_on_all_comes_again() {
    let embedded = world();
    let arn = streamed(&embedded).await;
    let failures = Arc::new(Mutex::new(0));
    let counted = failures.clone();
    let seen = function(&embedded, "Capture", move |event| {
        let mut failed = counted.lock().unwrap();
        let records = event["Records"].as_array().unwrap();
        let third = records.iter().find(|it| it["dynamodb"]["NewImage"]["v"]["N"] == "3");
        *failed += 1;
        match third.filter(|_| *failed < 3) {
            Some(record) => {
                let number = |it: &Value| json!({ "itemIdentifier": it["dynamodb"]["SequenceNumber"] });
                Ok(json!({ "batchItemFailures": [number(records.last().unwrap()), number(record)] }))
            }
            None => Ok(json!({})),
        }
    });
    for v in 1..=5 {
        put(&embedded, "a", v).await;
    }
    from_stream(&embedded, &arn).send().await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(by_key(&seen)["a"], [1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_batch_is_halved_and_what_stays_poisoned_is_given_up_and_told_of() {
    let embedded = world();
    let arn = streamed(&embedded).await;
    let seen = function(&embedded, "Capture", |event| {
        let is_poisoned = |it: &Value| it["dynamodb"]["NewImage"]["v"]["N"] == "3";
        match event["Records"].as_array().unwrap().iter().any(is_poisoned) {
            true => Err(FunctionError::new("Poisoned", "expected another")),
            false => Ok(Value::Null),
        }
    });
    let sqs = sqs(&embedded);
    let letters = queue(&sqs, "Letters.fifo", &[]).await;
    for v in 1..=4 {
        put(&embedded, "a", v).await;
    }
    let target =
        aws_sdk_lambda::types::OnFailure::builder().destination("arn:aws:sqs:us-east-1:000000000000:Letters.fifo");
    let target = aws_sdk_lambda::types::DestinationConfig::builder().on_failure(target.build()).build();
    let create = from_stream(&embedded, &arn).bisect_batch_on_function_error(true).maximum_retry_attempts(2);
    create.destination_config(target).send().await.unwrap();
    sleep(Duration::from_secs(60)).await;
    let batches: Vec<Vec<String>> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|event| {
            let records = event["Records"].as_array().unwrap().iter();
            records.map(|it| it["dynamodb"]["NewImage"]["v"]["N"].as_str().unwrap().to_owned()).collect()
        })
        .collect();
    let expected: [&[&str]; 7] = [&["1", "2", "3", "4"], &["1", "2"], &["3", "4"], &["3"], &["3"], &["3"], &["4"]];
    assert_eq!(batches, expected);
    let told = sqs.receive_message().queue_url(letters).send().await.unwrap().messages.unwrap();
    let told: Value = serde_json::from_str(told[0].body().unwrap()).unwrap();
    assert_eq!(told["DDBStreamBatchInfo"]["batchSize"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_mapping_that_is_disabled_goes_on_where_it_was() {
    let embedded = world_of(Options::default().mapping_takes(Duration::from_secs(5)));
    let arn = streamed(&embedded).await;
    let seen = function(&embedded, "Capture", |_| Ok(json!({})));
    let lambda = lambda(&embedded);
    let made = from_stream(&embedded, &arn).send().await.unwrap();
    let uuid = made.uuid().unwrap();
    let state = async || lambda.get_event_source_mapping().uuid(uuid).send().await.unwrap().state.unwrap();
    assert_eq!(made.state(), Some("Creating"));
    let refused = lambda.update_event_source_mapping().uuid(uuid).enabled(false).send().await.unwrap_err();
    assert!(refused.into_service_error().is_resource_in_use_exception());
    put(&embedded, "a", 1).await;
    sleep(Duration::from_secs(7)).await;
    assert_eq!(state().await, "Enabled");
    assert_eq!(by_key(&seen)["a"], [1]);
    lambda.update_event_source_mapping().uuid(uuid).enabled(false).send().await.unwrap();
    assert_eq!(state().await, "Disabling");
    sleep(Duration::from_secs(6)).await;
    assert_eq!(state().await, "Disabled");
    put(&embedded, "a", 2).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(by_key(&seen)["a"], [1]);
    lambda.update_event_source_mapping().uuid(uuid).enabled(true).send().await.unwrap();
    put(&embedded, "a", 3).await;
    sleep(Duration::from_secs(7)).await;
    assert_eq!(by_key(&seen)["a"], [1, 2, 3]);
    let again = from_stream(&embedded, &arn).send().await.unwrap_err();
    assert!(again.into_service_error().is_resource_conflict_exception());
    let listed = lambda.list_event_source_mappings().function_name("Capture").send().await.unwrap();
    assert_eq!(listed.event_source_mappings()[0].uuid(), Some(uuid));
    lambda.delete_event_source_mapping().uuid(uuid).send().await.unwrap();
    sleep(Duration::from_secs(6)).await;
    let gone = lambda.get_event_source_mapping().uuid(uuid).send().await.unwrap_err();
    assert_eq!(gone.code(), Some("ResourceNotFoundException"));
}

/// LATEST leaves out what was there before; a mapping's place in the stream outlives the process.
#[tokio::test]
async fn a_mapping_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Embedded::open(folder.path().join("database"), Options::default()).unwrap();
    let embedded = open();
    let arn = streamed(&embedded).await;
    put(&embedded, "a", 1).await;
    let noted = Arc::new(tokio::sync::Notify::new());
    let register = |embedded: &Embedded| {
        let (seen, noted) = (Seen::default(), noted.clone());
        let kept = seen.clone();
        embedded.register(Function::new("Capture", move |event| {
            kept.lock().unwrap().push(event);
            noted.notify_one();
            async { Ok(json!({})) }
        }));
        seen
    };
    let before = register(&embedded);
    from_stream(&embedded, &arn).starting_position(EventSourcePosition::Latest).send().await.unwrap();
    put(&embedded, "a", 2).await;
    noted.notified().await;
    assert_eq!(by_key(&before)["a"], [2]);
    // Until it is noted that this was delivered.
    let lambda = lambda(&embedded);
    while lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings()[0].last_processing_result()
        != Some("OK")
    {
        tokio::task::yield_now().await;
    }
    put(&embedded, "b", 3).await;
    noted.notified().await;
    drop((lambda, embedded));
    let embedded = loop {
        match Embedded::open(folder.path().join("database"), Options::default()) {
            Ok(embedded) => break embedded,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let after = register(&embedded);
    put(&embedded, "a", 4).await;
    while !by_key(&after).contains_key("a") {
        noted.notified().await;
    }
    assert_eq!(by_key(&after)["a"], [4]);
}

/// One batch of a group at a time, whatever befalls the invocations; what isn't reported is deleted.
#[tokio::test(start_paused = true)]
async fn messages_of_a_group_come_in_order_and_the_failed_ones_again() {
    let embedded = world();
    let sqs = sqs(&embedded);
    let changes = queue(&sqs, "Changes.fifo", &[(QueueAttributeName::VisibilityTimeout, "30")]).await;
    let failures = Arc::new(Mutex::new(0));
    let seen = function(&embedded, "Apply", move |event| {
        let mut failed = failures.lock().unwrap();
        *failed += 1;
        let second =
            event["Records"].as_array().unwrap().iter().position(|it| it["body"] == "a2").filter(|_| *failed < 3);
        let records = event["Records"].as_array().unwrap();
        let failed =
            second.map_or(&[][..], |at| &records[at..]).iter().filter(|it| it["attributes"]["MessageGroupId"] == "a");
        Ok(
            json!({ "batchItemFailures": failed.map(|it| json!({ "itemIdentifier": it["messageId"] })).collect::<Vec<_>>() }),
        )
    });
    for (group, id) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("b", "b2")] {
        send(&sqs, &changes, group, id).await;
    }
    let create = lambda(&embedded).create_event_source_mapping().function_name("Apply");
    let create = create.event_source_arn("arn:aws:sqs:us-east-1:000000000000:Changes.fifo").batch_size(10);
    create.function_response_types(FunctionResponseType::ReportBatchItemFailures).send().await.unwrap();
    sleep(Duration::from_secs(100)).await;
    let bodies: Vec<_> = records(&seen).iter().map(|it| it["body"].as_str().unwrap().to_owned()).collect();
    assert_eq!(bodies, ["a1", "b1", "a2", "a3", "b2", "a2", "a3", "a2", "a3"]);
    let record = &records(&seen)[0];
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["attributes"]["MessageDeduplicationId"], "a1");
    let left =
        sqs.get_queue_attributes().queue_url(&changes).attribute_names(QueueAttributeName::All).send().await.unwrap();
    let left = left.attributes.unwrap();
    assert_eq!(left[&QueueAttributeName::ApproximateNumberOfMessages], "0");
    assert_eq!(left[&QueueAttributeName::ApproximateNumberOfMessagesNotVisible], "0");
}

/// Killed, lost, late and repeated invocations: each key's changes come at least once, and a first time in order.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_invocations_are() {
    let mut met = [0; 6];
    for seed in 0..10 {
        let embedded = world();
        let arn = streamed(&embedded).await;
        let after = Duration::from_millis(1)..=Duration::from_secs(3);
        let hazards = Hazards { killed: 0.1, lost: 0.1, late: 0.1, repeated: 0.1, forked: 0.1, rewound: 0.1, after };
        let hazards = Misfortunes::new(seed, hazards);
        embedded.set_hazards(Some(hazards.clone()));
        let seen = function(&embedded, "Capture", |_| Ok(json!({})));
        from_stream(&embedded, &arn).batch_size(2).parallelization_factor(2).send().await.unwrap();
        for v in 0..12 {
            for key in ["a", "b", "c"] {
                put(&embedded, key, v).await;
            }
            sleep(Duration::from_secs(1)).await;
        }
        sleep(Duration::from_secs(3_600)).await;
        let Befallen { killed, lost, late, repeated, forked, rewound } = hazards.met();
        met = [killed + met[0], lost + met[1], late + met[2], repeated + met[3], forked + met[4], rewound + met[5]];
        for (key, values) in by_key(&seen) {
            let mut first_times = Vec::new();
            for value in values {
                if !first_times.contains(&value) {
                    first_times.push(value);
                }
            }
            assert_eq!(first_times, (0..12).collect::<Vec<_>>(), "{key} of seed {seed}");
        }
    }
    assert!(met.iter().all(|met| *met > 0), "{met:?}");
}
