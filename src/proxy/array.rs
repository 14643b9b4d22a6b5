//! `streamGenerateContent` without `alt=sse`: Google answers with one JSON array whose elements come as they are
//! made. Our streams of events become such an array at the last moment.

use bytes::Bytes;
use magic_wire::frame::{Caps, Frame, Sse};

/// What keeps a waiting caller's connection open between two elements.
pub const PING: &[u8] = b"\n";

/// Turns events into elements.
#[derive(Default)]
pub struct Array {
    framer: Sse,
    frames: Vec<Frame>,
    begun: bool,
}

impl Array {
    pub fn new() -> Array {
        Array { framer: Sse::new(Caps::default()), ..Array::default() }
    }

    /// Takes events of ours, whole or in pieces; `end` closes the array.
    pub fn push(&mut self, events: Bytes, end: bool) -> Bytes {
        // A frame that is longer than our own limit does not come from our own writers.
        let _ = self.framer.push(events, &mut self.frames);
        if end {
            self.framer.finish(&mut self.frames);
        }
        let mut out = Vec::new();
        for frame in self.frames.drain(..).filter(|frame| frame.has_data && !frame.data.is_empty()) {
            out.extend_from_slice(if self.begun { b",\r\n" } else { b"[" });
            out.extend_from_slice(&frame.data);
            self.begun = true;
        }
        if end {
            out.extend_from_slice(if self.begun { b"\n]\n" } else { b"[]" });
        }
        Bytes::from(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_in_any_pieces_are_one_array() {
        let events = b"data: {\"a\":1}\r\n\r\n: ping\r\n\r\ndata: {\"b\":[2]}\n\ndata: {\"c\":3}";
        for cut in 0..events.len() {
            let mut array = Array::new();
            let mut out = array.push(Bytes::copy_from_slice(&events[..cut]), false).to_vec();
            out.extend_from_slice(PING);
            out.extend_from_slice(&array.push(Bytes::copy_from_slice(&events[cut..]), false));
            out.extend_from_slice(&array.push(Bytes::new(), true));
            let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(value, serde_json::json!([{"a": 1}, {"b": [2]}, {"c": 3}]));
        }
    }

    #[test]
    fn a_stream_without_events_is_an_empty_array() {
        assert_eq!(Array::new().push(Bytes::new(), true), "[]");
    }
}
