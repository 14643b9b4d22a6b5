//! Whole answers, read.

use super::usage::read_usage;
use crate::WireError;
use crate::chat::{
    Annotation, Body, Call, ChatReply, Choice, Dialect, Media, Part, Reasoning, Seal, SealKind, Stop,
};
use crate::codec::Asked;
use crate::fault;
use crate::json::{Json, Members, list_of};
use serde_json::value::RawValue;

pub(super) fn read(text: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
    let mut body = Members::of_body(text)?;
    let message = body.object("output")?.map(|mut output| output.object("message")).transpose()?.flatten();
    let Some(mut message) = message else {
        return Err(WireError::new(fault::read_fault(200, text).message));
    };
    let mut choice = Choice::default();
    for raw in message.list("content")? {
        block(raw, &mut choice.parts)?;
    }
    let reason = body.text("stopReason")?;
    choice.stop = stop(reason.as_deref(), choice.calls());
    choice.stop_text = stop_text(body.take("additionalModelResponseFields"));
    let tier = body.object("serviceTier")?.map(|mut tier| tier.text("type")).transpose()?.flatten();
    Ok(ChatReply {
        id: String::new(),
        model: asked.model.clone(),
        created: 0,
        choices: vec![choice],
        usage: body.json("usage").and_then(|report| read_usage(&report.tree())),
        service_tier: tier,
        fingerprint: None,
    })
}

fn block(raw: &RawValue, out: &mut Vec<Part>) -> Result<(), WireError> {
    let opaque = || Body::Opaque { dialect: Dialect::BedrockConverse, json: Json::from(raw) };
    let mut block = Members::of(raw, "content")?;
    let body = if let Some(text) = block.text("text")? {
        Body::Text { text, annotations: Vec::new() }
    } else if let Some(mut call) = block.object("toolUse")? {
        if is_servers(&call) {
            opaque()
        } else {
            let id = call.text("toolUseId")?.filter(|id| !id.is_empty());
            let calls = out.iter().filter(|part| matches!(part.body, Body::Call(_))).count();
            Body::Call(Call {
                id: id.unwrap_or_else(|| format!("tooluse_{calls}")),
                name: call.text("name")?.unwrap_or_default(),
                arguments: call.take("input").map_or("{}", RawValue::get).to_owned(),
                custom: false,
                seal: None,
            })
        }
    } else if let Some(mut content) = block.object("reasoningContent")? {
        Body::Reasoning(reasoning(&mut content)?)
    } else if let Some(mut content) = block.object("citationsContent")? {
        let mut text = String::new();
        for piece in content.list("content")? {
            text.push_str(&Members::of(piece, "content")?.text("text")?.unwrap_or_default());
        }
        let end = text.chars().count() as u64;
        let citations = content.list("citations")?;
        let annotations = citations.into_iter().filter_map(|raw| annotation(raw, 0, end)).collect();
        Body::Text { text, annotations }
    } else if let Some(mut picture) = block.object("image")? {
        let format = picture.text("format")?.unwrap_or_default();
        let source = picture.object("source")?.map(|mut source| source.text("bytes")).transpose()?.flatten();
        match source {
            Some(base64) => image(&format, base64),
            None => opaque(),
        }
    } else {
        opaque()
    };
    // Amazon's models name their sources after the text.
    if let Body::Text { text, annotations } = &body
        && text.is_empty()
        && let Some(Part { body: Body::Text { annotations: known, .. }, .. }) = out.last_mut()
    {
        known.extend(annotations.iter().cloned());
    }
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

/// Whether a call is one that the vendor answers itself.
pub(super) fn is_servers(call: &Members<'_>) -> bool {
    call.peek("type").is_some_and(|kind| kind.get() == r#""server_tool_use""#)
}

pub(super) fn image(format: &str, base64: String) -> Body {
    let media = Media::Inline { mime: format!("image/{format}"), base64 };
    Body::Image { media, detail: None }
}

/// A seal of the dialect's.
pub(super) fn seal(kind: SealKind, data: String) -> Option<Seal> {
    (!data.is_empty()).then_some(Seal { dialect: Dialect::BedrockConverse, kind, data })
}

fn reasoning(content: &mut Members<'_>) -> Result<Reasoning, WireError> {
    if let Some(data) = content.text("redactedContent")? {
        return Ok(Reasoning { seal: seal(SealKind::Encrypted, data), ..Reasoning::default() });
    }
    let Some(mut said) = content.object("reasoningText")? else { return Ok(Reasoning::default()) };
    let text = said.text("text")?.unwrap_or_default();
    let signature = said.text("signature")?.unwrap_or_default();
    Ok(Reasoning { text, seal: seal(SealKind::Signature, signature), ..Reasoning::default() })
}

/// A citation of the characters from `start` to `end`, where there are any; `None` for one that names no place.
pub(super) fn annotation(raw: &RawValue, start: u64, end: u64) -> Option<Annotation> {
    let mut citation = Members::of(raw, "citation").ok()?;
    let mut text = |name| citation.text(name).ok().flatten().filter(|text| !text.is_empty());
    let (title, source) = (text("title"), text("source"));
    let location = citation.object("location").ok().flatten();
    let web = location.and_then(|mut location| location.object("web").ok().flatten());
    let url = web.and_then(|mut web| web.text("url").ok().flatten()).filter(|url| !url.is_empty());
    let url = url.or(source)?;
    let (start, end) = if start < end { (start, end) } else { (0, 0) };
    Some(Annotation { url, title: title.unwrap_or_default(), start, end })
}

/// The stop sequence that was met, as the fields of Claude's answer have it.
pub(super) fn stop_text(fields: Option<&RawValue>) -> Option<String> {
    let mut fields = Members::of(fields?, "additionalModelResponseFields").ok()?;
    let inner = fields.object("delta").ok().flatten();
    let inner = inner.and_then(|mut delta| delta.text("stop_sequence").ok().flatten());
    inner.or_else(|| fields.text("stop_sequence").ok().flatten())
}

/// Why an answer ended. `calls`: it calls tools.
pub(super) fn stop(reason: Option<&str>, calls: bool) -> Stop {
    match reason {
        Some("max_tokens" | "model_context_window_exceeded") => Stop::Length,
        Some("guardrail_intervened" | "content_filtered") => Stop::Filtered,
        // With calls the turn goes on, whatever the vendor says (C9).
        _ if calls => Stop::ToolCalls,
        Some("stop_sequence") => Stop::StopSequence,
        _ => Stop::End,
    }
}

/// The elements of a list that an answer holds; none for what is no list.
pub(super) fn items(raw: Option<&RawValue>) -> Vec<&RawValue> {
    raw.and_then(list_of).unwrap_or_default()
}
