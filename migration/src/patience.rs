//! Tries again what passes by itself: throttling, an answer that never came, a table in change.
//!
//! Every retry of the domain goes through here, so that every throttle is counted. The SDK's own retries are
//! off ([`client_config`]).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Builder, StalledStreamProtectionConfig};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder, Retryable};

use crate::error::{Error, Kind};
use crate::limit::Limit;
use crate::waits::{Reason, Waits};

/// The first wait is about a DynamoDB write; twelve doublings up to 5 s add up to about 40 s, after which the
/// workflow's own Retry takes over, with a worker that holds nothing.
const FIRST_WAIT: Duration = Duration::from_millis(25);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const MAX_RETRIES: usize = 15;

/// A handshake takes milliseconds; a packet or two may be lost on the way.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// DynamoDB answers within milliseconds, a page of 1 MB within a second. A connection that died silently would
/// hold its worker for ever.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// What requests met.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Met {
    /// How many were throttled.
    pub(crate) throttled: u64,
    pub(crate) waits: Waits,
    /// What throttled them.
    pub(crate) limits: BTreeSet<Limit>,
}

/// Counts what requests met: refusals, the limits behind them, and what was waited for.
#[derive(Debug, Default)]
pub struct Meter {
    throttled: AtomicU64,
    waited_us: [AtomicU64; Reason::COUNT],
    limits: Mutex<BTreeSet<Limit>>,
}

impl Meter {
    /// Requests that were throttled so far.
    pub fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// What was met since this was asked last.
    pub(crate) fn drain(&self) -> Met {
        let drained = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let waits = Waits::from_seconds(self.waited_us.each_ref().map(|waited| drained(waited) as f64 / 1e6));
        Met { throttled: drained(&self.throttled), waits, limits: std::mem::take(&mut self.limits()) }
    }

    fn limits(&self) -> MutexGuard<'_, BTreeSet<Limit>> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn waited(&self, reason: Reason, wait: Duration) {
        let wait_us = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        self.waited_us[reason as usize].fetch_add(wait_us, Ordering::Relaxed);
    }

    /// A request was refused.
    pub(crate) fn refused(&self, limit: Option<&Limit>) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
        let limit = limit.unwrap_or(&Limit::Table);
        let mut limits = self.limits();
        if !limits.contains(limit) {
            limits.insert(limit.clone());
        }
    }

    fn note(&self, error: &Error, wait: Duration) {
        if error.kind() == Kind::Throttled {
            self.refused(error.limit());
            self.waited(Reason::of(error.limit()), wait);
        } else {
            self.waited(Reason::Service, wait);
        }
    }
}

/// Tries `attempt` until it succeeds, fails for good, or patience runs out. Every attempt has to be safe to
/// repeat: reads, conditional writes, and writes of our own ledger that replace a whole entry.
pub(crate) async fn patiently<T, A, F>(meter: &Meter, attempt: A) -> Result<T, Error>
where
    A: FnMut() -> F,
    F: Future<Output = Result<T, Error>>,
{
    let attempts = attempt.retry(waits().with_max_times(MAX_RETRIES)).when(|error: &Error| error.kind().is_transient());
    // Boxed: a call of the SDK is kilobytes of future, which the worker would set aside for every item of a page,
    // those that it doesn't write included.
    Box::pin(attempts.notify(|error, wait| meter.note(error, wait))).await
}

/// Patience with what is done in parts: while some are set back, others may go on.
pub(crate) struct Patience<'m> {
    meter: &'m Meter,
    waits: ExponentialBackoff,
    fruitless: usize,
}

impl<'m> Patience<'m> {
    /// Patience that nothing has tried yet.
    pub(crate) fn new(meter: &'m Meter) -> Self {
        Self { meter, waits: waits().without_max_times().build(), fruitless: 0 }
    }

    /// Waits until what `error` has set back can be tried again; each wait is longer than the one before. Gives the
    /// error back where it doesn't pass, or where too many tries in a row have brought nothing on.
    pub(crate) async fn wait(&mut self, error: Error, is_progress: bool) -> Result<(), Error> {
        self.fruitless = if is_progress { 0 } else { self.fruitless + 1 };
        match self.waits.next() {
            Some(wait) if error.kind().is_transient() && self.fruitless <= MAX_RETRIES => {
                self.meter.note(&error, wait);
                tokio::time::sleep(wait).await;
                Ok(())
            }
            _ => Err(error),
        }
    }
}

fn waits() -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(FIRST_WAIT).with_max_delay(LONGEST_WAIT).with_jitter()
}

/// What every client of the domain is made with: no retries of its own, and nothing that a small JSON answer
/// doesn't need.
pub fn client_config(builder: Builder) -> Builder {
    builder
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

/// The same for clients of the service that scales tables.
pub fn autoscaling_config(
    builder: aws_sdk_applicationautoscaling::config::Builder,
) -> aws_sdk_applicationautoscaling::config::Builder {
    builder
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

/// Whoever isn't answered asks again: nobody waits for ever.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIME).operation_attempt_timeout(ANSWER_TIME).build()
}
