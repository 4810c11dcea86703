//! CloudWatch log groups.

use serde::{Serialize, Serializer};

use super::expr::{ArnOf, Expr, NameOf, Text};
use super::template::{Handle, HasArn, HasName, Resource};

properties! {
    /// `AWS::Logs::LogGroup`.
    LogGroup {
        /// What can be done with it, and what it costs.
        log_group_class: LogGroupClass,
        /// Its name; CloudFormation makes one up.
        log_group_name: Expr<Text>,
        /// How long lines are kept; for ever where nothing is said.
        retention_in_days: Retention,
    }
}

impl Resource for LogGroup {
    const TYPE: &'static str = "AWS::Logs::LogGroup";
    type Ref = NameOf<Self>;
}

/// CloudFormation's ARN of a log group ends in `:*`: it names the group's streams, as IAM and Step Functions want it.
impl HasArn for LogGroup {
    fn arn(handle: &Handle<Self>) -> Expr<ArnOf<Self>> {
        handle.attribute("Arn")
    }
}

impl HasName for LogGroup {
    fn name(handle: &Handle<Self>) -> Expr<NameOf<Self>> {
        handle.reference()
    }
}

values! {
    /// What can be done with a log group, and what it costs.
    LogGroupClass {
        /// Everything.
        Standard = "STANDARD",
        /// Looked at seldom: half the price.
        InfrequentAccess = "INFREQUENT_ACCESS",
    }
}

/// How long lines are kept. CloudWatch takes no other numbers of days than these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Retention {
    /// A day.
    Day = 1,
    /// 7 days.
    Week = 7,
    /// 30 days.
    Month = 30,
    /// 90 days.
    Quarter = 90,
    /// 365 days.
    Year = 365,
}

impl Retention {
    /// The number of days.
    pub fn days(self) -> u16 {
        self as u16
    }
}

impl Serialize for Retention {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.days())
    }
}
