//! What a state does about an error: try again after a while, or go elsewhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::{ErrorName, ResultPath, StateName, path::present};

/// One retrier: how often, and after which waits, a state that failed with these errors is tried again.
///
/// What is left out has the values of AWS: 1 second, 3 attempts, a rate of 2, no bound, no jitter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Retry {
    /// The errors it is for.
    pub error_equals: Vec<ErrorName>,
    /// Seconds before the first retry, 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u32>,
    /// Retries at most, 3 by default, 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// What each wait is multiplied by, 2 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_rate: Option<Number>,
    /// The longest wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delay_seconds: Option<u32>,
    /// How waits are spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_strategy: Option<Jitter>,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How the waits of a retrier are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Jitter {
    /// Each wait is drawn between zero and its full length.
    Full,
    /// Each wait has its full length.
    #[default]
    None,
}

impl Retry {
    /// A retrier for these errors, with the defaults of AWS.
    pub fn on<E: Into<ErrorName>>(errors: impl IntoIterator<Item = E>) -> Self {
        Self {
            error_equals: errors.into_iter().map(Into::into).collect(),
            interval_seconds: None,
            max_attempts: None,
            backoff_rate: None,
            max_delay_seconds: None,
            jitter_strategy: None,
            extra: Map::new(),
        }
    }

    /// A retrier for every error that may be retried.
    pub fn on_all() -> Self {
        Self::on([ErrorName::ALL])
    }

    /// Seconds before the first retry.
    pub fn interval_seconds(mut self, seconds: u32) -> Self {
        self.interval_seconds = Some(seconds);
        self
    }

    /// Retries at most.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// What each wait is multiplied by.
    pub fn backoff_rate(mut self, rate: f64) -> Self {
        self.backoff_rate = Number::from_f64(rate);
        self
    }

    /// The longest wait.
    pub fn max_delay_seconds(mut self, seconds: u32) -> Self {
        self.max_delay_seconds = Some(seconds);
        self
    }

    /// Draws each wait between zero and its full length.
    pub fn full_jitter(mut self) -> Self {
        self.jitter_strategy = Some(Jitter::Full);
        self
    }

    /// Whether this retrier is for that error.
    pub fn matches(&self, error: &ErrorName) -> bool {
        self.error_equals.iter().any(|pattern| pattern.matches(error))
    }

    /// The wait before retry number `retry` (the first is 1), or nothing when the attempts are used up.
    /// `spread` is drawn from 0..1 and counts only with full jitter.
    pub fn delay(&self, retry: u32, spread: f64) -> Option<Duration> {
        if retry > self.max_attempts.unwrap_or(3) {
            return None;
        }
        let rate = self.backoff_rate.as_ref().and_then(Number::as_f64).unwrap_or(2.0);
        let interval = f64::from(self.interval_seconds.unwrap_or(1));
        let grown = interval * rate.powf(f64::from(retry.saturating_sub(1)));
        // Without a bound of its own a wait still ends: AWS takes no MaxDelaySeconds above 31622400.
        let bound = f64::from(self.max_delay_seconds.unwrap_or(MAX_DELAY_SECONDS));
        let full = grown.min(bound);
        let seconds = match self.jitter_strategy.unwrap_or_default() {
            Jitter::Full => full * spread.clamp(0.0, 1.0),
            Jitter::None => full,
        };
        Some(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }
}

/// The largest `MaxDelaySeconds`: 366 days,
/// <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>
pub(crate) const MAX_DELAY_SECONDS: u32 = 31_622_400;

/// One catcher: where a state that failed with these errors goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Catch {
    /// The errors it is for.
    pub error_equals: Vec<ErrorName>,
    /// Where `{"Error", "Cause"}` goes in the state's input; by default it replaces the input.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub result_path: Option<ResultPath>,
    /// The state that follows.
    pub next: StateName,
    /// Fields that the model does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Catch {
    /// A catcher that leads from these errors to `next`.
    pub fn on<E: Into<ErrorName>>(errors: impl IntoIterator<Item = E>, next: impl Into<StateName>) -> Self {
        Self {
            error_equals: errors.into_iter().map(Into::into).collect(),
            result_path: None,
            next: next.into(),
            extra: Map::new(),
        }
    }

    /// A catcher that leads from every error that may be caught to `next`.
    pub fn all(next: impl Into<StateName>) -> Self {
        Self::on([ErrorName::ALL], next)
    }

    /// Where `{"Error", "Cause"}` goes in the state's input.
    pub fn result_path(mut self, path: impl Into<ResultPath>) -> Self {
        self.result_path = Some(path.into());
        self
    }

    /// Whether this catcher is for that error.
    pub fn matches(&self, error: &ErrorName) -> bool {
        self.error_equals.iter().any(|pattern| pattern.matches(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(retry: &Retry, count: u32) -> Vec<Option<u64>> {
        (1..=count).map(|n| retry.delay(n, 0.5).map(|delay| delay.as_secs())).collect()
    }

    #[test]
    fn defaults_wait_one_two_four_seconds() {
        assert_eq!(seconds(&Retry::on_all(), 4), [Some(1), Some(2), Some(4), None]);
    }

    #[test]
    fn waits_stop_growing_at_the_bound() {
        let retry = Retry::on_all().interval_seconds(3).backoff_rate(2.0).max_delay_seconds(5).max_attempts(3);
        assert_eq!(seconds(&retry, 4), [Some(3), Some(5), Some(5), None]);
    }

    #[test]
    fn full_jitter_draws_below_the_full_wait() {
        let retry = Retry::on_all().interval_seconds(8).full_jitter();
        assert_eq!(seconds(&retry, 2), [Some(4), Some(8)]);
        assert_eq!(retry.delay(1, 0.0), Some(Duration::ZERO));
    }

    #[test]
    fn no_attempts_means_no_retry() {
        assert_eq!(seconds(&Retry::on_all().max_attempts(0), 1), [None]);
    }
}
