//! What runs in the background.

pub mod captures;
pub mod certificates;
pub mod counts;
pub mod duties;
pub mod follow;
pub mod nodes;
pub mod owners;
pub mod payments;
pub mod post;
pub mod recover;
pub mod retention;
pub mod rounds;
pub mod stats;
pub mod verify;
