//! Which limit a throttled request has met, as DynamoDB says it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A limit that throttles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The table's own capacity, or what nothing more is known of.
    Table,
    /// The capacity of a global secondary index, by its name.
    Index(String),
    /// A partition, of the table or of an index: other keys aren't slowed down.
    Partition,
    /// The account's quota.
    Account,
}

impl Limit {
    /// What the body of a refusal says. Its reasons are named `ResourceOperationLimit`, such as
    /// `IndexWriteKeyRangeThroughputExceeded` (DynamoDB developer guide, "Understanding throttling exceptions").
    pub(crate) fn of_refusal(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let reasons = ["throttlingReasons", "ThrottlingReasons"].iter().find_map(|name| body.get(name)?.as_array())?;
        reasons.iter().find_map(|reason| {
            let text = |name: &str| reason.get(name).and_then(Value::as_str);
            Some(Self::of_reason(text("reason")?, text("resource").unwrap_or_default()))
        })
    }

    fn of_reason(reason: &str, resource: &str) -> Self {
        if reason.contains("KeyRange") {
            return Self::Partition;
        }
        if reason.contains("AccountLimit") {
            return Self::Account;
        }
        let index = resource.rsplit_once("/index/").filter(|_| reason.starts_with("Index"));
        index.map_or(Self::Table, |(_, name)| Self::Index(name.to_owned()))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("table"),
            Self::Index(name) => write!(f, "index {name}"),
            Self::Partition => f.write_str("partition"),
            Self::Account => f.write_str("account"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_limit_that_was_met() {
        let of = |reason: &str, resource: &str| {
            let body = serde_json::json!({ "throttlingReasons": [{ "reason": reason, "resource": resource }] });
            Limit::of_refusal(body.to_string().as_bytes())
        };
        let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/movies";
        let index = "arn:aws:dynamodb:eu-west-1:111122223333:table/movies/index/by_day";
        assert_eq!(of("TableWriteProvisionedThroughputExceeded", table), Some(Limit::Table));
        assert_eq!(of("IndexWriteProvisionedThroughputExceeded", index), Some(Limit::Index("by_day".into())));
        assert_eq!(of("TableReadKeyRangeThroughputExceeded", table), Some(Limit::Partition));
        assert_eq!(of("IndexWriteKeyRangeThroughputExceeded", index), Some(Limit::Partition));
        assert_eq!(of("TableWriteAccountLimitExceeded", table), Some(Limit::Account));
        assert_eq!(Limit::of_refusal(b"{\"message\":\"slow down\"}"), None);
        assert_eq!(Limit::of_refusal(b"<html>"), None);
    }
}
