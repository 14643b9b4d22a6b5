//! Recorded traffic of AWS Bedrock through the dialects: requests come back as they were, answers and binary
//! streams say what a plain reading of them says, and where a stream is cut makes no difference (C34).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

#[path = "bedrock/asked.rs"]
mod asked;
#[path = "bedrock/claude.rs"]
mod claude;
#[path = "bedrock/plainly.rs"]
mod plainly;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use magic_testkit::corpus::{Exchange, exchanges};
use magic_wire::WireError;
use magic_wire::chat::{Event, Fold, Losses};
use magic_wire::codec::{Asked, Pipe, To, VendorCodec};
use magic_wire::dialect::bedrock::BedrockConverse;
use magic_wire::fault::{FaultClass, read_fault};
use magic_wire::frame::{Caps, Framing};
use plainly::said;
use serde_json::Value;

/// Streams up to this long are cut at every byte; longer ones at this many places, spread evenly.
const EVERY: usize = 4_000;
const PLACES: usize = 250;

fn recorded(endpoint: &str) -> Vec<Exchange> {
    exchanges(|exchange| exchange.endpoint == endpoint)
}

fn model(exchange: &Exchange) -> String {
    let path = exchange.request["url_path"].as_str().unwrap_or_default();
    let name = path.split('/').skip_while(|part| *part != "model").nth(1).unwrap_or_default();
    name.replace("%3A", ":").replace("%2F", "/")
}

fn stream(exchange: &Exchange) -> Vec<u8> {
    STANDARD.decode(exchange.response["body_base64"].as_str().unwrap()).unwrap()
}

fn asked(exchange: &Exchange) -> Asked {
    Asked { model: model(exchange), request: None }
}

/// The events of a stream that comes in two pieces.
fn events(
    codec: &dyn VendorCodec,
    asked: &Asked,
    body: &[u8],
    cut: usize,
) -> Result<(Vec<Event>, bool), WireError> {
    let mut pipe = Pipe::new(codec.reader(asked), Framing::EventStream, Caps::default());
    let mut out = Vec::new();
    pipe.push(Bytes::copy_from_slice(&body[..cut]), &mut out)?;
    pipe.push(Bytes::copy_from_slice(&body[cut..]), &mut out)?;
    let whole = pipe.end(&mut out)?;
    Ok((out, whole))
}

fn folded(events: &[Event]) -> Fold {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    fold
}

fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let step = if length <= EVERY { 1 } else { length / PLACES };
    (0..=length).step_by(step)
}

#[test]
fn recorded_requests_come_back_as_they_were() {
    let mut seen = 0;
    for exchange in recorded("bedrock.converse").iter().chain(&recorded("bedrock.converse-stream")) {
        let body = exchange.body().unwrap();
        let Some(chat) = asked::chat(body) else { continue };
        // These have no structured output; what is written instead is told in words.
        if model(exchange).contains("claude-3") && body.get("outputConfig").is_some() {
            continue;
        }
        let mut lost = Losses::default();
        let to = To { model: &model(exchange), kind: 33, default_max_output: 4096 };
        let written = BedrockConverse.write_request(&chat, &to, &mut lost).unwrap();
        let again: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(asked::normal(&again), asked::normal(body), "{}", exchange.id);
        assert_eq!(lost.header(), None, "{}", exchange.id);
        seen += 1;
    }
    eprintln!("requests: {seen}");
    assert!(seen == 0 || seen >= 35, "{seen}");
}

#[test]
fn recorded_answers_say_what_their_json_says() {
    let mut seen = 0;
    for exchange in recorded("bedrock.converse") {
        let text = exchange.answer().unwrap();
        let body: Value = serde_json::from_slice(&text).unwrap();
        let read = BedrockConverse.read_reply(&text, &asked(&exchange));
        if exchange.status() != 200 {
            let error = read.unwrap_err();
            assert_eq!(error.message, body["message"].as_str().unwrap(), "{}", exchange.id);
            continue;
        }
        let reply = read.unwrap();
        assert_eq!(said(&reply), plainly::answer(&body), "{}", exchange.id);
        assert_eq!((reply.model, reply.id.as_str()), (model(&exchange), ""));
        seen += 1;
    }
    eprintln!("answers: {seen}");
    assert!(seen == 0 || seen >= 25, "{seen}");
}

#[test]
fn recorded_errors_have_their_class() {
    let mut seen = 0;
    for exchange in recorded("bedrock.converse").iter().filter(|exchange| exchange.status() >= 400) {
        let fault = read_fault(exchange.status(), &exchange.answer().unwrap());
        let class = match exchange.status() {
            400 => FaultClass::InvalidRequest,
            403 => FaultClass::Auth,
            404 => FaultClass::NotFound,
            other => panic!("{other}"),
        };
        assert_eq!(fault.class, class, "{}", exchange.id);
        seen += 1;
    }
    eprintln!("errors: {seen}");
}

#[test]
fn recorded_streams_say_what_a_plain_reading_says() {
    let mut seen = 0;
    for exchange in recorded("bedrock.converse-stream") {
        let body = stream(&exchange);
        let (events, whole) = events(&BedrockConverse, &asked(&exchange), &body, body.len()).unwrap();
        assert!(whole, "{}", exchange.id);
        let fold = folded(&events);
        assert_eq!(fold.fault, None, "{}", exchange.id);
        let messages: Vec<(String, Value)> = plainly::messages(&body);
        assert_eq!(said(&fold.finish()), plainly::stream(&messages), "{}", exchange.id);
        seen += 1;
    }
    eprintln!("streams: {seen}");
    assert!(seen == 0 || seen >= 21, "{seen}");
}

#[test]
fn c34_where_a_recorded_stream_is_cut_makes_no_difference() {
    for exchange in recorded("bedrock.converse-stream") {
        let (body, asked) = (stream(&exchange), asked(&exchange));
        let whole = events(&BedrockConverse, &asked, &body, 0).unwrap();
        for cut in cuts(body.len()) {
            assert_eq!(events(&BedrockConverse, &asked, &body, cut).unwrap(), whole, "{} {cut}", exchange.id);
        }
    }
}

#[test]
fn a_recorded_stream_that_is_cut_off_is_not_whole() {
    for exchange in recorded("bedrock.converse-stream") {
        let (body, asked) = (stream(&exchange), asked(&exchange));
        // Before the last message but one, which says that the answer is over.
        let ends = plainly::ends(&body);
        let stop = ends[ends.len() - 3];
        for end in cuts(stop).chain([stop]) {
            let (_, whole) = events(&BedrockConverse, &asked, &body[..end], end).unwrap();
            assert!(!whole, "{} {end}", exchange.id);
        }
        assert!(events(&BedrockConverse, &asked, &body[..ends[ends.len() - 2]], 0).unwrap().1);
    }
}

#[test]
fn a_byte_that_changes_is_seen() {
    for exchange in recorded("bedrock.converse-stream") {
        let (body, asked) = (stream(&exchange), asked(&exchange));
        for at in (0..body.len()).step_by((body.len() / 60).max(1)) {
            let mut bad = body.clone();
            bad[at] ^= 0x41;
            assert!(events(&BedrockConverse, &asked, &bad, at).is_err(), "{} {at}", exchange.id);
        }
    }
}

#[test]
fn a_payload_that_changes_panics_nowhere() {
    for exchange in recorded("bedrock.converse-stream").iter().chain(&recorded("bedrock.converse")) {
        let text = match exchange.answer() {
            Some(text) => text,
            None => stream(exchange),
        };
        for at in (0..text.len()).step_by((text.len() / 200).max(1)) {
            let mut bad = text.clone();
            bad[at] = b'{';
            let _ = BedrockConverse.read_reply(&bad, &asked(exchange));
            bad.truncate(at);
            let _ = BedrockConverse.read_reply(&bad, &asked(exchange));
        }
        if exchange.answer().is_none() {
            // The payloads, without the checksums that would give it away.
            for (name, payload) in plainly::messages(&text) {
                let mut reader = BedrockConverse.reader(&asked(exchange));
                let payload = payload.to_string().into_bytes();
                for at in 0..payload.len().min(200) {
                    let mut bad = payload.clone();
                    bad[at] = b'1';
                    let _ = reader.frame(&plainly::frame(&name, bad), &mut Vec::new());
                }
            }
        }
    }
}
