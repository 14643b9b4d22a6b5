//! The canonical chat to a request for a vendor that speaks chat completions.

use super::{detail_of, word_list};
use crate::WireError;
use crate::chat::{
    Body, CacheMark, Call, ChatRequest, Dialect, Effort, Losses, Media, Message, OutputFormat, Part,
    ReasoningAsk, Role, Tool, ToolChoice, ToolResult,
};
use crate::codec::To;
use crate::json::{List, Object, object};

/// Stop sequences that OpenAI and most others take.
const STOPS: usize = 4;

/// What a channel type understands beyond the common ground.
struct Face {
    /// OpenAI itself or Azure: its newest names, nothing it does not know.
    strict: bool,
    /// Wants the reasoning of its own earlier turns back as `reasoning_content` (C15).
    reasoning_content: bool,
    /// Knows `reasoning_details` and `reasoning`, and marks of the cache (OpenRouter).
    details: bool,
}

impl Face {
    fn of(kind: u16) -> Face {
        Face {
            strict: matches!(kind, 1 | 3),
            reasoning_content: matches!(kind, 16 | 25 | 36 | 40 | 44 | 49),
            details: kind == 20,
        }
    }
}

pub fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    let face = Face::of(to.kind);
    let mut failed = None;
    let text = object(|o| {
        o.text("model", to.model);
        o.list("messages", |l| {
            for (index, message) in chat.messages.iter().enumerate() {
                let path = format!("messages[{index}]");
                if let Err(error) = write_message(l, message, &face, &path, lost) {
                    failed.get_or_insert(error);
                }
            }
        });
        write_tools(o, chat, &mut failed, lost);
        write_sampling(o, chat, &face, lost);
        write_output(o, &chat.output);
        if let Some(ask) = &chat.reasoning {
            write_reasoning(o, ask, to.model, &face);
        }
        if chat.stream {
            o.flag("stream", true);
            o.object("stream_options", |o| o.flag("include_usage", true));
        }
        write_rest(o, chat, &face, lost);
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(text),
    }
}

fn write_sampling(o: &mut Object<'_>, chat: &ChatRequest, face: &Face, lost: &mut Losses) {
    let s = &chat.sampling;
    o.opt_int(if face.strict { "max_completion_tokens" } else { "max_tokens" }, s.max_output);
    o.opt_number("temperature", s.temperature);
    o.opt_number("top_p", s.top_p);
    match (s.top_k, face.strict) {
        (Some(_), true) => lost.dropped("top_k"),
        (k, _) => o.opt_int("top_k", k),
    }
    if !s.stop.is_empty() {
        if s.stop.len() > STOPS {
            lost.dropped(format!("stop[{STOPS}]"));
        }
        o.list("stop", |l| s.stop.iter().take(STOPS).for_each(|text| l.item().text(text)));
    }
    o.opt_int("seed", s.seed);
    o.opt_number("presence_penalty", s.presence_penalty);
    o.opt_number("frequency_penalty", s.frequency_penalty);
    o.opt_int("n", s.n);
    o.opt_flag("logprobs", s.logprobs);
    o.opt_int("top_logprobs", s.top_logprobs);
    o.opt_json("logit_bias", s.logit_bias.as_ref());
}

fn write_output(o: &mut Object<'_>, output: &OutputFormat) {
    match output {
        OutputFormat::Text => {}
        OutputFormat::Json => o.object("response_format", |o| o.text("type", "json_object")),
        OutputFormat::Schema { name, description, schema, strict } => o.object("response_format", |o| {
            o.text("type", "json_schema");
            o.object("json_schema", |o| {
                o.text("name", name.as_deref().unwrap_or("output"));
                o.opt_text("description", description.as_deref());
                o.json("schema", schema);
                o.opt_flag("strict", *strict);
            });
        }),
    }
}

fn write_reasoning(o: &mut Object<'_>, ask: &ReasoningAsk, model: &str, face: &Face) {
    let effort = ask.effort.or(ask.budget.filter(|tokens| *tokens >= 0).map(Effort::of_budget));
    if face.details {
        o.object("reasoning", |o| match (ask.off, effort) {
            (true, _) => o.flag("enabled", false),
            (_, Some(effort)) => o.text("effort", effort.name()),
            (_, None) => o.flag("enabled", true),
        });
        return;
    }
    let effort = match (ask.off, effort) {
        // Models before GPT-5.1 can't be told to be quiet altogether; others don't know the word at all.
        (true, _) if model.starts_with("gpt-5-") || model == "gpt-5" => Some(Effort::Minimal),
        (true, _) if model.starts_with("gpt-5") || model.starts_with("gpt-6") => Some(Effort::None),
        (true, _) => None,
        (false, effort) => effort,
    };
    o.opt_text("reasoning_effort", effort.map(Effort::name));
}

fn write_rest(o: &mut Object<'_>, chat: &ChatRequest, face: &Face, lost: &mut Losses) {
    let own = chat.origin == Some(Dialect::OpenAiChat);
    o.opt_text(if face.strict { "safety_identifier" } else { "user" }, chat.end_user.as_deref());
    if face.strict || own {
        o.opt_json("metadata", chat.metadata.as_ref());
        o.opt_text("service_tier", chat.service_tier.as_deref());
        o.opt_flag("store", chat.store);
        o.opt_text("prompt_cache_key", chat.cache_key.as_deref());
        o.opt_text("verbosity", chat.verbosity.as_deref());
    }
    if let Some(search) = &chat.web_search {
        o.object("web_search_options", |o| {
            o.opt_text("search_context_size", search.context_size.as_deref());
            o.opt_json("user_location", search.location.as_ref());
        });
    }
    if !chat.modalities.is_empty() {
        o.list("modalities", |l| {
            l.item().text("text");
            chat.modalities.iter().for_each(|kind| l.item().text(kind));
        });
    }
    o.opt_json("audio", chat.audio.as_ref());
    if chat.previous_response.is_some() {
        lost.dropped("previous_response_id");
    }
    for (name, json) in &chat.extra {
        if own { o.json(name, json) } else { lost.dropped(name.as_str()) }
    }
}

fn write_tools(o: &mut Object<'_>, chat: &ChatRequest, failed: &mut Option<WireError>, lost: &mut Losses) {
    if !chat.tools.is_empty() {
        o.list("tools", |l| {
            for (index, tool) in chat.tools.iter().enumerate() {
                write_tool(l, tool, &format!("tools[{index}]"), failed);
            }
        });
    }
    let named = |o: &mut Object<'_>, name: &str| {
        let custom = chat.tools.iter().any(|tool| matches!(tool, Tool::Custom { name: n, .. } if n == name));
        let kind = if custom { "custom" } else { "function" };
        o.text("type", kind);
        o.object(kind, |o| o.text("name", name));
    };
    match &chat.tool_choice {
        None => {}
        Some(ToolChoice::Auto) => o.text("tool_choice", "auto"),
        Some(ToolChoice::None) => o.text("tool_choice", "none"),
        Some(ToolChoice::Required) => o.text("tool_choice", "required"),
        Some(ToolChoice::Named(name)) => o.object("tool_choice", |o| named(o, name)),
        Some(ToolChoice::Allowed { names, required }) => o.object("tool_choice", |o| {
            o.text("type", "allowed_tools");
            o.object("allowed_tools", |o| {
                o.text("mode", if *required { "required" } else { "auto" });
                o.list("tools", |l| names.iter().for_each(|name| l.object(|o| named(o, name))));
            });
        }),
    }
    if let Some(parallel) = chat.parallel_tools {
        // Refused by OpenAI where there is nothing to call.
        if chat.tools.is_empty() {
            lost.approximated("parallel_tool_calls")
        } else {
            o.flag("parallel_tool_calls", parallel)
        }
    }
}

fn write_tool(l: &mut List<'_>, tool: &Tool, path: &str, failed: &mut Option<WireError>) {
    match tool {
        Tool::Function { name, description, schema, strict, .. } => l.object(|o| {
            o.text("type", "function");
            o.object("function", |o| {
                o.text("name", name);
                o.opt_text("description", description.as_deref());
                match schema {
                    Some(schema) => o.json("parameters", schema),
                    None => o.key("parameters").raw(r#"{"type":"object","properties":{}}"#),
                }
                o.opt_flag("strict", *strict);
            });
        }),
        Tool::Custom { name, description, format } => l.object(|o| {
            o.text("type", "custom");
            o.object("custom", |o| {
                o.text("name", name);
                o.opt_text("description", description.as_deref());
                o.opt_json("format", format.as_ref());
            });
        }),
        Tool::Hosted { dialect: Dialect::OpenAiChat, json } => l.item().json(json),
        Tool::Hosted { .. } => {
            let message = format!("{path}: this tool is run by another vendor and can't be used here");
            failed.get_or_insert(WireError::at(message, path));
        }
    }
}

fn write_message(
    l: &mut List<'_>,
    message: &Message,
    face: &Face,
    path: &str,
    lost: &mut Losses,
) -> Result<(), WireError> {
    if message.role == Role::Assistant {
        return write_assistant(l, message, face, path, lost);
    }
    let mut failed = None;
    let results = message.parts.iter().filter_map(|part| match &part.body {
        Body::Result(result) => Some(result),
        _ => None,
    });
    // What a tool message can't hold follows in a turn of its own, after all results (C20).
    let mut shown: Vec<&Part> = Vec::new();
    for result in results {
        write_result(l, result, &mut shown);
    }
    let rest: Vec<&Part> = shown
        .into_iter()
        .chain(message.parts.iter().filter(|p| !matches!(p.body, Body::Result(_))))
        .collect();
    if rest.is_empty() {
        return Ok(());
    }
    l.object(|o| {
        o.text("role", if message.role == Role::System { "system" } else { "user" });
        o.opt_text("name", message.name.as_deref());
        write_content(o, &rest, face, path, &mut failed, lost);
    });
    failed.map_or(Ok(()), Err)
}

fn write_result<'p>(l: &mut List<'_>, result: &'p ToolResult, shown: &mut Vec<&'p Part>) {
    let texts: Vec<&str> = result.parts.iter().filter_map(Part::as_text).collect();
    let mut text = texts.join("\n");
    let others = result.parts.iter().filter(|part| part.as_text().is_none());
    let before = shown.len();
    shown.extend(others);
    if shown.len() > before && text.is_empty() {
        text = "(the result is in the next message)".to_owned();
    }
    if result.is_error && !text.to_ascii_lowercase().starts_with("error") {
        text = format!("Error: {text}");
    }
    l.object(|o| {
        o.text("role", "tool");
        o.text("tool_call_id", &result.call_id);
        o.text("content", &text);
    });
}

fn write_content(
    o: &mut Object<'_>,
    parts: &[&Part],
    face: &Face,
    path: &str,
    failed: &mut Option<WireError>,
    lost: &mut Losses,
) {
    let mark = |part: &Part| part.cache.filter(|_| face.details);
    if let [only] = parts
        && mark(only).is_none()
        && let Some(text) = only.as_text()
    {
        return o.text("content", text);
    }
    o.list("content", |l| {
        for (index, part) in parts.iter().enumerate() {
            let path = format!("{path}.content[{index}]");
            match write_part(l, part, mark(part), &path, lost) {
                Ok(()) => {}
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
    });
}

fn write_part(
    l: &mut List<'_>,
    part: &Part,
    mark: Option<CacheMark>,
    path: &str,
    lost: &mut Losses,
) -> Result<(), WireError> {
    let cant = |what: &str| Err(WireError::at(format!("{path}: {what} can't be sent to this vendor"), path));
    match &part.body {
        Body::Text { text, .. } if text.is_empty() => {}
        Body::Text { text, .. } | Body::Refusal(text) => l.object(|o| {
            o.text("type", "text");
            o.text("text", text);
            write_mark(o, mark);
        }),
        Body::Image { media, detail } => {
            let url = match media {
                Media::Inline { mime, base64 } => format!("data:{mime};base64,{base64}"),
                Media::Url { url, .. } => url.clone(),
                Media::FileId(_) | Media::Text(_) => return cant("an image in another vendor's file store"),
            };
            l.object(|o| {
                o.text("type", "image_url");
                o.object("image_url", |o| {
                    o.text("url", &url);
                    o.opt_text("detail", detail.as_deref());
                });
                write_mark(o, mark);
            });
        }
        Body::Audio(Media::Inline { mime, base64 }) => {
            let format = match mime.as_str() {
                "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
                "audio/mp3" | "audio/mpeg" => "mp3",
                other => return cant(other),
            };
            l.object(|o| {
                o.text("type", "input_audio");
                o.object("input_audio", |o| {
                    o.text("data", base64);
                    o.text("format", format);
                });
            });
        }
        Body::Audio(_) => return cant("audio by reference"),
        Body::Video(Media::Url { url, .. }) => l.object(|o| {
            o.text("type", "video_url");
            o.object("video_url", |o| o.text("url", url));
        }),
        Body::Video(_) => return cant("a video"),
        Body::File { media, name } => match media {
            Media::Inline { mime, base64 } => l.object(|o| {
                o.text("type", "file");
                o.object("file", |o| {
                    o.text("filename", name.as_deref().unwrap_or("document.pdf"));
                    o.text("file_data", &format!("data:{mime};base64,{base64}"));
                });
                write_mark(o, mark);
            }),
            Media::FileId(id) => l.object(|o| {
                o.text("type", "file");
                o.object("file", |o| o.text("file_id", id));
            }),
            Media::Text(text) => l.object(|o| {
                let title = name.as_ref().map(|name| format!("# {name}\n\n")).unwrap_or_default();
                o.text("type", "text");
                o.text("text", &format!("{title}{text}"));
            }),
            Media::Url { .. } => return cant("a document by reference"),
        },
        Body::Opaque { dialect: Dialect::OpenAiChat, json } => l.item().json(json),
        Body::Opaque { .. } => lost.dropped(path),
        Body::Call(_) | Body::Result(_) | Body::Reasoning(_) => {}
    }
    Ok(())
}

/// Where the vendor's cache shall end, in Anthropic's words, which OpenRouter took over (C27).
fn write_mark(o: &mut Object<'_>, mark: Option<CacheMark>) {
    if let Some(mark) = mark {
        o.object("cache_control", |o| {
            o.text("type", "ephemeral");
            o.opt_text("ttl", (mark == CacheMark::Long).then_some("1h"));
        });
    }
}

fn write_assistant(
    l: &mut List<'_>,
    message: &Message,
    face: &Face,
    path: &str,
    lost: &mut Losses,
) -> Result<(), WireError> {
    let mut failed = None;
    let calls: Vec<&Call> = message
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            Body::Call(call) => Some(call),
            _ => None,
        })
        .collect();
    let said: Vec<&Part> = message
        .parts
        .iter()
        .filter(|part| !matches!(part.body, Body::Call(_) | Body::Reasoning(_)))
        .collect();
    let thoughts: Vec<_> = message
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            Body::Reasoning(reasoning) => Some(reasoning),
            _ => None,
        })
        .collect();
    let shown = word_list(thoughts.iter().map(|reasoning| reasoning.text.as_str()));
    let keeps = face.reasoning_content || face.details;
    let thinks = keeps && !shown.is_empty();
    if said.is_empty() && calls.is_empty() && !thinks {
        return Ok(());
    }
    l.object(|o| {
        o.text("role", "assistant");
        o.opt_text("name", message.name.as_deref());
        match said.is_empty() {
            // Nothing but calls: some vendors insist that the member is there.
            true => o.key("content").null(),
            false => write_content(o, &said, face, path, &mut failed, lost),
        }
        if face.reasoning_content && (!shown.is_empty() || !calls.is_empty()) {
            // An answer that calls tools must come back with its reasoning; a blank stands for a lost one.
            o.text("reasoning_content", if shown.is_empty() { " " } else { &shown });
        }
        if face.details && !thoughts.is_empty() {
            let details: Vec<String> = thoughts
                .iter()
                .enumerate()
                .filter_map(|(index, thought)| {
                    detail_of(&thought.text, thought.seal.as_ref()?, thought.id.as_deref(), index)
                })
                .collect();
            if details.is_empty() {
                o.text("reasoning", &shown);
            } else {
                o.list("reasoning_details", |l| details.iter().for_each(|detail| l.item().raw(detail)));
            }
        }
        if !calls.is_empty() {
            o.list("tool_calls", |l| calls.iter().for_each(|call| write_call(l, call, path, &mut failed)));
        }
    });
    failed.map_or(Ok(()), Err)
}

fn write_call(l: &mut List<'_>, call: &Call, path: &str, failed: &mut Option<WireError>) {
    if let Err(error) = call.check_arguments(format_args!("{path}.tool_calls")) {
        failed.get_or_insert(error);
    }
    l.object(|o| super::reply::call_members(o, call));
}
