//! DynamoDB as far as a worker sees it, answered at once from bytes that were rendered before: what is
//! measured is the worker and the SDK, neither a network nor a database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::types::{BatchStatementRequest, ReturnValuesOnConditionCheckFailure};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::{Headers, StatusCode};
use aws_smithy_types::body::SdkBody;
use migration::item::Item;
use migration::item::json::{item_to_json, value_from_json};
use migration::plan::Plan;
use serde_json::{Value, json};

/// A table of equal pages in one segment, and the ledger beside it.
#[derive(Debug, Clone)]
pub(crate) struct Canned(Arc<Answers>);

#[derive(Debug)]
struct Answers {
    plan: SdkBody,
    page: SdkBody,
    last_page: SdkBody,
    pages: u64,
    scans: AtomicU64,
    requests: AtomicU64,
    /// The first batches that came, whole.
    batches: Mutex<Vec<Vec<u8>>>,
    headers: Headers,
}

/// The small items of a page of 1 MB, 25 at a time.
const MAX_KEPT: usize = 300;

const UPDATED: &str = r#"{"ConsumedCapacity":{"CapacityUnits":1.0,"TableName":"movies"}}"#;

/// As many as a batch has at most.
const BATCH_UPDATED: &str = concat!(
    r#"{"ConsumedCapacity":[{"CapacityUnits":25.0,"TableName":"movies"}],"Responses":["#,
    r#"{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},"#,
    r#"{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},"#,
    r#"{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},"#,
    r#"{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},"#,
    r#"{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"},{"TableName":"movies"}]}"#,
);

impl Canned {
    pub(crate) fn new(plan: &Plan, items: &[Item], pages: u64) -> Self {
        let plan = serde_json::to_string(plan).expect("a plan is JSON");
        let last = items.last().expect("a page has items");
        let cursor = plan_key(last);
        let items: Vec<_> = items.iter().map(item_to_json).collect();
        let consumed = json!({ "CapacityUnits": 128.0, "TableName": "movies" });
        let mut page =
            json!({ "ConsumedCapacity": consumed, "Count": items.len(), "ScannedCount": items.len(), "Items": items });
        let last_page = SdkBody::from(page.to_string());
        page["LastEvaluatedKey"] = item_to_json(&cursor);
        Self(Arc::new(Answers {
            plan: SdkBody::from(json!({ "Item": { "body": { "S": plan } } }).to_string()),
            page: SdkBody::from(page.to_string()),
            last_page,
            pages,
            scans: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            batches: Mutex::default(),
            headers: headers(),
        }))
    }

    /// A client that is configured as for a real table, for a Lambda function's credentials.
    pub(crate) fn client(&self) -> Client {
        let token = "IQoJb3JpZ2luX2VjE".repeat(40);
        let builder = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", Some(token), None, "bench"))
            .http_client(self.clone());
        Client::from_conf(migration::client_config(builder).build())
    }

    pub(crate) fn pages(&self) -> u64 {
        self.0.pages
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> u64 {
        self.0.requests.swap(0, Ordering::Relaxed)
    }

    /// The batches of one page of `items` changed items, as they came first.
    pub(crate) fn batches(&self, items: usize) -> Vec<Vec<BatchStatementRequest>> {
        let batches = self.0.batches.lock().expect("nobody panicked");
        batches.iter().take(items.div_ceil(25)).map(|body| statements(body)).collect()
    }

    fn keep(&self, body: &[u8]) {
        let mut batches = self.0.batches.lock().expect("nobody panicked");
        if batches.len() < MAX_KEPT {
            batches.push(body.to_vec());
        }
    }

    fn answer(&self, request: &HttpRequest) -> SdkBody {
        let answers = &*self.0;
        answers.requests.fetch_add(1, Ordering::Relaxed);
        let clone = |body: &SdkBody| body.try_clone().expect("bytes in memory can be cloned");
        match request.headers().get("x-amz-target").unwrap_or_default() {
            "DynamoDB_20120810.UpdateItem" => SdkBody::from(UPDATED),
            "DynamoDB_20120810.BatchExecuteStatement" => {
                self.keep(request.body().bytes().unwrap_or_default());
                SdkBody::from(BATCH_UPDATED)
            }
            "DynamoDB_20120810.Scan" => {
                let number = answers.scans.fetch_add(1, Ordering::Relaxed) + 1;
                clone(if number.is_multiple_of(answers.pages) { &answers.last_page } else { &answers.page })
            }
            "DynamoDB_20120810.GetItem" if body_names_plan(request) => clone(&answers.plan),
            _ => SdkBody::from("{}"),
        }
    }
}

fn plan_key(item: &Item) -> Item {
    ["year", "title"].into_iter().map(|name| (name.to_owned(), item[name].clone())).collect()
}

fn statements(body: &[u8]) -> Vec<BatchStatementRequest> {
    let body: Value = serde_json::from_slice(body).expect("a request is JSON");
    let statement = |json: &Value| {
        let text = json["Statement"].as_str().expect("a statement has a text");
        let parameters = json["Parameters"].as_array().expect("and parameters").iter().cloned();
        let parameters = parameters.map(|value| value_from_json(value).expect("which are values"));
        BatchStatementRequest::builder()
            .statement(text)
            .set_parameters(Some(parameters.collect()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("a statement is whole")
    };
    body["Statements"].as_array().expect("a batch has statements").iter().map(statement).collect()
}

fn body_names_plan(request: &HttpRequest) -> bool {
    let body = request.body().bytes().unwrap_or_default();
    body.windows(6).any(|window| window == br#""plan""#)
}

/// What DynamoDB sends with every answer.
fn headers() -> Headers {
    let mut headers = Headers::new();
    headers.insert("server", "Server");
    headers.insert("date", "Fri, 20 Nov 2026 09:30:00 GMT");
    headers.insert("content-type", "application/x-amz-json-1.0");
    headers.insert("connection", "keep-alive");
    headers.insert("x-amzn-requestid", "3J0OT8LQ7B2QH2S6MTLBT3G4JVVV4KQNSO5AEMVJF66Q9ASUAAJG");
    headers.insert("x-amz-crc32", "2745614147");
    headers
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let status = StatusCode::try_from(200_u16).expect("200 is a status code");
        let mut response = HttpResponse::new(status, self.answer(&request));
        *response.headers_mut() = self.0.headers.clone();
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
