//! Capacity that is enforced: which units a request asks for, whether they are there, and what it took.
//!
//! Writes are admitted when the bucket covers their cost, worked out from the stored and the new item before
//! anything is written; the response's exact figure is charged afterwards. Reads, writes to indexes and
//! statements, whose cost nobody knows in advance, are admitted while the balance is positive and may take it
//! below zero. The same holds, beside the table's own units, for the partition that a request works in.

pub(crate) mod admission;
pub(crate) mod bucket;
pub(crate) mod demand;
pub(crate) mod partitions;
pub(crate) mod report;
pub(crate) mod statement;

use tokio::time::Instant;

use self::bucket::{Bucket, Rate};
use crate::reply::{Fault, ThrottlingReason};

/// Reading or writing: their units are separate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// What the smallest request takes; the smallest read is eventually consistent.
    pub(crate) fn least_units(self) -> f64 {
        match self {
            Self::Read => 0.5,
            Self::Write => 1.0,
        }
    }
}

/// The two buckets of a table or of a global secondary index.
#[derive(Debug)]
pub(crate) struct Meter {
    read: Bucket,
    write: Bucket,
}

/// The rates of a table or an index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    pub(crate) read: Rate,
    pub(crate) write: Rate,
}

impl Meter {
    pub(crate) fn new(rates: Rates, now: Instant) -> Self {
        Self { read: Bucket::new(rates.read, now), write: Bucket::new(rates.write, now) }
    }

    pub(crate) fn set_rates(&mut self, rates: Rates, now: Instant) {
        self.read.set_rate(rates.read, now);
        self.write.set_rate(rates.write, now);
    }

    pub(crate) fn bucket(&mut self, direction: Direction) -> &mut Bucket {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }
}

/// What a request came up against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// The units of the whole table or index.
    Whole(Rate),
    /// Those of one partition. AWS: "Diagnosing throttling"; the exception is that of the billing mode.
    Partition { on_demand: bool },
}

/// The refusal of a request for units that are not there. `resource` is the ARN of what lacks them.
pub(crate) fn throttled(resource: &str, direction: Direction, limit: Limit) -> Fault {
    let of_index = resource.contains("/index/");
    let kind = if of_index { "Index" } else { "Table" };
    let way = match direction {
        Direction::Read => "Read",
        Direction::Write => "Write",
    };
    let (code, message, cause) = match limit {
        Limit::Whole(Rate::Provisioned(_)) if of_index => (
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for one or more global secondary indexes of the \
             table was exceeded. Consider increasing your provisioning level for the under-provisioned global \
             secondary indexes with the UpdateTable API",
            "ProvisionedThroughputExceeded",
        ),
        Limit::Whole(Rate::Provisioned(_)) => (
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing \
             your provisioning level with the UpdateTable API.",
            "ProvisionedThroughputExceeded",
        ),
        Limit::Whole(Rate::OnDemand { limit: Some(_), .. }) => (
            "ThrottlingException",
            "Throughput exceeds the maximum OnDemandThroughput configured on table or index",
            "MaxOnDemandThroughputExceeded",
        ),
        Limit::Partition { on_demand: false } => (
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for one or more partitions of the table was exceeded. \
             Consider distributing requests more evenly over the partition keys of the table.",
            "KeyRangeThroughputExceeded",
        ),
        Limit::Whole(Rate::OnDemand { limit: None, .. }) | Limit::Partition { on_demand: true } => (
            "ThrottlingException",
            "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling \
             your table or index so please try again shortly. If exceptions persist, check if you have a hot \
             key: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/\
             bp-partition-key-design.html",
            "KeyRangeThroughputExceeded",
        ),
    };
    Fault::Service {
        code,
        message: message.to_owned(),
        throttling_reasons: vec![ThrottlingReason {
            reason: format!("{kind}{way}{cause}"),
            resource: resource.to_owned(),
        }],
    }
}
