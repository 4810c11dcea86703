//! The Lambda functions of Segue: one thin main each around a function of the domain.
//!
//! `transforms.rs` is the file for transforms in code. It is compiled into the Lambda functions and into the
//! command line alike.

pub mod client;
mod environment;
mod event;
mod init;
pub mod lambda;
mod logs;
mod metrics;
pub mod transforms;
