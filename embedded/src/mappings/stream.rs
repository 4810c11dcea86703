//! From a stream to a function: one lane for each share of a shard's keys, batches in order within it, children of a
//! split shard after their parent.

use std::collections::HashSet;
use std::time::Duration;

use tokio::task::JoinSet;

use super::attend::active;
use super::batch::{Way, deliver};
use super::positions::{self, Position};
use super::{Mapping, find};
use crate::Embedded;
use crate::database::WeakEmbedded;
use crate::reply::{Answer, Fault};
use crate::streams::records::{self, Record};
use crate::streams::{self, Stream, horizon};

/// AWS: "Lambda polls shards in your DynamoDB stream for records at a base rate of 4 times per second".
const BETWEEN_POLLS: Duration = Duration::from_millis(250);
/// AWS: the payload of an invocation has 6 MB at most; a batch ends before.
const MOST_BYTES: usize = 6 * 1024 * 1024;
/// Records that a lane looks at in search of its own.
const LOOKED_AT: usize = 1_000;
/// What is trimmed when nobody changes anything is found this often at least.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// One lane of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Lane {
    shard: String,
    number: u32,
}

/// What a lane finds when it looks.
enum Found {
    Batch { stream: Stream, records: Vec<Record>, is_full: bool },
    Nothing,
    Done,
}

/// Delivers until the mapping is changed, or the stream is gone.
pub(super) async fn follow(weak: &WeakEmbedded, mapping: Mapping) {
    let (mut lanes, mut running) = (JoinSet::new(), HashSet::new());
    loop {
        let (mut stream_changes, mut mapping_changes) = {
            let Some(embedded) = weak.upgrade() else { break };
            let changes = (embedded.stream_changes(), embedded.mapping_changes());
            let asked = mapping.clone();
            let open = embedded.with_engine(move |engine| {
                let same = find(engine, asked.number)?.filter(|it| it.changed_at == asked.changed_at);
                let Some(known) = same else { return Ok(None) };
                let Ok(stream) = streams::stream(engine, &known.source_arn) else { return Ok(None) };
                positions::open(engine, &known, &stream).map(Some)
            });
            let Ok(Ok::<_, Fault>(Some(open))) = open.await else { break };
            for (shard, positions) in open {
                for (number, _) in positions.iter().enumerate().filter(|(_, position)| !position.is_done) {
                    let lane = Lane { shard: shard.id.clone(), number: number as u32 };
                    if running.insert(lane.clone()) {
                        lanes.spawn(work(weak.clone(), mapping.clone(), lane));
                    }
                }
            }
            changes
        };
        stream_changes.mark_unchanged();
        tokio::select! {
            biased;
            Some(ended) = lanes.join_next() => {
                if let Ok(lane) = ended {
                    running.remove(&lane);
                }
            }
            // New shards come with changes of the table; its lanes hear of new records themselves.
            Ok(()) = stream_changes.changed() => tokio::time::sleep(BETWEEN_POLLS).await,
            Ok(()) = mapping_changes.changed() => {}
            () = tokio::time::sleep(LONGEST_WAIT) => {}
        }
    }
    // Those under way end by themselves: their work is done, and noted.
    while lanes.join_next().await.is_some() {}
}

/// Works a lane until it is done, or its mapping has changed.
async fn work(weak: WeakEmbedded, mapping: Mapping, lane: Lane) -> Lane {
    loop {
        let Some((embedded, now)) = active(&weak, mapping.number).await else { return lane };
        if now.changed_at != mapping.changed_at {
            return lane;
        }
        let (mut stream_changes, mut mapping_changes) = (embedded.stream_changes(), embedded.mapping_changes());
        stream_changes.mark_unchanged();
        mapping_changes.mark_unchanged();
        let Ok(found) = look(&embedded, &mapping, &lane).await else { return lane };
        match found {
            Found::Done => return lane,
            Found::Batch { stream, mut records, is_full } => {
                if !is_full && mapping.window_seconds > 0 {
                    tokio::time::sleep(Duration::from_secs(mapping.window_seconds.into())).await;
                    match look(&embedded, &mapping, &lane).await {
                        Ok(Found::Batch { records: more, .. }) => records = more,
                        _ => continue,
                    }
                }
                let way = Way { mapping: &mapping, stream: &stream, shard: &lane.shard, lane: lane.number };
                drop(embedded);
                if deliver(&weak, &way, records).await.is_none() {
                    return lane;
                }
            }
            Found::Nothing => {
                drop(embedded);
                tokio::select! {
                    biased;
                    Ok(()) = stream_changes.changed() => tokio::time::sleep(BETWEEN_POLLS).await,
                    Ok(()) = mapping_changes.changed() => {}
                    else => return lane,
                }
            }
        }
    }
}

/// The next batch of a lane.
async fn look(embedded: &Embedded, mapping: &Mapping, lane: &Lane) -> Answer<Found> {
    let (mapping, lane) = (mapping.clone(), lane.clone());
    let found = embedded.with_engine(move |engine| {
        let stream = streams::stream(engine, &mapping.source_arn)?;
        let open = positions::open(engine, &mapping, &stream)?;
        let of_shard = open.into_iter().find(|(shard, _)| shard.id == lane.shard);
        let Some((shard, positions)) = of_shard else { return Ok(Found::Done) };
        let Some(position) = positions.get(lane.number as usize).filter(|it| !it.is_done) else {
            return Ok(Found::Done);
        };
        let mut after = position.after.max(horizon(engine) - 1);
        loop {
            let is_ours = |bucket: u32| bucket % mapping.lanes == lane.number;
            let seen = records::wanted_after(engine, &stream, &shard.id, after, LOOKED_AT, is_ours)?;
            let is_last = seen.count < LOOKED_AT;
            let last = seen.last.unwrap_or(after);
            let mut records = seen.records;
            if !records.is_empty() {
                let is_full = fit(&mut records, mapping.batch_size as usize);
                return Ok(Found::Batch { stream, records, is_full });
            }
            let is_done = is_last && shard.ends.is_some();
            if last > position.after || is_done {
                let reached = Position { after: last, is_done };
                positions::reach(engine, mapping.number, &shard.id, lane.number, reached)?;
            }
            if is_done {
                return Ok(Found::Done);
            }
            if is_last {
                return Ok(Found::Nothing);
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
