//! The real binaries: each as a process of its own, called by a Lambda Runtime API that is played here, against a
//! DynamoDB on a socket.

#![allow(clippy::unwrap_used, reason = "helpers beside the tests unwrap as the tests do")]

mod binaries;
mod failures;
mod runtime_api;
mod stack;
mod workflow;
mod world;
