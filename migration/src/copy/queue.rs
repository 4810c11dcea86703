//! The queue between capture and replay, as its senders see it: a batch is sent until each of its messages was taken, or was
//! refused for good.

use std::collections::BTreeSet;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::change::Change;
use super::message;
use crate::error::{Error, Kind};
use crate::patience::{Meter, Patience};
use crate::services::Carrier;

/// A message that is to be sent.
pub(super) struct Outgoing {
    pub(super) group: String,
    pub(super) deduplication_id: String,
    pub(super) body: String,
}

/// Sends one change that is not of the stream, such as a [`What::Refresh`](super::change::What::Refresh).
pub async fn send(carrier: &Carrier, change: &Change) -> Result<(), Error> {
    let body = message::write(change).ok_or_else(|| {
        Error::new(Kind::Refused, "expected a change of at most 1 MiB for a message, found a larger one")
    })?;
    let message = Outgoing { group: change.group(), deduplication_id: change.event.clone(), body };
    match send_batch(carrier, &[&message]).await.is_empty() {
        true => Ok(()),
        false => Err(Error::new(Kind::Unavailable, "the queue didn't take a change")),
    }
}

/// Sends messages of different groups in one request, as often as it takes; returns the places of those that are not in the
/// queue in the end.
pub(super) async fn send_batch(carrier: &Carrier, messages: &[&Outgoing]) -> BTreeSet<usize> {
    let meter = Meter::default();
    let mut patience = Patience::new(&meter);
    let mut left: BTreeSet<usize> = (0..messages.len()).collect();
    while !left.is_empty() {
        let before = left.len();
        let error = match attempt(carrier, messages, &mut left).await {
            Ok(None) => return left,
            Ok(Some(error)) | Err(error) => error,
        };
        if patience.wait(error, left.len() < before).await.is_err() {
            break;
        }
    }
    left
}

/// Sends what is left, and takes out of it what the queue has taken. The error is one that passes, or that of the request.
async fn attempt(
    carrier: &Carrier,
    messages: &[&Outgoing],
    left: &mut BTreeSet<usize>,
) -> Result<Option<Error>, Error> {
    let entry = |at: &usize| {
        let Outgoing { group, deduplication_id, body } = messages[*at];
        let entry = SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(body);
        let entry = entry.message_group_id(group).message_deduplication_id(deduplication_id);
        entry.build().map_err(|error| Error::invalid(error.to_string()))
    };
    let entries = left.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let send = carrier.sqs.send_message_batch().queue_url(&carrier.wiring.queue_url).set_entries(Some(entries));
    let output = send.send().await.map_err(|error| Error::from_sdk("SendMessageBatch", error))?;
    for sent in output.successful() {
        if let Ok(at) = sent.id().parse() {
            left.remove(&at);
        }
    }
    if left.is_empty() {
        return Ok(None);
    }
    let is_for_good = !output.failed().is_empty() && output.failed().iter().all(|failed| failed.sender_fault());
    if is_for_good {
        return Ok(None);
    }
    let codes: BTreeSet<_> = output.failed().iter().map(|failed| failed.code()).collect();
    let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
    Ok(Some(Error::new(Kind::Throttled, format!("SendMessageBatch: {} messages were not taken ({codes})", left.len()))))
}
