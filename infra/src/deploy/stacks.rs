//! A stack as CloudFormation describes it, and whose it is.

use std::collections::BTreeMap;

use anyhow::Context;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    ResourceStatus, Stack as Described, StackResourceSummary, StackStatus, TemplateStage,
};
use migration::deployment::Output;
use serde_json::Value;

use super::trouble::{Trouble, explain};

/// The tag that names a stack's migration.
pub const MIGRATION_TAG: &str = "segue:migration";
/// How the template's description begins. A stack that somebody else's tool has deployed has no tag of ours.
const DESCRIPTION: &str = "Segue: ";

/// A stack that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN: good for a stack that has been deleted, too.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The state that it is in.
    pub status: StackStatus,
    /// What CloudFormation says of that state.
    pub reason: Option<String>,
    /// What it tells, by name.
    pub outputs: BTreeMap<String, String>,
    migration: Option<String>,
    description: Option<String>,
}

/// Whose a stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This migration's.
    Us,
    /// An empty shell around change sets, and nobody's yet.
    Nobody,
    /// That of another migration, whose name makes the same stack's name.
    OtherMigration(String),
    /// Somebody else's altogether.
    Stranger,
}

impl Stack {
    fn new(described: Described) -> Self {
        let outputs = described.outputs.unwrap_or_default().into_iter();
        let tags = described.tags.unwrap_or_default().into_iter();
        Self {
            id: described.stack_id.unwrap_or_default(),
            name: described.stack_name.unwrap_or_default(),
            status: described.stack_status.unwrap_or_else(|| StackStatus::from("UNKNOWN")),
            reason: described.stack_status_reason.filter(|reason| !reason.is_empty()),
            outputs: outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect(),
            migration: tags.into_iter().find(|tag| tag.key() == Some(MIGRATION_TAG)).and_then(|tag| tag.value),
            description: described.description,
        }
    }

    /// Whose it is, from a migration's point of view.
    pub fn owner(&self, migration: &str) -> Owner {
        match &self.migration {
            Some(name) if name == migration => Owner::Us,
            Some(other) => Owner::OtherMigration(other.clone()),
            None if self.status == StackStatus::ReviewInProgress => Owner::Nobody,
            None if self.outputs.contains_key(Output::MigrationDigest.name()) => Owner::Us,
            // A first deployment that failed has no outputs.
            None if self.description.as_deref().is_some_and(|text| text.starts_with(DESCRIPTION)) => Owner::Us,
            None => Owner::Stranger,
        }
    }
}

/// Looks for a stack by its name, or by its ARN.
pub async fn find(client: &Client, name: &str) -> anyhow::Result<Option<Stack>> {
    described(client, name).await.map_err(|trouble| trouble.into_error(&format!("stack {name} can't be looked at")))
}

/// The same, for callers that go on after some kinds of trouble.
pub async fn described(client: &Client, name: &str) -> Result<Option<Stack>, Trouble> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next().map(Stack::new)),
        Err(error) => match Trouble::of(&error) {
            // What CloudFormation says of a stack that isn't there; a name that can't be one is refused before.
            Trouble::Refused { code, .. } if code == "ValidationError" => Ok(None),
            trouble => Err(trouble),
        },
    }
}

/// What a stack is made of.
pub async fn resources(client: &Client, stack: &str) -> anyhow::Result<Vec<StackResourceSummary>> {
    let mut pages = client.list_stack_resources().stack_name(stack).into_paginator().send();
    let mut resources = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| explain("the stack's resources can't be listed", error))?;
        resources.extend(page.stack_resource_summaries.unwrap_or_default());
    }
    Ok(resources)
}

/// What a stack that was deleted has left: type and name of each resource, for 90 days, by the stack's ARN.
pub async fn left_by(client: &Client, stack: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut pages = client.describe_stack_events().stack_name(stack).into_paginator().send();
    let mut left = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| explain("the events of a deleted stack can't be read", error))?;
        let events = page.stack_events.unwrap_or_default().into_iter();
        let kept = events.filter(|event| event.resource_status() == Some(&ResourceStatus::DeleteSkipped));
        left.extend(kept.filter_map(|event| Some((event.resource_type?, event.physical_resource_id?))));
    }
    Ok(left)
}

/// The ARNs of stacks of that name that have been deleted within the last 90 days, latest first.
pub async fn deleted(client: &Client, name: &str) -> anyhow::Result<Vec<String>> {
    let mut pages = client.list_stacks().stack_status_filter(StackStatus::DeleteComplete).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| explain("deleted stacks can't be listed", error))?;
        let stacks = page.stack_summaries.unwrap_or_default().into_iter();
        found.extend(stacks.filter(|stack| stack.stack_name() == Some(name)).filter_map(|stack| stack.stack_id));
    }
    Ok(found)
}

/// The template that the stack was deployed with, as it was handed in.
pub async fn template(client: &Client, stack: &str) -> anyhow::Result<Value> {
    let getting = client.get_template().stack_name(stack).template_stage(TemplateStage::Original).send().await;
    let got = getting.map_err(|error| explain("the stack's template can't be read", error))?;
    let body = got.template_body().unwrap_or_default();
    // Other tools may have deployed it as YAML, of which JSON is a part.
    serde_yaml::from_str(body).context("the stack's template is neither JSON nor YAML")
}

/// Begins to delete a stack. The token makes a second call for the same deletion the same deletion.
pub async fn delete(client: &Client, id: &str, token: &str) -> anyhow::Result<()> {
    let deleting = client.delete_stack().stack_name(id).client_request_token(token).send().await;
    deleting.map(drop).map_err(|error| explain("the stack can't be deleted", error))
}

/// Whether CloudFormation would take it for a stack's name.
pub fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '-')
}
