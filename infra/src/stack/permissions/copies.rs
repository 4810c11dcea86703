//! What each task of a copy may do, where that isn't what it may do in place. The source is read, and nothing in it is changed
//! but its stream; changes that lead back after a cut-over are written to it only where the migration says how.

use migration::Task;
use migration::definition::Definition;

use crate::cfn::dynamodb::Table;
use crate::cfn::iam::{
    BucketAction, Condition, ExportAction, MappingAction, ObjectAction, QueueAction, RoleAction, Statement,
    StreamAction, TableAction, UnscopedAction,
};
use crate::cfn::lambda::{FUNCTION_KEY, Function, event_source_mappings};
use crate::cfn::s3::Bucket;
use crate::cfn::{ArnOf, Expr};
use crate::stack::copy::{Copy, Reached};

/// What the tasks of a copy work on.
pub(in crate::stack) struct Places<'p> {
    pub(in crate::stack) copy: &'p Copy<'p>,
    pub(in crate::stack) source: Expr<ArnOf<Table>>,
    pub(in crate::stack) ledger: Expr<ArnOf<Table>>,
    pub(in crate::stack) results: Expr<ArnOf<Bucket>>,
    /// The functions of capture and replay; `None` for their own roles.
    pub(in crate::stack) called: Option<[Expr<ArnOf<Function>>; 2]>,
}

/// The statements for a task of a copy.
pub(in crate::stack) fn of(task: Task, definition: &Definition, places: &Places) -> Vec<Statement> {
    let mut statements = match task {
        // They look at the source, and put its capacity back; a copy has nothing to do with that.
        Task::StartBackup | Task::CheckBackup | Task::Restore | Task::Summarise => {
            return super::of(task, definition, &places.source, &places.ledger);
        }
        Task::Prepare | Task::Prewarm | Task::CheckPrewarm => {
            super::of(task, definition, &places.source, &places.ledger)
        }
        _ => Vec::new(),
    };
    statements.extend(places.on_source(task));
    statements.extend(places.on_target(task));
    statements.extend(places.on_ledger(task));
    statements.extend(places.on_the_way(task));
    if definition.target.as_ref().is_some_and(|target| target.reverse.is_some()) {
        statements.extend(places.back(task));
    }
    statements
}

impl Places<'_> {
    fn on_source(&self, task: Task) -> Vec<Statement> {
        use TableAction::{
            BatchGetItem, DescribeContinuousBackups, DescribeTable, DescribeTimeToLive, ExportTableToPointInTime,
            GetItem, ListTagsOfResource, Scan, UpdateTable,
        };
        let on = |actions: &[TableAction]| Statement::allow(actions.iter().copied()).on(self.source.clone());
        match task {
            Task::Prepare => vec![on(&[DescribeContinuousBackups])],
            Task::MakeTarget => vec![
                on(&[DescribeTable, DescribeTimeToLive, DescribeContinuousBackups, ListTagsOfResource]),
                Statement::allow_unscoped([UnscopedAction::DescribeScalableTargets]),
            ],
            // `UpdateTable`: a stream that is off is switched on.
            Task::StartCapture => vec![on(&[DescribeTable, UpdateTable])],
            Task::CaptureChanges => vec![reads_stream(&self.source)],
            // `DescribeTable`: an export is asked for by the table's ARN.
            Task::Export => vec![
                on(&[DescribeTable, ExportTableToPointInTime]),
                Statement::allow([ExportAction::DescribeExport]).on(self.source.clone().exports()),
            ],
            // `GetItem`, `BatchGetItem`: items that are looked at again, and those that are verified from the target.
            Task::MigrateSegment => vec![on(&[Scan, GetItem, BatchGetItem])],
            Task::ApplyChanges => vec![on(&[GetItem])],
            _ => Vec::new(),
        }
    }

    fn on_target(&self, task: Task) -> Option<Statement> {
        use TableAction::{
            BatchGetItem, BatchWriteItem, CreateTable, DeleteItem, DescribeTable, DescribeTimeToLive, GetItem,
            PartiQlInsert, PutItem, Scan, TagResource, UpdateContinuousBackups,
        };
        let actions: &[TableAction] = match task {
            // `Scan`: whether anything is there.
            // `DescribeTimeToLive`: what has expired in the target isn't missing there.
            Task::Prepare => &[DescribeTable, DescribeTimeToLive, Scan],
            // The run's budget is worked out anew when the source is raised, for the writes by what the target has.
            Task::Prewarm | Task::CheckPrewarm => &[DescribeTable],
            Task::MakeTarget => &[CreateTable, DescribeTable, TagResource, UpdateContinuousBackups],
            // `DeleteItem`: what a verification repairs.
            Task::MigrateSegment => &[Scan, GetItem, BatchGetItem, PutItem, BatchWriteItem, PartiQlInsert, DeleteItem],
            Task::ApplyChanges => &[GetItem, PutItem, DeleteItem],
            _ => return None,
        };
        Some(match &self.copy.target {
            Reached::Table(table) => Statement::allow(actions.iter().copied()).on(table.clone()),
            Reached::By(role) => Statement::allow([RoleAction::AssumeRole]).on(role.clone()),
        })
    }

    fn on_ledger(&self, task: Task) -> Option<Statement> {
        use TableAction::{DeleteItem, GetItem, PutItem, Query, UpdateItem};
        let actions: &[TableAction] = match task {
            Task::MigrateSegment => &[GetItem, PutItem, UpdateItem, DeleteItem, Query],
            Task::ApplyChanges => &[GetItem, PutItem, DeleteItem],
            Task::CaptureChanges | Task::MakeTarget | Task::StartCapture | Task::StartReplay | Task::Export => {
                &[GetItem, PutItem]
            }
            Task::EndBulk | Task::CheckSync => &[GetItem, PutItem, Query],
            _ => return None,
        };
        Some(Statement::allow(actions.iter().copied()).on(self.ledger.clone()))
    }

    /// Queues, mappings, and the export's files.
    fn on_the_way(&self, task: Task) -> Vec<Statement> {
        use QueueAction::{ChangeMessageVisibility, DeleteMessage, GetQueueAttributes, ReceiveMessage, SendMessage};
        let Copy { changes, dead_letters, .. } = self.copy;
        let objects =
            |actions: &[ObjectAction]| Statement::allow(actions.iter().copied()).on(self.results.clone().objects());
        match task {
            Task::StartCapture => self.switches(0),
            Task::StartReplay => self.switches(1),
            Task::CaptureChanges => vec![Statement::allow([SendMessage]).on(changes.arn())],
            // Lambda itself takes the messages, by the function's role.
            Task::ApplyChanges => vec![
                Statement::allow([ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueAttributes])
                    .on(changes.arn()),
            ],
            Task::CheckSync => vec![
                Statement::allow([GetQueueAttributes]).on_each([changes.arn(), dead_letters.arn()]),
                Statement::allow([MappingAction::GetEventSourceMapping]).on(event_source_mappings()),
            ],
            // DynamoDB writes an export as whoever has asked for it (developer guide, "Requesting a table export").
            Task::Export => vec![
                objects(&[
                    ObjectAction::PutObject,
                    ObjectAction::PutObjectAcl,
                    ObjectAction::AbortMultipartUpload,
                    ObjectAction::GetObject,
                ]),
                self.lists_results(),
            ],
            // `SendMessage`: items that are to be brought up to date by replay.
            Task::MigrateSegment => vec![
                objects(&[ObjectAction::GetObject]),
                self.lists_results(),
                Statement::allow([SendMessage]).on(changes.arn()),
            ],
            _ => Vec::new(),
        }
    }

    /// Without it S3 answers for an object that isn't there that it may not be read (API reference, GetObject).
    fn lists_results(&self) -> Statement {
        Statement::allow([BucketAction::ListBucket]).on(self.results.clone())
    }

    /// Makes and switches the mappings that call one of the functions. A mapping's own ARN says nothing of it, and making one
    /// knows no ARN: a condition holds both to the function.
    fn switches(&self, which: usize) -> Vec<Statement> {
        use MappingAction::{GetEventSourceMapping, UpdateEventSourceMapping};
        let function = self.called.as_ref().map(|called| called[which].clone().into_text());
        let of_function = || Condition::ArnEquals(FUNCTION_KEY, function.clone().into_iter().collect());
        vec![
            Statement::allow_unscoped([UnscopedAction::CreateEventSourceMapping]).when(of_function()),
            Statement::allow_unscoped([UnscopedAction::ListEventSourceMappings]),
            Statement::allow([GetEventSourceMapping, UpdateEventSourceMapping])
                .on(event_source_mappings())
                .when(of_function()),
        ]
    }

    /// The way back after a cut-over: the target's changes to the source.
    fn back(&self, task: Task) -> Option<Statement> {
        use TableAction::{DeleteItem, DescribeTimeToLive, PutItem};
        match (task, &self.copy.target) {
            // What is compared on the way back is compared with the source.
            (Task::Prepare, _) => Some(Statement::allow([DescribeTimeToLive]).on(self.source.clone())),
            (Task::CaptureChanges, Reached::Table(target)) => Some(reads_stream(target)),
            (Task::ApplyChanges, _) => Some(Statement::allow([PutItem, DeleteItem]).on(self.source.clone())),
            _ => None,
        }
    }
}

/// What Lambda reads a stream with, by the role of the function that it calls (Lambda developer guide, "Using Lambda with
/// DynamoDB").
fn reads_stream(table: &Expr<ArnOf<Table>>) -> Statement {
    use StreamAction::{DescribeStream, GetRecords, GetShardIterator, ListStreams};
    Statement::allow([DescribeStream, GetRecords, GetShardIterator, ListStreams]).on(table.clone().streams())
}
