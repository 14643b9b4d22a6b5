//! Reading a journal while it is written.

use crate::error::JournalError;
use crate::frame::{Frame, HEADER, PAYLOAD_MAX, PREFIX, Position, decode};
use crate::writer::Shared;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

/// Yields records in order, up to the last one written.
pub struct Follower {
    shared: Arc<Shared>,
    at: Position,
    file: Option<(u64, File)>,
    /// Bytes read ahead, and where the next frame in them starts.
    buffer: Vec<u8>,
    start: usize,
}

const READ: usize = 256 << 10;

impl Follower {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let at = Position { segment: 1, offset: HEADER.len() as u64 };
        Self { shared, at, file: None, buffer: Vec::new(), start: 0 }
    }

    /// Goes on from the end of a record that was yielded before, or from [`crate::Journal::oldest`].
    pub fn seek(&mut self, to: Position) {
        self.at = to;
        self.file = None;
        self.buffer.clear();
        self.start = 0;
    }

    /// The end of the last record yielded.
    pub fn position(&self) -> Position {
        self.at
    }

    /// The next record and its end; `None` when there is none yet.
    pub fn next_record(&mut self) -> Result<Option<(Position, Vec<u8>)>, JournalError> {
        loop {
            let end = self.shared.written();
            if self.at >= end {
                return Ok(None);
            }
            match decode(&self.buffer[self.start..]) {
                Frame::Whole(payload, length) => {
                    let payload = payload.to_vec();
                    self.start += length;
                    self.at.offset += length as u64;
                    return Ok(Some((self.at, payload)));
                }
                Frame::Short => {
                    if !self.fill(end)? {
                        // The segment is read to its end, and a newer one has been begun.
                        self.at = Position { segment: self.at.segment + 1, offset: HEADER.len() as u64 };
                        self.buffer.clear();
                        self.start = 0;
                        self.file = None;
                    }
                }
                Frame::Bad => {
                    return Err(JournalError::Corrupt {
                        file: self.shared.config.segment(self.at.segment),
                        offset: self.at.offset,
                    });
                }
            }
        }
    }

    /// Reads more of the current segment. False: there is no more of it, and there won't be.
    fn fill(&mut self, end: Position) -> Result<bool, JournalError> {
        let path = self.shared.config.segment(self.at.segment);
        if self.file.as_ref().is_none_or(|(number, _)| *number != self.at.segment) {
            let file =
                File::open(&path).map_err(JournalError::io(format!("{} can't be read", path.display())))?;
            self.file = Some((self.at.segment, file));
        }
        let Some((_, file)) = &self.file else { return Ok(false) };
        self.buffer.drain(..self.start);
        self.start = 0;
        let from = self.at.offset + self.buffer.len() as u64;
        // Of the segment being written only whole records are read: its end moves under the writer's lock.
        let limit = if end.segment == self.at.segment { end.offset } else { u64::MAX };
        let room = (READ + PAYLOAD_MAX + PREFIX).saturating_sub(self.buffer.len()).min(READ);
        let wanted = room.min(limit.saturating_sub(from).min(READ as u64) as usize);
        let old = self.buffer.len();
        self.buffer.resize(old + wanted, 0);
        let read = file
            .read_at(&mut self.buffer[old..], from)
            .map_err(JournalError::io(format!("{} can't be read", path.display())))?;
        self.buffer.truncate(old + read);
        if read == 0 && end.segment == self.at.segment {
            return Err(JournalError::Corrupt { file: path, offset: self.at.offset });
        }
        Ok(read > 0)
    }

    /// Waits for a record after the last one yielded. False: none came in that time.
    pub fn wait(&self, timeout: Duration) -> bool {
        self.shared.wait_beyond(self.at, timeout)
    }
}
