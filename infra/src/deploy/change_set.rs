//! Change sets: what a deployment would change, known before anything is. Each has a name of its own and each call a
//! token, so that an answer that is lost does nothing twice.

use std::time::Duration;

use anyhow::bail;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{
    Capability, Change, ChangeSetStatus, ChangeSetType, ExecutionStatus, ResourceChange, StackStatus, Tag,
    ValidationStatus,
};

use super::follow::Pace;
use super::stacks::{self, MIGRATION_TAG};
use super::trouble::{Trouble, explain};

/// For how long a change set that is still being made is asked to go.
const WITHDRAWAL: Duration = Duration::from_secs(30);

/// What the reason names of a change set that CloudFormation has checked and found wanting.
const EARLY_VALIDATION: &str = "AWS::EarlyValidation";

/// A change set to be made.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    /// The stack's name.
    pub stack: &'r str,
    /// The migration's name: the stack's tag.
    pub migration: &'r str,
    /// Whether the stack is there already.
    pub kind: ChangeSetType,
    /// Where the template is.
    pub template: &'r str,
    /// The change set's name, which nobody has used before.
    pub name: &'r str,
}

/// A change set that CloudFormation knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// The ARN of its stack.
    pub stack: String,
}

/// What CloudFormation makes of a change set.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is not known yet.
    Pending,
    /// It can be executed, and would do this.
    Ready,
    /// There is nothing to change.
    NoChanges,
    /// It can't be executed.
    Failed(String),
}

/// Asks for a change set.
pub async fn create(client: &Client, request: &Request<'_>) -> anyhow::Result<ChangeSet> {
    let tag = Tag::builder().key(MIGRATION_TAG).value(request.migration).build();
    let answer = client
        .create_change_set()
        .stack_name(request.stack)
        .change_set_name(request.name)
        .change_set_type(request.kind.clone())
        .template_url(request.template)
        .capabilities(Capability::CapabilityIam)
        .tags(tag)
        .client_token(request.name)
        .description("infra deploy")
        .send()
        .await
        .map_err(|error| explain("CloudFormation refuses the template", error))?;
    match (answer.id, answer.stack_id) {
        (Some(id), Some(stack)) => Ok(ChangeSet { id, stack }),
        _ => bail!("CloudFormation doesn't name the change set that it has made"),
    }
}

/// Waits until it is known what the change set would do.
pub async fn wait(client: &Client, set: &ChangeSet) -> anyhow::Result<(Verdict, Vec<ResourceChange>)> {
    let mut pace = Pace::new();
    loop {
        let described = describe(client, set, None).await?;
        match verdict(&described) {
            Verdict::Pending => pace.pause().await,
            Verdict::Ready => return Ok((Verdict::Ready, changes(client, set, described).await?)),
            Verdict::Failed(reason) if reason.contains(EARLY_VALIDATION) => {
                let findings = findings(client, set).await?;
                return Ok((Verdict::Failed(format!("{reason}{findings}")), Vec::new()));
            }
            Verdict::NoChanges => return Ok((Verdict::NoChanges, Vec::new())),
            Verdict::Failed(reason) => return Ok((Verdict::Failed(reason), Vec::new())),
        }
    }
}

/// What CloudFormation has found wrong before it has begun, a line each.
async fn findings(client: &Client, set: &ChangeSet) -> anyhow::Result<String> {
    let mut pages = client.describe_events().change_set_name(&set.id).into_paginator().send();
    let mut findings = String::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| explain("what is wrong with the change set can't be read", error))?;
        for event in page.operation_events() {
            if event.validation_status() == Some(&ValidationStatus::Failed) {
                let reason = event.validation_status_reason().unwrap_or_default();
                let place = event.validation_path().unwrap_or_default();
                findings
                    .push_str(&format!("\n  {}: {reason} ({place})", event.logical_resource_id().unwrap_or_default()));
            }
        }
    }
    Ok(findings)
}

/// What its description means. That there is nothing to change is only said in the reason's text, which comes in these
/// two forms.
pub fn verdict(described: &DescribeChangeSetOutput) -> Verdict {
    let reason = described.status_reason().unwrap_or_default();
    match described.status() {
        Some(ChangeSetStatus::CreateComplete) if described.execution_status() == Some(&ExecutionStatus::Obsolete) => {
            Verdict::Failed("another deployment has overtaken it".into())
        }
        Some(ChangeSetStatus::CreateComplete) => Verdict::Ready,
        Some(ChangeSetStatus::Failed) => {
            let is_empty = described.changes().is_empty()
                && (reason.contains("didn't contain changes") || reason.contains("No updates are to be performed"));
            if is_empty { Verdict::NoChanges } else { Verdict::Failed(said(reason)) }
        }
        Some(
            ChangeSetStatus::DeleteComplete
            | ChangeSetStatus::DeleteFailed
            | ChangeSetStatus::DeleteInProgress
            | ChangeSetStatus::DeletePending,
        ) => Verdict::Failed("somebody has deleted it".into()),
        _ => Verdict::Pending,
    }
}

fn said(reason: &str) -> String {
    match reason.trim().trim_end_matches('.') {
        "" => "CloudFormation gives no reason".into(),
        reason => reason.into(),
    }
}

async fn describe(client: &Client, set: &ChangeSet, token: Option<String>) -> anyhow::Result<DescribeChangeSetOutput> {
    let describing = client.describe_change_set().change_set_name(&set.id).set_next_token(token).send().await;
    describing.map_err(|error| explain("the change set can't be looked at", error))
}

/// All pages of them.
async fn changes(
    client: &Client,
    set: &ChangeSet,
    first: DescribeChangeSetOutput,
) -> anyhow::Result<Vec<ResourceChange>> {
    let mut changes = first.changes.unwrap_or_default();
    let mut token = first.next_token;
    while token.is_some() {
        let page = describe(client, set, token).await?;
        changes.extend(page.changes.unwrap_or_default());
        token = page.next_token;
    }
    Ok(changes.into_iter().filter_map(|Change { resource_change, .. }| resource_change).collect())
}

/// Begins to change the stack.
pub async fn execute(client: &Client, set: &ChangeSet, token: &str) -> anyhow::Result<()> {
    let executing = client
        .execute_change_set()
        .change_set_name(&set.id)
        .client_request_token(token)
        // Of a deployment that is taken back nothing stays, not even what outlives the stack later on.
        .retain_except_on_create(true)
        .send()
        .await;
    executing.map(drop).map_err(|error| explain("the change set can't be carried out", error))
}

/// Takes a change set back that nobody wants, by name: it may be one whose creation has no answer yet. `is_new` tells
/// that its stack was made for it, which then goes too.
pub async fn withdraw(client: &Client, stack: &str, name: &str, is_new: bool) -> anyhow::Result<()> {
    let mut pace = Pace::new();
    let begun = tokio::time::Instant::now();
    loop {
        let deleting = client.delete_change_set().stack_name(stack).change_set_name(name).send().await;
        match deleting.map_err(|error| Trouble::of(&error)) {
            Ok(_) => break,
            // While it is being made it can't be deleted.
            Err(trouble) if is_unfinished(&trouble) && begun.elapsed() < WITHDRAWAL => pace.pause().await,
            // Neither the stack nor the change set has come to be.
            Err(trouble) if matches!(trouble.code(), Some("ValidationError" | "ChangeSetNotFound")) => break,
            Err(trouble) => return Err(trouble.into_error(&format!("change set {name} can't be deleted"))),
        }
    }
    if is_new
        && let Some(found) = stacks::find(client, stack).await?
        // Somebody else may have made it theirs meanwhile.
        && found.status == StackStatus::ReviewInProgress
    {
        stacks::delete(client, &found.id, name).await?;
    }
    Ok(())
}

fn is_unfinished(trouble: &Trouble) -> bool {
    trouble.code() == Some("InvalidChangeSetStatus")
}
