//! Where the results of children go: into the output, or into objects as a ResultWriter of AWS lays them out.
//!
//! Below `PREFIX/MAP_RUN/` stand `SUCCEEDED_0.json`, `FAILED_0.json` and so on, each a list of children, and
//! `manifest.json`, which names them:
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Failure, ObjectStore, Outcome,
    distributed::{Ended, MapRun, Outputs, written},
    run::timestamp,
};
use crate::ErrorName;

/// A part is written when its buffer has grown to this many bytes.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// What takes the results of a Map Run.
pub(super) enum Results {
    Output(Outputs, usize),
    Objects(Box<Writer>),
}

pub(super) struct Writer {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    folder: String,
    machine: String,
    succeeded: Part,
    failed: Part,
}

/// The children that ended in one way.
struct Part {
    status: &'static str,
    buffer: Vec<u8>,
    files: Vec<Value>,
}

impl Results {
    /// Opens what the map asks for. A ResultWriter without a bucket only formats, so its results go to the output.
    pub(super) fn open(run: &MapRun<'_>, input: &Value) -> Result<Self, Failure> {
        let context = run.context;
        let limits = context.run.interpreter().limits;
        let Some(template) = run.map.result_writer.as_ref().and_then(|writer| writer.parameters.as_ref()) else {
            return Ok(Self::Output(Outputs::default(), limits.payload_bytes));
        };
        let parameters = context.fill(template, input)?;
        let store = context.run.interpreter().objects.clone();
        let store = store.ok_or_else(|| refused("no object store was handed in to write results to"))?;
        let bucket = parameters["Bucket"].as_str().ok_or_else(|| refused("expected a Bucket to write results to"))?;
        let prefix = match parameters["Prefix"].as_str().unwrap_or_default() {
            "" => String::new(),
            prefix => format!("{}/", prefix.trim_end_matches('/')),
        };
        Ok(Self::Objects(Box::new(Writer {
            store,
            bucket: bucket.to_owned(),
            folder: format!("{prefix}{}", run.id),
            machine: context.run.session.arn(&format!("stateMachine:{}", run.machine)),
            succeeded: Part { status: "SUCCEEDED", buffer: Vec::new(), files: Vec::new() },
            failed: Part { status: "FAILED", buffer: Vec::new(), files: Vec::new() },
        })))
    }

    pub(super) async fn add(&mut self, ended: Ended) -> Result<(), Failure> {
        match (self, ended) {
            (Self::Objects(writer), ended) => writer.add(&ended).await,
            (Self::Output(outputs, most), Ended { index, outcome: Outcome::Succeeded(output), .. }) => {
                outputs.add(index, output, *most);
                Ok(())
            }
            (Self::Output(..), _) => Ok(()),
        }
    }

    /// The result of the Map state.
    pub(super) async fn finish(self, run: &MapRun<'_>) -> Result<Value, Failure> {
        match self {
            Self::Output(outputs, most) => outputs.finish(run.context, most),
            Self::Objects(writer) => writer.finish(run).await,
        }
    }
}

fn refused(cause: impl Into<String>) -> Failure {
    Failure::new(ErrorName::RESULT_WRITER_FAILED, cause)
}

impl Writer {
    async fn add(&mut self, ended: &Ended) -> Result<(), Failure> {
        let record = record(&self.machine, ended);
        let part = match &ended.outcome {
            Outcome::Succeeded(_) => &mut self.succeeded,
            Outcome::Failed(_) | Outcome::TimedOut(_) => &mut self.failed,
        };
        part.buffer.push(if part.buffer.is_empty() { b'[' } else { b',' });
        part.buffer.extend(record.to_string().into_bytes());
        if part.buffer.len() < PART_BYTES {
            return Ok(());
        }
        part.write(self.store.as_ref(), &self.bucket, &self.folder).await
    }

    async fn finish(mut self, run: &MapRun<'_>) -> Result<Value, Failure> {
        self.succeeded.write(self.store.as_ref(), &self.bucket, &self.folder).await?;
        self.failed.write(self.store.as_ref(), &self.bucket, &self.folder).await?;
        let manifest = json!({
            "DestinationBucket": self.bucket,
            "MapRunArn": run.arn(),
            "ResultFiles": {
                "FAILED": self.failed.files,
                "PENDING": [],
                "SUCCEEDED": self.succeeded.files,
            },
        });
        let key = format!("{}/manifest.json", self.folder);
        let written_manifest = self.store.put(&self.bucket, &key, manifest.to_string().into_bytes()).await;
        written_manifest.map_err(|failure| refused(failure.cause))?;
        Ok(written(run.arn(), &self.bucket, &key))
    }
}

impl Part {
    async fn write(&mut self, store: &dyn ObjectStore, bucket: &str, folder: &str) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut content = std::mem::take(&mut self.buffer);
        content.push(b']');
        let key = format!("{folder}/{}_{}.json", self.status, self.files.len());
        self.files.push(json!({ "Key": key, "Size": content.len() }));
        store.put(bucket, &key, content).await.map_err(|failure| refused(failure.cause))
    }
}

/// One child as AWS describes it in a result file.
fn record(machine: &str, ended: &Ended) -> Value {
    let mut record = json!({
        "ExecutionArn": ended.id,
        "Input": ended.input.to_string(),
        "InputDetails": { "Included": true },
        "Name": ended.name,
        "RedriveCount": 0,
        "StartDate": timestamp(ended.started),
        "StateMachineArn": machine,
        "StopDate": timestamp(ended.stopped),
    });
    let failed = |record: &mut Value, failure: &Failure| {
        record["Error"] = failure.error.as_ref().map(|error| error.as_str()).into();
        record["Cause"] = failure.cause.as_deref().into();
    };
    match &ended.outcome {
        Outcome::Succeeded(output) => {
            record["Output"] = output.to_string().into();
            record["OutputDetails"] = json!({ "Included": true });
            record["Status"] = "SUCCEEDED".into();
        }
        Outcome::Failed(failure) => {
            failed(&mut record, failure);
            record["Status"] = "FAILED".into();
        }
        Outcome::TimedOut(failure) => {
            failed(&mut record, failure);
            record["Status"] = "TIMED_OUT".into();
        }
    }
    record
}
