//! One partition serves 3,000 read and 1,000 write units a second, whatever its table has. Time is paused.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, KeyType, ReturnConsumedCapacity,
    ScalarAttributeType,
};
use embedded::{Embedded, Options};
use tokio::time::advance;

use crate::support::{client, database, key, on_demand, provisioned, s, sized, table, typed, units};

/// A provisioned table with a sort key, which has saved for as long as it can.
async fn hot_table(client: &Client, read: i64, write: i64) {
    let create = table(client, "Items").key_schema(key("sk", KeyType::Range));
    let create = create.attribute_definitions(typed("sk", ScalarAttributeType::S));
    create.provisioned_throughput(units(read, write)).send().await.unwrap();
    advance(Duration::from_secs(3_600)).await;
}

/// Writes items of a hundred units, each under the next of these partition keys, until one is refused.
async fn puts_until_throttled(client: &Client, pks: impl Iterator<Item = String>) -> (usize, PutItemError) {
    for (count, pk) in pks.enumerate() {
        let mut item = sized(&pk, 102_400 - 10);
        item.insert("sk".to_owned(), s(format!("{count:08}")));
        let put = client.put_item().table_name("Items").set_item(Some(item)).send().await;
        if let Err(error) = put {
            return (count, error.into_service_error());
        }
    }
    unreachable!("the table never throttled")
}

#[tokio::test(start_paused = true)]
async fn a_hot_key_is_throttled_while_its_table_has_units_left() {
    let (_embedded, client) = database(Options::default());
    hot_table(&client, 10, 5_000).await;
    let (count, refused) = puts_until_throttled(&client, std::iter::repeat("hot".to_owned())).await;
    assert_eq!(count, 10, "a partition writes 1,000 units a second");
    let PutItemError::ProvisionedThroughputExceededException(refused) = refused else { panic!("{refused:?}") };
    let reason = &refused.throttling_reasons()[0];
    assert_eq!(reason.reason(), Some("TableWriteKeyRangeThroughputExceeded"));
    assert_eq!(reason.resource(), Some("arn:aws:dynamodb:us-east-1:000000000000:table/Items"));
    let others = (0..100).map(|number| format!("cold {number}"));
    let (count, _) = puts_until_throttled(&client, others).await;
    assert!(count > 0, "other keys are not hot");
    advance(Duration::from_secs(1)).await;
    let (count, _) = puts_until_throttled(&client, std::iter::repeat("hot".to_owned())).await;
    assert_eq!(count, 10);
}

#[tokio::test(start_paused = true)]
async fn on_demand_the_refusal_has_the_other_name() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    // The item is the same each time: its table has 4,000 units, in four partitions.
    for _ in 0..2 {
        let put = client.put_item().table_name("Items").set_item(Some(sized("hot", 400 * 1_024)));
        put.send().await.unwrap();
    }
    let put = client.put_item().table_name("Items").set_item(Some(sized("hot", 400 * 1_024)));
    let refused = put.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ThrottlingException"));
}

/// How many consistent reads of 100 units each a key serves before it is throttled.
async fn reads_until_throttled(client: &Client, pk: &str) -> usize {
    for count in 0.. {
        let get = client.get_item().table_name("Items").key("pk", s(pk)).consistent_read(true).send().await;
        if let Err(error) = get {
            let error = error.into_service_error();
            assert!(error.is_provisioned_throughput_exceeded_exception(), "{error:?}");
            return count;
        }
    }
    unreachable!("the table never throttled")
}

#[tokio::test(start_paused = true)]
async fn a_hot_key_is_read_three_thousand_units_a_second() {
    let (embedded, client) = database(Options::default());
    provisioned(&client, "Items", 20_000, 10).await;
    embedded.load("Items", [Ok::<_, std::io::Error>(sized("hot", 400 * 1_024))]).await.unwrap();
    assert_eq!(reads_until_throttled(&client, "hot").await, 30);
    let queried = client.query().table_name("Items").key_condition_expression("pk = :pk");
    let queried = queried.expression_attribute_values(":pk", s("hot")).send().await.unwrap_err();
    assert!(queried.into_service_error().is_provisioned_throughput_exceeded_exception());
}

/// The units of a scan are those of the partitions that hold its segment.
#[tokio::test(start_paused = true)]
async fn a_segment_takes_of_its_own_partition() {
    let (embedded, client) = database(Options::default());
    provisioned(&client, "Items", 11_900, 10).await;
    advance(Duration::from_secs(3_600)).await;
    load(&embedded, 400).await;
    let page = |segment| client.scan().table_name("Items").total_segments(4).segment(segment).consistent_read(true);
    let mut taken = 0.0;
    let refused = loop {
        match page(0).return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
            Ok(page) => taken += page.consumed_capacity.unwrap().capacity_units.unwrap(),
            Err(error) => break error.into_service_error(),
        }
    };
    // A page has up to 1 MB, which is 256 units; the last may take the partition below zero.
    assert!((3_000.0..3_256.0).contains(&taken), "{taken}");
    assert!(refused.is_provisioned_throughput_exceeded_exception());
    page(1).send().await.unwrap();
}

/// Items of 10 KB under keys of all kinds.
async fn load(embedded: &Embedded, items: usize) {
    let items = (0..items).map(|number| Ok::<_, std::io::Error>(sized(&format!("{number}"), 10_240)));
    embedded.load("Items", items).await.unwrap();
}

/// They stay in the file, too.
#[tokio::test(start_paused = true)]
async fn partitions_that_a_table_was_raised_to_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    {
        let client = client(&Embedded::open(&path, Options::default()).unwrap());
        provisioned(&client, "Items", 10, 1_000).await;
        let capacity = |write| client.update_table().table_name("Items").provisioned_throughput(units(10, write));
        capacity(8_000).send().await.unwrap();
        capacity(2_000).send().await.unwrap();
    }
    let client = client(&Embedded::open(&path, Options::default()).unwrap());
    advance(Duration::from_secs(3_600)).await;
    // Two thousand units a second would be three partitions; eight thousand, and ten reads, were nine.
    let mut written = 0;
    for number in 0..2_000 {
        let put = client.put_item().table_name("Items").set_item(Some(sized(&format!("{number}"), 10_240)));
        written += usize::from(put.send().await.is_ok()) * 10;
    }
    assert_eq!(written, 9_000);
}

#[tokio::test(start_paused = true)]
async fn statements_are_refused_by_the_partition_of_their_key() {
    let (embedded, client) = database(Options::default());
    provisioned(&client, "Items", 10, 5_000).await;
    advance(Duration::from_secs(3_600)).await;
    let items = ["hot", "cold 1"].map(|pk| Ok::<_, std::io::Error>(sized(pk, 100 * 1_024)));
    embedded.load("Items", items).await.unwrap();
    let update = |pk: &str| {
        let statement = BatchStatementRequest::builder().statement(r#"UPDATE "Items" SET v = ? WHERE pk = ?"#);
        let statement = statement.parameters(AttributeValue::N("1".to_owned())).parameters(s(pk));
        statement.build().unwrap()
    };
    for _ in 0..9 {
        let done = client.batch_execute_statement().statements(update("hot")).send().await.unwrap();
        assert!(done.responses()[0].error().is_none());
    }
    let both = client.batch_execute_statement().statements(update("hot")).statements(update("cold 1"));
    let both = both.send().await.unwrap();
    let codes: Vec<_> = both.responses().iter().map(|it| it.error().and_then(|error| error.code())).collect();
    assert_eq!(codes, [Some(&BatchStatementErrorCodeEnum::ProvisionedThroughputExceeded), None]);
}
