//! An in-process AWS for rehearsal: DynamoDB behind the real SDK client, with capacity that is enforced.

mod attributes;
mod batch;
mod capacity;
mod clock;
mod control;
mod database;
mod engine;
mod error;
mod http;
mod load;
mod metered;
mod objects;
mod operations;
mod reply;
mod scan;
mod schema;
mod serve;
mod table;
mod tokens;
mod wire;

pub use database::{Embedded, Options};
pub use error::{Error, ErrorKind, Result};
pub use load::{Loaded, Loader};
pub use objects::ObjectStore;
