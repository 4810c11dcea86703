//! Follows a run to its end, wherever it goes on: on Step Functions, or in another process of this machine.

use migration::control;
use migration::cost::Prices;
use migration::plan::Plan;

use crate::args::Output;
use crate::commands::{deployed_report, under_way, which};
use crate::engine::step_functions::{self, Deployed, Followed, Look, Target};
use crate::engine::{Left, LocalLedger};
use crate::errors::{CliError, Ended};
use crate::progress::RemoteProgress;
use crate::show;
use crate::signals::Signals;

/// What the first Ctrl-C does. One that comes after it always ends the following.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CtrlC {
    /// It ends the following, and the run goes on.
    Leaves,
    /// It asks the run to stop.
    Stops,
}

/// How following came to its end.
pub(crate) enum End {
    OfDeployed {
        deployed: Box<Deployed>,
        look: Box<Look>,
        left: Box<Left>,
    },
    OfLocal(Box<LocalLedger>),
    /// Somebody left; it is said how the run stands.
    Left,
}

impl End {
    /// The report of a run that has ended.
    pub(crate) async fn report(self, plan: &Plan, prices: &Prices, output: Output) -> Result<Ended, CliError> {
        match self {
            Self::OfDeployed { deployed, look, left } => {
                deployed_report::report(&deployed, plan, &look, &left, prices, output)
            }
            Self::OfLocal(ledger) => which::report_of_local(&ledger, plan, prices, output).await,
            Self::Left => Ok(Ended::Stopped),
        }
    }
}

/// Follows a run on Step Functions.
pub(crate) async fn deployed(
    mut deployed: Deployed,
    plan: &Plan,
    target: &Target,
    ctrl_c: CtrlC,
    signals: &mut Signals,
) -> Result<End, CliError> {
    let mut progress = RemoteProgress::new(plan);
    let mut is_asked = false;
    loop {
        let followed = step_functions::follow(&mut deployed, plan, signals, &mut progress).await;
        match followed {
            Ok(Followed::Left) if ctrl_c == CtrlC::Stops && !is_asked => {
                progress.say(
                    "stopping: pages under way are finished, and capacity is put back; Ctrl-C again leaves at once",
                );
                is_asked = ask_to_stop(&deployed, plan, &progress, signals).await;
                if is_asked {
                    continue;
                }
            }
            Ok(Followed::Ended { look, left }) => {
                progress.finish();
                return Ok(End::OfDeployed { deployed: Box::new(deployed), look, left });
            }
            Ok(Followed::Left) => {}
            Err(error) => {
                progress.finish();
                return Err(error);
            }
        }
        progress.finish();
        say_left(&deployed, plan, target, is_asked);
        return Ok(End::Left);
    }
}

/// Whether the run was asked; not where the ledger can't be written, or somebody wouldn't wait for it.
async fn ask_to_stop(deployed: &Deployed, plan: &Plan, progress: &RemoteProgress, signals: &mut Signals) -> bool {
    let ledger = deployed.ledger();
    let asked = tokio::select! {
        asked = control::stop(&ledger, &plan.run) => asked,
        () = signals.next() => return false,
    };
    if let Err(error) = &asked {
        progress.say(&format!("it can't be asked to stop: {error}"));
    }
    asked.is_ok()
}

fn say_left(deployed: &Deployed, plan: &Plan, target: &Target, is_asked: bool) {
    let run = &plan.run;
    let (watch, stop) = (target.command("watch", run), target.command("stop", run));
    let stands = if is_asked {
        let resume = target.command("resume", run);
        format!(
            "is stopping at AWS; `{watch}` follows it again, `{stop} --now` cuts it off, `{resume}` goes on once it has ended"
        )
    } else {
        format!("goes on at AWS; `{watch}` follows it again, `{stop}` ends it in order")
    };
    show::line(format_args!("stopped following: run {run} {stands}: {}", deployed.execution_arn(plan).console()));
}

/// Follows a run of this folder that another process works on. Ctrl-C only ends the following.
pub(crate) async fn local(plan: &Plan, signals: &mut Signals) -> Result<End, CliError> {
    let mut progress = RemoteProgress::new(plan);
    let ended = tokio::select! {
        biased;
        ended = under_way::until_ended(plan, &mut progress) => Some(ended),
        () = signals.next() => None,
    };
    progress.finish();
    if let Some(ledger) = ended {
        return Ok(End::OfLocal(Box::new(ledger?)));
    }
    let run = &plan.run;
    show::line(format_args!(
        "stopped following: run {run} goes on in its process; `run watch {run}` follows it again, `run stop {run}` ends it \
         in order"
    ));
    Ok(End::Left)
}
