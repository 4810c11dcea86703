//! The domain of Segue: what a migration is, and how every item of a table is changed safely.
//!
//! Data in, decisions out; side effects go through the clients that are handed in. Nothing here prints, reads
//! the environment, or knows Lambda or the command line.

pub mod definition;
pub mod item;
