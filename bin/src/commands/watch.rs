//! `run watch`: follows a run to its end and its report, from any terminal. It only looks.

use migration::Kind;
use migration::cost::Prices;
use migration::plan::{Plan, RunId};
use migration::summary::{self, RunFailure, Segments, Status, Summary};

use crate::args::{Output, SomeRunArgs};
use crate::commands::conclude::conclude;
use crate::commands::migrate::first_contact;
use crate::commands::under_way;
use crate::commands::which::{self, Which};
use crate::engine::Left;
use crate::engine::step_functions::{Deployed, Followed, Look, Target, follow};
use crate::errors::{CliError, Ended};
use crate::progress::RemoteProgress;
use crate::show;
use crate::signals::Signals;

pub(crate) async fn watch(args: SomeRunArgs) -> Result<Ended, CliError> {
    let prices = Prices::built_in()?;
    match which::find(&args).await? {
        Which::UnderWay { plan, .. } => {
            let signals = Signals::listen()?;
            show::line(format_args!("run {}: in another process of this machine", plan.run));
            local_to_its_end(&plan, &prices, args.output, signals).await
        }
        Which::Local { ledger, plan } => which::report_of_local(&ledger, &plan, &prices, args.output).await,
        Which::Deployed { deployed, plan, target } => {
            // Whoever may not look at the table would not see the report.
            first_contact(&deployed.aws.dynamodb, plan.definition.source.table.as_str()).await?;
            let mut signals = Signals::listen()?;
            show::line(format_args!("run {}: {}", plan.run, deployed.execution_arn(&plan.run).console()));
            to_its_end(*deployed, &plan, &target, &prices, args.output, &mut signals).await
        }
    }
}

/// Follows a run in another process to its end, and reports.
async fn local_to_its_end(
    plan: &Plan,
    prices: &Prices,
    output: Output,
    mut signals: Signals,
) -> Result<Ended, CliError> {
    let mut progress = RemoteProgress::new(plan);
    let ended = tokio::select! {
        biased;
        ended = under_way::until_ended(plan, &mut progress) => Some(ended?),
        () = signals.next() => None,
    };
    progress.finish();
    match ended {
        Some(ledger) => which::report_of_local(&ledger, plan, prices, output).await,
        None => {
            let run = &plan.run;
            show::line(format_args!(
                "stopped following: run {run} goes on in its process; `run watch {run}` follows it again, `run stop {run}` \
                 ends it in order"
            ));
            Ok(Ended::Stopped)
        }
    }
}

/// Follows a run at AWS to its end, and reports.
pub(crate) async fn to_its_end(
    mut deployed: Deployed,
    plan: &Plan,
    target: &Target,
    prices: &Prices,
    output: Output,
    signals: &mut Signals,
) -> Result<Ended, CliError> {
    let mut progress = RemoteProgress::new(plan);
    let followed = follow(&mut deployed, plan, signals, &mut progress).await;
    progress.finish();
    match followed? {
        Followed::Ended { look, left } => report(&deployed, plan, &look, &left, prices, output),
        Followed::Left => {
            let run = &plan.run;
            show::line(format_args!(
                "stopped following: run {run} goes on at AWS; `{}` follows it again, and its page in the console can stop it: \
                 {}",
                command(run, target),
                deployed.execution_arn(run).console()
            ));
            Ok(Ended::Stopped)
        }
    }
}

/// The report of a run that has ended.
pub(crate) fn report(
    deployed: &Deployed,
    plan: &Plan,
    look: &Look,
    left: &Left,
    prices: &Prices,
    output: Output,
) -> Result<Ended, CliError> {
    let summary = left.summary.clone().unwrap_or_else(|| unreported(plan, look));
    let (table, notes) = (&plan.definition.source.table, notes(deployed, &summary, left));
    conclude(&summary, table, left, prices, &notes, output)
}

/// The end of an execution that came to no report: it failed before its plan was written, timed out, or was aborted.
fn unreported(plan: &Plan, look: &Look) -> Summary {
    let (total, succeeded) = (plan.definition.segments.get(), look.so_far.segments_done);
    let execution = &look.execution;
    let reason = match execution.cause.as_deref().unwrap_or_default() {
        "" => format!("its execution {}, and gave no cause", execution.ended()),
        cause => summary::reason(cause),
    };
    let error = execution.error.clone().unwrap_or_else(|| execution.status.as_str().to_owned());
    let ended = execution.stopped.unwrap_or(execution.started);
    Summary {
        run: plan.run.clone(),
        attempt: plan.attempt,
        engine: plan.engine,
        status: Status::Failed,
        failure: Some(RunFailure { error, reason }),
        segments: Segments { total, succeeded, failed: total - succeeded },
        counts: look.so_far.counts,
        seconds: ended.duration_since(execution.started).as_secs_f64(),
    }
}

fn notes(deployed: &Deployed, summary: &Summary, left: &Left) -> Vec<String> {
    let (stack, run) = (&deployed.stack, &summary.run);
    let mut notes = vec![
        format!("ledger      table {} of stack {}", stack.ledger, stack.name),
        format!("execution   {}", deployed.execution_arn(run).console()),
        format!("dashboard   {}", stack.dashboard),
    ];
    if left.raised.as_ref().is_some_and(|raised| !raised.restored) {
        notes.push(format!(
            "to restore  the stack's rule does it when an execution was cut off; `run status {run}` shows whether it has, \
             `run restore {run}` does it by hand"
        ));
    }
    if let Some(failure) = &summary.failure {
        let first = if failure.error == Kind::TooManyFailedItems.name() {
            "mend the migration, deploy it, and run"
        } else {
            "run"
        };
        notes.push(format!("to go on    {first} it again: what is done is not written twice"));
    }
    notes
}

/// The command that follows a run again.
pub(crate) fn command(run: &RunId, target: &Target) -> String {
    format!("run watch {run}{}", target.flag())
}
