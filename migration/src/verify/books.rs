//! The books of verifying: how far each segment was compared, what differs, and what it came to in the end.
//!
//! Each time that everything is compared is a round. Entries are named by their round, so that what an earlier one has found
//! is never taken for what a later one has. A round says of the two tables what was so since it began, and not since it was over.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Difference, Found};
use crate::copy::{dropped, table};
use crate::cutover;
use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger};
use crate::limit::Limit;
use crate::patience::{Meter, patiently};
use crate::plan::{self, Plan, RunId, Scope};
use crate::services::Services;

/// Entries that are read at a time.
const PAGE: usize = 1_000;
/// A round in which nothing was compared for longer is begun anew: half of the time for which a cut-over goes by one
/// (`cutover/gate.rs`) is over by then. How long ago it began doesn't matter: one that takes days may be broken off every day.
const LONGEST_BREAK: SignedDuration = SignedDuration::from_hours(12);

/// How far a segment was compared, in one direction.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Checked {
    /// The key of the last item that was compared, as DynamoDB JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cursor: Option<Value>,
    pub(super) done: bool,
    /// When something of it was compared last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    pub(super) found: Found,
    /// Since when a worker has waited, or one before it, for what may hang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hangs_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) limits: BTreeSet<Limit>,
}

/// Which time it is that everything is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Round {
    /// From 1.
    pub(super) number: u32,
    /// The attempt of the run that has set it.
    attempt: u32,
    /// When its first worker began: no item was compared before. A copy has its bulk in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<Timestamp>,
    /// The [`Definition::digest`](crate::definition::Definition::digest) that its items are held against.
    #[serde(default)]
    digest: String,
    /// The attribute that the target's items expire by, where they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expiry: Option<String>,
}

impl Default for Round {
    fn default() -> Self {
        Self { number: 1, attempt: 1, began: None, digest: String::new(), expiry: None }
    }
}

impl Round {
    /// Whether what it has compared, at `last` for the last time, counts for an attempt as well: by the same migration, and not
    /// long ago. Whoever takes up failed items has mended something, were it in a function.
    fn goes_on_in(&self, plan: &Plan, digest: &str, last: Option<Timestamp>, now: Timestamp) -> bool {
        let is_young = last.max(self.began).is_none_or(|last| now.duration_since(last) < LONGEST_BREAK);
        is_young && self.digest == digest && plan.scope == Scope::Segments
    }
}

/// What a whole round has come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Which it was, from 1.
    pub round: u32,
    /// The run that has verified: a copy's own, or one of its own.
    pub run: RunId,
    /// When it began: no item was compared before.
    #[serde(default)]
    pub began: Timestamp,
    /// When it was over.
    pub at: Timestamp,
    /// What was found.
    pub found: Found,
    /// Whether nothing differed: neither still, nor before it was set right.
    pub clean: bool,
}

/// Begins an attempt: where the one before has compared everything, or what it has compared doesn't count any more, all is
/// compared anew.
pub(crate) async fn begin(services: &Services, plan: &Plan) -> Result<(), Error> {
    let (ledger, run, attempt) = (&services.ledger, &plan.run, plan.attempt);
    let before: Option<Round> = ledger.get(run, Entry::Round).await?;
    if !plan.is_verified() || before.as_ref().is_some_and(|round| round.attempt >= attempt) {
        return Ok(());
    }
    let (now, digest) = ((services.clock)(), plan.definition.digest());
    let SoFar { segments_done, last, .. } = so_far(ledger, run).await?;
    let is_over = segments_done >= plan.verify_segments();
    let (number, began) = match before {
        Some(before) if !is_over && before.goes_on_in(plan, &digest, last, now) => (before.number, before.began),
        Some(before) => (before.number + 1, None),
        None => (1, None),
    };
    let expiry = match &plan.definition.target {
        Some(target) => match table::expiry(services.target_of(plan), target.table.as_str()).await {
            // It will be created, and has none before the cut-over.
            Err(error) if error.kind() == Kind::NotFound => None,
            found => found?,
        },
        None => None,
    };
    ledger.put(run, Entry::Round, &Round { number, attempt, began, digest, expiry }).await
}

/// Gives a ledger that holds one comparison what it needs of the books of the copy that it compares.
pub async fn lend(books: &Ledger, to: &Ledger, copy: &RunId) -> Result<(), Error> {
    let forth = copy.forth();
    if let Some(plan) = plan::read(books, &forth).await? {
        to.put(&forth, Entry::Plan, &plan).await?;
    }
    for run in [&forth, copy] {
        if let Some(cutover) = cutover::read(books, run).await? {
            to.put(run, Entry::Cutover, &cutover).await?;
        }
        for dropped in dropped::list(books, run).await? {
            dropped::note(to, run, &dropped).await?;
        }
    }
    Ok(())
}

/// The round that a worker begins with. Its first worker notes when that was, before it compares anything.
pub(super) async fn enter(services: &Services, run: &RunId) -> Result<Round, Error> {
    let ledger = &services.ledger;
    patiently(&Meter::default(), async || {
        let (round, body) = ledger.get_with_body::<Round>(run, Entry::Round).await?.unzip();
        let round = round.unwrap_or_default();
        if round.began.is_some() {
            return Ok(round);
        }
        let begun = Round { began: Some((services.clock)()), ..round };
        let is_written = match body {
            Some(body) => ledger.replace(run, Entry::Round, &body, &begun).await?,
            None => ledger.put_first(run, Entry::Round, &begun).await?,
        };
        if is_written { Ok(begun) } else { Err(Error::new(Kind::Busy, "the books of a comparison are being changed")) }
    })
    .await
}

/// The round that is under way, or the last one.
async fn round(ledger: &Ledger, run: &RunId) -> Result<Round, Error> {
    Ok(ledger.get::<Round>(run, Entry::Round).await?.unwrap_or_default())
}

/// How far a run's verifying has come.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SoFar {
    /// What was found.
    pub found: Found,
    /// Segments that were compared to their ends, of both directions.
    pub segments_done: u32,
    /// When something was compared last.
    pub last: Option<Timestamp>,
    /// The limits that throttled requests have met.
    pub limits: BTreeSet<Limit>,
}

/// Adds up the checkpoints of the round that is under way, or of the last one.
pub async fn so_far(ledger: &Ledger, run: &RunId) -> Result<SoFar, Error> {
    let mut so_far = SoFar::default();
    for checked in ledger.bodies::<Checked>(run, &Entry::checked_prefix(round(ledger, run).await?.number)).await? {
        so_far.found += checked.found;
        so_far.segments_done += u32::from(checked.done);
        so_far.last = so_far.last.max(checked.at);
        so_far.limits.extend(checked.limits);
    }
    Ok(so_far)
}

/// Writes down what a whole round has come to; nothing where it isn't over. For a run that verifies a copy, that copy's books
/// get it too.
pub(crate) async fn conclude(ledger: &Ledger, plan: &Plan, now: Timestamp) -> Result<Option<Verified>, Error> {
    let SoFar { found, segments_done, .. } = so_far(ledger, &plan.run).await?;
    if segments_done < plan.verify_segments() {
        return Ok(None);
    }
    let Round { number: round, began, .. } = round(ledger, &plan.run).await?;
    let began = began.unwrap_or_default();
    let verified = Verified { round, run: plan.run.clone(), began, at: now, clean: found.differences() == 0, found };
    note(ledger, &plan.run, &verified).await?;
    if let Some(of) = &plan.of {
        note(ledger, &of.run, &verified).await?;
    }
    Ok(Some(verified))
}

/// Writes down what verifying a run has come to, where nothing is written down that began later.
pub async fn note(ledger: &Ledger, run: &RunId, verified: &Verified) -> Result<(), Error> {
    patiently(&Meter::default(), async || {
        let before = ledger.get_with_body::<Verified>(run, Entry::Verified).await?;
        let is_written = match before {
            Some((before, _)) if before.began > verified.began => true,
            Some((_, body)) => ledger.replace(run, Entry::Verified, &body, verified).await?,
            None => ledger.put_first(run, Entry::Verified, verified).await?,
        };
        match is_written {
            true => Ok(()),
            false => Err(Error::new(Kind::Busy, "the books of a comparison are being changed")),
        }
    })
    .await
}

/// What verifying a run has come to last.
pub async fn verified(ledger: &Ledger, run: &RunId) -> Result<Option<Verified>, Error> {
    ledger.get(run, Entry::Verified).await
}

/// The first `limit` items that are listed of the round that is under way, or of the last one.
pub async fn differences(ledger: &Ledger, run: &RunId, limit: usize) -> Result<Vec<Difference>, Error> {
    let prefix = Entry::difference_prefix(round(ledger, run).await?.number);
    let (mut found, mut start) = (Vec::new(), None);
    loop {
        let wanted = PAGE.min(limit - found.len());
        let (page, next) = ledger.page::<Difference>(run, &prefix, start, wanted).await?;
        found.extend(page);
        if next.is_none() || found.len() >= limit {
            return Ok(found);
        }
        start = next;
    }
}
