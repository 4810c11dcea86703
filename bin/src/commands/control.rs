//! `run throttle`, `run pause` and `run go-on`: what is asked of a run while it goes on, the same way wherever it does.

use std::num::NonZeroU32;

use migration::Ledger;
use migration::control::{self, Control};
use migration::definition::Budget;
use migration::plan::Plan;

use crate::args::{RunArgs, ThrottleArgs};
use crate::commands::which::{self, Which};
use crate::errors::{CliError, Ended};
use crate::show;

/// Workers read the control entry with every lease of budget.
const HEEDED: &str = "its workers heed it within seconds";

pub(crate) async fn throttle(args: ThrottleArgs) -> Result<Ended, CliError> {
    let (ledger, plan) = under_way(&args.run).await?;
    let run = &plan.run;
    let now = control::read(&ledger, run).await?;
    let (write_units, read_units) = if args.default {
        (None, None)
    } else {
        (args.write_units.or(now.write_units), args.read_units.or(now.read_units))
    };
    let now = control::throttle(&ledger, run, write_units, read_units).await?;
    show::line(format_args!("run {run} may take {}; {HEEDED}", words(&now, &plan.definition.budget)));
    Ok(Ended::Done)
}

pub(crate) async fn pause(args: RunArgs) -> Result<Ended, CliError> {
    let (ledger, plan) = under_way(&args).await?;
    let run = &plan.run;
    control::pause(&ledger, run).await?;
    show::line(format_args!(
        "run {run} is paused: {HEEDED}, and finish what they have sent; `run go-on {run}` lets it go on"
    ));
    Ok(Ended::Done)
}

pub(crate) async fn go_on(args: RunArgs) -> Result<Ended, CliError> {
    let (ledger, plan) = under_way(&args).await?;
    let run = &plan.run;
    let now = control::go_on(&ledger, run).await?;
    show::line(format_args!("run {run} goes on, and may take {}; {HEEDED}", words(&now, &plan.definition.budget)));
    Ok(Ended::Done)
}

/// A run that is under way, and not about to end: of another nothing can be asked.
async fn under_way(args: &RunArgs) -> Result<(Ledger, Box<Plan>), CliError> {
    let (ledger, plan) = match which::find_named(args).await? {
        Which::Local { plan, .. } => return Err(which::has_ended(&plan.run)),
        Which::UnderWay { ledger, plan } => (ledger, plan),
        Which::Deployed { deployed, plan, .. } => {
            which::refuse_ended(&deployed, &plan).await?;
            (deployed.ledger(), plan)
        }
    };
    if control::read(&ledger, &plan.run).await?.stop {
        return Err(CliError::usage(format!("run {} is being stopped; nothing else can be asked of it", plan.run)));
    }
    Ok((ledger, plan))
}

/// The budget that is in force.
pub(crate) fn words(control: &Control, budget: &Budget) -> String {
    let units = |asked: Option<NonZeroU32>, planned: Option<NonZeroU32>, kind: &str| match asked.or(planned) {
        Some(units) => format!("{units} {kind} units a second"),
        None => format!("{} % of the table's {kind} units", budget.share.get()),
    };
    let writes = units(control.write_units, budget.write_units, "write");
    format!("{writes} and {}", units(control.read_units, budget.read_units, "read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_goes_before_what_was_planned() {
        let (two, budget) = (NonZeroU32::new(2), Budget { write_units: NonZeroU32::new(900), ..Budget::default() });
        let asked = Control { write_units: two, ..Control::default() };
        assert_eq!(words(&asked, &budget), "2 write units a second and 75 % of the table's read units");
        let none = Control::default();
        assert_eq!(words(&none, &budget), "900 write units a second and 75 % of the table's read units");
    }
}
