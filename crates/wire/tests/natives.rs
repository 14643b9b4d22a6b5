//! Recorded traffic of vendors that speak dialects of their own: answers and streams say what a plain reading
//! of their JSON says, and where a stream is cut makes no difference (C34).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

#[path = "natives/cohere.rs"]
mod cohere;
#[path = "natives/ollama.rs"]
mod ollama;
#[path = "natives/side.rs"]
mod side;
#[path = "natives/tgi.rs"]
mod tgi;

use bytes::Bytes;
use magic_testkit::corpus::Exchange;
use magic_wire::chat::{Body, ChatReply, Event, Fold, Stop};
use magic_wire::codec::{Asked, Pipe, VendorCodec};
use magic_wire::frame::Caps;
use serde_json::Value;

/// Streams up to this long are cut at every byte; longer ones at this many places, spread evenly.
const EVERY: usize = 4_000;
const PLACES: usize = 250;

/// What an answer says.
#[derive(Debug, Default, PartialEq, Clone)]
struct Said {
    text: String,
    thoughts: String,
    calls: Vec<(String, String, Value)>,
    sources: usize,
    stop: Stop,
}

fn said(reply: &ChatReply) -> Said {
    assert_eq!(reply.choices.len(), 1);
    let choice = &reply.choices[0];
    let mut said = Said { stop: choice.stop, ..Said::default() };
    for part in &choice.parts {
        match &part.body {
            Body::Text { text, annotations } => {
                said.text.push_str(text);
                said.sources += annotations.len();
            }
            Body::Reasoning(reasoning) => said.thoughts.push_str(&reasoning.text),
            Body::Call(call) => {
                let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
                let arguments = serde_json::from_str(arguments).unwrap();
                said.calls.push((call.id.clone(), call.name.clone(), arguments));
            }
            other => panic!("{other:?}"),
        }
    }
    said
}

fn follow(codec: &dyn VendorCodec, asked: &Asked, pieces: &[&[u8]]) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(codec.reader(asked), codec.framing(), Caps::default());
    let mut events = Vec::new();
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece), &mut events).unwrap();
    }
    let whole = pipe.end(&mut events).unwrap();
    (events, whole)
}

fn folded(events: &[Event]) -> ChatReply {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    fold.finish()
}

/// The order that every stream keeps: one start, content, and a stop after all of it; reasoning and calls are
/// ended before anything else begins.
fn sound(events: &[Event], name: &str) {
    assert!(matches!(events.first(), Some(Event::Start { .. })), "{name}");
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    assert_eq!(count(|event| matches!(event, Event::Start { .. })), 1, "{name}");
    let (mut thinking, mut open, mut stopped) = (false, None, false);
    for event in events {
        match event {
            Event::Usage(_) | Event::Start { .. } | Event::Fault(_) => continue,
            _ => assert!(!stopped, "{name}: {event:?} after the stop"),
        }
        match event {
            Event::Reasoning { .. } => thinking = true,
            Event::ReasoningEnd { .. } => thinking = false,
            _ => assert!(!thinking, "{name}: {event:?} inside reasoning"),
        }
        match event {
            Event::CallStart { call, .. } => assert_eq!(open.replace(*call), None, "{name}"),
            Event::CallArguments { call, .. } => assert_eq!(open, Some(*call), "{name}"),
            Event::CallEnd { call, .. } => assert_eq!(open.take(), Some(*call), "{name}"),
            Event::Stop { .. } => {
                assert_eq!(open, None, "{name}");
                stopped = true;
            }
            _ => assert_eq!(open, None, "{name}: {event:?} inside a call"),
        }
    }
}

fn places(length: usize) -> Vec<usize> {
    if length <= EVERY { (0..=length).collect() } else { (0..PLACES).map(|n| n * length / PLACES).collect() }
}

/// Cuts a recorded stream in two at many places: always the same answer.
fn cut_anywhere(codec: &dyn VendorCodec, asked: &Asked, exchange: &Exchange, whole: &[Event]) -> usize {
    let answer = exchange.answer().unwrap();
    let places = places(answer.len());
    for at in &places {
        let (events, _) = follow(codec, asked, &[&answer[..*at], &answer[*at..]]);
        assert_eq!(events, whole, "{} cut at {at}", exchange.id);
    }
    places.len()
}

/// The recorded answers with bytes changed, added or taken: errors perhaps, panics never.
fn rubbish(codec: &dyn VendorCodec, exchanges: &[Exchange]) {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below.max(1)
    };
    for exchange in exchanges {
        let Some(answer) = exchange.answer() else { continue };
        for _ in 0..20 {
            let mut bytes = answer[..answer.len().min(20_000)].to_vec();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                match if bytes.is_empty() { 2 } else { random(4) } {
                    0 => bytes[at] = b"\"{}[]:,0n\xff"[random(10)],
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, b"\"{}[]:,0n\xff"[random(10)]),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let _ = codec.read_reply(&bytes, &Asked::default());
            let mut pipe = Pipe::new(codec.reader(&Asked::default()), codec.framing(), Caps::default());
            let mut events = Vec::new();
            if pipe.push(Bytes::from(bytes), &mut events).is_ok() {
                let _ = pipe.end(&mut events);
            }
        }
    }
}
