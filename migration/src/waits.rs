//! What workers waited for, in seconds, added up over all of them: every wait has its reason (R11).

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::limit::Limit;

/// Why a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The run's own budget has no units left.
    Budget,
    /// The table was throttling.
    Table,
    /// An index was.
    Index,
    /// A partition was.
    Partition,
    /// Somebody has paused the run.
    Paused,
    /// The service didn't answer, or the table was in change.
    Service,
}

impl Reason {
    pub(crate) const COUNT: usize = 6;

    /// Why a request waits that has met that limit.
    pub(crate) fn of(limit: Option<&Limit>) -> Self {
        match limit {
            Some(Limit::Partition) => Self::Partition,
            Some(Limit::Index(_)) => Self::Index,
            Some(Limit::Table | Limit::Account) | None => Self::Table,
        }
    }
}

/// Seconds that workers waited, by reason. A hundred workers that wait for a second wait a hundred seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Waits {
    /// For the run's own budget.
    pub budget: f64,
    /// Because the table was throttling, or the account.
    pub table: f64,
    /// Because a global secondary index was throttling.
    pub index: f64,
    /// Because a hot partition was throttling.
    pub partition: f64,
    /// While somebody had paused the run.
    pub paused: f64,
    /// Because the service didn't answer.
    pub service: f64,
}

impl Waits {
    /// The seconds with their reasons, in words.
    pub fn reasons(&self) -> [(f64, &'static str); 6] {
        [
            (self.budget, "the budget"),
            (self.table, "the table's capacity"),
            (self.index, "an index's capacity"),
            (self.partition, "a hot partition"),
            (self.paused, "its pause to end"),
            (self.service, "answers of DynamoDB"),
        ]
    }

    /// What was waited for longest, if anything was.
    pub fn longest(&self) -> Option<&'static str> {
        let longest = self.reasons().into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        longest.filter(|(seconds, _)| *seconds > 0.0).map(|(_, reason)| reason)
    }

    pub(crate) fn from_seconds(seconds: [f64; Reason::COUNT]) -> Self {
        let of = |reason: Reason| seconds[reason as usize];
        Self {
            budget: of(Reason::Budget),
            table: of(Reason::Table),
            index: of(Reason::Index),
            partition: of(Reason::Partition),
            paused: of(Reason::Paused),
            service: of(Reason::Service),
        }
    }
}

impl AddAssign for Waits {
    fn add_assign(&mut self, other: Self) {
        self.budget += other.budget;
        self.table += other.table;
        self.index += other.index;
        self.partition += other.partition;
        self.paused += other.paused;
        self.service += other.service;
    }
}
