//! `run stop`: asks a run to end in order, and follows it until it has. `--now` cuts off one on Step Functions that
//! doesn't heed.

use std::time::Duration;

use migration::cost::Prices;
use migration::plan::Plan;
use migration::{control, prewarm};
use tokio::time::{Instant, sleep};

use crate::args::StopArgs;
use crate::commands::follow::{self, CtrlC, End};
use crate::commands::which::{self, Which};
use crate::engine::step_functions::{Deployed, Target};
use crate::errors::{CliError, Ended};
use crate::signals::Signals;
use crate::{report, show};

/// EventBridge hands an event on within seconds, and the rule's function answers in as many.
const RESTORED_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_secs(2);

pub(crate) async fn stop(args: StopArgs) -> Result<Ended, CliError> {
    let prices = Prices::built_in()?;
    let mut signals = Signals::listen()?;
    let (end, plan) = match which::find_named(&args.run).await? {
        Which::Local { plan, .. } => return Err(which::has_ended(&plan.run)),
        Which::UnderWay { plan, .. } if args.now => {
            return Err(CliError::usage(format!(
                "--now is for runs on Step Functions; run {} is at work in another process of this machine, which a second \
                 Ctrl-C ends at once",
                plan.run
            )));
        }
        Which::UnderWay { ledger, plan } => {
            control::stop(&ledger, &plan.run).await?;
            say_asked(&plan);
            (follow::local(&plan, &mut signals).await?, plan)
        }
        Which::Deployed { deployed, plan, target } => {
            which::refuse_ended(&deployed, &plan).await?;
            if args.now {
                cut_off(&deployed, &plan, &target, &mut signals).await?;
            } else {
                control::stop(&deployed.ledger(), &plan.run).await?;
                say_asked(&plan);
            }
            (follow::deployed(*deployed, &plan, &target, CtrlC::Leaves, &mut signals).await?, plan)
        }
    };
    let has_ended = !matches!(end, End::Left);
    let ended = end.report(&plan, &prices, args.output).await?;
    // A run that was stopped is what was wanted; so is one that had come to its end before.
    Ok(if has_ended { Ended::Done } else { ended })
}

fn say_asked(plan: &Plan) {
    show::line(format_args!(
        "run {} is asked to stop: pages under way are finished, and capacity is put back; Ctrl-C only stops following it",
        plan.run
    ));
}

/// Ends the execution and what is left of its children; then nobody but the stack's rule puts the capacity back.
async fn cut_off(deployed: &Deployed, plan: &Plan, target: &Target, signals: &mut Signals) -> Result<(), CliError> {
    let run = &plan.run;
    let children = deployed.cut_off(plan).await?;
    show::line(format_args!(
        "run {run} is cut off: its execution is stopped, and {children} children that were left of it"
    ));
    let Some(raised) = prewarm::raised_by(&deployed.ledger(), run).await? else { return Ok(()) };
    let before = report::words(&raised.before);
    if !raised.restored {
        show::line(format_args!("its table is raised: the stack's rule puts it back to {before}"));
    }
    let is_back = tokio::select! {
        is_back = is_restored(deployed, plan) => is_back?,
        () = signals.next() => false,
    };
    if is_back {
        show::line(format_args!("the table has {before} again"));
        return Ok(());
    }
    Err(CliError::failed(format!(
        "run {run} is cut off, and the rule has not put its table back to {before} yet; `{}` shows whether it has, `{}` \
         does it by hand",
        target.command("status", run),
        target.command("restore", run)
    )))
}

/// Whether the capacity is back, once it is or time is up.
async fn is_restored(deployed: &Deployed, plan: &Plan) -> Result<bool, CliError> {
    let deadline = Instant::now() + RESTORED_WITHIN;
    loop {
        if prewarm::still_raised(&deployed.ledger(), &plan.run).await?.is_none() {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(POLL).await;
    }
}
