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

use crate::copy::{capture, quiet, replay, sync, table};
use crate::definition::Definition;
use crate::error::{Error, Kind};
use crate::plan::RunId;
use crate::services::Services;
use crate::{backup, export, prepare, prewarm, segment, summary};

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
    /// Makes a copy's target from the source's definition, and asks whether it is active.
    MakeTarget,
    /// Lets the source's stream call [`Self::CaptureChanges`].
    StartCapture,
    /// Takes changes from the stream to the queue. No state calls it: a mapping does.
    CaptureChanges,
    /// Begins an export of the source, and asks whether it is there.
    Export,
    /// Waits until no worker of the bulk can be alive.
    EndBulk,
    /// Lets the queue call [`Self::ApplyChanges`].
    StartReplay,
    /// Takes changes from the queue to the target. No state calls it: a mapping does.
    ApplyChanges,
    /// Asks whether the target has come up with the source.
    CheckSync,
}

impl Task {
    /// All tasks: those of every migration in the workflow's order, then those of copies alone.
    pub const ALL: [Self; 16] = [
        Self::Prepare,
        Self::StartBackup,
        Self::CheckBackup,
        Self::Prewarm,
        Self::CheckPrewarm,
        Self::MigrateSegment,
        Self::Restore,
        Self::Summarise,
        Self::MakeTarget,
        Self::StartCapture,
        Self::CaptureChanges,
        Self::Export,
        Self::EndBulk,
        Self::StartReplay,
        Self::ApplyChanges,
        Self::CheckSync,
    ];

    /// Those of a migration that changes a table in place.
    pub const IN_PLACE: [Self; 8] = *Self::ALL.first_chunk().expect("there are more");

    /// Those that a migration has functions for.
    pub fn of(definition: &Definition) -> &'static [Self] {
        if definition.target.is_some() { &Self::ALL } else { &Self::IN_PLACE }
    }

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
            Self::MakeTarget => "MakeTarget",
            Self::StartCapture => "StartCapture",
            Self::CaptureChanges => "CaptureChanges",
            Self::Export => "Export",
            Self::EndBulk => "EndBulk",
            Self::StartReplay => "StartReplay",
            Self::ApplyChanges => "ApplyChanges",
            Self::CheckSync => "CheckSync",
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
            Self::MakeTarget => "make-target",
            Self::StartCapture => "start-capture",
            Self::CaptureChanges => "capture-changes",
            Self::Export => "export",
            Self::EndBulk => "end-bulk",
            Self::StartReplay => "start-replay",
            Self::ApplyChanges => "apply-changes",
            Self::CheckSync => "check-sync",
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
            Self::StartBackup => answer(backup::start(services, &self.run_of(input)?).await?),
            Self::CheckBackup => answer(backup::check(services, &self.read(input)?).await?),
            Self::Prewarm => answer(prewarm::prewarm(services, &self.run_of(input)?).await?),
            Self::CheckPrewarm => answer(prewarm::check(services, &self.run_of(input)?).await?),
            Self::MigrateSegment => answer(segment::migrate(services, self.read(input)?, deadline).await?),
            Self::Restore => answer(prewarm::restore(services, &self.run_of(input)?).await?),
            Self::Summarise => answer(summary::summarise(services, self.read(input)?).await?),
            Self::StartCapture => answer(sync::start_capture(services, &self.run_of(input)?).await?),
            Self::Export => answer(export::export(services, &self.run_of(input)?).await?),
            Self::EndBulk => answer(quiet::end_bulk(services, &self.run_of(input)?).await?),
            Self::StartReplay => answer(sync::start_replay(services, &self.run_of(input)?).await?),
            Self::CheckSync => answer(sync::come_up(services, &self.run_of(input)?).await?),
            Self::MakeTarget => answer(table::make(services, &self.run_of(input)?).await?),
            Self::CaptureChanges => capture::capture(services, input, deadline).await,
            Self::ApplyChanges => replay::apply(services, input, deadline).await,
        }
    }

    fn run_of(self, input: Value) -> Result<RunId, Error> {
        Ok(self.read::<prepare::OfRun>(input)?.run)
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
