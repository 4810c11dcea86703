//! The frame around each function: clients made once, the deadline from the context, a line of the log before and
//! after the work, the counts as metrics, and errors under the names that the workflow matches (R10). Nothing that
//! leaves a function by its log, its metrics or its errors holds an item's value (R20).

use std::fmt;
use std::io::{Stdout, stdout};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use migration::transform::Functions;
use migration::{Error, Ledger, Services, Task};
use serde_json::Value;
use tokio::time::Instant;

use crate::environment::Environment;
use crate::event::Event;
use crate::logs::Invocation;
use crate::metrics::Metrics;
use crate::{client, logs, transforms};

/// What ends a function before or between invocations.
pub type LambdaError = lambda_runtime::Error;

/// Where Lambda is to be asked for work (Lambda developer guide, "Runtime API").
const RUNTIME_API_VARIABLE: &str = "AWS_LAMBDA_RUNTIME_API";

/// Serves one task until Lambda ends the process, with the transforms of `transforms.rs`.
pub async fn serve(task: Task) -> Result<(), LambdaError> {
    serve_with(task, transforms::all()).await
}

/// Serves one task with these transforms.
pub async fn serve_with(task: Task, transforms: Functions) -> Result<(), LambdaError> {
    logs::init();
    if std::env::var_os(RUNTIME_API_VARIABLE).is_none() {
        let message = format!(
            "expected AWS Lambda to start this program, found no {RUNTIME_API_VARIABLE} in its \
                               environment; `cargo run --bin run` runs a migration from here"
        );
        return Err(message.into());
    }
    let function = match Function::new(task, transforms).await {
        Ok(function) => function,
        Err(error) => return Err(crate::init::refuse(Reported(error)).await),
    };
    let function = &function;
    Runtime::new(service_fn(move |event: LambdaEvent<Event>| function.invoke(event))).run().await
}

/// A task, and what it works with as long as its process lives.
struct Function {
    task: Task,
    services: Services,
    metrics: Arc<Metrics<Stdout>>,
}

impl Function {
    async fn new(task: Task, transforms: Functions) -> Result<Self, Error> {
        let environment = Environment::of(task, |name| std::env::var(name).ok())?;
        let configuration = client::configuration_in_lambda().await;
        let dynamodb = client::dynamodb(&configuration);
        let autoscaling = Some(client::autoscaling(&configuration));
        let ledger = Ledger::new(dynamodb.clone(), environment.ledger_table);
        let metrics = Arc::new(Metrics::new(environment.stack, stdout(), Timestamp::now));
        let mut services = Services::new(dynamodb, autoscaling, ledger, transforms, Timestamp::now);
        services.observer = metrics.clone();
        services.deployed = environment.migration_digest;
        if let Some(wiring) = environment.wiring {
            let (region, role) = (environment.target_region.as_deref(), environment.target_role.as_deref());
            let target = client::configuration_of_target(&configuration, region, role).await;
            services.target = client::dynamodb(&target);
            services.carrier = Some(client::carrier(&configuration, wiring));
        }
        Ok(Self { task, services, metrics })
    }

    async fn invoke(&self, event: LambdaEvent<Event>) -> Result<Value, Reported> {
        let LambdaEvent { payload: Event(event), context } = event;
        let line = Invocation::begin(self.task, &context.request_id, event.as_ref().ok());
        self.metrics.begin(line.run());
        let answer = match event {
            Ok(event) => self.task.run(&self.services, event, Some(deadline(&context))).await,
            Err(unreadable) => Err(Error::invalid(format!("the input of {} is no JSON: {unreadable}", self.task))),
        };
        line.end(&answer, &self.metrics.end());
        answer.map_err(Reported)
    }
}

fn deadline(context: &Context) -> Instant {
    Instant::now() + time_left(context.deadline, SystemTime::now())
}

/// What is left until a deadline in milliseconds since 1970, as Lambda gives it.
fn time_left(deadline_ms: u64, now: SystemTime) -> Duration {
    let deadline = UNIX_EPOCH + Duration::from_millis(deadline_ms);
    deadline.duration_since(now).unwrap_or_default()
}

/// An error on its way to the state machine.
pub(crate) struct Reported(Error);

impl From<Reported> for Diagnostic {
    fn from(Reported(error): Reported) -> Self {
        Self { error_type: error.kind().name().into(), error_message: error.to_string() }
    }
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind().name(), self.0)
    }
}

/// The runtime, and Rust where a process ends, show errors so. What lies underneath stays out of it.
impl fmt::Debug for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Reported {}

#[cfg(test)]
mod tests {
    use super::*;
    use migration::Kind;

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
