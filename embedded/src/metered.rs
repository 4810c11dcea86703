//! The operations that take units: what each asks for before it runs, and where its response reports what it
//! took. One entry of [`metered!`] per operation; the table in [`crate::operations`] names them.

use std::collections::HashMap;

use dynoxide::storage::Storage;
use dynoxide::types::AttributeValue;
use dynoxide::{DynoxideError, actions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::capacity::Direction;
use crate::capacity::demand::Demand;
use crate::capacity::partitions::Span;
use crate::capacity::report::Report;
use crate::capacity::statement::{self, Statement};
use crate::engine::{Engine, settle};

type Item = HashMap<String, AttributeValue>;

/// How a request is refused of which one part lacks units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    /// As a whole.
    Whole,
    /// As a transaction: canceled, with a reason for each part.
    Transaction,
}

/// A request whose units are charged.
pub(crate) trait Metered: DeserializeOwned {
    const PARTS: Parts;
    type Response: Serialize;

    /// What it asks for.
    fn demands(&self, engine: &Engine) -> Vec<Demand>;

    /// Which report the caller asked for; `Some("INDEXES")` is the full one.
    fn mode(&mut self) -> &mut Option<String>;

    /// Runs it, regardless of capacity.
    fn run(self, storage: &Storage) -> Result<Self::Response, DynoxideError>;

    /// The report in its response.
    fn report(response: &mut Self::Response) -> &mut impl Report;
}

macro_rules! metered {
    ($($parts:ident $operation:ident :: $request:ident -> $response:ident, $demands:expr;)*) => {$(
        impl Metered for actions::$operation::$request {
            const PARTS: Parts = Parts::$parts;
            type Response = actions::$operation::$response;

            fn demands(&self, engine: &Engine) -> Vec<Demand> {
                let demands: fn(&Self, &Engine) -> Vec<Demand> = $demands;
                demands(self, engine)
            }

            fn mode(&mut self) -> &mut Option<String> {
                &mut self.return_consumed_capacity
            }

            fn run(self, storage: &Storage) -> Result<Self::Response, DynoxideError> {
                settle(actions::$operation::execute(storage, self))
            }

            fn report(response: &mut Self::Response) -> &mut impl Report {
                &mut response.consumed_capacity
            }
        }
    )*};
}

metered! {
    Whole get_item::GetItemRequest -> GetItemResponse, |it, engine| {
        vec![Demand::read(&it.table_name, None).at(span(engine, &it.table_name, &it.key))]
    };
    Whole query::QueryRequest -> QueryResponse, |it, engine| vec![query(engine, it)];
    Whole scan::ScanRequest -> ScanResponse, |it, _| vec![Demand::read(&it.table_name, it.index_name.as_deref())];
    Whole put_item::PutItemRequest -> PutItemResponse, |it, engine| vec![put(engine, &it.table_name, &it.item)];
    Whole delete_item::DeleteItemRequest -> DeleteItemResponse, |it, engine| {
        vec![at_key(engine, &it.table_name, &it.key, None)]
    };
    Whole update_item::UpdateItemRequest -> UpdateItemResponse, |it, engine| {
        vec![at_key(engine, &it.table_name, &it.key, it.expression_attribute_values.as_ref())]
    };
    Whole batch_get_item::BatchGetItemRequest -> BatchGetItemResponse, |it, engine| {
        let of_table = |(table, wanted): (&String, &actions::batch_get_item::KeysAndAttributes)| -> Vec<Demand> {
            wanted.keys.iter().map(|key| Demand::read(table, None).at(span(engine, table, key))).collect()
        };
        it.request_items.iter().flat_map(of_table).collect()
    };
    Whole batch_write_item::BatchWriteItemRequest -> BatchWriteItemResponse, |it, engine| {
        let of_table = |(table, requests): (&String, &Vec<_>)| -> Vec<Demand> {
            requests.iter().filter_map(|request| batch_write(engine, table, request)).collect()
        };
        it.request_items.iter().flat_map(of_table).collect()
    };
    Transaction transact_get_items::TransactGetItemsRequest -> TransactGetItemsResponse, |it, engine| {
        let of = |item: &actions::transact_get_items::TransactGetItem| {
            Demand::read(&item.get.table_name, None).at(span(engine, &item.get.table_name, &item.get.key))
        };
        it.transact_items.iter().map(of).collect()
    };
    Transaction transact_write_items::TransactWriteItemsRequest -> TransactWriteItemsResponse, |it, engine| {
        it.transact_items.iter().filter_map(|item| transact_write(engine, item)).map(doubled).collect()
    };
    Whole execute_statement::ExecuteStatementRequest -> ExecuteStatementResponse, |it, engine| {
        partiql(engine, &it.statement, it.parameters.as_deref()).into_iter().collect()
    };
    Transaction execute_transaction::ExecuteTransactionRequest -> ExecuteTransactionResponse, |it, engine| {
        let of = |it: &actions::execute_transaction::ParameterizedStatement| {
            partiql(engine, &it.statement, it.parameters.as_deref()).map(doubled)
        };
        it.transact_statements.iter().filter_map(of).collect()
    };
    Whole batch_execute_statement::BatchExecuteStatementRequest -> BatchExecuteStatementResponse, |it, engine| {
        let of = |it: &actions::batch_execute_statement::BatchStatementRequest| {
            partiql(engine, &it.statement, it.parameters.as_deref())
        };
        it.statements.iter().filter_map(of).collect()
    };
}

/// One request of a BatchWriteItem.
pub(crate) fn batch_write(
    engine: &Engine,
    table: &str,
    request: &actions::batch_write_item::WriteRequest,
) -> Option<Demand> {
    match (&request.put_request, &request.delete_request) {
        (Some(it), _) => Some(put(engine, table, &it.item)),
        (None, Some(it)) => Some(at_key(engine, table, &it.key, None)),
        (None, None) => None,
    }
}

fn transact_write(engine: &Engine, item: &actions::transact_write_items::TransactWriteItem) -> Option<Demand> {
    let of_put = item.put.as_ref().map(|it| put(engine, &it.table_name, &it.item));
    let of_update = || {
        let it = item.update.as_ref()?;
        Some(at_key(engine, &it.table_name, &it.key, it.expression_attribute_values.as_ref()))
    };
    let of_delete = || item.delete.as_ref().map(|it| at_key(engine, &it.table_name, &it.key, None));
    let of_check = || item.condition_check.as_ref().map(|it| at_key(engine, &it.table_name, &it.key, None));
    of_put.or_else(of_update).or_else(of_delete).or_else(of_check)
}

/// A put costs the larger of the item that it writes and the one that it replaces.
fn put(engine: &Engine, table: &str, item: &Item) -> Demand {
    let bytes = dynoxide::types::item_size(item).max(engine.stored_bytes(table, item));
    Demand::write(table, dynoxide::types::write_capacity_units(bytes)).at(span(engine, table, item))
}

/// A write to a key costs at least the item that stands there, or the key and the values that it sets.
fn at_key(engine: &Engine, table: &str, key: &Item, values: Option<&Item>) -> Demand {
    let given = dynoxide::types::item_size(key) + values.map_or(0, dynoxide::types::item_size);
    let bytes = given.max(engine.stored_bytes(table, key));
    Demand::write(table, dynoxide::types::write_capacity_units(bytes)).at(span(engine, table, key))
}

/// Where a key, or the item that holds it, stands.
pub(crate) fn span(engine: &Engine, table: &str, key: &Item) -> Option<Span> {
    engine.tables.get(table)?.hash_value(key).map(Span::of_key)
}

fn query(engine: &Engine, it: &actions::query::QueryRequest) -> Demand {
    let hash_value = || {
        let (condition, table) = (it.key_condition_expression.as_deref()?, engine.tables.get(&it.table_name)?);
        let (names, values) = (it.expression_attribute_names.as_ref(), it.expression_attribute_values.as_ref());
        statement::queried(condition, names, values, table.key_names().first()?)
    };
    let index = it.index_name.as_deref();
    Demand::read(&it.table_name, index).at(hash_value().filter(|_| index.is_none()).map(Span::of_key))
}

/// A PartiQL statement. Where it doesn't tell its key its units are not known in advance. `None` for a text that is
/// no statement; the engine will refuse it.
pub(crate) fn partiql(engine: &Engine, text: &str, parameters: Option<&[AttributeValue]>) -> Option<Demand> {
    let Statement { table, index, direction } = Statement::read(text)?;
    let names = engine.tables.get(&table).filter(|_| index.is_none()).map(|table| table.key_names());
    let key = names.and_then(|names| statement::key(text, parameters.unwrap_or_default(), &names));
    Some(match (key, direction) {
        (Some(key), Direction::Write) => at_key(engine, &table, &key, None),
        (Some(key), Direction::Read) => Demand::read(&table, None).at(span(engine, &table, &key)),
        (None, _) => Demand { table, index, direction, units: None, span: None },
    })
}

/// A transaction prepares and commits: every unit twice.
fn doubled(demand: Demand) -> Demand {
    Demand { units: demand.units.map(|units| units * 2.0), ..demand }
}
