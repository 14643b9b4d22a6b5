//! What can go wrong with a journal.

use std::io;
use std::path::PathBuf;

/// An error of the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full: no new records but urgent ones.
    #[error("the journal's disk is full")]
    Full,
    /// An earlier write or fsync failed: nothing is accepted any more.
    #[error("the journal is closed after a failed write or fsync")]
    Broken,
    #[error("a record of {0} bytes is too large")]
    TooLarge(usize),
    /// Another process holds this epoch.
    #[error("another process writes to the journal in {0}")]
    Locked(PathBuf),
    /// A record in the middle does not match its checksum. Never skipped in silence.
    #[error(
        "the journal is damaged in {file} at byte {offset}; move the file away after saving a copy to go on without the rest of it"
    )]
    Corrupt { file: PathBuf, offset: u64 },
    #[error("{context}: {source}")]
    Io { context: String, source: io::Error },
}

impl JournalError {
    pub(crate) fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> JournalError {
        let context = context.into();
        move |source| JournalError::Io { context, source }
    }
}
