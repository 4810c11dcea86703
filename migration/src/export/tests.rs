//! Files of an export as S3 serves them: whole, in parts, and in all the ways in which they may not be what they were.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use serde_json::json;

use super::manifest::DataFile;
use super::*;
use crate::services::Wiring;

/// A bucket: objects by their keys, and the ranges that were asked for.
#[derive(Clone, Default)]
struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Answers so many requests with an error first.
    failing: Arc<Mutex<u32>>,
    /// The error with which it refuses every request, if it does.
    refusing: Arc<Mutex<Option<&'static str>>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

impl HttpClient for Bucket {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Bucket {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(self.get(&request)))
    }
}

impl Bucket {
    fn get(&self, request: &HttpRequest) -> HttpResponse {
        let answer = |status: u16, body: Vec<u8>| HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return answer(
                503,
                b"<Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>".into(),
            );
        }
        if let Some(code) = *self.refusing.lock().unwrap() {
            let message = format!("<Error><Code>{code}</Code><Message>Not for you</Message></Error>");
            return answer(403, message.into_bytes());
        }
        let range = request.headers().get("range").unwrap().strip_prefix("bytes=").unwrap();
        self.asked.lock().unwrap().push(range.to_owned());
        let path = request.uri().split("/bucket/").nth(1).unwrap().split('?').next().unwrap().to_owned();
        let objects = self.objects.lock().unwrap();
        let Some(object) = objects.get(&path) else {
            return answer(404, b"<Error><Code>NoSuchKey</Code><Message>There is no such key</Message></Error>".into());
        };
        let tag = tag(object);
        if request.headers().get("if-match").is_some_and(|wanted| wanted != tag) {
            return answer(
                412,
                b"<Error><Code>PreconditionFailed</Code><Message>It is another</Message></Error>".into(),
            );
        }
        let (first, last) = range.split_once('-').unwrap();
        let (first, last) = (first.parse::<usize>().unwrap(), last.parse::<usize>().unwrap().min(object.len() - 1));
        let mut response = answer(206, object[first..=last].to_vec());
        response.headers_mut().insert("content-range", format!("bytes {first}-{last}/{}", object.len()));
        response.headers_mut().insert("etag", tag);
        response
    }

    fn carrier(&self) -> Carrier {
        let credentials = || Credentials::new("test", "test", None, None, "test");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials())
            .endpoint_url("http://s3.invalid")
            .force_path_style(true)
            .http_client(self.clone());
        let lambda = aws_sdk_lambda::Config::builder().behavior_version(BehaviorVersion::latest());
        let sqs = aws_sdk_sqs::Config::builder().behavior_version(BehaviorVersion::latest());
        let streams = aws_sdk_dynamodbstreams::Config::builder().behavior_version(BehaviorVersion::latest());
        let name = String::new;
        let (queue_url, queue_arn, dead_letters_url) = (name(), name(), name());
        let (capture_function, replay_function, export_bucket) = (name(), name(), "bucket".into());
        let wiring =
            Wiring { queue_url, queue_arn, dead_letters_url, capture_function, replay_function, export_bucket };
        Carrier::new(lambda, sqs, config, streams, wiring)
    }

    fn put(&self, key: &str, object: Vec<u8>) {
        self.objects.lock().unwrap().insert(key.into(), object);
    }
}

fn tag(object: &[u8]) -> String {
    format!("\"{:016x}\"", object.iter().fold(object.len() as u64, |tag, byte| tag.rotate_left(7) ^ u64::from(*byte)))
}

/// So many items of a kilobyte as a data file. They hardly compress.
fn packed(items: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(items);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for n in 0..items {
        let mut noise = [0; 800];
        random.fill(&mut noise);
        let line = json!({ "Item": { "id": { "N": n.to_string() }, "noise": { "B": STANDARD.encode(noise) } } });
        writeln!(encoder, "{line}").unwrap();
    }
    encoder.finish().unwrap()
}

/// A file in a bucket, and what the manifest says of it.
fn file(items: u64) -> (Bucket, DataFile) {
    let (bucket, object, key) = (Bucket::default(), packed(items), "AWSDynamoDB/01/data/one.json.gz");
    let md5_checksum = STANDARD.encode(Md5::digest(&object));
    bucket.put(key, object);
    (bucket, DataFile { item_count: items, md5_checksum, data_file_s3_key: key.into() })
}

/// Reads a file from a line on, pages of so many items: the items' numbers.
async fn read(bucket: &Bucket, file: &DataFile, mut from: u64, most: usize) -> Result<Vec<u64>, Broken> {
    let carrier = bucket.carrier();
    let mut reader = Reader::open(&carrier, file);
    let mut numbers = Vec::new();
    loop {
        let page = reader.page(from, most, || Ok(())).await?;
        assert!(page.items.len() <= most);
        numbers.extend(page.items.iter().map(|item| item["id"].as_n().unwrap().parse::<u64>().unwrap()));
        from += page.items.len() as u64;
        if page.is_last {
            return Ok(numbers);
        }
    }
}

#[tokio::test]
async fn every_item_of_a_file_is_read_once_from_wherever_it_is_begun() {
    let (bucket, file) = file(2_500);
    for (from, most) in [(0, 1), (0, 1_000), (1, 7), (1_249, 1_250), (2_499, 10), (2_500, 10)] {
        let numbers = read(&bucket, &file, from, most).await.unwrap();
        assert_eq!(numbers, (from..2_500).collect::<Vec<_>>(), "from {from}, {most} at a time");
    }
}

/// What a page left without an outcome comes again, and a worker may be told to go back.
#[tokio::test]
async fn lines_come_again_until_they_are_passed() {
    let (bucket, file) = file(100);
    let carrier = bucket.carrier();
    let mut reader = Reader::open(&carrier, &file);
    for (from, first) in [(0, 0), (10, 10), (10, 10), (20, 20), (15, 15), (0, 0)] {
        let page = reader.page(from, 25, || Ok(())).await.unwrap();
        assert_eq!((page.items[0]["id"].as_n().unwrap().parse(), page.items.len()), (Ok(first), 25));
    }
}

/// A file is longer than a part, and each part is asked for until it comes.
#[tokio::test(start_paused = true)]
async fn a_file_is_read_in_parts() {
    let (bucket, file) = file(10_000);
    *bucket.failing.lock().unwrap() = 3;
    assert_eq!(read(&bucket, &file, 0, 5_000).await.unwrap().len(), 10_000);
    let asked = bucket.asked.lock().unwrap().clone();
    assert_eq!(asked, ["0-8388607", "8388608-16777215"]);
}

#[tokio::test]
async fn a_page_has_no_more_bytes_than_a_scans() {
    let (bucket, file) = file(5_000);
    let carrier = bucket.carrier();
    let page = Reader::open(&carrier, &file).page(0, 5_000, || Ok(())).await.unwrap();
    assert!((900..1_050).contains(&page.items.len()), "{}", page.items.len());
}

#[tokio::test]
async fn a_file_that_is_not_what_the_manifest_says_is_named() {
    let expect = async |bucket: &Bucket, file: &DataFile, why: &str| match read(bucket, file, 0, 100).await {
        Err(Broken::File(reason)) => assert_eq!(reason, format!("AWSDynamoDB/01/data/one.json.gz: {why}")),
        other => panic!("expected {why}, found {other:?}"),
    };
    let (bucket, file) = file(300);
    let key = file.data_file_s3_key.clone();
    let other = DataFile { md5_checksum: STANDARD.encode(Md5::digest("other")), ..file.clone() };
    expect(&bucket, &other, "expected the MD5 of the manifest, found another").await;
    let fewer = DataFile { item_count: 299, ..file.clone() };
    expect(&bucket, &fewer, "expected 299 items as in the manifest, found 300").await;
    let whole = bucket.objects.lock().unwrap()[&key].clone();
    bucket.put(&key, whole[..whole.len() - 5].to_vec());
    expect(&bucket, &file, "expected gzip: corrupt gzip stream does not have a matching checksum").await;
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    bucket.put(&key, flipped);
    assert!(matches!(read(&bucket, &file, 0, 100).await, Err(Broken::File(_))));
    bucket.objects.lock().unwrap().clear();
    expect(&bucket, &file, "GetObject: There is no such key (NoSuchKey)").await;
}

/// What S3 says of an object that isn't there to whoever may not list the bucket. Credentials that are over are no file's.
#[tokio::test]
async fn a_file_that_may_not_be_read_holds_up_no_other() {
    let (bucket, file) = file(10);
    *bucket.refusing.lock().unwrap() = Some("AccessDenied");
    let why = "AWSDynamoDB/01/data/one.json.gz: GetObject: S3 refuses it (AccessDenied)";
    match read(&bucket, &file, 0, 10).await {
        Err(Broken::File(reason)) => assert_eq!(reason, why),
        other => panic!("expected the file to be named, found {other:?}"),
    }
    *bucket.refusing.lock().unwrap() = Some("ExpiredToken");
    assert!(matches!(read(&bucket, &file, 0, 10).await, Err(Broken::Run(error)) if error.kind() == Kind::Denied));
}

/// An object that was replaced while it was read is not read on as if it were the same.
#[tokio::test]
async fn parts_are_of_one_object() {
    let (bucket, file) = file(10_000);
    let carrier = bucket.carrier();
    let mut reader = Reader::open(&carrier, &file);
    reader.page(0, 100, || Ok(())).await.unwrap();
    bucket.put(&file.data_file_s3_key, packed(10_001));
    let last = reader.page(9_999, 100, || Ok(())).await;
    assert!(matches!(last, Err(Broken::File(why)) if why.ends_with("It is another (PreconditionFailed)")));
}

#[tokio::test]
async fn a_manifest_is_read_as_aws_writes_it() {
    let bucket = Bucket::default();
    let carrier = bucket.carrier();
    let summary = json!({
        "version": "2020-06-30", "exportTime": "2026-11-20T19:45:34.028Z", "s3Bucket": "bucket", "s3Prefix": null,
        "manifestFilesS3Key": "AWSDynamoDB/01/manifest-files.json", "billedSizeBytes": 0, "itemCount": 8,
        "outputFormat": "DYNAMODB_JSON", "exportType": "FULL_EXPORT",
    });
    let line = |items: u64, name: &str| {
        json!({ "itemCount": items, "md5Checksum": "sQMSpEILNgoQmarvDFonGQ==", "etag": "af83d6f217c19b8b0fff8023d8ca4716-1",
            "dataFileS3Key": format!("AWSDynamoDB/01/data/{name}.json.gz") })
    };
    let list = format!("{}\n{}\n", line(5, "a"), line(3, "b"));
    bucket.put("AWSDynamoDB/01/manifest-summary.json", summary.to_string().into_bytes());
    bucket.put("AWSDynamoDB/01/manifest-files.json", list.clone().into_bytes());
    let export = ExportDescription::builder().export_manifest("AWSDynamoDB/01/manifest-summary.json").build();
    let contents = manifest::contents(&carrier, &export).await.unwrap();
    assert_eq!((contents.files, contents.items, contents.at.to_string().as_str()), (2, 8, "2026-11-20T19:45:34.028Z"));
    let mut names = Vec::new();
    manifest::files(&carrier, &contents, |number, file| names.push((number, file.data_file_s3_key))).await.unwrap();
    assert_eq!(names[1], (1, "AWSDynamoDB/01/data/b.json.gz".into()));
    // A list that has lost a line is no list of the table.
    bucket.put("AWSDynamoDB/01/manifest-files.json", line(5, "a").to_string().into_bytes());
    let why = manifest::contents(&carrier, &export).await.unwrap_err().to_string();
    assert_eq!(why, "AWSDynamoDB/01/manifest-summary.json: expected files of 8 items, found a list of 5");
    let why = manifest::files(&carrier, &contents, |_, _| {}).await.unwrap_err().to_string();
    assert_eq!(why, "AWSDynamoDB/01/manifest-files.json: expected a list of 2 files as before, found 1");
}
