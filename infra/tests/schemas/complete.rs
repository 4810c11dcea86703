//! An instance of each resource type with every property, and one with those only that `new` asks for.
//!
//! Literals without `..`: a property that is added to a struct doesn't compile here until it is filled.

use indexmap::IndexMap;
use infra::cfn::cloudwatch::{
    Alarm, ComparisonOperator, Dashboard, Dimension, Figure, FormulaFigure, Metric, MetricDataQuery, MetricFigure,
    MetricStat, MissingData, Statistic,
};
use infra::cfn::dynamodb::{
    AttributeDefinition, AttributeType, BillingMode, KeyElement, KeyType, PointInTimeRecovery, ProvisionedThroughput,
    SseSpecification, StreamSpecification, StreamViewType, Table, TimeToLive,
};
use infra::cfn::events::{DeadLetterConfig, EventPattern, RetryPolicy, Rule, RuleState, Target, TargetArn};
use infra::cfn::iam::{InlinePolicy, Policy, PolicyDocument, Role, Service};
use infra::cfn::lambda::{
    Architecture, Code, DestinationConfig, Environment, EventSource, EventSourceMapping, Filter, FilterCriteria,
    Function, FunctionResponseType, LogFormat, LogLevel, LoggingConfig, MappingMetrics, MetricsConfig, OnFailure,
    Permission, PermittedAction, QueueSource, Runtime, ScalingConfig, StartingPosition, StreamSource, SystemLogLevel,
    TracingConfig, TracingMode,
};
use infra::cfn::logs::{LogGroup, LogGroupClass, Retention};
use infra::cfn::s3::{
    AbortIncompleteMultipartUpload, Bucket, BucketEncryption, BucketPolicy, DefaultEncryption, EncryptionRule,
    LifecycleConfiguration, LifecycleRule, ObjectOwnership, OwnershipControls, OwnershipRule, PublicAccessBlock,
    RuleStatus, SseAlgorithm, VersioningConfiguration, VersioningStatus,
};
use infra::cfn::sns::{SignatureVersion, Topic, TopicPolicy};
use infra::cfn::sqs::{DeduplicationScope, FifoThroughputLimit, Queue, RedrivePolicy};
use infra::cfn::states::{
    self, LogDestination, LogGroupDestination, LoggingConfiguration, StateMachine, StateMachineType,
    TracingConfiguration,
};
use infra::cfn::{Expr, Handle, Resource, Template, pseudo};
use serde_json::Value;

type Instance = (&'static str, Value);

fn instance<R: Resource>(resource: R) -> Instance {
    (R::TYPE, serde_json::to_value(resource).expect("a resource can be written"))
}

/// A handle of each type that others refer to.
struct Others {
    table: Handle<Table>,
    function: Handle<Function>,
    role: Handle<Role>,
    bucket: Handle<Bucket>,
    queue: Handle<Queue>,
    machine: Handle<StateMachine>,
    rule: Handle<Rule>,
    logs: Handle<LogGroup>,
    topic: Handle<Topic>,
}

fn others() -> Others {
    let mut template = Template::new("instances");
    let mut name = 0;
    let mut id = || {
        name += 1;
        format!("Resource{name}")
    };
    let role = template.add(id(), Role::new(trust())).expect("a name of its own");
    let machine = StateMachine::new(role.arn(), migration::workflow::in_place().expect("a valid document"));
    Others {
        table: template.add(id(), Table::new(key())).expect("a name of its own"),
        function: template.add(id(), Function::new(code(), role.arn())).expect("a name of its own"),
        bucket: template.add(id(), Bucket::default()).expect("a name of its own"),
        queue: template.add(id(), Queue::default()).expect("a name of its own"),
        machine: template.add(id(), machine).expect("a name of its own"),
        rule: template.add(id(), Rule::new(pattern())).expect("a name of its own"),
        logs: template.add(id(), LogGroup::default()).expect("a name of its own"),
        topic: template.add(id(), Topic::default()).expect("a name of its own"),
        role,
    }
}

fn trust() -> PolicyDocument {
    PolicyDocument::trust(Service::Lambda)
}

fn key() -> Vec<KeyElement> {
    vec![KeyElement { attribute_name: "id".into(), key_type: KeyType::Hash }]
}

fn code() -> Code {
    Code { s3_bucket: Expr::named("assets"), s3_key: "code.zip".into() }
}

fn pattern() -> EventPattern {
    let detail = IndexMap::from([("status", vec!["FAILED".into()])]);
    EventPattern { source: vec!["aws.states"], detail_type: vec!["status"], detail }
}

fn metric() -> Metric {
    let dimension = Dimension { name: "Stack", value: pseudo::stack_name() };
    Metric { namespace: "Segue", metric_name: "ItemsFailed", dimensions: vec![dimension] }
}

fn stream_source(others: &Others) -> StreamSource {
    StreamSource {
        event_source_arn: others.table.stream_arn(),
        starting_position: StartingPosition::TrimHorizon,
        bisect_batch_on_function_error: Some(true),
        destination_config: Some(DestinationConfig { on_failure: OnFailure { destination: others.queue.arn() } }),
        maximum_record_age_in_seconds: Some(-1),
        maximum_retry_attempts: Some(0),
        parallelization_factor: Some(10),
    }
}

fn queue_source(others: &Others) -> QueueSource {
    QueueSource { event_source_arn: others.queue.arn(), scaling_config: Some(ScalingConfig { maximum_concurrency: 2 }) }
}

/// With only what `new` asks for.
pub(crate) fn minimal() -> Vec<Instance> {
    let others = others();
    let (queue, figure) = (QueueSource::new(others.queue.arn()), Figure::sum(metric(), 60));
    let machine = StateMachine::new(others.role.arn(), migration::workflow::in_place().expect("a valid document"));
    vec![
        instance(Table::new(key())),
        instance(Function::new(code(), others.role.arn())),
        instance(Permission::new(PermittedAction::InvokeFunction, others.function.arn(), Service::Events)),
        instance(EventSourceMapping::new(others.function.arn(), EventSource::Queue(queue))),
        instance(Role::new(trust())),
        instance(Policy::new("Policy".into(), trust(), vec![others.role.name()])),
        instance(Bucket::default()),
        instance(BucketPolicy::new(others.bucket.name(), trust())),
        instance(Queue::default()),
        instance(machine),
        instance(Rule::new(pattern())),
        instance(LogGroup::default()),
        instance(Alarm::new(figure, ComparisonOperator::GreaterThan, 1)),
        instance(Dashboard::new("{}".into())),
        instance(Topic::default()),
        instance(TopicPolicy::new(trust(), vec![others.topic.arn()])),
    ]
}

/// With every property; types that take one thing or another, once with each.
pub(crate) fn complete() -> Vec<Instance> {
    let others = others();
    let mut all = vec![
        table(),
        function(&others),
        instance(Permission {
            action: PermittedAction::InvokeFunction,
            function_name: others.function.arn(),
            principal: Service::Events,
            source_account: Some(pseudo::account_id()),
            source_arn: Some(others.rule.arn()),
        }),
        mapping(&others, EventSource::Stream(stream_source(&others))),
        mapping(&others, EventSource::Queue(queue_source(&others))),
        instance(Role {
            assume_role_policy_document: trust(),
            description: Some("a role".into()),
            policies: Some(vec![InlinePolicy { policy_name: "Policy".into(), policy_document: trust() }]),
        }),
        instance(Policy { policy_name: "Policy".into(), policy_document: trust(), roles: vec![others.role.name()] }),
        bucket(),
        instance(BucketPolicy { bucket: others.bucket.name(), policy_document: trust() }),
        queue(&others),
        machine(&others),
        instance(LogGroup {
            log_group_class: Some(LogGroupClass::InfrequentAccess),
            log_group_name: Some("logs".into()),
            retention_in_days: Some(Retention::Quarter),
        }),
        alarm(&others, Figure::Metric(MetricFigure { metric: metric(), period: 60, statistic: Statistic::Sum })),
        alarm(&others, Figure::Formula(FormulaFigure { metrics: vec![query()] })),
        instance(Dashboard { dashboard_body: "{}".into(), dashboard_name: Some("dashboard".into()) }),
        instance(Topic {
            display_name: Some("topic".into()),
            kms_master_key_id: Some("alias/key".into()),
            signature_version: Some(SignatureVersion::Sha256),
            topic_name: Some("topic".into()),
        }),
        instance(TopicPolicy { policy_document: trust(), topics: vec![others.topic.arn()] }),
    ];
    let targets = [
        TargetArn::StateMachine(others.machine.arn()),
        TargetArn::Function(others.function.arn()),
        TargetArn::Queue(others.queue.arn()),
    ];
    all.extend(targets.map(|target| rule(&others, target)));
    all
}

fn table() -> Instance {
    instance(Table {
        key_schema: key(),
        attribute_definitions: Some(vec![AttributeDefinition {
            attribute_name: "id".into(),
            attribute_type: AttributeType::String,
        }]),
        billing_mode: Some(BillingMode::Provisioned),
        deletion_protection_enabled: Some(false),
        point_in_time_recovery_specification: Some(PointInTimeRecovery {
            point_in_time_recovery_enabled: Some(true),
            recovery_period_in_days: Some(35),
        }),
        provisioned_throughput: Some(ProvisionedThroughput { read_capacity_units: 1, write_capacity_units: 1 }),
        sse_specification: Some(SseSpecification { sse_enabled: false }),
        stream_specification: Some(StreamSpecification { stream_view_type: StreamViewType::NewAndOldImages }),
        table_name: Some("table".into()),
        time_to_live_specification: Some(TimeToLive { enabled: true, attribute_name: Some("ttl".into()) }),
    })
}

fn function(others: &Others) -> Instance {
    instance(Function {
        code: code(),
        role: others.role.arn(),
        architectures: Some([Architecture::Arm64]),
        description: Some("a function".into()),
        environment: Some(Environment { variables: IndexMap::from([("NAME", pseudo::stack_name())]) }),
        function_name: Some("function".into()),
        handler: Some("bootstrap".into()),
        logging_config: Some(LoggingConfig {
            application_log_level: Some(LogLevel::Info),
            log_format: Some(LogFormat::Json),
            log_group: Some(others.logs.name()),
            system_log_level: Some(SystemLogLevel::Warn),
        }),
        memory_size: Some(128),
        reserved_concurrent_executions: Some(0),
        runtime: Some(Runtime::ProvidedAl2023),
        timeout: Some(900),
        tracing_config: Some(TracingConfig { mode: TracingMode::Active }),
    })
}

fn mapping(others: &Others, source: EventSource) -> Instance {
    instance(EventSourceMapping {
        function_name: others.function.arn(),
        source,
        batch_size: Some(10),
        enabled: Some(false),
        filter_criteria: Some(FilterCriteria { filters: vec![Filter { pattern: "{}".into() }] }),
        function_response_types: Some([FunctionResponseType::ReportBatchItemFailures]),
        maximum_batching_window_in_seconds: Some(0),
        metrics_config: Some(MetricsConfig { metrics: vec![MappingMetrics::EventCount] }),
    })
}

fn bucket() -> Instance {
    let encryption = DefaultEncryption { sse_algorithm: SseAlgorithm::S3 };
    instance(Bucket {
        bucket_encryption: Some(BucketEncryption {
            server_side_encryption_configuration: [EncryptionRule { server_side_encryption_by_default: encryption }],
        }),
        bucket_name: Some("bucket".into()),
        lifecycle_configuration: Some(LifecycleConfiguration {
            rules: vec![LifecycleRule {
                status: RuleStatus::Enabled,
                abort_incomplete_multipart_upload: Some(AbortIncompleteMultipartUpload { days_after_initiation: 1 }),
                expiration_in_days: Some(30),
                id: Some("rule".into()),
                prefix: Some("reports/".into()),
            }],
        }),
        ownership_controls: Some(OwnershipControls {
            rules: [OwnershipRule { object_ownership: ObjectOwnership::BucketOwnerEnforced }],
        }),
        public_access_block_configuration: Some(PublicAccessBlock::ALL),
        versioning_configuration: Some(VersioningConfiguration { status: VersioningStatus::Enabled }),
    })
}

fn queue(others: &Others) -> Instance {
    instance(Queue {
        content_based_deduplication: Some(true),
        deduplication_scope: Some(DeduplicationScope::MessageGroup),
        delay_seconds: Some(0),
        fifo_queue: Some(true),
        fifo_throughput_limit: Some(FifoThroughputLimit::PerMessageGroupId),
        maximum_message_size: Some(1_048_576),
        message_retention_period: Some(1_209_600),
        queue_name: Some("queue.fifo".into()),
        receive_message_wait_time_seconds: Some(20),
        redrive_policy: Some(RedrivePolicy { dead_letter_target_arn: others.queue.arn(), max_receive_count: 3 }),
        sqs_managed_sse_enabled: Some(true),
        visibility_timeout: Some(900),
    })
}

fn machine(others: &Others) -> Instance {
    let group = LogGroupDestination { log_group_arn: others.logs.arn() };
    instance(StateMachine {
        role_arn: others.role.arn(),
        definition: migration::workflow::in_place().expect("a valid document"),
        definition_substitutions: Some(IndexMap::from([("Name".into(), pseudo::stack_name())])),
        logging_configuration: Some(LoggingConfiguration {
            destinations: Some([LogDestination { cloud_watch_logs_log_group: group }]),
            include_execution_data: Some(false),
            level: Some(states::LogLevel::Error),
        }),
        state_machine_name: Some("machine".into()),
        state_machine_type: Some(StateMachineType::Standard),
        tracing_configuration: Some(TracingConfiguration { enabled: true }),
    })
}

fn rule(others: &Others, target: TargetArn) -> Instance {
    instance(Rule {
        event_pattern: pattern(),
        description: Some("a rule".into()),
        name: Some("rule".into()),
        state: Some(RuleState::Enabled),
        targets: Some(vec![Target {
            arn: target,
            id: "target".into(),
            dead_letter_config: Some(DeadLetterConfig { arn: others.queue.arn() }),
            input_path: Some("$.detail".into()),
            retry_policy: Some(RetryPolicy { maximum_event_age_in_seconds: Some(60), maximum_retry_attempts: Some(0) }),
            role_arn: Some(others.role.arn()),
        }]),
    })
}

fn query() -> MetricDataQuery {
    MetricDataQuery {
        id: "m0".into(),
        expression: Some("1".into()),
        label: Some("one".into()),
        metric_stat: Some(MetricStat { metric: metric(), period: 60, stat: Statistic::Sum }),
        return_data: Some(true),
    }
}

fn alarm(others: &Others, figure: Figure) -> Instance {
    instance(Alarm {
        figure,
        comparison_operator: ComparisonOperator::GreaterThan,
        evaluation_periods: 1,
        alarm_actions: Some(vec![others.topic.arn()]),
        alarm_description: Some("an alarm".into()),
        alarm_name: Some("alarm".into()),
        datapoints_to_alarm: Some(1),
        ok_actions: Some(vec![others.topic.arn()]),
        threshold: Some(0.0),
        treat_missing_data: Some(MissingData::NotBreaching),
    })
}

/// The closed lists of which CloudFormation's schema says the values too: type, place, ours.
pub(crate) fn value_lists() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    macro_rules! names {
        ($list:ty) => {
            <$list>::ALL.iter().map(|value| value.name()).collect()
        };
    }
    let (table, function, bucket) = (Table::TYPE, Function::TYPE, Bucket::TYPE);
    let rules = "/LifecycleConfiguration/Rules/[]/Status";
    let algorithm = "/BucketEncryption/ServerSideEncryptionConfiguration/[]/ServerSideEncryptionByDefault/SSEAlgorithm";
    vec![
        (table, "/BillingMode", names!(BillingMode)),
        (table, "/AttributeDefinitions/[]/AttributeType", names!(AttributeType)),
        (table, "/StreamSpecification/StreamViewType", names!(StreamViewType)),
        (function, "/Architectures/[]", names!(Architecture)),
        (function, "/LoggingConfig/ApplicationLogLevel", names!(LogLevel)),
        (function, "/LoggingConfig/SystemLogLevel", names!(SystemLogLevel)),
        (function, "/LoggingConfig/LogFormat", names!(LogFormat)),
        (function, "/TracingConfig/Mode", names!(TracingMode)),
        (EventSourceMapping::TYPE, "/FunctionResponseTypes/[]", names!(FunctionResponseType)),
        (EventSourceMapping::TYPE, "/MetricsConfig/Metrics/[]", names!(MappingMetrics)),
        (bucket, rules, names!(RuleStatus)),
        (bucket, algorithm, names!(SseAlgorithm)),
        (bucket, "/OwnershipControls/Rules/[]/ObjectOwnership", names!(ObjectOwnership)),
        (bucket, "/VersioningConfiguration/Status", names!(VersioningStatus)),
        (StateMachine::TYPE, "/StateMachineType", names!(StateMachineType)),
        (StateMachine::TYPE, "/LoggingConfiguration/Level", names!(states::LogLevel)),
        (Rule::TYPE, "/State", names!(RuleState)),
        (LogGroup::TYPE, "/LogGroupClass", names!(LogGroupClass)),
        (Alarm::TYPE, "/Statistic", names!(Statistic)),
        (Alarm::TYPE, "/TreatMissingData", names!(MissingData)),
    ]
}
