//! Rules of the dialect, one test each.

mod request_read;
mod request_write;
mod stream_read;
mod stream_write;

use super::*;
use crate::chat::{Call, Event, Fold, Message, Part, Role};
use crate::codec::Pipe;
use crate::frame::Caps;
use crate::frame::Framing;
use bytes::Bytes;
use serde_json::{Value, json};

fn read(body: Value) -> Result<ChatRequest, WireError> {
    Responses.read_request(body.to_string().as_bytes(), None)
}

fn write(chat: &ChatRequest) -> Result<(Value, Losses), WireError> {
    let mut lost = Losses::default();
    let to = To { model: "gpt-5.2", kind: 1, default_max_output: 100 };
    let text = Responses.write_request(chat, &to, &mut lost)?;
    assert_eq!(text, Responses.write_request(chat, &to, &mut lost)?, "C37");
    Ok((serde_json::from_str(&text).unwrap(), lost))
}

/// A request of chat's with these turns.
fn chat(messages: Vec<Message>) -> ChatRequest {
    ChatRequest { messages, origin: Some(Dialect::OpenAiChat), ..ChatRequest::default() }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::new(Body::Call(Call {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        custom: false,
        seal: None,
    }))
}

fn assistant(parts: Vec<Part>) -> Message {
    Message::new(Role::Assistant, parts)
}

/// A vendor's stream of these events, read.
fn follow(events: &[Value]) -> (Vec<Event>, bool) {
    let mut pipe = Pipe::new(Responses.reader(&Asked::default()), Framing::Sse, Caps::default());
    let mut out = Vec::new();
    for (number, event) in events.iter().enumerate() {
        let mut event = event.clone();
        event["sequence_number"] = json!(number);
        pipe.push(Bytes::from(format!("data: {event}\n\n")), &mut out).unwrap();
    }
    let whole = pipe.end(&mut out).unwrap();
    (out, whole)
}

fn folded(events: &[Event]) -> ChatReply {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    fold.finish()
}

/// A caller's stream of these events: what each frame says.
fn written(events: &[Event], echo: Echo) -> Vec<Value> {
    let mut writer = Responses.writer(echo);
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.event(event, &mut out));
    writer.end(&mut out);
    let text = String::from_utf8(out).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}
