//! A Lambda function for each task, with a role of its own.

use indexmap::IndexMap;
use migration::Task;
use migration::definition::Definition;
use migration::deployment::{LEDGER_TABLE_VARIABLE, MIGRATION_DIGEST_VARIABLE, STACK_VARIABLE};

use super::copy::Copy;
use super::permissions::copies::Places;
use super::storage::Storage;
use super::{Source, permissions};
use crate::assets::{self, Assets};
use crate::cfn::iam::{InlinePolicy, LogStreamAction, PolicyDocument, Role, Service, Statement, UnscopedAction};
use crate::cfn::lambda::{
    Architecture, Code, Environment, Function, LogFormat, LogLevel, LoggingConfig, Runtime, SystemLogLevel,
    TracingConfig, TracingMode,
};
use crate::cfn::logs::{LogGroup, Retention};
use crate::cfn::{Expr, Handle, Template, TemplateError, pseudo};

/// One function of each task.
pub(super) struct Functions(Vec<(Task, Handle<Function>)>);

impl Functions {
    /// All of them, in the tasks' order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Task, &Handle<Function>)> {
        self.0.iter().map(|(task, function)| (*task, function))
    }

    /// Those that the state machine calls.
    pub(super) fn of_document(&self) -> impl Iterator<Item = (Task, &Handle<Function>)> {
        self.iter().filter(|(task, _)| !CALLED_BY_MAPPINGS.contains(task))
    }

    /// The function of one task. [`add`] makes one for each.
    pub(super) fn of(&self, task: Task) -> &Handle<Function> {
        let (_, function) = self.0.iter().find(|(candidate, _)| *candidate == task).expect("every task has a function");
        function
    }
}

/// What the functions are made from.
pub(super) struct Setting<'s> {
    pub(super) definition: &'s Definition,
    pub(super) assets: &'s Assets,
    pub(super) source: &'s Source,
    pub(super) storage: &'s Storage,
    /// What the stack of a copy has besides.
    pub(super) copy: Option<&'s Copy<'s>>,
}

/// The time of a function of [`Task::ApplyChanges`], in seconds, which its queue has to know.
pub(super) fn replay_seconds() -> u32 {
    size(Task::ApplyChanges).seconds
}

pub(super) fn add(template: &mut Template, setting: &Setting) -> Result<Functions, TemplateError> {
    // One for all: a run is read as a whole, and each line names its function.
    let retention = Some(Retention::Month);
    let logs = template.add("FunctionLogs", LogGroup { retention_in_days: retention, ..LogGroup::default() })?;
    let mut functions = Functions(Vec::new());
    // Those that mappings call come first: others have to name them.
    let (called, others): (Vec<_>, Vec<_>) =
        Task::of(setting.definition).iter().partition(|task| CALLED_BY_MAPPINGS.contains(task));
    for task in called.into_iter().chain(others) {
        let role = template.add(format!("{task}FunctionRole"), setting.role(task, &functions, &logs))?;
        let function = setting.function(task, &functions, &role, &logs);
        functions.0.push((task, template.add(format!("{task}Function"), function)?));
    }
    Ok(functions)
}

/// The functions that mappings call.
const CALLED_BY_MAPPINGS: [Task; 2] = [Task::CaptureChanges, Task::ApplyChanges];

impl Functions {
    /// The two that mappings call, for a task that may have to name them: they themselves are not there yet.
    fn called(&self) -> Option<[&Handle<Function>; 2]> {
        let find = |task| Some(&self.0.iter().find(|(candidate, _)| *candidate == task)?.1);
        let [capture, replay] = CALLED_BY_MAPPINGS.map(find);
        Some([capture?, replay?])
    }
}

impl Setting<'_> {
    fn role(&self, task: Task, functions: &Functions, logs: &Handle<LogGroup>) -> Role {
        let mut statements = match self.copy {
            None => permissions::of(task, self.definition, &self.source.arn, &self.storage.ledger.arn()),
            Some(copy) => {
                let called = functions.called().map(|called| called.map(Handle::arn));
                let (ledger, results) = (self.storage.ledger.arn(), self.storage.results.arn());
                let places = Places { copy, source: self.source.arn.clone(), ledger, results, called };
                permissions::copies::of(task, self.definition, &places)
            }
        };
        statements
            .push(Statement::allow([LogStreamAction::CreateLogStream, LogStreamAction::PutLogEvents]).on(logs.arn()));
        statements.push(tracing());
        let policy = InlinePolicy { policy_name: task.name().into(), policy_document: PolicyDocument::new(statements) };
        Role {
            description: Some(format!("What {task} of the migration {} may do", self.definition.migration)),
            policies: Some(vec![policy]),
            // Lambda names no account when it takes a role, so there is none to ask for.
            ..Role::new(PolicyDocument::trust(Service::Lambda))
        }
    }
}

/// What Lambda needs to write traces.
fn tracing() -> Statement {
    Statement::allow_unscoped([UnscopedAction::PutTraceSegments, UnscopedAction::PutTelemetryRecords])
}

impl Setting<'_> {
    fn function(&self, task: Task, functions: &Functions, role: &Handle<Role>, logs: &Handle<LogGroup>) -> Function {
        let Self { definition, assets, storage, copy, .. } = self;
        let code = Code { s3_bucket: Expr::named_by(assets.bucket.name()), s3_key: assets.key(task) };
        let mut variables = IndexMap::from([
            (LEDGER_TABLE_VARIABLE, storage.ledger.name().into_text()),
            (STACK_VARIABLE, pseudo::stack_name()),
        ]);
        if task == Task::Prepare {
            variables.insert(MIGRATION_DIGEST_VARIABLE, definition.digest().into());
        }
        if let Some(copy) = copy {
            variables.extend(copy.variables(storage, functions.called()));
        }
        let Size { memory_mb, seconds } = size(task);
        Function {
            architectures: Some([match assets.architecture {
                assets::Architecture::Arm64 => Architecture::Arm64,
                assets::Architecture::X86_64 => Architecture::X86_64,
            }]),
            description: Some(format!("Segue, {}: {}", definition.migration, purpose(task))),
            environment: Some(Environment { variables }),
            // Amazon Linux runs the one program of the zip file; Lambda wants a name all the same.
            handler: Some("bootstrap".into()),
            logging_config: Some(LoggingConfig {
                application_log_level: Some(LogLevel::Info),
                log_format: Some(LogFormat::Json),
                log_group: Some(logs.name()),
                // Starts and ends of ten thousand calls are no news.
                system_log_level: Some(SystemLogLevel::Warn),
            }),
            memory_size: Some(memory_mb),
            runtime: Some(Runtime::ProvidedAl2023),
            timeout: Some(seconds),
            tracing_config: Some(TracingConfig { mode: TracingMode::Active }),
            ..Function::new(code, role.arn())
        }
    }
}

struct Size {
    memory_mb: u32,
    seconds: u32,
}

fn size(task: Task) -> Size {
    match task {
        // 1,769 MB are one whole CPU (Lambda developer guide, "Configuring function memory"), which a page's transform
        // and the encryption of its writes fill. Lambda's longest time: a worker goes on until 60 s before its end.
        Task::MigrateSegment => Size { memory_mb: 1769, seconds: 900 },
        // Waits for answers: a plan, a description and a page of the ledger are all that it holds. Its requests are tried
        // again for about 40 s each.
        Task::Prepare
        | Task::StartBackup
        | Task::CheckBackup
        | Task::Prewarm
        | Task::CheckPrewarm
        | Task::Restore
        | Task::Summarise
        | Task::MakeTarget
        | Task::StartCapture
        | Task::Export
        | Task::EndBulk
        | Task::StartReplay
        | Task::CheckSync => Size { memory_mb: 256, seconds: 300 },
        // A batch of the stream is up to 6 MB, which become 100 requests to the queue.
        Task::CaptureChanges => Size { memory_mb: 512, seconds: 120 },
        // Ten changes, each tried again for about 40 s. The longer it takes, the longer a change that fails is out of sight.
        Task::ApplyChanges => Size { memory_mb: 512, seconds: 60 },
    }
}

fn purpose(task: Task) -> &'static str {
    match task {
        Task::Prepare => "checks the table, and writes the plan to the ledger",
        Task::StartBackup => "begins a backup of the table",
        Task::CheckBackup => "asks whether the backup is available",
        Task::Prewarm => "writes down the table's capacity, and raises it",
        Task::CheckPrewarm => "asks whether the table is active again",
        Task::MigrateSegment => "reads segments of the table, and writes what the migration wants",
        Task::Restore => "puts the table's capacity back",
        Task::Summarise => "adds up what the segments did, and gives the verdict",
        Task::MakeTarget => "creates the target from the source's definition",
        Task::StartCapture => "lets the source's stream call CaptureChanges",
        Task::CaptureChanges => "takes changes from the stream to the queue",
        Task::Export => "begins an export of the table, and asks whether it is there",
        Task::EndBulk => "waits until no worker of the bulk can be alive",
        Task::StartReplay => "lets the queue call ApplyChanges",
        Task::ApplyChanges => "takes changes from the queue to the target",
        Task::CheckSync => "asks whether the target has come up with the source",
    }
}
