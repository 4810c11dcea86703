//! The real SDK's client against the embedded database.

// Helpers beside the tests unwrap as the tests do.
#![allow(clippy::unwrap_used)]

mod autoscaling;
mod backups;
mod capacity;
mod consumed;
mod exports;
mod faults;
mod functions;
mod items;
mod load;
mod mappings;
mod objects;
mod partitions;
mod queues;
mod scans;
mod serve;
mod streams;
mod support;
mod switching;
mod tables;
mod transactions;
