//! Cutting AWS's event streams (`application/vnd.amazon.eventstream`) into frames: messages with a length, typed
//! headers and checksums. A message inside one piece is a slice of it.

use super::{Caps, Frame};
use crate::WireError;
use crate::json::{self, Json, Members};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes, BytesMut};

/// Bytes before the headers: two lengths and their checksum.
const PRELUDE: usize = 12;
/// Bytes of a message without headers and payload.
const LEAST: usize = PRELUDE + 4;
/// Bytes of headers that AWS allows.
const HEADERS_MAX: usize = 128 << 10;

/// The cutter. A frame's name is the event's type. What went wrong (a message that is an exception or an error)
/// has the type of it as its name, and as its data `{"__type":type,"error":{"type":type,"message":…}}`, with all
/// that the payload says in `error`. A `chunk` of InvokeModel is the model's own event that it wraps.
#[derive(Debug, Default)]
pub struct EventStream {
    caps: Caps,
    pending: BytesMut,
    /// Nothing can be found any more behind a message that could not be read.
    broken: bool,
}

impl EventStream {
    pub fn new(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    /// Takes the next piece; the messages it completes go to `out`.
    pub fn push(&mut self, mut piece: Bytes, out: &mut Vec<Frame>) -> Result<(), WireError> {
        if self.broken {
            return Err(corrupt());
        }
        let cut = self.cut(&mut piece, out);
        self.broken = cut.is_err();
        if self.broken {
            self.pending = BytesMut::new();
        }
        cut
    }

    /// The end: a message that was cut off is none.
    pub fn finish(&mut self, _out: &mut Vec<Frame>) {
        *self = Self::new(self.caps);
    }

    fn cut(&mut self, piece: &mut Bytes, out: &mut Vec<Frame>) -> Result<(), WireError> {
        while !piece.is_empty() {
            if self.pending.is_empty() && piece.len() >= PRELUDE {
                let length = self.length(piece)?;
                if piece.len() >= length {
                    out.push(message(piece.split_to(length))?);
                    continue;
                }
            }
            let wanted = if self.pending.len() < PRELUDE { PRELUDE } else { self.length(&self.pending)? };
            let more = wanted.saturating_sub(self.pending.len()).min(piece.len());
            self.pending.extend_from_slice(&piece.split_to(more));
            if self.pending.len() >= PRELUDE && self.pending.len() >= self.length(&self.pending)? {
                out.push(message(self.pending.split().freeze())?);
            }
        }
        Ok(())
    }

    /// The length of the message that begins with a prelude.
    fn length(&self, bytes: &[u8]) -> Result<usize, WireError> {
        let mut prelude = bytes.get(..PRELUDE).ok_or_else(corrupt)?;
        let sum = crc32fast::hash(&prelude[..PRELUDE - 4]);
        let length = prelude.get_u32() as usize;
        let headers = prelude.get_u32() as usize;
        if prelude.get_u32() != sum || length < LEAST || headers > length - LEAST {
            return Err(corrupt());
        }
        if length > self.caps.event || headers > HEADERS_MAX {
            return Err(WireError::new("an event of the stream is too long"));
        }
        Ok(length)
    }
}

fn corrupt() -> WireError {
    WireError::new("the event stream is corrupt")
}

/// Headers that say what a message is.
#[derive(Debug, Default)]
struct Heads {
    message: Bytes,
    event: Bytes,
    exception: Bytes,
    code: Bytes,
    text: Bytes,
}

/// A whole message as a frame.
fn message(raw: Bytes) -> Result<Frame, WireError> {
    let body = raw.len().checked_sub(4).ok_or_else(corrupt)?;
    let sum = raw.slice(body..).get_u32();
    if crc32fast::hash(&raw[..body]) != sum {
        return Err(corrupt());
    }
    let headers = raw.get(4..8).ok_or_else(corrupt)?.get_u32() as usize;
    let payload = PRELUDE + headers;
    if payload > body {
        return Err(corrupt());
    }
    let heads = heads(raw.slice(PRELUDE..payload))?;
    let payload = raw.slice(payload..body);
    let (name, data) = match &heads.message[..] {
        b"exception" => {
            let data = fault(&heads.exception, &[], &payload);
            (heads.exception, data)
        }
        b"error" => {
            let data = fault(&heads.code, &heads.text, &payload);
            (heads.code, data)
        }
        _ if &heads.event[..] == b"chunk" => (heads.event, chunk(payload)?),
        _ => (heads.event, payload),
    };
    let has_data = !data.is_empty();
    Ok(Frame { raw, name, data, has_data })
}

fn heads(mut rest: Bytes) -> Result<Heads, WireError> {
    let mut heads = Heads::default();
    while !rest.is_empty() {
        let length = usize::from(take(&mut rest, 1)?.get_u8());
        let name = take(&mut rest, length)?;
        let kind = take(&mut rest, 1)?.get_u8();
        let length = match kind {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            9 => 16,
            6 | 7 => usize::from(take(&mut rest, 2)?.get_u16()),
            _ => return Err(corrupt()),
        };
        let value = take(&mut rest, length)?;
        let known = match &name[..] {
            b":message-type" => &mut heads.message,
            b":event-type" => &mut heads.event,
            b":exception-type" => &mut heads.exception,
            b":error-code" => &mut heads.code,
            b":error-message" => &mut heads.text,
            _ => continue,
        };
        if kind == 7 {
            *known = value;
        }
    }
    Ok(heads)
}

fn take(rest: &mut Bytes, length: usize) -> Result<Bytes, WireError> {
    if rest.len() < length { Err(corrupt()) } else { Ok(rest.split_to(length)) }
}

/// What went wrong, as JSON.
fn fault(kind: &[u8], text: &[u8], payload: &[u8]) -> Bytes {
    let kind = String::from_utf8_lossy(kind);
    let said = Members::of_body(payload).map(Members::rest).unwrap_or_default();
    let plain = if said.is_empty() { String::from_utf8_lossy(payload) } else { "".into() };
    let text = if text.is_empty() { plain } else { String::from_utf8_lossy(text) };
    let data = json::object(|o| {
        o.text("__type", &kind);
        o.object("error", |o| {
            o.text("type", &kind);
            if !said.iter().any(|(name, _)| name.eq_ignore_ascii_case("message")) {
                o.text("message", if text.is_empty() { &kind } else { &text });
            }
            said.iter().filter(|(name, _)| name != "type").for_each(|(name, value)| o.json(name, value));
        });
    });
    Bytes::from(data)
}

/// The event in a chunk of InvokeModelWithResponseStream; the payload itself where it wraps none.
fn chunk(payload: Bytes) -> Result<Bytes, WireError> {
    let Ok(mut members) = Members::of_body(&payload) else { return Ok(payload) };
    let Some(wrapped) = members.take("bytes") else { return Ok(payload) };
    let bytes = match wrapped.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        // Standard base64 has nothing to escape but the slash, which few writers do.
        Some(text) if !text.contains('\\') => STANDARD.decode(text),
        _ => STANDARD.decode(Json::from(wrapped).tree().as_str().unwrap_or("?")),
    };
    bytes.map(Bytes::from).map_err(|_| corrupt())
}

#[cfg(test)]
#[path = "event_stream/tests.rs"]
mod tests;
