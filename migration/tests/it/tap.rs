//! A place between the migration and the database, where requests can be watched, delayed and lost.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::Value;

pub(crate) type Answer = Result<HttpResponse, ConnectorError>;
/// The request on its way to the database; it leaves when it is awaited.
pub(crate) type Forward<'f> = std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 'f>>;

/// What a request asks for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

#[async_trait]
pub(crate) trait Tap: Send + Sync {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer;
}

/// Lets everything pass, and remembers the requests of one operation.
pub(crate) struct Recorder {
    pub(crate) operation: &'static str,
    pub(crate) seen: Mutex<Vec<Value>>,
}

#[async_trait]
impl Tap for Recorder {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        if request.operation == self.operation {
            self.seen.lock().unwrap().push(request.body.clone());
        }
        forward.await
    }
}

/// `inner` with a tap in front of it.
pub(crate) fn tapped(inner: SharedHttpClient, tap: Arc<dyn Tap>) -> SharedHttpClient {
    SharedHttpClient::new(Tapped { inner, tap })
}

struct Tapped<I> {
    inner: I,
    tap: Arc<dyn Tap>,
}

impl<I> fmt::Debug for Tapped<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tapped")
    }
}

impl HttpClient for Tapped<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Tapped { inner, tap: self.tap.clone() })
    }
}

impl HttpConnector for Tapped<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let (inner, tap) = (self.inner.clone(), self.tap.clone());
        HttpConnectorFuture::new(async move {
            let forward = Box::pin(async { inner.call(request).await });
            tap.pass(&Request { operation, body }, forward).await
        })
    }
}

/// An answer of DynamoDB that refuses a request.
pub(crate) fn refusal(code: &str) -> HttpResponse {
    let body = serde_json::json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": code });
    HttpResponse::new(400.try_into().unwrap(), body.to_string().into())
}

/// Denies these operations.
pub(crate) struct Denies(pub(crate) &'static [&'static str]);

#[async_trait]
impl Tap for Denies {
    async fn pass(&self, request: &Request, forward: Forward<'_>) -> Answer {
        let is_denied = self.0.contains(&request.operation.as_str());
        if is_denied { Ok(refusal("AccessDeniedException")) } else { forward.await }
    }
}
