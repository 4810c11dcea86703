//! The database behind the requests: the engine's storage on one SQLite file, and what is known about each
//! table besides. One request runs at a time; SQLite has one writer anyway.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use dynoxide::DynoxideError;
use dynoxide::actions::vector_lifecycle::VectorIndexLifecycle;
use dynoxide::storage::Storage;
use dynoxide::types::AttributeValue;
use rusqlite::OptionalExtension;
use tokio::time::Instant;

use crate::Options;
use crate::capacity::demand::Demand;
use crate::capacity::report::{Consumed, Report, consumed, cut};
use crate::capacity::{Direction, throttled};
use crate::clock::Clock;
use crate::database::Place;
use crate::error::Result;
use crate::metered::{Metered, Parts};
use crate::reply::{Answer, Fault};
use crate::table::Table;
use crate::tokens::Tokens;

/// SQLite's page cache; negative numbers are KiB.
const CACHE_KIBIBYTES: i64 = -64 * 1024;
/// Several statements for each of some tables.
const CACHED_STATEMENTS: usize = 128;

pub(crate) struct Engine {
    pub(crate) storage: Storage,
    pub(crate) lifecycle: VectorIndexLifecycle,
    pub(crate) tables: HashMap<String, Table>,
    /// Tables that are being loaded, and whether their loaders still live.
    pub(crate) loading: HashMap<String, Weak<()>>,
    pub(crate) tokens: Tokens,
    pub(crate) clock: Arc<Clock>,
    pub(crate) options: Options,
    /// Last, so that the files are closed before the lock is given up.
    _place: Place,
}

/// Runs one of the engine's futures. They wrap synchronous calls and never suspend.
pub(crate) fn settle<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the engine's futures complete at once"),
    }
}

/// A table's or an index's name as SQL takes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Engine {
    /// Opens the database in a file. `durable` files survive a power cut without damage.
    pub(crate) fn open(path: &str, durable: bool, options: Options, place: Place) -> Result<Self> {
        let clock = Arc::new(Clock::new());
        let storage = Storage::new(path)?.with_clock(clock.clone());
        let synchronous = if durable { "NORMAL" } else { "OFF" };
        storage.conn().pragma_update(None, "synchronous", synchronous)?;
        storage.conn().pragma_update(None, "cache_size", CACHE_KIBIBYTES)?;
        storage.conn().set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        let mut engine = Self {
            storage,
            lifecycle: VectorIndexLifecycle::new(),
            tables: HashMap::new(),
            loading: HashMap::new(),
            tokens: Tokens::default(),
            clock,
            options,
            _place: place,
        };
        crate::schema::prepare(&mut engine)?;
        Ok(engine)
    }

    /// Leaves nothing of earlier requests behind: no transaction of one that panicked, no table of a load that
    /// was given up.
    pub(crate) fn recover(&mut self) -> Answer<()> {
        if !self.storage.conn().is_autocommit() {
            self.storage.rollback()?;
        }
        self.drop_abandoned().map_err(Fault::internal)
    }

    /// Drops the tables whose loaders are gone.
    pub(crate) fn drop_abandoned(&mut self) -> Result<()> {
        let abandoned = self.loading.extract_if(|_, loader| loader.strong_count() == 0);
        let abandoned: Vec<String> = abandoned.map(|(table, _)| table).collect();
        abandoned.iter().try_for_each(|table| crate::schema::drop_table(self, table))
    }

    /// Refuses item operations on a table that is not there yet.
    fn refuse_while_loading(&self, table: &str) -> Answer<()> {
        if !self.loading.contains_key(table) {
            return Ok(());
        }
        Err(DynoxideError::ResourceNotFoundException("Requested resource not found".to_owned()).into())
    }

    pub(crate) fn table(&mut self, name: &str) -> Answer<&mut Table> {
        let message = || format!("Requested resource not found: Table: {name} not found");
        self.tables.get_mut(name).ok_or_else(|| DynoxideError::ResourceNotFoundException(message()).into())
    }

    /// Learns about a table that was created, changed or deleted.
    pub(crate) fn refresh(&mut self, name: &str) -> Answer<()> {
        match self.storage.get_table_metadata(name)? {
            None => {
                self.tables.remove(name);
            }
            Some(metadata) => {
                let now = self.clock.now();
                let table = Table::read(&metadata, self.tables.remove(name), now)?;
                crate::schema::save_settings(&self.storage, name, &table.settings)?;
                self.tables.insert(name.to_owned(), table);
            }
        }
        Ok(())
    }

    /// The size of the item that stands at a key; 0 when there is none.
    pub(crate) fn stored_bytes(&self, table: &str, key: &HashMap<String, AttributeValue>) -> usize {
        let stored = || {
            let (hash, range) = self.tables.get(table)?.key_strings(key)?;
            let sql = format!("SELECT item_size FROM {} WHERE pk = ?1 AND sk = ?2", quoted(table));
            let mut statement = self.storage.conn().prepare_cached(&sql).ok()?;
            statement.query_row([hash, range], |row| row.get::<_, i64>(0)).optional().ok()?
        };
        stored().map_or(0, |bytes| usize::try_from(bytes).unwrap_or(0))
    }

    /// Admits all of the demands, or none: refuses the first that lacks units, and says which it is.
    fn admit(&mut self, demands: &[Demand], now: Instant) -> std::result::Result<(), (usize, Fault)> {
        let mut promised = Promised::default();
        let mut numbered = demands.iter().enumerate();
        numbered.try_for_each(|(number, demand)| {
            self.admit_one(demand, &mut promised, now).map_err(|fault| (number, fault))
        })
    }

    /// Admits one demand besides those already promised in the same request.
    pub(crate) fn admit_one(&mut self, demand: &Demand, promised: &mut Promised, now: Instant) -> Answer<()> {
        self.admit_estimate(demand, demand.units.unwrap_or(demand.direction.least_units()), promised, now)
    }

    /// Admits one demand that is likely to take so many units.
    pub(crate) fn admit_estimate(
        &mut self,
        demand: &Demand,
        units: f64,
        promised: &mut Promised,
        now: Instant,
    ) -> Answer<()> {
        self.refuse_while_loading(&demand.table)?;
        let enforced = self.options.enforce_capacity;
        let Some(table) = self.tables.get_mut(&demand.table).filter(|_| enforced) else {
            return Ok(());
        };
        table.settle(now);
        let direction = demand.direction;
        let before = promised.0.entry((demand.table.clone(), demand.index.clone(), direction)).or_default();
        if let Some(meter) = table.meter(demand.index.as_deref()) {
            let bucket = meter.bucket(direction);
            let admitted = match demand.units {
                Some(units) => bucket.covers(units, *before, now),
                None => bucket.has_left(*before, now),
            };
            let rate = bucket.rate();
            if !admitted {
                return Err(throttled(&table.arn(demand.index.as_deref()), direction, rate));
            }
        }
        // A write waits for every index that has fallen behind: DynamoDB's back-pressure.
        if direction == Direction::Write {
            for index in table.index_names() {
                let Some(meter) = table.meter(Some(&index)) else { continue };
                let bucket = meter.bucket(direction);
                if !bucket.is_positive(now) {
                    let rate = bucket.rate();
                    return Err(throttled(&table.arn(Some(&index)), direction, rate));
                }
            }
        }
        *before += units;
        Ok(())
    }

    /// Charges what a response says it took.
    pub(crate) fn charge(&mut self, consumed: &Consumed<'_>, direction: Direction, now: Instant) {
        let Some(table) = self.tables.get_mut(consumed.table) else { return };
        if let Some(meter) = table.meter(None) {
            meter.bucket(direction).charge(consumed.table_units, now);
        }
        for (index, units) in &consumed.index_units {
            if let Some(meter) = table.meter(Some(index)) {
                meter.bucket(direction).charge(*units, now);
            }
        }
    }

    /// Charges what was asked for, for requests that fail their condition: they took it all the same.
    pub(crate) fn charge_demands(&mut self, demands: &[Demand], now: Instant) {
        for demand in demands {
            let units = demand.units.unwrap_or(demand.direction.least_units());
            let consumed = Consumed { table: &demand.table, table_units: units, index_units: Vec::new() };
            self.charge(&consumed, demand.direction, now);
        }
    }
}

/// Units that earlier parts of the same request will take.
#[derive(Debug, Default)]
pub(crate) struct Promised(HashMap<(String, Option<String>, Direction), f64>);

/// Runs a request that takes units: admitted, run, charged, and its report cut to what was asked for.
pub(crate) fn run_metered<R: Metered>(engine: &mut Engine, mut request: R) -> Answer<R::Response> {
    let now = engine.clock.now();
    let demands = request.demands(engine);
    engine.admit(&demands, now).map_err(|(number, fault)| match R::PARTS {
        Parts::Whole => fault,
        Parts::Transaction => fault.into_cancellation(number, demands.len()),
    })?;
    let known = matches!(request.mode().as_deref(), None | Some("NONE" | "TOTAL" | "INDEXES"));
    let asked = if known { request.mode().replace("INDEXES".to_owned()) } else { request.mode().clone() };
    let direction = demands.first().map_or(Direction::Read, |demand| demand.direction);
    match request.run(&engine.storage) {
        Ok(mut response) => {
            let report = R::report(&mut response);
            if report.reports().is_empty() {
                // A batch of which every condition failed reports nothing and takes units all the same.
                engine.charge_demands(&demands, now);
            }
            report.reports().iter().for_each(|it| engine.charge(&consumed(it), direction, now));
            cut(report, asked.as_deref());
            Ok(response)
        }
        Err(error) => {
            let fault = Fault::from(error);
            if fault.is_failed_condition() {
                engine.charge_demands(&demands, now);
            }
            Err(fault)
        }
    }
}
