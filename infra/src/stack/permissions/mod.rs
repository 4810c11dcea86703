//! What each task may do, and nothing more. The table that the migration changes is named by its ARN; a task reaches
//! indexes through no request of its own, so none is named.

pub(super) mod copies;

use migration::Task;
use migration::definition::Definition;

use crate::cfn::autoscaling::{DIMENSION_KEY, NAMESPACE_KEY, scalable_targets};
use crate::cfn::dynamodb::Table;
use crate::cfn::iam::{BackupAction, Condition, ScalableTargetAction, Statement, TableAction, UnscopedAction};
use crate::cfn::{ArnOf, Expr};

/// The statements for a task's calls to DynamoDB in place, as `migration` makes them.
pub(super) fn of(
    task: Task,
    definition: &Definition,
    source: &Expr<ArnOf<Table>>,
    ledger: &Expr<ArnOf<Table>>,
) -> Vec<Statement> {
    use TableAction::{
        BatchGetItem, CreateBackup, DeleteItem, DescribeTable, GetItem, PartiQlDelete, PartiQlUpdate, PutItem, Query,
        Scan, UpdateItem, UpdateTable,
    };
    let on = |table: &Expr<ArnOf<Table>>, actions: &[TableAction]| {
        Statement::allow(actions.iter().copied()).on(table.clone())
    };
    match task {
        // A further attempt takes out how the one before has ended.
        Task::Prepare => {
            vec![on(source, &[DescribeTable]), on(ledger, &[GetItem, PutItem, UpdateItem, DeleteItem, Query])]
        }
        // Without `backup: true`, which a run can't change, the workflow never comes here: the role stays empty.
        Task::StartBackup if !definition.backup => Vec::new(),
        Task::StartBackup => vec![
            on(source, &[CreateBackup]),
            on(ledger, &[GetItem, PutItem]),
            Statement::allow([BackupAction::DescribeBackup]).on(source.clone().backups()),
        ],
        Task::CheckBackup if !definition.backup => Vec::new(),
        Task::CheckBackup => {
            vec![on(ledger, &[GetItem]), Statement::allow([BackupAction::DescribeBackup]).on(source.clone().backups())]
        }
        // `--prewarm` is a flag of each run, so these are there always.
        Task::Prewarm | Task::Restore => {
            // `UpdateItem`: what has been raised leaves the run a larger budget.
            let of_ledger: &[_] =
                if task == Task::Prewarm { &[GetItem, PutItem, UpdateItem] } else { &[GetItem, PutItem] };
            let mut statements = vec![on(source, &[DescribeTable, UpdateTable]), on(ledger, of_ledger)];
            statements.extend(scaling());
            statements
        }
        Task::CheckPrewarm => vec![on(source, &[DescribeTable]), on(ledger, &[GetItem, UpdateItem])],
        Task::MigrateSegment => {
            // `GetItem`: the item as it is now, where a failed condition didn't bring it.
            // `PartiQl…`: `--writes batched` is a flag of each run.
            // `BatchGetItem`: what a verification looks at again.
            let mut actions = vec![Scan, GetItem, BatchGetItem, UpdateItem, PartiQlUpdate];
            if definition.may_delete() {
                actions.extend([DeleteItem, PartiQlDelete]);
            }
            // `Query`, `DeleteItem`: failed items are counted, and taken out when they could be migrated in the end.
            vec![on(source, &actions), on(ledger, &[GetItem, PutItem, UpdateItem, DeleteItem, Query])]
        }
        Task::Summarise => vec![on(ledger, &[GetItem, PutItem, Query])],
        // Those of copies alone: see `copies`.
        Task::MakeTarget
        | Task::StartCapture
        | Task::CaptureChanges
        | Task::Export
        | Task::EndBulk
        | Task::StartReplay
        | Task::ApplyChanges
        | Task::CheckSync => Vec::new(),
    }
}

/// What a table's autoscaling is suspended and put back with. IAM can't name the table here: any table of the account in
/// this region is meant, and nothing but tables and their indexes.
fn scaling() -> [Statement; 2] {
    let dimensions = ["table:Read", "table:Write", "index:Read", "index:Write"];
    let dimensions = dimensions.map(|what| format!("dynamodb:{what}CapacityUnits").into());
    [
        Statement::allow_unscoped([UnscopedAction::DescribeScalableTargets]),
        Statement::allow([ScalableTargetAction::RegisterScalableTarget])
            .on(scalable_targets())
            .when(Condition::StringEquals(NAMESPACE_KEY, vec!["dynamodb".into()]))
            .when(Condition::StringEquals(DIMENSION_KEY, dimensions.into())),
    ]
}
