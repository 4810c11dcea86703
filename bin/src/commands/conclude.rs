//! The report of a run that has ended, wherever it ran.

use migration::Kind;
use migration::cost::Prices;
use migration::plan::{Job, Plan};
use migration::summary::Summary;

use crate::args::Output;
use crate::commands::copy_status;
use crate::engine::Left;
use crate::errors::{CliError, Ended};
use crate::report::{self, Report, copied, counted, verified};
use crate::show;

/// The report on stdout; with `--output json` the object on stdout, and what it has no place for on stderr.
pub(crate) fn conclude(
    summary: &Summary,
    plan: &Plan,
    left: &Left,
    prices: &Prices,
    notes: &[String],
    output: Output,
) -> Result<Ended, CliError> {
    let (lines, object) = match plan.job {
        Job::Count => (counted::lines(summary, plan, prices, notes), counted::json(summary, plan)),
        Job::Verify { .. } => {
            (verified::lines(summary, plan, &left.differences, prices, notes), verified::json(summary, plan))
        }
        Job::Migrate => {
            let report = of_migration(summary, plan, left, prices, notes);
            match plan.definition.target {
                Some(_) => (copied::lines(&report, plan, left), copied::json(summary, plan, left)),
                None => (report.lines(), report::json(summary)),
            }
        }
    };
    let (mut lines, mut object) = (lines, object);
    if summary.failure.as_ref().is_some_and(|failure| failure.error == Kind::TablesDiffer.name()) {
        let run = plan.copy();
        lines.push(match &plan.definition.target {
            Some(_) if left.is_handed_over => {
                "  to go on    nothing: since its cut-over, or since it was given up, the target is not the copy's"
                    .into()
            }
            Some(_) => {
                format!("  to go on    `run verify {run} --repair` sets right what differs; then `run verify {run}`")
            }
            None => "  to go on    `run` does what the migration has left to do".into(),
        });
    }
    if let Some(copy) = &left.copy {
        lines.extend(copy_status::lines_of(copy).iter().map(|line| format!("  {line}")));
        copy_status::add_to(&mut object, copy);
    }
    match output {
        Output::Text => show::output(lines.join("\n"))?,
        Output::Json => {
            lines.iter().for_each(show::line);
            show::output(object)?;
        }
    }
    Ok(summary.status.into())
}

fn of_migration<'r>(
    summary: &'r Summary,
    plan: &'r Plan,
    left: &'r Left,
    prices: &'r Prices,
    notes: &'r [String],
) -> Report<'r> {
    Report {
        summary,
        table: plan.definition.source.table.as_str(),
        raised: left.raised.as_ref(),
        after: left.table.as_ref(),
        failures: &left.failures,
        prices,
        notes,
    }
}

/// What leads on from a run that did not succeed; `mend` says how a migration is mended there.
pub(crate) fn to_go_on(summary: &Summary, mend: &str) -> Option<String> {
    let run = &summary.run;
    // What differs is said where it is listed.
    if summary.failure.as_ref()?.error == Kind::TablesDiffer.name() {
        return None;
    }
    if summary.failure.as_ref()?.error != Kind::TooManyFailedItems.name() {
        return Some(format!("to go on    run resume {run}"));
    }
    // Going on alone would leave the failed items as they are.
    let then = if summary.segments.failed > 0 { format!("; then `run resume {run}`") } else { String::new() };
    Some(format!("to go on    {mend}, and `run retry {run}`: it takes up the failed items alone{then}"))
}
