//! Up to where the records of an epoch have been posted.

use crate::error::JournalError;
use crate::frame::Position;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) fn path(dir: &Path, epoch: &str) -> PathBuf {
    dir.join(format!("{epoch}.ckpt"))
}

/// The position, or the start of the first segment when none is recorded (records are then read again, which
/// their idempotence makes harmless).
pub(crate) fn read(dir: &Path, epoch: &str) -> Position {
    let start = Position { segment: 1, offset: 0 };
    let Ok(text) = fs::read_to_string(path(dir, epoch)) else { return start };
    let mut words = text.split_whitespace().map(str::parse::<u64>);
    match (words.next(), words.next()) {
        (Some(Ok(segment)), Some(Ok(offset))) => Position { segment, offset },
        _ => start,
    }
}

pub(crate) fn write(dir: &Path, epoch: &str, at: Position) -> Result<(), JournalError> {
    let temporary = dir.join(format!("{epoch}.ckpt.tmp"));
    let save = || {
        let mut file = fs::File::create(&temporary)?;
        writeln!(file, "{} {}", at.segment, at.offset)?;
        file.sync_data()?;
        fs::rename(&temporary, path(dir, epoch))
    };
    save().map_err(JournalError::io("the journal's checkpoint can't be written"))
}
