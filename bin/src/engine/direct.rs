//! The table that the AWS configuration reaches.

use aws_sdk_applicationautoscaling::Client as Autoscaling;
use aws_sdk_dynamodb::Client;
use migration::definition::{Definition, Target};

use crate::engine::Clients;
use crate::errors::CliError;

/// Where the SDK looks for the endpoint of that service first.
const AUTOSCALING_ENDPOINT: &str = "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING";

/// Clients of a migration's tables, and words for where its source is. The target may be in another region, or another
/// account's.
pub(crate) async fn clients(definition: &Definition) -> Result<(Clients, String), CliError> {
    let (source, place) = connect().await?;
    let Some(Target { region, role, .. }) = &definition.target else { return Ok((Clients::of_one(source), place)) };
    let configuration = functions::client::configuration().await;
    let of_target =
        functions::client::configuration_of_target(&configuration, region.as_deref(), role.as_deref()).await;
    let target = functions::client::dynamodb(&of_target);
    Ok((Clients { target, ..Clients::of_one(source) }, place))
}

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

/// A client of what scales the table. Where the table is somewhere else than on AWS, that is asked of the same place,
/// which knows of none: a table of the same name in the account of the credentials is none of ours.
pub(crate) async fn autoscaling() -> Autoscaling {
    let configuration = functions::client::configuration().await;
    match std::env::var("AWS_ENDPOINT_URL_DYNAMODB") {
        Ok(endpoint) if !is_of_aws(&endpoint) && std::env::var_os(AUTOSCALING_ENDPOINT).is_none() => {
            functions::client::autoscaling(&configuration.into_builder().endpoint_url(endpoint).build())
        }
        _ => functions::client::autoscaling(&configuration),
    }
}

/// DynamoDB's endpoints in a region, in a VPC, and in China.
fn is_of_aws(endpoint: &str) -> bool {
    let authority = endpoint.split("://").nth(1).unwrap_or(endpoint).split('/').next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain))
}

/// The SDK reads both by itself; they are read here to say where the run goes.
pub(crate) fn endpoint() -> Option<String> {
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"].iter().find_map(|name| std::env::var(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_aws_are_told_from_others() {
        let dynamodb = "https://dynamodb.eu-central-1.amazonaws.com";
        let private = "https://vpce-1a2b-3c4d.dynamodb.us-east-1.vpce.amazonaws.com:443/";
        assert!([dynamodb, private, "https://dynamodb.us-east-1.api.aws"].into_iter().all(is_of_aws));
        let local = ["http://127.0.0.1:8000", "http://localhost:8000/", "http://db.amazonaws.com.evil:80"];
        assert!(!local.into_iter().any(is_of_aws));
    }
}
