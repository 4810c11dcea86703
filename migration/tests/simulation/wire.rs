//! The wire between one invocation's clients and the database: everything that passes is noted in the trace, the
//! process can die at any request, and a saboteur can sit on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_types::body::SdkBody;
use embedded::{Faults, Weather};
use jiff::Timestamp;
use migration::Task;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::sabotage::{Answer, Passage, Sabotage};
use crate::world::TABLE;
use crate::{clock, permissions};

/// What all invocations of a seed share: the count of their requests, and the trace.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) page_items: Option<i64>,
    began: Instant,
    state: Mutex<State>,
    died: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    requests: u64,
    dies_at: Option<u64>,
    expires_at: Option<u64>,
    trace: DefaultHasher,
    /// Writes to the source of a copy, which is only read.
    writes_to_source: u64,
    /// Batches of messages that were taken in part.
    refused: u64,
    /// What was asked of AWS, as IAM has it.
    asked: BTreeSet<String>,
    /// When the comparison of each round began, by the round's prefix.
    rounds: BTreeMap<String, Timestamp>,
}

impl Traffic {
    pub(crate) fn new(sabotage: Option<Sabotage>, page_items: Option<i64>) -> Self {
        let died = watch::Sender::new(false);
        Self { sabotage, page_items, began: Instant::now(), state: Mutex::default(), died }
    }

    /// Begins another attempt, whose process dies, or whose credentials expire, so many requests from now.
    pub(crate) fn begin(&self, dies_in: Option<u64>, expires_in: Option<u64>) {
        let mut state = self.state.lock().unwrap();
        state.dies_at = dies_in.map(|requests| state.requests + requests);
        state.expires_at = expires_in.map(|requests| state.requests + requests);
        drop(state);
        self.died.send_replace(false);
    }

    pub(crate) async fn death(&self) {
        let _ = self.died.subscribe().wait_for(|died| *died).await;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.state.lock().unwrap().requests
    }

    pub(crate) fn has_expired(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.expires_at.is_some_and(|expires_at| state.requests > expires_at)
    }

    /// A number for everything that has passed, in its order and at its time.
    pub(crate) fn trace(&self) -> u64 {
        self.state.lock().unwrap().trace.finish()
    }

    /// How many writes to the table `things` have passed.
    pub(crate) fn writes_to_source(&self) -> u64 {
        self.state.lock().unwrap().writes_to_source
    }

    /// What was asked of AWS so far, as IAM has it.
    pub(crate) fn asked(&self) -> BTreeSet<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// How many batches of messages the queue has taken in part.
    pub(crate) fn refused(&self) -> u64 {
        self.state.lock().unwrap().refused
    }

    /// When a copy's last comparison of the two tables began.
    pub(crate) fn compared_from(&self) -> Option<Timestamp> {
        self.state.lock().unwrap().rounds.last_key_value().map(|(_, began)| *began)
    }

    /// Notes what somebody will want to know of a request.
    fn look(&self, operation: &str, body: &Value) {
        let mut state = self.state.lock().unwrap();
        state.writes_to_source += u64::from(is_write_to_source(operation, body));
        let entry = body["Item"]["entry"]["S"].as_str().filter(|_| operation == "PutItem");
        if let Some((round, _)) = entry.filter(|it| it.starts_with("checked#")).and_then(|it| it.rsplit_once('#')) {
            state.rounds.entry(round.to_owned()).or_insert_with(clock::now);
        }
    }

    fn note(&self, what: impl Hash) {
        let state = &mut *self.state.lock().unwrap();
        (self.began.elapsed(), what).hash(&mut state.trace);
    }

    /// Counts a request; tells whether the process lives on.
    fn lives(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let lives = state.dies_at.is_none_or(|dies_at| state.requests < dies_at);
        state.requests += 1;
        drop(state);
        if !lives {
            self.died.send_replace(true);
        }
        lives
    }
}

/// The wire of one invocation.
pub(crate) struct Wire {
    traffic: Arc<Traffic>,
    task: Task,
    faults: Faults,
    /// What was answered before it was done; it is lost with the invocation.
    late: Mutex<JoinSet<()>>,
}

impl Wire {
    pub(crate) fn new(traffic: Arc<Traffic>, task: Task, faults: Faults) -> Self {
        Self { traffic, task, faults, late: Mutex::default() }
    }

    /// `inner` behind this wire.
    pub(crate) fn to(self, inner: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Wired { wire: Arc::new(self), inner })
    }
}

struct Wired<I> {
    wire: Arc<Wire>,
    inner: I,
}

impl<I> fmt::Debug for Wired<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wired")
    }
}

impl HttpClient for Wired<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Wired { wire: self.wire.clone(), inner })
    }
}

impl HttpConnector for Wired<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (wire, inner) = (self.wire.clone(), self.inner.clone());
        HttpConnectorFuture::new(async move { wire.pass(inner, request).await })
    }
}

impl Wire {
    async fn pass(&self, inner: SharedHttpConnector, mut request: HttpRequest) -> Answer {
        let Traffic { sabotage, page_items, .. } = *self.traffic;
        if !self.traffic.lives() {
            return std::future::pending().await;
        }
        if self.traffic.has_expired() {
            self.faults.change(Weather { expired: 1.0, ..Weather::default() });
        }
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        // What goes to S3 or comes from it is no JSON; nobody meddles with that.
        let body = serde_json::from_slice::<Value>(request.body().bytes().unwrap_or_default()).ok();
        if sabotage.is_none() {
            let asked = permissions::of(self.task, &request, body.as_ref().unwrap_or(&Value::Null));
            self.traffic.state.lock().unwrap().asked.extend(asked);
        }
        let Some(mut body) = body else {
            self.traffic.note((self.task, request.method().to_owned(), request.uri().to_owned()));
            return inner.call(request).await;
        };
        self.traffic.note((self.task, &operation, identity(&body)));
        if let ("Scan", Some(page_items)) = (operation.as_str(), page_items) {
            let asked = body["Limit"].as_i64().unwrap_or(page_items);
            body["Limit"] = asked.min(page_items).into();
        }
        let mut passage = Passage { task: self.task, operation: &operation, body: &mut body };
        let detour = sabotage.and_then(|sabotage| sabotage.before(&mut passage));
        self.traffic.look(&operation, &body);
        *request.body_mut() = SdkBody::from(body.to_string());
        let answer = match detour {
            Some(detour) => detour.take(&mut self.late.lock().unwrap(), inner, request),
            None => inner.call(request).await,
        };
        let passage = Passage { task: self.task, operation: &operation, body: &mut body };
        if let ("SendMessageBatch", Ok(answer)) = (operation.as_str(), &answer) {
            let text = std::str::from_utf8(answer.body().bytes().unwrap_or_default()).unwrap_or_default();
            self.traffic.state.lock().unwrap().refused += u64::from(text.contains("\"Failed\":[{"));
        }
        let forged = sabotage.and_then(|sabotage| sabotage.after(&passage, &answer));
        let answer = forged.map_or(answer, Ok);
        let status = answer.as_ref().map_or(0, |answer: &HttpResponse| answer.status().as_u16());
        self.traffic.note(status);
        answer
    }
}

/// Whether a request changes items of the table `things`.
fn is_write_to_source(operation: &str, body: &Value) -> bool {
    let is_named = |write: &Value| write["TableName"] == TABLE;
    let parts = |member: &str| body[member].as_array().into_iter().flatten();
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => is_named(body),
        "BatchWriteItem" => body["RequestItems"].get(TABLE).is_some(),
        "TransactWriteItems" => {
            parts("TransactItems").flat_map(Value::as_object).flat_map(|it| it.values()).any(is_named)
        }
        "BatchExecuteStatement" => parts("Statements").any(|it| {
            let text = it["Statement"].as_str().unwrap_or_default();
            !text.starts_with("SELECT") && text.contains(&format!("\"{TABLE}\""))
        }),
        _ => false,
    }
}

/// What a request is about, in a form that depends neither on the order of maps nor on the numbers that processes give
/// themselves.
fn identity(body: &Value) -> String {
    const NUMBERED: [&str; 3] = ["worker#", "captured#", "applied#"];
    let entry = [&body["Item"]["entry"], &body["Key"]["entry"]].into_iter().find_map(|entry| entry["S"].as_str());
    if let Some(kind) = NUMBERED.into_iter().find(|kind| entry.is_some_and(|entry| entry.starts_with(kind))) {
        return kind.to_owned();
    }
    let parts = ["Key", "Segment", "ExclusiveStartKey", "Limit", "ProvisionedThroughput"].map(|member| &body[member]);
    let entry = &body["Item"]["entry"];
    let mut identity = Value::from_iter(parts.into_iter().chain([entry]).cloned());
    let statements = body["Statements"].as_array().map(Vec::len);
    identity.as_array_mut().expect("it is a list").push(statements.into());
    identity.sort_all_objects();
    identity.to_string()
}
