//! How the target is kept in step: the stream is captured before the first page is read (R13), the queue is replayed when
//! the bulk is over (R14), and how far behind the target is can be told at any time. Everything here may be done twice.

#[cfg(test)]
mod tests;

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::books::{self, Course};
use super::current::{self, Current};
use super::mapping::{self, Caller, Mapping};
use super::notes::{self, Carried};
use super::quiet::Waiting;
use crate::control;
use crate::cutover::{self, Phase};
use crate::definition::Carry;
use crate::error::{Error, Kind};
use crate::patience::{Meter, patiently};
use crate::plan::{Engine, Plan, RunId};
use crate::services::{Carrier, Services};
use crate::table::Table;

/// Mappings and streams change within a minute.
const LOOK_SECONDS: u32 = 5;
/// Between two looks at a backlog, at most.
const LONGEST_WAIT_SECONDS: u32 = 300;
/// Looks in as long a time as has been waited already.
const LOOKS_IN_A_WAIT: u64 = 60;
/// What replay applies in a second where nobody has measured it: below what one worker does.
const APPLIED_A_SECOND: u64 = 100;
/// Changes from so long before the bulk began are in what it reads, whatever clocks and late records say.
const BEFORE_BULK: SignedDuration = SignedDuration::from_mins(15);
/// Nearer than this the target is in step: what is on its way just now is always a little behind.
const IN_STEP_SECONDS: i64 = 5;
/// A stream keeps its records for 24 h, the queue its messages for 14 days: what is older is lost. Half a day, and two days,
/// are left to do something about it.
const CAPTURE_ALARM: SignedDuration = SignedDuration::from_hours(12);
const REPLAY_ALARM: SignedDuration = SignedDuration::from_hours(12 * 24);

/// How far the target is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// Changes in the queue that can be taken.
    pub visible: u64,
    /// Changes that are being applied.
    pub in_flight: u64,
    /// Changes that can't be taken yet.
    pub delayed: u64,
    /// Changes that could not be applied.
    pub dead_letters: u64,
    /// The mapping from the stream to capture; `None` where there is none.
    pub capture: Option<Mapping>,
    /// The mapping from the queue to replay, likewise.
    pub replay: Option<Mapping>,
    /// Whether the copy has begun capture, and not ended it.
    #[serde(default)]
    pub is_capturing: bool,
    /// Whether it has begun replay, likewise.
    #[serde(default)]
    pub is_replaying: bool,
    /// How many changes were captured; one that came twice counts twice.
    pub captured: u64,
    /// How many were applied, likewise.
    pub applied: u64,
    /// For how long the newest captured change was on its way through the stream, in seconds.
    pub capture_lag_seconds: Option<i64>,
    /// How old the oldest change is that is not applied yet, in seconds, as far as can be told; `None` where there is none.
    pub oldest_unapplied_seconds: Option<i64>,
}

/// What would lose changes if nobody did anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// Changes near the 24 h that a stream keeps them.
    StreamNearItsEnd,
    /// Changes near the 14 days that the queue keeps them.
    QueueNearItsEnd,
    /// The function of capture can't be called, or fails.
    CaptureFails,
    /// Nothing is captured, and the copy goes on: its mapping was switched off, or is gone.
    CaptureIsOff,
    /// Nothing is applied, likewise.
    ReplayIsOff,
    /// Changes could not be applied.
    DeadLetters,
}

impl Sync {
    /// Changes that are captured and not applied yet.
    pub fn backlog(&self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }

    /// Whether the target has come up with the source. Changes that can't be applied don't count here: they hold up the
    /// cut-over, not the run.
    pub fn is_in_step(&self) -> bool {
        let is_on = |mapping: &Option<Mapping>| mapping.as_ref().is_some_and(Mapping::is_enabled);
        // Only of a stream does Lambda say how its last batch ended. What replay fails waits in the queue.
        let has_failed = self.capture.as_ref().is_some_and(Mapping::has_failed);
        let is_near = |seconds: Option<i64>| seconds.is_none_or(|seconds| seconds <= IN_STEP_SECONDS);
        is_on(&self.capture) && !has_failed && is_on(&self.replay) && is_near(self.oldest_unapplied_seconds)
    }

    /// What a person has to be told of.
    pub fn alarms(&self) -> Vec<Alarm> {
        let beyond = |seconds: Option<i64>, limit: SignedDuration| seconds.is_some_and(|it| it >= limit.as_secs());
        let alarms = [
            (beyond(self.capture_lag_seconds, CAPTURE_ALARM), Alarm::StreamNearItsEnd),
            (beyond(self.oldest_unapplied_seconds, REPLAY_ALARM), Alarm::QueueNearItsEnd),
            (self.capture.as_ref().is_some_and(Mapping::has_failed), Alarm::CaptureFails),
            (self.is_capturing && is_off(&self.capture), Alarm::CaptureIsOff),
            (self.is_replaying && is_off(&self.replay), Alarm::ReplayIsOff),
            (self.dead_letters > 0, Alarm::DeadLetters),
        ];
        alarms.into_iter().filter(|(is_on, _)| *is_on).map(|(_, alarm)| alarm).collect()
    }
}

/// A mapping that isn't there, or calls nobody, and isn't about to.
fn is_off(mapping: &Option<Mapping>) -> bool {
    mapping.as_ref().is_none_or(|mapping| ["Disabling", "Disabled", "Deleting"].contains(&mapping.state.as_str()))
}

/// StartCapture: the copy becomes the one that is going on, the stream is there, and calls capture from its oldest record on.
/// The bulk begins when that is so, and not before (R13).
pub(crate) async fn start_capture(services: &Services, run: &RunId) -> Result<Waiting, Error> {
    control::heed_stop(&services.ledger, run).await?;
    capture_on(services, run).await
}

/// Switches capture on, also where the run was asked to stop: a cut-over that is taken back has its changes carried.
pub(crate) async fn capture_on(services: &Services, run: &RunId) -> Result<Waiting, Error> {
    cutover::refuse_ended(&services.ledger, run).await?;
    let plan = services.plan(run).await?;
    let carrier = services.carrier()?;
    let now = (services.clock)();
    let changes_from = (carry(&plan) == Carry::BulkAndChanges).then(|| now - BEFORE_BULK);
    if !current::take(&services.ledger, &Current { run: run.clone(), changes_from, expiries_until: None }).await? {
        return Err(current::taken(current::read(&services.ledger).await?));
    }
    let Some(stream) = stream(services, run, &plan).await? else { return Ok(Waiting::seconds(LOOK_SECONDS)) };
    books::course(&services.ledger, run).await?.check_stream(&stream, &plan)?;
    let mapping =
        mapping::switch_on(&carrier.lambda, &carrier.wiring.capture_function, Caller::Stream(&stream)).await?;
    let is_enabled = mapping.is_enabled();
    books::amend(&services.ledger, run, |course| {
        course.capture = Some(mapping.id.clone());
        if is_enabled {
            course.bulk_from.get_or_insert(now);
            course.stream.get_or_insert_with(|| stream.clone());
        }
    })
    .await?;
    Ok(if is_enabled { Waiting::OVER } else { Waiting::seconds(LOOK_SECONDS) })
}

/// The source's stream, where it is there already. One that isn't is switched on, after that was noted: whoever ends the copy
/// switches it off again.
async fn stream(services: &Services, run: &RunId, plan: &Plan) -> Result<Option<String>, Error> {
    let table = Table::describe(services.source_of(plan), plan.definition.source.table.as_str()).await?;
    if let Some(stream) = &table.stream {
        stream.check(&table.name)?;
        return Ok(table.is_active.then(|| stream.arn.clone()));
    }
    if !table.is_active {
        return Ok(None);
    }
    books::amend(&services.ledger, run, |course| course.stream_enabled_by_us = true).await?;
    let stream = StreamSpecification::builder().stream_enabled(true);
    let stream = stream.stream_view_type(StreamViewType::NewAndOldImages).build();
    let stream = stream.map_err(|error| Error::invalid(error.to_string()))?;
    let update = services.source_of(plan).update_table().table_name(&table.name).stream_specification(stream);
    update.send().await.map_err(|error| Error::from_control_plane("UpdateTable", error))?;
    Ok(None)
}

/// StartReplay: the queue calls replay. Refused before the bulk is over (R14).
pub(crate) async fn start_replay(services: &Services, run: &RunId) -> Result<Waiting, Error> {
    control::heed_stop(&services.ledger, run).await?;
    replay_on(services, run).await
}

/// Switches replay on, likewise.
pub(crate) async fn replay_on(services: &Services, run: &RunId) -> Result<Waiting, Error> {
    cutover::refuse_ended(&services.ledger, run).await?;
    let plan = services.plan(run).await?;
    let carrier = services.carrier()?;
    if books::course(&services.ledger, run).await?.bulk_over.is_none() {
        return Err(Error::new(
            Kind::Refused,
            "expected the bulk to be over before changes are applied, found that it isn't",
        ));
    }
    let caller = Caller::Queue(&carrier.wiring.queue_arn, plan.concurrency);
    let mapping = mapping::switch_on(&carrier.lambda, &carrier.wiring.replay_function, caller).await?;
    books::amend(&services.ledger, run, |course| course.replay = Some(mapping.id.clone())).await?;
    Ok(if mapping.is_enabled() { Waiting::OVER } else { Waiting::seconds(LOOK_SECONDS) })
}

/// CheckSync: whether the target has come up with the source; the more is left, the later it is worth asking again.
pub(crate) async fn come_up(services: &Services, run: &RunId) -> Result<Waiting, Error> {
    control::heed_stop(&services.ledger, run).await?;
    let sync = check(services, run).await?;
    if !sync.is_in_step() {
        let bulk_over = books::course(&services.ledger, run).await?.bulk_over;
        let waited_seconds = bulk_over.map_or(0, |over| seconds_between(over, (services.clock)()));
        let engine = services.plan(run).await?.engine;
        return Ok(Waiting::seconds(next_look(engine, sync.backlog(), waited_seconds)));
    }
    let now = (services.clock)();
    books::amend(&services.ledger, run, |course| {
        course.in_step.get_or_insert(now);
    })
    .await?;
    Ok(Waiting::OVER)
}

/// In how many seconds a backlog is worth another look. Where it isn't that which holds the target up, the longer it lasts the
/// later: each look is events of the execution, of which it has 25,000. In this process a look costs nothing, and somebody may wait for
/// the run to stop.
fn next_look(engine: Engine, backlog: u64, waited_seconds: i64) -> u32 {
    if engine != Engine::StepFunctions {
        return LOOK_SECONDS;
    }
    let seconds = (backlog / APPLIED_A_SECOND).max(waited_seconds.unsigned_abs() / LOOKS_IN_A_WAIT);
    u32::try_from(seconds).unwrap_or(LONGEST_WAIT_SECONDS).clamp(LOOK_SECONDS, LONGEST_WAIT_SECONDS)
}

/// How far the target of a run's copy is behind its source.
pub async fn check(services: &Services, run: &RunId) -> Result<Sync, Error> {
    let carrier = services.carrier()?;
    let course = books::course(&services.ledger, run).await?;
    let [visible, in_flight, delayed] = counts(&carrier.sqs, &carrier.wiring.queue_url).await?;
    let dead_letters = counts(&carrier.sqs, &carrier.wiring.dead_letters_url).await?.into_iter().sum();
    let captured = notes::captured(&services.ledger, run).await?;
    let applied = notes::applied(&services.ledger, run).await?;
    let is_behind = visible + in_flight + delayed > 0;
    // A cut-over switches off what it ends.
    let phase = cutover::read(&services.ledger, run).await?.map(|cutover| cutover.phase);
    Ok(Sync {
        visible,
        in_flight,
        delayed,
        dead_letters,
        capture: mapping_of(carrier, course.capture.as_deref()).await?,
        replay: mapping_of(carrier, course.replay.as_deref()).await?,
        is_capturing: course.capture.is_some() && phase.is_none_or(|phase| phase < Phase::EndingCapture),
        is_replaying: course.replay.is_some() && phase.is_none_or(|phase| phase < Phase::EndingReplay),
        capture_lag_seconds: newest(&captured).map(|(newest, noted)| seconds_between(newest, noted)),
        oldest_unapplied_seconds: is_behind.then(|| oldest(&course, &captured, &applied, (services.clock)())).flatten(),
        captured: captured.iter().map(|carried| carried.changes).sum(),
        applied: applied.iter().map(|carried| carried.changes).sum(),
    })
}

/// What waits was made after what was applied last, and not before the first that a process has captured which has captured
/// more since: after a quiet week the first change is as old as itself, not as the week.
fn oldest(course: &Course, captured: &[Carried], applied: &[Carried], now: Timestamp) -> Option<i64> {
    let since = newest(applied).map(|(newest, _)| newest).or(course.bulk_from)?;
    let waiting = captured.iter().filter(|carried| carried.newest.is_some_and(|newest| newest > since));
    let first = waiting.map(|carried| carried.oldest.unwrap_or(since)).min();
    Some(seconds_between(first.map_or(since, |first| first.max(since)), now))
}

/// When the newest change was made that anybody has noted, and when that was noted.
fn newest(carried: &[Carried]) -> Option<(Timestamp, Timestamp)> {
    carried.iter().filter_map(|carried| Some((carried.newest?, carried.noted))).max()
}

/// Whole seconds, none where clocks differ.
fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs().max(0)
}

async fn mapping_of(carrier: &Carrier, id: Option<&str>) -> Result<Option<Mapping>, Error> {
    match id {
        Some(id) => mapping::look(&carrier.lambda, id).await,
        None => Ok(None),
    }
}

/// Messages that can be taken, that are being worked, and that can't be taken yet. SQS counts them approximately, and exactly
/// within a minute after the last one came (SQS API reference, "GetQueueAttributes").
async fn counts(sqs: &Sqs, queue_url: &str) -> Result<[u64; 3], Error> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let found = patiently(&Meter::default(), async || {
        let get = sqs.get_queue_attributes().queue_url(queue_url).set_attribute_names(Some(names.to_vec()));
        get.send().await.map_err(|error| Error::from_control_plane("GetQueueAttributes", error))
    })
    .await?;
    let found = found.attributes.unwrap_or_default();
    let count = |name: &QueueAttributeName| found.get(name)?.parse().ok();
    let counted = names.each_ref().map(count);
    match counted {
        [Some(visible), Some(in_flight), Some(delayed)] => Ok([visible, in_flight, delayed]),
        _ => Err(Error::new(Kind::Refused, "expected the queue to say how many messages it has, found no number")),
    }
}

fn carry(plan: &Plan) -> Carry {
    plan.definition.target.as_ref().map(|target| target.carry).unwrap_or_default()
}
