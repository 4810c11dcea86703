//! Names of things at AWS, as far as they tell where a thing is.

use std::fmt;

/// `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arn {
    partition: String,
    service: String,
    pub(crate) region: String,
    pub(crate) account: String,
    resource: String,
}

impl Arn {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().map(str::to_owned);
        if next()? != "arn" {
            return None;
        }
        let (partition, service, region, account, resource) = (next()?, next()?, next()?, next()?, next()?);
        Some(Self { partition, service, region, account, resource })
    }

    /// A state machine's: without a version, an alias or a Map's label behind it.
    pub(crate) fn of_state_machine(text: &str) -> Option<Self> {
        let arn = Self::parse(text)?;
        let name = arn.resource.strip_prefix("stateMachine:")?;
        let is_plain = !name.is_empty() && !name.contains([':', '/']);
        (arn.service == "states" && is_plain && !arn.region.is_empty() && !arn.account.is_empty()).then_some(arn)
    }

    /// The execution of that name of this state machine.
    pub(crate) fn execution(&self, name: &str) -> Self {
        let machine = self.resource.rsplit(':').next().unwrap_or_default();
        Self { resource: format!("execution:{machine}:{name}"), ..self.clone() }
    }

    /// The execution's page in the console.
    pub(crate) fn console(&self) -> String {
        // The other partitions have consoles of their own.
        let domain = match self.partition.as_str() {
            "aws-cn" => "console.amazonaws.cn",
            "aws-us-gov" => "console.amazonaws-us-gov.com",
            _ => "console.aws.amazon.com",
        };
        let region = &self.region;
        format!("https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{self}")
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "arn:aws:states:eu-west-1:111122223333:stateMachine:Workflow-1";

    #[test]
    fn an_execution_is_named_by_its_machine() {
        let execution = Arn::of_state_machine(MACHINE).unwrap().execution("run-1");
        assert_eq!(execution.to_string(), "arn:aws:states:eu-west-1:111122223333:execution:Workflow-1:run-1");
        assert_eq!(
            execution.console(),
            format!(
                "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/{execution}"
            )
        );
    }

    #[test]
    fn what_is_no_state_machine_is_not_taken_for_one() {
        for other in [
            "Workflow-1",
            "arn:aws:states:eu-west-1:111122223333:execution:Workflow-1:run-1",
            "arn:aws:states:eu-west-1:111122223333:stateMachine:Workflow-1:3",
            "arn:aws:states:eu-west-1:111122223333:stateMachine:Workflow-1/Migrate",
            "arn:aws:states:::stateMachine:Workflow-1",
            "arn:aws:lambda:eu-west-1:111122223333:function:Workflow-1",
        ] {
            assert_eq!(Arn::of_state_machine(other), None, "{other}");
        }
        assert_eq!(Arn::of_state_machine(MACHINE).unwrap().to_string(), MACHINE);
    }
}
