//! A request for Ollama.

use crate::WireError;
use crate::chat::{Body, ChatRequest, Effort, Losses, Media, Message, Part, Role};
use crate::codec::To;
use crate::dialect::{gemini, kit};
use crate::json::{Json, Members, Object, object};
use serde_json::value::RawValue;

/// Members of the dialect that callers of others may set.
const OWN: &[&str] = &["keep_alive", "truncate", "shift"];

pub(super) fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    kit::unsaid(chat, lost)?;
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    let (tools, need) = kit::functions(chat, lost);
    // There is no word for a choice: tools that must not be called are left out, a call can't be forced.
    if need == kit::Need::Must {
        lost.dropped("tool_choice");
    }
    let mut messages = Vec::new();
    for (index, message) in chat.messages.iter().enumerate() {
        turn(message, &format!("messages[{index}]"), &mut messages, lost)?;
    }
    if messages.is_empty() {
        return Err(WireError::at("messages must not be empty", "messages"));
    }
    let options = options(chat, lost)?;
    Ok(object(|o| {
        o.text("model", to.model);
        o.list("messages", |l| messages.iter().for_each(|message| l.item().raw(message)));
        if !tools.is_empty() && need != kit::Need::Never {
            o.list("tools", |l| tools.iter().for_each(|(_, tool)| l.item().raw(tool)));
        }
        match kit::schema(&chat.output) {
            None => {}
            Some(None) => o.text("format", "json"),
            Some(Some(schema)) => o.json("format", schema),
        }
        if options != "{}" {
            o.key("options").raw(&options);
        }
        think(chat, to.model, o, lost);
        if chat.sampling.logprobs == Some(true) {
            o.flag("logprobs", true);
            o.opt_int("top_logprobs", chat.sampling.top_logprobs);
        }
        // Streams unless told otherwise.
        o.flag("stream", chat.stream);
        for (name, json) in &chat.extra {
            match name.as_str() {
                "options" => {}
                name if OWN.contains(&name) => o.json(name, json),
                name => lost.dropped(name),
            }
        }
    }))
}

/// The settings; those that a caller of another dialect gives in this one's words (`num_ctx`) come last.
fn options(chat: &ChatRequest, lost: &mut Losses) -> Result<String, WireError> {
    let s = &chat.sampling;
    let mut given: Vec<(String, Json)> = Vec::new();
    if let Some((_, json)) = chat.extra.iter().find(|(name, _)| name == "options") {
        let raw: &RawValue =
            serde_json::from_str(json.get()).map_err(|_| WireError::at("malformed JSON", "options"))?;
        given = Members::of(raw, "options")?.rest();
    }
    let said = |name: &str| given.iter().any(|(known, _)| known == name);
    let number = |name: &str, number: Option<f64>, o: &mut Object<'_>| {
        o.opt_number(name, number.filter(|_| !said(name)));
    };
    let mut seed = s.seed;
    if seed.is_some_and(|seed| i32::try_from(seed).is_err()) {
        lost.approximated("seed");
        seed = seed.map(|seed| seed.rem_euclid(1 << 31));
    }
    Ok(object(|o| {
        o.opt_int("num_predict", s.max_output.filter(|_| !said("num_predict")));
        number("temperature", s.temperature, o);
        number("top_p", s.top_p, o);
        o.opt_int("top_k", s.top_k.filter(|_| !said("top_k")));
        if !s.stop.is_empty() && !said("stop") {
            o.list("stop", |l| s.stop.iter().for_each(|text| l.item().text(text)));
        }
        o.opt_int("seed", seed.filter(|_| !said("seed")));
        number("presence_penalty", s.presence_penalty, o);
        number("frequency_penalty", s.frequency_penalty, o);
        given.iter().for_each(|(name, json)| o.json(name, json));
    }))
}

fn think(chat: &ChatRequest, model: &str, o: &mut Object<'_>, lost: &mut Losses) {
    let effort = chat.reasoning.as_ref().and_then(|ask| ask.effort);
    match kit::thinking(chat.reasoning.as_ref()) {
        None => {}
        Some(None) => o.flag("think", false),
        // Other models refuse a level.
        Some(Some(_)) if !model.contains("gpt-oss") => {
            if effort.is_some() {
                lost.approximated("reasoning_effort");
            }
            o.flag("think", true);
        }
        Some(Some(_)) => match effort {
            None => o.flag("think", true),
            Some(Effort::None | Effort::Minimal | Effort::Low) => o.text("think", "low"),
            Some(Effort::Medium) => o.text("think", "medium"),
            Some(Effort::High | Effort::XHigh | Effort::Max) => o.text("think", "high"),
        },
    }
}

fn turn(message: &Message, path: &str, out: &mut Vec<String>, lost: &mut Losses) -> Result<(), WireError> {
    if message.role == Role::Assistant {
        return assistant(message, path, out, lost);
    }
    let mut shown: Vec<&Part> = Vec::new();
    for part in &message.parts {
        if let Body::Result(result) = &part.body {
            let (text, others) = kit::result(result);
            shown.extend(others);
            out.push(object(|o| {
                o.text("role", "tool");
                o.text("content", &text);
                o.opt_text("tool_name", result.name.as_deref());
                o.opt_text("tool_call_id", Some(result.call_id.as_str()).filter(|id| !gemini::is_made(id)));
            }));
        }
    }
    // What a result can't hold follows when all results are there (C20).
    shown.extend(message.parts.iter().filter(|part| !matches!(part.body, Body::Result(_))));
    let (mut texts, mut images) = (Vec::new(), Vec::new());
    for (index, part) in shown.into_iter().enumerate() {
        let path = format!("{path}.content[{index}]");
        if let Some((name, text)) = kit::document(&part.body) {
            texts.push(kit::titled(name, &text));
            continue;
        }
        match &part.body {
            Body::Text { text, .. } | Body::Refusal(text) => texts.push(text.clone()),
            Body::Image { media: Media::Inline { base64, .. }, .. } => images.push(base64),
            Body::Image { .. } | Body::Audio(_) | Body::Video(_) | Body::File { .. } => {
                return Err(kit::cant(&path, kit::kind(&part.body)));
            }
            Body::Opaque { .. } => lost.dropped(path),
            Body::Call(_) | Body::Result(_) | Body::Reasoning(_) => {}
        }
    }
    texts.retain(|text| !text.is_empty());
    if texts.is_empty() && images.is_empty() {
        return Ok(());
    }
    out.push(object(|o| {
        o.text("role", if message.role == Role::System { "system" } else { "user" });
        o.text("content", &texts.join("\n"));
        if !images.is_empty() {
            o.list("images", |l| images.iter().for_each(|image| l.item().text(image)));
        }
    }));
    Ok(())
}

fn assistant(
    message: &Message,
    path: &str,
    out: &mut Vec<String>,
    lost: &mut Losses,
) -> Result<(), WireError> {
    let (mut said, mut thoughts, mut calls) = (String::new(), String::new(), Vec::new());
    for (index, part) in message.parts.iter().enumerate() {
        let path = format!("{path}.content[{index}]");
        match &part.body {
            Body::Text { text, .. } | Body::Refusal(text) => said.push_str(text),
            Body::Reasoning(reasoning) => thoughts.push_str(&reasoning.text),
            Body::Call(call) => {
                let arguments = kit::arguments(call, &path)?;
                calls.push(object(|o| {
                    o.opt_text(
                        "id",
                        Some(call.id.as_str()).filter(|id| !id.is_empty() && !gemini::is_made(id)),
                    );
                    o.object("function", |o| {
                        o.text("name", &call.name);
                        o.key("arguments").raw(&arguments);
                    });
                }));
            }
            Body::Result(_) => {}
            Body::Image { .. }
            | Body::Audio(_)
            | Body::Video(_)
            | Body::File { .. }
            | Body::Opaque { .. } => {
                lost.dropped(path);
            }
        }
    }
    if said.is_empty() && thoughts.is_empty() && calls.is_empty() {
        return Ok(());
    }
    out.push(object(|o| {
        o.text("role", "assistant");
        o.text("content", &said);
        if !thoughts.is_empty() {
            o.text("thinking", &thoughts);
        }
        if !calls.is_empty() {
            o.list("tool_calls", |l| calls.iter().for_each(|call| l.item().raw(call)));
        }
    }));
    Ok(())
}
