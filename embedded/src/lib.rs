//! An in-process AWS for rehearsal: DynamoDB behind the real SDK client, with capacity that is enforced; its streams,
//! FIFO queues, and event source mappings that carry them to functions in this process.
//!
//! [`Embedded`] puts the DynamoDB of the crate dynoxide-rs, on one SQLite file, behind the SDK's own HTTP
//! interface. A program under rehearsal uses the client that it uses in production; there is no socket and no
//! second code path. [`Embedded::serve`] answers the same requests on a socket, for other processes.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use embedded::{Embedded, Options};
//!
//! let embedded = Embedded::temporary(Options::default())?;
//! let tables = embedded.client().list_tables().send().await?;
//! assert!(tables.table_names().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What it adds to the engine
//! - Capacity is enforced, for each table and global index: provisioned units with 300 seconds of burst credit,
//!   on demand from 4,000 writes and 12,000 reads a second to double its peak. Writes are admitted before they
//!   are done; reads are charged afterwards and pay back. Time is tokio's, and may be paused.
//! - So is the capacity of each partition of a table: 3,000 read and 1,000 write units a second. There are as many
//!   partitions as the table's units, its warm throughput, its growth on demand or the size that it was loaded with
//!   have ever asked for; each holds an equal range of the hashes by which scans are cut into segments.
//! - Exports to S3's objects, in AWS's own layout, and objects that are read whole or in parts.
//! - UpdateTable's rules, warm throughput, billing mode history, backups that can be restored, the setting of
//!   point-in-time recovery, limits.
//! - The scalable targets of Application Auto Scaling, as far as a register of them goes: nothing scales by it.
//! - Scans in linear time, with any number of segments.
//! - Streams as they are read: one shard for each partition, which splits as tables grow ([`Embedded::split_shards`]),
//!   24 hours of records, iterators for 15 minutes, no record of a write that changed nothing. Items expire when it is
//!   asked for ([`Embedded::expire_items`]).
//! - SQS's FIFO queues: groups, deduplication, visibility timeouts, dead letters, retention.
//! - Functions ([`Function`]) and Lambda's event source mappings from streams and queues to them: lanes, windows,
//!   retries, bisecting, partial failures, states. Queues and mappings outlive the process, as the tables do.
//! - Faults on request, seeded ([`Faults`]): for one client, on its way to a database that has none. Hazards of
//!   invocations ([`Hazards`]).
//! - Bulk loading ([`Embedded::load`]), wholly or not at all. Objects in folders ([`ObjectStore`]) for S3.
//!
//! # Where it differs from AWS
//! - Whoever reads sees every write at once: reads are never stale, indexes never lag.
//! - Adaptive capacity isn't modelled: no partition is split because it is hot, none keeps burst credit. Indexes
//!   have no partitions. A page of a scan is admitted by the partition in which it begins, and charged to those that
//!   it spans in equal parts.
//! - The cost of an UpdateItem is estimated before it runs, by the stored item and the new values; what it took
//!   is charged. That of a PartiQL statement is estimated by the stored item where the statement names its key with
//!   `=`; another is admitted while any unit is left, and no partition is asked. A write is held back by an exhausted
//!   index of its table even if it wouldn't touch this index.
//! - There are 4,096 buckets of hashes: of more segments than that, the others are empty. A page of an index or
//!   a query ends after 10,000 entries if 1 MB doesn't end it; parallel scans of an index and PartiQL SELECTs
//!   without a key read the rest of the table for every page.
//! - The entries of a batch that come back unprocessed haven't been validated.
//! - A transaction that comes again with its token reports the units of its first run.
//! - Shards are never rolled by time, and a deleted table's stream is gone with it. Time to live is a setting: nothing
//!   expires by itself. ImportTable, global tables and restoring to a point in time don't exist; only the present can
//!   be exported. Tables are named by name, not by ARN.
//! - Queues are FIFO queues, without message attributes. A mapping delivers what it can the moment that it can: there
//!   are no pollers to be scaled up, and LATEST begins with the next record. A batch of a queue that fails comes again
//!   after its visibility timeout. A disabled mapping ends what it has under way.
//! - Everything is in us-east-1, in the account 000000000000.

mod attributes;
mod batch;
mod buckets;
mod capacity;
mod clock;
mod control;
mod database;
mod engine;
mod error;
mod exports;
mod faults;
mod functions;
mod http;
mod load;
mod mappings;
mod metered;
mod objects;
mod operations;
mod queues;
mod reply;
mod request;
mod scan;
mod schema;
mod serve;
mod streams;
mod table;
mod tokens;
mod wire;

pub use database::{Embedded, Options};
pub use error::{Error, ErrorKind, Result};
pub use faults::{Cut, Faults, Weather};
pub use functions::{Befallen, Function, FunctionError, Hazards, Misfortunes};
pub use load::{Loaded, Loader};
pub use objects::ObjectStore;
