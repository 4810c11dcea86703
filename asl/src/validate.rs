//! Everything that is wrong with a machine.
use crate::StateMachine;
/// A problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {}
/// Kind.
#[derive(Clone, Debug, PartialEq)]
pub enum ProblemKind {}
/// All.
#[derive(Clone, Debug, PartialEq)]
pub struct Problems(pub Vec<Problem>);
impl std::fmt::Display for Problems {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
impl std::error::Error for Problems {}
/// Validates.
pub fn validate(_: &StateMachine) -> Vec<Problem> {
    Vec::new()
}
