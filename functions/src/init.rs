//! A function that can't start tells Lambda why, before its process ends.

use lambda_runtime::Diagnostic;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, PooledClient, build_request};
use tracing::error;

use crate::lambda::{LambdaError, Reported};

/// Lambda's Runtime API, "Initialization error".
const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";

/// Reports why the function refuses to start; returns what its process ends with.
///
/// The runtime's own crate reports such errors only where snapshots are restored. Unreported, all that anybody sees
/// is `Runtime.ExitError`.
pub(crate) async fn refuse(reason: Reported) -> LambdaError {
    error!(reason = %reason, "refuses to start");
    let text = reason.to_string();
    if let Err(error) = report(reason.into()).await {
        error!(reason = %error, "Lambda could not be told");
    }
    text.into()
}

async fn report(diagnostic: Diagnostic) -> Result<(), BoxError> {
    let request = build_request()
        .method("POST")
        .uri(INIT_ERROR)
        .header("lambda-runtime-function-error-type", &diagnostic.error_type)
        .body(Body::from(serde_json::to_string(&diagnostic)?))?;
    let response = PooledClient::builder().build().call(request).await?;
    if response.status().is_success() { Ok(()) } else { Err(format!("it answered {}", response.status()).into()) }
}
