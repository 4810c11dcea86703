//! Follows what happens to a stack to its end. Neither throttling nor faults nor lost answers end it; credentials that
//! have run out do, as nothing can be seen any more.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackStatus;

use super::events::{Event, Look, Seen};
use super::stacks;
use super::state::is_final;
use super::trouble::Trouble;

/// The first look at what was just begun.
const FIRST: Duration = Duration::from_millis(250);
/// CloudFormation bears about ten calls a second from a whole account, and most of its steps take longer than this.
const LONGEST: Duration = Duration::from_secs(3);

/// How long to wait between two looks: longer and longer while nothing is new.
#[derive(Debug)]
pub struct Pace(Duration);

impl Pace {
    #[allow(clippy::new_without_default, reason = "a pace is begun, there is no usual one")]
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 3 / 2).min(LONGEST);
    }
}

/// What the follower tells of.
#[derive(Debug)]
pub enum Happening<'e> {
    /// Something happened to the stack.
    Event(&'e Event),
    /// There is no answer at the moment; it is asked for again and again.
    NoAnswer(&'e str),
    /// There is one again.
    AnswersAgain,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The state that the stack is in now.
    pub status: StackStatus,
    /// What made it fail, in order.
    pub causes: Vec<Event>,
}

/// Everything that has happened to the stack so far.
pub async fn seen_so_far(client: &Client, stack: &str) -> anyhow::Result<Seen> {
    Ok(Seen::all(&newest(client, stack).await?))
}

/// Everything that had happened before the operation that is under way.
pub async fn seen_before(client: &Client, stack: &str) -> anyhow::Result<Seen> {
    Ok(Seen::before_this_operation(&newest(client, stack).await?, stack))
}

async fn newest(client: &Client, stack: &str) -> anyhow::Result<Vec<aws_sdk_cloudformation::types::StackEvent>> {
    let page = client.describe_stack_events().stack_name(stack).send().await;
    let page = page.map_err(|error| Trouble::of(&error).into_error("the stack's events can't be read"))?;
    Ok(page.stack_events.unwrap_or_default())
}

/// Tells of every new event until the stack's operation has ended. `stack` is its ARN, by which a stack can be found that
/// has been deleted.
pub async fn follow(
    client: &Client,
    stack: &str,
    mut seen: Seen,
    mut tell: impl FnMut(Happening<'_>),
) -> Result<Followed, Trouble> {
    let mut pace = Pace::new();
    let mut causes = Vec::new();
    let mut is_silent = false;
    let mut has_ended = false;
    loop {
        let looked = look(client, stack, &mut seen).await;
        if is_silent && !matches!(looked, Err(Trouble::Passing(_))) {
            is_silent = false;
            tell(Happening::AnswersAgain);
        }
        let is_new = match looked {
            Ok(events) => {
                for event in &events {
                    tell(Happening::Event(event));
                }
                has_ended |= events.iter().any(|event| event.end().is_some());
                causes.extend(events.iter().filter(|event| event.is_cause()).cloned());
                !events.is_empty()
            }
            Err(Trouble::Passing(reason)) => {
                if !is_silent {
                    tell(Happening::NoAnswer(&reason));
                }
                is_silent = true;
                false
            }
            // By its ARN a deleted stack is known for 90 days; what doesn't know it any more has nothing of it left.
            Err(Trouble::Refused { code, .. }) if code == "ValidationError" => {
                return Ok(Followed { status: StackStatus::DeleteComplete, causes });
            }
            Err(trouble) => return Err(trouble),
        };
        if has_ended && let Some(status) = final_status(client, stack).await? {
            return Ok(Followed { status, causes });
        }
        if is_new {
            pace = Pace::new();
        }
        pace.pause().await;
    }
}

async fn look(client: &Client, stack: &str, seen: &mut Seen) -> Result<Vec<Event>, Trouble> {
    // Only a look that came to its end counts: what it saw would else be missing from the next one.
    let mut attempt = seen.clone();
    let mut look = Look::new(&mut attempt);
    let mut pages = client.describe_stack_events().stack_name(stack).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Trouble::of(&error))?;
        if !look.add(page.stack_events(), stack) {
            break;
        }
    }
    let events = look.in_order();
    *seen = attempt;
    Ok(events)
}

/// An event may say the end of one part of the operation; the stack's own state is what counts.
async fn final_status(client: &Client, stack: &str) -> Result<Option<StackStatus>, Trouble> {
    match stacks::described(client, stack).await {
        Ok(Some(stack)) => Ok(is_final(&stack.status).then_some(stack.status)),
        Ok(None) => Ok(Some(StackStatus::DeleteComplete)),
        Err(Trouble::Passing(_)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}
