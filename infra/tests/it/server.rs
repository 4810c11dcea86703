//! The fake account on a port of this machine: STS and CloudFormation by their query protocol, S3 by paths, DynamoDB and
//! Step Functions by their targets.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};

use crate::account::{Account, Bucket};
use crate::cloudformation::{self, Form};

/// The account, and a bell that rings after each call.
type Shared = Arc<(Mutex<Account>, Condvar)>;

/// A server that ends with the test's process.
pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Shared,
}

type Answer = Response<axum::body::Body>;

impl Server {
    pub(crate) fn of(account: Account) -> Self {
        let shared: Shared = Arc::new((Mutex::new(account), Condvar::new()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().fallback(respond).with_state(shared.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { port, shared }
    }

    /// Looks at the account.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Account) -> T) -> T {
        look(&mut self.shared.0.lock().unwrap())
    }

    /// Waits until something was called so often.
    pub(crate) fn wait_for(&self, call: &str, times: usize) {
        let (account, bell) = &*self.shared;
        drop(bell.wait_while(account.lock().unwrap(), |account| account.count(call) < times).unwrap());
    }
}

async fn respond(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
    let (account, bell) = &*shared;
    let mut account = account.lock().unwrap();
    let target = headers.get("x-amz-target").map(|target| target.to_str().unwrap().to_owned());
    let answer = if let Some(target) = target {
        let call = target.split('.').next_back().unwrap().to_owned();
        account.calls.push(call.clone());
        json(&mut account, &call, &body)
    } else if uri.path() == "/" && method == Method::POST {
        let form = form(&body);
        account.calls.push(form["Action"].clone());
        let fault = account.next_fault(&form["Action"]);
        let (status, text) = match fault {
            Some(fault) => cloudformation::error(fault.status, fault.code, fault.message),
            None => cloudformation::answer(&mut account, &form),
        };
        text_answer(status, text)
    } else {
        s3(&mut account, &method, &uri, &headers, &body)
    };
    bell.notify_all();
    answer
}

fn text_answer(status: u16, text: impl Into<axum::body::Body>) -> Answer {
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(text.into()).unwrap()
}

fn json(account: &mut Account, call: &str, body: &[u8]) -> Answer {
    let input: serde_json::Value = serde_json::from_slice(body).unwrap();
    let table = input["TableName"].as_str().unwrap_or_default().to_owned();
    match call {
        "ListExecutions" => {
            let ended = account.cut_off.filter(|_| input["statusFilter"].is_null());
            let runs = account
                .running
                .map(|name| (name, "RUNNING"))
                .into_iter()
                .chain(ended.map(|(name, _)| (name, "ABORTED")));
            let runs = runs.map(|(name, status)| {
                serde_json::json!({
                    "name": name, "executionArn": format!("arn:execution:{name}"), "stateMachineArn": "arn:machine",
                    "status": status, "startDate": 1_763_640_000,
                })
            });
            text_answer(200, serde_json::json!({ "executions": Vec::from_iter(runs) }).to_string())
        }
        "GetItem" if input["Key"]["run"]["S"] == "current" => {
            let body = account.in_step.map(|run| serde_json::json!({ "run": run }).to_string());
            let item = body.map(|body| serde_json::json!({ "Item": { "body": { "S": body } } }));
            text_answer(200, item.unwrap_or_else(|| serde_json::json!({})).to_string())
        }
        "GetItem" => {
            let is_asked = account.cut_off.is_some_and(|(_, run)| input["Key"]["run"]["S"] == run)
                && input["Key"]["entry"]["S"] == "capacity";
            let units = |units: u64| serde_json::json!({ "provisioned": { "table": { "read": units, "write": units }, "indexes": {} } });
            let raised = serde_json::json!({ "before": units(100), "to": units(9_000), "restored": false }).to_string();
            let item = is_asked.then(|| serde_json::json!({ "Item": { "body": { "S": raised } } }));
            text_answer(200, item.unwrap_or_else(|| serde_json::json!({})).to_string())
        }
        "DescribeTable" | "DeleteTable" if !account.tables.contains(&table) => text_answer(
            400,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#,
        ),
        "DescribeTable" => text_answer(200, format!(r#"{{"Table":{{"TableName":"{table}","TableStatus":"ACTIVE"}}}}"#)),
        "DeleteTable" => {
            account.tables.retain(|name| *name != table);
            text_answer(200, "{}")
        }
        "GetQueueAttributes" | "DeleteQueue" => queue(account, call, input["QueueUrl"].as_str().unwrap()),
        other => panic!("{other} isn't faked"),
    }
}

/// SQS names its errors as its query protocol did, in a header.
fn queue(account: &mut Account, call: &str, url: &str) -> Answer {
    if !account.queues.iter().any(|queue| queue == url) {
        let answer = Response::builder().status(400);
        let answer = answer.header("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender");
        return answer.body(r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no queue"}"#.into()).unwrap();
    }
    if call == "DeleteQueue" {
        account.queues.retain(|queue| queue != url);
    }
    text_answer(200, "{}")
}

fn s3(account: &mut Account, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Answer {
    let path = uri.path().trim_start_matches('/');
    let (name, key) = path.split_once('/').map_or((path, ""), |(name, key)| (name, key));
    let query = uri.query().unwrap_or_default();
    let expected = headers.get("x-amz-expected-bucket-owner").map(|owner| owner.to_str().unwrap());
    account.calls.push(format!(
        "{method} {}",
        if key.is_empty() { format!("{name}?{}", query.split('&').next().unwrap()) } else { name.to_owned() }
    ));
    let Some(bucket) = account.buckets.get_mut(name) else {
        if *method == Method::PUT && key.is_empty() {
            let bucket = Bucket {
                region: "us-east-1".into(),
                owner: crate::account::ACCOUNT.into(),
                objects: Default::default(),
            };
            account.buckets.insert(name.into(), bucket);
            return text_answer(200, "");
        }
        return text_answer(404, "");
    };
    if bucket.region != "us-east-1" {
        let answer = Response::builder().status(301).header("x-amz-bucket-region", &bucket.region);
        return answer.body(axum::body::Body::empty()).unwrap();
    }
    if expected != Some(bucket.owner.as_str()) {
        return text_answer(403, "");
    }
    match (method.as_str(), key) {
        ("PUT", "") | ("HEAD", "") => text_answer(200, ""),
        ("GET", "") => {
            let keys: String = bucket
                .objects
                .keys()
                .map(|key| format!("<Version><Key>{key}</Key><VersionId>null</VersionId></Version>"))
                .collect();
            text_answer(200, format!("<ListVersionsResult><IsTruncated>false</IsTruncated>{keys}</ListVersionsResult>"))
        }
        ("POST", "") => {
            bucket.objects.clear();
            text_answer(200, "<DeleteResult></DeleteResult>")
        }
        ("DELETE", "") => {
            let is_empty = bucket.objects.is_empty();
            if is_empty {
                account.buckets.remove(name);
            }
            text_answer(if is_empty { 204 } else { 409 }, "")
        }
        ("HEAD", key) => text_answer(if bucket.objects.contains_key(key) { 200 } else { 404 }, ""),
        ("PUT", key) => {
            let is_chunked = headers.get("content-encoding").is_some_and(|encoding| encoding == "aws-chunked");
            let content = if is_chunked { first_chunk(body) } else { body.to_vec() };
            bucket.objects.insert(key.into(), content);
            text_answer(200, "")
        }
        other => panic!("{other:?} isn't faked"),
    }
}

/// Of `SIZE\r\nCONTENT\r\n0\r\n...`; what the tests upload fits into one.
fn first_chunk(body: &[u8]) -> Vec<u8> {
    let end = body.windows(2).position(|bytes| bytes == b"\r\n").unwrap();
    let size = std::str::from_utf8(&body[..end]).unwrap().split(';').next().unwrap();
    body[end + 2..][..usize::from_str_radix(size, 16).unwrap()].to_vec()
}

/// `a=b&c=d`, with percents.
fn form(body: &[u8]) -> Form {
    let text = std::str::from_utf8(body).unwrap();
    let fields = text.split('&').filter_map(|field| field.split_once('='));
    fields.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
