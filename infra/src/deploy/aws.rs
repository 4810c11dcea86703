//! Where we are: region, credentials and account are known and hold before anything else is asked of AWS.

use std::time::Duration;

use anyhow::bail;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::trouble::{explain, words};
use crate::failure::Usage;

/// An answer that doesn't come is asked for again: a dead connection must not end a deployment's follower.
const ANSWER: Duration = Duration::from_secs(30);

/// The clients, and where they point.
#[derive(Debug)]
pub struct Aws {
    /// The region, as the configuration has it.
    pub region: String,
    /// The account that the credentials belong to.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// An endpoint that stands in for AWS, if one is configured.
    pub endpoint: Option<String>,
    /// Stacks, change sets, events.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// The functions' code, the template and the results.
    pub s3: aws_sdk_s3::Client,
    configuration: SdkConfig,
}

impl Aws {
    /// Reads the AWS configuration as every AWS tool does, and asks whose credentials these are.
    pub async fn connect() -> anyhow::Result<Self> {
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        // The SDK's own retries are right here, as nothing is counted.
        let configuration = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
        let Some(region) = configuration.region().map(ToString::to_string) else {
            bail!(Usage::new(
                "expected a region to deploy to, found none; set AWS_REGION, or name a profile that has one with AWS_PROFILE"
            ));
        };
        has_credentials(&configuration).await?;
        let (account, partition) = caller(&configuration).await?;
        Ok(Self {
            region,
            account,
            partition,
            endpoint: endpoint(),
            cloudformation: cloudformation(&configuration),
            s3: s3(&configuration),
            configuration,
        })
    }

    /// A client for the ledger.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.configuration)
    }

    /// A client for the queues of a copy.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.configuration)
    }

    /// A client for the state machines.
    pub fn step_functions(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.configuration)
    }

    /// Where this is, in words.
    pub fn place(&self) -> String {
        let Self { account, region, .. } = self;
        match &self.endpoint {
            Some(endpoint) => format!("account {account}, {region}, at {endpoint}"),
            None => format!("account {account}, {region}"),
        }
    }

    /// The HTTPS address of an object, as CloudFormation wants to be told of a template.
    pub fn url(&self, bucket: &str, key: &str) -> String {
        let Self { region, partition, .. } = self;
        match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
            None if partition == "aws-cn" => format!("https://{bucket}.s3.{region}.amazonaws.com.cn/{key}"),
            // A name with dots doesn't fit the certificate of the virtual-hosted form.
            None if bucket.contains('.') => format!("https://s3.{region}.amazonaws.com/{bucket}/{key}"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"),
        }
    }
}

/// The SDK would find out at the first call, in words that nobody understands.
async fn has_credentials(configuration: &SdkConfig) -> anyhow::Result<()> {
    let provider = configuration.credentials_provider();
    let Some(provider) = provider else { bail!(Usage::new(NO_CREDENTIALS)) };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(CredentialsError::CredentialsNotLoaded(_)) => bail!(Usage::new(NO_CREDENTIALS)),
        Err(error) => {
            bail!(Usage::new(format!(
                "the AWS credentials can't be had: {}; renew them, e.g. with `aws sso login`, and call this again",
                words(&error)
            )))
        }
    }
}

const NO_CREDENTIALS: &str = "expected AWS credentials, found none; name a profile with AWS_PROFILE (`aws configure` makes \
                              one), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// The account and the partition. No permission is needed to ask.
async fn caller(configuration: &SdkConfig) -> anyhow::Result<(String, String)> {
    let identity = aws_sdk_sts::Client::new(configuration).get_caller_identity().send().await;
    let identity = identity.map_err(|error| explain("who these credentials belong to can't be asked", error))?;
    let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
    match identity.account {
        Some(account) => Ok((account, partition)),
        None => bail!("AWS doesn't say which account these credentials belong to"),
    }
}

fn cloudformation(configuration: &SdkConfig) -> aws_sdk_cloudformation::Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ANSWER).build();
    let builder = aws_sdk_cloudformation::config::Builder::from(configuration).timeout_config(timeouts);
    aws_sdk_cloudformation::Client::from_conf(builder.build())
}

/// What stands in for AWS at an address of its own knows no host name for each bucket.
fn s3(configuration: &SdkConfig) -> aws_sdk_s3::Client {
    let builder = aws_sdk_s3::config::Builder::from(configuration).force_path_style(endpoint().is_some());
    aws_sdk_s3::Client::from_conf(builder.build())
}

/// The SDK reads both by itself; they are read here for the form of addresses, and to say where we are.
fn endpoint() -> Option<String> {
    ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().find_map(|name| std::env::var(name).ok())
}
