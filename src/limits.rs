//! Limits on requests, tokens, money and calls in flight, in memory. A call is let in by all of its limits or by
//! none; one that is refused, by whatever comes later too, has used up nothing.
//!
//! Where several nodes let calls in, each counts for itself. With Redis they tell each other every 200 ms what they have
//! counted (`jobs/counts.rs`), and of what is left of a limit each lets in its part alone until the others know of it: all
//! together let in the limit, a node's part of it, and one call for each other node at most. Without, each keeps to its
//! part. Calls in flight are never told: each node lets in its part.

pub mod calendar;
mod company;
mod meter;
mod meters;
mod retry;

pub use company::Among;
pub use meter::{Asking, Meter, Place, Reached, Seat, Told, admit};
pub use meters::Meters;
pub use retry::RetryBudget;
