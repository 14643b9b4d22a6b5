//! An append-only journal on the local disk: what makes billing survive `kill -9` and power loss.
//!
//! A record is in the journal when [`Journal::append`] returns: one `write` has handed it to the kernel, so
//! that the death of this process can't lose it. It is on the disk within the group-commit interval; an
//! fsync that fails closes the journal for good, since what the kernel then says about dirty pages can't be
//! trusted. The journal does not know what its records mean.
//!
//! Files: `<epoch>-<number>.wal`, one epoch per process life; `<epoch>.lock` is held while the process lives;
//! `<epoch>.ckpt` says up to where the records have been posted.

mod checkpoint;
mod error;
mod follow;
mod frame;
mod orphan;
mod writer;

pub use error::JournalError;
pub use follow::Follower;
pub use frame::Position;
pub use orphan::{Orphan, Remains, orphans, others_live};
pub use writer::{Config, Journal};
