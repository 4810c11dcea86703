//! Scans and queries reach every item exactly once, whatever the number of segments and the size of pages.

use std::collections::HashSet;

use crate::support::{Item, database, item, on_demand, s, sized};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
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
