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

use crate::request::Request;
use crate::wire::REGION;
use crate::{Embedded, Faults};

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
            let body = request.body().bytes().unwrap_or_default().to_vec();
            let request = Request::read(request.method(), request.uri(), |name| request.headers().get(name), body);
            let (request_id, reply) = match faults {
                Some(faults) => faults.pass(&embedded, request).await?,
                None => embedded.respond(request).await,
            };
            let status = StatusCode::try_from(reply.status).unwrap_or(internal_error());
            let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
            response.headers_mut().insert("content-type", reply.media_type);
            response.headers_mut().insert("x-amzn-requestid", request_id);
            for (name, value) in reply.headers {
                response.headers_mut().insert(name, value);
            }
            Ok(response)
        })
    }
}

fn internal_error() -> StatusCode {
    StatusCode::try_from(500_u16).unwrap_or_else(|_| unreachable!("500 is a status code"))
}

/// The configuration of a client of one of the services: no look-ups, no files, nothing of the environment.
macro_rules! client_builder {
    ($name:ident, $sdk:ident) => {
        pub(crate) fn $name(embedded: &Embedded) -> $sdk::config::Builder {
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region(Region::from_static(REGION))
                .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
                .endpoint_url("http://embedded.invalid")
                .http_client(embedded.http_client())
        }
    };
}

client_builder!(client_builder, aws_sdk_dynamodb);
client_builder!(autoscaling_client_builder, aws_sdk_applicationautoscaling);
client_builder!(sqs_client_builder, aws_sdk_sqs);
client_builder!(lambda_client_builder, aws_sdk_lambda);
client_builder!(streams_client_builder, aws_sdk_dynamodbstreams);
client_builder!(any_s3_client_builder, aws_sdk_s3);

/// S3's clients name a bucket in the host unless they are told otherwise, and send checksums in pieces of the body.
pub(crate) fn s3_client_builder(embedded: &Embedded) -> aws_sdk_s3::config::Builder {
    use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
    any_s3_client_builder(embedded)
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}
