//! The rules of DESIGN's section 4 on the embedded DynamoDB: each test fails when its rule is broken.

#![allow(clippy::unwrap_used, reason = "helpers beside the tests unwrap as the tests do")]

mod backup;
mod batches;
mod capacity;
mod control;
mod copy;
mod count;
mod failures;
mod interference;
mod pacing;
mod resume;
mod retry;
mod rounds;
mod scaling;
mod scan;
#[path = "../../benches/pacing/scene.rs"]
mod scene;
mod tap;
mod verify;
mod world;
