//! What the workers of one process share of a run's budget, and what tables and indexes taught this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::ConsumedCapacity;
use jiff::Timestamp;
use tokio::time::Instant;

use super::restraint::Restraint;
use super::slices::Slices;
use super::{Direction, LONGEST_SLEEP, lease};
use crate::allowance::Allowance;
use crate::control::Control;
use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger, LedgerItem};
use crate::patience::Meter;
use crate::plan::{Engine, Plan, RunId};
use crate::waits::Reason;

/// For how long a process leases units, at least: so soon it hears of what people ask of the run.
const LEASE: Duration = Duration::from_secs(1);
/// For each worker of the run: all of them together then lease 200 times a second in each direction, well below what
/// one item of a table takes (1,000).
const LEASE_FOR_WORKER: Duration = Duration::from_millis(5);
/// A run of ten thousand workers hears of what people ask of it this late.
const LONGEST_LEASE: Duration = Duration::from_secs(30);
/// A lease is renewed when this share of it is left, so that nobody waits for the ledger.
const RENEWED_AT: f64 = 0.25;
/// How long a Lambda function waits for a run that is paused before its child waits in its place, which costs nothing.
const PAUSE_IN_LAMBDA: Duration = Duration::from_secs(10);
/// In this process waiting costs nothing, but a worker's call has its end.
const PAUSE_HERE: Duration = Duration::from_secs(600);
/// What tokio's timer can tell apart.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// What the workers of a process share.
pub(crate) struct Pacer {
    run: RunId,
    ledger: Ledger,
    lasting: Duration,
    /// The part of what a lease may have at most that the first one takes: each function begins with its share.
    first_share: f64,
    pause_patience: Duration,
    /// The time of day, and when it was that: in between, tokio's clock counts.
    clock: Mutex<(Timestamp, Instant)>,
    seen: Mutex<Seen>,
    lanes: [Lane; 2],
}

/// What is known of the run's budget.
#[derive(Default)]
struct Seen {
    /// When the control entry was read last, or began to be.
    at: Option<Instant>,
    control: Control,
    allowance: Option<Allowance>,
    /// Units that a write to the table takes of each index, for each of the table's own.
    index_shares: BTreeMap<String, f64>,
}

/// One direction.
struct Lane {
    /// Whoever holds it is next.
    gate: tokio::sync::Mutex<Asked>,
    state: Mutex<LaneState>,
}

/// The lease before.
#[derive(Default)]
struct Asked {
    /// How much to ask for the next time.
    units: Option<f64>,
}

#[derive(Default)]
struct LaneState {
    slices: Slices,
    restraint: Restraint,
    /// What the restraint was learned from.
    restrained_by: Option<Reason>,
}

impl Pacer {
    pub(crate) fn new(ledger: Ledger, plan: &Plan, now: Timestamp) -> Self {
        let lasting = (LEASE_FOR_WORKER * plan.concurrency).clamp(LEASE, LONGEST_LEASE);
        let is_in_lambda = plan.engine == Engine::StepFunctions;
        let lane = || Lane { gate: tokio::sync::Mutex::default(), state: Mutex::default() };
        Self {
            run: plan.run.clone(),
            ledger,
            lasting,
            first_share: if is_in_lambda { 1.0 / f64::from(plan.concurrency) } else { 1.0 },
            pause_patience: if is_in_lambda { PAUSE_IN_LAMBDA } else { PAUSE_HERE },
            clock: Mutex::new((now, Instant::now())),
            seen: Mutex::default(),
            lanes: [lane(), lane()],
        }
    }

    /// Hears what people ask of the run, where nobody in this process has for the time of a lease: whoever is held back by
    /// throttling leases nothing.
    pub(super) async fn hear(&self) -> Result<(), Error> {
        {
            let mut seen = locked(&self.seen);
            if seen.at.is_some_and(|at| at.elapsed() < self.lasting) {
                return Ok(());
            }
            seen.at = Some(Instant::now());
        }
        self.look().await
    }

    async fn look(&self) -> Result<(), Error> {
        self.see(self.ledger.item(&self.run, Entry::Control).await?.unwrap_or_default())
    }

    /// Sets the clock: a Lambda function's process sleeps between its calls.
    pub(crate) fn wake(&self, now: Timestamp) {
        *locked(&self.clock) = (now, Instant::now());
    }

    /// What people ask of the run, as far as it is known here.
    pub(crate) fn control(&self) -> Control {
        locked(&self.seen).control
    }

    /// Waits until the budget has units, and takes as many; while the run is paused, until it goes on. `heed` ends the
    /// waiting.
    pub(super) async fn admit(
        &self,
        direction: Direction,
        units: f64,
        meter: &Meter,
        heed: impl Fn() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let lane = &self.lanes[direction as usize];
        let mut asked = lane.gate.lock().await;
        loop {
            heed()?;
            self.renew(direction, &mut asked, units, meter, &heed).await?;
            let wait = {
                let mut state = locked(&lane.state);
                if state.slices.take(units, Instant::now()) {
                    return Ok(());
                }
                state.slices.wait(Instant::now())
            };
            if let Some(wait) = wait {
                let wait = wait.clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
                meter.waited(Reason::Budget, wait);
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Charges units beyond those that were taken; fewer than none are given back.
    pub(super) fn charge(&self, direction: Direction, units: f64) {
        locked(&self.lanes[direction as usize].state).slices.charge(units);
    }

    /// Notes what writes took of indexes: an index that has less than the table is what writes have to wait for.
    pub(super) fn learn_indexes(&self, report: &ConsumedCapacity) {
        let indexes = report.global_secondary_indexes().into_iter().flatten();
        let of_indexes: Vec<_> = indexes.filter_map(|(name, units)| Some((name, units.capacity_units?))).collect();
        let all = report.capacity_units.unwrap_or_default();
        let own = all - of_indexes.iter().map(|(_, units)| units).sum::<f64>();
        if of_indexes.is_empty() || own <= 0.0 {
            return;
        }
        let mut seen = locked(&self.seen);
        for (name, units) in of_indexes {
            let share = seen.index_shares.entry(name.clone()).or_insert(units / own);
            // A moving average over some ten requests.
            *share += (units / own - *share) / 10.0;
        }
    }

    /// How long the process has to hold back because a table or an index was throttling, and which of them it was.
    pub(super) fn restrained(&self, direction: Direction, units: f64) -> (Reason, Duration) {
        let mut state = locked(&self.lanes[direction as usize].state);
        (state.restrained_by.unwrap_or(Reason::Table), state.restraint.wait(units, Instant::now()))
    }

    pub(super) fn throttled(&self, direction: Direction, by: Reason) {
        let mut state = locked(&self.lanes[direction as usize].state);
        state.restraint.throttled(Instant::now());
        state.restrained_by = Some(by);
    }

    /// Leases anew when most of the lease is used up.
    async fn renew(
        &self,
        direction: Direction,
        asked: &mut Asked,
        units: f64,
        meter: &Meter,
        heed: impl Fn() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (coming, debt, is_enough) = {
            let mut state = locked(&self.lanes[direction as usize].state);
            let is_enough = state.slices.wait(Instant::now()).is_some();
            (state.slices.coming(), state.slices.debt(), is_enough)
        };
        // What is let out is not coming any more, used or not: so what people ask of the run is heard in any case.
        if is_enough && coming > asked.units.unwrap_or_default() * RENEWED_AT {
            return Ok(());
        }
        if asked.units.is_none() {
            self.look().await?;
        }
        self.while_paused(meter, heed).await?;
        self.lease(direction, asked, units + debt).await
    }

    async fn lease(&self, direction: Direction, asked: &mut Asked, least: f64) -> Result<(), Error> {
        let (rate, lasting_ms) = (self.rate(direction), self.lasting.as_secs_f64() * 1e3);
        let most = (rate * lasting_ms / 1e3).max(least);
        let units = asked.units.unwrap_or(most * self.first_share).clamp(least, most);
        let cost_ms = units / rate * 1e3;
        let now_ms = self.now_ms();
        // Others may wait in line, each with a lease of its own.
        let line_ms = 10.0 * lasting_ms.max(cost_ms);
        let leased = lease::take(&self.ledger, &self.run, direction, cost_ms, now_ms, line_ms).await?;
        self.see(leased.control)?;
        let ahead_ms = (leased.from_ms - now_ms).max(0.0);
        let start = Instant::now() + Duration::from_secs_f64(ahead_ms / 1e3);
        // Let out until it is this process's turn again: that is when those in line before it have had theirs.
        let until_next_ms = cost_ms.max(ahead_ms.min(2.0 * lasting_ms));
        let lasting = Duration::from_secs_f64(until_next_ms / 1e3);
        let left = {
            let slices = &mut locked(&self.lanes[direction as usize].state).slices;
            // No more than a lease of what the rate is now: much may be unused, and the rate may have been lowered.
            let left = slices.keep(self.rate(direction) * lasting_ms / 1e3);
            slices.add(units, start, lasting);
            left
        };
        let is_plenty = left > units;
        asked.units = Some(if is_plenty { units / 2.0 } else { next_lease(units, ahead_ms / lasting_ms) });
        Ok(())
    }

    /// Units a second in the table's own: an index that takes a part of each write may leave less than the table does.
    fn rate(&self, direction: Direction) -> f64 {
        let seen = locked(&self.seen);
        let Some(allowance) = &seen.allowance else { return 1.0 };
        let rate = match direction {
            Direction::Read => allowance.read_units,
            Direction::Write => {
                allowance.index_write_units.iter().fold(allowance.write_units, |rate, (name, units)| {
                    let share = seen.index_shares.get(name).copied().unwrap_or_default();
                    if share > 0.0 { rate.min(units / share) } else { rate }
                })
            }
        };
        rate.max(1.0)
    }

    fn see(&self, control: LedgerItem) -> Result<(), Error> {
        let allowance = Allowance::of_control(&control)?;
        let mut seen = locked(&self.seen);
        seen.at = Some(Instant::now());
        seen.control = Control::of_item(&control);
        seen.allowance = Some(allowance);
        Ok(())
    }

    /// Waits while the run is paused; hands over to the child where that takes long.
    async fn while_paused(&self, meter: &Meter, heed: impl Fn() -> Result<(), Error>) -> Result<(), Error> {
        let since = Instant::now();
        while self.control().paused {
            heed()?;
            if since.elapsed() >= self.pause_patience {
                return Err(Error::new(Kind::Interrupted, "the run is paused"));
            }
            meter.waited(Reason::Paused, self.lasting);
            tokio::time::sleep(self.lasting).await;
            self.look().await?;
        }
        Ok(())
    }

    fn now_ms(&self) -> f64 {
        let (then, at) = *locked(&self.clock);
        then.as_millisecond() as f64 + at.elapsed().as_secs_f64() * 1e3
    }
}

/// How much to lease the next time. A short line means that there is budget left for this process; a long one that many
/// want it, each of whom shall have a turn within the time of a lease.
fn next_lease(units: f64, line: f64) -> f64 {
    if line < 0.5 {
        units * 2.0
    } else if line > 1.5 {
        units / 2.0
    } else {
        units
    }
}

/// Nothing is left half done by a panic while one of these is held.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
