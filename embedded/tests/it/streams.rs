//! Streams: a record of every change and none of a write that changed nothing; shards that split; 24 hours, and no
//! longer. They are read over a socket: the SDK has a crate of its own for them, which nothing else needs.

use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType, TimeToLiveSpecification};
use embedded::{Embedded, Options};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{database, n, on_demand, post, s};

/// A database on a socket, with a table `Items` that has a stream.
struct World {
    embedded: Embedded,
    client: Client,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    async fn new() -> Self {
        let (embedded, client) = database(Options::default());
        on_demand(&client, "Items").await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = embedded.clone();
        let server = tokio::spawn(async move { served.serve(listener, std::future::pending()).await.unwrap() });
        let world = Self { embedded, client, address, server };
        world.enable(StreamViewType::NewAndOldImages).await;
        world
    }

    async fn enable(&self, view: StreamViewType) {
        let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build().unwrap();
        self.client.update_table().table_name("Items").stream_specification(stream).send().await.unwrap();
    }

    async fn disable(&self) {
        let stream = StreamSpecification::builder().stream_enabled(false).build().unwrap();
        self.client.update_table().table_name("Items").stream_specification(stream).send().await.unwrap();
    }

    async fn put(&self, pk: &str, v: i64) {
        self.client.put_item().table_name("Items").item("pk", s(pk)).item("v", n(v)).send().await.unwrap();
    }

    async fn ask(&self, operation: &str, request: Value) -> Value {
        let target = format!("DynamoDBStreams_20120810.{operation}");
        let answer = post(self.address, &target, &request.to_string()).await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    async fn arn(&self) -> String {
        let table = self.client.describe_table().table_name("Items").send().await.unwrap().table.unwrap();
        table.latest_stream_arn.unwrap()
    }

    async fn shards(&self, arn: &str) -> Vec<Value> {
        let described = self.ask("DescribeStream", json!({ "StreamArn": arn })).await;
        described["StreamDescription"]["Shards"].as_array().unwrap().clone()
    }

    async fn iterator(&self, arn: &str, shard: &Value) -> Value {
        let from = json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
        self.ask("GetShardIterator", from).await["ShardIterator"].take()
    }

    /// The first answer from a shard that has records: the ones before it are empty, and say where to go on.
    async fn first_records(&self, arn: &str, shard: &Value) -> Value {
        let mut iterator = self.iterator(arn, shard).await;
        for _ in 0..2 {
            let mut empty = self.ask("GetRecords", json!({ "ShardIterator": iterator })).await;
            assert_eq!(empty["Records"], json!([]));
            iterator = empty["NextShardIterator"].take();
        }
        self.ask("GetRecords", json!({ "ShardIterator": iterator })).await
    }

    /// What stands in a stream, shard by shard.
    async fn records(&self, arn: &str) -> Vec<Value> {
        let mut records = Vec::new();
        for shard in self.shards(arn).await {
            let read = self.first_records(arn, &shard).await;
            records.extend(read["Records"].as_array().unwrap().clone());
        }
        records
    }
}

/// Lets time pass. A paused clock would leap while a socket is waited for.
async fn pass(hours: f64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs_f64(hours * 3_600.0)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_write_that_changes_nothing_leaves_no_record() {
    let world = World::new().await;
    for (value, set) in [(1, ["x", "y"]), (1, ["x", "y"]), (1, ["y", "x"]), (2, ["x", "y"]), (1, ["x", "y"])] {
        let put = world.client.put_item().table_name("Items").item("pk", s("a")).item("v", n(value));
        put.item("set", AttributeValue::Ss(set.map(str::to_owned).into())).send().await.unwrap();
    }
    let arn = world.ask("ListStreams", json!({})).await["Streams"][0]["StreamArn"].take();
    assert!(arn.as_str().unwrap().starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/Items/stream/"));
    let records = world.records(arn.as_str().unwrap()).await;
    let values: Vec<_> = records.iter().map(|it| &it["dynamodb"]["NewImage"]["v"]["N"]).collect();
    assert_eq!(values, ["1", "2", "1"]);
    assert_eq!(records[0]["awsRegion"], "us-east-1");
}

/// Keys are dealt out to shards; children take over where their parent ends, and its iterators come to an end.
#[tokio::test]
async fn a_shard_that_is_split_ends_where_its_children_begin() {
    let world = World::new().await;
    let arn = world.arn().await;
    for key in 0..40 {
        world.put(&key.to_string(), 1).await;
    }
    let before = world.shards(&arn).await;
    assert_eq!(before.len(), 4, "one for each partition of a table on demand");
    world.embedded.split_shards("Items").await.unwrap();
    for key in 0..40 {
        world.put(&key.to_string(), 2).await;
    }
    let after = world.shards(&arn).await;
    assert_eq!(after.len(), 12);
    for shard in &after {
        let range = &shard["SequenceNumberRange"];
        let read = world.first_records(&arn, shard).await;
        let records = read["Records"].as_array().unwrap();
        assert!(!records.is_empty());
        let is_parent = shard.get("ParentShardId").is_none();
        assert_eq!(read.get("NextShardIterator").is_none(), is_parent);
        assert_eq!(range.get("EndingSequenceNumber").is_some(), is_parent);
        for record in records {
            assert_eq!(record["eventName"], if is_parent { "INSERT" } else { "MODIFY" });
            let number = record["dynamodb"]["SequenceNumber"].as_str();
            assert!(number >= range["StartingSequenceNumber"].as_str());
        }
    }
}

#[tokio::test]
async fn records_are_kept_for_24_hours_and_iterators_for_15_minutes() {
    let world = World::new().await;
    let arn = world.arn().await;
    world.put("a", 1).await;
    let old = world.records(&arn).await.remove(0);
    pass(23.0).await;
    world.put("a", 2).await;
    assert_eq!(world.records(&arn).await.len(), 2);
    let shard = &world.shards(&arn).await[0];
    let iterator = world.iterator(&arn, shard).await;
    pass(1.1).await;
    let values: Vec<_> =
        world.records(&arn).await.iter().map(|it| it["dynamodb"]["NewImage"]["v"]["N"].clone()).collect();
    assert_eq!(values, ["2"]);
    let expired = world.ask("GetRecords", json!({ "ShardIterator": iterator })).await;
    assert!(expired["__type"].as_str().unwrap().ends_with("#ExpiredIteratorException"));
    let number = &old["dynamodb"]["SequenceNumber"];
    let from = json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number });
    let trimmed = world.ask("GetShardIterator", from).await;
    assert!(trimmed["__type"].as_str().unwrap().ends_with("#TrimmedDataAccessException"));
}

/// A stream that was disabled can still be read; the next one is another, with a view of its own.
#[tokio::test]
async fn a_stream_that_is_enabled_again_is_another() {
    let world = World::new().await;
    let first = world.arn().await;
    world.put("a", 1).await;
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::KeysOnly);
    let twice = world.client.update_table().table_name("Items").stream_specification(stream.build().unwrap());
    assert_eq!(twice.send().await.unwrap_err().code(), Some("ValidationException"));
    world.disable().await;
    world.put("a", 2).await;
    world.enable(StreamViewType::KeysOnly).await;
    world.put("a", 3).await;
    let second = world.arn().await;
    assert_ne!(first, second);
    let status = async |arn: &str| {
        world.ask("DescribeStream", json!({ "StreamArn": arn })).await["StreamDescription"]["StreamStatus"].take()
    };
    assert_eq!((status(&first).await, status(&second).await), (json!("DISABLED"), json!("ENABLED")));
    let old = world.records(&first).await;
    assert_eq!(old.len(), 1);
    assert_eq!(old[0]["dynamodb"]["NewImage"]["v"]["N"], "1");
    let new = world.records(&second).await;
    assert_eq!(new.len(), 1);
    assert_eq!(new[0]["dynamodb"]["StreamViewType"], "KEYS_ONLY");
    assert!(new[0]["dynamodb"].get("NewImage").is_none());
}

/// Items expire when their time is past, not before, and the service itself is named as who removed them.
#[tokio::test]
async fn items_expire_when_their_time_has_passed() {
    let world = World::new().await;
    let ttl = TimeToLiveSpecification::builder().attribute_name("gone at").enabled(true).build().unwrap();
    world.client.update_time_to_live().table_name("Items").time_to_live_specification(ttl).send().await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (pk, at) in [("soon", now + 3_600), ("late", now + 36_000)] {
        let put = world.client.put_item().table_name("Items").item("pk", s(pk)).item("gone at", n(at));
        put.send().await.unwrap();
    }
    world.put("never", 1).await;
    assert_eq!(world.embedded.expire_items().await.unwrap(), 0);
    pass(2.0).await;
    assert_eq!(world.embedded.expire_items().await.unwrap(), 1);
    assert_eq!(world.client.scan().table_name("Items").send().await.unwrap().count(), 2);
    let records = world.records(&world.arn().await).await;
    let removed: Vec<_> = records.iter().filter(|it| it["eventName"] == "REMOVE").collect();
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0]["userIdentity"], json!({ "Type": "Service", "PrincipalId": "dynamodb.amazonaws.com" }));
    assert_eq!(removed[0]["dynamodb"]["OldImage"]["pk"]["S"], "soon");
}
