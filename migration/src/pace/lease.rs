//! Leases of the run's budget: one clock for each direction in the ledger, moved forward by whoever takes units, for as
//! long as the budget needs to give them (the generic cell rate algorithm). So the budget is the run's, however many
//! processes work on it, and none of them has to know of the others.
//!
//! The clock holds milliseconds since 1970. A clock that stands further ahead than leases can have moved it was moved
//! by a process whose own clock was wrong, and is set back.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::Direction;
use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger, LedgerItem};
use crate::patience::{Meter, patiently};
use crate::plan::RunId;

/// What taking units came to.
#[derive(Debug)]
pub(super) struct Leased {
    /// When the units may be used, in milliseconds since 1970; in the past where nobody else uses the budget up.
    pub(super) from_ms: f64,
    /// The control entry, as it is now.
    pub(super) control: LedgerItem,
}

/// Where the shared clock stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Clock {
    /// Nobody has taken units yet.
    New,
    At(f64),
}

impl Direction {
    /// The attribute of its clock.
    fn clock(self) -> &'static str {
        match self {
            Self::Read => "reads_until",
            Self::Write => "writes_until",
        }
    }
}

/// Takes what the budget gives in `cost_ms`. `most_ms` is how far ahead leases may have moved the clock.
pub(super) async fn take(
    ledger: &Ledger,
    run: &RunId,
    direction: Direction,
    cost_ms: f64,
    now_ms: f64,
    most_ms: f64,
) -> Result<Leased, Error> {
    // The usual case: others keep the clock ahead of now, and it only has to be moved further.
    let moved = Update { set: "#until + :value", value: cost_ms, expected: Expected::NotBefore(now_ms) };
    let mut seen = match update(ledger, run, direction, &moved).await? {
        Updated::To(control) => match clock(&control, direction) {
            Clock::At(until) if until - cost_ms - now_ms <= most_ms => {
                return Ok(Leased { from_ms: until - cost_ms, control });
            }
            clock => clock,
        },
        Updated::Not(clock) => clock,
    };
    // Unused for a while, or never used, or moved by a wrong clock: it begins anew now, for whoever is first.
    loop {
        let anew = match seen {
            Clock::At(until) if (now_ms..=now_ms + most_ms).contains(&until) => {
                Update { set: ":value", value: until + cost_ms, expected: Expected::Still(seen) }
            }
            _ => Update { set: ":value", value: now_ms + cost_ms, expected: Expected::Still(seen) },
        };
        match update(ledger, run, direction, &anew).await? {
            Updated::To(control) => return Ok(Leased { from_ms: anew.value - cost_ms, control }),
            Updated::Not(clock) => seen = clock,
        }
    }
}

/// Whether a worker of a run may have written to its table: none does without a lease.
pub(crate) async fn may_have_written(ledger: &Ledger, run: &RunId) -> Result<bool, Error> {
    let control = ledger.item(run, Entry::Control).await?;
    Ok(control.is_some_and(|control| control.contains_key(Direction::Write.clock())))
}

struct Update {
    set: &'static str,
    value: f64,
    expected: Expected,
}

enum Expected {
    NotBefore(f64),
    Still(Clock),
}

enum Updated {
    To(LedgerItem),
    Not(Clock),
}

async fn update(ledger: &Ledger, run: &RunId, direction: Direction, update: &Update) -> Result<Updated, Error> {
    let (condition, expected) = match update.expected {
        Expected::NotBefore(now_ms) => ("#until >= :expected", Some(now_ms)),
        Expected::Still(Clock::At(until)) => ("#until = :expected", Some(until)),
        Expected::Still(Clock::New) => ("attribute_not_exists(#until)", None),
    };
    let values = [(":value", Some(update.value)), (":expected", expected)];
    let values = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), number(value?))));
    let values: HashMap<_, _> = values.collect();
    patiently(&Meter::default(), async || {
        let sent = ledger
            .update(run, Entry::Control)
            .update_expression(format!("SET #until = {}", update.set))
            .condition_expression(condition)
            .expression_attribute_names("#until", direction.clock())
            .set_expression_attribute_values(Some(values.clone()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send();
        match sent.await {
            Ok(output) => Ok(Updated::To(output.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(refused)) if refused.err().is_conditional_check_failed_exception() => {
                let UpdateItemError::ConditionalCheckFailedException(failed) = refused.into_err() else {
                    return Err(Error::new(Kind::Refused, "the ledger's answer can't be read"));
                };
                let item = failed.item.unwrap_or_default();
                Ok(Updated::Not(clock(&item, direction)))
            }
            Err(error) => Err(Error::from_sdk("UpdateItem on the ledger", error)),
        }
    })
    .await
}

fn clock(item: &LedgerItem, direction: Direction) -> Clock {
    let until = item.get(direction.clock()).and_then(|value| value.as_n().ok()?.parse().ok());
    until.map_or(Clock::New, Clock::At)
}

/// To the microsecond: what is compared has to be what was written.
fn number(ms: f64) -> AttributeValue {
    AttributeValue::N(format!("{ms:.3}"))
}
