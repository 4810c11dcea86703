//! How the requests of a copy are sent: those of the bulk by the run's budget, those of the replay as fast as the tables take
//! them. Either way each is sent until it is answered, and what it met is counted.

use aws_sdk_dynamodb::types::ConsumedCapacity;
use tokio::time::{Duration, Instant, timeout_at};

use crate::error::{Error, Kind};
use crate::pace::{Direction, Pace};
use crate::patience::{Meter, Patience};

/// Before its caller's time is up, a replay begins nothing more: an answer takes milliseconds, and what isn't
/// acknowledged comes again.
const MARGIN: Duration = Duration::from_secs(5);

/// How requests are sent.
#[derive(Clone, Copy)]
pub(crate) enum Way<'w> {
    /// By a run's budget.
    Paced(&'w Pace<'w>),
    /// With patience, as long as there is time: a change that is given up has been received once more for nothing.
    Patient {
        /// Where what they meet is counted.
        meter: &'w Meter,
        /// When the caller's time is up.
        deadline: Option<Instant>,
    },
}

impl Way<'_> {
    /// Sends a request until it is answered. `took` says how many units an answer reports, where they are not charged
    /// otherwise.
    pub(crate) async fn send<T, F: Future<Output = Result<T, Error>>>(
        &self,
        direction: Direction,
        units: f64,
        attempt: impl Fn() -> F,
        took: impl Fn(&T) -> Option<f64>,
    ) -> Result<T, Error> {
        let mut patience = self.patience(direction);
        loop {
            match self.once(direction, units, &attempt, &took).await {
                Err(error) => self.wait(&mut patience, error).await?,
                answered => return answered,
            }
        }
    }

    /// Sends a request once: what made it right may not hold any more when it could be sent again.
    pub(crate) async fn once<T, F: Future<Output = Result<T, Error>>>(
        &self,
        direction: Direction,
        units: f64,
        attempt: impl Fn() -> F,
        took: impl Fn(&T) -> Option<f64>,
    ) -> Result<T, Error> {
        // Boxed: a call of the SDK is kilobytes of future, which whoever sends one would set aside.
        match self {
            Self::Paced(pace) => Box::pin(pace.once(direction, units, attempt, took)).await,
            Self::Patient { deadline, .. } => {
                is_time_left(*deadline)?;
                Box::pin(before(*deadline, attempt())).await
            }
        }
    }

    /// Patience with requests that are sent once.
    pub(crate) fn patience(&self, direction: Direction) -> Patience<'_> {
        Patience::new(match self {
            Self::Paced(pace) => pace.meter(direction),
            Self::Patient { meter, .. } => meter,
        })
    }

    /// Waits until what such a request has come to may have passed; gives the error back where it doesn't pass, or there is no time
    /// left for it.
    pub(crate) async fn wait(&self, patience: &mut Patience<'_>, error: Error) -> Result<(), Error> {
        match self {
            Self::Paced(_) => patience.wait(error, false).await,
            // As long as there is time, however often: as for what is sent until it is answered.
            Self::Patient { deadline, .. } => before(*deadline, patience.wait(error, deadline.is_some())).await,
        }
    }

    /// Charges what a write took, where so many units were expected; returns it.
    pub(crate) fn wrote(&self, expected_units: f64, reports: &[ConsumedCapacity]) -> f64 {
        if let Self::Paced(pace) = self {
            pace.wrote(expected_units, reports);
        }
        reports.iter().filter_map(|report| report.capacity_units).sum()
    }
}

/// The answer, if it comes as long as there is time: one that patience waits for may take longer than the function has.
async fn before<T>(deadline: Option<Instant>, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match deadline.and_then(|deadline| deadline.checked_sub(MARGIN)) {
        Some(end) => timeout_at(end, answer).await.unwrap_or_else(|_| Err(time_is_up())),
        None => answer.await,
    }
}

/// An error where nothing more shall be begun.
pub(crate) fn is_time_left(deadline: Option<Instant>) -> Result<(), Error> {
    match deadline {
        Some(deadline) if Instant::now() + MARGIN >= deadline => Err(time_is_up()),
        _ => Ok(()),
    }
}

fn time_is_up() -> Error {
    Error::new(Kind::Interrupted, "the function's time is up")
}
