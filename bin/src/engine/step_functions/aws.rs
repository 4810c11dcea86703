//! The clients of the services that a stack is made of, in its region. Made anew, they read credentials anew.

use aws_config::SdkConfig;
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_sdk_sts::error::SdkError;
use migration::definition::Target;
use migration::{Error, Kind, Wiring};

use crate::engine::{Clients, direct};
use crate::errors::CliError;

/// Beyond the slowest answer of these services; a connection that died silently would hold us for ever.
const ANSWER_TIME: std::time::Duration = std::time::Duration::from_secs(30);

pub(crate) struct Aws {
    pub(crate) region: String,
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) autoscaling: aws_sdk_applicationautoscaling::Client,
    tokens: aws_sdk_sts::Client,
    /// As the domain's clients are made.
    configuration: SdkConfig,
}

impl Aws {
    /// Clients in `region`, or where the AWS configuration points.
    pub(crate) async fn connect(region: Option<&str>) -> Result<Self, CliError> {
        let configuration = match region {
            Some(region) => functions::client::configuration_in(region).await,
            None => functions::client::configuration().await,
        };
        let Some(region) = configuration.region().map(ToString::to_string) else {
            return Err(CliError::usage(
                "expected a region for --engine step-functions, found none; set AWS_REGION, or name a profile with \
                 AWS_PROFILE",
            ));
        };
        let dynamodb = functions::client::dynamodb(&configuration);
        let autoscaling = functions::client::autoscaling(&configuration);
        let of_domain = configuration.clone();
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ANSWER_TIME).build();
        let configuration = configuration.into_builder().timeout_config(timeouts).build();
        Ok(Self {
            region,
            states: aws_sdk_sfn::Client::new(&configuration),
            cloudformation: aws_sdk_cloudformation::Client::new(&configuration),
            dynamodb,
            autoscaling,
            tokens: aws_sdk_sts::Client::new(&configuration),
            configuration: of_domain,
        })
    }

    /// Clients of a copy's tables, and of what carries its changes.
    pub(crate) async fn of_copy(&self, target: Option<&Target>, wiring: Option<Wiring>) -> Clients {
        let source = self.dynamodb.clone();
        let (region, role) = target.map_or((None, None), |target| (target.region.as_deref(), target.role.as_deref()));
        let configuration = functions::client::configuration_of_target(&self.configuration, region, role).await;
        let target = functions::client::dynamodb(&configuration);
        let carrier = wiring.map(|wiring| functions::client::carrier(&self.configuration, wiring));
        Clients { source, target, database: None, carrier }
    }

    /// The account of the credentials. Nobody needs a permission to ask that.
    pub(crate) async fn account(&self) -> Result<String, Error> {
        let identity = self.tokens.get_caller_identity().send().await;
        let identity = identity.map_err(|error| {
            let is_refused = matches!(error, SdkError::ServiceError(_));
            let error = Error::from_control_plane("GetCallerIdentity", error);
            // Where none are found at all, the error says what to do.
            let advice = "sign in again, for example with `aws sso login`";
            if is_refused && error.kind() == Kind::Denied {
                Error::new(Kind::Denied, format!("{error}; {advice}"))
            } else {
                error
            }
        })?;
        Ok(identity.account.unwrap_or_default())
    }

    /// The region, and the endpoint where it is not AWS's own.
    pub(crate) fn place(&self) -> String {
        match direct::endpoint() {
            Some(endpoint) => format!("{} at {endpoint}", self.region),
            None => self.region.clone(),
        }
    }
}
