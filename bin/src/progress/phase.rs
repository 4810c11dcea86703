//! What a run is at, in the words that people wait with.

use migration::Counts;
use migration::copy::books::Course;
use migration::plan::{Job, Plan};
use migration::summary::SoFar;
use serde::Serialize;

/// What a run is at, in the order in which it comes to it. In place there is less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    Preparing,
    BackingUp,
    MakingTarget,
    Prewarming,
    StartingCapture,
    Exporting,
    Migrating,
    EndingBulk,
    ApplyingChanges,
    Comparing,
    Restoring,
    Ending,
}

impl Phase {
    /// As far as the ledger alone tells: the checkpoints, and the books of a copy.
    pub(crate) fn by_the_ledger(plan: &Plan, so_far: &SoFar, course: &Course) -> Self {
        let carries = plan.definition.target.as_ref().is_some_and(|target| target.carry.has_changes());
        let has_begun = so_far.counts != Counts::default() || so_far.segments_done > 0;
        match (plan.job, course.bulk_over) {
            (Job::Verify { .. }, _) if has_begun => Self::Comparing,
            (Job::Migrate, Some(_)) if course.in_step.is_some() || !carries => Self::Comparing,
            (Job::Migrate, Some(_)) => Self::ApplyingChanges,
            _ if has_begun => Self::Migrating,
            _ => Self::Preparing,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::BackingUp => "waiting for the backup",
            Self::MakingTarget => "waiting for the target: it is being made",
            Self::Prewarming => "waiting for the table: its capacity is being raised",
            Self::StartingCapture => "waiting for the capture of changes to begin",
            Self::Exporting => "waiting for the export",
            Self::Migrating => "migrating",
            Self::EndingBulk => "waiting for the last workers of the bulk",
            Self::ApplyingChanges => "applying changes",
            Self::Comparing => "comparing",
            Self::Restoring => "putting the capacity back",
            Self::Ending => "adding up",
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use migration::definition::Definition;
    use migration::plan::{Engine, Plan, RunId, Scope};

    use super::*;

    fn plan(carry: &str, job: Job) -> Plan {
        let yaml = format!(
            "migration: m\nsource: {{ table: movies }}\ntarget: {{ table: films, carry: {carry} }}\n\
             transform: [ {{ set: {{ path: label, value: x }} }} ]\n"
        );
        let (definition, now) = (Definition::from_yaml(&yaml).unwrap(), Timestamp::UNIX_EPOCH);
        Plan {
            run: RunId::new("m", now),
            engine: Engine::Embedded,
            database: None,
            attempt: 1,
            scope: Scope::Segments,
            job,
            of: None,
            started: now,
            now,
            definition,
            key: crate::sample::key(),
            target_key: Some(crate::sample::key()),
            children: 1,
            concurrency: 1,
            expected_items: 0,
            expected_bytes: 0,
        }
    }

    /// Of a copy's phases the checkpoints of its bulk say nothing.
    #[test]
    fn the_books_of_a_copy_say_what_it_is_at() {
        let read = SoFar { segments_done: 1, ..SoFar::default() };
        let at = |carry: &str, course: &Course| Phase::by_the_ledger(&plan(carry, Job::Migrate), &read, course);
        let over = Course { bulk_over: Some(Timestamp::UNIX_EPOCH), ..Course::default() };
        let in_step = Course { in_step: Some(Timestamp::UNIX_EPOCH), ..over.clone() };
        assert_eq!(at("bulk_and_changes", &Course::default()), Phase::Migrating);
        assert_eq!(at("bulk_and_changes", &over), Phase::ApplyingChanges);
        assert_eq!(at("bulk_and_changes", &in_step), Phase::Comparing);
        assert_eq!(at("bulk", &over), Phase::Comparing);
        let verify = plan("bulk", Job::Verify { repair: false });
        assert_eq!(Phase::by_the_ledger(&verify, &read, &Course::default()), Phase::Comparing);
        assert_eq!(Phase::by_the_ledger(&verify, &SoFar::default(), &Course::default()), Phase::Preparing);
    }
}
