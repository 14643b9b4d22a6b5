//! Limits on requests, tokens, money and calls in flight, in memory. A call is let in by all of its limits or by
//! none; one that is refused, by whatever comes later too, has used up nothing.

pub mod calendar;
mod meter;
mod meters;
mod retry;

pub use meter::{Asking, Meter, Place, Reached, Seat, Told, admit};
pub use meters::Meters;
pub use retry::RetryBudget;
