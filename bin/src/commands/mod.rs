//! A file for each command.

pub(crate) mod dry_run;
pub(crate) mod export;
pub(crate) mod migrate;
pub(crate) mod serve;
