//! FIFO queues: order within groups, deduplication, visibility, dead letters, batches. Time is paused.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use embedded::{Embedded, Faults, Options, Weather};
use serde_json::json;
use tokio::time::{Instant, sleep};

pub(crate) fn sqs(embedded: &Embedded) -> Client {
    Client::from_conf(embedded.sqs_client_builder().retry_config(RetryConfig::disabled()).build())
}

pub(crate) async fn queue(client: &Client, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut create = client.create_queue().queue_name(name).attributes(QueueAttributeName::FifoQueue, "true");
    for (name, value) in attributes {
        create = create.attributes(name.clone(), *value);
    }
    create.send().await.unwrap().queue_url.unwrap()
}

pub(crate) async fn send(client: &Client, queue: &str, group: &str, id: &str) {
    let send = client.send_message().queue_url(queue).message_body(id);
    send.message_group_id(group).message_deduplication_id(id).send().await.unwrap();
}

async fn receive(client: &Client, queue: &str) -> Vec<Message> {
    let receive = client.receive_message().queue_url(queue).max_number_of_messages(10);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    receive.send().await.unwrap().messages.unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

async fn delete(client: &Client, queue: &str, message: &Message) {
    client.delete_message().queue_url(queue).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
}

async fn count(client: &Client, queue: &str, attribute: QueueAttributeName) -> String {
    let got = client.get_queue_attributes().queue_url(queue).attribute_names(attribute.clone()).send().await.unwrap();
    got.attributes.unwrap()[&attribute].clone()
}

fn world() -> (Embedded, Client) {
    let embedded = Embedded::temporary(Options::default().on_own_thread(true)).unwrap();
    let client = sqs(&embedded);
    (embedded, client)
}

#[tokio::test(start_paused = true)]
async fn a_group_with_a_message_in_flight_is_held_back_and_others_are_not() {
    let (_embedded, client) = world();
    let queue = queue(&client, "Changes.fifo", &[]).await;
    for (group, id) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
        send(&client, &queue, group, id).await;
    }
    let first = client.receive_message().queue_url(&queue).send().await.unwrap().messages.unwrap();
    assert_eq!(bodies(&first), ["a1"]);
    send(&client, &queue, "a", "a3").await;
    assert_eq!(bodies(&receive(&client, &queue).await), ["b1"]);
    assert_eq!(count(&client, &queue, QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await, "2");
    assert_eq!(count(&client, &queue, QueueAttributeName::ApproximateNumberOfMessages).await, "2");
    delete(&client, &queue, &first[0]).await;
    assert_eq!(bodies(&receive(&client, &queue).await), ["a2", "a3"]);
}

/// What was not deleted comes again in its order, and the receipt of the first time is worth nothing any more.
#[tokio::test(start_paused = true)]
async fn a_message_comes_again_when_its_visibility_timeout_has_passed() {
    let (_embedded, client) = world();
    let queue = queue(&client, "Changes.fifo", &[(QueueAttributeName::VisibilityTimeout, "20")]).await;
    send(&client, &queue, "a", "a1").await;
    send(&client, &queue, "a", "a2").await;
    let first = receive(&client, &queue).await;
    sleep(Duration::from_secs(19)).await;
    assert!(receive(&client, &queue).await.is_empty());
    sleep(Duration::from_secs(2)).await;
    let again = receive(&client, &queue).await;
    assert_eq!(bodies(&again), ["a1", "a2"]);
    let received = &again[0].attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount];
    assert_eq!(received, "2");
    let late = client.delete_message().queue_url(&queue).receipt_handle(first[0].receipt_handle().unwrap());
    assert_eq!(late.send().await.unwrap_err().code(), Some("InvalidParameterValue"));
    let longer = client.change_message_visibility().queue_url(&queue).visibility_timeout(60);
    longer.receipt_handle(again[0].receipt_handle().unwrap()).send().await.unwrap();
    sleep(Duration::from_secs(30)).await;
    assert!(receive(&client, &queue).await.is_empty(), "the second overtook the first");
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_within_five_minutes_is_not_sent_again() {
    let (_embedded, client) = world();
    let scoped = [
        (QueueAttributeName::DeduplicationScope, "messageGroup"),
        (QueueAttributeName::FifoThroughputLimit, "perMessageGroupId"),
    ];
    let queue = queue(&client, "Changes.fifo", &scoped).await;
    send(&client, &queue, "a", "same").await;
    send(&client, &queue, "a", "same").await;
    send(&client, &queue, "b", "same").await;
    let messages = receive(&client, &queue).await;
    assert_eq!(messages.len(), 2);
    for message in &messages {
        delete(&client, &queue, message).await;
    }
    sleep(Duration::from_secs(299)).await;
    send(&client, &queue, "a", "same").await;
    assert!(receive(&client, &queue).await.is_empty());
    sleep(Duration::from_secs(2)).await;
    send(&client, &queue, "a", "same").await;
    assert_eq!(receive(&client, &queue).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_came_too_often_goes_to_the_dead_letters_and_lets_its_group_on() {
    let (_embedded, client) = world();
    let dead = queue(&client, "Dead.fifo", &[]).await;
    let redrive = json!({ "deadLetterTargetArn": count(&client, &dead, QueueAttributeName::QueueArn).await, "maxReceiveCount": 2 });
    let attributes =
        [(QueueAttributeName::VisibilityTimeout, "10"), (QueueAttributeName::RedrivePolicy, &redrive.to_string())];
    let queue = queue(&client, "Changes.fifo", &attributes).await;
    send(&client, &queue, "a", "poisoned").await;
    for _ in 0..2 {
        assert_eq!(bodies(&receive(&client, &queue).await), ["poisoned"]);
        sleep(Duration::from_secs(11)).await;
    }
    send(&client, &queue, "a", "good").await;
    assert_eq!(bodies(&receive(&client, &queue).await), ["good"]);
    let letters = receive(&client, &dead).await;
    assert_eq!(bodies(&letters), ["poisoned"]);
    let attributes = letters[0].attributes().unwrap();
    assert_eq!(attributes[&MessageSystemAttributeName::MessageGroupId], "a");
    assert!(attributes[&MessageSystemAttributeName::DeadLetterQueueSourceArn].ends_with(":Changes.fifo"));
}

#[tokio::test(start_paused = true)]
async fn messages_are_forgotten_when_they_have_been_kept_for_long_enough() {
    let (_embedded, client) = world();
    let queue = queue(&client, "Changes.fifo", &[(QueueAttributeName::MessageRetentionPeriod, "3600")]).await;
    send(&client, &queue, "a", "old").await;
    sleep(Duration::from_secs(1800)).await;
    send(&client, &queue, "b", "new").await;
    sleep(Duration::from_secs(1801)).await;
    assert_eq!(count(&client, &queue, QueueAttributeName::ApproximateNumberOfMessages).await, "1");
    assert_eq!(bodies(&receive(&client, &queue).await), ["new"]);
}

/// Whoever waits gets a message the moment that it is sent, or that it is visible again.
#[tokio::test(start_paused = true)]
async fn a_receiver_waits_for_its_messages() {
    let (_embedded, client) = world();
    let queue = queue(&client, "Changes.fifo", &[(QueueAttributeName::VisibilityTimeout, "8")]).await;
    let waiting = async |wait| {
        let begun = Instant::now();
        let receive = client.receive_message().queue_url(&queue).wait_time_seconds(wait).send().await.unwrap();
        (receive.messages.unwrap_or_default().len(), begun.elapsed().as_secs())
    };
    let sender = async {
        sleep(Duration::from_secs(3)).await;
        send(&client, &queue, "a", "a1").await;
    };
    let (received, ()) = tokio::join!(waiting(20), sender);
    assert_eq!(received, (1, 3));
    assert_eq!(waiting(5).await, (0, 5));
    assert_eq!(waiting(20).await, (1, 3));
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(body);
    entry.message_group_id(id).message_deduplication_id(id).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn batches_keep_to_their_limits_and_report_each_entry() {
    let (_embedded, client) = world();
    let queue = queue(&client, "Changes.fifo", &[]).await;
    let large = "x".repeat(600 * 1024);
    let batch = |entries| client.send_message_batch().queue_url(&queue).set_entries(Some(entries)).send();
    let refused = batch(vec![entry("1", &large), entry("2", &large)]).await.unwrap_err();
    assert_eq!(refused.code(), Some("AWS.SimpleQueueService.BatchRequestTooLong"));
    let refused = batch(vec![entry("1", "x"), entry("1", "y")]).await.unwrap_err();
    assert_eq!(refused.code(), Some("AWS.SimpleQueueService.BatchEntryIdsNotDistinct"));
    let refused = batch((0..11).map(|it| entry(&it.to_string(), "x")).collect()).await.unwrap_err();
    assert_eq!(refused.code(), Some("AWS.SimpleQueueService.TooManyEntriesInBatchRequest"));
    let without_group = SendMessageBatchRequestEntry::builder().id("3").message_body("x").build().unwrap();
    let sent = batch(vec![entry("1", &large), entry("2", "x"), without_group]).await.unwrap();
    assert_eq!(sent.successful().iter().map(|it| it.id()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((sent.failed()[0].id(), sent.failed()[0].sender_fault()), ("3", true));
    let messages = receive(&client, &queue).await;
    let entries = messages.iter().enumerate().map(|(at, message)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
        entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
    });
    let deleted =
        client.delete_message_batch().queue_url(&queue).set_entries(Some(entries.collect())).send().await.unwrap();
    assert_eq!((deleted.successful().len(), deleted.failed().len()), (2, 0));
    assert_eq!(count(&client, &queue, QueueAttributeName::ApproximateNumberOfMessagesNotVisible).await, "0");
}

/// Of every batch the entries that are reported as sent are in the queue, and no others.
#[tokio::test(start_paused = true)]
async fn entries_of_a_batch_fail_on_request() {
    let (embedded, calm) = world();
    let queue = queue(&calm, "Changes.fifo", &[]).await;
    let faults = Faults::new(5, Weather { unprocessed: 0.4, ..Weather::default() });
    let config = embedded.sqs_client_builder().retry_config(RetryConfig::disabled());
    let client = Client::from_conf(config.http_client(embedded.faulty_http_client(&faults)).build());
    let (mut sent, mut failed) = (Vec::new(), 0);
    for round in 0..5 {
        let entries = (0..5).map(|it| entry(&format!("{round}-{it}"), &format!("{round}-{it}"))).collect();
        let answer = client.send_message_batch().queue_url(&queue).set_entries(Some(entries)).send().await.unwrap();
        sent.extend(answer.successful().iter().map(|it| it.id().to_owned()));
        failed += answer.failed().len();
    }
    assert_eq!(sent.len() + failed, 25);
    assert!(failed > 0);
    let mut there = Vec::new();
    loop {
        let messages = receive(&calm, &queue).await;
        if messages.is_empty() {
            break;
        }
        there.extend(messages.iter().map(|message| message.body().unwrap().to_owned()));
    }
    assert_eq!(there, sent);
}

#[tokio::test]
async fn a_queue_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("database");
    let embedded = Embedded::open(&file, Options::default()).unwrap();
    let client = sqs(&embedded);
    let queue = queue(&client, "Changes.fifo", &[]).await;
    send(&client, &queue, "a", "a1").await;
    drop((client, embedded));
    let embedded = Embedded::open(&file, Options::default()).unwrap();
    let client = sqs(&embedded);
    let missing = client.get_queue_url().queue_name("Other.fifo").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());
    let url = client.get_queue_url().queue_name("Changes.fifo").send().await.unwrap().queue_url.unwrap();
    assert_eq!(bodies(&receive(&client, &url).await), ["a1"]);
}

/// AWS: the counts are exact a minute after the last message at the latest.
#[tokio::test(start_paused = true)]
async fn a_message_may_be_counted_later() {
    let options = Options::default().on_own_thread(true).counts_lag(Duration::from_secs(30));
    let embedded = Embedded::temporary(options).unwrap();
    let client = sqs(&embedded);
    let changes = queue(&client, "Changes.fifo", &[]).await;
    send(&client, &changes, "a", "a1").await;
    assert_eq!(count(&client, &changes, QueueAttributeName::ApproximateNumberOfMessages).await, "0");
    sleep(Duration::from_secs(31)).await;
    assert_eq!(count(&client, &changes, QueueAttributeName::ApproximateNumberOfMessages).await, "1");
}

#[tokio::test(start_paused = true)]
async fn characters_that_xml_lacks_are_refused() {
    let (_embedded, client) = world();
    let changes = queue(&client, "Changes.fifo", &[]).await;
    let send = async |body: &str| {
        let send = client.send_message().queue_url(&changes).message_body(body).message_group_id("a");
        send.message_deduplication_id(body.len().to_string()).send().await
    };
    send("tab\t, line\n, \u{10ffff}").await.unwrap();
    for body in ["\u{1}", "\u{fffe}", "\u{ffff}"] {
        let refused = send(body).await.unwrap_err();
        assert!(refused.into_service_error().is_invalid_message_contents(), "{body:?}");
    }
}
