//! What is seen while a stack changes: a line for each event, and how it ended.

use anyhow::anyhow;
use console::style;

use super::signals::Signals;
use super::site::Site;
use super::terminal::line;
use crate::deploy::events::{Event, Seen};
use crate::deploy::follow::{self, Followed, Happening};
use crate::deploy::trouble::Trouble;
use crate::failure::Stopped;

/// Wide enough for what comes often: UPDATE_ROLLBACK_COMPLETE and its like are rare.
const STATUS_WIDTH: usize = 20;
/// So many causes tell what is wrong; the others are in the stack's events.
const CAUSES: usize = 5;

/// Something that goes on at AWS, with us or without us.
#[derive(Debug)]
pub(super) struct Operation<'o> {
    /// The stack's ARN.
    pub(super) id: &'o str,
    /// What had happened before it.
    pub(super) seen: Seen,
    /// What it is: `the deployment`.
    pub(super) what: &'static str,
    /// The command that follows it from where we stop.
    pub(super) again: String,
    /// The length of the longest logical id, as far as it is known.
    pub(super) width: usize,
}

/// Follows the stack to the end of what is under way.
pub(super) async fn follow(site: &Site, operation: Operation<'_>, signals: &mut Signals) -> anyhow::Result<Followed> {
    let Operation { id, seen, what, again, width } = operation;
    let mut width = width.max(site.stack.len());
    let tell = |happening: Happening<'_>| match happening {
        Happening::Event(event) => {
            width = width.max(event.resource.len());
            show(event, width);
        }
        Happening::NoAnswer(reason) => {
            line(style(format!("no answer from CloudFormation, asking again: {reason}")).for_stderr().yellow())
        }
        Happening::AnswersAgain => line("CloudFormation answers again"),
    };
    let goes_on = format!("{what} goes on at AWS; `{again}` shows how it ends");
    tokio::select! {
        biased;
        followed = follow::follow(&site.aws.cloudformation, id, seen, tell) => {
            followed.map_err(|trouble| match trouble {
                Trouble::Credentials(reason) => anyhow!(
                    "AWS doesn't take the credentials any more ({reason}); {what} goes on at AWS: renew them, e.g. with `aws sso \
                     login`, then `{again}` shows how it ends"
                ),
                other => other.into_error(&goes_on),
            })
        }
        () = signals.next() => Err(Stopped::new(format!("stopped looking; {goes_on}")).into()),
    }
}

fn show(event: &Event, width: usize) {
    let status = format!("{:<STATUS_WIDTH$}", event.status);
    let status = style(status).for_stderr();
    let status = if event.is_failure() || event.status.contains("ROLLBACK") {
        status.red()
    } else if event.status.ends_with("_COMPLETE") {
        status.green()
    } else {
        status
    };
    let (time, kind) = (style(&event.time).for_stderr().dim(), style(&event.kind).for_stderr().dim());
    line(format_args!("{time}  {status}  {:<width$}  {kind}", event.resource));
    if event.is_failure()
        && let Some(reason) = &event.reason
    {
        // Below the status.
        line(format_args!("{:11}{}", "", style(reason).for_stderr().red()));
    }
}

/// What made it fail, a line each.
pub(super) fn causes(followed: &Followed) -> String {
    let causes: Vec<_> = followed
        .causes
        .iter()
        .take(CAUSES)
        .map(|event| {
            let reason = event.reason.as_deref().unwrap_or("CloudFormation gives no reason");
            format!("\n  {} ({}): {reason}", event.resource, event.kind)
        })
        .collect();
    if causes.is_empty() { ", and no resource says why".into() } else { format!(":{}", causes.concat()) }
}
