//! Typed CloudFormation, as far as the stack needs it. Every map keeps its order, so that two synths are the
//! same to the byte.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

/// A CloudFormation template.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    pub(crate) version: &'static str,
    pub(crate) description: String,
    pub(crate) parameters: IndexMap<String, Parameter>,
    pub(crate) resources: IndexMap<&'static str, Resource>,
    pub(crate) outputs: IndexMap<&'static str, Output>,
}

/// A value that whoever deploys the template gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameter {
    #[serde(rename = "Type")]
    pub(crate) kind: &'static str,
    pub(crate) description: String,
}

/// What a stack is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub(crate) enum Resource {
    #[serde(rename = "AWS::IAM::Role")]
    Role(Role),
    #[serde(rename = "AWS::IAM::Policy")]
    RolePolicy(RolePolicy),
    #[serde(rename = "AWS::StepFunctions::StateMachine")]
    StateMachine(Box<StateMachine>),
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Role {
    pub(crate) assume_role_policy_document: Value,
    pub(crate) policies: Vec<Policy>,
}

/// A policy inside of a role.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Policy {
    pub(crate) policy_name: &'static str,
    pub(crate) policy_document: Value,
}

/// A policy that is attached to roles.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RolePolicy {
    pub(crate) policy_name: &'static str,
    pub(crate) policy_document: Value,
    pub(crate) roles: Vec<Value>,
}

/// A Step Functions state machine. Its definition is an object: inside `Fn::Sub` no linter sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StateMachine {
    pub(crate) role_arn: Value,
    pub(crate) definition: asl::StateMachine,
    pub(crate) definition_substitutions: IndexMap<String, Value>,
}

/// A value that the stack tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    pub(crate) description: &'static str,
    pub(crate) value: Value,
}
