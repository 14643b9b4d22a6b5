//! A file's bytes on their way: in pieces of bounded size, the next one read when the last has left.

use super::look::{Blob, Data};
use super::range::Part;
use crate::sites::squeeze::Squeeze;
use bytes::{Bytes, BytesMut};
use pingora_core::protocols::http::server::Session as HttpSession;
use pingora_error::{Error, ErrorType, Result};
use pingora_proxy::Session;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that are read and written at once.
const PIECE: usize = 256 << 10;
/// The same where something is done with them on the way: others wait meanwhile.
const SHORT: usize = 64 << 10;
/// A caller who takes less than this per second is not waited for (HTTP/1.1) …
const SLOWEST: usize = 1 << 10;
/// … and one that takes nothing for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a read may take.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// Callers who do not read are not waited for.
pub fn limits(session: &mut Session) {
    session.set_write_timeout(Some(PATIENCE));
    if let HttpSession::H1(_) = session.as_downstream() {
        session.set_min_send_rate(Some(SLOWEST));
    }
}

/// Sends a part of the bytes.
pub async fn part(session: &mut Session, data: &Data, part: Part, end: bool) -> Result<()> {
    pieces(session, data, part, end, PIECE, |bytes, _| Ok(bytes)).await
}

/// Sends all of the bytes, through a compressor.
pub async fn squeezed(session: &mut Session, blob: &Blob, mut squeeze: Squeeze) -> Result<()> {
    pieces(session, &blob.data, (0, blob.size), true, SHORT, |bytes, end| squeeze.push(&bytes, end)).await
}

async fn pieces(
    session: &mut Session,
    data: &Data,
    (first, length): Part,
    end: bool,
    most: usize,
    mut through: impl FnMut(Bytes, bool) -> io::Result<Bytes> + Send,
) -> Result<()> {
    let broken = |error| Error::because(ErrorType::FileReadError, "a file of a site can't be read", error);
    let file = match data {
        Data::Memory(bytes) => {
            let from = usize::try_from(first).unwrap_or(usize::MAX).min(bytes.len());
            let to = from.saturating_add(length as usize).min(bytes.len());
            let mut rest = bytes.slice(from..to);
            loop {
                let piece = rest.split_to(most.min(rest.len()));
                let last = end && rest.is_empty();
                let piece = through(piece, last).map_err(broken)?;
                if !piece.is_empty() || last {
                    session.write_response_body(Some(piece), last).await?;
                }
                if rest.is_empty() {
                    return Ok(());
                }
            }
        }
        Data::File(file) => file,
    };
    let most = most.min(usize::try_from(length).unwrap_or(most));
    let mut buffer = BytesMut::zeroed(most);
    let (mut at, until) = (first, first + length);
    while at < until {
        let want = usize::try_from(until - at).unwrap_or(most).min(most);
        let (filled, count) = read(file, buffer, at, want).await.map_err(broken)?;
        at += count as u64;
        let (last, whole) = (end && at == until, filled.freeze());
        let piece = through(whole.slice(..count), last).map_err(broken)?;
        if !piece.is_empty() || last {
            session.write_response_body(Some(piece), last).await?;
        }
        // HTTP/2 may still hold the last piece: then it keeps it, and another is taken.
        buffer = whole.try_into_mut().unwrap_or_else(|_| BytesMut::zeroed(most));
    }
    Ok(())
}

/// Reads up to `want` bytes into the buffer. What the kernel has in memory is read at once; for the rest a thread
/// that may block waits for the disk.
async fn read(file: &Arc<File>, mut buffer: BytesMut, at: u64, want: usize) -> io::Result<(BytesMut, usize)> {
    match at_once(file, &mut buffer[..want], at) {
        Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Some(count) => return Ok((buffer, count)),
        None => {}
    }
    let file = file.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let count = file.read_at(&mut buffer[..want], at)?;
        Ok((buffer, count))
    });
    match tokio::time::timeout(READ_DEADLINE, reading).await {
        Ok(Ok(Ok((_, 0)))) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(io::Error::other("the reader ended")),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(target_os = "linux")]
fn at_once(file: &File, buffer: &mut [u8], at: u64) -> Option<usize> {
    let mut into = [io::IoSliceMut::new(buffer)];
    rustix::io::preadv2(file, &mut into, at, rustix::io::ReadWriteFlags::NOWAIT).ok()
}

#[cfg(not(target_os = "linux"))]
fn at_once(_: &File, _: &mut [u8], _: u64) -> Option<usize> {
    None
}
