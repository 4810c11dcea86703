//! EventBridge rules.

use indexmap::IndexMap;
use serde::Serialize;

use super::expr::{ArnOf, Expr, NameOf, Text};
use super::iam::Role;
use super::lambda::Function;
use super::sqs::Queue;
use super::states::StateMachine;
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::Events::Rule`, on the account's default bus.
    Rule {
        /// Which events it takes.
        event_pattern: EventPattern,
    } {
        /// What it is for.
        description: String,
        /// Its name; CloudFormation makes one up.
        name: String,
        /// Whether it is in force.
        state: RuleState,
        /// What it does with them.
        targets: Vec<Target>,
    }
}

impl Resource for Rule {
    const TYPE: &'static str = "AWS::Events::Rule";
    // On the default bus; on another one it would be `BUS|NAME`.
    type Ref = NameOf<Self>;
}

impl HasArn for Rule {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("Arn")
    }
}

impl HasName for Rule {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.reference()
    }
}

values! {
    /// Whether a rule is in force.
    RuleState {
        /// It is.
        Enabled = "ENABLED",
        /// It isn't.
        Disabled = "DISABLED",
    }
}

/// Which events a rule takes: those that have one of the values in each field.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EventPattern {
    /// The service.
    pub source: Vec<&'static str>,
    /// The sort of event.
    pub detail_type: Vec<&'static str>,
    /// Fields of the event itself.
    pub detail: IndexMap<&'static str, Vec<Expr<Text>>>,
}

properties! {
    /// What a rule does with an event.
    Target {
        /// What is called.
        arn: TargetArn,
        /// Its name within the rule.
        id: String,
    } {
        /// Where events go that could not be delivered.
        dead_letter_config: DeadLetterConfig,
        /// The part of the event that is handed on.
        input_path: String,
        /// How long it is tried again.
        retry_policy: RetryPolicy,
        /// What the rule may do; Lambda functions and queues have their own policies for it.
        role_arn: Expr<ArnOf<Role>>,
    }
}

/// What a rule calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TargetArn {
    /// A state machine: an execution is started.
    StateMachine(Expr<ArnOf<StateMachine>>),
    /// A function.
    Function(Expr<ArnOf<Function>>),
    /// A queue.
    Queue(Expr<ArnOf<Queue>>),
}

/// Where events go that could not be delivered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeadLetterConfig {
    /// A standard queue.
    pub arn: Expr<ArnOf<Queue>>,
}

properties! {
    /// How long a target is tried again.
    RetryPolicy {
        /// Seconds, 60 to 86,400.
        maximum_event_age_in_seconds: u32,
        /// Times, up to 185.
        maximum_retry_attempts: u32,
    }
}
