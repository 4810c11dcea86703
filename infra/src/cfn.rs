//! Typed CloudFormation, as far as the stack needs it. Every map keeps its order, so that two synths are the
//! same to the byte.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

/// A CloudFormation template.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Template {
    #[serde(rename = "AWSTemplateFormatVersion")]
    pub version: &'static str,
    pub description: String,
    pub parameters: IndexMap<String, Parameter>,
    pub resources: IndexMap<&'static str, Resource>,
    pub outputs: IndexMap<&'static str, Output>,
}

/// A value that whoever deploys the template gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parameter {
    #[serde(rename = "Type")]
    pub kind: &'static str,
    pub description: String,
}

/// What a stack is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub enum Resource {
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
pub struct Role {
    pub assume_role_policy_document: Value,
    pub policies: Vec<Policy>,
}

/// A policy inside of a role.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    pub policy_name: &'static str,
    pub policy_document: Value,
}

/// A policy that is attached to roles.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RolePolicy {
    pub policy_name: &'static str,
    pub policy_document: Value,
    pub roles: Vec<Value>,
}

/// A Step Functions state machine. Its definition is an object: inside `Fn::Sub` no linter sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StateMachine {
    pub role_arn: Value,
    pub definition: asl::StateMachine,
    pub definition_substitutions: IndexMap<String, Value>,
}

/// A value that the stack tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Output {
    pub description: &'static str,
    pub value: Value,
}
