//! An AWS account as far as `infra` sees it: one stack, its change set, buckets, a table, executions. A test says how the
//! next change set and the next operation turn out, which calls fail, and reads afterwards what was called.

use std::collections::{BTreeMap, VecDeque};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const STACK: &str = "Segue-tidy-movies";
pub(crate) const STACK_ARN: &str = "arn:aws:cloudformation:us-east-1:123456789012:stack/Segue-tidy-movies/1";
pub(crate) const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/123456789012/segue-changes.fifo";
pub(crate) const BOOTSTRAP: &str = "cdk-hnb659fds-assets-123456789012-us-east-1";

/// A stack that is there, or was.
#[derive(Clone, Default)]
pub(crate) struct Stack {
    pub(crate) status: String,
    pub(crate) tag: Option<String>,
    pub(crate) description: String,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) template: String,
}

impl Stack {
    pub(crate) fn ours(status: &str) -> Self {
        let outputs = [("MigrationDigest", "0123"), ("SourceTableName", "movies"), ("StateMachineArn", "arn:machine")];
        Self {
            status: status.into(),
            tag: Some("tidy-movies".into()),
            outputs: outputs.map(|(name, value)| (name.into(), value.into())).into(),
            ..Self::default()
        }
    }
}

/// An event: resource, type, status, reason.
pub(crate) type Happening = (&'static str, &'static str, &'static str, &'static str);

/// The stack's own events.
pub(crate) fn of_stack(status: &'static str) -> Happening {
    (STACK, "AWS::CloudFormation::Stack", status, "")
}

/// How a change set turns out.
#[derive(Clone)]
pub(crate) enum Verdict {
    /// Its changes: action, resource, type, replacement, properties, what becomes of the old one.
    Ready(Vec<[&'static str; 6]>),
    Failed(&'static str),
    /// Never known: it is being made for ever.
    Pending,
}

/// What a call is answered with instead of its answer.
#[derive(Clone)]
pub(crate) struct Fault {
    pub(crate) call: &'static str,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
}

pub(crate) struct Bucket {
    pub(crate) region: String,
    pub(crate) owner: String,
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
}

#[derive(Default)]
pub(crate) struct Account {
    pub(crate) stack: Option<Stack>,
    /// A stack of the same name that was deleted earlier.
    pub(crate) deleted: Option<Stack>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) change_set: Option<String>,
    /// What each further look at the events shows, once something is under way.
    pub(crate) script: VecDeque<Vec<Happening>>,
    pub(crate) is_under_way: bool,
    pub(crate) events: Vec<Happening>,
    pub(crate) faults: VecDeque<Fault>,
    /// Those that come once a change set is carried out.
    pub(crate) later_faults: VecDeque<Fault>,
    pub(crate) buckets: BTreeMap<String, Bucket>,
    pub(crate) tables: Vec<String>,
    /// The URLs of queues.
    pub(crate) queues: Vec<String>,
    pub(crate) running: Option<&'static str>,
    /// An execution that was cut off while its table was raised, and its run.
    pub(crate) cut_off: Option<(&'static str, &'static str)>,
    /// The copy that is kept in step.
    pub(crate) in_step: Option<&'static str>,
    pub(crate) calls: Vec<String>,
}

impl Account {
    /// One that was bootstrapped.
    pub(crate) fn new() -> Self {
        Self::default().bucket(BOOTSTRAP, "us-east-1", ACCOUNT)
    }

    pub(crate) fn bucket(mut self, name: &str, region: &str, owner: &str) -> Self {
        let bucket = Bucket { region: region.into(), owner: owner.into(), objects: BTreeMap::new() };
        self.buckets.insert(name.into(), bucket);
        self
    }

    pub(crate) fn stack(mut self, stack: Stack) -> Self {
        self.stack = Some(stack);
        self
    }

    pub(crate) fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }

    /// What happens once something is begun: each entry is what one look shows more.
    pub(crate) fn script(mut self, script: impl IntoIterator<Item = Vec<Happening>>) -> Self {
        self.script = script.into_iter().collect();
        self
    }

    pub(crate) fn fault(mut self, call: &'static str, status: u16, code: &'static str, message: &'static str) -> Self {
        self.faults.push_back(Fault { call, status, code, message });
        self
    }

    /// How often something was called.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.iter().filter(|called| *called == call).count()
    }

    /// The next fault for a call, if it is to fail.
    pub(crate) fn next_fault(&mut self, call: &str) -> Option<Fault> {
        let next = self.faults.iter().position(|fault| fault.call == call)?;
        self.faults.remove(next)
    }

    /// One look at the events: the script moves on by a step.
    pub(crate) fn look(&mut self) {
        if !self.is_under_way {
            return;
        }
        for happening in self.script.pop_front().unwrap_or_default() {
            if happening.0 == STACK {
                self.move_to(happening.2);
            }
            self.events.push(happening);
        }
    }

    fn move_to(&mut self, status: &str) {
        if let Some(stack) = &mut self.stack {
            stack.status = status.into();
        }
        if status == "DELETE_COMPLETE" {
            self.deleted = self.stack.take();
        }
    }
}
