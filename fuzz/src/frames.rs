//! Framers, followers of answers in their own dialect, the WebSocket parser and the readers of errors.

use crate::{must_be_json, pieces};
use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_wire::chat::Dialect;
use magic_wire::fault;
use magic_wire::frame::{Caps, Frame, Framer, Framing, Sse};
use magic_wire::reply::{JsonReply, StreamOptions, StreamReply, StreamState};
use magic_wire::websocket::{Parser, realtime_usage};

const CALLERS: &[Dialect] =
    &[Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Gemini];

/// What must hold for bytes from a network. See [`pieces`] for the layout of an input.
pub fn check(data: &[u8]) {
    let Some((body, cut)) = pieces(data) else { return };
    let whole = std::slice::from_ref(&body);
    for framing in [Framing::Sse, Framing::Lines, Framing::EventStream] {
        for caps in [Caps::default(), Caps { line: 40, event: 60 }] {
            let (frames, error) = framed(framing, caps, whole);
            let (others, other) = framed(framing, caps, &cut);
            // How far a cutter comes before a limit is its own affair.
            if error.is_none() && other.is_none() {
                assert_eq!(frames, others, "{framing:?}");
            }
            if caps.event == Caps::default().event {
                assert_eq!(error, other, "{framing:?}");
            }
            if framing == Framing::Sse && error.is_none() {
                let joined: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
                assert_eq!(joined, body, "SSE lost bytes");
            }
        }
    }
    let built = Bytes::from(messages(&body));
    let (frames, error) = framed(Framing::EventStream, Caps::default(), &[built]);
    assert!(error.is_none() || !frames.is_empty() || body.is_empty() || body.contains(&b'{'));
    follow(&body, &cut);
    assert_eq!(messages_of(whole), messages_of(&cut), "WebSocket");
    let _ = realtime_usage(&body);
    faults(&body);
}

fn framed(framing: Framing, caps: Caps, pieces: &[Bytes]) -> (Vec<Frame>, Option<String>) {
    let mut framer = Framer::new(framing, caps);
    let mut out = Vec::new();
    for piece in pieces {
        if let Err(error) = framer.push(piece.clone(), &mut out) {
            return (out, Some(error.message));
        }
    }
    framer.finish(&mut out);
    (out, None)
}

/// The answer passes as it came, however it is cut, and says the same.
fn follow(body: &Bytes, cut: &[Bytes]) {
    let whole = std::slice::from_ref(body);
    for endpoint in [Endpoint::Chat, Endpoint::Responses, Endpoint::ImageGenerations] {
        let outcome = |pieces: &[Bytes]| {
            let mut reply = JsonReply::new(endpoint);
            pieces.iter().for_each(|piece| reply.push(piece));
            reply.finish()
        };
        assert_eq!(outcome(whole), outcome(cut), "{endpoint:?}");
        for strip_usage in [false, true] {
            let passed = |pieces: &[Bytes]| -> (Vec<u8>, StreamState, String) {
                let mut out = Vec::new();
                let options = StreamOptions { strip_usage, caps: Caps::default() };
                let mut reply = StreamReply::new(endpoint, options);
                for piece in pieces {
                    reply.push(piece.clone(), &mut out).expect("no input is beyond the limits");
                }
                reply.finish(&mut out);
                (out.concat(), reply.state().clone(), reply.take_text())
            };
            let passes = passed(whole);
            assert_eq!(passes, passed(cut), "{endpoint:?}");
            if !strip_usage {
                assert!(body.starts_with(&passes.0), "bytes that pass were changed");
            }
        }
    }
}

fn messages_of(pieces: &[Bytes]) -> Vec<Vec<u8>> {
    let mut parser = Parser::default();
    pieces.iter().flat_map(|piece| parser.push(piece)).collect()
}

fn faults(body: &[u8]) {
    let _ = fault::hidden(body);
    let _ = fault::hidden(body);
    for status in [200, 429] {
        let read = fault::read_fault(status, body);
        assert!(!read.message.is_empty() && !read.kind.is_empty());
        let _ = fault::disables_channel(status, &read);
        let ours = Fault::new(Code::UpstreamError, read.message.clone());
        for dialect in CALLERS {
            must_be_json(fault::write_vendor_fault(*dialect, &read, &ours, "r"), "a vendor's error");
            must_be_json(fault::write_fault(*dialect, &ours, "r"), "an error");
            for endpoint in [Endpoint::Chat, Endpoint::Responses] {
                let mut frames = Vec::new();
                let event = fault::write_fault_event(*dialect, endpoint, &ours, "r");
                Sse::default().push(event, &mut frames).expect("an error is short");
                assert_eq!(frames.len(), 1);
                must_be_json(&frames[0].data, "an event of an error");
            }
        }
    }
}

/// AWS's messages with checksums, of lines `type payload`; a type with `!` before it is an exception.
pub fn messages(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (kind, payload) = (&line[..space], line.get(space + 1..).unwrap_or_default());
        let (name, message, kind) = match kind.strip_prefix(b"!") {
            Some(kind) => (":exception-type", "exception", kind),
            None => (":event-type", "event", kind),
        };
        let mut headers = Vec::new();
        for (name, value) in [(name, kind), (":message-type", message.as_bytes())] {
            headers.push(name.len() as u8);
            headers.extend_from_slice(name.as_bytes());
            headers.push(7);
            let value = &value[..value.len().min(100)];
            headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
            headers.extend_from_slice(value);
        }
        let start = out.len();
        out.extend_from_slice(&((16 + headers.len() + payload.len()) as u32).to_be_bytes());
        out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
        out.extend_from_slice(&crc32fast::hash(&out[start..]).to_be_bytes());
        out.extend_from_slice(&headers);
        out.extend_from_slice(payload);
        out.extend_from_slice(&crc32fast::hash(&out[start..]).to_be_bytes());
    }
    out
}
