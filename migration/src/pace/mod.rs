//! Pacing (R11): every request waits until the run's budget has units for it, and is charged with what it took.
//!
//! A [`Pacer`] is what the workers of a process share: it leases units of the run's budget for a second or more at a time,
//! and lets them out evenly. A [`Pace`] is one worker's: it knows besides what a hot partition taught this worker. Without
//! a lease nothing is sent. The way through the budget is the same for every request, and so is the account of what it
//! was kept waiting for.

mod lease;
mod pacer;
mod restraint;
mod slices;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::ConsumedCapacity;
use tokio::time::Instant;

pub(crate) use lease::may_have_written;
pub(crate) use pacer::Pacer;

use self::restraint::Restraint;
use crate::control;
use crate::error::{Error, Kind};
use crate::limit::Limit;
use crate::patience::{Met, Meter, patiently};
use crate::services::Stop;
use crate::waits::Reason;

/// Before its deadline a worker sends its last request: it may take 30 s to be given up, and what was done has to reach
/// the ledger yet (R6).
const LAST_REQUEST: Duration = Duration::from_secs(40);

/// Somebody who asks the run to stop shall not wait for longer than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Reading or writing: their units are separate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// What one worker's requests go through.
pub(crate) struct Pace<'p> {
    pacer: &'p Pacer,
    stop: &'p Stop,
    /// When the worker's caller ends it.
    deadline: Option<Instant>,
    reads: Meter,
    writes: Meter,
    /// What partitions have taught, for reads and for writes.
    own: Mutex<[Restraint; 2]>,
}

impl<'p> Pace<'p> {
    pub(crate) fn new(pacer: &'p Pacer, stop: &'p Stop, deadline: Option<Instant>) -> Self {
        let (reads, writes, own) = (Meter::default(), Meter::default(), Mutex::default());
        Self { pacer, stop, deadline, reads, writes, own }
    }

    /// An error where nothing more shall be sent: the run was asked to stop, or the worker's time is up.
    pub(crate) fn heed(&self) -> Result<(), Error> {
        if self.stop.is_requested() || self.pacer.control().stop {
            return Err(control::stopped());
        }
        match self.deadline {
            Some(deadline) if Instant::now() + LAST_REQUEST >= deadline => {
                Err(Error::new(Kind::Interrupted, "the worker's time is up"))
            }
            _ => Ok(()),
        }
    }

    /// What reads and writes met since this was asked last.
    pub(crate) fn drain(&self) -> [Met; 2] {
        [self.reads.drain(), self.writes.drain()]
    }

    /// Where what requests of that direction meet is counted.
    pub(crate) fn meter(&self, direction: Direction) -> &Meter {
        match direction {
            Direction::Read => &self.reads,
            Direction::Write => &self.writes,
        }
    }

    /// Sends a request until it is answered, each time when the budget has `units` for it. `took` says how many an
    /// answer reports; where it reports none, it took as many as were expected.
    pub(crate) async fn send<T, F: Future<Output = Result<T, Error>>>(
        &self,
        direction: Direction,
        units: f64,
        attempt: impl Fn() -> F,
        took: impl Fn(&T) -> Option<f64>,
    ) -> Result<T, Error> {
        patiently(self.meter(direction), || self.once(direction, units, &attempt, &took)).await
    }

    /// The same, a single time.
    pub(crate) async fn once<T, F: Future<Output = Result<T, Error>>>(
        &self,
        direction: Direction,
        units: f64,
        attempt: impl Fn() -> F,
        took: impl Fn(&T) -> Option<f64>,
    ) -> Result<T, Error> {
        self.admit(direction, units).await?;
        let answer = attempt().await;
        self.account(direction, units, &answer, &took);
        answer
    }

    /// Waits until a request of so many units may be sent.
    pub(crate) async fn admit(&self, direction: Direction, units: f64) -> Result<(), Error> {
        let wait = self.own()[direction as usize].wait(units, Instant::now());
        self.wait(direction, Reason::Partition, wait).await?;
        let (reason, wait) = self.pacer.restrained(direction, units);
        self.wait(direction, reason, wait).await?;
        self.pacer.admit(direction, units, self.meter(direction), || self.heed()).await
    }

    /// Charges what the request took. One that was refused took nothing; of one that wasn't answered nobody knows, so it
    /// took what was expected.
    fn account<T>(
        &self,
        direction: Direction,
        units: f64,
        answer: &Result<T, Error>,
        took: &impl Fn(&T) -> Option<f64>,
    ) {
        match answer {
            Ok(answer) => self.pacer.charge(direction, took(answer).map_or(0.0, |took| took - units)),
            Err(error) => self.failed(direction, units, error),
        }
    }

    /// Charges a request that came to an error.
    pub(crate) fn failed(&self, direction: Direction, units: f64, error: &Error) {
        if error.kind() == Kind::Throttled {
            self.pacer.charge(direction, -units);
            self.learn(direction, error.limit());
        }
    }

    /// Charges what a write took of the table, where so many units were expected; and notes what it took of indexes.
    pub(crate) fn wrote(&self, expected_units: f64, reports: &[ConsumedCapacity]) {
        for report in reports {
            self.pacer.learn_indexes(report);
        }
        let own = |report: &ConsumedCapacity| {
            let all = report.capacity_units?;
            let indexes = report.global_secondary_indexes().into_iter().flatten();
            Some(all - indexes.filter_map(|(_, index)| index.capacity_units).sum::<f64>())
        };
        if !reports.is_empty() {
            self.pacer.charge(Direction::Write, reports.iter().filter_map(own).sum::<f64>() - expected_units);
        }
    }

    /// Takes a refusal to heart: a partition's slows this worker down, any other the process.
    pub(crate) fn learn(&self, direction: Direction, limit: Option<&Limit>) {
        match limit {
            Some(Limit::Partition) => self.own()[direction as usize].throttled(Instant::now()),
            _ => self.pacer.throttled(direction, Reason::of(limit)),
        }
    }

    /// Waits, and heeds meanwhile: a large item at a rate that was cut may wait for minutes.
    async fn wait(&self, direction: Direction, reason: Reason, mut wait: Duration) -> Result<(), Error> {
        while !wait.is_zero() {
            self.pacer.hear().await?;
            self.heed()?;
            let nap = wait.min(LONGEST_SLEEP);
            self.meter(direction).waited(reason, nap);
            tokio::time::sleep(nap).await;
            wait -= nap;
        }
        Ok(())
    }

    fn own(&self) -> MutexGuard<'_, [Restraint; 2]> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
