//! Whole answers, read and written.

use super::blocks::{annotations, redacted};
use super::usage::{self, read_usage};
use super::{JSON_TOOL, seal, turns};
use crate::WireError;
use crate::chat::{
    Annotation, Body, Call, ChatReply, Choice, Dialect, Media, Part, Reasoning, SealKind, Stop,
};
use crate::codec::Echo;
use crate::json::{self, Json, Members, Object};
use serde_json::value::RawValue;

pub(super) fn read(body: &[u8]) -> Result<ChatReply, WireError> {
    let mut body = Members::of_body(body)?;
    if body.text("type")?.as_deref() == Some("error") {
        let message = body.object("error")?.map(|mut error| error.text("message")).transpose()?.flatten();
        return Err(WireError::new(message.unwrap_or_else(|| "the vendor gave an error".to_owned())));
    }
    let mut choice = Choice::default();
    let (mut calls, mut answered) = (false, false);
    for raw in body.list("content")? {
        block(raw, &mut choice.parts, &mut calls, &mut answered)?;
    }
    if let Some(explanation) = explanation(&mut body)? {
        choice.parts.push(Part::new(Body::Refusal(explanation)));
    }
    choice.stop = stop(body.text("stop_reason")?.as_deref(), calls, answered);
    choice.stop_text = body.text("stop_sequence")?;
    let report = body.json("usage").map(|report| report.tree());
    let tier = report.as_ref().and_then(|report| report.get("service_tier")?.as_str());
    Ok(ChatReply {
        id: bare_id(&body.text("id")?.unwrap_or_default()),
        model: body.text("model")?.unwrap_or_default(),
        created: 0,
        choices: vec![choice],
        usage: report.as_ref().and_then(read_usage),
        service_tier: tier.map(|tier| if tier == "priority" { "priority" } else { "default" }.to_owned()),
        fingerprint: None,
    })
}

fn block(
    raw: &RawValue,
    out: &mut Vec<Part>,
    calls: &mut bool,
    answered: &mut bool,
) -> Result<(), WireError> {
    let mut block = Members::of(raw, "content")?;
    let mut text = |name: &str| block.text(name).map(Option::unwrap_or_default);
    let body = match text("type")?.as_str() {
        "text" => {
            let text = text("text")?;
            let length = text.chars().count() as u64;
            let annotations = block.take("citations").map_or_else(Vec::new, |raw| annotations(raw, length));
            Body::Text { text, annotations }
        }
        "thinking" => {
            let (thinking, signature) = (text("thinking")?, text("signature")?);
            match seal::reasoning(thinking, Some(signature)) {
                Ok(reasoning) => Body::Reasoning(reasoning),
                // The vendor has no seals of other dialects' calls.
                Err(_) => return Ok(()),
            }
        }
        "redacted_thinking" => Body::Reasoning(redacted(text("data")?)),
        "tool_use" => {
            let (id, name) = (text("id")?, text("name")?);
            let arguments = block.take("input").map_or("{}", RawValue::get).to_owned();
            if name == JSON_TOOL {
                *answered = true;
                Body::Text { text: arguments, annotations: Vec::new() }
            } else {
                *calls = true;
                let number = out.iter().filter(|part| matches!(part.body, Body::Call(_))).count();
                let id = if id.is_empty() { format!("toolu_{number}") } else { id };
                Body::Call(Call { id, name, arguments, custom: false, seal: None })
            }
        }
        _ => Body::Opaque { dialect: Dialect::Anthropic, json: Json::from(raw) },
    };
    let nothing = match &body {
        Body::Text { text, .. } => text.is_empty(),
        Body::Reasoning(reasoning) => reasoning.text.is_empty() && reasoning.seal.is_none(),
        _ => false,
    };
    if !nothing {
        out.push(Part::new(body));
    }
    Ok(())
}

/// Why the vendor refused, in its words.
pub(super) fn explanation(members: &mut Members<'_>) -> Result<Option<String>, WireError> {
    let details = members.object("stop_details")?;
    let text = details.map(|mut details| details.text("explanation")).transpose()?.flatten();
    Ok(text.filter(|text| !text.is_empty()))
}

/// Why an answer ended. `calls`: it calls tools; `answered`: it called the tool that holds the answer.
pub(super) fn stop(reason: Option<&str>, calls: bool, answered: bool) -> Stop {
    match reason {
        Some("max_tokens" | "model_context_window_exceeded" | "compaction") => Stop::Length,
        Some("refusal") => Stop::Filtered,
        Some("pause_turn") => Stop::Paused,
        // With calls the turn goes on, whatever the vendor says (C9).
        _ if calls => Stop::ToolCalls,
        Some("stop_sequence") => Stop::StopSequence,
        Some("tool_use") if !answered => Stop::ToolCalls,
        _ => Stop::End,
    }
}

pub(super) fn stop_reason(stop: Stop, calls: bool, text: Option<&str>) -> &'static str {
    match stop {
        Stop::Length => "max_tokens",
        Stop::Filtered => "refusal",
        Stop::Paused => "pause_turn",
        Stop::ToolCalls => "tool_use",
        Stop::End | Stop::StopSequence if calls => "tool_use",
        // The reason names the sequence; one that can't be named is the end.
        Stop::StopSequence if text.is_some() => "stop_sequence",
        Stop::End | Stop::StopSequence => "end_turn",
    }
}

pub(super) fn bare_id(id: &str) -> String {
    id.strip_prefix("msg_").unwrap_or(id).to_owned()
}

/// The id of an answer: the vendor's, or ours where it has none.
pub(super) fn message_id(id: &str, echo: &Echo) -> String {
    format!("msg_{}", if id.is_empty() { &echo.request_id } else { id })
}

/// The id of a call; one that has none gets its own.
pub(super) fn call_id(id: &str, number: u32, echo: &Echo) -> String {
    if id.is_empty() { turns::tool_id(&format!("{}/{number}", echo.request_id)) } else { id.to_owned() }
}

pub(super) fn write(reply: &ChatReply, echo: &Echo) -> String {
    let empty = Choice::default();
    let choice = reply.choices.first().unwrap_or(&empty);
    json::object(|o| {
        o.text("id", &message_id(&reply.id, echo));
        o.text("type", "message");
        o.text("role", "assistant");
        o.text("model", &echo.model);
        o.list("content", |l| {
            let mut calls = 0;
            for part in &choice.parts {
                blocks(part, &mut calls, echo).iter().for_each(|block| l.item().raw(block));
            }
        });
        let text = choice.stop_text.as_deref();
        let reason = stop_reason(choice.stop, choice.calls(), text);
        o.text("stop_reason", reason);
        match text.filter(|_| reason == "stop_sequence") {
            Some(text) => o.text("stop_sequence", text),
            None => o.key("stop_sequence").null(),
        }
        o.object("usage", |o| usage::write(&reply.usage.unwrap_or_default(), o));
    })
}

/// The blocks of a part: none for what has nothing to say, two where a call has a seal.
fn blocks(part: &Part, calls: &mut u32, echo: &Echo) -> Vec<String> {
    match &part.body {
        Body::Text { text, .. } if text.is_empty() => Vec::new(),
        Body::Text { text, annotations } => vec![json::object(|o| {
            o.text("type", "text");
            o.text("text", text);
            if !annotations.is_empty() {
                o.list("citations", |l| annotations.iter().for_each(|a| l.object(|o| citation(a, o))));
            }
        })],
        Body::Refusal(text) if text.is_empty() => Vec::new(),
        Body::Refusal(text) => vec![turns::text_block(text, None)],
        Body::Reasoning(reasoning) => thinking(reasoning).into_iter().collect(),
        Body::Call(call) => {
            let id = call_id(&call.id, *calls, echo);
            *calls += 1;
            let carried = call.seal.as_ref().map(|seal| carrier(&id, seal));
            // What the vendor broke off (C42) is no object, and is not made one in silence.
            let input = turns::input(call)
                .unwrap_or_else(|| json::object(|o| o.text("malformed_arguments", &call.arguments)));
            let written = json::object(|o| {
                o.text("type", "tool_use");
                o.text("id", &id);
                o.text("name", &call.name);
                o.key("input").raw(&input);
            });
            carried.into_iter().chain([written]).collect()
        }
        Body::Opaque { dialect: Dialect::Anthropic, json } => vec![json.get().to_owned()],
        Body::Opaque { .. } | Body::Result(_) => Vec::new(),
        _ => placeholder(part).map(|text| turns::text_block(&text, None)).into_iter().collect(),
    }
}

pub(super) fn citation(annotation: &Annotation, o: &mut Object<'_>) {
    o.text("type", "web_search_result_location");
    o.text("url", &annotation.url);
    o.text("title", &annotation.title);
    o.text("encrypted_index", "");
    o.text("cited_text", "");
}

fn thinking(reasoning: &Reasoning) -> Option<String> {
    let seal = reasoning.seal.as_ref();
    if reasoning.text.is_empty() && seal.is_none() {
        return None;
    }
    if let Some(seal) =
        seal.filter(|seal| seal.dialect == Dialect::Anthropic && seal.kind == SealKind::Encrypted)
    {
        return Some(json::object(|o| redacted_block(&seal.data, o)));
    }
    let signature =
        signature(&reasoning.text, reasoning.summary, reasoning.seal.as_ref(), reasoning.id.as_deref());
    Some(json::object(|o| {
        o.text("type", "thinking");
        o.text("thinking", &reasoning.text);
        o.text("signature", &signature);
    }))
}

pub(super) fn redacted_block(data: &str, o: &mut Object<'_>) {
    o.text("type", "redacted_thinking");
    o.text("data", data);
}

/// The signature of a thinking block: the vendor's own, or ours that holds another dialect's.
pub(super) fn signature(
    text: &str,
    summary: bool,
    seal: Option<&crate::chat::Seal>,
    id: Option<&str>,
) -> String {
    match seal {
        Some(seal) if seal.dialect == Dialect::Anthropic => seal.data.clone(),
        seal => seal::of_reasoning(text, summary, seal, id),
    }
}

/// A thinking block without a text that carries a call's seal to the next turn (C11).
fn carrier(call: &str, seal: &crate::chat::Seal) -> String {
    json::object(|o| {
        o.text("type", "thinking");
        o.text("thinking", "");
        o.text("signature", &seal::of_call(call, seal));
    })
}

/// What stands for a picture or a sound, which this dialect has no block for in an answer.
pub(super) fn placeholder(part: &Part) -> Option<String> {
    let (what, media) = match &part.body {
        Body::Image { media, .. } => ("image", media),
        Body::Audio(media) => ("audio", media),
        Body::Video(media) => ("video", media),
        Body::File { media, .. } => ("file", media),
        _ => return None,
    };
    Some(match media {
        Media::Url { url, .. } => format!("[{what}]({url})"),
        Media::Text(text) => text.clone(),
        _ => format!("[{what}]"),
    })
}
