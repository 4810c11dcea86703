//! The table that the AWS configuration reaches.

use aws_sdk_dynamodb::Client;

/// A client, and words for where it points.
pub(crate) async fn connect() -> (Client, String) {
    let configuration = functions::client::configuration().await;
    let client = functions::client::dynamodb(&configuration);
    let region = configuration.region().map_or("no region", |region| region.as_ref());
    let place = match endpoint() {
        Some(endpoint) => format!("at {endpoint}"),
        None => format!("in {region}"),
    };
    (client, place)
}

/// The SDK reads both by itself; they are read here to say where the run goes.
fn endpoint() -> Option<String> {
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"].iter().find_map(|name| std::env::var(name).ok())
}
