//! Warm throughput: what a table and its indexes are ready for at once. It can be raised and never lowered.

use serde_json::Value;

use crate::reply::{Answer, Fault};
use crate::table::{Settings, Units};

/// The warm throughput that a request asks for, for the table and for indexes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    table: Option<Partial>,
    /// Indexes that exist, and those that the same request creates.
    indexes: Vec<(String, Partial)>,
    new_indexes: Vec<(String, Partial)>,
}

/// A request may name one direction only.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Partial {
    read: Option<i64>,
    write: Option<i64>,
}

/// Takes the warm throughput out of an UpdateTable or a CreateTable, whose rest the engine knows.
pub(crate) fn take(body: &mut Value) -> Answer<Wanted> {
    let mut wanted = Wanted { table: take_one(body)?, ..Wanted::default() };
    for index in list(body, "GlobalSecondaryIndexes") {
        wanted.new_indexes.extend(take_index(index)?);
    }
    for update in list(body, "GlobalSecondaryIndexUpdates") {
        wanted.new_indexes.extend(update.get_mut("Create").map_or(Ok(None), take_index)?);
        wanted.indexes.extend(update.get_mut("Update").map_or(Ok(None), take_index)?);
    }
    if let Some(updates) = body.get_mut("GlobalSecondaryIndexUpdates").and_then(Value::as_array_mut) {
        // An update that only warmed has nothing left to say.
        let only_warmed = |update: &Value| {
            update["Update"].as_object().is_some_and(|it| it.len() == 1 && it.contains_key("IndexName"))
        };
        updates.retain(|update| !only_warmed(update));
    }
    Ok(wanted)
}

impl Wanted {
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_none() && self.indexes.is_empty() && self.new_indexes.is_empty()
    }

    /// Refuses what is lower than now, and what changes nothing.
    pub(crate) fn check(&self, settings: &Settings) -> Answer<()> {
        self.table.map_or(Ok(()), |units| units.check(settings.warm, "table"))?;
        for (index, units) in &self.indexes {
            let now = settings.warm_indexes.get(index).ok_or_else(|| {
                Fault::validation(format!(
                    "One or more parameter values were invalid: the table has no global secondary index {index} \
                     to warm"
                ))
            })?;
            units.check(*now, &format!("index {index}"))?;
        }
        Ok(())
    }

    pub(crate) fn apply(&self, settings: &mut Settings) {
        if let Some(units) = self.table {
            settings.warm = units.over(settings.warm);
        }
        for (index, units) in self.indexes.iter().chain(&self.new_indexes) {
            let warm = settings.warm_indexes.entry(index.clone()).or_default();
            *warm = units.over(*warm);
        }
    }
}

impl Partial {
    fn over(self, now: Units) -> Units {
        Units { read: self.read.unwrap_or(now.read), write: self.write.unwrap_or(now.write) }.max(now)
    }

    fn check(self, now: Units, what: &str) -> Answer<()> {
        let directions = [("ReadUnitsPerSecond", self.read, now.read), ("WriteUnitsPerSecond", self.write, now.write)];
        for (name, wanted, now) in directions {
            if wanted.is_some_and(|wanted| wanted < now) {
                return Err(Fault::validation(format!(
                    "One or more parameter values were invalid: Requested {name} for WarmThroughput for {what} is \
                     lower than current WarmThroughput, decreasing WarmThroughput is not supported"
                )));
            }
        }
        if self.over(now) == now {
            return Err(Fault::validation(format!(
                "One or more parameter values were invalid: the requested WarmThroughput for {what} equals the \
                 current WarmThroughput"
            )));
        }
        Ok(())
    }
}

fn list<'a>(body: &'a mut Value, member: &str) -> impl Iterator<Item = &'a mut Value> {
    body.get_mut(member).and_then(Value::as_array_mut).into_iter().flatten()
}

fn take_index(index: &mut Value) -> Answer<Option<(String, Partial)>> {
    let units = take_one(index)?;
    let name = index["IndexName"].as_str().unwrap_or_default();
    Ok(units.map(|units| (name.to_owned(), units)))
}

fn take_one(of: &mut Value) -> Answer<Option<Partial>> {
    let Some(Value::Object(units)) = of.as_object_mut().and_then(|it| it.remove("WarmThroughput")) else {
        return Ok(None);
    };
    let unit = |name: &str| match units.get(name).map(Value::as_i64) {
        None => Ok(None),
        Some(Some(units)) if units > 0 => Ok(Some(units)),
        Some(_) => Err(Fault::validation(format!(
            "One or more parameter values were invalid: {name} for WarmThroughput must be a positive whole number"
        ))),
    };
    Ok(Some(Partial { read: unit("ReadUnitsPerSecond")?, write: unit("WriteUnitsPerSecond")? }))
}
