//! The books of a copy: what it has begun, so that whoever goes on, cuts over or gives up finds it again.
//!
//! Each change is made to the entry that was read, and made again where somebody else was faster: none is lost.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger};
use crate::patience::{Meter, patiently};
use crate::plan::{Plan, RunId};

/// How a copy is carried.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Course {
    /// Whether the copy has created the target.
    #[serde(skip_serializing_if = "is_false")]
    pub target_made: bool,
    /// What of the source's definition the target that was created doesn't have, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_copied: Vec<String>,
    /// The attribute that the source's items expire by, where the target was created and doesn't expire its own yet: each table
    /// would delete an expired item at a time of its own. The source's deletes are carried as any others; the cut-over lets the
    /// target begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry: Option<String>,
    /// Whether the copy has switched the source's stream on: whoever ends it switches it off again.
    #[serde(skip_serializing_if = "is_false")]
    pub stream_enabled_by_us: bool,
    /// The stream that is captured, by its ARN: one that is switched off and on again is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The mapping from the stream to capture, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture: Option<String>,
    /// When capture was known to run: no page was read before (R13).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_from: Option<Timestamp>,
    /// When no worker of the bulk could be alive any more (R14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_over: Option<Timestamp>,
    /// The mapping from the queue to replay, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// When the target had come up with the source for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_step: Option<Timestamp>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Course {
    /// Refuses a stream that isn't the one that was captured from the beginning: of what was changed in between nobody knows.
    pub(crate) fn check_stream(&self, arn: &str, plan: &Plan) -> Result<(), Error> {
        match &self.stream {
            Some(known) if known != arn => Err(Error::invalid(format!(
                "expected the stream of table {} that run {run} has captured, found another: it was switched off and on again, \
                 and what was changed in between is carried by nobody; end the copy with `run cutover {run} --abort`, and run \
                 the migration anew",
                plan.definition.source.table,
                run = plan.run,
            ))),
            _ => Ok(()),
        }
    }
}

/// How a run's copy is carried; nothing yet where it has begun nothing.
pub async fn course(ledger: &Ledger, run: &RunId) -> Result<Course, Error> {
    Ok(ledger.get(run, Entry::Copy).await?.unwrap_or_default())
}

/// Changes the books of a run's copy, and says what they are then. `change` may be called several times.
pub(crate) async fn amend(ledger: &Ledger, run: &RunId, change: impl Fn(&mut Course)) -> Result<Course, Error> {
    patiently(&Meter::default(), async || {
        let (before, body) = ledger.get_with_body::<Course>(run, Entry::Copy).await?.unzip();
        let before = before.unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        let is_written = match body {
            _ if after == before => true,
            Some(body) => ledger.replace(run, Entry::Copy, &body, &after).await?,
            None => ledger.put_first(run, Entry::Copy, &after).await?,
        };
        match is_written {
            true => Ok(after),
            false => Err(Error::new(Kind::Busy, "the books of the copy are being changed")),
        }
    })
    .await
}
