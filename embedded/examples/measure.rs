//! Measures what the embedded database costs: `cargo run --release -p embedded --example measure`.
//!
//! On two cores shared with other builds it said: PutItem 210 microseconds, GetItem 110 (the SDK's share
//! included), conditional updates 70 each in batches of 25, a load 90,000 items of 1 KB a second, a scan of
//! 100,000 of them 1.0 s in 64 segments and 3.3 s in 10,000; of 25,000 of them 0.2 s and 1.3 s.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementRequest, BillingMode, KeyType, ScalarAttributeType};
use embedded::{Embedded, Options};

type Item = HashMap<String, AttributeValue>;

fn item(number: usize, bytes: usize) -> Item {
    let pk = AttributeValue::S(format!("item {number:09}"));
    [("pk".to_owned(), pk), ("d".to_owned(), AttributeValue::S("x".repeat(bytes)))].into()
}

#[tokio::main]
async fn main() {
    let embedded = Embedded::temporary(Options::default().enforce_capacity(false)).unwrap();
    let client = embedded.client();
    calls(&client).await;
    for count in [25_000, 100_000] {
        let table = format!("Items{count}");
        create(&client, &table).await;
        let start = Instant::now();
        let items = (0..count).map(|number| Ok::<_, Infallible>(item(number, 1_000)));
        embedded.load(&table, items).await.unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!("load of {count} items of 1 KB: {seconds:.2} s, {:.0} items/s", count as f64 / seconds);
        for segments in [1, 64, 10_000] {
            let start = Instant::now();
            let (seen, calls) = scan(&client, &table, segments).await;
            assert_eq!(seen, count);
            let seconds = start.elapsed().as_secs_f64();
            println!("scan of {count} items in {segments} segments: {seconds:.2} s, {calls} calls");
        }
    }
}

async fn create(client: &Client, table: &str) {
    use aws_sdk_dynamodb::types::{AttributeDefinition, KeySchemaElement};
    let pk = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
    let create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(pk.build().unwrap()).key_schema(key.build().unwrap());
    create.send().await.unwrap();
}

async fn calls(client: &Client) {
    const CALLS: u32 = 5_000;
    create(client, "Calls").await;
    let start = Instant::now();
    for number in 0..CALLS {
        let put = client.put_item().table_name("Calls").set_item(Some(item(number as usize, 1_000)));
        put.send().await.unwrap();
    }
    println!("PutItem of 1 KB: {:?} a call", start.elapsed() / CALLS);
    let start = Instant::now();
    for number in 0..CALLS {
        let key = item(number as usize, 0).remove("pk").unwrap();
        client.get_item().table_name("Calls").key("pk", key).send().await.unwrap();
    }
    println!("GetItem of 1 KB: {:?} a call", start.elapsed() / CALLS);
    let start = Instant::now();
    for first in (0..CALLS as usize).step_by(25) {
        let update = |number| {
            let update = BatchStatementRequest::builder()
                .statement(r#"UPDATE "Calls" SET v = ? WHERE pk = ? AND v IS MISSING"#)
                .parameters(AttributeValue::N("1".to_owned()))
                .parameters(item(number, 0).remove("pk").unwrap());
            update.build().unwrap()
        };
        let updates = (first..first + 25).map(update).collect();
        let done = client.batch_execute_statement().set_statements(Some(updates)).send().await.unwrap();
        assert!(done.responses().iter().all(|response| response.error().is_none()));
    }
    println!("BatchExecuteStatement of 25 conditional updates: {:?} an update", start.elapsed() / CALLS);
}

async fn scan(client: &Client, table: &str, segments: i32) -> (usize, usize) {
    let (mut seen, mut calls) = (0, 0);
    for segment in 0..segments {
        let mut start: Option<Item> = None;
        loop {
            let scan = client.scan().table_name(table).segment(segment).total_segments(segments);
            let page = scan.set_exclusive_start_key(start).send().await.unwrap();
            calls += 1;
            seen += page.items().len();
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
    }
    (seen, calls)
}
