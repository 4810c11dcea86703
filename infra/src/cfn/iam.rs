//! Roles and policies. A statement is made of actions of one kind on ARNs of a kind that they work on.
//!
//! A resource that was forgotten can't become `*`: that takes [`Statement::allow_unscoped`] and an action that knows no
//! ARNs, or [`Statement::deny_to_all`], which takes away.

mod actions;

pub use actions::{
    Action, ActsOn, BackupAction, BucketAction, ExecutionAction, ExportAction, FunctionAction, LogStreamAction,
    MappingAction, ObjectAction, QueueAction, RoleAction, ScalableTargetAction, StateMachineAction, StreamAction,
    TableAction, TopicAction, UnscopedAction,
};

use indexmap::IndexMap;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::expr::{ArnOf, Expr, NameOf, Text, pseudo};
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::IAM::Role`.
    Role {
        /// Who may take the role.
        assume_role_policy_document: PolicyDocument,
    } {
        /// What the role is for.
        description: String,
        /// What it may do.
        policies: Vec<InlinePolicy>,
    }
}

impl Resource for Role {
    const TYPE: &'static str = "AWS::IAM::Role";
    type Ref = NameOf<Self>;
}

/// A role that stands outside of the template, by its ARN.
pub fn role_arn(arn: &str) -> Expr<ArnOf<Role>> {
    Expr::join([Expr::text(arn)])
}

impl HasArn for Role {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("Arn")
    }
}

impl HasName for Role {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.reference()
    }
}

/// A policy inside of a role.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InlinePolicy {
    /// Its name within the role.
    pub policy_name: String,
    /// What it says.
    pub policy_document: PolicyDocument,
}

properties! {
    /// `AWS::IAM::Policy`: a policy that is put into roles which stand already. Where the policy speaks of what needs the
    /// role first, it can't be inside of it.
    Policy {
        /// Its name within the roles.
        policy_name: String,
        /// What it says.
        policy_document: PolicyDocument,
        /// The roles.
        roles: Vec<Expr<NameOf<Role>>>,
    } {}
}

impl Resource for Policy {
    const TYPE: &'static str = "AWS::IAM::Policy";
    type Ref = super::IdOf<Self>;
}

/// What is allowed and denied.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: Vec<Statement>,
}

impl PolicyDocument {
    /// A policy of these statements.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { version: "2012-10-17", statement: statements.into_iter().collect() }
    }

    /// A role's trust: `service` may take it.
    pub fn trust(service: Service) -> Self {
        Self::new([Statement::trust(service)])
    }

    /// The same, on behalf of this account only. For services that say on whose behalf they act; those that don't would
    /// be shut out.
    pub fn trust_for_account(service: Service) -> Self {
        let account = Condition::StringEquals("aws:SourceAccount", vec![pseudo::account_id()]);
        Self::new([Statement::trust(service).when(account)])
    }
}

values! {
    /// Services that act for us.
    Service {
        /// Lambda.
        Lambda = "lambda.amazonaws.com",
        /// Step Functions.
        States = "states.amazonaws.com",
        /// EventBridge.
        Events = "events.amazonaws.com",
        /// CloudWatch's alarms.
        CloudWatch = "cloudwatch.amazonaws.com",
    }
}

/// Who a statement of a resource's own policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Principal {
    Everyone,
    Service(Service),
}

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Everyone => serializer.serialize_str("*"),
            Self::Service(service) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("Service", service)?;
                map.end()
            }
        }
    }
}

/// When a statement holds: a key of the request, and the values that it is held against.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The key has one of the values.
    StringEquals(&'static str, Vec<Expr<Text>>),
    /// The key is one of the ARNs.
    ArnEquals(&'static str, Vec<Expr<Text>>),
    /// The request came without TLS.
    InsecureTransport,
}

impl Condition {
    fn parts(&self) -> (&'static str, &'static str, Vec<Expr<Text>>) {
        match self {
            Self::StringEquals(key, values) => ("StringEquals", key, values.clone()),
            Self::ArnEquals(key, values) => ("ArnEquals", key, values.clone()),
            Self::InsecureTransport => ("Bool", "aws:SecureTransport", vec!["false".into()]),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Effect {
    Allow,
    Deny,
}

/// One sentence of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    effect: Effect,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Principal>,
    action: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource: Vec<Expr<Text>>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    condition: IndexMap<&'static str, IndexMap<&'static str, Vec<Expr<Text>>>>,
}

/// Actions that are allowed, on what is said next.
#[must_use = "actions are allowed on something: `.on(arn)`"]
#[derive(Debug, Clone, PartialEq)]
pub struct Allowed<A> {
    actions: Vec<A>,
}

impl Statement {
    /// Allows actions of one kind; `.on(arn)` says on what.
    pub fn allow<A: Action>(actions: impl IntoIterator<Item = A>) -> Allowed<A> {
        Allowed { actions: actions.into_iter().collect() }
    }

    /// Allows actions that work on nothing with an ARN: their resource is `*`, there is no other.
    pub fn allow_unscoped(actions: impl IntoIterator<Item = UnscopedAction>) -> Self {
        Self::new(actions.into_iter().map(UnscopedAction::name).collect(), vec!["*".into()])
    }

    /// Denies actions to everyone, on `resources`. For a resource's own policy, with a condition: without one nobody
    /// could use the resource again.
    pub fn deny_to_all<R>(
        actions: &'static str,
        resources: impl IntoIterator<Item = Expr<R>>,
        condition: Condition,
    ) -> Self {
        let resources = resources.into_iter().map(Expr::into_text).collect();
        let statement = Self { effect: Effect::Deny, ..Self::new(vec![actions], resources) };
        Self { principal: Some(Principal::Everyone), ..statement }.when(condition)
    }

    /// Whom a statement of a resource's own policy is about.
    pub fn to(self, service: Service) -> Self {
        Self { principal: Some(Principal::Service(service)), ..self }
    }

    /// Only then.
    pub fn when(mut self, condition: Condition) -> Self {
        let (operator, key, values) = condition.parts();
        self.condition.entry(operator).or_default().insert(key, values);
        self
    }

    fn trust(service: Service) -> Self {
        Self::new(vec!["sts:AssumeRole"], Vec::new()).to(service)
    }

    fn new(action: Vec<&'static str>, resource: Vec<Expr<Text>>) -> Self {
        Self { effect: Effect::Allow, principal: None, action, resource, condition: IndexMap::new() }
    }
}

impl<A: Action> Allowed<A> {
    /// On one resource, of a kind that the actions work on.
    pub fn on<R>(self, resource: Expr<ArnOf<R>>) -> Statement
    where
        A: ActsOn<R>,
    {
        self.on_each([resource])
    }

    /// On several resources of the same kind.
    pub fn on_each<R>(self, resources: impl IntoIterator<Item = Expr<ArnOf<R>>>) -> Statement
    where
        A: ActsOn<R>,
    {
        let actions = self.actions.into_iter().map(Action::name).collect();
        Statement::new(actions, resources.into_iter().map(Expr::into_text).collect())
    }
}
