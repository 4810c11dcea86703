//! Scans and queries reach every item exactly once, whatever the number of segments and the size of pages.

use std::collections::HashSet;

use crate::support::{Item, attribute, b, database, item, key, n, on_demand, s, sized, table, typed};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, BillingMode, KeyType, PutRequest, ScalarAttributeType, WriteRequest};
use embedded::Options;

async fn fill(client: &Client, table: &str, items: impl Iterator<Item = Item>) {
    let items: Vec<_> = items.collect();
    for some in items.chunks(25) {
        let puts = some.iter().map(|item| {
            let put = PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        let done = client.batch_write_item().request_items(table, puts.collect()).send().await.unwrap();
        assert!(done.unprocessed_items.unwrap_or_default().is_empty());
    }
}

/// Scans one segment to its end, and gives the keys and the sizes of its pages.
async fn segment(client: &Client, segment: i32, total: i32, limit: Option<i32>) -> (Vec<String>, Vec<usize>) {
    let (mut keys, mut pages, mut start) = (Vec::new(), Vec::new(), None);
    loop {
        let scan = client.scan().table_name("Items").segment(segment).total_segments(total).set_limit(limit);
        let page = scan.set_exclusive_start_key(start).send().await.unwrap();
        pages.push(page.items().len());
        keys.extend(page.items().iter().map(|item| item["pk"].as_s().unwrap().clone()));
        start = page.last_evaluated_key;
        if start.is_none() {
            return (keys, pages);
        }
    }
}

#[tokio::test]
async fn segments_reach_every_item_once() {
    let (_embedded, client) = database(Options::default().enforce_capacity(false));
    on_demand(&client, "Items").await;
    fill(&client, "Items", (0..500).map(|i| item([("pk", s(format!("item {i}")))]))).await;
    for (total, limit) in [(1, None), (1, Some(7)), (7, None), (7, Some(3)), (100, Some(2)), (10_000, None)] {
        let mut seen = HashSet::new();
        for number in 0..total {
            for key in segment(&client, number, total, limit).await.0 {
                assert!(seen.insert(key), "an item came twice with {total} segments");
            }
        }
        assert_eq!(seen.len(), 500, "{total} segments, limit {limit:?}");
    }
}

#[tokio::test]
async fn keys_of_numbers_and_bytes_are_reached_as_well() {
    let (embedded, client) = database(Options::default().enforce_capacity(false));
    let create = client.create_table().table_name("Items").billing_mode(BillingMode::PayPerRequest);
    let create = create.key_schema(key("n", KeyType::Hash)).key_schema(key("b", KeyType::Range));
    let create = create.attribute_definitions(typed("n", ScalarAttributeType::N));
    create.attribute_definitions(typed("b", ScalarAttributeType::B)).send().await.unwrap();
    let numbers = ["-1e100", "-2.50", "0", "0.001", "7", "12345678901234567890123456789012345678"];
    let items: Vec<_> = numbers
        .iter()
        .flat_map(|number| {
            (0..40_u8).map(move |byte| item([("n", n(number)), ("b", b(&[byte, 255])), ("d", s("x".repeat(9_000)))]))
        })
        .collect();
    embedded.load("Items", items.into_iter().map(Ok::<_, std::io::Error>)).await.unwrap();
    for (total, limit) in [(1, None), (3, None), (5_000, None), (1, Some(7)), (3, Some(11))] {
        let (mut seen, mut pages) = (HashSet::new(), 0);
        for number in 0..total {
            let mut start = None;
            loop {
                let scan = client.scan().table_name("Items").segment(number).total_segments(total).set_limit(limit);
                let page = scan.set_exclusive_start_key(start).send().await.unwrap();
                pages += 1;
                for item in page.items() {
                    let key = (item["n"].as_n().unwrap().clone(), item["b"].as_b().unwrap().clone().into_inner());
                    assert!(seen.insert(key), "an item came twice");
                }
                start = page.last_evaluated_key;
                if start.is_none() {
                    break;
                }
            }
        }
        assert_eq!(seen.len(), 240, "{total} segments, limit {limit:?}");
        assert!(limit.is_some() || pages >= 3, "240 items of 9 KB are more than two pages");
    }
}

#[tokio::test]
async fn a_query_goes_through_its_partition_in_order() {
    let (embedded, client) = database(Options::default().enforce_capacity(false));
    let create = table(&client, "Items").key_schema(key("sk", KeyType::Range));
    let create = create.attribute_definitions(attribute("sk")).billing_mode(BillingMode::PayPerRequest);
    create.send().await.unwrap();
    let items = (0..300).map(|i| item([("pk", s("a")), ("sk", s(format!("{i:03}"))), ("d", s("x".repeat(9_000)))]));
    embedded.load("Items", items.map(Ok::<_, std::io::Error>)).await.unwrap();
    let (mut seen, mut start) = (Vec::new(), None);
    loop {
        let query = client.query().table_name("Items").key_condition_expression("pk = :a");
        let query = query.expression_attribute_values(":a", s("a")).set_exclusive_start_key(start);
        let page = query.send().await.unwrap();
        seen.extend(page.items().iter().map(|item| item["sk"].as_s().unwrap().parse::<usize>().unwrap()));
        start = page.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_end_at_one_megabyte() {
    let (_embedded, client) = database(Options::default().enforce_capacity(false));
    on_demand(&client, "Items").await;
    fill(&client, "Items", (0..60).map(|i| sized(&format!("{i:04}"), 100_000))).await;
    let (keys, pages) = segment(&client, 0, 1, None).await;
    assert_eq!(keys.len(), 60);
    assert_eq!(pages, [10; 6]);
    let plain = client.scan().table_name("Items").send().await.unwrap();
    assert_eq!(plain.count, 10);
    assert!(plain.last_evaluated_key.is_some());
}

#[tokio::test]
async fn a_limit_at_the_very_end_is_followed_by_an_empty_page() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    fill(&client, "Items", (0..4).map(|i| item([("pk", s(format!("{i}")))]))).await;
    let (keys, pages) = segment(&client, 0, 1, Some(2)).await;
    assert_eq!(keys.len(), 4);
    assert_eq!(pages, [2, 2, 0]);
}

#[tokio::test]
async fn a_scan_goes_on_after_its_last_item_was_deleted() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    fill(&client, "Items", (0..20).map(|i| item([("pk", s(format!("{i}")))]))).await;
    let (mut seen, mut start): (_, Option<Item>) = (0, None);
    loop {
        let scan = client.scan().table_name("Items").limit(3).set_exclusive_start_key(start);
        let page = scan.send().await.unwrap();
        seen += page.items().len();
        for item in page.items() {
            let delete = client.delete_item().table_name("Items").key("pk", item["pk"].clone());
            delete.send().await.unwrap();
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    assert_eq!(seen, 20);
}

#[tokio::test]
async fn a_filter_sees_whole_pages() {
    let (_embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    fill(
        &client,
        "Items",
        (0..10).map(|i| item([("pk", s(format!("{i}"))), ("even", AttributeValue::Bool(i % 2 == 0))])),
    )
    .await;
    let scan = client.scan().table_name("Items").filter_expression("even = :yes");
    let page = scan.expression_attribute_values(":yes", AttributeValue::Bool(true)).send().await.unwrap();
    assert_eq!((page.count, page.scanned_count), (5, 10));
    assert!(page.last_evaluated_key.is_none());
}
