//! The real SDK's client against the embedded database.

mod items;
mod scans;
mod support;
