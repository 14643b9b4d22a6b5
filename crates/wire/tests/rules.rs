//! The rules of conversion C1 to C42 between dialects: the same transcript from every vendor to every caller, and
//! the same request from every caller to every vendor. Rules of one dialect alone are tested beside it.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "rules/answers.rs"]
mod answers;
#[path = "rules/requests.rs"]
mod requests;
#[path = "rules/streams.rs"]
mod streams;
#[path = "rules/transcripts.rs"]
mod transcripts;

use bytes::Bytes;
use magic_domain::endpoint::Endpoint;
use magic_wire::WireError;
use magic_wire::chat::{Dialect, Event, Losses};
use magic_wire::codec::{Asked, Echo, FaceCodec, Pipe, To};
use magic_wire::dialect;
use magic_wire::frame::{Caps, Frame, Sse};
use serde_json::Value;

fn face(dialect: Dialect) -> &'static dyn FaceCodec {
    dialect::face(dialect, Endpoint::Chat).unwrap()
}

/// A vendor's stream for a caller: the bytes of it, cut as given.
fn told(vendor: Dialect, pieces: &[&[u8]], caller: Dialect, wants_usage: bool) -> Vec<u8> {
    let codec = dialect::vendor(vendor).unwrap();
    let asked = Asked { model: "m".into(), request: None };
    let mut pipe = Pipe::new(codec.reader(&asked), codec.framing(), Caps::default());
    let mut events: Vec<Event> = Vec::new();
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece), &mut events).unwrap();
    }
    assert!(pipe.end(&mut events).unwrap(), "{vendor:?}: {events:?}");
    let echo = Echo { model: "m".into(), request_id: "r".into(), created: 7, wants_usage, request: None };
    let mut writer = face(caller).writer(echo);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.event(event, &mut out));
    writer.end(&mut out);
    out
}

/// The events of a caller's stream; `[DONE]` is a text.
fn frames(stream: &[u8]) -> Vec<Value> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut sse = Sse::default();
    sse.push(Bytes::copy_from_slice(stream), &mut frames).unwrap();
    sse.finish(&mut frames);
    let value = |frame: &Frame| match frame.data.as_ref() {
        b"[DONE]" => Value::from("[DONE]"),
        data => serde_json::from_slice(data).unwrap(),
    };
    frames.iter().map(value).collect()
}

fn streamed(vendor: Dialect, stream: &[u8], caller: Dialect) -> Vec<Value> {
    frames(&told(vendor, &[stream], caller, false))
}

/// A vendor's whole answer for a caller.
fn answered(vendor: Dialect, body: &Value, caller: Dialect) -> Value {
    let asked = Asked { model: "m".into(), request: None };
    let reply = dialect::vendor(vendor).unwrap().read_reply(body.to_string().as_bytes(), &asked).unwrap();
    let echo = Echo { model: "m".into(), request_id: "r".into(), ..Echo::default() };
    serde_json::from_str(&face(caller).write_reply(&reply, &echo)).unwrap()
}

/// A caller's request for a vendor, and what was lost.
fn asked(
    caller: Dialect,
    body: &Value,
    vendor: Dialect,
    model: &str,
    kind: u16,
) -> Result<(Value, String), WireError> {
    let mut chat = face(caller).read_request(body.to_string().as_bytes(), Some("m"))?;
    if caller != vendor {
        dialect::abroad(&mut chat)?;
    }
    let mut lost = Losses::default();
    let to = To { model, kind, default_max_output: 4096 };
    let text = dialect::vendor(vendor).unwrap().write_request(&chat, &to, &mut lost)?;
    Ok((serde_json::from_str(&text).unwrap(), lost.header().unwrap_or_default()))
}

/// The numbers of rules in the names of tests: `c7_c10_reasons_to_stop`.
fn numbered(folder: &std::path::Path, found: &mut std::collections::BTreeSet<u32>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            numbered(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for name in text.split("fn c").skip(1) {
                let words = name.split('_').map(|word| word.strip_prefix('c').unwrap_or(word));
                found.extend(words.map_while(|word| word.parse::<u32>().ok()));
            }
        }
    }
}

#[test]
fn every_rule_has_a_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = std::collections::BTreeSet::new();
    numbered(&root.join("src"), &mut found);
    numbered(&root.join("tests"), &mut found);
    let missing: Vec<u32> = (1..=42).filter(|rule| !found.contains(rule)).collect();
    assert_eq!(missing, Vec::<u32>::new());
}
