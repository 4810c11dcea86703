//! The same database on a socket, for any AWS client: boto3, the AWS CLI, another process. Credentials and
//! signatures are accepted as they come, or an access key id is asked for, which then is the secret: where it is not
//! the one that was expected, the request doesn't reach the database.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;

use crate::Embedded;
use crate::error::{Error, ErrorKind, Result};
use crate::reply::AMZ_JSON;
use crate::request::Request as Asked;

/// AWS: a request, a batch of writes above all, has at most 16 MB. JSON and base64 make it larger on the wire.
const REQUEST_BYTES: usize = 32 * 1024 * 1024;

impl Embedded {
    /// Answers requests on a listener until `shutdown` is done, then finishes the ones under way. Bind it to
    /// 127.0.0.1: whoever reaches it may do everything.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        serve(listener, self.router(), shutdown).await
    }

    /// The same for those alone whose requests are signed with this access key id. It travels as it is, and the
    /// signature isn't looked at: it has to be long, random, and known to nobody else.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the listener fails.
    pub async fn serve_to(
        &self,
        access_key_id: &str,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let secret: Arc<str> = access_key_id.into();
        serve(listener, self.router().layer(middleware::from_fn_with_state(secret, admit)), shutdown).await
    }

    /// What answers them, to be served together with something else.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).layer(DefaultBodyLimit::max(REQUEST_BYTES)).with_state(self.clone())
    }
}

async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let served = axum::serve(listener, router).with_graceful_shutdown(shutdown).await;
    served.map_err(|error| Error::because(ErrorKind::Io, "the server's socket failed", error))
}

/// Lets a request through that is signed with the secret. How long the comparison takes tells nothing of it.
async fn admit(State(secret): State<Arc<str>>, request: Request, next: Next) -> Response {
    let access_key_id = access_key_id(request.headers()).unwrap_or_default();
    if bool::from(access_key_id.as_bytes().ct_eq(secret.as_bytes())) {
        return next.run(request).await;
    }
    // DynamoDB's answer to an access key that it doesn't know (API reference, "Common errors").
    let body = r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The security token included in the request is invalid."}"#;
    (StatusCode::BAD_REQUEST, [("content-type", AMZ_JSON)], body).into_response()
}

/// What stands in `Credential=` of a request's signature (AWS Signature Version 4, "Authorization header").
fn access_key_id(headers: &HeaderMap) -> Option<&str> {
    let signature = headers.get("authorization")?.to_str().ok()?;
    signature.split_once("Credential=")?.1.split_once('/').map(|(access_key_id, _)| access_key_id)
}

async fn answer(
    State(embedded): State<Embedded>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let asked = Asked::read(method.as_str(), path, header, body.to_vec());
    let (request_id, reply) = embedded.respond(asked).await;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let asks_for_json = header("content-type").is_some_and(|it| it.starts_with("application/json"));
    let media_type = if asks_for_json && reply.media_type == AMZ_JSON { "application/json" } else { reply.media_type };
    let checksum = crc32fast::hash(&reply.body).to_string();
    let headers =
        [("content-type", media_type.to_owned()), ("x-amzn-requestid", request_id), ("x-amz-crc32", checksum)];
    let mut response = (status, headers, reply.body).into_response();
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
