//! `infra diff`: what a deployment would change, without changing anything.

use aws_sdk_cloudformation::types::StackStatus;
use console::{Style, style};
use migration::Task;
use serde_json::{Value, json};

use super::output;
use super::signals::Signals;
use super::site::{FunctionArgs, Site, Which};
use super::terminal::line;
use crate::assets::Assets;
use crate::deploy::bucket::{self, Choice, Wish};
use crate::deploy::difference::{Difference, What, differences};
use crate::deploy::stacks;
use crate::stack;

#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    functions: FunctionArgs,
}

pub(super) async fn diff(args: DiffArgs) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    signals.unless("stopped", compare(args)).await
}

async fn compare(args: DiffArgs) -> anyhow::Result<()> {
    let definition = args.which.definition()?;
    let site = Site::find(&args.which, definition).await?;
    site.check_owner()?;
    // Where there is no bucket yet, a deployment wants the CDK's or says what else can be done.
    let bucket = match bucket::choose(&site.aws, Wish { named: args.functions.bucket.as_ref(), create: true }).await? {
        Choice::Use(bucket) => bucket,
        Choice::Create(bucket) if args.functions.bucket.is_some() => bucket,
        Choice::Create(_) | Choice::None => bucket::bootstrap(&site.aws),
    };
    let assets = Assets::of_workspace(args.functions.architecture, bucket.asset, Task::of(&site.definition))?;
    let ours = serde_json::to_value(stack::template(&site.definition, &assets)?)?;
    let deployed = deployed(&site).await?;
    let found = differences(&deployed, &ours);
    if found.is_empty() {
        line("no differences");
        return Ok(());
    }
    output(&found.iter().map(words).collect::<String>())
}

/// The template of the stack that is there; of one that isn't everything is new.
async fn deployed(site: &Site) -> anyhow::Result<Value> {
    let Site { stack, found, .. } = site;
    let place = site.aws.place();
    match found {
        Some(found) if has_resources(&found.status) => {
            line(format_args!("stack {stack} in {place}: {}", found.status));
            stacks::template(&site.aws.cloudformation, &found.id).await
        }
        Some(found) => {
            line(format_args!("stack {stack} in {place}: {}, so everything is new", found.status));
            Ok(json!({}))
        }
        None => {
            line(format_args!("stack {stack} in {place}: it isn't there, so everything is new"));
            Ok(json!({}))
        }
    }
}

/// Of a stack whose first deployment was taken back, or has yet to come, the template alone is there.
fn has_resources(status: &StackStatus) -> bool {
    !matches!(status, StackStatus::ReviewInProgress | StackStatus::RollbackComplete | StackStatus::DeleteComplete)
}

fn words(difference: &Difference) -> String {
    let Difference { place, kind, what } = difference;
    let heading = |sign: char, style: Style| {
        let kind = kind.as_ref().map(|kind| format!("  {kind}")).unwrap_or_default();
        format!("{}{kind}\n", style.apply_to(format!("{sign} {place}")))
    };
    match what {
        What::Added => heading('+', Style::new().green()),
        What::Removed => heading('-', Style::new().red()),
        What::Changed(pieces) => {
            let pieces: Vec<String> = pieces
                .iter()
                .map(|piece| {
                    let lines = piece.iter().map(|line| {
                        let text = format!("    {} {}", line.sign, line.text);
                        match line.sign {
                            '+' => format!("{}\n", style(text).green()),
                            '-' => format!("{}\n", style(text).red()),
                            _ => format!("{text}\n"),
                        }
                    });
                    lines.collect()
                })
                .collect();
            format!("{}{}", heading('~', Style::new().yellow()), pieces.join("      …\n"))
        }
    }
}
