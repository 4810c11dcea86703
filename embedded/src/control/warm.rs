//! Warm throughput: what a table and its indexes are ready for at once. It can be raised and never lowered.

use serde_json::Value;

use crate::reply::{Answer, Fault};
use crate::table::{Settings, Units};

/// The warm throughput that a request asks for, for the table and for indexes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    table: Option<Partial>,
    indexes: Vec<(String, Partial)>,
}

/// A request may name one direction only.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Partial {
    read: Option<i64>,
    write: Option<i64>,
}

/// Takes the warm throughput out of an UpdateTable or a CreateTable, whose rest the engine knows.
pub(crate) fn take(body: &mut Value) -> Answer<Wanted> {
    let mut wanted = Wanted { table: take_one(body)?, indexes: Vec::new() };
    for index in body["GlobalSecondaryIndexes"].as_array_mut().into_iter().flatten() {
        wanted.take_index(index)?;
    }
    if let Some(updates) = body["GlobalSecondaryIndexUpdates"].as_array_mut() {
        for update in updates.iter_mut() {
            wanted.take_index(&mut update["Create"])?;
            wanted.take_index(&mut update["Update"])?;
        }
        // An update that only warmed has nothing left to say.
        let only_warmed = |update: &Value| {
            update["Update"].as_object().is_some_and(|it| it.len() == 1 && it.contains_key("IndexName"))
        };
        updates.retain(|update| !only_warmed(update));
        for members in updates.iter_mut().filter_map(Value::as_object_mut) {
            members.retain(|_, action| !action.is_null());
        }
    }
    if let Some(members) = body.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    Ok(wanted)
}

impl Wanted {
    fn take_index(&mut self, index: &mut Value) -> Answer<()> {
        if let Some(units) = take_one(index)? {
            let name = index["IndexName"].as_str().unwrap_or_default().to_owned();
            self.indexes.push((name, units));
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_none() && self.indexes.is_empty()
    }

    /// Refuses what is lower than now, and what changes nothing.
    pub(crate) fn check(&self, settings: &Settings) -> Answer<()> {
        self.table.map_or(Ok(()), |units| units.check(settings.warm, "table"))?;
        for (index, units) in &self.indexes {
            let Some(now) = settings.warm_indexes.get(index) else { continue };
            units.check(*now, &format!("index {index}"))?;
        }
        Ok(())
    }

    pub(crate) fn apply(&self, settings: &mut Settings) {
        if let Some(units) = self.table {
            settings.warm = units.over(settings.warm);
        }
        for (index, units) in &self.indexes {
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
