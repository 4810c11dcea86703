//! What is said of a cut-over that somebody has left by Ctrl-C: how it stands, how it goes on, and how it is taken back.

use migration::Error;
use migration::cutover::{self, Phase};
use migration::plan::RunId;

use super::shell::Stage;
use crate::commands::copies::Copy;
use crate::commands::copy_status;
use crate::show;

/// Says how it stands by the ledger, which may be further than was seen here.
pub(super) async fn say(copy: &Copy, stage: Stage) {
    let (run, source) = (&copy.plan.run, copy.plan.definition.source.table.as_str());
    let found = cutover::read(&copy.services.ledger, run).await;
    let lines = match found.map(|cutover| cutover.map(|cutover| cutover.phase)) {
        Ok(phase) => words(run, source, phase, stage),
        Err(error) => unknown(run, &error),
    };
    lines.iter().for_each(show::line);
}

const GO_ON: &str = "  to go on    the same command";

fn words(run: &RunId, source: &str, phase: Option<Phase>, stage: Stage) -> Vec<String> {
    let mut lines = match phase {
        // `--abort` would give the copy up.
        None => vec!["broken off: the cut-over was not begun, and changes are carried on".into(), GO_ON.into()],
        Some(phase) => begun(run, source, phase),
    };
    if let Stage::Hook(flag) = stage {
        lines.push(format!("  {flag:<11} goes on by itself, and is run once more by whoever goes on"));
    }
    lines
}

fn begun(run: &RunId, source: &str, phase: Phase) -> Vec<String> {
    let at = copy_status::phase(phase);
    match phase {
        Phase::TakingBack => vec![format!("broken off: {at}"), format!("  to go on    `run cutover {run} --abort`")],
        Phase::Draining | Phase::EndingCapture => vec![
            format!(
                "broken off: {at}; the application has to stand still until the cut-over goes on, or is taken back"
            ),
            GO_ON.into(),
            format!("  take back   `run cutover {run} --abort`; then the application may write to {source} again"),
        ],
        Phase::EndingReplay | Phase::TurningRound | Phase::Moving => {
            vec![format!("broken off: {at}; the cut-over can't be taken back any more"), GO_ON.into()]
        }
        Phase::Clearing => vec![format!("broken off: the application is moved; {at} is left"), GO_ON.into()],
        Phase::Over => vec![format!("run {run} is cut over")],
        Phase::GivenUp => vec![format!("run {run}: {at}")],
    }
}

fn unknown(run: &RunId, error: &Error) -> Vec<String> {
    vec![format!("broken off; how it stands can't be read ({error}): `run status {run}` says it"), GO_ON.into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be done about it, phase by phase: what can't be taken back isn't offered to be, and where nothing was begun
    /// `--abort` would give the copy up.
    #[test]
    fn each_phase_says_what_leads_on() {
        let phases = [
            None,
            Some(Phase::TakingBack),
            Some(Phase::Draining),
            Some(Phase::EndingCapture),
            Some(Phase::EndingReplay),
            Some(Phase::TurningRound),
            Some(Phase::Moving),
            Some(Phase::Clearing),
            Some(Phase::Over),
            Some(Phase::GivenUp),
        ];
        let run = RunId::named("films-20261120T221935777Z");
        let mut lines: Vec<_> =
            phases.into_iter().flat_map(|phase| words(&run, "movies", phase, Stage::Resumable)).collect();
        lines.extend(words(&run, "movies", Some(Phase::Moving), Stage::Hook("--after")));
        lines.extend(unknown(&run, &Error::invalid("no answer")));
        insta::assert_snapshot!(lines.join("\n"));
    }
}
