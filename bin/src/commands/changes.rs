//! `run changes`: the changes of a copy that could not be applied, a line each; tries them again, or takes them out by name.

use migration::cutover::letters::{self, Which};
use serde_json::{Value, json};

use crate::args::ChangesArgs;
use crate::commands::copies;
use crate::errors::{CliError, Ended};
use crate::show;

pub(crate) async fn changes(args: ChangesArgs) -> Result<Ended, CliError> {
    let which = match (&args.retry, &args.drop) {
        (Some(None), _) => Some(Which::All),
        (Some(Some(key)), _) | (None, Some(key)) => Some(read(key)?),
        (None, None) => None,
    };
    let copy = copies::find(&args.run).await?;
    let (services, run) = (&copy.services, &copy.plan.run);
    let letters = match &which {
        None => letters::list(services, run).await?,
        Some(which) if args.retry.is_some() => letters::retry(services, run, which).await?,
        Some(which) => letters::drop_named(services, run, which).await?,
    };
    for letter in &letters {
        show::output(json!(letter))?;
    }
    let (count, s) = (letters.len(), if letters.len() == 1 { "" } else { "s" });
    match which {
        None => {}
        Some(Which::OfItem(_) | Which::Event(_)) if letters.is_empty() => {
            return Err(CliError::usage(format!(
                "expected a change by that name that could not be applied, found none; `run changes {run}` lists those that \
                 there are"
            )));
        }
        Some(_) if args.retry.is_some() => show::line(format_args!(
            "{count} change{s} taken out: replay was asked to bring their items in step as they are now"
        )),
        Some(_) => show::line(format_args!(
            "{count} change{s} dropped: never applied; `run verify {run}` finds what that leaves different"
        )),
    }
    Ok(Ended::Done)
}

/// A key or an event as the list shows it.
fn read(name: &str) -> Result<Which, CliError> {
    let is_event = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
    if is_event && !name.is_empty() {
        return Ok(Which::Event(name.to_owned()));
    }
    let key: Option<Value> = serde_json::from_str(name).ok().filter(Value::is_object);
    key.map(Which::OfItem).ok_or_else(|| {
        CliError::usage(
            "expected a key as `run changes` shows it, such as '{\"id\":{\"S\":\"a\"}}', or the event that it shows, found \
             something else",
        )
    })
}
