//! The built binary as people use it: a folder of its own, arguments, exit codes, and what it prints.

// What the tests share unwraps as the tests do.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod broken_off;
mod copied;
mod counted;
mod cut_over;
mod deployed;
mod deployed_again;
mod deployed_copies;
mod deployed_faults;
mod deployed_refused;
mod deployed_stopped;
mod dry_run;
mod failing_items;
mod fake_aws;
mod killed;
mod local_status;
mod main_job;
mod movies;
mod real_data;
mod refused;
mod refused_data;
mod refused_tables;
mod resumed;
mod served;
mod stopped;
mod support;
mod verified;
