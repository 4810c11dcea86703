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

use crate::Options;
use crate::clock::Clock;
use crate::database::Place;
use crate::error::Result;
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
        let clock = Arc::new(Clock::new(options.opened_at));
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
        crate::streams::shards::follow(self, name).map_err(Fault::internal)?;
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
}
