//! What the stack of a copy has besides: the queue between capture and replay, with its dead letters, and how the target is
//! reached. Mappings aren't part of it: a run makes and switches them, when it is their turn (R13, R14).

use indexmap::IndexMap;
use migration::Task;
use migration::definition::{Definition, TableName, Target};
use migration::deployment::{
    CAPTURE_FUNCTION_VARIABLE, CopyOutput, DEAD_LETTERS_URL_VARIABLE, EXPORT_BUCKET_VARIABLE, QUEUE_ARN_VARIABLE,
    QUEUE_URL_VARIABLE, REPLAY_FUNCTION_VARIABLE, TARGET_REGION_VARIABLE, TARGET_ROLE_VARIABLE,
};

use super::functions::Functions;
use super::storage::Storage;
use crate::cfn::dynamodb::{self, Table};
use crate::cfn::iam::{self, Role};
use crate::cfn::lambda::Function;
use crate::cfn::sqs::{DeduplicationScope, FifoThroughputLimit, Queue, RedrivePolicy};
use crate::cfn::{ArnOf, Expr, Handle, Options, Template, TemplateError, Text, pseudo};

/// The longest that SQS keeps a message (SQS quotas): a change that nobody applies in that time is lost.
const DAYS_14_SECONDS: u32 = 14 * 24 * 3_600;
/// How often a change is tried before it is put aside: what Lambda's guide asks for at least, as a function that is turned away
/// counts as a try. Throttling and faults are waited for within one. With the times below that is half an hour.
const RECEIVES: u32 = 5;
/// A message stays out of sight for six times as long as its function may take (Lambda developer guide, "Using Lambda with
/// Amazon SQS").
const VISIBILITY_FACTOR: u32 = 6;

/// What a copy's stack has besides.
pub(super) struct Copy<'d> {
    pub(super) changes: Handle<Queue>,
    pub(super) dead_letters: Handle<Queue>,
    pub(super) target: Reached,
    definition: &'d Target,
}

/// How the target is reached.
pub(super) enum Reached {
    /// As a table of the same account.
    Table(Expr<ArnOf<Table>>),
    /// By a role of the account that it stands in: what may be done there is that role's.
    By(Expr<ArnOf<Role>>),
}

/// Adds the queues; nothing where the migration changes its table in place.
pub(super) fn add<'d>(
    template: &mut Template,
    definition: &'d Definition,
    replay_seconds: u32,
) -> Result<Option<Copy<'d>>, TemplateError> {
    let Some(target) = &definition.target else { return Ok(None) };
    // Both stay when the stack goes: what nobody has applied is in no other place once the stream has forgotten it.
    let dead_letters = template.add_with("DeadLetters", fifo(replay_seconds), Options::retain())?;
    let redrive = RedrivePolicy { dead_letter_target_arn: dead_letters.arn(), max_receive_count: RECEIVES };
    let changes = Queue { redrive_policy: Some(redrive), ..fifo(replay_seconds) };
    let changes = template.add_with("Changes", changes, Options::retain())?;
    let name = || Expr::named(target.table.as_str());
    let reached = match (&target.role, &target.region) {
        (Some(role), _) => Reached::By(iam::role_arn(role)),
        (None, Some(region)) => Reached::Table(dynamodb::table_arn_in(region, name())),
        (None, None) => Reached::Table(dynamodb::table_arn(name())),
    };
    Ok(Some(Copy { changes, dead_letters, target: reached, definition: target }))
}

/// High throughput, by groups: an item's changes stay in order, those of others don't wait for them (R14).
fn fifo(replay_seconds: u32) -> Queue {
    Queue {
        // Two equal changes within a second are two: their ids are those of the stream's events.
        content_based_deduplication: Some(false),
        deduplication_scope: Some(DeduplicationScope::MessageGroup),
        fifo_queue: Some(true),
        fifo_throughput_limit: Some(FifoThroughputLimit::PerMessageGroupId),
        message_retention_period: Some(DAYS_14_SECONDS),
        sqs_managed_sse_enabled: Some(true),
        visibility_timeout: Some(VISIBILITY_FACTOR * replay_seconds),
        ..Queue::default()
    }
}

impl Copy<'_> {
    /// The target, where its metrics can be seen: CloudWatch keeps them in the table's own region and account, and an alarm sees
    /// those of its own alone.
    pub(super) fn near(&self) -> Option<&TableName> {
        (!self.definition.is_elsewhere()).then_some(&self.definition.table)
    }

    /// The variables of a task's function. `others` are the functions that mappings call, which it may have to name.
    pub(super) fn variables(
        &self,
        storage: &Storage,
        others: Option<[&Handle<Function>; 2]>,
    ) -> IndexMap<&'static str, Expr<Text>> {
        let mut variables = IndexMap::from([
            (QUEUE_URL_VARIABLE, self.changes.reference().into_text()),
            (QUEUE_ARN_VARIABLE, self.changes.arn().into_text()),
            (DEAD_LETTERS_URL_VARIABLE, self.dead_letters.reference().into_text()),
            (EXPORT_BUCKET_VARIABLE, storage.results.name().into_text()),
        ]);
        if let Some([capture, replay]) = others {
            variables.insert(CAPTURE_FUNCTION_VARIABLE, capture.arn().into_text());
            variables.insert(REPLAY_FUNCTION_VARIABLE, replay.arn().into_text());
        }
        let elsewhere =
            [(TARGET_REGION_VARIABLE, &self.definition.region), (TARGET_ROLE_VARIABLE, &self.definition.role)];
        variables.extend(elsewhere.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?.into()))));
        variables
    }

    /// Says where the copy can be looked after.
    pub(super) fn outputs(&self, template: &mut Template, functions: &Functions) -> Result<(), TemplateError> {
        for output in CopyOutput::ALL {
            if let Some(value) = self.output(output, functions) {
                template.output(output.name(), described(output), value)?;
            }
        }
        Ok(())
    }

    /// What an output says; nothing where there is nothing to say.
    fn output(&self, output: CopyOutput, functions: &Functions) -> Option<Expr<Text>> {
        let Target { table, region, role, reverse, .. } = self.definition;
        Some(match output {
            CopyOutput::TargetTableName => table.as_str().into(),
            CopyOutput::TargetRegion => region.as_deref().map_or_else(pseudo::region, Expr::from),
            CopyOutput::TargetRole => role.as_deref()?.into(),
            CopyOutput::WayBack => reverse.as_ref().map(|_| "true".into())?,
            CopyOutput::QueueUrl => self.changes.reference().into_text(),
            CopyOutput::QueueArn => self.changes.arn().into_text(),
            CopyOutput::DeadLettersUrl => self.dead_letters.reference().into_text(),
            CopyOutput::CaptureFunctionArn => functions.of(Task::CaptureChanges).arn().into_text(),
            CopyOutput::ReplayFunctionArn => functions.of(Task::ApplyChanges).arn().into_text(),
        })
    }
}

fn described(output: CopyOutput) -> &'static str {
    match output {
        CopyOutput::TargetTableName => "The table that items are carried to",
        CopyOutput::TargetRegion => "The region that it stands in",
        CopyOutput::TargetRole => "The role by which it is reached",
        CopyOutput::WayBack => "Whether its changes may be led back after a cut-over",
        CopyOutput::QueueUrl => "The queue of changes",
        CopyOutput::QueueArn => "The same, as mappings name it",
        CopyOutput::DeadLettersUrl => "The queue of changes that could not be applied",
        CopyOutput::CaptureFunctionArn => "What the source's stream calls",
        CopyOutput::ReplayFunctionArn => "What the queue of changes calls",
    }
}
