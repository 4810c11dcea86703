//! Whether two tables are in step, looked at both ways (R18): every item of the source against its image in the target, and
//! every item of the target against the one that it is the image of. In place there is one table, and what the migration
//! would still change in it.
//!
//! What differs is looked at again, consistently and, where changes are being carried, for as long as one may be on its way,
//! before it counts. Then it is in the ledger by its keys and the names of its attributes, beside the checkpoint that counts
//! it. Verifying goes on where it was broken off; what has been compared to its end is compared anew.

mod beside;
mod books;
mod compare;
mod forth;
mod found;
mod get;
mod judge;
mod pass;
mod repair;

pub use beside::{check_repair, going_on, refuse_late};
pub use books::{SoFar, Verified, differences, lend, note, so_far, verified};
pub(crate) use books::{begin, conclude};
pub use found::{Difference, Found, Sort, read_units};
pub(crate) use pass::work;
