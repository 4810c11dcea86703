//! What is known about a table besides its items: its key, its buckets, its warm throughput, the changes that
//! are still under way.

use std::collections::{BTreeMap, HashMap};

use dynoxide::TableMetadata;
use dynoxide::types::{AttributeValue, GlobalSecondaryIndex, KeySchemaElement, KeyType, OnDemandThroughput};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::capacity::bucket::Rate;
use crate::capacity::partitions::{Partitions, for_provisioned, for_warm};
use crate::capacity::{Direction, Meter, Rates};
use crate::control::ScalableTarget;
use crate::reply::{Answer, Fault};
use crate::wire::ARN_PREFIX;

/// What an on-demand table takes from the start (AWS: "Initial throughput for on-demand capacity mode").
pub(crate) const ON_DEMAND_START: Units = Units { read: 12_000, write: 4_000 };

const DAY_SECONDS: f64 = 24.0 * 3_600.0;

/// Read and write units per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Units {
    pub(crate) read: i64,
    pub(crate) write: i64,
}

impl Units {
    pub(crate) fn max(self, other: Self) -> Self {
        Self { read: self.read.max(other.read), write: self.write.max(other.write) }
    }
}

/// What the database file keeps for a table beside the engine's own records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// When the table was created, in seconds since the epoch: the engine's own record of it goes by another clock.
    pub(crate) created_at: f64,
    /// The most that the table, or an index, has been made ready for. Only grows.
    pub(crate) warm: Units,
    pub(crate) warm_indexes: BTreeMap<String, Units>,
    /// When the table went from provisioned to on demand, in seconds since the epoch; it may do so four times
    /// in 24 hours.
    pub(crate) went_on_demand: Vec<f64>,
    /// When the units of the table (under an empty name) or of an index were lowered.
    pub(crate) decreases: BTreeMap<String, Vec<f64>>,
    /// Whether the table has ever been on demand: only then does it have a BillingModeSummary.
    pub(crate) was_on_demand: bool,
    pub(crate) point_in_time_recovery: Option<PointInTimeRecovery>,
    pub(crate) scalable_targets: Vec<ScalableTarget>,
    /// As many partitions as the provisioned units or the size have ever asked for.
    pub(crate) partitions: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PointInTimeRecovery {
    pub(crate) enabled_at: f64,
    pub(crate) days: i64,
}

/// A change that takes a while: until then the table looks as before, and is UPDATING.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) until: Instant,
    pub(crate) looked: Value,
    throughput: Throughput,
}

#[derive(Debug)]
pub(crate) struct Table {
    name: String,
    hash: String,
    range: Option<String>,
    throughput: Throughput,
    meter: Meter,
    index_meters: HashMap<String, Meter>,
    pub(crate) partitions: Partitions,
    pub(crate) settings: Settings,
    pub(crate) pending: Option<Pending>,
}

/// The billing mode, the units and the limits of a table and its indexes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Throughput {
    pub(crate) on_demand: bool,
    pub(crate) table: Units,
    pub(crate) indexes: BTreeMap<String, Units>,
    limit: OnDemandThroughput,
}

impl Table {
    /// Reads what the engine knows of a table, and takes over what was known before.
    pub(crate) fn read(metadata: &TableMetadata, before: Option<Self>, now: Instant) -> Answer<Self> {
        let keys: Vec<KeySchemaElement> = serde_json::from_str(&metadata.key_schema).map_err(Fault::internal)?;
        let named = |kind: KeyType| keys.iter().find(|it| it.key_type == kind).map(|it| it.attribute_name.clone());
        let throughput = Throughput::read(metadata)?;
        let mut settings = before.as_ref().map(|it| it.settings.clone()).unwrap_or_default();
        settings.grow(&throughput);
        let rates = |index: Option<&str>| throughput.rates(index, &settings);
        let (meter, mut index_meters, partitions, changing) = match before {
            Some(before) => {
                let changing = before.pending.map(|it| (it, before.throughput));
                (before.meter, before.index_meters, before.partitions, changing)
            }
            None => (Meter::new(rates(None), now), HashMap::new(), Partitions::new(1, now), None),
        };
        index_meters.retain(|index, _| throughput.indexes.contains_key(index));
        for index in throughput.indexes.keys() {
            index_meters.entry(index.clone()).or_insert_with(|| Meter::new(rates(Some(index)), now));
        }
        let (throughput, pending) = match changing {
            Some((pending, before)) => (before, Some(Pending { throughput, ..pending })),
            None => (throughput, None),
        };
        let mut table = Self {
            name: metadata.table_name.clone(),
            hash: named(KeyType::HASH).unwrap_or_default(),
            range: named(KeyType::RANGE),
            throughput,
            meter,
            index_meters,
            partitions,
            settings,
            pending,
        };
        table.set_rates(now);
        Ok(table)
    }

    /// Holds a change back: the table goes on as it was until the given time.
    pub(crate) fn postpone(&mut self, until: Instant, looked: Value, before: Throughput, now: Instant) {
        let after = std::mem::replace(&mut self.throughput, before);
        self.set_rates(now);
        self.pending = Some(Pending { until, looked, throughput: after });
    }

    /// Puts a change into force whose time has come.
    pub(crate) fn settle(&mut self, now: Instant) {
        if let Some(pending) = self.pending.take_if(|pending| pending.until <= now) {
            self.throughput = pending.throughput;
            self.set_rates(pending.until);
        }
        self.split(now);
    }

    pub(crate) fn throughput(&self) -> &Throughput {
        &self.throughput
    }

    /// The buckets of the table, or of one of its global indexes. A local index has none of its own.
    pub(crate) fn meter(&mut self, index: Option<&str>) -> Option<&mut Meter> {
        match index {
            None => Some(&mut self.meter),
            Some(index) if self.index_meters.contains_key(index) => self.index_meters.get_mut(index),
            Some(_) => Some(&mut self.meter),
        }
    }

    pub(crate) fn index_names(&self) -> Vec<String> {
        self.index_meters.keys().cloned().collect()
    }

    pub(crate) fn has_index(&self, index: &str) -> bool {
        self.index_meters.contains_key(index)
    }

    pub(crate) fn arn(&self, index: Option<&str>) -> String {
        let table = format!("{ARN_PREFIX}table/{}", self.name);
        match index {
            Some(index) if self.index_meters.contains_key(index) => format!("{table}/index/{index}"),
            _ => table,
        }
    }

    /// The two key columns of an item or a key, as the engine stores them.
    pub(crate) fn key_strings(&self, key: &HashMap<String, AttributeValue>) -> Option<(String, String)> {
        let of = |name: &String| key.get(name)?.to_key_string();
        Some((of(&self.hash)?, self.range.as_ref().map_or(Some(String::new()), of)?))
    }

    /// The value of the partition key.
    pub(crate) fn hash_value<'a>(&self, key: &'a HashMap<String, AttributeValue>) -> Option<&'a AttributeValue> {
        key.get(&self.hash)
    }

    /// The names of the key attributes.
    pub(crate) fn key_names(&self) -> Vec<&str> {
        std::iter::once(&self.hash).chain(&self.range).map(String::as_str).collect()
    }

    /// The key attributes of an item, and nothing else of it.
    pub(crate) fn key_of(&self, item: &HashMap<String, AttributeValue>) -> HashMap<String, AttributeValue> {
        let names = std::iter::once(&self.hash).chain(&self.range);
        names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
    }

    fn set_rates(&mut self, now: Instant) {
        self.meter.set_rates(self.throughput.rates(None, &self.settings), now);
        for (index, meter) in &mut self.index_meters {
            meter.set_rates(self.throughput.rates(Some(index), &self.settings), now);
        }
        self.split(now);
    }

    /// Brings the table to as many partitions as its size, its units, its warm throughput and, on demand, what it
    /// has grown to ask for.
    fn split(&mut self, now: Instant) {
        let Settings { warm, partitions, .. } = &self.settings;
        let (warm, mut count) = (*warm, *partitions);
        count = count.max(for_warm(warm.read as f64, warm.write as f64));
        if self.throughput.on_demand {
            let mut second = |direction| self.meter.bucket(direction).units_per_second(now);
            count = count.max(for_warm(second(Direction::Read), second(Direction::Write)));
        }
        self.partitions.split(count);
    }
}

impl Throughput {
    fn read(metadata: &TableMetadata) -> Answer<Self> {
        let on_demand = metadata.billing_mode.as_deref() == Some("PAY_PER_REQUEST");
        let provisioned: Value = parsed(metadata.provisioned_throughput.as_deref())?;
        let indexes: Option<Vec<GlobalSecondaryIndex>> = parsed(metadata.gsi_definitions.as_deref())?;
        let table = Units {
            read: provisioned["ReadCapacityUnits"].as_i64().unwrap_or(0),
            write: provisioned["WriteCapacityUnits"].as_i64().unwrap_or(0),
        };
        let of_index = |index: GlobalSecondaryIndex| {
            let given = index.provisioned_throughput.unwrap_or_default();
            let read = given.read_capacity_units.unwrap_or(table.read);
            let write = given.write_capacity_units.unwrap_or(table.write);
            (index.index_name, Units { read, write })
        };
        Ok(Self {
            on_demand,
            table,
            indexes: indexes.unwrap_or_default().into_iter().map(of_index).collect(),
            limit: parsed(metadata.on_demand_throughput.as_deref())?,
        })
    }

    fn rates(&self, index: Option<&str>, settings: &Settings) -> Rates {
        if !self.on_demand {
            let units = index.map_or(Some(&self.table), |index| self.indexes.get(index));
            let units = units.copied().unwrap_or_default();
            return Rates { read: Rate::Provisioned(units.read as f64), write: Rate::Provisioned(units.write as f64) };
        }
        let warm = index.map_or(Some(&settings.warm), |index| settings.warm_indexes.get(index));
        let warm = warm.copied().unwrap_or(ON_DEMAND_START);
        let rate = |start: i64, limit: Option<i64>| Rate::OnDemand {
            start: start as f64,
            limit: limit.map(|units| units as f64),
        };
        Rates {
            read: rate(warm.read, self.limit.max_read_request_units),
            write: rate(warm.write, self.limit.max_write_request_units),
        }
    }
}

impl Settings {
    /// The times in the same UTC day at which something was lowered.
    pub(crate) fn decreases_today(&self, what: &str, today: f64) -> Vec<f64> {
        let day = |at: f64| (at / DAY_SECONDS).floor();
        let times = self.decreases.get(what).map(Vec::as_slice).unwrap_or_default();
        times.iter().copied().filter(|&at| day(at) == day(today)).collect()
    }

    /// Warm throughput follows what the table has been given, and never falls.
    fn grow(&mut self, throughput: &Throughput) {
        let given = |units: Units| if throughput.on_demand { ON_DEMAND_START } else { units };
        self.was_on_demand |= throughput.on_demand;
        if !throughput.on_demand {
            self.partitions = self.partitions.max(for_provisioned(throughput.table));
        }
        self.warm = self.warm.max(given(throughput.table));
        self.warm_indexes.retain(|index, _| throughput.indexes.contains_key(index));
        for (index, units) in &throughput.indexes {
            let warm = self.warm_indexes.entry(index.clone()).or_default();
            *warm = warm.max(given(*units));
        }
    }
}

fn parsed<T: Default + serde::de::DeserializeOwned>(json: Option<&str>) -> Answer<T> {
    json.map_or(Ok(T::default()), |json| serde_json::from_str(json).map_err(Fault::internal))
}
