//! DynamoDB clients, and those of what scales its tables, as every engine on real tables makes them.

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::sts::{AssumeRoleProvider, AssumeRoleProviderBuilder};
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use migration::{Carrier, Wiring};

/// What the log of another account calls us.
const SESSION: &str = "segue";

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

/// The same for the target of a copy, which may be in another region, or be reached by a role of another account.
pub async fn configuration_of_target(of_source: &SdkConfig, region: Option<&str>, role: Option<&str>) -> SdkConfig {
    let region = region.map(|region| Region::new(region.to_owned())).or_else(|| of_source.region().cloned());
    let mut target = of_source.to_builder().region(region.clone());
    if let Some(role) = role {
        let assumed = AssumeRoleProvider::builder(role).session_name(SESSION).configure(of_source);
        let assumed = region.into_iter().fold(assumed, AssumeRoleProviderBuilder::region).build().await;
        target = target.credentials_provider(SharedCredentialsProvider::new(assumed));
    }
    target.build()
}

/// What carries a copy's changes.
pub fn carrier(configuration: &SdkConfig, wiring: Wiring) -> Carrier {
    // Buckets of an emulator have no names of hosts.
    let has_names = configuration.endpoint_url().is_none();
    let s3 = aws_sdk_s3::config::Builder::from(configuration).force_path_style(!has_names);
    Carrier::new(configuration.into(), configuration.into(), s3, configuration.into(), wiring)
}

/// A client of Application Auto Scaling, likewise.
pub fn autoscaling(configuration: &SdkConfig) -> aws_sdk_applicationautoscaling::Client {
    let builder = aws_sdk_applicationautoscaling::config::Builder::from(configuration);
    aws_sdk_applicationautoscaling::Client::from_conf(migration::autoscaling_config(builder).build())
}
