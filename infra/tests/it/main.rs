//! The built binary against an AWS account that is faked on a port of this machine: what people see, the exit codes, and
//! what is asked of AWS.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod account;
mod cloudformation;
mod deployed;
mod destroyed;
mod differing;
mod refused;
mod server;
#[cfg(unix)]
mod stopped;
mod support;
mod synthesised;
