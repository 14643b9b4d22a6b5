//! Requests for vendors that know little besides texts.

use crate::WireError;
use crate::chat::{Body, ChatRequest, Losses, Media, Part, Role, Tool, ToolChoice, ToolResult};
use crate::json::Json;
use std::borrow::Cow;

/// Members of other dialects that are hints and labels, and change nothing of the answer.
const HINTS: &[&str] = &[
    "prediction",
    "prompt_cache_retention",
    "prompt_cache_options",
    "stream_options",
    "safety_identifier",
    "include",
    "truncation",
    "background",
    "safetySettings",
    "labels",
];

/// Tells of what a request asks for and a dialect has no words for; `said` are the names of what it has words
/// for. What can't be left out either is an error.
pub fn unsaid(chat: &ChatRequest, said: &[&str], lost: &mut Losses) -> Result<(), WireError> {
    let can = |name: &str| said.contains(&name);
    let refused = |path: &str, what: &str| Err(WireError::at(format!("this vendor {what}"), path));
    let s = &chat.sampling;
    if s.n.is_some_and(|n| n > 1) && !can("n") {
        return refused("n", "gives one answer per request");
    }
    if chat.audio.is_some() && !can("audio") {
        return refused("audio", "makes no sounds");
    }
    if chat.modalities.iter().any(|kind| kind != "text") && !can("modalities") {
        return refused("modalities", "makes nothing but text");
    }
    if chat.previous_response.is_some() {
        return refused("previous_response_id", "keeps no answers to go on from");
    }
    if !chat.tools.is_empty() && !can("tools") {
        let must = matches!(
            chat.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. })
        );
        if must {
            return refused("tool_choice", "calls no tools");
        }
        if chat.tool_choice != Some(ToolChoice::None) {
            (0..chat.tools.len()).for_each(|index| lost.dropped(format!("tools[{index}]")));
        }
    }
    let reasons = chat.reasoning.as_ref().is_some_and(|ask| {
        !ask.off && (ask.effort.is_some_and(|e| e != crate::chat::Effort::None) || ask.budget.is_some())
    });
    let tier = chat.service_tier.as_deref().is_some_and(|tier| !matches!(tier, "auto" | "default"));
    let bias = s.logit_bias.as_ref().is_some_and(|bias| bias.get() != "{}" && !bias.is_null());
    for (name, asked) in [
        ("max_tokens", s.max_output.is_some()),
        ("temperature", s.temperature.is_some()),
        ("top_p", s.top_p.is_some_and(|p| p < 1.0)),
        ("top_k", s.top_k.is_some()),
        ("stop", !s.stop.is_empty()),
        ("seed", s.seed.is_some()),
        ("presence_penalty", s.presence_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("frequency_penalty", s.frequency_penalty.is_some_and(|penalty| penalty != 0.0)),
        ("logit_bias", bias),
        ("logprobs", s.logprobs == Some(true)),
        ("top_logprobs", s.top_logprobs.is_some_and(|top| top > 0)),
        ("parallel_tool_calls", chat.parallel_tools == Some(false) && !chat.tools.is_empty()),
        ("response_format", chat.output != crate::chat::OutputFormat::Text),
        ("reasoning_effort", reasons),
        ("verbosity", chat.verbosity.is_some()),
        ("service_tier", tier),
        ("web_search_options", chat.web_search.is_some()),
        ("store", chat.store == Some(true)),
    ] {
        if asked && !can(name) {
            lost.dropped(name);
        }
    }
    for (name, _) in &chat.extra {
        let last = name.rsplit('.').next().unwrap_or(name);
        if !HINTS.contains(&last) && !can(name) {
            lost.dropped(name.as_str());
        }
    }
    Ok(())
}

/// A number moved to the nearest one that the vendor takes.
pub fn clamped(name: &str, number: Option<f64>, least: f64, most: f64, lost: &mut Losses) -> Option<f64> {
    number.map(|number| {
        let near = number.clamp(least, most);
        if near != number {
            lost.clamped(name);
        }
        near
    })
}

/// A seed within the vendor's bounds.
pub fn bounded(seed: Option<i64>, least: i64, most: i64, lost: &mut Losses) -> Option<i64> {
    seed.map(|seed| {
        if (least..=most).contains(&seed) {
            return seed;
        }
        lost.approximated("seed");
        least + seed.wrapping_sub(least).rem_euclid(most - least + 1)
    })
}

/// A function as most vendors know them.
pub struct Function<'c> {
    pub name: &'c str,
    pub description: Option<&'c str>,
    pub schema: Cow<'c, str>,
}

/// The functions that may be called. Custom tools take their text as `input`; tools that another vendor runs
/// are an error.
pub fn functions<'c>(chat: &'c ChatRequest, lost: &mut Losses) -> Result<Vec<Function<'c>>, WireError> {
    const NOTHING: &str = r#"{"type":"object","properties":{}}"#;
    const INPUT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;
    let mut found = Vec::new();
    for (index, tool) in chat.tools.iter().enumerate() {
        let path = format!("tools[{index}]");
        match tool {
            Tool::Function { name, description, schema, .. } => found.push(Function {
                name,
                description: description.as_deref(),
                schema: Cow::Borrowed(schema.as_ref().map_or(NOTHING, Json::get)),
            }),
            Tool::Custom { name, description, .. } => {
                lost.approximated(path);
                let schema = Cow::Borrowed(INPUT);
                found.push(Function { name, description: description.as_deref(), schema });
            }
            Tool::Hosted { .. } => {
                let message = format!("{path}: this tool is run by another vendor and can't be used here");
                return Err(WireError::at(message, path));
            }
        }
    }
    match &chat.tool_choice {
        Some(ToolChoice::None) => found.clear(),
        Some(ToolChoice::Allowed { names, .. }) => {
            found.retain(|function| names.iter().any(|name| name == function.name));
        }
        _ => {}
    }
    Ok(found)
}

/// A turn: what neighbours of one role say together, each part with its place.
pub struct Turn<'c> {
    pub role: Role,
    pub parts: Vec<(Cow<'c, Part>, String)>,
}

/// The system prompt, and the turns after it in roles that alternate. A system message that comes later stays
/// where it is, as a text of the user's (C28).
pub fn turns<'c>(chat: &'c ChatRequest, lost: &mut Losses) -> Result<(String, Vec<Turn<'c>>), WireError> {
    let leading = chat.messages.iter().take_while(|message| message.role == Role::System).count();
    let mut system: Vec<String> = Vec::new();
    let mut turns: Vec<Turn<'c>> = Vec::new();
    for (at, message) in chat.messages.iter().enumerate() {
        let place = |index: usize| format!("messages[{at}].content[{index}]");
        let parts = message.parts.iter().enumerate().map(|(index, part)| (part, place(index)));
        if at < leading {
            let parts: Vec<_> = parts.map(|(part, path)| (Cow::Borrowed(part), path)).collect();
            system.push(texts(&parts, lost)?);
            continue;
        }
        let later = message.role == Role::System;
        if later {
            lost.approximated(format!("messages[{at}]"));
        }
        let parts: Vec<(Cow<'c, Part>, String)> = parts
            .filter(|(part, _)| part.as_text() != Some("") && !matches!(part.body, Body::Reasoning(_)))
            .map(|(part, path)| match part.as_text().filter(|_| later) {
                Some(text) => (Cow::Owned(Part::text(format!("<system>\n{text}\n</system>"))), path),
                None => (Cow::Borrowed(part), path),
            })
            .collect();
        let role = if later { Role::User } else { message.role };
        match turns.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.role == role => last.parts.extend(parts),
            _ => turns.push(Turn { role, parts }),
        }
    }
    system.retain(|text| !text.is_empty());
    if turns.is_empty() {
        return Err(WireError::at("there is no message for the model to answer", "messages"));
    }
    Ok((system.join("\n"), turns))
}

/// An error where the last turn is the model's: few vendors go on with one.
pub fn last_is_users(turns: &[Turn<'_>]) -> Result<(), WireError> {
    match turns.last() {
        Some(turn) if turn.role == Role::Assistant => {
            let message =
                "this vendor does not continue a turn of the assistant; the last message must be the user's";
            Err(WireError::at(message, "messages"))
        }
        _ => Ok(()),
    }
}

/// A turn as one text. Calls and their results are told in words; pictures and sounds are errors.
pub fn texts(parts: &[(Cow<'_, Part>, String)], lost: &mut Losses) -> Result<String, WireError> {
    let mut said: Vec<String> = Vec::new();
    for (part, path) in parts {
        said.extend(say(part, path, lost)?.filter(|text| !text.is_empty()));
    }
    Ok(said.join("\n"))
}

/// A part in words; `None` for one that leaves nothing.
pub fn say(part: &Part, path: &str, lost: &mut Losses) -> Result<Option<String>, WireError> {
    Ok(match &part.body {
        Body::Text { text, .. } | Body::Refusal(text) => Some(text.clone()),
        Body::File { media: Media::Text(text), name } => {
            let title = name.as_ref().map(|name| format!("# {name}\n\n")).unwrap_or_default();
            Some(format!("{title}{text}"))
        }
        Body::Reasoning(_) => None,
        Body::Opaque { .. } => {
            lost.dropped(path);
            None
        }
        Body::Call(call) => {
            lost.approximated(path);
            Some(format!("(calls the tool {} with {})", call.name, call.arguments))
        }
        Body::Result(result) => {
            lost.approximated(path);
            let name = result.name.as_deref().unwrap_or_default();
            let word = if result.is_error { "error" } else { "result" };
            Some(format!("(the {word} of the tool {name})\n{}", result_text(result, path)?))
        }
        Body::Image { .. } | Body::Audio(_) | Body::Video(_) | Body::File { .. } => {
            return Err(refuse_media(&part.body, path));
        }
    })
}

/// What a tool gave, as text; pictures in it are errors.
pub fn result_text(result: &ToolResult, path: &str) -> Result<String, WireError> {
    let mut texts = Vec::new();
    for part in &result.parts {
        texts.push(part.as_text().ok_or_else(|| refuse_media(&part.body, path))?);
    }
    Ok(texts.join("\n"))
}

/// Why a part that is no text can't be sent.
pub fn refuse_media(body: &Body, path: &str) -> WireError {
    let what = match body {
        Body::Image { .. } => "a picture",
        Body::Audio(_) => "a sound",
        Body::Video(_) => "a video",
        _ => "a document",
    };
    WireError::at(format!("{path}: {what} can't be sent to this vendor"), path)
}
