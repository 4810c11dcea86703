//! Actions of IAM, by what they work on (the "Service Authorization Reference" says so for each).

use crate::cfn::autoscaling::ScalableTarget;
use crate::cfn::dynamodb::{Backup, Export, Index, Stream, Table};
use crate::cfn::iam::Role;
use crate::cfn::lambda::{EventSourceMapping, Function};
use crate::cfn::logs::LogGroup;
use crate::cfn::s3::{Bucket, Object};
use crate::cfn::sns::Topic;
use crate::cfn::sqs::Queue;
use crate::cfn::states::{Execution, StateMachine};

/// An action of IAM.
pub trait Action: Copy {
    /// As policies write it, such as `dynamodb:GetItem`.
    fn name(self) -> &'static str;
}

/// An action that works on an `R`.
#[diagnostic::on_unimplemented(message = "`{Self}` doesn't work on `{R}`", label = "the ARN of something else")]
pub trait ActsOn<R>: Action {}

macro_rules! actions {
    ($($(#[$meta:meta])* $name:ident on $resource:ty { $($variant:ident = $value:literal,)+ })+) => {
        $(
            values! {
                $(#[$meta])*
                $name { $(#[doc = concat!("`", $value, "`.")] $variant = $value,)+ }
            }

            impl Action for $name {
                fn name(self) -> &'static str {
                    self.name()
                }
            }

            impl ActsOn<$resource> for $name {}
        )+
    };
}

actions! {
    /// What is done with a table.
    TableAction on Table {
        BatchGetItem = "dynamodb:BatchGetItem",
        BatchWriteItem = "dynamodb:BatchWriteItem",
        CreateBackup = "dynamodb:CreateBackup",
        CreateTable = "dynamodb:CreateTable",
        DeleteItem = "dynamodb:DeleteItem",
        DescribeContinuousBackups = "dynamodb:DescribeContinuousBackups",
        DescribeTable = "dynamodb:DescribeTable",
        DescribeTimeToLive = "dynamodb:DescribeTimeToLive",
        ExportTableToPointInTime = "dynamodb:ExportTableToPointInTime",
        GetItem = "dynamodb:GetItem",
        ListTagsOfResource = "dynamodb:ListTagsOfResource",
        PartiQlDelete = "dynamodb:PartiQLDelete",
        PartiQlInsert = "dynamodb:PartiQLInsert",
        PartiQlUpdate = "dynamodb:PartiQLUpdate",
        PutItem = "dynamodb:PutItem",
        Query = "dynamodb:Query",
        Scan = "dynamodb:Scan",
        TagResource = "dynamodb:TagResource",
        UpdateContinuousBackups = "dynamodb:UpdateContinuousBackups",
        UpdateItem = "dynamodb:UpdateItem",
        UpdateTable = "dynamodb:UpdateTable",
        UpdateTimeToLive = "dynamodb:UpdateTimeToLive",
    }
    /// What is done with a table's export.
    ExportAction on Export {
        DescribeExport = "dynamodb:DescribeExport",
    }
    /// What is done with an event source mapping.
    MappingAction on EventSourceMapping {
        GetEventSourceMapping = "lambda:GetEventSourceMapping",
        UpdateEventSourceMapping = "lambda:UpdateEventSourceMapping",
    }
    /// What is done with a role.
    RoleAction on Role {
        AssumeRole = "sts:AssumeRole",
    }
    /// What is done with a table's backup.
    BackupAction on Backup {
        DescribeBackup = "dynamodb:DescribeBackup",
    }
    /// What is done with what scales a resource.
    ScalableTargetAction on ScalableTarget {
        RegisterScalableTarget = "application-autoscaling:RegisterScalableTarget",
    }
    /// What is done with a table's stream.
    StreamAction on Stream {
        DescribeStream = "dynamodb:DescribeStream",
        GetRecords = "dynamodb:GetRecords",
        GetShardIterator = "dynamodb:GetShardIterator",
        ListStreams = "dynamodb:ListStreams",
    }
    /// What is done with a Lambda function.
    FunctionAction on Function {
        InvokeFunction = "lambda:InvokeFunction",
    }
    /// What is done with a bucket.
    BucketAction on Bucket {
        ListBucket = "s3:ListBucket",
    }
    /// What is done with a bucket's objects.
    ObjectAction on Object {
        AbortMultipartUpload = "s3:AbortMultipartUpload",
        GetObject = "s3:GetObject",
        ListMultipartUploadParts = "s3:ListMultipartUploadParts",
        PutObject = "s3:PutObject",
        PutObjectAcl = "s3:PutObjectAcl",
    }
    /// What is done with a queue.
    QueueAction on Queue {
        ChangeMessageVisibility = "sqs:ChangeMessageVisibility",
        DeleteMessage = "sqs:DeleteMessage",
        GetQueueAttributes = "sqs:GetQueueAttributes",
        ReceiveMessage = "sqs:ReceiveMessage",
        SendMessage = "sqs:SendMessage",
    }
    /// What is done with a state machine.
    StateMachineAction on StateMachine {
        StartExecution = "states:StartExecution",
    }
    /// What is done with a state machine's executions.
    ExecutionAction on Execution {
        DescribeExecution = "states:DescribeExecution",
        RedriveExecution = "states:RedriveExecution",
        StopExecution = "states:StopExecution",
    }
    /// What is done with a log group's streams. [`LogGroup`]'s ARN ends in `:*`, which names them.
    LogStreamAction on LogGroup {
        CreateLogStream = "logs:CreateLogStream",
        PutLogEvents = "logs:PutLogEvents",
    }
    /// What is done with a topic.
    TopicAction on Topic {
        Publish = "sns:Publish",
    }
}

impl ActsOn<Index> for TableAction {}

values! {
    /// Actions that know no ARNs: IAM takes `*` as their resource and nothing else (Service Authorization Reference, AWS
    /// X-Ray, AWS Lambda, Amazon CloudWatch Logs and AWS Application Auto Scaling; Step Functions developer guide, "Logging using CloudWatch Logs").
    UnscopedAction {
        /// Looks at what scales a resource.
        DescribeScalableTargets = "application-autoscaling:DescribeScalableTargets",
        /// Makes a mapping; a condition says for which function.
        CreateEventSourceMapping = "lambda:CreateEventSourceMapping",
        /// Lists mappings.
        ListEventSourceMappings = "lambda:ListEventSourceMappings",
        /// Registers a place that logs are delivered to.
        CreateLogDelivery = "logs:CreateLogDelivery",
        /// Takes it back.
        DeleteLogDelivery = "logs:DeleteLogDelivery",
        /// Lists log groups.
        DescribeLogGroups = "logs:DescribeLogGroups",
        /// Reads who may write to log groups.
        DescribeResourcePolicies = "logs:DescribeResourcePolicies",
        /// Reads a place that logs are delivered to.
        GetLogDelivery = "logs:GetLogDelivery",
        /// Lists such places.
        ListLogDeliveries = "logs:ListLogDeliveries",
        /// Says who may write to log groups.
        PutResourcePolicy = "logs:PutResourcePolicy",
        /// Changes a place that logs are delivered to.
        UpdateLogDelivery = "logs:UpdateLogDelivery",
        /// Asks which requests are to be traced.
        GetSamplingRules = "xray:GetSamplingRules",
        /// The same.
        GetSamplingTargets = "xray:GetSamplingTargets",
        /// Tells how the tracing itself does.
        PutTelemetryRecords = "xray:PutTelemetryRecords",
        /// Writes traces.
        PutTraceSegments = "xray:PutTraceSegments",
    }
}
