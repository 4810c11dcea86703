//! One item on its way to its outcome: what is decided, apart from what is sent. Pure; no clock, no I/O.
//!
//! Nothing is written blindly (R2): a [`Request`] carries all that the transform has seen. Where that no longer
//! stands, the item is taken as it is now and transformed again, a bounded number of times.

use super::{Outcome, Written};
use crate::definition::KeySchema;
use crate::item::{Item, item_bytes, write_units};
use crate::transform::{Edits, Failure, Seen, Transform, Verdict};

/// How often an item is taken up again because somebody else changed it in between. An application that writes one
/// item a hundred times a second meets every other attempt; twenty-five in a row are no chance.
const MAX_CONFLICTS: u32 = 25;

/// An item between the scan and its outcome.
pub(super) struct Attempted<'t> {
    transform: &'t Transform,
    item: Item,
    next: Next,
    /// What the write before wanted, if the item has met a conflict since.
    earlier: Option<Edits>,
    /// Whether a write may have been carried out although nobody said so.
    is_unanswered: bool,
    written: Written,
}

enum Next {
    Send(Change),
    /// The condition failed, and nobody said what stands there now.
    Read(Change),
    Done,
}

/// What a write does to an item, apart from its key.
#[derive(Debug)]
pub(super) enum Change {
    /// These attributes change, provided that the item exists and all of `seen` still stands.
    Update { edits: Edits, seen: Vec<Seen> },
    /// The item goes, on the same terms.
    Delete { seen: Vec<Seen> },
}

/// What comes next.
pub(super) enum Step<'a> {
    /// A conditional write.
    Send(Request<'a>),
    /// A consistent read of the item with this key.
    Read(Item),
    /// Nothing: this became of the item.
    Done(Written),
}

/// A conditional write that is to be sent.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    transform: &'a Transform,
    /// The item as it was last seen.
    pub(super) item: &'a Item,
    /// What is to be done with it.
    pub(super) change: &'a Change,
}

/// What a step came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// The write was done, for so many write units.
    Done(f64),
    /// The condition failed, which took so many write units all the same; the item as it is now, where the service
    /// tells.
    Conflict(Option<Item>, f64),
    /// Nothing was heard: the write may have been carried out. It is sent again.
    Lost,
    /// The write can't be done.
    Refused(Failure),
    /// There was no item to be deleted, which took so many write units.
    Absent(f64),
    /// What stands at the key now, read for so many read units.
    Found(Option<Item>, f64),
}

impl<'t> Attempted<'t> {
    /// An item as a scan has returned it.
    pub(super) fn new(transform: &'t Transform, item: Item) -> Self {
        let written = Written::of(Outcome::Unchanged);
        let mut new = Self { transform, item, next: Next::Done, earlier: None, is_unanswered: false, written };
        new.decide();
        new
    }

    /// What comes next; the same until it is answered.
    pub(super) fn next(&self) -> Step<'_> {
        match &self.next {
            Next::Send(change) => Step::Send(Request { transform: self.transform, item: &self.item, change }),
            Next::Read(_) => Step::Read(key_of(self.transform, &self.item)),
            Next::Done => Step::Done(self.written.clone()),
        }
    }

    /// Takes the answer to what [`Self::next`] said.
    pub(super) fn answered(&mut self, answer: Answer) {
        match (std::mem::replace(&mut self.next, Next::Done), answer) {
            (Next::Send(change), Answer::Done(write_units)) => {
                self.written.write_units += write_units;
                self.written.outcome = change.outcome();
            }
            (Next::Send(change), Answer::Conflict(now, write_units)) => {
                self.written.write_units += write_units;
                match now {
                    Some(now) => self.again(change, now),
                    // A failed condition without an item means that there is none, but not every implementation
                    // of DynamoDB returns items with it: a consistent read tells.
                    None => self.next = Next::Read(change),
                }
            }
            (Next::Send(change), Answer::Absent(write_units)) => {
                self.written.write_units += write_units;
                self.gone(&change);
            }
            (Next::Read(change), Answer::Found(now, read_units)) => {
                self.written.read_units += read_units;
                match now {
                    Some(now) => self.again(change, now),
                    None => self.gone(&change),
                }
            }
            (_, Answer::Refused(failure)) => self.written.outcome = Outcome::Failed(failure),
            (next, answer) => {
                self.is_unanswered |= matches!(answer, Answer::Lost);
                self.next = next;
            }
        }
    }

    /// The item's primary key.
    pub(super) fn into_key(mut self) -> Item {
        let names = self.transform.key().attributes().map(|key| &key.name);
        names.filter_map(|name| self.item.remove_entry(name)).collect()
    }

    fn decide(&mut self) {
        let outcome = match self.transform.apply(&self.item) {
            Ok(Verdict::Update { edits, seen }) => {
                self.next = Next::Send(Change::Update { edits, seen });
                return;
            }
            Ok(Verdict::Delete { seen }) => {
                self.next = Next::Send(Change::Delete { seen });
                return;
            }
            // A write whose answer was lost meets its own result: it has been written after all.
            Ok(Verdict::Keep) if self.is_unanswered && self.earlier_holds() => Outcome::Written,
            Ok(Verdict::Keep) => Outcome::Unchanged,
            Ok(Verdict::Filtered) => Outcome::Filtered,
            Err(failure) => Outcome::Failed(failure),
        };
        self.written.outcome = outcome;
    }

    fn earlier_holds(&self) -> bool {
        self.earlier.as_ref().is_some_and(|edits| edits.hold_in(&self.item))
    }

    fn again(&mut self, change: Change, now: Item) {
        self.item = now;
        self.earlier = if let Change::Update { edits, .. } = change { Some(edits) } else { None };
        self.written.conflicts += 1;
        if self.written.conflicts == MAX_CONFLICTS {
            let reason = format!("somebody else changed the item {MAX_CONFLICTS} times while it was being written");
            self.written.outcome = Outcome::Failed(Failure::new(reason));
        } else {
            self.decide();
        }
    }

    fn gone(&mut self, change: &Change) {
        // Gone by our own delete, if its answer was lost.
        let is_ours = self.is_unanswered && matches!(change, Change::Delete { .. });
        self.written.outcome = if is_ours { Outcome::Deleted } else { Outcome::Gone };
    }
}

impl Change {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Update { .. } => Outcome::Written,
            Self::Delete { .. } => Outcome::Deleted,
        }
    }
}

impl<'a> Request<'a> {
    /// The item's primary key.
    pub(super) fn key(&self) -> Item {
        key_of(self.transform, self.item)
    }

    /// The table's key schema.
    pub(super) fn schema(&self) -> &'a KeySchema {
        self.transform.key()
    }

    /// What it is likely to cost: an update is charged with the larger item, before or after (API reference,
    /// UpdateItem), and few changes pass a bound of 1 KB. A failed condition costs the same (developer guide,
    /// "Capacity unit consumption"), and its error doesn't say how much.
    pub(super) fn write_units(&self) -> f64 {
        write_units(item_bytes(self.item)) as f64
    }
}

fn key_of(transform: &Transform, item: &Item) -> Item {
    let names = transform.key().attributes().map(|key| &key.name);
    names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
}
