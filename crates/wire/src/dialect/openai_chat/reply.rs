//! Whole answers.

use super::read::{call, content, media_of, reasoning_of};
use super::{arguments_of, detail_of, stop_of, word_list, word_of};
use crate::WireError;
use crate::chat::{Annotation, Body, Call, ChatReply, Choice, Dialect, Media, Part, Reasoning, Stop};
use crate::codec::Echo;
use crate::json::{Json, Members, Object, object, text_of};
use magic_domain::endpoint::Endpoint;
use magic_domain::usage::{Bucket, Usage};
use serde_json::value::RawValue;

pub fn read(body: &[u8]) -> Result<ChatReply, WireError> {
    let mut m = Members::of_body(body)?;
    let mut reply = ChatReply {
        id: plain_id(&m.text("id")?.unwrap_or_default()),
        model: m.text("model")?.unwrap_or_default(),
        created: m.number("created")?.unwrap_or(0.0) as i64,
        service_tier: m.text("service_tier")?,
        fingerprint: m.text("system_fingerprint")?,
        ..ChatReply::default()
    };
    for (index, raw) in m.list("choices")?.into_iter().enumerate() {
        reply.choices.push(choice(raw, &format!("choices[{index}]"))?);
    }
    if reply.choices.is_empty() {
        return Err(WireError::new("the answer has no choices"));
    }
    reply.usage = m.json("usage").and_then(|usage| usage_of(&usage));
    Ok(reply)
}

pub(super) fn usage_of(report: &Json) -> Option<Usage> {
    crate::usage::read(Endpoint::Chat, &report.tree())
}

/// An id without the prefix its dialect gives it.
pub(super) fn plain_id(id: &str) -> String {
    id.strip_prefix("chatcmpl-").unwrap_or(id).to_owned()
}

fn choice(raw: &RawValue, path: &str) -> Result<Choice, WireError> {
    let mut m = Members::of(raw, path)?;
    let word = m.text("finish_reason")?.unwrap_or_default();
    let stop =
        stop_of(&word).ok_or_else(|| WireError::new(format!("the vendor failed in the middle: {word}")))?;
    let mut choice = Choice {
        stop,
        stop_text: m.take("stop_reason").and_then(text_of).or(m.take("matched_stop").and_then(text_of)),
        logprobs: m.json("logprobs"),
        ..Choice::default()
    };
    if let Some(mut message) = m.object("message")? {
        choice.parts = parts(&mut message)?;
    }
    if choice.calls() && choice.stop == Stop::End {
        choice.stop = Stop::ToolCalls; // C7
    }
    Ok(choice)
}

fn parts(m: &mut Members<'_>) -> Result<Vec<Part>, WireError> {
    let mut parts = reasoning_of(m)?;
    let mut said = content(m)?;
    let sources = annotations(m)?;
    if let Some(Body::Text { annotations, .. }) = said.iter_mut().rev().map(|part| &mut part.body).next() {
        *annotations = sources;
    }
    parts.extend(said);
    if let Some(text) = m.text("refusal")?.filter(|text| !text.is_empty()) {
        parts.push(Part::new(Body::Refusal(text)));
    }
    parts.extend(images(m)?);
    if let Some(mut audio) = m.object("audio")?
        && let Some(base64) = audio.text("data")?.filter(|data| !data.is_empty())
    {
        parts.push(Part::new(Body::Audio(Media::Inline { mime: "audio/wav".into(), base64 })));
    }
    for (index, raw) in m.list("tool_calls")?.into_iter().enumerate() {
        let mut call = call(raw, m.at(&format!("tool_calls[{index}]")))?;
        if call.id.is_empty() {
            call.id = format!("call_{index}");
        }
        parts.push(Part::new(Body::Call(call)));
    }
    if let Some(mut old) = m.object("function_call")?
        && let Some(name) = old.text("name")?.filter(|name| !name.is_empty())
    {
        parts.push(Part::new(Body::Call(Call {
            id: "call_0".into(),
            name,
            arguments: old.take("arguments").map(arguments_of).unwrap_or_default(),
            custom: false,
            seal: None,
        })));
    }
    Ok(parts)
}

/// Pictures that OpenRouter and Google's OpenAI face put beside the text.
pub(super) fn images(m: &mut Members<'_>) -> Result<Vec<Part>, WireError> {
    let mut parts = Vec::new();
    for raw in m.list("images")? {
        let mut image = Members::of(raw, m.at("images"))?;
        if let Some(mut inner) = image.object("image_url")?
            && let Some(url) = inner.text("url")?
        {
            parts.push(Part::new(Body::Image { media: media_of(url), detail: None }));
        }
    }
    Ok(parts)
}

pub(super) fn annotations(m: &mut Members<'_>) -> Result<Vec<Annotation>, WireError> {
    let mut found = Vec::new();
    for raw in m.list("annotations")? {
        let mut annotation = Members::of(raw, m.at("annotations"))?;
        if let Some(mut citation) = annotation.object("url_citation")? {
            found.push(Annotation {
                url: citation.text("url")?.unwrap_or_default(),
                title: citation.text("title")?.unwrap_or_default(),
                start: citation.count("start_index")?.unwrap_or(0),
                end: citation.count("end_index")?.unwrap_or(0),
            });
        }
    }
    Ok(found)
}

pub fn write(reply: &ChatReply, echo: &Echo) -> String {
    object(|o| {
        o.text("id", &id_of(&reply.id, echo));
        o.text("object", "chat.completion");
        o.int("created", if reply.created > 0 { reply.created } else { echo.created });
        o.text("model", if reply.model.is_empty() { &echo.model } else { &reply.model });
        o.list("choices", |l| {
            for (index, choice) in reply.choices.iter().enumerate() {
                l.object(|o| {
                    o.int("index", index as i64);
                    o.object("message", |o| message(o, &choice.parts));
                    match &choice.logprobs {
                        Some(json) => o.json("logprobs", json),
                        None => o.key("logprobs").null(),
                    }
                    let calls = choice.calls() && choice.stop == Stop::End;
                    o.text("finish_reason", word_of(if calls { Stop::ToolCalls } else { choice.stop }));
                });
            }
        });
        if let Some(usage) = &reply.usage {
            o.object("usage", |o| write_usage(o, usage));
        }
        o.opt_text("service_tier", reply.service_tier.as_deref());
        o.opt_text("system_fingerprint", reply.fingerprint.as_deref());
    })
}

pub(super) fn id_of(vendor: &str, echo: &Echo) -> String {
    let id = if vendor.is_empty() { echo.request_id.as_str() } else { vendor };
    let id = ["msg_", "resp_"].iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
    format!("chatcmpl-{id}")
}

fn message(o: &mut Object<'_>, parts: &[Part]) {
    let texts: String = parts.iter().filter_map(Part::as_text).collect();
    let calls: Vec<&Call> = parts
        .iter()
        .filter_map(|part| match &part.body {
            Body::Call(call) => Some(call),
            _ => None,
        })
        .collect();
    let refusals = word_list(parts.iter().filter_map(|part| match &part.body {
        Body::Refusal(text) => Some(text.as_str()),
        _ => None,
    }));
    let thoughts: Vec<&Reasoning> = parts
        .iter()
        .filter_map(|part| match &part.body {
            Body::Reasoning(reasoning) => Some(reasoning),
            _ => None,
        })
        .collect();
    o.text("role", "assistant");
    match texts.is_empty() {
        true => o.key("content").null(),
        false => o.text("content", &texts),
    }
    match refusals.is_empty() {
        true => o.key("refusal").null(),
        false => o.text("refusal", &refusals),
    }
    let shown = word_list(thoughts.iter().map(|thought| thought.text.as_str()));
    if !shown.is_empty() {
        o.text("reasoning_content", &shown);
    }
    let details: Vec<String> = thoughts
        .iter()
        .enumerate()
        .filter_map(|(index, thought)| {
            detail_of(&thought.text, thought.seal.as_ref()?, thought.id.as_deref(), index)
        })
        .collect();
    if !details.is_empty() {
        o.list("reasoning_details", |l| details.iter().for_each(|detail| l.item().raw(detail)));
    }
    let sources: Vec<&Annotation> = parts
        .iter()
        .flat_map(|part| match &part.body {
            Body::Text { annotations, .. } => annotations.as_slice(),
            _ => &[],
        })
        .collect();
    if !sources.is_empty() {
        o.list("annotations", |l| sources.iter().for_each(|source| l.object(|o| citation(o, source))));
    }
    let pictures: Vec<String> = parts.iter().filter_map(picture).collect();
    if !pictures.is_empty() {
        o.list("images", |l| pictures.iter().for_each(|picture| l.item().raw(picture)));
    }
    for part in parts {
        if let Body::Audio(Media::Inline { base64, .. }) = &part.body {
            o.object("audio", |o| {
                o.text("id", "audio_0");
                o.text("data", base64);
                o.int("expires_at", 0);
                o.text("transcript", "");
            });
            break;
        }
    }
    if !calls.is_empty() {
        o.list("tool_calls", |l| calls.iter().for_each(|call| l.object(|o| call_members(o, call))));
    }
}

pub(super) fn picture(part: &Part) -> Option<String> {
    let Body::Image { media, .. } = &part.body else { return None };
    let url = match media {
        Media::Inline { mime, base64 } => format!("data:{mime};base64,{base64}"),
        Media::Url { url, .. } => url.clone(),
        Media::FileId(_) | Media::Text(_) => return None,
    };
    Some(object(|o| {
        o.text("type", "image_url");
        o.object("image_url", |o| o.text("url", &url));
    }))
}

pub(super) fn citation(o: &mut Object<'_>, source: &Annotation) {
    o.text("type", "url_citation");
    o.object("url_citation", |o| {
        o.int("start_index", source.start);
        o.int("end_index", source.end);
        o.text("title", &source.title);
        o.text("url", &source.url);
    });
}

/// The members of a call, for histories and answers alike.
pub(super) fn call_members(o: &mut Object<'_>, call: &Call) {
    o.text("id", &call.id);
    if call.custom {
        o.text("type", "custom");
        o.object("custom", |o| {
            o.text("name", &call.name);
            o.text("input", &call.arguments);
        });
    } else {
        o.text("type", "function");
        o.object("function", |o| {
            o.text("name", &call.name);
            o.text("arguments", if call.arguments.is_empty() { "{}" } else { &call.arguments }); // C6
        });
    }
    if let Some(seal) = call.seal.as_ref().filter(|seal| seal.dialect == Dialect::Gemini) {
        o.object("extra_content", |o| {
            o.object("google", |o| o.text("thought_signature", &seal.data));
        });
    }
}

/// The usage in OpenAI's words: the prompt with what was cached, the answer with its reasoning (C26).
pub(in crate::dialect) fn write_usage(o: &mut Object<'_>, usage: &Usage) {
    let (input, output) = (usage.input_total(), usage.output_total());
    o.int("prompt_tokens", input);
    o.int("completion_tokens", output);
    o.int("total_tokens", input.saturating_add(output));
    o.object("prompt_tokens_details", |o| {
        o.int("cached_tokens", usage.get(Bucket::CacheRead));
        o.int("audio_tokens", usage.get(Bucket::AudioIn));
        let written = usage.get(Bucket::CacheWrite5m) + usage.get(Bucket::CacheWrite1h);
        for (name, units) in [("cache_write_tokens", written), ("image_tokens", usage.get(Bucket::ImageIn))] {
            if units > 0 {
                o.int(name, units);
            }
        }
    });
    o.object("completion_tokens_details", |o| {
        o.int("reasoning_tokens", usage.get(Bucket::Reasoning));
        o.int("audio_tokens", usage.get(Bucket::AudioOut));
        let pictures = usage.get(Bucket::ImageOut);
        if pictures > 0 {
            o.int("image_tokens", pictures);
        }
    });
}
