//! A file for each command, and what some of them share.

pub(crate) mod conclude;
pub(crate) mod control;
pub(crate) mod count;
pub(crate) mod deployed;
pub(crate) mod deployed_again;
pub(crate) mod deployed_report;
pub(crate) mod dry_run;
pub(crate) mod estimate;
pub(crate) mod export;
pub(crate) mod failures;
pub(crate) mod follow;
pub(crate) mod in_step;
pub(crate) mod job;
pub(crate) mod migrate;
pub(crate) mod raised;
pub(crate) mod reading;
pub(crate) mod restore;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod under_way;
pub(crate) mod watch;
pub(crate) mod which;
