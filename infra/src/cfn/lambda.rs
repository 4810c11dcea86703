//! Lambda functions, who may call them, and what calls them.

use indexmap::IndexMap;
use serde::Serialize;

use super::dynamodb::Stream;
use super::events::Rule;
use super::expr::{ArnOf, Expr, IdOf, NameOf, Text, pseudo};
use super::iam::{Role, Service};
use super::logs::LogGroup;
use super::s3::Bucket;
use super::sqs::Queue;
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::Lambda::Function`.
    Function {
        /// Where its code is.
        code: Code,
        /// What it may do.
        role: Expr<ArnOf<Role>>,
    } {
        /// The processor; Lambda takes a list of one.
        architectures: [Architecture; 1],
        /// What it is for.
        description: String,
        /// Variables that it finds.
        environment: Environment,
        /// The name; CloudFormation makes one up.
        function_name: String,
        /// What is called in it.
        handler: String,
        /// Where and how it logs.
        logging_config: LoggingConfig,
        /// Memory in MB, 128 to 10,240. CPU comes with it: 1,769 MB are one.
        memory_size: u32,
        /// How many of it may run at once. 0 stops it.
        reserved_concurrent_executions: u32,
        /// What it runs on.
        runtime: Runtime,
        /// Seconds until it is ended, up to 900.
        timeout: u32,
        /// Whether calls are traced.
        tracing_config: TracingConfig,
    }
}

impl Resource for Function {
    const TYPE: &'static str = "AWS::Lambda::Function";
    type Ref = NameOf<Self>;
}

impl HasArn for Function {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("Arn")
    }
}

impl HasName for Function {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.reference()
    }
}

/// A zip file in a bucket.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Code {
    /// The bucket.
    pub s3_bucket: Expr<NameOf<Bucket>>,
    /// The zip file's key.
    pub s3_key: String,
}

/// Variables of a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Environment {
    /// By their names.
    pub variables: IndexMap<&'static str, Expr<Text>>,
}

values! {
    /// The processor.
    Architecture {
        /// AWS Graviton.
        Arm64 = "arm64",
        /// Intel and AMD.
        X86_64 = "x86_64",
    }
}

values! {
    /// What a function runs on.
    Runtime {
        /// Amazon Linux 2023, and a program that is named `bootstrap`.
        ProvidedAl2023 = "provided.al2023",
    }
}

properties! {
    /// Where and how a function logs.
    LoggingConfig {
        /// The least level of the function's own lines; needs JSON.
        application_log_level: LogLevel,
        /// How a line looks.
        log_format: LogFormat,
        /// The log group, in place of `/aws/lambda/NAME`.
        log_group: Expr<NameOf<LogGroup>>,
        /// The least level of Lambda's lines; needs JSON.
        system_log_level: SystemLogLevel,
    }
}

values! {
    /// Levels of a function's own lines.
    LogLevel {
        /// Everything.
        Trace = "TRACE",
        /// For who writes the function.
        Debug = "DEBUG",
        /// What goes on.
        Info = "INFO",
        /// What is odd.
        Warn = "WARN",
        /// What failed.
        Error = "ERROR",
        /// What ended it.
        Fatal = "FATAL",
    }
}

values! {
    /// Levels of Lambda's lines.
    SystemLogLevel {
        /// Everything.
        Debug = "DEBUG",
        /// Starts and ends of calls.
        Info = "INFO",
        /// Failures.
        Warn = "WARN",
    }
}

values! {
    /// How a line looks.
    LogFormat {
        /// An object.
        Json = "JSON",
        /// As the function writes it.
        Text = "Text",
    }
}

/// Whether calls are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TracingConfig {
    /// When.
    pub mode: TracingMode,
}

values! {
    /// When a call is traced.
    TracingMode {
        /// By Lambda's own sample, or when the caller traces.
        Active = "Active",
        /// When the caller traces.
        PassThrough = "PassThrough",
    }
}

properties! {
    /// `AWS::Lambda::Permission`: a service may call a function.
    Permission {
        /// What it may do.
        action: PermittedAction,
        /// The function.
        function_name: Expr<ArnOf<Function>>,
        /// The service.
        principal: Service,
    } {
        /// On behalf of which account.
        source_account: Expr<Text>,
        /// On behalf of what.
        source_arn: Expr<ArnOf<Rule>>,
    }
}

impl Resource for Permission {
    const TYPE: &'static str = "AWS::Lambda::Permission";
    type Ref = IdOf<Self>;
}

values! {
    /// What a service may do with a function.
    PermittedAction {
        /// Call it.
        InvokeFunction = "lambda:InvokeFunction",
    }
}

properties! {
    /// `AWS::Lambda::EventSourceMapping`: what arrives in a stream or a queue calls a function.
    EventSourceMapping {
        /// The function.
        function_name: Expr<ArnOf<Function>>,
        /// The stream or queue.
        #[serde(flatten)]
        source: EventSource,
    } {
        /// Records in a call: up to 10,000; up to 10 from a FIFO queue.
        batch_size: u32,
        /// Whether it is at work.
        enabled: bool,
        /// Which records are passed on.
        filter_criteria: FilterCriteria,
        /// What the function answers with.
        function_response_types: [FunctionResponseType; 1],
        /// Seconds to wait for a batch to fill, up to 300; none from a FIFO queue.
        maximum_batching_window_in_seconds: u32,
        /// Which metrics it writes.
        metrics_config: MetricsConfig,
    }
}

/// What calls a function, with what is said of such a source only.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EventSource {
    /// A table's stream.
    Stream(StreamSource),
    /// A queue.
    Queue(QueueSource),
}

properties! {
    /// A table's stream that calls a function.
    StreamSource {
        /// The stream.
        event_source_arn: Expr<ArnOf<Stream>>,
        /// Where in it to begin.
        starting_position: StartingPosition,
    } {
        /// Whether a batch that failed is tried again in halves.
        bisect_batch_on_function_error: bool,
        /// Where records go that are given up.
        destination_config: DestinationConfig,
        /// Seconds after which a record is given up, 60 to 604,800; -1 is never.
        maximum_record_age_in_seconds: i32,
        /// How often a batch is tried again, up to 10,000; -1 is without end.
        maximum_retry_attempts: i32,
        /// Batches of a shard at a time, up to 10.
        parallelization_factor: u32,
    }
}

properties! {
    /// A queue that calls a function.
    QueueSource {
        /// The queue.
        event_source_arn: Expr<ArnOf<Queue>>,
    } {
        /// How many calls there may be at once.
        scaling_config: ScalingConfig,
    }
}

impl Resource for EventSourceMapping {
    const TYPE: &'static str = "AWS::Lambda::EventSourceMapping";
    type Ref = IdOf<Self>;
}

/// All event source mappings of this account and region: Lambda makes up their ids. A condition on [`FUNCTION_KEY`] says whose.
pub fn event_source_mappings() -> Expr<ArnOf<EventSourceMapping>> {
    pseudo::arn("lambda", ["event-source-mapping:*".into()])
}

/// The key of a request that says which function a mapping calls (Service Authorization Reference, "AWS Lambda").
pub const FUNCTION_KEY: &str = "lambda:FunctionArn";

impl HasArn for EventSourceMapping {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("EventSourceMappingArn")
    }
}

values! {
    /// Where in a stream a mapping begins.
    StartingPosition {
        /// At the oldest record.
        TrimHorizon = "TRIM_HORIZON",
        /// At what comes next.
        Latest = "LATEST",
    }
}

values! {
    /// What a function answers with.
    FunctionResponseType {
        /// The records of the batch that failed.
        ReportBatchItemFailures = "ReportBatchItemFailures",
    }
}

/// Where records go that are given up.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DestinationConfig {
    /// After they failed.
    pub on_failure: OnFailure,
}

/// Where records go that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnFailure {
    /// A standard queue.
    pub destination: Expr<ArnOf<Queue>>,
}

/// Which records are passed on: those that one of the filters takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FilterCriteria {
    /// The filters.
    pub filters: Vec<Filter>,
}

/// A filter of records.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    /// A pattern as EventBridge has them, as JSON text.
    pub pattern: String,
}

/// Which metrics a mapping writes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricsConfig {
    /// The groups of metrics.
    pub metrics: Vec<MappingMetrics>,
}

values! {
    /// A group of metrics.
    MappingMetrics {
        /// How many records were polled, filtered, invoked and failed.
        EventCount = "EventCount",
    }
}

/// How many calls of a queue there may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScalingConfig {
    /// 2 to 1,000.
    pub maximum_concurrency: u32,
}
