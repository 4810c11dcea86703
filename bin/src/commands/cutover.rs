//! `run cutover`: moves the application from the source to the target once R17 holds, takes that back, or gives the copy up.

mod broken_off;
mod shell;

use std::time::Duration;

use indicatif::HumanCount;
use jiff::Timestamp;
use migration::Error;
use migration::cutover::{self, Cutover, Options, Phase};
use migration::plan::{Engine, Plan};
use serde_json::{Value, json};

use crate::args::{CutoverArgs, Output};
use crate::commands::copies::{self, Copy};
use crate::commands::copy_status;
use crate::commands::cutover::shell::Shell;
use crate::errors::{CliError, Ended};
use crate::signals::Signals;
use crate::{ask, show};

pub(crate) async fn cutover(args: CutoverArgs) -> Result<Ended, CliError> {
    let copy = copies::find(&args.run).await?;
    if args.abort {
        return abort(&copy, &args).await;
    }
    let (plan, services) = (&copy.plan, &copy.services);
    let run = &plan.run;
    let options = Options {
        reverse: args.reverse,
        within: Duration::from_secs(args.within),
        verified_within: Duration::from_secs(args.verified_within * 3_600),
    };
    let seen = cutover::look(services, run).await?;
    copy_status::lines(&seen).iter().for_each(|line| show::line(format_args!("  {line}")));
    let refusals = if seen.cutover.is_none() { cutover::refusals(&seen, &options) } else { Vec::new() };
    if !refusals.is_empty() {
        show::line(format_args!("run {run} can't be cut over yet, and nothing was changed:"));
        refusals.iter().for_each(|refusal| show::line(format_args!("  {}", refusal.words(run))));
        return Ok(Ended::RunFailed);
    }
    if seen.cutover.as_ref().is_none_or(|cutover| cutover.phase < Phase::Over) {
        say_what(&copy, seen.cutover.as_ref(), &args);
    }
    if !is_wanted(plan, args.yes, "cut over?")? {
        show::line("nothing was begun");
        return Ok(Ended::Stopped);
    }
    cut_over(&copy, options, &args).await
}

async fn cut_over(copy: &Copy, options: Options, args: &CutoverArgs) -> Result<Ended, CliError> {
    let (plan, services) = (&copy.plan, &copy.services);
    let mut signals = Signals::listen()?;
    let shell = Shell::new(plan, args);
    let done = tokio::select! {
        // An end that is there already goes before the wish to leave.
        biased;
        done = cutover::cut_over(services, &plan.run, options, &shell) => done,
        stage = shell.until_broken_off(&mut signals) => {
            broken_off::say(copy, stage).await;
            return Ok(Ended::Stopped);
        }
    };
    let done = done.map_err(|error| match shell.has_begun() {
        // Whatever it is, something was done: the application was stopped.
        true => CliError::failed(error.to_string()),
        false => error.into(),
    })?;
    report(plan, &done, args.output)?;
    Ok(Ended::Done)
}

async fn abort(copy: &Copy, args: &CutoverArgs) -> Result<Ended, CliError> {
    let (plan, services) = (&copy.plan, &copy.services);
    let run = &plan.run;
    let begun = cutover::read(&services.ledger, run).await?;
    // Where giving up was broken off, it goes on.
    if let Some(cutover) = begun.filter(|cutover| cutover.phase != Phase::GivenUp) {
        if cutover.phase >= Phase::EndingReplay {
            return Err(CliError::usage(format!(
                "run {run} is cut over: there is nothing to take back; a way back is opened by --reverse"
            )));
        }
        if unless_left(cutover::take_back(services, run)).await?.is_none() {
            return Ok(Ended::Stopped);
        }
        show::line(format_args!("the cut-over of run {run} is taken back: changes are carried on"));
        return Ok(Ended::Done);
    }
    let target = plan.definition.target.as_ref().map(|target| target.table.to_string()).unwrap_or_default();
    show::line(format_args!(
        "gives run {run} up {}: {target} is kept in step no more, and stays as it is; what isn't applied yet is let go",
        copy.place
    ));
    if !is_wanted(plan, args.yes, "give it up?")? {
        show::line("nothing was changed");
        return Ok(Ended::Stopped);
    }
    let Some(done) = unless_left(cutover::give_up(services, run)).await? else { return Ok(Ended::Stopped) };
    report(plan, &done, args.output)?;
    Ok(Ended::Done)
}

/// Takes something back, or gives it up; nothing where somebody has pressed Ctrl-C. All of it may be done twice.
async fn unless_left(undone: impl Future<Output = Result<Cutover, Error>>) -> Result<Option<Cutover>, CliError> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        biased;
        undone = undone => Ok(Some(undone?)),
        () = signals.next() => {
            show::line("broken off; the same command goes on");
            Ok(None)
        }
    }
}

fn say_what(copy: &Copy, begun: Option<&Cutover>, args: &CutoverArgs) {
    let definition = &copy.plan.definition;
    let target = definition.target.as_ref().map(|target| target.table.to_string()).unwrap_or_default();
    match begun {
        Some(begun) => show::line(format_args!(
            "goes on with the cut-over of run {} that began {}: {}",
            copy.plan.run,
            begun.began,
            copy_status::phase(begun.phase)
        )),
        None => show::line(format_args!(
            "cuts run {} over from {} to {target} {}",
            copy.plan.run, definition.source.table, copy.place
        )),
    }
    if begun.is_none_or(|begun| begun.phase <= Phase::EndingCapture) && args.before.is_none() {
        show::line(
            "  the application's writes to the source have to have stopped: what it writes from here on may be left behind",
        );
    }
}

/// Asks where real tables are meant.
fn is_wanted(plan: &Plan, yes: bool, question: &str) -> Result<bool, CliError> {
    if yes || plan.engine == Engine::Embedded {
        return Ok(true);
    }
    if !ask::is_possible() {
        return Err(CliError::usage("expected a terminal to ask on, or --yes; nothing was begun"));
    }
    Ok(ask::yes(question)?)
}

fn report(plan: &Plan, done: &Cutover, output: Output) -> Result<(), CliError> {
    match output {
        Output::Text => show::output(lines(plan, done).join("\n")),
        Output::Json => {
            lines(plan, done).iter().for_each(show::line);
            show::output(object(plan, done))
        }
    }
}

fn lines(plan: &Plan, done: &Cutover) -> Vec<String> {
    let (run, source) = (&plan.run, &plan.definition.source.table);
    let target = plan.definition.target.as_ref().map(|target| target.table.to_string()).unwrap_or_default();
    if done.phase == Phase::GivenUp {
        return vec![format!("{run} is given up: {target} isn't kept in step with {source} any more")];
    }
    let seconds = done.over.unwrap_or_else(Timestamp::now).duration_since(done.began).as_secs_f64();
    let mut lines = vec![
        format!("{run} is cut over after {seconds:.1} s: {target} takes the place of {source}"),
        format!("  source      {source}: nothing of it is carried any more; it stays as it is"),
    ];
    if done.left_out > 0 {
        let items = HumanCount(done.left_out);
        lines.push(format!(
            "  left out    {items} items of {source} by name: changes of theirs were dropped; `run differences {run}` lists them"
        ));
    }
    if let Some(attribute) = &done.expiry {
        lines.push(format!("  expiry      items of {target} expire by {attribute} from now on"));
        if done.back.is_some() {
            lines.push(format!("              and those of {source} by themselves, which isn't carried to {target}"));
        }
    }
    lines.push(match &done.back {
        Some(back) => format!(
            "  way back    {source} is kept in step with {target}; `run cutover {back}` goes back once `run verify {back}` \
             finds them so, `run cutover {back} --abort` gives that up"
        ),
        None => "  way back    none was opened".into(),
    });
    lines
}

fn object(plan: &Plan, done: &Cutover) -> Value {
    json!({
        "run": plan.run,
        "source": plan.definition.source.table,
        "target": plan.definition.target.as_ref().map(|target| &target.table),
        "phase": done.phase,
        "began": done.began,
        "over": done.over,
        "expiry": done.expiry,
        "left_out": done.left_out,
        "back": done.back,
    })
}
