//! The wire between one invocation's clients and the database: everything that passes is noted in the trace, the
//! process can die at any request, and a saboteur can sit on it.

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
use migration::Task;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::sabotage::{Answer, Passage, Sabotage};

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
        let Ok(mut body) = serde_json::from_slice::<Value>(request.body().bytes().unwrap_or_default()) else {
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
        *request.body_mut() = SdkBody::from(body.to_string());
        let answer = match detour {
            Some(detour) => detour.take(&mut self.late.lock().unwrap(), inner, request),
            None => inner.call(request).await,
        };
        let forged = sabotage.and_then(|sabotage| sabotage.after(&operation, &body, &answer));
        let answer = forged.map_or(answer, Ok);
        let status = answer.as_ref().map_or(0, |answer: &HttpResponse| answer.status().as_u16());
        self.traffic.note(status);
        answer
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
