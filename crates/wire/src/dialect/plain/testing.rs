//! What the tests of the small dialects share.

use crate::WireError;
use crate::chat::{Body, ChatReply, ChatRequest, Event, Fold, Losses, Stop};
use crate::codec::{Asked, FaceCodec, Pipe, To, VendorCodec};
use crate::dialect::openai_chat::OpenAiChat;
use crate::frame::Caps;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

/// A request as a caller of OpenAI's dialect writes it.
pub fn chat(body: Value) -> ChatRequest {
    let mut body = body;
    body["model"] = "caller's".into();
    OpenAiChat.read_request(body.to_string().as_bytes(), None).unwrap()
}

/// What a vendor gets, and what was lost on the way.
pub fn written(codec: &dyn VendorCodec, model: &str, body: Value) -> (Value, String) {
    let (text, lost) = write(codec, model, body).unwrap();
    (serde_json::from_str(&text).unwrap(), lost)
}

/// The parameter that a refusal names.
pub fn refused(codec: &dyn VendorCodec, model: &str, body: Value) -> String {
    write(codec, model, body).unwrap_err().param.unwrap_or_default()
}

fn write(codec: &dyn VendorCodec, model: &str, body: Value) -> Result<(String, String), WireError> {
    let chat = chat(body);
    let to = To { model, kind: 0, default_max_output: 4096 };
    let mut lost = Losses::default();
    let text = codec.write_request(&chat, &to, &mut lost)?;
    assert_eq!(codec.write_request(&chat, &to, &mut lost).unwrap(), text, "C37: the same for the same");
    Ok((text, lost.header().unwrap_or_default()))
}

pub fn asked(model: &str) -> Asked {
    Asked { model: model.into(), request: None }
}

/// The events of a stream, and whether it was whole.
pub fn follow(codec: &dyn VendorCodec, pieces: &[&[u8]]) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(codec.reader(&asked("m")), codec.framing(), Caps::default());
    let mut events = Vec::new();
    for piece in pieces {
        pipe.push(Bytes::copy_from_slice(piece), &mut events).unwrap();
    }
    let whole = pipe.end(&mut events).unwrap();
    (events, whole)
}

/// The answer of a whole stream; cut anywhere it is the same one, and cut off before its end it is not whole.
pub fn streamed(codec: &dyn VendorCodec, text: &str) -> ChatReply {
    let bytes = text.as_bytes();
    let (events, whole) = follow(codec, &[bytes]);
    assert!(whole);
    for at in 0..=bytes.len() {
        assert_eq!(follow(codec, &[&bytes[..at], &bytes[at..]]), (events.clone(), true), "cut at {at}");
    }
    assert!(matches!(events[0], Event::Start { .. }));
    let stops = events.iter().filter(|event| matches!(event, Event::Stop { .. })).count();
    assert_eq!(stops, 1);
    fold(&events)
}

pub fn fold(events: &[Event]) -> ChatReply {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    assert_eq!(fold.fault, None);
    fold.finish()
}

/// An answer in short: `text`, `(reasoning)`, `name{arguments}#id`, `!refusal`, `[picture]`; and its end.
pub fn short(reply: &ChatReply) -> (String, Stop) {
    let choice = &reply.choices[0];
    let parts: Vec<String> = choice
        .parts
        .iter()
        .map(|part| match &part.body {
            Body::Text { text, .. } => text.clone(),
            Body::Reasoning(reasoning) => format!("({})", reasoning.text),
            Body::Call(call) => format!("{}{}#{}", call.name, call.arguments, call.id),
            Body::Refusal(text) => format!("!{text}"),
            other => format!("[{other:?}]"),
        })
        .collect();
    (parts.join("|"), choice.stop)
}

/// The fault of a stream that failed, the only one and the last event.
pub fn fault(codec: &dyn VendorCodec, text: &str) -> (crate::fault::FaultClass, String) {
    let (events, whole) = follow(codec, &[text.as_bytes()]);
    assert!(whole);
    let faults = events.iter().filter(|event| matches!(event, Event::Fault(_))).count();
    assert_eq!(faults, 1);
    match events.last() {
        Some(Event::Fault(fault)) => (fault.class, fault.message.clone()),
        other => panic!("{other:?}"),
    }
}

/// No bytes make the dialect panic: rubbish, and answers with some bytes changed.
pub fn survives(codec: &'static dyn VendorCodec, answers: &'static [&'static str]) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let rubbish = proptest::collection::vec(any::<u8>(), 0..80);
    let changes = proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6);
    let input = (rubbish, changes, any::<usize>());
    let run = runner.run(&input, |(rubbish, changes, which)| {
        let mut answer = answers[which % answers.len()].as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at % answer.len();
            answer[at] = byte;
        }
        for bytes in [rubbish, answer] {
            let _ = codec.read_reply(&bytes, &asked("m"));
            let mut pipe = Pipe::new(codec.reader(&asked("m")), codec.framing(), Caps::default());
            let mut events = Vec::new();
            let _ = pipe.push(Bytes::from(bytes), &mut events);
            let _ = pipe.end(&mut events);
        }
        Ok(())
    });
    run.unwrap();
}
