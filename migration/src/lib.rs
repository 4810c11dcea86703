//! The domain of Segue: what a migration is, and how every item of a table is changed safely.
//!
//! Data in, decisions out; side effects go through the clients that are handed in. Nothing here prints, reads
//! the environment, or knows Lambda or the command line.

mod allowance;
pub mod attempts;
mod backup;
pub mod capacity;
pub mod control;
pub mod copy;
pub mod cost;
pub mod count;
mod counts;
pub mod cutover;
pub mod definition;
pub mod deployment;
pub mod dry_run;
mod error;
pub mod export;
pub mod expression;
pub mod failures;
pub mod item;
pub mod ledger;
mod limit;
pub mod local;
mod pace;
mod patience;
pub mod plan;
pub mod prepare;
pub mod prewarm;
mod scaling;
pub mod segment;
mod services;
pub mod summary;
pub mod table;
mod task;
pub mod transform;
pub mod verify;
mod waits;
pub mod workflow;
pub mod write;

pub use counts::Counts;
pub use error::{Error, Kind};
pub use ledger::Ledger;
pub use limit::Limit;
pub use patience::{Meter, autoscaling_config, client_config};
pub use scaling::{Suspended, Target};
pub use services::{Carrier, Observer, Services, Stop, Unobserved, Wiring};
pub use task::Task;
pub use waits::Waits;
