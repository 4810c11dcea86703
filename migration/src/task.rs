//! The tasks of the workflow. Each is a Lambda function on AWS and a plain function here; both come through
//! [`Task::run`].

use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::{Error, Kind};
use crate::plan::RunId;
use crate::services::Services;
use crate::{backup, prepare, prewarm, segment, summary};

/// Every Lambda function there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// Checks the table, and writes the plan to the ledger.
    Prepare,
    /// Begins an on-demand backup.
    StartBackup,
    /// Asks whether it is available.
    CheckBackup,
    /// Writes down the table's capacity, and raises it.
    Prewarm,
    /// Asks whether the table is active again.
    CheckPrewarm,
    /// Works a child's segments.
    MigrateSegment,
    /// Puts the capacity back.
    Restore,
    /// Adds up what the segments did, and gives the verdict.
    Summarise,
}

impl Task {
    /// All tasks, in the workflow's order.
    pub const ALL: [Self; 8] = [
        Self::Prepare,
        Self::StartBackup,
        Self::CheckBackup,
        Self::Prewarm,
        Self::CheckPrewarm,
        Self::MigrateSegment,
        Self::Restore,
        Self::Summarise,
    ];

    /// The task's name: of its state and, with `Function` behind it, of its function's resource.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "Prepare",
            Self::StartBackup => "StartBackup",
            Self::CheckBackup => "CheckBackup",
            Self::Prewarm => "Prewarm",
            Self::CheckPrewarm => "CheckPrewarm",
            Self::MigrateSegment => "MigrateSegment",
            Self::Restore => "Restore",
            Self::Summarise => "Summarise",
        }
    }

    /// The name of its binary in the package `functions`.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::StartBackup => "start-backup",
            Self::CheckBackup => "check-backup",
            Self::Prewarm => "prewarm",
            Self::CheckPrewarm => "check-prewarm",
            Self::MigrateSegment => "migrate-segment",
            Self::Restore => "restore",
            Self::Summarise => "summarise",
        }
    }

    /// The substitution that stands for the function's ARN in the state machine document.
    pub fn function_arn(self) -> String {
        format!("${{{}FunctionArn}}", self.name())
    }

    /// The task whose function that substitution stands for.
    pub fn of_function_arn(arn: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.function_arn() == arn)
    }

    /// Carries the task out. `deadline` is when the caller's time is up, if it has any. A panic becomes an error,
    /// [`Kind::Panicked`], without what it says: that may hold an item's values (R20).
    ///
    /// Boxed: it is the root of every call to AWS, and callers' futures would have its layout in theirs.
    pub fn run(
        self,
        services: &Services,
        input: Value,
        deadline: Option<Instant>,
    ) -> BoxFuture<'_, Result<Value, Error>> {
        self.guarded(services, input, deadline).boxed()
    }

    async fn guarded(self, services: &Services, input: Value, deadline: Option<Instant>) -> Result<Value, Error> {
        let run = input.get("run").and_then(Value::as_str).map(RunId::named);
        // Services survive a panic: they hold nothing that a task leaves half changed.
        match AssertUnwindSafe(self.dispatch(services, input, deadline)).catch_unwind().await {
            Ok(answer) => answer,
            Err(_) => Err(self.panicked(services, run).await?),
        }
    }

    /// The error that stands for a panic. A worker leaves it in the ledger, as it leaves its others.
    async fn panicked(self, services: &Services, run: Option<RunId>) -> Result<Error, Error> {
        let error = Error::new(Kind::Panicked, format!("{self} panicked: a bug, most likely in a transform"));
        if let (Self::MigrateSegment, Some(run)) = (self, run) {
            segment::note(services, &run, &error).await?;
        }
        Ok(error)
    }

    async fn dispatch(self, services: &Services, input: Value, deadline: Option<Instant>) -> Result<Value, Error> {
        match self {
            Self::Prepare => answer(prepare::prepare(services, self.read(input)?).await?),
            Self::StartBackup => answer(backup::start(services, &self.read::<prepare::OfRun>(input)?.run).await?),
            Self::CheckBackup => answer(backup::check(services, &self.read(input)?).await?),
            Self::Prewarm => answer(prewarm::prewarm(services, &self.read::<prepare::OfRun>(input)?.run).await?),
            Self::CheckPrewarm => answer(prewarm::check(services, &self.read::<prepare::OfRun>(input)?.run).await?),
            Self::MigrateSegment => answer(segment::migrate(services, self.read(input)?, deadline).await?),
            Self::Restore => answer(prewarm::restore(services, &self.read::<prepare::OfRun>(input)?.run).await?),
            Self::Summarise => answer(summary::summarise(services, self.read(input)?).await?),
        }
    }

    fn read<T: DeserializeOwned>(self, input: Value) -> Result<T, Error> {
        serde_json::from_value(input).map_err(|error| Error::invalid(format!("the input of {self}: {error}")))
    }
}

fn answer(output: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(output).map_err(|error| Error::invalid(error.to_string()))
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
