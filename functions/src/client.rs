//! DynamoDB clients, and those of what scales its tables, as every engine on real tables makes them.

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// What the environment says of region, credentials and endpoint.
pub async fn configuration() -> SdkConfig {
    loader().load().await
}

/// The same inside of a Lambda function, which finds all of it in its environment variables: no other source of
/// credentials is asked, on the network least of all.
pub async fn configuration_in_lambda() -> SdkConfig {
    loader()
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .load()
        .await
}

/// The same, but for the region: a stack is where it was deployed, wherever the environment points.
pub async fn configuration_in(region: &str) -> SdkConfig {
    loader().region(Region::new(region.to_owned())).load().await
}

fn loader() -> ConfigLoader {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http)
}

/// A client for that configuration, without retries of its own: the domain has its own, and counts them.
pub fn dynamodb(configuration: &SdkConfig) -> Client {
    let builder = aws_sdk_dynamodb::config::Builder::from(configuration);
    Client::from_conf(migration::client_config(builder).build())
}

/// A client of Application Auto Scaling, likewise.
pub fn autoscaling(configuration: &SdkConfig) -> aws_sdk_applicationautoscaling::Client {
    let builder = aws_sdk_applicationautoscaling::config::Builder::from(configuration);
    aws_sdk_applicationautoscaling::Client::from_conf(migration::autoscaling_config(builder).build())
}
