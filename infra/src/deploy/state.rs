//! What may be done with a stack, by the state that it is in. Pure: the whole table is in one `match`.

use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};

/// What a deployment does next with the stack as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A change set of this type.
    ChangeSet(ChangeSetType),
    /// Nothing before the user has done something.
    Refuse(Obstacle),
}

/// Why a stack can't be deployed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Its creation failed: it can only be deleted.
    NeverCreated,
    /// Its creation failed, and what was made couldn't be taken back.
    HalfCreated,
    /// It is half gone.
    HalfDeleted,
    /// An update failed, and so did the way back.
    HalfUpdated,
    /// Something is under way.
    Busy,
}

impl Next {
    /// The next step for a stack in that state; `None` is a stack that isn't there.
    pub fn of(status: Option<&StackStatus>) -> Self {
        use StackStatus as S;
        match status {
            // A stack in review is an empty shell around change sets.
            None | Some(S::DeleteComplete | S::ReviewInProgress) => Self::ChangeSet(ChangeSetType::Create),
            Some(
                S::CreateComplete
                | S::UpdateComplete
                | S::UpdateRollbackComplete
                | S::UpdateFailed
                | S::ImportComplete
                | S::ImportRollbackComplete,
            ) => Self::ChangeSet(ChangeSetType::Update),
            Some(S::RollbackComplete) => Self::Refuse(Obstacle::NeverCreated),
            Some(S::CreateFailed | S::RollbackFailed) => Self::Refuse(Obstacle::HalfCreated),
            Some(S::DeleteFailed) => Self::Refuse(Obstacle::HalfDeleted),
            Some(S::UpdateRollbackFailed | S::ImportRollbackFailed) => Self::Refuse(Obstacle::HalfUpdated),
            // A state that is newer than this program is taken for one that passes.
            Some(_) => Self::Refuse(Obstacle::Busy),
        }
    }
}

impl Obstacle {
    /// What it means and what to do.
    pub fn advice(self, stack: &str, flags: &str) -> String {
        match self {
            Self::NeverCreated => format!(
                "its first deployment failed and was taken back, and CloudFormation can't update such a stack; delete what is \
                 left with `cargo run -p infra -- destroy{flags}`, then deploy again"
            ),
            Self::HalfCreated => format!(
                "its first deployment failed, and parts of it are still there; delete them with `cargo run -p infra -- destroy{flags}`, \
                 then deploy again"
            ),
            Self::HalfDeleted => format!(
                "it could not be deleted as a whole; try that again with `cargo run -p infra -- destroy{flags}`, which shows the reason, \
                 then deploy again"
            ),
            Self::HalfUpdated => format!(
                "an update failed, and so did the way back; mend what the stack's events name, then call `aws cloudformation \
                 continue-update-rollback --stack-name {stack}`, and deploy again when it is UPDATE_ROLLBACK_COMPLETE"
            ),
            Self::Busy => format!(
                "somebody is changing it; wait until that has ended (`cargo run -p infra -- deploy{flags} --follow` shows it), then deploy again"
            ),
        }
    }
}

/// Whether a state is one that stays.
pub fn is_final(status: &StackStatus) -> bool {
    !status.as_str().ends_with("_IN_PROGRESS") || *status == StackStatus::ReviewInProgress
}

/// Whether a stack in that state is as its last deployment wanted it.
pub fn is_success(status: &StackStatus) -> bool {
    matches!(status, StackStatus::CreateComplete | StackStatus::UpdateComplete | StackStatus::ImportComplete)
}

/// What a failed operation has left, and what to do.
pub fn after_failure(status: &StackStatus, stack: &str, flags: &str) -> String {
    match (Next::of(Some(status)), status) {
        (Next::Refuse(obstacle), _) => obstacle.advice(stack, flags),
        (_, StackStatus::DeleteComplete) => "it is gone; mend the cause, then deploy again".into(),
        (_, StackStatus::UpdateFailed) => "it is half updated; mend the cause, then deploy again".into(),
        _ => "it is as it was before; mend the cause, then deploy again".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state that CloudFormation documents, and two that no state is.
    #[test]
    fn every_state_has_a_next_step() {
        let mut table = String::from("(none): create\n");
        assert_eq!(Next::of(None), Next::ChangeSet(ChangeSetType::Create));
        for name in StackStatus::values().iter().chain(&["SOMETHING_NEW", "SOMETHING_IN_PROGRESS"]) {
            let next = match Next::of(Some(&StackStatus::from(*name))) {
                Next::ChangeSet(kind) => kind.as_str().to_lowercase(),
                Next::Refuse(obstacle) => format!("refuse: {obstacle:?}"),
            };
            table.push_str(&format!("{name}: {next}\n"));
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        use Obstacle::{Busy, HalfCreated, HalfDeleted, HalfUpdated, NeverCreated};
        let advice = [NeverCreated, HalfCreated, HalfDeleted, HalfUpdated, Busy]
            .map(|obstacle| obstacle.advice("Segue-films", " --migration films.yaml"));
        insta::assert_snapshot!(advice.join("\n"));
    }

    #[test]
    fn a_stack_in_review_is_not_on_the_way_to_anything() {
        assert!(is_final(&StackStatus::ReviewInProgress));
        assert!(!is_final(&StackStatus::UpdateCompleteCleanupInProgress));
        assert!(is_final(&StackStatus::UpdateRollbackComplete));
        assert!(!is_success(&StackStatus::UpdateRollbackComplete));
    }
}
