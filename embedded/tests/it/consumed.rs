//! ConsumedCapacity follows AWS's rules: writes by 1 KB, reads by 4 KB and half of it when eventually
//! consistent, updates by the larger of before and after, transactions twice, indexes beside.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    ConsumedCapacity, KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity, TransactWriteItem, WriteRequest,
};
use embedded::Options;

use crate::support::{by_index, database, n, on_demand, s, sized, units};

const TOTAL: ReturnConsumedCapacity = ReturnConsumedCapacity::Total;

async fn put(client: &Client, pk: &str, bytes: usize) -> f64 {
    let put = client.put_item().table_name("Items").set_item(Some(sized(pk, bytes)));
    taken(put.return_consumed_capacity(TOTAL).send().await.unwrap().consumed_capacity)
}

fn taken(consumed: Option<ConsumedCapacity>) -> f64 {
    consumed.unwrap().capacity_units.unwrap()
}

#[tokio::test]
async fn writes_round_up_to_one_kilobyte() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    assert_eq!(put(&client, "a", 1_024).await, 1.0);
    assert_eq!(put(&client, "b", 1_025).await, 2.0);
    assert_eq!(put(&client, "b", 100).await, 2.0, "replacing a larger item costs the larger");
    assert_eq!(put(&client, "b", 100).await, 1.0);
    put(&client, "c", 5_000).await;
    let delete = client.delete_item().table_name("Items").key("pk", s("c")).return_consumed_capacity(TOTAL);
    assert_eq!(taken(delete.send().await.unwrap().consumed_capacity), 5.0);
}

#[tokio::test]
async fn an_update_costs_the_larger_of_before_and_after() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    put(&client, "a", 3_000).await;
    let update = |expression: &str| {
        let update = client.update_item().table_name("Items").key("pk", s("a")).update_expression(expression);
        update.return_consumed_capacity(TOTAL)
    };
    assert_eq!(taken(update("REMOVE d").send().await.unwrap().consumed_capacity), 3.0);
    let grow = update("SET d = :d").expression_attribute_values(":d", s("x".repeat(4_500)));
    assert_eq!(taken(grow.send().await.unwrap().consumed_capacity), 5.0);
}

#[tokio::test]
async fn reads_round_up_to_four_kilobytes_and_halve() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    put(&client, "a", 4_097).await;
    let get = || client.get_item().table_name("Items").key("pk", s("a")).return_consumed_capacity(TOTAL);
    assert_eq!(taken(get().send().await.unwrap().consumed_capacity), 1.0);
    assert_eq!(taken(get().consistent_read(true).send().await.unwrap().consumed_capacity), 2.0);
    let nothing = client.get_item().table_name("Items").key("pk", s("b")).return_consumed_capacity(TOTAL);
    assert_eq!(taken(nothing.send().await.unwrap().consumed_capacity), 0.5);
}

#[tokio::test]
async fn a_page_is_rounded_as_a_whole_and_a_batch_item_by_item() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    for pk in ["a", "b", "c", "d"] {
        put(&client, pk, 1_100).await;
    }
    let scan = client.scan().table_name("Items").return_consumed_capacity(TOTAL).send().await.unwrap();
    assert_eq!(taken(scan.consumed_capacity), 1.0);
    let query = client.query().table_name("Items").key_condition_expression("pk = :a");
    let query = query.expression_attribute_values(":a", s("a")).return_consumed_capacity(TOTAL);
    assert_eq!(taken(query.send().await.unwrap().consumed_capacity), 0.5);
    let keys = ["a", "b", "c", "d"].map(|pk| [("pk".to_owned(), s(pk))].into());
    let wanted = KeysAndAttributes::builder().set_keys(Some(keys.into())).build().unwrap();
    let get = client.batch_get_item().request_items("Items", wanted).return_consumed_capacity(TOTAL);
    assert_eq!(taken(get.send().await.unwrap().consumed_capacity.unwrap().pop()), 2.0);
    let puts = ["a", "b"].map(|pk| {
        let put = PutRequest::builder().set_item(Some(sized(pk, 1_100))).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    });
    let write = client.batch_write_item().request_items("Items", puts.into()).return_consumed_capacity(TOTAL);
    assert_eq!(taken(write.send().await.unwrap().consumed_capacity.unwrap().pop()), 4.0);
}

#[tokio::test]
async fn a_transaction_costs_twice() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let puts = ["a", "b"].map(|pk| {
        let put = Put::builder().table_name("Items").set_item(Some(sized(pk, 1_500))).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    });
    let write = client.transact_write_items().set_transact_items(Some(puts.into())).return_consumed_capacity(TOTAL);
    assert_eq!(taken(write.send().await.unwrap().consumed_capacity.unwrap().pop()), 8.0);
}

#[tokio::test]
async fn an_index_costs_beside_its_table() {
    let (_embedded, client) = database(Options::default());
    by_index(&client, "Items", units(100, 100), units(100, 100)).await;
    let put = client.put_item().table_name("Items").item("pk", s("a")).item("kind", s("x")).item("v", n(1));
    let put = put.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await.unwrap();
    let consumed = put.consumed_capacity.unwrap();
    assert_eq!(consumed.capacity_units, Some(2.0));
    assert_eq!(consumed.table().unwrap().capacity_units(), Some(1.0));
    assert_eq!(consumed.global_secondary_indexes().unwrap()["by_kind"].capacity_units(), Some(1.0));
}

#[tokio::test]
async fn no_figure_comes_unasked() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let put = client.put_item().table_name("Items").item("pk", s("a")).send().await.unwrap();
    assert!(put.consumed_capacity.is_none());
    let total = client.put_item().table_name("Items").item("pk", s("a")).return_consumed_capacity(TOTAL);
    assert!(total.send().await.unwrap().consumed_capacity.unwrap().table.is_none());
}
