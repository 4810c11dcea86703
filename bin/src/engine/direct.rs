//! The table that the AWS configuration reaches.

use aws_sdk_dynamodb::Client;

use crate::errors::CliError;

/// A client, and words for where it points.
pub(crate) async fn connect() -> Result<(Client, String), CliError> {
    let configuration = functions::client::configuration().await;
    let Some(region) = configuration.region() else {
        return Err(CliError::usage(
            "expected a region for --engine direct, found none; set AWS_REGION, or name a profile with AWS_PROFILE",
        ));
    };
    let place = match endpoint() {
        Some(endpoint) => format!("at {endpoint}"),
        None => format!("in {region}"),
    };
    Ok((functions::client::dynamodb(&configuration), place))
}

/// The SDK reads both by itself; they are read here to say where the run goes.
pub(crate) fn endpoint() -> Option<String> {
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"].iter().find_map(|name| std::env::var(name).ok())
}
