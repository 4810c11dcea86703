//! SQS queues.

use serde::Serialize;

use super::expr::{ArnOf, Expr, NameOf, UrlOf};
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::SQS::Queue`.
    Queue {
        /// Whether a FIFO queue takes the hash of a message for its deduplication id.
        content_based_deduplication: bool,
        /// Among which messages of a FIFO queue duplicates are looked for.
        deduplication_scope: DeduplicationScope,
        /// Seconds until a message can be read, up to 900.
        delay_seconds: u32,
        /// Whether messages keep their order.
        fifo_queue: bool,
        /// What a FIFO queue's throughput is counted by.
        fifo_throughput_limit: FifoThroughputLimit,
        /// Bytes, up to 1,048,576.
        maximum_message_size: u32,
        /// Seconds until a message is dropped, up to 1,209,600.
        message_retention_period: u32,
        /// Its name, with `.fifo` behind that of a FIFO queue; CloudFormation makes one up.
        queue_name: String,
        /// Seconds that a read waits for messages, up to 20.
        receive_message_wait_time_seconds: u32,
        /// Where messages go that fail again and again.
        redrive_policy: RedrivePolicy,
        /// Whether messages are encrypted with keys of SQS.
        sqs_managed_sse_enabled: bool,
        /// Seconds that a message which was read stays out of sight, up to 43,200.
        visibility_timeout: u32,
    }
}

impl Resource for Queue {
    const TYPE: &'static str = "AWS::SQS::Queue";
    type Ref = UrlOf<Self>;
}

impl HasArn for Queue {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("Arn")
    }
}

impl HasName for Queue {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.attribute("QueueName")
    }
}

/// Where messages go that fail again and again. Its names alone begin small.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedrivePolicy {
    /// A queue of the same sort.
    pub dead_letter_target_arn: Expr<ArnOf<Queue>>,
    /// How often a message is read before.
    pub max_receive_count: u32,
}

values! {
    /// Among which messages duplicates are looked for.
    DeduplicationScope {
        /// Those of the same group.
        MessageGroup = "messageGroup",
        /// All of the queue.
        Queue = "queue",
    }
}

values! {
    /// What a FIFO queue's throughput is counted by.
    FifoThroughputLimit {
        /// The group: high throughput.
        PerMessageGroupId = "perMessageGroupId",
        /// The queue.
        PerQueue = "perQueue",
    }
}
