//! Streams: a vendor's chunks to events, and events to a caller's chunks.

mod calls;
mod pieces;
mod read;
mod write;

pub use read::Reader;
pub use write::Writer;
