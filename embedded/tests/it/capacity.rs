//! Tables take what they were given and no more. Time is paused: nothing here waits.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BillingMode, DeleteRequest, KeysAndAttributes,
    PutRequest, WriteRequest,
};
use embedded::Options;
use tokio::time::advance;

use crate::support::{by_index, database, n, on_demand, provisioned, s, sized, units};

async fn put(client: &Client, pk: &str, bytes: usize) -> Result<(), SdkError<PutItemError>> {
    client.put_item().table_name("Items").set_item(Some(sized(pk, bytes))).send().await.map(drop)
}

/// Writes one-unit items until the table refuses.
async fn puts_until_throttled(client: &Client) -> usize {
    for count in 0.. {
        if let Err(error) = put(client, &format!("{count}"), 100).await {
            assert!(error.as_service_error().unwrap().is_provisioned_throughput_exceeded_exception(), "{error:?}");
            return count;
        }
    }
    unreachable!("the table never throttled")
}

#[tokio::test(start_paused = true)]
async fn a_new_table_has_one_second_of_writes_and_then_so_many_a_second() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 10).await;
    assert_eq!(puts_until_throttled(&client).await, 10);
    advance(Duration::from_secs(2)).await;
    assert_eq!(puts_until_throttled(&client).await, 20);
}

#[tokio::test(start_paused = true)]
async fn burst_credit_is_three_hundred_seconds_of_unused_units() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 2).await;
    advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(puts_until_throttled(&client).await, 602);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_ran_short() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 1, 1).await;
    put(&client, "a", 100).await.unwrap();
    let PutItemError::ProvisionedThroughputExceededException(refused) =
        put(&client, "b", 100).await.unwrap_err().into_service_error()
    else {
        panic!("expected a throttled write")
    };
    let reason = &refused.throttling_reasons()[0];
    assert_eq!(reason.reason(), Some("TableWriteProvisionedThroughputExceeded"));
    assert_eq!(reason.resource(), Some("arn:aws:dynamodb:us-east-1:000000000000:table/Items"));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_refused_before_it_is_done() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 3).await;
    put(&client, "a", 2_000).await.unwrap();
    assert!(put(&client, "b", 2_000).await.is_err());
    let got = client.get_item().table_name("Items").key("pk", s("b")).send().await.unwrap();
    assert!(got.item.is_none());
    put(&client, "c", 1_000).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failing_condition_takes_the_items_units() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 6).await;
    put(&client, "a", 3_000).await.unwrap();
    let update = client.update_item().table_name("Items").key("pk", s("a")).update_expression("SET v = :v");
    let update = update.condition_expression("attribute_not_exists(pk)").expression_attribute_values(":v", n(1));
    let failed = update.send().await.unwrap_err().into_service_error();
    assert!(failed.is_conditional_check_failed_exception());
    assert!(put(&client, "b", 100).await.is_err(), "three units for the item, three for the condition");
}

#[tokio::test(start_paused = true)]
async fn reads_are_charged_afterwards_and_pay_back() {
    let (embedded, client) = database(Options::default());
    provisioned(&client, "Items", 10, 10).await;
    embedded.load("Items", (0..20).map(|i| Ok::<_, std::io::Error>(sized(&format!("{i:02}"), 40_000)))).await.unwrap();
    // 20 items of 40 KB are 98 units, eventually consistent.
    let page = client.scan().table_name("Items").send().await.unwrap();
    assert_eq!(page.count, 20);
    let refused = client.scan().table_name("Items").send().await.unwrap_err().into_service_error();
    assert!(refused.is_provisioned_throughput_exceeded_exception());
    advance(Duration::from_secs(8)).await;
    assert!(client.scan().table_name("Items").send().await.is_err());
    advance(Duration::from_secs(1)).await;
    client.scan().table_name("Items").send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn update_table_raises_what_a_table_takes() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 1).await;
    assert_eq!(puts_until_throttled(&client).await, 1);
    client.update_table().table_name("Items").provisioned_throughput(units(5, 50)).send().await.unwrap();
    advance(Duration::from_secs(1)).await;
    assert_eq!(puts_until_throttled(&client).await, 50);
}

#[tokio::test(start_paused = true)]
async fn a_change_under_way_comes_into_force_when_it_is_done() {
    let (_embedded, client) = database(Options::default().update_takes(Duration::from_secs(10)));
    provisioned(&client, "Items", 5, 1).await;
    assert_eq!(puts_until_throttled(&client).await, 1);
    client.update_table().table_name("Items").provisioned_throughput(units(5, 50)).send().await.unwrap();
    let table = || async { client.describe_table().table_name("Items").send().await.unwrap().table.unwrap() };
    let during = table().await;
    assert_eq!(during.table_status().unwrap().as_str(), "UPDATING");
    assert_eq!(during.provisioned_throughput().unwrap().write_capacity_units(), Some(1));
    let busy = client.update_table().table_name("Items").provisioned_throughput(units(5, 60)).send().await.unwrap_err();
    assert!(busy.into_service_error().is_resource_in_use_exception());
    advance(Duration::from_secs(9)).await;
    assert_eq!(puts_until_throttled(&client).await, 9);
    advance(Duration::from_secs(2)).await;
    assert_eq!(puts_until_throttled(&client).await, 51);
    let after = table().await;
    assert_eq!(after.table_status().unwrap().as_str(), "ACTIVE");
    assert_eq!(after.provisioned_throughput().unwrap().write_capacity_units(), Some(50));
}

#[tokio::test(start_paused = true)]
async fn a_batch_gives_back_what_it_could_not_write() {
    let (_embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 5).await;
    let write = |i: usize| {
        let put = PutRequest::builder().set_item(Some(sized(&format!("{i}"), 100))).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let batch = client.batch_write_item().request_items("Items", (0..8).map(write).collect());
    let done = batch.send().await.unwrap();
    let unprocessed = &done.unprocessed_items.unwrap()["Items"];
    assert_eq!(unprocessed, &(5..8).map(write).collect::<Vec<_>>());
    let refused = client.batch_write_item().request_items("Items", unprocessed.clone()).send().await.unwrap_err();
    assert!(refused.into_service_error().is_provisioned_throughput_exceeded_exception());
    advance(Duration::from_secs(1)).await;
    let delete = DeleteRequest::builder().key("pk", s("0")).build().unwrap();
    let delete = WriteRequest::builder().delete_request(delete).build();
    let done = client.batch_write_item().request_items("Items", vec![delete]).send().await.unwrap();
    assert!(done.unprocessed_items.unwrap_or_default().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_gives_back_what_it_could_not_read() {
    let (embedded, client) = database(Options::default());
    provisioned(&client, "Items", 2, 5).await;
    embedded.load("Items", (0..8).map(|i| Ok::<_, std::io::Error>(sized(&format!("{i}"), 4_000)))).await.unwrap();
    let keys = (0..8).map(|i| [("pk".to_owned(), s(format!("{i}")))].into());
    let wanted = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true);
    let wanted = wanted.build().unwrap();
    let done = client.batch_get_item().request_items("Items", wanted.clone()).send().await.unwrap();
    assert_eq!(done.responses.unwrap()["Items"].len(), 2);
    let unprocessed = &done.unprocessed_keys.unwrap()["Items"];
    assert_eq!(unprocessed.keys(), &wanted.keys()[2..]);
    assert_eq!(unprocessed.consistent_read(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn each_statement_of_a_batch_has_its_own_refusal() {
    let (embedded, client) = database(Options::default());
    provisioned(&client, "Items", 5, 2).await;
    embedded.load("Items", (0..4).map(|i| Ok::<_, std::io::Error>(sized(&format!("{i}"), 100)))).await.unwrap();
    let statement = |i: usize| {
        let text = format!("UPDATE \"Items\" SET v = 1 WHERE pk = '{i}' AND v IS MISSING");
        BatchStatementRequest::builder().statement(text).build().unwrap()
    };
    let batch = client.batch_execute_statement().set_statements(Some((0..4).map(statement).collect()));
    let codes: Vec<_> = batch.send().await.unwrap().responses().iter().map(|it| it.error().cloned()).collect();
    assert!(codes[..2].iter().all(Option::is_none), "{codes:?}");
    for error in &codes[2..] {
        let code = error.as_ref().unwrap().code();
        assert_eq!(code, Some(&BatchStatementErrorCodeEnum::ProvisionedThroughputExceeded));
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_falls_behind_holds_writes_back() {
    let (_embedded, client) = database(Options::default());
    by_index(&client, "Items", units(5, 100), units(5, 1)).await;
    let put = |i: usize| {
        let put = client.put_item().table_name("Items").item("pk", s(format!("{i}")));
        put.item("kind", s("x")).item("d", s("x".repeat(3_000))).send()
    };
    put(0).await.unwrap();
    let refused = put(1).await.unwrap_err().into_service_error();
    let PutItemError::ProvisionedThroughputExceededException(refused) = refused else {
        panic!("expected a throttled write: {refused:?}")
    };
    let reason = &refused.throttling_reasons()[0];
    assert_eq!(reason.reason(), Some("IndexWriteProvisionedThroughputExceeded"));
    assert!(reason.resource().unwrap().ends_with("table/Items/index/by_kind"));
    advance(Duration::from_secs(4)).await;
    put(1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reading_an_index_takes_the_units_of_the_index() {
    let (embedded, client) = database(Options::default());
    by_index(&client, "Items", units(100, 5), units(2, 5)).await;
    let items = (0..4).map(|i| {
        let mut item = sized(&format!("{i}"), 8_000);
        item.insert("kind".to_owned(), s("x"));
        Ok::<_, std::io::Error>(item)
    });
    embedded.load("Items", items).await.unwrap();
    let of_index = || client.scan().table_name("Items").index_name("by_kind").send();
    of_index().await.unwrap();
    let refused = of_index().await.unwrap_err().into_service_error();
    assert!(refused.is_provisioned_throughput_exceeded_exception());
    client.scan().table_name("Items").send().await.unwrap();
}

/// Writes items of a hundred units under many keys, and counts the units that were taken.
async fn units_taken(client: &Client) -> usize {
    let mut taken = 0;
    for number in 0..300 {
        match put(client, &format!("{number}"), 102_400).await {
            Ok(()) => taken += 100,
            Err(error) => assert_eq!(error.code(), Some("ThrottlingException")),
        }
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn on_demand_takes_four_thousand_writes_a_second_and_grows() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    assert_eq!(units_taken(&client).await, 4_000);
    advance(Duration::from_secs(31 * 60)).await;
    assert_eq!(units_taken(&client).await, 8_000);
}

#[tokio::test(start_paused = true)]
async fn a_warmed_table_takes_more_at_once() {
    let (_embedded, client) = database(Options::default());
    let warm = aws_sdk_dynamodb::types::WarmThroughput::builder().write_units_per_second(8_000).build();
    let create = crate::support::table(&client, "Items").billing_mode(BillingMode::PayPerRequest);
    create.warm_throughput(warm).send().await.unwrap();
    assert_eq!(units_taken(&client).await, 8_000);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_throttled_when_capacity_is_not_enforced() {
    let (_embedded, client) = database(Options::default().enforce_capacity(false));
    provisioned(&client, "Items", 1, 1).await;
    for i in 0..20 {
        client.put_item().table_name("Items").item("pk", AttributeValue::S(i.to_string())).send().await.unwrap();
    }
}
