//! From a queue to a function: batches of up to ten messages, as many at a time as the mapping and the function
//! allow. What the function doesn't report as failed is deleted; the rest comes again when its time is up.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Mapping;
use super::attend::active;
use super::response::{Outcome, outcome};
use crate::Embedded;
use crate::database::WeakEmbedded;
use crate::functions::FunctionError;
use crate::queues::receive::{Message, Received, receive};
use crate::queues::{self, Queue};
use crate::reply::Fault;
use crate::wire::REGION;

/// AWS: without a bound of its own a mapping goes up to 1,250 invocations at a time, or the function's concurrency.
const CONCURRENCY: u32 = 1_250;

/// Delivers until the mapping is changed, or the queue is gone.
pub(super) async fn poll(weak: &WeakEmbedded, mapping: Mapping) {
    let free = Arc::new(Semaphore::new(mapping.most_concurrent.unwrap_or(CONCURRENCY) as usize));
    let mut under_way = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let Ok(permit) = free.clone().acquire_owned().await else { break };
        let Some((embedded, now)) = active(weak, mapping.number).await else { break };
        if now.changed_at != mapping.changed_at {
            break;
        }
        // Turns come before messages: one that waits for its turn isn't in flight.
        let Some(turn) = embedded.functions().turn(&mapping.function).await else { break };
        let (mut queue_changes, mut mapping_changes) = (embedded.queue_changes(), embedded.mapping_changes());
        queue_changes.mark_unchanged();
        mapping_changes.mark_unchanged();
        let (source, most) = (mapping.source_arn.clone(), mapping.batch_size as usize);
        let received = embedded.with_engine(move |engine| {
            let queue = queues::queue(engine, &source)?;
            let received = receive(engine, &queue, most, queue.settings.visibility_seconds)?;
            Ok::<_, Fault>((queue, received))
        });
        let Ok(Ok((queue, received))) = received.await else { break };
        match received {
            Received::Messages(messages) => {
                let mapping = mapping.clone();
                under_way.spawn(async move {
                    let event = event(&mapping, &messages);
                    // A function's time is shorter than that for which its messages are hidden: Lambda refuses a mapping
                    // of another kind. Nothing goes on with messages that may be somebody else's by now.
                    let hidden = Duration::from_secs(queue.settings.visibility_seconds.into());
                    let invoked = embedded.functions().invoke(&mapping.function, event, turn);
                    let answer = tokio::time::timeout(hidden, invoked).await;
                    let late = |_| Err(FunctionError::new("Sandbox.Timedout", "the messages are visible again"));
                    let answer = answer.unwrap_or_else(late);
                    let ids: Vec<String> = messages.iter().map(Message::id).collect();
                    let outcome = outcome(&answer, mapping.reports_failures, &ids);
                    settle(&embedded, queue, messages, outcome).await;
                    drop(permit);
                });
            }
            Received::Nothing { next_in } => {
                drop((embedded, turn, permit));
                let next = async {
                    match next_in {
                        Some(next) => tokio::time::sleep(next).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    Ok(()) = queue_changes.changed() => {}
                    Ok(()) = mapping_changes.changed() => {}
                    () = next => {}
                    else => break,
                }
            }
        }
        while under_way.try_join_next().is_some() {}
    }
    // Those under way end by themselves: their work is done, and their messages are deleted.
    while under_way.join_next().await.is_some() {}
}

fn event(mapping: &Mapping, messages: &[Message]) -> Value {
    let record = |message: &Message| {
        json!({
            "messageId": message.id(),
            "receiptHandle": message.receipt(),
            "body": message.body,
            "attributes": message.attributes(),
            "messageAttributes": {},
            "md5OfBody": message.digest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": mapping.source_arn,
            "awsRegion": REGION,
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

/// Deletes what is done. A message whose visibility timeout has passed meanwhile stays: it is somebody else's.
async fn settle(embedded: &Embedded, queue: Queue, messages: Vec<Message>, outcome: Outcome) {
    let failed = match outcome {
        Outcome::Done => Vec::new(),
        Outcome::Partly(failed) => failed,
        Outcome::Failed => (0..messages.len()).collect(),
    };
    let settled = embedded.with_engine(move |engine| {
        for (_, message) in messages.iter().enumerate().filter(|(position, _)| !failed.contains(position)) {
            match queues::remove(engine, &queue, &message.receipt()) {
                Ok(()) | Err(Fault::Service { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    });
    // Where the database fails the messages come again.
    let _ = settled.await;
    embedded.queues_changed();
}
