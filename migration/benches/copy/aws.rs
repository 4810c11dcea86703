//! DynamoDB, S3 and SQS as far as a copy's functions see them, answered at once: what is measured is the functions and
//! the SDK, neither a network nor a database.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use migration::item::Item;
use migration::item::json::item_to_json;
use migration::plan::Plan;
use serde_json::{Value, json};

/// A Scan returns at most 1 MB.
pub(crate) const PAGES: u64 = 8;

/// A source of equal pages in one segment, and in one file of an export; a target that takes everything; a ledger.
#[derive(Debug, Clone)]
pub(crate) struct Canned(Arc<Answers>);

#[derive(Debug)]
struct Answers {
    /// Of the ledger, by their sort keys.
    entries: BTreeMap<&'static str, String>,
    page: SdkBody,
    last_page: SdkBody,
    objects: BTreeMap<&'static str, Vec<u8>>,
    scans: AtomicU64,
    /// Requests that are not to the ledger, by their operations.
    requests: Mutex<BTreeMap<String, u64>>,
}

impl Canned {
    pub(crate) fn new(plan: &Plan, items: &[Item]) -> Self {
        let json: Vec<_> = items.iter().map(item_to_json).collect();
        let consumed = json!({ "CapacityUnits": 128.0, "TableName": "movies" });
        let mut page =
            json!({ "ConsumedCapacity": consumed, "Count": json.len(), "ScannedCount": json.len(), "Items": json });
        let last_page = SdkBody::from(page.to_string());
        page["LastEvaluatedKey"] = json!({ "year": json[0]["year"], "title": json[0]["title"] });
        let count = PAGES * json.len() as u64;
        let lines: String = json.iter().map(|item| format!("{}\n", json!({ "Item": item }))).collect();
        let file = compressed(&lines.repeat(PAGES as usize));
        let sum = STANDARD.encode(Md5::digest(&file));
        let line = json!({ "itemCount": count, "md5Checksum": sum, "dataFileS3Key": "data/0.json.gz" });
        let contents =
            json!({ "at": "2026-11-20T09:30:00Z", "manifest": "manifest-files.json", "files": 1, "items": count });
        let entries = [
            ("plan", serde_json::to_string(plan).expect("a plan is JSON")),
            ("current", json!({ "run": plan.run }).to_string()),
            ("export", json!({ "arn": "arn", "number": 1, "contents": contents }).to_string()),
        ];
        Self(Arc::new(Answers {
            entries: entries.into(),
            page: SdkBody::from(page.to_string()),
            last_page,
            objects: [("manifest-files.json", format!("{line}\n").into_bytes()), ("data/0.json.gz", file)].into(),
            scans: AtomicU64::new(0),
            requests: Mutex::default(),
        }))
    }

    /// The requests since the last call, those to the ledger aside.
    pub(crate) fn take_requests(&self) -> u64 {
        std::mem::take(&mut *self.0.requests.lock().expect("nobody panicked")).into_values().sum()
    }

    fn answer(&self, request: &HttpRequest) -> Value {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        if body["TableName"] == "ledger" {
            return self.ledger(&operation, &body);
        }
        *self.0.requests.lock().expect("nobody panicked").entry(operation.clone()).or_default() += 1;
        match operation.as_str() {
            "BatchWriteItem" => json!({ "ConsumedCapacity": [{ "CapacityUnits": 25.0, "TableName": "films" }] }),
            "BatchExecuteStatement" => {
                let statements = body["Statements"].as_array().expect("a batch has statements");
                let responses = vec![json!({ "TableName": "films" }); statements.len()];
                json!({ "ConsumedCapacity": [{ "CapacityUnits": 25.0, "TableName": "films" }], "Responses": responses })
            }
            "SendMessageBatch" => {
                let entries = body["Entries"].as_array().expect("a batch has entries");
                let sent =
                    entries.iter().map(|entry| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0" }));
                json!({ "Successful": sent.collect::<Vec<_>>() })
            }
            _ => json!({ "ConsumedCapacity": { "CapacityUnits": 1.0, "TableName": "films" } }),
        }
    }

    fn ledger(&self, operation: &str, body: &Value) -> Value {
        // Nobody waits for the budget.
        let budget = json!({ "read_units": 1e12, "write_units": 1e12, "index_write_units": {} }).to_string();
        let entry = body["Key"]["entry"]["S"].as_str().unwrap_or_default();
        match (operation, self.0.entries.get(entry)) {
            ("GetItem", Some(text)) => json!({ "Item": { "body": { "S": text } } }),
            ("GetItem", None) if entry == "control" => json!({ "Item": { "allowance": { "S": budget } } }),
            ("UpdateItem", _) => json!({ "Attributes": { "allowance": { "S": budget }, "count": { "N": "1" } } }),
            _ => json!({}),
        }
    }

    fn object(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let name = self.0.objects.keys().find(|name| request.uri().contains(*name))?;
        *self.0.requests.lock().expect("nobody panicked").entry("GetObject".into()).or_default() += 1;
        let object = &self.0.objects[name];
        let range = request.headers().get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let (start, end): (usize, usize) =
            range.and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)))?;
        let end = object.len().min(end + 1);
        let mut response =
            HttpResponse::new(StatusCode::try_from(206).ok()?, SdkBody::from(object[start..end].to_vec()));
        response.headers_mut().insert("content-range", format!("bytes {start}-{}/{}", end - 1, object.len()));
        response.headers_mut().insert("etag", "\"e\"");
        Some(response)
    }
}

fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).expect("memory takes everything")
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let ok = StatusCode::try_from(200_u16).expect("200 is a status code");
        let clone = |body: &SdkBody| body.try_clone().expect("bytes in memory can be cloned");
        let response = match request.headers().get("x-amz-target") {
            Some("DynamoDB_20120810.Scan") => {
                *self.0.requests.lock().expect("nobody panicked").entry("Scan".into()).or_default() += 1;
                let number = self.0.scans.fetch_add(1, Ordering::Relaxed) + 1;
                let page = if number.is_multiple_of(PAGES) { &self.0.last_page } else { &self.0.page };
                HttpResponse::new(ok, clone(page))
            }
            Some(_) => HttpResponse::new(ok, SdkBody::from(self.answer(&request).to_string())),
            None => self.object(&request).expect("an object that is there"),
        };
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
