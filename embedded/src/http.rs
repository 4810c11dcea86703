//! The SDK's own HTTP interface, answered in this process: what the real client would send goes to the
//! database instead of a socket.

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::{Embedded, Faults};

/// The media type of requests and responses.
pub(crate) const AMZ_JSON: &str = "application/x-amz-json-1.0";

/// The SDK's HTTP client that is this database, seen through the weather where there is any.
#[derive(Debug, Clone)]
pub(crate) struct InProcess {
    pub(crate) embedded: Embedded,
    pub(crate) faults: Option<Faults>,
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { embedded, faults } = self.clone();
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
            let body = request.body().bytes().unwrap_or_default().to_vec();
            let (request_id, reply) = match faults {
                Some(faults) => faults.pass(&embedded, &target, body).await?,
                None => embedded.respond(&target, body).await,
            };
            let status = StatusCode::try_from(reply.status).unwrap_or(internal_error());
            let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
            response.headers_mut().insert("content-type", AMZ_JSON);
            response.headers_mut().insert("x-amzn-requestid", request_id);
            Ok(response)
        })
    }
}

fn internal_error() -> StatusCode {
    StatusCode::try_from(500_u16).unwrap_or_else(|_| unreachable!("500 is a status code"))
}

/// What a client needs besides the HTTP client: no look-ups, no files, nothing of the environment.
pub(crate) fn client_builder(embedded: &Embedded) -> aws_sdk_dynamodb::config::Builder {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
        .endpoint_url("http://embedded.invalid")
        .http_client(embedded.http_client())
}

/// The same of the service that scales tables.
pub(crate) fn autoscaling_client_builder(embedded: &Embedded) -> aws_sdk_applicationautoscaling::config::Builder {
    aws_sdk_applicationautoscaling::Config::builder()
        .behavior_version(aws_sdk_applicationautoscaling::config::BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
        .endpoint_url("http://embedded.invalid")
        .http_client(embedded.http_client())
}
