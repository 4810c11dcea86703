//! Streams have a record of every change, and none of a write that changed nothing.

use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType};
use embedded::Options;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{database, n, on_demand, post, s};

#[tokio::test]
async fn a_write_that_changes_nothing_leaves_no_record() {
    let (embedded, client) = database(Options::default());
    on_demand(&client, "Items").await;
    let stream = StreamSpecification::builder().stream_enabled(true);
    let stream = stream.stream_view_type(StreamViewType::NewAndOldImages).build().unwrap();
    client.update_table().table_name("Items").stream_specification(stream).send().await.unwrap();
    for (value, set) in [(1, ["x", "y"]), (1, ["x", "y"]), (1, ["y", "x"]), (2, ["x", "y"]), (1, ["x", "y"])] {
        let put = client.put_item().table_name("Items").item("pk", s("a")).item("v", n(value));
        put.item("set", AttributeValue::Ss(set.map(str::to_owned).into())).send().await.unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { embedded.serve(listener, std::future::pending()).await });
    let ask = async |operation: &str, request: Value| -> Value {
        let answer = post(address, &format!("DynamoDBStreams_20120810.{operation}"), &request.to_string()).await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let arn = ask("ListStreams", json!({})).await["Streams"][0]["StreamArn"].take();
    assert!(arn.as_str().unwrap().starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/Items/stream/"));
    let shards = ask("DescribeStream", json!({ "StreamArn": arn })).await;
    let mut records = Vec::new();
    for shard in shards["StreamDescription"]["Shards"].as_array().unwrap() {
        let from = json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
        let iterator = ask("GetShardIterator", from).await["ShardIterator"].take();
        let read = ask("GetRecords", json!({ "ShardIterator": iterator })).await["Records"].take();
        records.extend(read.as_array().unwrap().clone());
    }
    let values: Vec<_> = records.iter().map(|it| &it["dynamodb"]["NewImage"]["v"]["N"]).collect();
    assert_eq!(values, ["1", "2", "1"]);
    assert_eq!(records[0]["awsRegion"], "us-east-1");
    server.abort();
}
