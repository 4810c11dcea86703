//! A file for each command.

pub(crate) mod dry_run;
pub(crate) mod export;
pub(crate) mod job;
pub(crate) mod migrate;
pub(crate) mod runs;
pub(crate) mod serve;
