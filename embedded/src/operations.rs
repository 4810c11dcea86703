//! Every operation, by the name that requests carry in `x-amz-target`.

use dynoxide::actions;

use crate::capacity::admission::run_metered;
use crate::engine::{Engine, settle};
use crate::metered::Metered;
use crate::reply::Answer;
use crate::tokens::once;
use crate::wire::{parse, parse_with_arns, write, write_with_arns};
use crate::{batch, scan, streams};

/// Whether an operation may have something to tell a stream.
pub(crate) fn may_write(operation: &str) -> bool {
    const READING: [&str; 6] = ["Get", "BatchGet", "TransactGet", "Describe", "List", "Scan"];
    operation != "Query" && !READING.iter().any(|it| operation.starts_with(it))
}

/// Answers one request.
pub(crate) fn answer(engine: &mut Engine, operation: &str, body: &[u8]) -> Answer {
    use actions::{
        delete_item, execute_statement, execute_transaction, get_item, put_item, transact_get_items,
        transact_write_items, update_item,
    };

    /// An operation that the engine does by itself.
    macro_rules! plain {
        ($operation:ident) => {{
            let request = parse_with_arns(body)?;
            write_with_arns(&settle(actions::$operation::execute(&engine.storage, request))?)
        }};
    }

    engine.recover()?;
    match operation {
        "GetItem" => metered::<get_item::GetItemRequest>(engine, body),
        "PutItem" => metered::<put_item::PutItemRequest>(engine, body),
        "UpdateItem" => metered::<update_item::UpdateItemRequest>(engine, body),
        "DeleteItem" => metered::<delete_item::DeleteItemRequest>(engine, body),
        "Scan" => write(&scan::scan(engine, parse(body)?)?),
        "Query" => scan::query(engine, parse(body)?),
        "BatchGetItem" => batch::get(engine, body),
        "BatchWriteItem" => batch::write(engine, body),
        "BatchExecuteStatement" => batch::execute(engine, body),
        "TransactGetItems" => metered::<transact_get_items::TransactGetItemsRequest>(engine, body),
        "TransactWriteItems" => {
            once::<transact_write_items::TransactWriteItemsRequest>(engine, "TransactWriteItems", body)
        }
        "ExecuteStatement" => metered::<execute_statement::ExecuteStatementRequest>(engine, body),
        "ExecuteTransaction" => {
            once::<execute_transaction::ExecuteTransactionRequest>(engine, "ExecuteTransaction", body)
        }
        "ListTables" => plain!(list_tables),
        "TagResource" => plain!(tag_resource),
        "UntagResource" => plain!(untag_resource),
        "ListTagsOfResource" => plain!(list_tags_of_resource),
        "UpdateTimeToLive" => plain!(update_time_to_live),
        "DescribeTimeToLive" => plain!(describe_time_to_live),
        "ListStreams" | "DescribeStream" | "GetShardIterator" | "GetRecords" => {
            streams::answer(engine, operation, body)
        }
        _ => crate::control::answer(engine, operation, body),
    }
}

fn metered<R: Metered>(engine: &mut Engine, body: &[u8]) -> Answer {
    write(&run_metered(engine, parse::<R>(body)?)?)
}
