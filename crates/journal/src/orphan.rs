//! Epochs whose process is dead: their records are read once more, then their files go.

use crate::checkpoint;
use crate::error::JournalError;
use crate::frame::{Frame, HEADER, Position, decode};
use crate::writer::{lock, lock_path, segment_path};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A dead epoch. Its lock is held while this lives, so that nobody else adopts it too.
pub struct Orphan {
    dir: PathBuf,
    epoch: String,
    segments: Vec<u64>,
    _lock: File,
}

/// What is left of an epoch.
#[derive(Debug)]
pub struct Remains {
    /// Payloads from the last checkpoint on, in order.
    pub records: Vec<Vec<u8>>,
    /// Bytes of a record that the process did not finish writing; nobody was told it was written.
    pub torn: u64,
}

/// The epochs in a directory and the numbers of their segments, except `own`.
fn epochs(dir: &Path, own: &str) -> Result<BTreeMap<String, Vec<u64>>, JournalError> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(JournalError::io(format!("{} can't be read", dir.display()))(error)),
    };
    let mut epochs = BTreeMap::<String, Vec<u64>>::new();
    for entry in listing.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some((epoch, number)) = name.strip_suffix(".wal").and_then(|stem| stem.rsplit_once('-'))
            && let Ok(number) = number.parse()
            && epoch != own
        {
            epochs.entry(epoch.to_owned()).or_default().push(number);
        }
    }
    Ok(epochs)
}

/// Whether another process that writes its journal here is alive: one before this one, or one after it.
pub fn others_live(dir: &Path, own: &str) -> Result<bool, JournalError> {
    for epoch in epochs(dir, own)?.into_keys() {
        match lock(dir, &epoch) {
            Err(JournalError::Locked(_)) => return Ok(true),
            other => other.map(drop)?,
        }
    }
    Ok(false)
}

/// The epochs in a directory whose process is dead, except `own`.
pub fn orphans(dir: &Path, own: &str) -> Result<Vec<Orphan>, JournalError> {
    let mut found = Vec::new();
    for (epoch, mut segments) in epochs(dir, own)? {
        segments.sort_unstable();
        match lock(dir, &epoch) {
            Ok(lock) => found.push(Orphan { dir: dir.to_owned(), epoch, segments, _lock: lock }),
            Err(JournalError::Locked(_)) => {} // alive: an upgrade is under way, or another node shares the disk
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

impl Orphan {
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Reads what has not been posted. A record cut off at the very end is dropped and counted; any other
    /// damage is an error.
    pub fn read(&self) -> Result<Remains, JournalError> {
        let from = checkpoint::read(&self.dir, &self.epoch);
        let mut remains = Remains { records: Vec::new(), torn: 0 };
        let mut expected: Option<u64> = None;
        for number in self.segments.iter().copied().filter(|number| *number >= from.segment) {
            let file = segment_path(&self.dir, &self.epoch, number);
            if expected.is_some_and(|expected| expected != number) {
                return Err(JournalError::Corrupt { file, offset: 0 });
            }
            expected = Some(number + 1);
            let last = self.segments.last() == Some(&number);
            let start = if number == from.segment { from } else { Position { segment: number, offset: 0 } };
            remains.torn += read_segment(&file, start.offset, last, &mut remains.records)?;
        }
        Ok(remains)
    }

    /// Deletes the epoch's files, once its records have been posted.
    pub fn remove(self) {
        for number in &self.segments {
            let _ = fs::remove_file(segment_path(&self.dir, &self.epoch, *number));
        }
        let _ = fs::remove_file(checkpoint::path(&self.dir, &self.epoch));
        let _ = fs::remove_file(self.dir.join(format!("{}.reserve", self.epoch)));
        let _ = fs::remove_file(lock_path(&self.dir, &self.epoch));
    }
}

fn read_segment(file: &Path, from: u64, last: bool, records: &mut Vec<Vec<u8>>) -> Result<u64, JournalError> {
    let bytes = fs::read(file).map_err(JournalError::io(format!("{} can't be read", file.display())))?;
    let corrupt = |offset: usize| JournalError::Corrupt { file: file.to_owned(), offset: offset as u64 };
    if bytes.len() < HEADER.len() {
        // The process died while it made the file.
        return if last { Ok(bytes.len() as u64) } else { Err(corrupt(0)) };
    }
    if &bytes[..HEADER.len()] != HEADER {
        return Err(corrupt(0));
    }
    let mut at = (from as usize).max(HEADER.len());
    while at < bytes.len() {
        match decode(&bytes[at..]) {
            Frame::Whole(payload, length) => {
                records.push(payload.to_vec());
                at += length;
            }
            Frame::Short | Frame::Bad if last && torn(&bytes[at..]) => return Ok((bytes.len() - at) as u64),
            Frame::Short | Frame::Bad => return Err(corrupt(at)),
        }
    }
    Ok(0)
}

/// Whether bad bytes at the end of the last segment are a write that never finished: nothing that follows
/// them is a whole record. (A power cut may leave a record's bytes as zeros or rubbish.)
fn torn(rest: &[u8]) -> bool {
    (1..rest.len()).all(|skip| !matches!(decode(&rest[skip..]), Frame::Whole(..)))
}
