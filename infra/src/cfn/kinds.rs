//! What must not compile, as documentation tests: each stands below a twin that does, and differs from it in one
//! expression, so that it fails for the reason that it is about.

/// A function's role is a role.
/// ```
/// use infra::cfn::{ArnOf, Expr, iam::Role, lambda::{Code, Function}};
/// fn function(code: Code, role: Expr<ArnOf<Role>>) -> Function { Function::new(code, role) }
/// ```
/// A table is none, although both have ARNs:
/// ```compile_fail,E0308
/// use infra::cfn::{ArnOf, Expr, dynamodb::Table, lambda::{Code, Function}};
/// fn function(code: Code, role: Expr<ArnOf<Table>>) -> Function { Function::new(code, role) }
/// ```
/// Nor is a queue:
/// ```compile_fail,E0308
/// use infra::cfn::{ArnOf, Expr, lambda::{Code, Function}, sqs::Queue};
/// fn function(code: Code, role: Expr<ArnOf<Queue>>) -> Function { Function::new(code, role) }
/// ```
/// A role's name is not its ARN:
/// ```compile_fail,E0308
/// use infra::cfn::{Expr, NameOf, iam::Role, lambda::{Code, Function}};
/// fn function(code: Code, role: Expr<NameOf<Role>>) -> Function { Function::new(code, role) }
/// ```
/// Nor is any text:
/// ```compile_fail,E0308
/// use infra::cfn::{Expr, Text, lambda::{Code, Function}};
/// fn function(code: Code, role: Expr<Text>) -> Function { Function::new(code, role) }
/// ```
struct AnArnIsOfItsKind;

/// A queue has an ARN, and a table has a stream.
/// ```
/// use infra::cfn::{ArnOf, Expr, Handle, dynamodb::{Stream, Table}, sqs::Queue};
/// fn arn(queue: &Handle<Queue>) -> Expr<ArnOf<Queue>> { queue.arn() }
/// fn stream(table: &Handle<Table>) -> Expr<ArnOf<Stream>> { table.stream_arn() }
/// ```
/// A queue has no stream:
/// ```compile_fail,E0599
/// use infra::cfn::{ArnOf, Expr, Handle, dynamodb::Stream, sqs::Queue};
/// fn stream(queue: &Handle<Queue>) -> Expr<ArnOf<Stream>> { queue.stream_arn() }
/// ```
/// A policy has no ARN:
/// ```compile_fail,E0277
/// use infra::cfn::{ArnOf, Expr, Handle, iam::Policy};
/// fn arn(policy: &Handle<Policy>) -> Expr<ArnOf<Policy>> { policy.arn() }
/// ```
/// What `Ref` returns for a queue is its URL:
/// ```compile_fail,E0308
/// use infra::cfn::{ArnOf, Expr, Handle, sqs::Queue};
/// fn arn(queue: &Handle<Queue>) -> Expr<ArnOf<Queue>> { queue.reference() }
/// ```
struct AnAttributeIsOfItsType;

/// An action on a table is allowed on a table, or on something made of its ARN.
/// ```
/// use infra::cfn::{ArnOf, Expr, dynamodb::Table, iam::{BackupAction, Statement, TableAction}};
/// fn read(table: Expr<ArnOf<Table>>) -> Statement { Statement::allow([TableAction::GetItem]).on(table) }
/// fn index(table: Expr<ArnOf<Table>>) -> Statement { Statement::allow([TableAction::Query]).on(table.indexes()) }
/// fn ask(table: Expr<ArnOf<Table>>) -> Statement { Statement::allow([BackupAction::DescribeBackup]).on(table.backups()) }
/// ```
/// Not on a bucket:
/// ```compile_fail,E0277
/// use infra::cfn::{ArnOf, Expr, iam::{Statement, TableAction}, s3::Bucket};
/// fn read(bucket: Expr<ArnOf<Bucket>>) -> Statement { Statement::allow([TableAction::GetItem]).on(bucket) }
/// ```
/// Nor one on a backup on its table:
/// ```compile_fail,E0308
/// use infra::cfn::{ArnOf, Expr, dynamodb::Table, iam::{BackupAction, Statement}};
/// fn ask(table: Expr<ArnOf<Table>>) -> Statement { Statement::allow([BackupAction::DescribeBackup]).on(table) }
/// ```
struct AnActionIsOfItsResource;

/// Actions that know no ARNs are allowed as such, and others on something.
/// ```
/// use infra::cfn::iam::{PolicyDocument, Statement, UnscopedAction};
/// let _document = PolicyDocument::new([Statement::allow_unscoped([UnscopedAction::PutTraceSegments])]);
/// ```
/// `*` is not for those that know ARNs:
/// ```compile_fail,E0271
/// use infra::cfn::iam::{PolicyDocument, Statement, TableAction};
/// let _document = PolicyDocument::new([Statement::allow_unscoped([TableAction::GetItem])]);
/// ```
/// And a resource that is forgotten is no statement:
/// ```compile_fail,E0271
/// use infra::cfn::iam::{PolicyDocument, Statement, TableAction};
/// let _document = PolicyDocument::new([Statement::allow([TableAction::GetItem])]);
/// ```
struct AStarIsAskedFor;
