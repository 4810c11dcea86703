//! Bulk loading: many items into an empty table, without charge, in transactions of a bounded size.
//!
//! A table is loaded wholly or not at all. It is marked in the database file before the first item and
//! unmarked after the last; a marked table is dropped when its [`Loader`] fails or is dropped, and when the
//! file is opened again after a crash. Until then the table is CREATING, and its items can't be reached.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use dynoxide::types::{Item, MAX_ITEM_SIZE, item_size};
use dynoxide::{DynoxideError, ImportOptions, actions};

use crate::Embedded;
use crate::attributes::stored_item;
use crate::capacity::partitions::for_bytes;
use crate::engine::{Engine, quoted, settle};
use crate::error::{Error, ErrorKind, Result};
use crate::reply::{Answer, Fault};
use crate::schema;

/// One transaction takes up so many items, or so many bytes, whichever comes first.
const ITEMS_AT_ONCE: usize = 1_000;
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

/// What a load brought in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// Items written; a key that came twice counts twice, and its last item stays.
    pub items: u64,
    /// Their size, as DynamoDB counts it.
    pub bytes: u64,
}

/// A load under way; see [`Embedded::loader`].
#[derive(Debug)]
pub struct Loader {
    embedded: Embedded,
    table: String,
    waiting: Vec<Item>,
    waiting_bytes: usize,
    loaded: Loaded,
    /// The engine drops the table when this is gone and the mark is still there.
    _alive: Arc<()>,
}

impl Embedded {
    /// Loads items into an empty table, from an iterator that may block. Validates them as PutItem does;
    /// charges nothing; writes no stream records. Memory stays the same however many there are.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a table that is missing or holds items, and for an item that PutItem would
    /// refuse; [`ErrorKind::Source`] when the iterator fails. But for a table that wasn't empty, an error drops
    /// the table.
    pub async fn load<I, E>(&self, table: &str, items: I) -> Result<Loaded>
    where
        I: IntoIterator<Item = std::result::Result<HashMap<String, AttributeValue>, E>>,
        I::IntoIter: Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let mut loader = self.loader(table).await?;
        let mut items = items.into_iter();
        loop {
            let (rest, some) = blocking(move || {
                let some: std::result::Result<Vec<_>, E> = items.by_ref().take(ITEMS_AT_ONCE).collect();
                (items, some)
            })
            .await?;
            items = rest;
            let some = some.map_err(|error| Error::because(ErrorKind::Source, "the items to load failed", error))?;
            if some.is_empty() {
                return loader.finish().await;
            }
            for item in some {
                loader.push(item).await?;
            }
        }
    }

    /// Begins to load an empty table piece by piece. Whoever drops the loader without finishing it drops the
    /// table.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a table that is missing, is being loaded already, or holds items.
    pub async fn loader(&self, table: &str) -> Result<Loader> {
        let alive = Arc::new(());
        let (name, watch) = (table.to_owned(), Arc::downgrade(&alive));
        self.with_engine(move |engine| {
            engine.drop_abandoned()?;
            begin(engine, &name)?;
            engine.loading.insert(name, watch);
            Ok::<_, Error>(())
        })
        .await??;
        Ok(Loader {
            embedded: self.clone(),
            table: table.to_owned(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            loaded: Loaded::default(),
            _alive: alive,
        })
    }
}

impl Loader {
    /// Takes one more item; writes when enough have come together.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an item that PutItem would refuse. The load can't go on; drop the loader.
    pub async fn push(&mut self, item: HashMap<String, AttributeValue>) -> Result<()> {
        let item = stored_item(item)?;
        self.waiting_bytes += item_size(&item);
        self.waiting.push(item);
        if self.waiting.len() < ITEMS_AT_ONCE && self.waiting_bytes < BYTES_AT_ONCE {
            return Ok(());
        }
        self.write().await
    }

    /// Writes what is left and opens the table to everyone.
    ///
    /// # Errors
    /// As [`Loader::push`].
    pub async fn finish(mut self) -> Result<Loaded> {
        self.write().await?;
        let table = self.table.clone();
        let bytes = self.loaded.bytes;
        self.embedded.with_engine(move |engine| finish(engine, &table, bytes)).await??;
        Ok(self.loaded)
    }

    async fn write(&mut self) -> Result<()> {
        let (table, items) = (self.table.clone(), std::mem::take(&mut self.waiting));
        self.loaded.items += items.len() as u64;
        self.waiting_bytes = 0;
        let written = self.embedded.with_engine(move |engine| import(engine, &table, items)).await?;
        self.loaded.bytes += written.map_err(|fault| refusal(&self.table, fault))? as u64;
        Ok(())
    }
}

/// Imports some items in one transaction, and says how many bytes they are.
pub(crate) fn import(engine: &Engine, table: &str, items: Vec<Item>) -> Answer<usize> {
    if items.iter().any(|item| item_size(item) > MAX_ITEM_SIZE) {
        return Err(Fault::validation("Item size has exceeded the maximum allowed size"));
    }
    let options = ImportOptions::default();
    let imported = settle(actions::import_items::execute(&engine.storage, table, items, &options))?;
    Ok(imported.bytes_imported)
}

fn begin(engine: &mut Engine, table: &str) -> Result<()> {
    let refuse = |message: String| Err(Error::new(ErrorKind::Invalid, message));
    if !engine.tables.contains_key(table) {
        return refuse(format!("there is no table {table} to load; create it first"));
    }
    if engine.loading.contains_key(table) {
        return refuse(format!("the table {table} is being loaded already"));
    }
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", quoted(table));
    if engine.storage.conn().query_row(&sql, [], |row| row.get(0))? {
        return refuse(format!("the table {table} holds items; only an empty table can be loaded"));
    }
    schema::begin_loading(&engine.storage, table)?;
    // Built in one go at the end, the index costs a fraction.
    schema::drop_scan_index(&engine.storage, table)?;
    Ok(())
}

fn finish(engine: &mut Engine, table: &str, bytes: u64) -> Result<()> {
    schema::add_scan_index(&engine.storage, table)?;
    schema::finish_loading(&engine.storage, table)?;
    engine.loading.remove(table);
    if let Some(known) = engine.tables.get_mut(table) {
        known.settings.partitions = known.settings.partitions.max(for_bytes(bytes));
    }
    engine.refresh(table).map_err(|fault| refusal(table, fault))
}

/// What the engine says of an item names attributes, never values.
fn refusal(table: &str, fault: Fault) -> Error {
    match fault {
        Fault::Engine(error) if matches!(*error, DynoxideError::SqliteError(_)) => (*error).into(),
        Fault::Engine(error) => Error::because(
            ErrorKind::Invalid,
            format!("an item can't be loaded into the table {table}: {error}"),
            *error,
        ),
        Fault::Service { message, .. } => Error::new(ErrorKind::Invalid, message),
    }
}

async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(run).await;
    done.map_err(|error| Error::because(ErrorKind::Source, "the items to load failed", error))
}
