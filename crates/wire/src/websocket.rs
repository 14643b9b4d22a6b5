//! Reading the vendor's side of a WebSocket as it passes, for the usage its messages report.

use crate::usage;
use magic_domain::endpoint::Endpoint;
use magic_domain::usage::Usage;
use serde_json::Value;

/// Messages longer than this pass unread (none that reports usage is).
const MESSAGE_MAX: usize = 1 << 20;

/// A push parser of frames.
#[derive(Default)]
pub struct Parser {
    head: Vec<u8>,
    /// Bytes of the payload still to come, and whether they are kept.
    left: u64,
    mask: Option<[u8; 4]>,
    masked: usize,
    kind: Kind,
    fin: bool,
    message: Vec<u8>,
    overflow: bool,
    in_payload: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    None,
    Text,
    Other,
}

impl Parser {
    /// Takes the next bytes; yields the text messages they complete.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        while !bytes.is_empty() || (self.in_payload && self.left == 0) {
            if self.in_payload {
                let now = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.take(&bytes[..now]);
                bytes = &bytes[now..];
                self.left -= now as u64;
                if self.left == 0 {
                    self.end_frame(&mut out);
                }
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            self.begin_frame();
        }
        out
    }

    fn begin_frame(&mut self) {
        let head = &self.head;
        let Some(second) = head.get(1) else { return };
        let masked = second & 0x80 != 0;
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let needed = 2 + extended + if masked { 4 } else { 0 };
        if head.len() < needed {
            return;
        }
        self.left = match extended {
            0 => u64::from(second & 0x7f),
            _ => head[2..2 + extended].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        self.mask = masked.then(|| [head[needed - 4], head[needed - 3], head[needed - 2], head[needed - 1]]);
        self.masked = 0;
        self.fin = head[0] & 0x80 != 0;
        match head[0] & 0x0f {
            0 => {}
            1 => {
                self.kind = Kind::Text;
                self.message.clear();
                // Extensions (compression) set a reserved bit; such text can't be read here.
                self.overflow = head[0] & 0x70 != 0;
            }
            2 => self.kind = Kind::Other,
            _ => self.fin = false, // control frames come between the fragments of a message
        }
        self.in_payload = true;
        if matches!(head[0] & 0x0f, 8..) {
            self.mask = None;
            self.masked = usize::MAX;
        }
        self.head.clear();
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.kind != Kind::Text || self.overflow || self.masked == usize::MAX {
            return;
        }
        if self.message.len() + bytes.len() > MESSAGE_MAX {
            self.overflow = true;
            self.message = Vec::new();
            return;
        }
        match self.mask {
            None => self.message.extend_from_slice(bytes),
            Some(mask) => {
                for byte in bytes {
                    self.message.push(byte ^ mask[self.masked % 4]);
                    self.masked += 1;
                }
            }
        }
    }

    fn end_frame(&mut self, out: &mut Vec<Vec<u8>>) {
        self.in_payload = false;
        if !self.fin {
            return;
        }
        if self.kind == Kind::Text && !self.overflow {
            out.push(std::mem::take(&mut self.message));
        }
        self.kind = Kind::None;
        self.overflow = false;
    }
}

/// The usage a realtime message reports: `response.done` carries that of its response.
pub fn realtime_usage(message: &[u8]) -> Option<Usage> {
    memchr::memmem::find(message, b"\"usage\"")?;
    let value: Value = serde_json::from_slice(message).ok()?;
    if value.get("type").and_then(Value::as_str) != Some("response.done") {
        return None;
    }
    usage::read(Endpoint::Realtime, value.get("response")?.get("usage")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut out = vec![first];
        let bit = if mask.is_some() { 0x80 } else { 0 };
        match payload.len() {
            n @ 0..126 => out.push(bit | n as u8),
            n @ 126..65536 => {
                out.push(bit | 126);
                out.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                out.push(bit | 127);
                out.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        if let Some(mask) = mask {
            out.extend_from_slice(&mask);
            out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
        } else {
            out.extend_from_slice(payload);
        }
        out
    }

    fn read(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut parser = Parser::default();
        bytes.chunks(step.max(1)).flat_map(|chunk| parser.push(chunk)).collect()
    }

    #[test]
    fn fragments_join_and_control_frames_pass_between() {
        let bytes = [
            frame(0x01, b"hel", None),
            frame(0x89, b"ping", None),
            frame(0x80, b"lo", Some([1, 2, 3, 4])),
            frame(0x82, b"\0\0", None),
            frame(0x81, b"", None),
            frame(0x81, &[b'x'; 70_000], None),
        ]
        .concat();
        for step in [1, 3, 7, 100_000] {
            assert_eq!(read(&bytes, step), [b"hello".to_vec(), vec![], vec![b'x'; 70_000]], "{step}");
        }
    }

    #[test]
    fn a_message_too_long_is_skipped() {
        let bytes = [frame(0x81, &vec![b'x'; MESSAGE_MAX + 1], None), frame(0x81, b"ok", None)].concat();
        assert_eq!(read(&bytes, 10_000), [b"ok".to_vec()]);
    }

    #[test]
    fn a_finished_response_reports_its_usage() {
        let message = br#"{"type":"response.done","response":{"usage":{"input_tokens":10,"output_tokens":4,"input_token_details":{"audio_tokens":6}}}}"#;
        let usage = realtime_usage(message).unwrap();
        assert_eq!((usage.input_total(), usage.output_total()), (10, 4));
        assert!(realtime_usage(br#"{"type":"session.created","usage":{}}"#).is_none());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1usize..20) {
            let _ = read(&bytes, step);
        }
    }
}
