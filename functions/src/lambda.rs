//! The frame around each function: clients made once, the deadline from the context, errors under the names that
//! the workflow matches.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use migration::{Error, Kind, Ledger, Services, Task};
use serde_json::Value;
use tokio::time::Instant;

use crate::{client, transforms};

/// What ends a function before or between invocations.
pub type LambdaError = lambda_runtime::Error;

/// The environment variable that names the ledger's table; the stack sets it.
pub const LEDGER_TABLE: &str = "SEGUE_LEDGER_TABLE";

/// Serves one task until Lambda ends the process.
pub async fn serve(task: Task) -> Result<(), LambdaError> {
    let table = std::env::var(LEDGER_TABLE).map_err(|_| format!("expected {LEDGER_TABLE} to name the ledger"))?;
    let dynamodb = client::dynamodb(&client::configuration().await);
    let ledger = Ledger::new(dynamodb.clone(), table);
    let services = Services::new(dynamodb, ledger, transforms::all(), Timestamp::now);
    let services = &services;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = Instant::now() + time_left(event.context.deadline, SystemTime::now());
        task.run(services, event.payload, Some(deadline)).await.map_err(Reported)
    }))
    .await
}

/// What is left until a deadline in milliseconds since 1970, as Lambda gives it.
fn time_left(deadline_ms: u64, now: SystemTime) -> Duration {
    let deadline = UNIX_EPOCH + Duration::from_millis(deadline_ms);
    deadline.duration_since(now).unwrap_or_default()
}

/// An error on its way to the state machine.
#[derive(Debug)]
struct Reported(Error);

impl From<Reported> for Diagnostic {
    fn from(Reported(error): Reported) -> Self {
        let kind: Kind = error.kind();
        Self { error_type: kind.name().into(), error_message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R10: the state machine sees the names that its Retry and Catch match.
    #[test]
    fn errors_keep_their_names() {
        let diagnostic = Diagnostic::from(Reported(Error::new(Kind::Throttled, "slow down")));
        assert_eq!(
            (diagnostic.error_type.as_str(), diagnostic.error_message.as_str()),
            ("Segue.Throttled", "slow down")
        );
    }

    #[test]
    fn a_deadline_that_has_passed_leaves_nothing() {
        let now = UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(time_left(12_500, now), Duration::from_millis(2_500));
        assert_eq!(time_left(9_000, now), Duration::ZERO);
    }
}
