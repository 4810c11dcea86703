//! A stack's events: which are new, which of them tells why a deployment failed, and which is its end. Pure.

use std::collections::HashSet;

use aws_sdk_cloudformation::primitives::DateTime;
use aws_sdk_cloudformation::types::{StackEvent, StackStatus};
use jiff::Timestamp;

use super::state::is_final;

/// The type by which a stack's events speak of the stack itself.
const STACK: &str = "AWS::CloudFormation::Stack";
/// How the reasons begin of what fails only because something else has failed. CloudFormation has no other sign for it.
const FOLLOWERS: [&str; 3] =
    ["Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled"];

/// Something that happened to a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, in UTC: `12:00:01Z`.
    pub time: String,
    /// The state that the resource, or the stack, is in since.
    pub status: String,
    /// Its logical id.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// Why, if it is said.
    pub reason: Option<String>,
    is_of_stack: bool,
}

impl Event {
    /// From CloudFormation's; `stack` is the ARN of the stack whose events they are.
    pub fn new(event: &StackEvent, stack: &str) -> Self {
        let kind = event.resource_type().unwrap_or_default();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            time: event.timestamp().map(time).unwrap_or_default(),
            status: text(event.resource_status().map(|status| status.as_str())),
            resource: text(event.logical_resource_id()),
            kind: kind.to_owned(),
            reason: event.resource_status_reason().filter(|reason| !reason.is_empty()).map(ToOwned::to_owned),
            is_of_stack: kind == STACK && event.physical_resource_id() == Some(stack),
        }
    }

    /// Whether something went wrong here.
    pub fn is_failure(&self) -> bool {
        self.status.ends_with("_FAILED")
    }

    /// Whether it is a cause: not the stack's own summary, and not what fell with something else.
    pub fn is_cause(&self) -> bool {
        let reason = self.reason.as_deref().unwrap_or_default();
        self.is_failure() && !self.is_of_stack && !FOLLOWERS.iter().any(|follower| reason.starts_with(follower))
    }

    /// The state that the stack stays in from here on, unless something new is begun.
    pub fn end(&self) -> Option<StackStatus> {
        let status = StackStatus::from(self.status.as_str());
        (self.is_of_stack && is_final(&status)).then_some(status)
    }

    /// Whether the stack's present operation begins here.
    fn is_beginning(&self) -> bool {
        self.is_of_stack
            && matches!(self.status.as_str(), "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS")
    }
}

fn time(time: &DateTime) -> String {
    Timestamp::from_second(time.secs()).map_or_else(|_| String::new(), |time| time.strftime("%H:%M:%SZ").to_string())
}

/// The events that were seen before.
#[derive(Debug, Clone, Default)]
pub struct Seen(HashSet<String>);

impl Seen {
    /// Everything that has happened so far: one page is enough, as pages are read until something known comes.
    pub fn all(newest_first: &[StackEvent]) -> Self {
        Self(newest_first.iter().filter_map(|event| event.event_id().map(ToOwned::to_owned)).collect())
    }

    /// Everything before the operation that is under way.
    pub fn before_this_operation(newest_first: &[StackEvent], stack: &str) -> Self {
        let beginning = newest_first.iter().position(|event| Event::new(event, stack).is_beginning());
        Self::all(beginning.map_or(&[], |beginning| &newest_first[beginning + 1..]))
    }

    /// Takes up the new ones of a page. The answer tells whether the page reaches back to what was known at `known`.
    fn take_up<'e>(&mut self, newest_first: &'e [StackEvent], known: &HashSet<String>) -> (Vec<&'e StackEvent>, bool) {
        let mut new = Vec::new();
        for event in newest_first {
            let Some(id) = event.event_id() else { continue };
            if known.contains(id) {
                return (new, true);
            }
            if self.0.insert(id.to_owned()) {
                new.push(event);
            }
        }
        (new, false)
    }
}

/// One look at the events, page by page from the newest on.
#[derive(Debug)]
pub struct Look<'s> {
    seen: &'s mut Seen,
    known: HashSet<String>,
    newest_first: Vec<Event>,
}

impl<'s> Look<'s> {
    /// Begins to look.
    pub fn new(seen: &'s mut Seen) -> Self {
        let known = seen.0.clone();
        Self { seen, known, newest_first: Vec::new() }
    }

    /// Adds a page; `false` says that further pages hold nothing new.
    pub fn add(&mut self, page: &[StackEvent], stack: &str) -> bool {
        let (new, is_known) = self.seen.take_up(page, &self.known);
        self.newest_first.extend(new.into_iter().map(|event| Event::new(event, stack)));
        !is_known
    }

    /// What is new, in the order in which it happened.
    pub fn in_order(mut self) -> Vec<Event> {
        self.newest_first.reverse();
        self.newest_first
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceStatus;

    use super::*;

    const ARN: &str = "arn:aws:cloudformation:us-east-1:123456789012:stack/Segue-films/1";

    fn event(id: &str, status: &str) -> StackEvent {
        StackEvent::builder()
            .event_id(id)
            .logical_resource_id("Ledger")
            .resource_type("AWS::DynamoDB::Table")
            .resource_status(ResourceStatus::from(status))
            .timestamp(DateTime::from_secs(1_763_640_000))
            .build()
    }

    fn of_stack(id: &str, status: &str) -> StackEvent {
        StackEvent::builder()
            .event_id(id)
            .logical_resource_id("Segue-films")
            .physical_resource_id(ARN)
            .resource_type(STACK)
            .resource_status(ResourceStatus::from(status))
            .build()
    }

    fn statuses(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.status.as_str()).collect()
    }

    #[test]
    fn events_are_told_once_and_in_order() {
        let mut seen = Seen::all(&[event("0", "CREATE_COMPLETE")]);
        let mut look = Look::new(&mut seen);
        // The newest come first, and a page may repeat what moved on while it was read.
        assert!(look.add(&[event("3", "C"), event("2", "B")], ARN));
        assert!(!look.add(&[event("2", "B"), event("1", "A"), event("0", "CREATE_COMPLETE"), event("x", "X")], ARN));
        assert_eq!(statuses(&look.in_order()), ["A", "B", "C"]);

        let mut look = Look::new(&mut seen);
        assert!(!look.add(&[event("4", "D"), event("3", "C")], ARN));
        assert_eq!(statuses(&look.in_order()), ["D"]);
    }

    #[test]
    fn who_follows_late_sees_the_present_operation_as_a_whole() {
        let page = [
            event("5", "UPDATE_IN_PROGRESS"),
            of_stack("4", "UPDATE_IN_PROGRESS"),
            of_stack("3", "CREATE_COMPLETE"),
            of_stack("1", "CREATE_IN_PROGRESS"),
        ];
        let mut seen = Seen::before_this_operation(&page, ARN);
        let mut look = Look::new(&mut seen);
        assert!(!look.add(&page, ARN));
        assert_eq!(look.in_order().len(), 2);
    }

    #[test]
    fn only_the_stack_itself_ends_a_deployment() {
        assert_eq!(Event::new(&event("1", "CREATE_COMPLETE"), ARN).end(), None);
        assert_eq!(Event::new(&of_stack("1", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), ARN).end(), None);
        assert_eq!(Event::new(&of_stack("1", "UPDATE_COMPLETE"), ARN).end(), Some(StackStatus::UpdateComplete));
        // A stack inside of this one.
        assert_eq!(Event::new(&of_stack("1", "UPDATE_COMPLETE"), "arn:other").end(), None);
    }

    #[test]
    fn what_fell_with_something_else_is_no_cause() {
        let failed = |reason: &str| StackEvent::builder().resource_status_reason(reason);
        let cause = failed("Bucket already exists").resource_status(ResourceStatus::CreateFailed).build();
        let follower = failed("Resource creation cancelled").resource_status(ResourceStatus::CreateFailed).build();
        assert!(Event::new(&cause, ARN).is_cause());
        assert!(!Event::new(&follower, ARN).is_cause());
        assert!(Event::new(&follower, ARN).is_failure());
        assert!(!Event::new(&of_stack("1", "DELETE_FAILED"), ARN).is_cause());
    }
}
