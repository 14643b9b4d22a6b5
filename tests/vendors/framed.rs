//! Streams that are no text: AWS's frames, WebSocket messages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use magic_testkit::vendor::{Script, Seen};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

/// A message of AWS's event stream.
pub fn message(event: &str, payload: &Value) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in
        [(":message-type", "event"), (":event-type", event), (":content-type", "application/json")]
    {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let payload = payload.to_string();
    let mut out = Vec::new();
    out.extend_from_slice(&((16 + headers.len() + payload.len()) as u32).to_be_bytes());
    out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    let prelude = crc32fast::hash(&out);
    out.extend_from_slice(&prelude.to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload.as_bytes());
    let whole = crc32fast::hash(&out);
    out.extend_from_slice(&whole.to_be_bytes());
    out
}

/// Converse's stream of "hello".
pub fn converse() -> Vec<u8> {
    [
        message("messageStart", &json!({ "role": "assistant" })),
        message("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": "hello" } })),
        message("contentBlockStop", &json!({ "contentBlockIndex": 0 })),
        message("messageStop", &json!({ "stopReason": "end_turn" })),
        message("metadata", &json!({ "usage": { "inputTokens": 10, "outputTokens": 5, "totalTokens": 15 } })),
    ]
    .concat()
}

/// The same of Claude by InvokeModel: its own events, wrapped.
pub fn invoked(events: &[Value]) -> Vec<u8> {
    let wrap = |event: &Value| message("chunk", &json!({ "bytes": STANDARD.encode(event.to_string()) }));
    events.iter().flat_map(wrap).collect()
}

/// Accepts a WebSocket and sends text messages.
pub fn websocket(seen: &Seen, messages: &[Value]) -> Script {
    let mut hash = Sha1::new();
    hash.update(seen.headers["sec-websocket-key"].as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.finalize());
    let mut out = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    for message in messages {
        let text = message.to_string();
        out.push(0x81);
        match text.len() {
            n @ 0..126 => out.push(n as u8),
            n => out.extend_from_slice(&[&[126][..], &(n as u16).to_be_bytes()].concat()),
        }
        out.extend_from_slice(text.as_bytes());
    }
    Script::Raw(out.into())
}
