//! The real SDK's client against the embedded database.

mod backups;
mod capacity;
mod consumed;
mod items;
mod load;
mod objects;
mod scans;
mod serve;
mod streams;
mod support;
mod tables;
mod transactions;
