//! The same database on a socket, for any AWS client: boto3, the AWS CLI, another process. Credentials and
//! signatures are accepted as they come.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use crate::Embedded;
use crate::error::{Error, ErrorKind, Result};
use crate::http::AMZ_JSON;

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
        let served = axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await;
        served.map_err(|error| Error::because(ErrorKind::Io, "the server's socket failed", error))
    }

    /// What answers them, to be served together with something else.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).layer(DefaultBodyLimit::max(REQUEST_BYTES)).with_state(self.clone())
    }
}

async fn answer(State(embedded): State<Embedded>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (request_id, reply) = embedded.respond(text("x-amz-target"), body.to_vec()).await;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media_type = if text("content-type").starts_with("application/json") { "application/json" } else { AMZ_JSON };
    let checksum = crc32fast::hash(&reply.body).to_string();
    let headers =
        [("content-type", media_type.to_owned()), ("x-amzn-requestid", request_id), ("x-amz-crc32", checksum)];
    (status, headers, reply.body).into_response()
}
