//! Bulk loads: wholly or not at all, whatever happens in the middle; and one process at a time.

use std::io;
use std::process::{Command, Stdio};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TableStatus};
use embedded::{Embedded, ErrorKind, Options};

use crate::support::{Item, by_index, client, database, item, n, on_demand, s, sized, units};

/// Set for the process that a test starts and kills: the database file that it is to load.
const CHILD: &str = "EMBEDDED_TEST_LOADS";

fn items(count: usize) -> impl Iterator<Item = io::Result<Item>> + Send + 'static {
    (0..count).map(|i| Ok(item([("pk", s(format!("{i:06}"))), ("kind", s("x")), ("v", n(i))])))
}

#[tokio::test]
async fn a_load_brings_in_every_item_and_fills_indexes() {
    let (embedded, client) = database(Options::default());
    by_index(&client, "Items", units(5_000, 1), units(5_000, 1)).await;
    let loaded = embedded.load("Items", items(2_500)).await.unwrap();
    assert_eq!(loaded.items, 2_500);
    let table = client.describe_table().table_name("Items").send().await.unwrap().table.unwrap();
    assert_eq!(table.item_count(), Some(2_500));
    let count = client.query().table_name("Items").index_name("by_kind").key_condition_expression("kind = :x");
    let count = count.expression_attribute_values(":x", s("x")).select("COUNT".into()).send().await.unwrap();
    assert_eq!(count.count, 2_500);
    let got = client.get_item().table_name("Items").key("pk", s("000042")).send().await.unwrap();
    assert_eq!(got.item.unwrap()["v"], n(42));
}

#[tokio::test]
async fn a_load_refuses_what_put_item_refuses_and_drops_the_table() {
    let long = "9".repeat(39);
    let unfit = [
        item([("other", s("no key"))]),
        item([("pk", n(1))]),
        item([("pk", s(""))]),
        item([("pk", s("a")), ("v", n(long))]),
        item([("pk", s("a")), ("v", AttributeValue::Ss(vec![]))]),
        item([("pk", s("a")), ("v", AttributeValue::Bs(vec![Blob::new([1]), Blob::new([1])]))]),
        sized("a", 409_601),
    ];
    let (embedded, client) = database(Options::default());
    for (number, item) in unfit.into_iter().enumerate() {
        on_demand(&client, "Items").await;
        let put = client.put_item().table_name("Items").set_item(Some(item.clone())).send().await;
        assert!(put.is_err(), "PutItem takes item {number}");
        let all = items(1_500).chain([Ok(item)]);
        let refused = embedded.load("Items", all).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "item {number}: {refused}");
        assert!(client.describe_table().table_name("Items").send().await.is_err(), "item {number}");
    }
}

#[tokio::test]
async fn a_failing_source_drops_the_table() {
    let (embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let failing = items(3_000).chain([Err(io::Error::other("the disk is gone"))]);
    let refused = embedded.load("Items", failing).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Source);
    assert!(client.describe_table().table_name("Items").send().await.is_err());
}

#[tokio::test]
async fn a_table_that_holds_items_is_left_alone() {
    let (embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    client.put_item().table_name("Items").item("pk", s("mine")).send().await.unwrap();
    assert_eq!(embedded.load("Items", items(5)).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(client.scan().table_name("Items").send().await.unwrap().count, 1);
    assert_eq!(embedded.load("Nowhere", items(5)).await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_table_under_way_can_not_be_reached_and_a_loader_given_up_drops_it() {
    let (embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let mut loader = embedded.loader("Items").await.unwrap();
    for item in items(1_001) {
        loader.push(item.unwrap()).await.unwrap();
    }
    let table = client.describe_table().table_name("Items").send().await.unwrap().table.unwrap();
    assert_eq!(table.table_status(), Some(&TableStatus::Creating));
    assert!(
        client
            .scan()
            .table_name("Items")
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_resource_not_found_exception()
    );
    assert!(embedded.loader("Items").await.is_err());
    drop(loader);
    let gone = client.describe_table().table_name("Items").send().await.unwrap_err();
    assert!(gone.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn numbers_come_out_of_a_load_as_out_of_a_put() {
    let (embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let odd =
        item([("pk", s("a")), ("v", n("1.500")), ("e", n("1e3")), ("set", AttributeValue::Ns(vec!["2.0".into()]))]);
    embedded.load("Items", [Ok::<_, io::Error>(odd)]).await.unwrap();
    let got = client.get_item().table_name("Items").key("pk", s("a")).send().await.unwrap().item.unwrap();
    assert_eq!((&got["v"], &got["e"]), (&n("1.5"), &n(1_000)));
    assert_eq!(got["set"], AttributeValue::Ns(vec!["2".into()]));
}

/// Runs this very test as another process, which loads for ever until it is killed.
#[tokio::test]
async fn a_crash_in_the_middle_of_a_load_leaves_no_table_and_a_running_process_keeps_others_out() {
    if let Some(path) = std::env::var_os(CHILD) {
        let embedded = Embedded::open(path, Options::default()).unwrap();
        on_demand(&client(&embedded), "Whole").await;
        embedded.load("Whole", items(10)).await.unwrap();
        on_demand(&client(&embedded), "Half").await;
        let mut loader = embedded.loader("Half").await.unwrap();
        for item in items(2_000) {
            loader.push(item.unwrap()).await.unwrap();
        }
        println!("half loaded");
        return std::future::pending().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    let name = "load::a_crash_in_the_middle_of_a_load_leaves_no_table_and_a_running_process_keeps_others_out";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = io::BufReader::new(child.stdout.take().unwrap());
    assert!(io::BufRead::lines(output).any(|line| line.unwrap().contains("half loaded")));
    let locked = Embedded::open(&path, Options::default()).unwrap_err();
    assert_eq!(locked.kind(), ErrorKind::Locked);
    assert!(locked.to_string().contains("another process"), "{locked}");
    child.kill().unwrap();
    child.wait().unwrap();

    let embedded = Embedded::open(&path, Options::default()).unwrap();
    let client = client(&embedded);
    assert_eq!(client.list_tables().send().await.unwrap().table_names(), ["Whole"]);
    assert_eq!(client.scan().table_name("Whole").send().await.unwrap().count, 10);
}
