//! Cutting a stream of server-sent events into frames, with their exact bytes. A frame inside one piece is a
//! slice of it; only one that straddles pieces is copied. Other framings are beside it, one module each.

mod event_stream;
mod lines;

pub use event_stream::EventStream;
pub use lines::Lines;

use crate::WireError;
use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// Longest line and event, in bytes (SR-07).
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    pub line: usize,
    pub event: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { line: 8 << 20, event: 16 << 20 }
    }
}

/// An event (or a comment, or a lone blank line) with its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub raw: Bytes,
    /// The `event` line; empty where there is none.
    pub name: Bytes,
    /// The `data` lines, joined by newlines; empty for comments.
    pub data: Bytes,
    pub has_data: bool,
}

/// How a vendor cuts its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// Server-sent events.
    #[default]
    Sse,
    /// A JSON object a line.
    Lines,
    /// AWS's binary messages.
    EventStream,
}

/// The cutter of a framing.
#[derive(Debug)]
pub enum Framer {
    Sse(Sse),
    Lines(Lines),
    EventStream(EventStream),
}

impl Framer {
    pub fn new(framing: Framing, caps: Caps) -> Framer {
        match framing {
            Framing::Sse => Framer::Sse(Sse::new(caps)),
            Framing::Lines => Framer::Lines(Lines::new(caps)),
            Framing::EventStream => Framer::EventStream(EventStream::new(caps)),
        }
    }

    /// Takes the next piece; the frames it completes go to `out`.
    pub fn push(&mut self, piece: Bytes, out: &mut Vec<Frame>) -> Result<(), WireError> {
        match self {
            Framer::Sse(sse) => sse.push(piece, out),
            Framer::Lines(lines) => lines.push(piece, out),
            Framer::EventStream(stream) => stream.push(piece, out),
        }
    }

    /// The end: what is left is a last frame, whole or not.
    pub fn finish(&mut self, out: &mut Vec<Frame>) {
        match self {
            Framer::Sse(sse) => sse.finish(out),
            Framer::Lines(lines) => lines.finish(out),
            Framer::EventStream(stream) => stream.finish(out),
        }
    }
}

/// The cutter of server-sent events.
#[derive(Debug, Default)]
pub struct Sse {
    caps: Caps,
    pending: BytesMut,
    line: usize,
    after_cr: bool,
    /// The line that the carriage return ended was blank: the frame ends here, after a newline if one follows.
    ends_after_cr: bool,
    started: bool,
}

impl Sse {
    pub fn new(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    /// Takes the next piece; the frames it completes go to `out`.
    pub fn push(&mut self, piece: Bytes, out: &mut Vec<Frame>) -> Result<(), WireError> {
        let mut start = 0;
        let mut at = 0;
        while at < piece.len() {
            if self.after_cr {
                self.after_cr = false;
                let newline = piece[at] == b'\n';
                at += usize::from(newline);
                if std::mem::take(&mut self.ends_after_cr) {
                    self.emit(piece.slice(start..at), out);
                    start = at;
                }
                if newline {
                    continue;
                }
            }
            let rest = &piece[at..];
            let Some(stop) = memchr2(b'\n', b'\r', rest) else {
                self.line += rest.len();
                self.check(piece.len() - start)?;
                break;
            };
            self.line += stop;
            self.check(at + stop - start)?;
            at += stop + 1;
            let blank = self.line == 0;
            self.line = 0;
            if rest[stop] == b'\r' {
                self.after_cr = true;
                self.ends_after_cr = blank;
            } else if blank {
                self.emit(piece.slice(start..at), out);
                start = at;
            }
        }
        if start < piece.len() {
            self.pending.extend_from_slice(&piece[start..]);
        }
        Ok(())
    }

    /// The end: what is left is a last frame, whole or not.
    pub fn finish(&mut self, out: &mut Vec<Frame>) {
        if !self.pending.is_empty() {
            self.emit(Bytes::new(), out);
        }
        *self = Self::new(self.caps);
    }

    fn check(&self, more: usize) -> Result<(), WireError> {
        if self.line > self.caps.line || self.pending.len() + more > self.caps.event {
            return Err(WireError::new("an event of the stream is too long"));
        }
        Ok(())
    }

    fn emit(&mut self, tail: Bytes, out: &mut Vec<Frame>) {
        let raw = if self.pending.is_empty() {
            tail
        } else {
            self.pending.extend_from_slice(&tail);
            self.pending.split().freeze()
        };
        let mut body = raw.clone();
        if !self.started {
            self.started = true;
            if body.starts_with(b"\xEF\xBB\xBF") {
                body = body.slice(3..);
            }
        }
        let (name, data, has_data) = fields_of(&body);
        out.push(Frame { raw, name, data, has_data });
    }
}

/// The name and the `data` of a frame: one line is a slice, several are joined.
fn fields_of(frame: &Bytes) -> (Bytes, Bytes, bool) {
    let mut name = Bytes::new();
    let mut lines: Vec<Bytes> = Vec::new();
    let mut at = 0;
    while at < frame.len() {
        let rest = &frame[at..];
        let stop = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = &rest[..stop];
        // How far into the line a field's value begins.
        let value = |field: &str| match line.strip_prefix(field.as_bytes())? {
            [b':', b' ', ..] => Some(at + field.len() + 2),
            [b':', ..] => Some(at + field.len() + 1),
            [] => Some(at + field.len()),
            _ => None,
        };
        match line.first() {
            Some(b'd') => lines.extend(value("data").map(|from| frame.slice(from..at + stop))),
            Some(b'e') => {
                if let Some(from) = value("event") {
                    name = frame.slice(from..at + stop);
                }
            }
            _ => {}
        }
        at += stop + 1;
    }
    match lines.len() {
        0 => (name, Bytes::new(), false),
        1 => (name, lines.swap_remove(0), true),
        _ => (name, Bytes::from(lines.join(&b'\n')), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(text: &[u8], cuts: &[usize]) -> Vec<Frame> {
        let whole = Bytes::copy_from_slice(text);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.sort_unstable();
        let mut sse = Sse::default();
        let mut out = Vec::new();
        let mut start = 0;
        for cut in cuts {
            sse.push(whole.slice(start..cut), &mut out).unwrap();
            start = cut;
        }
        sse.push(whole.slice(start..), &mut out).unwrap();
        sse.finish(&mut out);
        out
    }

    fn data(text: &str) -> Vec<String> {
        let found = frames(text.as_bytes(), &[]);
        found.iter().filter(|f| f.has_data).map(|f| String::from_utf8_lossy(&f.data).into_owned()).collect()
    }

    #[test]
    fn every_way_to_end_a_line() {
        for text in [
            "data: a\n\ndata:b\n\n",
            "data: a\r\n\r\ndata:b\r\n\r\n",
            "data: a\r\rdata:b\r\r",
            "\u{feff}data: a\n\ndata:b",
        ] {
            assert_eq!(data(text), ["a", "b"], "{text:?}");
        }
        assert_eq!(data(": ping\n\ndata: a\ndata:  b\nid: 1\n\ndata\n\n"), ["a\n b", ""]);
    }

    #[test]
    fn an_event_has_the_name_of_its_last_event_line() {
        let found = frames(b"event: a\nevent:b\ndata: x\n\ndata: y\n\n", &[]);
        assert_eq!(found.iter().map(|frame| &frame.name[..]).collect::<Vec<_>>(), [&b"b"[..], b""]);
    }

    #[test]
    fn a_frame_in_one_piece_is_not_copied() {
        let piece = Bytes::from_static(b"data: a\n\ndata: b\n\n");
        let mut out = Vec::new();
        Sse::default().push(piece.clone(), &mut out).unwrap();
        assert_eq!(out[1].raw.as_ptr(), piece[9..].as_ptr());
    }

    #[test]
    fn lines_have_a_limit() {
        let mut sse = Sse::new(Caps { line: 10, event: 100 });
        assert!(sse.push(Bytes::from_static(b"data: 5678"), &mut vec![]).is_ok());
        assert!(sse.push(Bytes::from_static(b"9"), &mut vec![]).is_err());
        let mut sse = Sse::new(Caps { line: 10, event: 20 });
        assert!(sse.push(Bytes::from_static(b"data: a\ndata: b\ndata: c\n"), &mut vec![]).is_err());
    }

    proptest! {
        #[test]
        fn where_bytes_are_cut_makes_no_difference(text in "(data: ?[a-c]{0,3}|:x|event: e|)(\n|\r\n|\r){1,3}(data:[x-z]{0,4}\n|\r|\n){0,6}", cuts in proptest::collection::vec(any::<usize>(), 0..10)) {
            let whole = frames(text.as_bytes(), &[]);
            prop_assert_eq!(&whole, &frames(text.as_bytes(), &cuts));
            let joined: Vec<u8> = whole.iter().flat_map(|frame| frame.raw.to_vec()).collect();
            prop_assert_eq!(joined, text.as_bytes());
        }
    }
}
