//! R14, R16: what the stream tells is in the queue, in order, or is delivered again.

use aws_sdk_sqs::types::QueueAttributeName::FifoQueue;
use jiff::Timestamp;
use migration::copy::capture::capture;
use migration::copy::change::Change;
use migration::copy::current;
use serde_json::{Value, json};

use super::{BEGAN, Copy};
use crate::world::things;

async fn copy() -> Copy {
    Copy::new(things(1), "id", "target: { table: others }").await
}

/// A record of a change of the item with that id, at so many seconds after the run's start.
fn record(number: u32, name: &str, key: Value, seconds: i64) -> Value {
    let image = |n: u32| {
        let mut image = key.clone();
        image["n"] = json!({ "N": n.to_string() });
        image
    };
    let mut stream = json!({
        "ApproximateCreationDateTime": BEGAN + seconds, "Keys": key, "SequenceNumber": format!("{number:021}"),
        "SizeBytes": 59, "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    if name != "INSERT" {
        stream["OldImage"] = image(number);
    }
    if name != "REMOVE" {
        stream["NewImage"] = image(number + 1);
    }
    json!({ "eventID": format!("event-{number}"), "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": stream })
}

fn modify(number: u32, id: &str) -> Value {
    record(number, "MODIFY", json!({ "id": { "S": id } }), 0)
}

fn lowest(answer: &Value) -> Option<u32> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    assert!(failures.len() <= 1, "{failures:?}");
    failures.first().map(|failure| failure["itemIdentifier"].as_str().unwrap().parse().unwrap())
}

/// The playbook dropped deletes, which are REMOVE in a stream, and lost the second of two equal changes.
#[tokio::test]
async fn every_record_becomes_a_message_of_its_own() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let key = json!({ "id": { "S": "a" } });
    let mut ttl = record(4, "REMOVE", key.clone(), 0);
    ttl["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    let mut equal = record(2, "MODIFY", key.clone(), 0);
    equal["eventID"] = json!("event-3");
    equal["dynamodb"]["SequenceNumber"] = json!("3");
    let records = [record(1, "INSERT", key.clone(), 0), record(2, "MODIFY", key, 0), equal, ttl];
    let answer = capture(&services, json!({ "Records": records }), None).await.unwrap();
    assert_eq!(lowest(&answer), None);
    let taken = copy.queue.taken();
    let ids: Vec<_> = taken.iter().map(|entry| entry["MessageDeduplicationId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["event-1", "event-2", "event-3", "event-4"]);
    let last: Value = serde_json::from_str(taken[3]["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(last["what"]["images"], json!({ "old": { "id": { "S": "a" }, "n": { "N": "4" } } }));
    assert_eq!(last["run"], json!(copy.plan.run));
    // The group is the item's, and one request never holds it twice.
    assert!(taken.windows(2).all(|two| two[0]["MessageGroupId"] == two[1]["MessageGroupId"]));
    for request in copy.queue.requests.lock().unwrap().iter() {
        assert_eq!(request["Entries"].as_array().unwrap().len(), 1);
    }
    let carried = migration::copy::notes::captured(&copy.world.ledger, &copy.plan.run).await.unwrap();
    assert_eq!((carried.len(), carried[0].changes), (1, 4));
}

/// A group is the whole key with its types, not an attribute of a certain name.
#[tokio::test]
async fn a_group_is_one_items_whole_typed_key() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let keys = [
        json!({ "id": { "S": "1" } }),
        json!({ "id": { "N": "1" } }),
        json!({ "year": { "N": "1" }, "title": { "S": "a" } }),
        json!({ "year": { "N": "1" }, "title": { "S": "b" } }),
    ];
    let records: Vec<_> = (1..).zip(keys).map(|(number, key)| record(number, "MODIFY", key, 0)).collect();
    capture(&services, json!({ "Records": records }), None).await.unwrap();
    let requests = copy.queue.requests.lock().unwrap();
    let entries = requests[0]["Entries"].as_array().unwrap();
    let groups: std::collections::BTreeSet<_> =
        entries.iter().map(|entry| entry["MessageGroupId"].as_str().unwrap()).collect();
    assert_eq!((requests.len(), groups.len()), (1, 4));
    assert!(groups.iter().all(|group| group.len() == 64));
}

/// R16: a message that isn't taken is no success. What comes after it of its item isn't sent, and the lowest is named.
#[tokio::test(start_paused = true)]
async fn a_refused_message_keeps_its_items_later_ones_back() {
    for sender_fault in [true, false] {
        let copy = copy().await;
        copy.queue.refused.lock().unwrap().push(("event-2".into(), sender_fault));
        let services = copy.begun(None).await;
        let records = [modify(1, "a"), modify(2, "b"), modify(3, "a"), modify(4, "b"), modify(5, "c")];
        let answer = capture(&services, json!({ "Records": records }), None).await.unwrap();
        assert_eq!(lowest(&answer), Some(2));
        let taken = copy.queue.taken();
        let mut ids: Vec<_> = taken.iter().map(|entry| entry["MessageDeduplicationId"].as_str().unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["event-1", "event-3", "event-5"]);
    }
}

/// A partial failure that passes is mended by sending again what wasn't taken, and nothing else.
#[tokio::test]
async fn what_the_bulk_has_is_not_queued() {
    let copy = copy().await;
    let services = copy.begun(Some(copy.plan.started)).await;
    let key = || json!({ "id": { "S": "a" } });
    let records = [record(1, "INSERT", key(), -60), record(2, "MODIFY", key(), 0), record(3, "MODIFY", key(), 60)];
    capture(&services, json!({ "Records": records }), None).await.unwrap();
    assert_eq!(copy.queue.taken().len(), 2);
}

#[tokio::test]
async fn a_record_without_its_images_is_an_error_that_says_what_to_do() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let mut keys_only = modify(1, "secret");
    keys_only["dynamodb"].as_object_mut().unwrap().remove("OldImage");
    let error = capture(&services, json!({ "Records": [keys_only.clone()] }), None).await.unwrap_err().to_string();
    assert!(error.contains("NEW_AND_OLD_IMAGES") && !error.contains("secret"), "{error}");
    // What came before it is sent.
    let answer = capture(&services, json!({ "Records": [modify(1, "a"), keys_only] }), None).await.unwrap();
    assert_eq!((lowest(&answer), copy.queue.taken().len()), (Some(1), 1));
}

/// Two images of 400 KB are more than a message takes: the item is read when its turn has come.
#[tokio::test]
async fn a_change_that_is_too_large_becomes_a_refresh() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let mut random = fastrand::Rng::with_seed(7);
    // 395 KB in base64, which can't be compressed into anything shorter.
    let mut noise = || std::iter::repeat_with(|| random.alphanumeric()).take(526_668).collect::<String>();
    let mut large = modify(1, "a");
    large["dynamodb"]["OldImage"]["bytes"] = json!({ "B": noise() });
    large["dynamodb"]["NewImage"]["bytes"] = json!({ "B": noise() });
    capture(&services, json!({ "Records": [large] }), None).await.unwrap();
    let body: Value = serde_json::from_str(copy.queue.taken()[0]["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(body["what"]["refresh"], json!({ "old_target_key": { "id": { "S": "a" } } }));
}

#[tokio::test]
async fn without_a_copy_nothing_is_queued() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    current::give_up(&copy.world.ledger, &copy.plan.run).await.unwrap();
    let answer = capture(&services, json!({ "Records": [modify(1, "a")] }), None).await.unwrap();
    assert_eq!((lowest(&answer), copy.queue.taken().len()), (None, 0));
}

/// Near its deadline it sends nothing more, and says so.
#[tokio::test]
async fn at_the_deadline_the_rest_is_left_to_the_next_delivery() {
    let copy = copy().await;
    let services = copy.begun(None).await;
    let deadline = Some(tokio::time::Instant::now());
    let answer = capture(&services, json!({ "Records": [modify(1, "a"), modify(2, "b")] }), deadline).await.unwrap();
    assert_eq!((lowest(&answer), copy.queue.taken().len()), (Some(1), 0));
}

/// R14: a batch is delivered again when the queue has forgotten that it had the first of two changes, and not yet that it had
/// the second. The first then stands behind the second, and may not bring the item back to what it was.
#[tokio::test(start_paused = true)]
async fn a_late_redelivery_does_not_turn_two_changes_around() {
    let copy = copy().await;
    let mut services = copy.begun(None).await;
    let carrier = services.carrier.as_mut().unwrap();
    carrier.sqs = aws_sdk_sqs::Client::from_conf(copy.world.database.sqs_client_builder().build());
    let create = carrier.sqs.create_queue().queue_name("changes.fifo").attributes(FifoQueue, "true");
    carrier.wiring.queue_url = create.send().await.unwrap().queue_url.unwrap();
    let (first, second) = (modify(1, "a"), record(2, "MODIFY", json!({ "id": { "S": "a" } }), 100));
    copy.put(crate::world::TABLE, second["dynamodb"]["NewImage"].clone()).await;
    for (records, wait_seconds) in [(vec![first.clone()], 100), (vec![second.clone()], 210), (vec![first, second], 0)] {
        let answer = capture(&services, json!({ "Records": records }), None).await.unwrap();
        assert_eq!(lowest(&answer), None);
        tokio::time::advance(std::time::Duration::from_secs(wait_seconds)).await;
    }
    let carrier = services.carrier.as_ref().unwrap();
    let receive = carrier.sqs.receive_message().queue_url(&carrier.wiring.queue_url).max_number_of_messages(10);
    let messages = receive.send().await.unwrap().messages.unwrap();
    let changes: Vec<Change> = messages.iter().map(|it| serde_json::from_str(it.body().unwrap()).unwrap()).collect();
    let events: Vec<_> = changes.iter().map(|change| change.event.as_str()).collect();
    assert_eq!(events, ["event-1", "event-2", "event-1"], "the window has closed for one of them");
    assert!(copy.replay(&services, &changes).await.is_empty());
    assert_eq!(copy.target().await, copy.world.items().await[..1]);
}

/// Where nobody says when it was made, nobody knows that the bulk has it.
#[tokio::test]
async fn a_record_without_a_time_is_carried() {
    let copy = copy().await;
    let services = copy.begun(Some(Timestamp::from_second(BEGAN - 60).unwrap())).await;
    let mut untimed = modify(1, "a");
    untimed["dynamodb"].as_object_mut().unwrap().remove("ApproximateCreationDateTime");
    let old = record(2, "MODIFY", json!({ "id": { "S": "b" } }), -100);
    capture(&services, json!({ "Records": [untimed, old] }), None).await.unwrap();
    let taken = copy.queue.taken();
    assert_eq!(taken.iter().map(|entry| &entry["MessageDeduplicationId"]).collect::<Vec<_>>(), ["event-1"]);
}
