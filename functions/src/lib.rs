//! The Lambda functions of Segue: one thin main each around a function of the domain.
//!
//! `transforms.rs` is the file for transforms in code. It is compiled into the Lambda functions and into the
//! command line alike.

pub mod client;
pub mod lambda;
pub mod transforms;
