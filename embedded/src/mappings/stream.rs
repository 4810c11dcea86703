//! From a stream to a function: one lane for each share of a shard's keys, batches in order within it, children of a
//! split shard after their parent.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::task::JoinSet;

use super::attend::active;
use super::batch::{Way, deliver};
use super::positions::{self, Position};
use super::{Mapping, find};
use crate::Embedded;
use crate::database::WeakEmbedded;
use crate::engine::Engine;
use crate::reply::{Answer, Fault};
use crate::streams::records::{self, Record};
use crate::streams::{self, Stream, horizon};

/// AWS: "Lambda polls shards in your DynamoDB stream for records at a base rate of 4 times per second".
const BETWEEN_POLLS: Duration = Duration::from_millis(250);
/// AWS: the payload of an invocation has 6 MB at most; a batch ends before.
const MOST_BYTES: usize = 6 * 1024 * 1024;
/// Records that a lane looks at in search of its own.
const LOOKED_AT: usize = 1_000;

/// One lane of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Lane {
    shard: String,
    number: u32,
}

/// What is known of the lanes of a mapping between two looks at its stream.
#[derive(Debug, Clone, Default)]
struct Lanes {
    /// How far each shard was looked at.
    seen: HashMap<String, i64>,
    /// At work: they look for more themselves.
    busy: HashSet<Lane>,
    /// Of those, the ones that something new was found for: they may have looked just before.
    again: HashSet<Lane>,
}

/// Delivers until the mapping is changed, or the stream is gone.
pub(super) async fn follow(weak: &WeakEmbedded, mapping: Mapping) {
    let (mut lanes, mut working) = (Lanes::default(), JoinSet::new());
    loop {
        let (mut stream_changes, mut mapping_changes) = {
            let Some(embedded) = weak.upgrade() else { break };
            let (mut of_stream, mut of_mapping) = (embedded.stream_changes(), embedded.mapping_changes());
            of_stream.mark_unchanged();
            of_mapping.mark_unchanged();
            let (asked, mut known) = (mapping.clone(), std::mem::take(&mut lanes));
            let looked = embedded.with_engine(move |engine| due(engine, &asked, &mut known).map(|due| (due, known)));
            let Ok(Ok((Some(due), known))) = looked.await else { break };
            lanes = known;
            for lane in due {
                lanes.busy.insert(lane.clone());
                working.spawn(work(weak.clone(), mapping.clone(), lane));
            }
            (of_stream, of_mapping)
        };
        tokio::select! {
            biased;
            Some(ended) = working.join_next() => {
                let Ok(lane) = ended else { break };
                lanes.busy.remove(&lane);
                if lanes.again.remove(&lane) {
                    lanes.busy.insert(lane.clone());
                    working.spawn(work(weak.clone(), mapping.clone(), lane));
                }
            }
            Ok(()) = stream_changes.changed() => tokio::time::sleep(BETWEEN_POLLS).await,
            Ok(()) = mapping_changes.changed() => {}
            else => break,
        }
    }
    // Those under way end by themselves: their work is done, and noted.
    while working.join_next().await.is_some() {}
}

/// The lanes that have something to deliver and aren't at it. `None` when the mapping was changed, or the stream is gone.
fn due(engine: &mut Engine, mapping: &Mapping, lanes: &mut Lanes) -> Answer<Option<Vec<Lane>>> {
    let is_same = find(engine, mapping.number)?.is_some_and(|it| it.changed_at == mapping.changed_at);
    let Some(stream) = streams::stream(engine, &mapping.source_arn).ok().filter(|_| is_same) else { return Ok(None) };
    let mut due = Vec::new();
    loop {
        let mut has_ended = false;
        for (shard, positions) in positions::open(engine, mapping, &stream)? {
            let open = positions.iter().filter(|position| !position.is_done).map(|position| position.after);
            let Some(first) = open.min() else { continue };
            let seen = lanes.seen.entry(shard.id.clone()).or_insert(first);
            let mut numbers = BTreeSet::new();
            loop {
                let records = records::after(engine, &stream, &shard.id, *seen, LOOKED_AT)?;
                *seen = records.last().map_or(*seen, |record| record.number);
                numbers.extend(records.iter().map(|record| record.bucket % mapping.lanes));
                if records.len() < LOOKED_AT {
                    break;
                }
            }
            for number in numbers {
                let lane = Lane { shard: shard.id.clone(), number };
                if lanes.busy.contains(&lane) {
                    lanes.again.insert(lane);
                } else if !due.contains(&lane) {
                    due.push(lane);
                }
            }
            let is_of_shard = |lane: &Lane| lane.shard == shard.id;
            if shard.ends.is_some() && !lanes.busy.iter().chain(&due).any(is_of_shard) {
                let ended = Position { after: *seen, is_done: true };
                (0..mapping.lanes)
                    .try_for_each(|lane| positions::reach(engine, mapping.number, &shard.id, lane, ended))?;
                has_ended = true;
            }
        }
        // Its children may be read now.
        if !has_ended {
            return Ok(Some(due));
        }
    }
}

/// Works a lane as long as there is something to deliver, and its mapping stays as it is.
async fn work(weak: WeakEmbedded, mapping: Mapping, lane: Lane) -> Lane {
    while let Some((embedded, now)) = active(&weak, mapping.number).await {
        if now.changed_at != mapping.changed_at {
            break;
        }
        let Ok(Some(mut batch)) = look(&embedded, &mapping, &lane, None).await else { break };
        if !batch.is_full && mapping.window_seconds > 0 {
            tokio::time::sleep(Duration::from_secs(mapping.window_seconds.into())).await;
            let Ok(Some(longer)) = look(&embedded, &mapping, &lane, None).await else { break };
            batch = longer;
        }
        let rewinds = embedded.functions().rewinds();
        drop(embedded);
        let delivered = match rewinds {
            None => deliver(&weak, &way(&mapping, &lane, &batch.stream, true), batch.records).await,
            Some(after) => rewound(&weak, &mapping, &lane, batch, after).await,
        };
        if delivered.is_none() {
            break;
        }
    }
    lane
}

fn way<'a>(mapping: &'a Mapping, lane: &'a Lane, stream: &'a Stream, is_noted: bool) -> Way<'a> {
    Way { mapping, stream, shard: &lane.shard, lane: lane.number, is_noted }
}

/// Delivers a batch, and somewhat later the one behind it, and loses where that was: both come again.
async fn rewound(weak: &WeakEmbedded, mapping: &Mapping, lane: &Lane, batch: Batch, after: Duration) -> Option<()> {
    let last = batch.records.last()?.number;
    deliver(weak, &way(mapping, lane, &batch.stream, false), batch.records).await?;
    tokio::time::sleep(after).await;
    let next = look(&weak.upgrade()?, mapping, lane, Some(last)).await.ok()?;
    match next {
        Some(next) => deliver(weak, &way(mapping, lane, &next.stream, false), next.records).await,
        None => Some(()),
    }
}

/// The next records of a lane.
struct Batch {
    stream: Stream,
    records: Vec<Record>,
    is_full: bool,
}

/// Behind a number, or behind what was noted of the lane.
async fn look(embedded: &Embedded, mapping: &Mapping, lane: &Lane, behind: Option<i64>) -> Answer<Option<Batch>> {
    let (mapping, lane) = (mapping.clone(), lane.clone());
    let found = embedded.with_engine(move |engine| {
        let stream = streams::stream(engine, &mapping.source_arn)?;
        let position = positions::of_lane(engine, mapping.number, &lane.shard, lane.number)?;
        let noted = position.map_or(0, |position| position.after);
        let mut after = behind.unwrap_or(noted).max(horizon(engine) - 1);
        loop {
            let is_ours = |bucket: u32| bucket % mapping.lanes == lane.number;
            let seen = records::wanted_after(engine, &stream, &lane.shard, after, LOOKED_AT, is_ours)?;
            let is_last = seen.count < LOOKED_AT;
            let last = seen.last.unwrap_or(after);
            let mut records = seen.records;
            if !records.is_empty() {
                let is_full = fit(&mut records, mapping.batch_size as usize);
                return Ok(Some(Batch { stream, records, is_full }));
            }
            if is_last {
                return Ok(None);
            }
            after = last;
        }
    });
    found.await.map_err(Fault::internal)?
}

/// Shortens a batch to what an invocation takes, and tells whether it is as long as it may be.
fn fit(records: &mut Vec<Record>, batch_size: usize) -> bool {
    let mut bytes = 0;
    let fitting = records.iter().take(batch_size).take_while(|record| {
        bytes += record.bytes;
        bytes <= MOST_BYTES
    });
    let fitting = fitting.count().max(1);
    let is_full = fitting < records.len() || fitting == batch_size;
    records.truncate(fitting);
    is_full
}
