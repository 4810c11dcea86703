//! A copy: items are carried from the source to the target, and changes after them, until the cut-over.
//!
//! What the target holds of an item is its image, which the transform makes. Every image keeps its source's key, so that
//! nothing of another item is ever overwritten, and what is written twice is written once.

pub mod change;
mod image;
mod origin;

pub use image::Images;
pub use origin::Origin;
