//! Transactions and statements: all or nothing, each with its reason.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    BatchStatementErrorCodeEnum, BatchStatementRequest, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use embedded::Options;

use crate::support::{database, item, n, on_demand, provisioned, s, sized};

fn put(pk: &str) -> TransactWriteItem {
    let put = Put::builder().table_name("Items").set_item(Some(item([("pk", s(pk)), ("v", n(1))])));
    let put = put.condition_expression("attribute_not_exists(pk)");
    let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

async fn write(client: &Client, puts: Vec<TransactWriteItem>) -> Vec<(String, bool)> {
    let refused = client.transact_write_items().set_transact_items(Some(puts)).send().await.unwrap_err();
    let TransactWriteItemsError::TransactionCanceledException(canceled) = refused.into_service_error() else {
        panic!("expected a canceled transaction")
    };
    let reasons = canceled.cancellation_reasons().iter();
    reasons.map(|reason| (reason.code().unwrap().to_owned(), reason.item().is_some())).collect()
}

#[tokio::test]
async fn a_canceled_transaction_gives_its_reasons_and_items() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    client.transact_write_items().transact_items(put("a")).send().await.unwrap();
    let reasons = write(&client, vec![put("b"), put("a")]).await;
    assert_eq!(reasons, [("None".to_owned(), false), ("ConditionalCheckFailed".to_owned(), true)]);
    assert_eq!(client.scan().table_name("Items").send().await.unwrap().count, 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_transaction_says_which_part_ran_short() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 3).await;
    let reasons = write(&client, vec![put("a"), put("b")]).await;
    assert_eq!(reasons, [("None".to_owned(), false), ("ProvisionedThroughputExceeded".to_owned(), false)]);
}

#[tokio::test]
async fn a_transaction_that_comes_again_with_its_token_runs_once() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let send = |pk| client.transact_write_items().client_request_token("token").transact_items(put(pk)).send();
    send("a").await.unwrap();
    send("a").await.expect("the condition isn't looked at again");
    let other = send("b").await.unwrap_err().into_service_error();
    assert!(other.is_idempotent_parameter_mismatch_exception());
}

#[tokio::test]
async fn a_batch_of_conditional_updates_has_an_outcome_for_each() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    for (pk, bytes) in [("a", 100), ("b", 1_500), ("c", 100)] {
        client.put_item().table_name("Items").set_item(Some(sized(pk, bytes))).send().await.unwrap();
    }
    let update = |pk: &str, condition: &str| {
        let text = format!("UPDATE \"Items\" SET v = ? WHERE pk = ? AND {condition}");
        let update = BatchStatementRequest::builder().statement(text).parameters(n(1)).parameters(s(pk));
        let item = ReturnValuesOnConditionCheckFailure::AllOld;
        update.return_values_on_condition_check_failure(item).build().unwrap()
    };
    let statements = vec![
        update("a", "v IS MISSING"),
        update("b", "v IS MISSING"),
        update("c", "v = 7"),
        update("gone", "v IS MISSING"),
    ];
    let batch = client.batch_execute_statement().set_statements(Some(statements));
    let done = batch.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
    let failed = |number: usize| done.responses()[number].error();
    assert!(failed(0).is_none() && failed(1).is_none());
    assert_eq!(failed(2).unwrap().code(), Some(&BatchStatementErrorCodeEnum::ConditionalCheckFailed));
    assert_eq!(failed(2).unwrap().item(), Some(&sized("c", 100)));
    assert_eq!(failed(3).unwrap().code(), Some(&BatchStatementErrorCodeEnum::ConditionalCheckFailed));
    assert!(failed(3).unwrap().item().is_none());
    // One unit for each small item and for the condition on nothing, two for the larger item.
    assert_eq!(done.consumed_capacity()[0].capacity_units(), Some(5.0));
    assert_eq!(client.scan().table_name("Items").send().await.unwrap().count, 3);
}
