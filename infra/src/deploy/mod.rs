//! The way to AWS without the CDK. Decisions are functions from what AWS says to what is done next; the calls around
//! them are small. Nothing here prints: what happens is handed to the command line, which has the words.
//!
//! A stack is changed only by [`change_set`]'s `execute` and deleted only by [`stacks`]' `delete`; both are called after
//! the user has agreed. A stack that isn't this migration's is never changed.

pub mod aws;
pub mod bucket;
pub mod change_set;
pub mod changes;
pub mod data;
pub mod difference;
pub mod events;
pub mod executions;
pub mod follow;
pub mod losses;
pub mod note;
pub mod stacks;
pub mod state;
pub mod trouble;
pub mod upload;
