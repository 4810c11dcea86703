//! The report of a run on Step Functions that has ended, and what can be done after it.

use migration::Kind;
use migration::cost::Prices;
use migration::plan::Plan;
use migration::summary::{self, RunFailure, Segments, Status, Summary};

use crate::args::Output;
use crate::commands::conclude::{conclude, to_go_on};
use crate::engine::Left;
use crate::engine::step_functions::{Deployed, Look};
use crate::errors::{CliError, Ended};

/// Says how it ended: by its own report, or, where it came to none, by what its ledger and Step Functions tell.
pub(crate) fn report(
    deployed: &Deployed,
    plan: &Plan,
    look: &Look,
    left: &Left,
    prices: &Prices,
    output: Output,
) -> Result<Ended, CliError> {
    let reported = left.summary.clone().filter(|summary| summary.attempt == plan.attempt);
    let summary = reported.unwrap_or_else(|| unreported(plan, look));
    let notes = notes(deployed, plan, &summary, left);
    conclude(&summary, plan, left, prices, &notes, output)
}

/// The end of an execution that came to no report: it failed before its plan was written, timed out, or was aborted.
fn unreported(plan: &Plan, look: &Look) -> Summary {
    let (total, succeeded) = (plan.definition.segments.get(), look.stand.so_far.segments_done);
    let execution = &look.execution;
    let reason = match execution.cause.as_deref().unwrap_or_default() {
        "" => format!("its execution {}, and gave no cause", execution.ended()),
        cause => summary::reason(cause),
    };
    let error = execution.error.clone().unwrap_or_else(|| execution.status.as_str().to_owned());
    let ended = execution.stopped.unwrap_or(execution.started);
    let status = if error == Kind::Stopped.name() { Status::Stopped } else { Status::Failed };
    Summary {
        run: plan.run.clone(),
        attempt: plan.attempt,
        engine: plan.engine,
        status,
        failure: Some(RunFailure { error, reason }),
        segments: Segments { total, succeeded, failed: total - succeeded },
        counts: look.stand.so_far.counts,
        verified: None,
        limits: look.stand.so_far.limits.clone(),
        seconds: ended.duration_since(execution.started).as_secs_f64(),
    }
}

fn notes(deployed: &Deployed, plan: &Plan, summary: &Summary, left: &Left) -> Vec<String> {
    let (stack, run) = (&deployed.stack, &summary.run);
    let mut notes = vec![
        format!("ledger      table {} of stack {}", stack.ledger, stack.name),
        format!("execution   {}", deployed.execution_arn(plan).console()),
        format!("dashboard   {}", stack.dashboard),
    ];
    if left.raised.as_ref().is_some_and(|raised| !raised.restored) {
        notes.push(format!(
            "to restore  the stack's rule does it when an execution was cut off; `run status {run}` shows whether it has, \
             `run restore {run}` does it by hand"
        ));
    }
    if left.is_prepared {
        notes.extend(to_go_on(summary, "mend the migration, deploy it"));
    }
    notes
}
