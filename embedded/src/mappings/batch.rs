//! One batch of a stream on its way to a function: tried until it is done, split, or given up, as the mapping says.
//! Nothing behind it in its lane is delivered before.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::attend::active;
use super::positions::{self, Position};
use super::response::{Outcome, outcome};
use super::{Mapping, note};
use crate::database::WeakEmbedded;
use crate::reply::Fault;
use crate::streams::Stream;
use crate::streams::records::{Record, public};
use crate::{functions, queues};

/// Pauses between attempts, which Lambda makes longer and longer; how long it doesn't say.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where a batch comes from, and where it goes.
pub(super) struct Way<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) stream: &'a Stream,
    pub(super) shard: &'a str,
    pub(super) lane: u32,
    /// Whether it is noted how far the mapping has come; otherwise the same comes again.
    pub(super) is_noted: bool,
}

/// Delivers the records, and notes how far it has come. `None` when the mapping was changed in between: what is left
/// comes again.
pub(super) async fn deliver(weak: &WeakEmbedded, way: &Way<'_>, records: Vec<Record>) -> Option<()> {
    let mut parts = VecDeque::from([records]);
    while let Some(mut part) = parts.pop_front() {
        let mut retries = 0;
        while !part.is_empty() {
            match attempt(weak, way, &part).await? {
                Outcome::Done => {
                    reach(weak, way, part.last()?.number).await?;
                    part.clear();
                    continue;
                }
                Outcome::Partly(failed) => {
                    // The lowest number counts: what is behind it comes again, whatever became of it.
                    let first = *failed.first()?;
                    if first > 0 {
                        reach(weak, way, part[first - 1].number).await?;
                        part.drain(..first);
                        retries = 0;
                    }
                }
                Outcome::Failed => {
                    if way.mapping.bisects && part.len() > 1 {
                        parts.push_front(part.split_off(part.len() / 2));
                        parts.push_front(std::mem::take(&mut part));
                        continue;
                    }
                }
            }
            retries += 1;
            let is_over = u64::try_from(way.mapping.most_retries).is_ok_and(|most| retries > most);
            if is_over || is_too_old(weak, way, &part).await? {
                give_up(weak, way, &part, retries).await?;
                part.clear();
                continue;
            }
            let doublings = u32::try_from(retries - 1).unwrap_or(u32::MAX).min(6);
            tokio::time::sleep((FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)).await;
        }
    }
    Some(())
}

async fn attempt(weak: &WeakEmbedded, way: &Way<'_>, records: &[Record]) -> Option<Outcome> {
    let (embedded, now) = active(weak, way.mapping.number).await?;
    if now.changed_at != way.mapping.changed_at {
        return None;
    }
    let source = way.stream.arn();
    let event = |record: &Record| {
        let mut event = record.body.clone();
        event["eventSourceARN"] = json!(source);
        event
    };
    let event = json!({ "Records": records.iter().map(event).collect::<Vec<Value>>() });
    let turn = embedded.functions().turn(&way.mapping.function).await?;
    let answer = embedded.functions().invoke(&way.mapping.function, event, turn).await;
    let ids: Vec<String> = records.iter().map(|record| public(record.number)).collect();
    let outcome = outcome(&answer, way.mapping.reports_failures, &ids);
    // A function that reports failures has not failed.
    let (number, is_well) = (way.mapping.number, outcome != Outcome::Failed);
    embedded.with_engine(move |engine| note(engine, number, is_well)).await.ok()?.ok()?;
    Some(outcome)
}

async fn reach(weak: &WeakEmbedded, way: &Way<'_>, after: i64) -> Option<()> {
    if !way.is_noted {
        return Some(());
    }
    let (number, shard, lane) = (way.mapping.number, way.shard.to_owned(), way.lane);
    let position = Position { after, is_done: false };
    let embedded = weak.upgrade()?;
    embedded.with_engine(move |engine| positions::reach(engine, number, &shard, lane, position)).await.ok()?.ok()
}

/// Whether the last of the records is older than the mapping, or the stream, keeps them.
async fn is_too_old(weak: &WeakEmbedded, way: &Way<'_>, records: &[Record]) -> Option<bool> {
    /// AWS: a record that isn't processed within 24 hours is lost.
    const KEPT_SECONDS: i64 = 24 * 3_600;
    let embedded = weak.upgrade()?;
    let now = embedded.with_engine(|engine| engine.clock.epoch_seconds()).await.ok()?;
    let most = match way.mapping.most_age_seconds {
        -1 => KEPT_SECONDS,
        seconds => seconds.min(KEPT_SECONDS),
    };
    Some(records.last().is_some_and(|record| now as i64 - record.created_at > most))
}

/// Passes records by, and tells the destination of it where there is one.
async fn give_up(weak: &WeakEmbedded, way: &Way<'_>, records: &[Record], attempts: u64) -> Option<()> {
    let (first, last) = (records.first()?, records.last()?);
    if let Some(target) = way.mapping.on_failure.clone() {
        let body = json!({
            "requestContext": {
                "functionArn": functions::arn(&way.mapping.function),
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": attempts,
            },
            "version": "1.0",
            "DDBStreamBatchInfo": {
                "shardId": way.shard,
                "startSequenceNumber": public(first.number),
                "endSequenceNumber": public(last.number),
                "batchSize": records.len(),
                "streamArn": way.stream.arn(),
            },
        });
        let (shard, id) = (way.shard.to_owned(), public(first.number));
        let embedded = weak.upgrade()?;
        let sent = embedded.with_engine(move |engine| {
            let queue = queues::queue(engine, &target)?;
            queues::put(engine, &queue, body.to_string(), shard, id)?;
            Ok::<_, Fault>(())
        });
        sent.await.ok()?.ok()?;
        embedded.queues_changed();
    }
    reach(weak, way, last.number).await
}
