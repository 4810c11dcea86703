//! The control entry of a run: what people ask of it while it goes on, and the budget that its workers share.
//!
//! Each request changes its own attributes and no others, so that they never undo one another. Workers read the
//! entry with every lease of budget, which is every few seconds.

use std::collections::HashMap;
use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::error::{Error, Kind};
use crate::ledger::{Entry, Ledger};
use crate::patience::{Meter, patiently};
use crate::plan::RunId;

/// What people ask of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Control {
    /// It shall end in order: pages under way are finished, and capacity is put back.
    pub stop: bool,
    /// It shall hold still until it is told to go on.
    pub paused: bool,
    /// Write units a second that it may take, instead of those that its plan allows.
    pub write_units: Option<NonZeroU32>,
    /// Read units a second, likewise.
    pub read_units: Option<NonZeroU32>,
}

/// The attributes of the entry.
const STOP: &str = "stop";
const PAUSED: &str = "paused";
const WRITE_UNITS: &str = "write_units";
const READ_UNITS: &str = "read_units";

/// What is asked of a run just now.
pub async fn read(ledger: &Ledger, run: &RunId) -> Result<Control, Error> {
    let item = ledger.item(run, Entry::Control).await?;
    Ok(item.as_ref().map(Control::of_item).unwrap_or_default())
}

/// Sets the units a second that the run may take of the table; `None` is what its plan allows.
pub async fn throttle(
    ledger: &Ledger,
    run: &RunId,
    write_units: Option<NonZeroU32>,
    read_units: Option<NonZeroU32>,
) -> Result<Control, Error> {
    let units = |units: Option<NonZeroU32>| units.map(|units| AttributeValue::N(units.to_string()));
    change(ledger, run, &[(WRITE_UNITS, units(write_units)), (READ_UNITS, units(read_units))]).await
}

/// Holds the run still. Its workers notice within seconds, and finish what they have sent.
pub async fn pause(ledger: &Ledger, run: &RunId) -> Result<Control, Error> {
    change(ledger, run, &[(PAUSED, Some(AttributeValue::Bool(true)))]).await
}

/// Lets a run that was paused go on.
pub async fn go_on(ledger: &Ledger, run: &RunId) -> Result<Control, Error> {
    change(ledger, run, &[(PAUSED, None)]).await
}

/// Asks the run to end in order. It can be resumed.
pub async fn stop(ledger: &Ledger, run: &RunId) -> Result<Control, Error> {
    change(ledger, run, &[(STOP, Some(AttributeValue::Bool(true)))]).await
}

/// Forgets what asked the attempt before to stop or to hold still: a new one has begun.
pub(crate) async fn begin(ledger: &Ledger, run: &RunId) -> Result<(), Error> {
    change(ledger, run, &[(STOP, None), (PAUSED, None)]).await.map(drop)
}

/// Sets one attribute.
pub(crate) async fn set(ledger: &Ledger, run: &RunId, name: &str, value: AttributeValue) -> Result<(), Error> {
    change(ledger, run, &[(name, Some(value))]).await.map(drop)
}

/// An error where the run was asked to stop.
pub(crate) async fn heed_stop(ledger: &Ledger, run: &RunId) -> Result<(), Error> {
    if read(ledger, run).await?.stop { Err(stopped()) } else { Ok(()) }
}

pub(crate) fn stopped() -> Error {
    Error::new(Kind::Stopped, "the run was asked to stop")
}

/// Sets attributes, and removes those without a value.
async fn change(ledger: &Ledger, run: &RunId, values: &[(&str, Option<AttributeValue>)]) -> Result<Control, Error> {
    let part = |(at, (_, value)): (usize, &(&str, Option<AttributeValue>))| match value {
        Some(_) => (format!("#{at} = :{at}"), true),
        None => (format!("#{at}"), false),
    };
    let (set, remove): (Vec<_>, Vec<_>) = values.iter().enumerate().map(part).partition(|(_, is_set)| *is_set);
    let expression = [("SET", set), ("REMOVE", remove)]
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(verb, parts)| {
            format!("{verb} {}", parts.into_iter().map(|(part, _)| part).collect::<Vec<_>>().join(", "))
        })
        .collect::<Vec<_>>()
        .join(" ");
    let names: HashMap<_, _> =
        values.iter().enumerate().map(|(at, (name, _))| (format!("#{at}"), (*name).into())).collect();
    let given = values.iter().enumerate().filter_map(|(at, (_, value))| Some((format!(":{at}"), value.clone()?)));
    let given: HashMap<_, _> = given.collect();
    let output = patiently(&Meter::default(), async || {
        let update = ledger.update(run, Entry::Control).update_expression(&expression);
        let update = update.set_expression_attribute_names(Some(names.clone()));
        let update = update.set_expression_attribute_values((!given.is_empty()).then(|| given.clone()));
        let update = update.return_values(ReturnValue::AllNew);
        update.send().await.map_err(|error| Error::from_sdk("UpdateItem on the ledger", error))
    })
    .await?;
    Ok(output.attributes.as_ref().map(Control::of_item).unwrap_or_default())
}

impl Control {
    /// What an item says; an attribute that is absent asks for nothing.
    pub(crate) fn of_item(item: &HashMap<String, AttributeValue>) -> Self {
        let flag = |name: &str| item.get(name).and_then(|value| value.as_bool().ok()).is_some_and(|flag| *flag);
        let units = |name: &str| item.get(name)?.as_n().ok()?.parse().ok();
        Self { stop: flag(STOP), paused: flag(PAUSED), write_units: units(WRITE_UNITS), read_units: units(READ_UNITS) }
    }
}
