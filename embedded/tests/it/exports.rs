//! An export holds every item once, as it was when it was asked for, in the layout that AWS documents.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{ExportDescription, ExportStatus, PointInTimeRecoverySpecification};
use embedded::{Embedded, Options};
use flate2::read::GzDecoder;
use md5::{Digest, Md5};
use serde_json::Value;
use tokio::time::sleep;

use crate::support::{client, item, n, on_demand, provisioned, s};

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/Items";

fn world() -> (Embedded, Client, aws_sdk_s3::Client) {
    let embedded =
        Embedded::temporary(Options::default().on_own_thread(true).export_takes(Duration::from_secs(300))).unwrap();
    let s3 = aws_sdk_s3::Client::from_conf(embedded.s3_client_builder().build());
    let client = client(&embedded);
    (embedded, client, s3)
}

async fn recoverable(client: &Client) {
    let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    client
        .update_continuous_backups()
        .table_name("Items")
        .point_in_time_recovery_specification(on)
        .send()
        .await
        .unwrap();
}

async fn export(client: &Client, token: &str) -> ExportDescription {
    let export = client.export_table_to_point_in_time().table_arn(ARN).s3_bucket("exports").s3_prefix("daily");
    export.client_token(token).send().await.unwrap().export_description.unwrap()
}

async fn described(client: &Client, arn: &str) -> ExportDescription {
    client.describe_export().export_arn(arn).send().await.unwrap().export_description.unwrap()
}

async fn get(s3: &aws_sdk_s3::Client, key: &str) -> Vec<u8> {
    let object = s3.get_object().bucket("exports").key(key).send().await.unwrap();
    object.body.collect().await.unwrap().into_bytes().to_vec()
}

#[tokio::test(start_paused = true)]
async fn an_export_has_every_item_once_as_it_was() {
    let (_embedded, client, s3) = world();
    on_demand(&client, "Items").await;
    recoverable(&client).await;
    for v in 0..50 {
        client.put_item().table_name("Items").item("pk", s(format!("k{v}"))).item("v", n(v)).send().await.unwrap();
    }
    let begun = export(&client, "once").await;
    let arn = begun.export_arn().unwrap();
    assert_eq!(begun.export_status(), Some(&ExportStatus::InProgress));
    assert!(begun.export_manifest().is_none());
    assert_eq!(export(&client, "once").await.export_arn(), Some(arn), "the same token is the same export");
    client.delete_item().table_name("Items").key("pk", s("k7")).send().await.unwrap();
    sleep(Duration::from_secs(299)).await;
    assert_eq!(described(&client, arn).await.export_status(), Some(&ExportStatus::InProgress));
    sleep(Duration::from_secs(2)).await;
    let complete = described(&client, arn).await;
    assert_eq!((complete.export_status(), complete.item_count()), (Some(&ExportStatus::Completed), Some(50)));

    let manifest = complete.export_manifest().unwrap();
    let id = arn.rsplit('/').next().unwrap();
    assert_eq!(manifest, format!("daily/AWSDynamoDB/{id}/manifest-summary.json"));
    let summary: Value = serde_json::from_slice(&get(&s3, manifest).await).unwrap();
    assert_eq!((&summary["version"], &summary["outputFormat"]), (&"2020-06-30".into(), &"DYNAMODB_JSON".into()));
    assert_eq!(summary["exportArn"], arn);
    let list = String::from_utf8(get(&s3, summary["manifestFilesS3Key"].as_str().unwrap()).await).unwrap();
    assert_eq!(list.lines().count(), 4, "a file for each partition");
    let mut items = BTreeMap::new();
    for line in list.lines() {
        let file: Value = serde_json::from_str(line).unwrap();
        let packed = get(&s3, file["dataFileS3Key"].as_str().unwrap()).await;
        assert_eq!(file["md5Checksum"], aws_smithy_types::base64::encode(Md5::digest(&packed)));
        let mut text = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        assert_eq!(file["itemCount"], text.lines().count());
        for line in text.lines() {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let item = line["Item"].take();
            let other = items.insert(item["pk"]["S"].as_str().unwrap().to_owned(), item);
            assert_eq!(other, None);
        }
    }
    assert_eq!(items.len(), 50);
    assert_eq!(items["k7"]["v"]["N"], "7");
    let listed = client.list_exports().table_arn(ARN).send().await.unwrap();
    assert_eq!(listed.export_summaries()[0].export_arn(), Some(arn));
}

#[tokio::test(start_paused = true)]
async fn an_export_takes_no_capacity_and_needs_recovery() {
    let (embedded, client, _) = world();
    provisioned(&client, "Items", 1, 1).await;
    let large = item([("pk", s("a")), ("v", s("x".repeat(300_000)))]);
    embedded.load("Items", [Ok::<_, std::io::Error>(large)]).await.unwrap();
    let ask = || client.export_table_to_point_in_time().table_arn(ARN).s3_bucket("exports").send();
    let refused = ask().await.unwrap_err().into_service_error();
    assert!(refused.is_point_in_time_recovery_unavailable_exception());
    recoverable(&client).await;
    for _ in 0..20 {
        ask().await.unwrap();
    }
    let get = || client.get_item().table_name("Items").key("pk", s("a")).send();
    get().await.unwrap();
    assert_eq!(get().await.unwrap_err().code(), Some("ProvisionedThroughputExceededException"));
    let missing = client.describe_export().export_arn(format!("{ARN}/export/none")).send().await.unwrap_err();
    assert_eq!(missing.code(), Some("ExportNotFoundException"));
}

/// Whoever reads a large object in parts learns when it has become another in between.
#[tokio::test]
async fn objects_are_read_in_parts_and_on_condition() {
    let (_embedded, _, s3) = world();
    let put = s3.put_object().bucket("exports").key("a/b c.json").body(b"0123456789".to_vec().into());
    let tag = put.send().await.unwrap().e_tag.unwrap();
    let part =
        s3.get_object().bucket("exports").key("a/b c.json").range("bytes=2-4").if_match(&tag).send().await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(part.body.collect().await.unwrap().into_bytes().as_ref(), b"234");
    let rest = s3.get_object().bucket("exports").key("a/b c.json").range("bytes=8-").send().await.unwrap();
    assert_eq!(rest.body.collect().await.unwrap().into_bytes().as_ref(), b"89");
    let beyond = s3.get_object().bucket("exports").key("a/b c.json").range("bytes=10-").send().await.unwrap_err();
    assert_eq!(beyond.code(), Some("InvalidRange"));
    s3.put_object().bucket("exports").key("a/b c.json").body(b"other".to_vec().into()).send().await.unwrap();
    let changed = s3.get_object().bucket("exports").key("a/b c.json").if_match(&tag).send().await.unwrap_err();
    assert_eq!(changed.code(), Some("PreconditionFailed"));
    let head = s3.head_object().bucket("exports").key("a/b c.json").send().await.unwrap();
    assert_eq!(head.content_length(), Some(5));
    let missing = s3.get_object().bucket("exports").key("none").send().await.unwrap_err();
    assert!(missing.into_service_error().is_no_such_key());
}

#[tokio::test]
async fn objects_are_listed_page_by_page() {
    let (_embedded, _, s3) = world();
    for number in 0..5 {
        let put = s3.put_object().bucket("exports").key(format!("data/{number}")).body(b"x".to_vec().into());
        put.send().await.unwrap();
    }
    s3.put_object().bucket("exports").key("other").body(b"x".to_vec().into()).send().await.unwrap();
    let list = || s3.list_objects_v2().bucket("exports").prefix("data/").max_keys(3);
    let first = list().send().await.unwrap();
    let keys = |of: &aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output| {
        of.contents().iter().map(|it| it.key().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&first), ["data/0", "data/1", "data/2"]);
    assert_eq!(first.contents()[0].size(), Some(1));
    let rest = list().set_continuation_token(first.next_continuation_token).send().await.unwrap();
    assert_eq!(keys(&rest), ["data/3", "data/4"]);
    assert_eq!(rest.is_truncated(), Some(false));
    s3.delete_object().bucket("exports").key("data/3").send().await.unwrap();
    assert_eq!(
        keys(&s3.list_objects_v2().bucket("exports").start_after("data/2").send().await.unwrap()),
        ["data/4", "other"]
    );
}

/// A small table has several files, too, and one that holds no item may be an object of no bytes.
#[tokio::test(start_paused = true)]
async fn an_export_has_as_many_files_as_are_asked_for() {
    let options = Options::default().on_own_thread(true).export_files(5);
    let embedded = Embedded::temporary(options).unwrap();
    let s3 = aws_sdk_s3::Client::from_conf(embedded.s3_client_builder().build());
    let client = client(&embedded);
    provisioned(&client, "Items", 5, 5).await;
    recoverable(&client).await;
    client.put_item().table_name("Items").item("pk", s("a")).send().await.unwrap();
    export(&client, "once").await;
    let files = s3.list_objects_v2().bucket("exports").send().await.unwrap().contents.unwrap_or_default();
    let files: Vec<_> = files.iter().filter(|file| file.key().unwrap().ends_with(".json.gz")).collect();
    assert_eq!(files.len(), 5);
    assert_eq!(files.iter().filter(|file| file.size() == Some(0)).count(), 4);
}
