//! Requests: the same for both services, but for contents that are lists where pictures can stand.

use crate::WireError;
use crate::chat::{
    Body, Call, ChatRequest, Effort, Losses, Message, OutputFormat, Part, Role, ToolChoice, ToolResult,
};
use crate::codec::To;
use crate::dialect::plain;
use crate::json::{List, Object, object};

/// What is appended to a model's name to have it search the web.
const SEARCHES: &str = "-internet";
/// The members that callers of Alibaba's OpenAI face send beside OpenAI's own.
const EXTRAS: &[&str] = &[
    "enable_thinking",
    "thinking_budget",
    "enable_search",
    "search_options",
    "repetition_penalty",
    "vl_high_resolution_images",
    "translation_options",
    "asr_options",
];
const SAID: &[&str] = &[
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "seed",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "n",
    "tools",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "web_search_options",
];

/// Whether a request is for the service that takes pictures, sounds and videos: it shows some, or the model
/// is known there only.
pub fn multimodal(chat: &ChatRequest, model: &str) -> bool {
    const MODELS: &[&str] = &["-vl", "qvq", "-omni", "-ocr", "-audio", "-asr"];
    let shown = |part: &Part| matches!(part.body, Body::Image { .. } | Body::Audio(_) | Body::Video(_));
    MODELS.iter().any(|word| model.contains(word))
        || chat.messages.iter().flat_map(|message| &message.parts).any(|part| match &part.body {
            Body::Result(result) => result.parts.iter().any(shown),
            _ => shown(part),
        })
}

pub(super) fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    let said: Vec<&str> = SAID.iter().chain(EXTRAS).copied().collect();
    plain::unsaid(chat, &said, lost)?;
    if chat.sampling.n.is_some_and(|n| !(1..=4).contains(&n)) {
        return Err(WireError::at("n must be between 1 and 4 for this vendor", "n"));
    }
    let lists = multimodal(chat, to.model);
    let model = to.model.strip_suffix(SEARCHES).unwrap_or(to.model);
    let functions = plain::functions(chat, lost)?;
    let mut written = Ok(());
    let text = object(|o| {
        o.text("model", model);
        o.object("input", |o| {
            o.list("messages", |l| {
                let mut each = chat.messages.iter().enumerate();
                written = each.try_for_each(|(at, message)| {
                    write_message(l, message, lists, &format!("messages[{at}]"), lost)
                });
            });
        });
        o.object("parameters", |o| {
            o.text("result_format", "message");
            if chat.stream {
                o.flag("incremental_output", true);
            }
            sampling(o, chat, lost);
            thinking(o, chat, model, lost);
            let searches = chat.web_search.is_some() || model != to.model;
            if searches && !chat.extra.iter().any(|(name, _)| name == "enable_search") {
                o.flag("enable_search", true);
            }
            if !functions.is_empty() {
                o.list("tools", |l| functions.iter().for_each(|function| write_function(l, function)));
                tool_choice(o, chat, &functions, lost);
                o.opt_flag("parallel_tool_calls", chat.parallel_tools);
            }
            let extras = chat.extra.iter().filter(|(name, _)| EXTRAS.contains(&name.as_str()));
            extras.for_each(|(name, json)| o.json(name, json));
        });
    });
    written.map(|()| text)
}

fn sampling(o: &mut Object<'_>, chat: &ChatRequest, lost: &mut Losses) {
    let s = &chat.sampling;
    o.opt_int("max_tokens", s.max_output);
    // Below 2, and above 0 but below 1: the bounds themselves are refused.
    o.opt_number("temperature", plain::clamped("temperature", s.temperature, 0.0, 1.99, lost));
    o.opt_number("top_p", s.top_p.map(|p| p.clamp(0.0001, 0.9999)));
    o.opt_int("top_k", s.top_k);
    if !s.stop.is_empty() {
        o.list("stop", |l| s.stop.iter().for_each(|text| l.item().text(text)));
    }
    o.opt_int("seed", plain::bounded(s.seed, 0, i64::from(i32::MAX), lost));
    o.opt_number("presence_penalty", s.presence_penalty);
    o.opt_int("n", s.n);
    o.opt_flag("logprobs", s.logprobs);
    o.opt_int("top_logprobs", s.top_logprobs);
    match &chat.output {
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

/// The open models of the third generation think by default, and then answer in streams only.
fn thinks_in_streams_only(model: &str) -> bool {
    let size = model.strip_prefix("qwen3-").and_then(|rest| rest.bytes().next());
    size.is_some_and(|digit| digit.is_ascii_digit())
        && !model.contains("-thinking")
        && !model.contains("-instruct")
}

fn thinking(o: &mut Object<'_>, chat: &ChatRequest, model: &str, lost: &mut Losses) {
    let own = |name: &str| chat.extra.iter().any(|(known, _)| known == name);
    if own("enable_thinking") {
        return;
    }
    let asked = chat.reasoning.as_ref().filter(|ask| ask.off || ask.effort.is_some() || ask.budget.is_some());
    let wanted = asked.map(|ask| !ask.off && ask.effort != Some(Effort::None) && ask.budget != Some(0));
    if !chat.stream && thinks_in_streams_only(model) {
        if wanted == Some(true) {
            lost.dropped("reasoning_effort");
        }
        return o.flag("enable_thinking", false);
    }
    o.opt_flag("enable_thinking", wanted);
    let budget = asked.filter(|_| wanted == Some(true)).and_then(|ask| match ask.budget {
        Some(tokens) => Some(tokens).filter(|tokens| *tokens > 0),
        None => ask.effort.map(|effort| {
            lost.approximated("reasoning_effort");
            effort.budget()
        }),
    });
    o.opt_int("thinking_budget", budget.filter(|_| !own("thinking_budget")));
}

fn write_function(l: &mut List<'_>, function: &plain::Function<'_>) {
    l.object(|o| {
        o.text("type", "function");
        o.object("function", |o| {
            o.text("name", function.name);
            o.opt_text("description", function.description);
            o.key("parameters").raw(&function.schema);
        });
    });
}

fn tool_choice(o: &mut Object<'_>, chat: &ChatRequest, functions: &[plain::Function<'_>], lost: &mut Losses) {
    let must = match &chat.tool_choice {
        Some(ToolChoice::Named(name)) => Some(name.as_str()),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => match functions {
            [only] => Some(only.name),
            // There is no word for "any of them".
            _ => {
                lost.dropped("tool_choice");
                None
            }
        },
        Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Allowed { .. }) | None => None,
    };
    match must {
        Some(name) => o.object("tool_choice", |o| {
            o.text("type", "function");
            o.object("function", |o| o.text("name", name));
        }),
        None if chat.tool_choice.is_some() => o.text("tool_choice", "auto"),
        None => {}
    }
}

fn write_message(
    l: &mut List<'_>,
    message: &Message,
    lists: bool,
    path: &str,
    lost: &mut Losses,
) -> Result<(), WireError> {
    let mut said: Vec<(&Part, String)> = Vec::new();
    let mut calls: Vec<&Call> = Vec::new();
    for (index, part) in message.parts.iter().enumerate() {
        let path = format!("{path}.content[{index}]");
        match &part.body {
            Body::Call(call) => {
                call.check_arguments(&path)?;
                calls.push(call);
            }
            Body::Result(result) => {
                write_result(l, result, lists);
                // What a tool message can't hold follows in a turn of its own (C20).
                let shown = result.parts.iter().filter(|part| part.as_text().is_none());
                said.extend(shown.map(|part| (part, path.clone())));
            }
            Body::Reasoning(_) => {}
            _ => said.push((part, path)),
        }
    }
    if said.is_empty() && calls.is_empty() {
        return Ok(());
    }
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut written = Ok(());
    l.object(|o| {
        o.text("role", role);
        written = content(o, &said, lists, lost);
        if !calls.is_empty() {
            o.list("tool_calls", |l| calls.iter().for_each(|call| write_call(l, call)));
        }
    });
    written
}

fn write_result(l: &mut List<'_>, result: &ToolResult, lists: bool) {
    let texts: Vec<&str> = result.parts.iter().filter_map(Part::as_text).collect();
    let mut text = texts.join("\n");
    if text.is_empty() && !result.parts.is_empty() {
        text = "(the result is in the next message)".to_owned();
    }
    if result.is_error && !text.to_ascii_lowercase().starts_with("error") {
        text = format!("Error: {text}");
    }
    l.object(|o| {
        o.text("role", "tool");
        match lists {
            true => o.list("content", |l| l.object(|o| o.text("text", &text))),
            false => o.text("content", &text),
        }
        o.text("tool_call_id", &result.call_id);
    });
}

fn write_call(l: &mut List<'_>, call: &Call) {
    let arguments = match (call.custom, call.arguments.trim()) {
        (true, _) => object(|o| o.text("input", &call.arguments)),
        (false, "" | "null") => "{}".to_owned(),
        _ => call.arguments.clone(),
    };
    l.object(|o| {
        o.text("id", &call.id);
        o.text("type", "function");
        o.object("function", |o| {
            o.text("name", &call.name);
            o.text("arguments", &arguments);
        });
    });
}

fn content(
    o: &mut Object<'_>,
    said: &[(&Part, String)],
    lists: bool,
    lost: &mut Losses,
) -> Result<(), WireError> {
    if !lists {
        let mut texts = Vec::new();
        for (part, path) in said {
            texts.extend(plain::say(part, path, lost)?);
        }
        o.text("content", &texts.join("\n"));
        return Ok(());
    }
    let mut written = Ok(());
    o.list("content", |l| {
        written = said.iter().try_for_each(|(part, path)| {
            let (kind, media) = match &part.body {
                Body::Image { media, .. } => ("image", media),
                Body::Audio(media) => ("audio", media),
                Body::Video(media) => ("video", media),
                _ => {
                    let text = plain::say(part, path, lost)?.filter(|text| !text.is_empty());
                    if let Some(text) = text {
                        l.object(|o| o.text("text", &text));
                    }
                    return Ok(());
                }
            };
            let url = plain::data_url(media).ok_or_else(|| plain::refuse_media(&part.body, path))?;
            l.object(|o| o.text(kind, &url));
            Ok(())
        });
    });
    written
}
