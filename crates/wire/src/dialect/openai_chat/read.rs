//! A caller's chat completion request to the canonical chat.

use super::{arguments_of, dialect_of};
use crate::WireError;
use crate::chat::{
    Body, CacheMark, Call, ChatRequest, Dialect, Effort, Media, Message, OutputFormat, Part, Reasoning,
    ReasoningAsk, Role, Sampling, Seal, SealKind, Tool, ToolChoice, ToolResult, WebSearch,
};
use crate::json::{Json, Members, list_of, text_of};
use serde_json::value::RawValue;

pub fn request(body: &[u8]) -> Result<ChatRequest, WireError> {
    let mut m = Members::of_body(body)?;
    let mut chat = ChatRequest {
        model: m.text("model")?.unwrap_or_default(),
        origin: Some(Dialect::OpenAiChat),
        stream: m.flag("stream")?.unwrap_or(false),
        ..ChatRequest::default()
    };
    for (index, raw) in m.list("messages")?.into_iter().enumerate() {
        chat.messages.push(message(raw, format!("messages[{index}]"))?);
    }
    if chat.messages.is_empty() {
        return Err(WireError::at("messages must not be empty", "messages"));
    }
    number_old_calls(&mut chat.messages);
    for (index, raw) in m.list("tools")?.into_iter().enumerate() {
        chat.tools.push(tool(raw, &format!("tools[{index}]"))?);
    }
    for (index, raw) in m.list("functions")?.into_iter().enumerate() {
        chat.tools.push(function(Members::of(raw, format!("functions[{index}]"))?, None)?);
    }
    chat.tool_choice = tool_choice(&mut m)?;
    chat.parallel_tools = m.flag("parallel_tool_calls")?;
    let max = m.count("max_completion_tokens")?;
    chat.sampling = Sampling {
        max_output: max.or(m.count("max_tokens")?),
        temperature: m.number("temperature")?,
        top_p: m.number("top_p")?,
        top_k: m.int("top_k")?.and_then(|k| u64::try_from(k).ok()).filter(|k| *k > 0),
        stop: stop(&mut m)?,
        seed: m.int("seed")?,
        presence_penalty: m.number("presence_penalty")?,
        frequency_penalty: m.number("frequency_penalty")?,
        n: m.count("n")?,
        logprobs: m.flag("logprobs")?,
        top_logprobs: m.count("top_logprobs")?,
        logit_bias: m.json("logit_bias"),
    };
    chat.output = output(&mut m)?;
    chat.reasoning = reasoning(&mut m)?;
    if let Some(mut options) = m.object("stream_options")? {
        chat.wants_usage = options.flag("include_usage")?.unwrap_or(false);
    }
    let (user, identifier) = (m.text("user")?, m.text("safety_identifier")?);
    chat.end_user = identifier.or(user);
    chat.metadata = m.json("metadata");
    chat.service_tier = m.text("service_tier")?;
    chat.store = m.flag("store")?;
    chat.cache_key = m.text("prompt_cache_key")?;
    chat.verbosity = m.text("verbosity")?;
    if let Some(mut search) = m.object("web_search_options")? {
        let (context_size, location) = (search.text("search_context_size")?, search.json("user_location"));
        chat.web_search = Some(WebSearch { context_size, location });
    }
    chat.modalities = m.texts("modalities")?.into_iter().filter(|kind| kind != "text").collect();
    chat.audio = m.json("audio");
    chat.extra = m.rest();
    Ok(chat)
}

fn stop(m: &mut Members<'_>) -> Result<Vec<String>, WireError> {
    match m.peek("stop") {
        Some(raw) if raw.get().starts_with('"') => Ok(m.text("stop")?.into_iter().collect()),
        _ => m.texts("stop"),
    }
}

fn output(m: &mut Members<'_>) -> Result<OutputFormat, WireError> {
    let Some(mut format) = m.object("response_format")? else { return Ok(OutputFormat::Text) };
    match format.text("type")?.as_deref() {
        None | Some("text") => Ok(OutputFormat::Text),
        Some("json_object") => Ok(OutputFormat::Json),
        Some("json_schema") => {
            let path = "response_format.json_schema";
            let Some(mut inner) = format.object("json_schema")? else {
                return Err(WireError::at(format!("{path} is missing"), path));
            };
            Ok(OutputFormat::Schema {
                name: inner.text("name")?,
                description: inner.text("description")?,
                strict: inner.flag("strict")?,
                schema: match inner.json("schema") {
                    Some(schema) => schema,
                    None => Json::from_text("{}")?,
                },
            })
        }
        Some(other) => {
            let path = "response_format.type";
            Err(WireError::at(format!("{path} {other:?} is not known"), path))
        }
    }
}

fn reasoning(m: &mut Members<'_>) -> Result<Option<ReasoningAsk>, WireError> {
    let effort = m.text("reasoning_effort")?;
    let mut ask = ReasoningAsk::default();
    let mut any = effort.is_some();
    // OpenRouter's form, which says more.
    if let Some(mut inner) = m.object("reasoning")? {
        any = true;
        ask.effort = inner.text("effort")?.as_deref().and_then(Effort::parse);
        ask.budget = inner.int("max_tokens")?;
        ask.show = inner.flag("exclude")?.map(|exclude| !exclude);
        ask.off = inner.flag("enabled")? == Some(false);
    }
    if let Some(word) = effort {
        let known = Effort::parse(&word).ok_or_else(|| {
            WireError::at(format!("reasoning_effort {word:?} is not known"), "reasoning_effort")
        })?;
        ask.effort = Some(known);
        ask.off |= known == Effort::None;
    }
    Ok(any.then_some(ask))
}

fn tool_choice(m: &mut Members<'_>) -> Result<Option<ToolChoice>, WireError> {
    let (name, raw) = match m.take("tool_choice") {
        Some(raw) => ("tool_choice", raw),
        None => match m.take("function_call") {
            Some(raw) => ("function_call", raw),
            None => return Ok(None),
        },
    };
    let bad = || WireError::at(format!("{name} is not known"), name);
    if let Some(word) = text_of(raw) {
        return match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" | "any" => Ok(Some(ToolChoice::Required)),
            _ => Err(bad()),
        };
    }
    let mut choice = Members::of(raw, name)?;
    if let Some(named) = choice.text("name")? {
        return Ok(Some(ToolChoice::Named(named)));
    }
    for kind in ["function", "custom"] {
        if let Some(mut inner) = choice.object(kind)? {
            return inner.text("name")?.map(ToolChoice::Named).map(Some).ok_or_else(bad);
        }
    }
    let Some(mut allowed) = choice.object("allowed_tools")? else { return Err(bad()) };
    let required = allowed.text("mode")?.as_deref() == Some("required");
    let mut names = Vec::new();
    for raw in allowed.list("tools")? {
        let mut tool = Members::of(raw, "tool_choice.allowed_tools.tools")?;
        for kind in ["function", "custom"] {
            if let Some(mut inner) = tool.object(kind)? {
                names.extend(inner.text("name")?);
            }
        }
    }
    Ok(Some(ToolChoice::Allowed { names, required }))
}

fn tool(raw: &RawValue, path: &str) -> Result<Tool, WireError> {
    let mut m = Members::of(raw, path)?;
    let cache = cache_mark(&mut m)?;
    match m.text("type")?.as_deref() {
        None | Some("function") => match m.object("function")? {
            Some(inner) => function(inner, cache),
            None => Err(WireError::at(format!("{path}.function is missing"), format!("{path}.function"))),
        },
        Some("custom") => match m.object("custom")? {
            Some(mut inner) => Ok(Tool::Custom {
                name: inner.text("name")?.unwrap_or_default(),
                description: inner.text("description")?,
                format: inner.json("format"),
            }),
            None => Err(WireError::at(format!("{path}.custom is missing"), format!("{path}.custom"))),
        },
        Some(_) => Ok(Tool::Hosted { dialect: Dialect::OpenAiChat, json: Json::from(raw) }),
    }
}

fn function(mut m: Members<'_>, cache: Option<CacheMark>) -> Result<Tool, WireError> {
    let path = m.at("name");
    let name = m.text("name")?.filter(|name| !name.is_empty());
    Ok(Tool::Function {
        name: name.ok_or_else(|| WireError::at(format!("{path} is missing"), path.clone()))?,
        description: m.text("description")?,
        schema: m.json("parameters"),
        strict: m.flag("strict")?,
        cache,
    })
}

/// The cache marks that clones and OpenAI itself know: Anthropic's on a part, and OpenAI's breakpoint.
fn cache_mark(m: &mut Members<'_>) -> Result<Option<CacheMark>, WireError> {
    let mut mark = None;
    for name in ["cache_control", "prompt_cache_breakpoint"] {
        if let Some(mut inner) = m.object(name)? {
            let long = matches!(inner.text("ttl")?.as_deref(), Some("1h" | "30m" | "12h"));
            mark = Some(if long { CacheMark::Long } else { CacheMark::Short });
        }
    }
    Ok(mark)
}

fn message(raw: &RawValue, path: String) -> Result<Message, WireError> {
    let mut m = Members::of(raw, path.clone())?;
    let role = m.text("role")?.unwrap_or_default();
    let name = m.text("name")?;
    match role.as_str() {
        "system" | "developer" | "user" => {
            let role = if role == "user" { Role::User } else { Role::System };
            let parts = content(&mut m)?;
            Ok(Message { role, parts, name })
        }
        "assistant" => assistant(m, name),
        "tool" => {
            let id = m.text("tool_call_id")?;
            let missing =
                || WireError::at(format!("{path}.tool_call_id is missing"), format!("{path}.tool_call_id"));
            let result = ToolResult {
                call_id: id.ok_or_else(missing)?,
                name,
                parts: content(&mut m)?,
                is_error: false,
            };
            Ok(Message::new(Role::User, vec![Part::new(Body::Result(result))]))
        }
        "function" => {
            // Named in place of an id; the call before it gets the same one.
            let result =
                ToolResult { call_id: String::new(), name, parts: content(&mut m)?, is_error: false };
            Ok(Message::new(Role::User, vec![Part::new(Body::Result(result))]))
        }
        other => Err(WireError::at(format!("{path}.role {other:?} is not known"), format!("{path}.role"))),
    }
}

/// Gives the calls of OpenAI's first generation of tools, which have no ids, ids by their order.
fn number_old_calls(messages: &mut [Message]) {
    let mut count = 0;
    let mut last = String::new();
    for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
        match &mut part.body {
            Body::Call(call) if call.id.is_empty() => {
                call.id = format!("call_{count}");
                last.clone_from(&call.id);
                count += 1;
            }
            Body::Result(result) if result.call_id.is_empty() => result.call_id.clone_from(&last),
            _ => {}
        }
    }
}

fn assistant(mut m: Members<'_>, name: Option<String>) -> Result<Message, WireError> {
    let mut parts = reasoning_of(&mut m)?;
    parts.extend(content(&mut m)?);
    if let Some(text) = m.text("refusal")?.filter(|text| !text.is_empty()) {
        parts.push(Part::new(Body::Refusal(text)));
    }
    for (index, raw) in m.list("tool_calls")?.into_iter().enumerate() {
        let path = m.at(&format!("tool_calls[{index}]"));
        let call = call(raw, path)?;
        // The same call told twice counts once (C16).
        let told = parts.iter().any(|part| matches!(&part.body, Body::Call(known) if known.id == call.id));
        if !told || call.id.is_empty() {
            parts.push(Part::new(Body::Call(call)));
        }
    }
    if let Some(mut inner) = m.object("function_call")? {
        parts.push(Part::new(Body::Call(Call {
            id: String::new(),
            name: inner.text("name")?.unwrap_or_default(),
            arguments: inner.take("arguments").map(arguments_of).unwrap_or_default(),
            custom: false,
            seal: None,
        })));
    }
    Ok(Message { role: Role::Assistant, parts, name })
}

pub(super) fn call(raw: &RawValue, path: String) -> Result<Call, WireError> {
    let mut m = Members::of(raw, path)?;
    let id = m.text("id")?.unwrap_or_default();
    let signature = match m.object("extra_content")? {
        Some(mut extra) => match extra.object("google")? {
            Some(mut google) => google.text("thought_signature")?,
            None => None,
        },
        None => None,
    };
    let seal = signature.map(|data| Seal { dialect: Dialect::Gemini, kind: SealKind::Signature, data });
    // Some vendors fill in every member a call could have.
    if m.peek("function").is_none()
        && let Some(mut custom) = m.object("custom")?
    {
        return Ok(Call {
            id,
            name: custom.text("name")?.unwrap_or_default(),
            arguments: custom.text("input")?.unwrap_or_default(),
            custom: true,
            seal,
        });
    }
    let Some(mut function) = m.object("function")? else {
        let path = m.at("function");
        return Err(WireError::at(format!("{path} is missing"), path));
    };
    Ok(Call {
        id,
        name: function.text("name")?.unwrap_or_default(),
        arguments: function.take("arguments").map(arguments_of).unwrap_or_default(),
        custom: false,
        seal,
    })
}

/// Reasoning that a caller sends back: plain, or in OpenRouter's list with its seals.
pub(super) fn reasoning_of(m: &mut Members<'_>) -> Result<Vec<Part>, WireError> {
    let mut parts: Vec<Part> = Vec::new();
    for (index, raw) in m.list("reasoning_details")?.into_iter().enumerate() {
        let mut detail = Members::of(raw, m.at(&format!("reasoning_details[{index}]")))?;
        let kind = detail.text("type")?.unwrap_or_default();
        let dialect = detail.text("format")?.as_deref().and_then(dialect_of);
        let id = detail.text("id")?;
        let (text, seal, summary) = match kind.as_str() {
            "reasoning.encrypted" => {
                let data = detail.text("data")?;
                (String::new(), data.map(|data| (SealKind::Encrypted, data)), false)
            }
            "reasoning.summary" => (detail.text("summary")?.unwrap_or_default(), None, true),
            _ => {
                let signature = detail.text("signature")?;
                let text = detail.text("text")?.unwrap_or_default();
                (text, signature.map(|data| (SealKind::Signature, data)), false)
            }
        };
        let seal = seal.and_then(|(kind, data)| Some(Seal { dialect: dialect?, kind, data }));
        if !text.is_empty() || seal.is_some() {
            parts.push(Part::new(Body::Reasoning(Reasoning { text, seal, id, summary })));
        }
    }
    let plain = m.text("reasoning_content")?;
    let plain = match plain {
        Some(text) => Some(text),
        None => m.take("reasoning").and_then(text_of),
    };
    let Some(plain) = plain.filter(|text| !text.is_empty()) else { return Ok(parts) };
    let told = |part: &Part| matches!(&part.body, Body::Reasoning(reasoning) if !reasoning.text.is_empty());
    if parts.iter().any(told) {
        return Ok(parts); // the same text, told twice
    }
    match parts.first_mut().map(|part| &mut part.body) {
        // Its seal stands in the list, its text beside it.
        Some(Body::Reasoning(reasoning)) => reasoning.text = plain,
        _ => parts.push(Part::new(Body::Reasoning(Reasoning { text: plain, ..Reasoning::default() }))),
    }
    Ok(parts)
}

/// `content`: a text, nothing, or a list of parts.
pub(super) fn content(m: &mut Members<'_>) -> Result<Vec<Part>, WireError> {
    let path = m.at("content");
    let Some(raw) = m.take("content") else { return Ok(Vec::new()) };
    if let Some(text) = text_of(raw) {
        return Ok(if text.is_empty() { Vec::new() } else { vec![Part::text(text)] });
    }
    let items = list_of(raw)
        .ok_or_else(|| WireError::at(format!("{path} must be a text or a list of parts"), path.clone()))?;
    let mut parts = Vec::with_capacity(items.len());
    for (index, raw) in items.into_iter().enumerate() {
        parts.extend(part(raw, format!("{path}[{index}]"))?);
    }
    Ok(parts)
}

fn part(raw: &RawValue, path: String) -> Result<Option<Part>, WireError> {
    if let Some(text) = text_of(raw) {
        return Ok(Some(Part::text(text)));
    }
    let mut m = Members::of(raw, path.clone())?;
    let cache = cache_mark(&mut m)?;
    let missing = |name: &str| WireError::at(format!("{path}.{name} is missing"), format!("{path}.{name}"));
    let body = match m.text("type")?.as_deref() {
        Some("text" | "input_text" | "output_text") => {
            let text = m.text("text")?.unwrap_or_default();
            if text.is_empty() {
                return Ok(None); // C19
            }
            Body::Text { text, annotations: Vec::new() }
        }
        Some("refusal") => Body::Refusal(m.text("refusal")?.unwrap_or_default()),
        Some("image_url") => {
            let (url, detail) = match m.peek("image_url").and_then(text_of) {
                Some(url) => (Some(url), None),
                None => match m.object("image_url")? {
                    Some(mut inner) => (inner.text("url")?, inner.text("detail")?),
                    None => (None, None),
                },
            };
            Body::Image { media: media_of(url.ok_or_else(|| missing("image_url"))?), detail }
        }
        Some("video_url") => {
            let mut inner = m.object("video_url")?.ok_or_else(|| missing("video_url"))?;
            Body::Video(media_of(inner.text("url")?.unwrap_or_default()))
        }
        Some("input_audio") if m.peek("input_audio").and_then(text_of).is_some() => {
            // Mistral's form: the bytes or their address, bare.
            let text = m.text("input_audio")?.unwrap_or_default();
            Body::Audio(match media_of(text) {
                Media::Url { url, .. } if !url.starts_with("http") => {
                    Media::Inline { mime: "audio/mp3".into(), base64: url }
                }
                other => other,
            })
        }
        Some("input_audio") => {
            let mut inner = m.object("input_audio")?.ok_or_else(|| missing("input_audio"))?;
            let format = inner.text("format")?.unwrap_or_else(|| "wav".into());
            let mime = if format == "mp3" { "audio/mp3".to_owned() } else { format!("audio/{format}") };
            Body::Audio(Media::Inline { mime, base64: inner.text("data")?.unwrap_or_default() })
        }
        Some("file") => {
            let mut inner = m.object("file")?.ok_or_else(|| missing("file"))?;
            let name = inner.text("filename")?;
            let media = match (inner.text("file_data")?, inner.text("file_id")?) {
                (Some(data), _) => match media_of(data) {
                    Media::Url { url, .. } => Media::Inline { mime: "application/pdf".into(), base64: url },
                    other => other,
                },
                (None, Some(id)) => Media::FileId(id),
                (None, None) => return Err(missing("file.file_data")),
            };
            Body::File { media, name }
        }
        Some("thinking") => {
            // Mistral's own: a list of texts.
            let mut text = String::new();
            for raw in m.list("thinking")? {
                text.push_str(&Members::of(raw, path.clone())?.text("text")?.unwrap_or_default());
            }
            Body::Reasoning(Reasoning { text, ..Reasoning::default() })
        }
        Some(_) => Body::Opaque { dialect: Dialect::OpenAiChat, json: Json::from(raw) },
        None => return Err(missing("type")),
    };
    Ok(Some(Part { body, cache }))
}

/// A `data:` URL's bytes, or the URL.
pub(super) fn media_of(url: String) -> Media {
    let inline = url.strip_prefix("data:").and_then(|rest| {
        let (head, data) = rest.split_once(',')?;
        let mime = head.strip_suffix(";base64")?;
        let mime = mime.split(';').next().unwrap_or(mime);
        Some(Media::Inline { mime: mime.to_owned(), base64: data.to_owned() })
    });
    inline.unwrap_or(Media::Url { url, mime: None })
}
