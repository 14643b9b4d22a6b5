//! Requests.

use crate::WireError;
use crate::chat::{Body, Call, ChatRequest, Effort, Losses, Part, Role, ToolChoice};
use crate::codec::To;
use crate::dialect::plain::{self, Turn};
use crate::json::{List, Object, object};
use std::borrow::Cow;

const SAID: &[&str] =
    &["temperature", "top_p", "stop", "seed", "tools", "reasoning_effort", "web_search_options"];

pub(super) fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    plain::unsaid(chat, SAID, lost)?;
    let functions = plain::functions(chat, lost)?;
    let (system, turns) = plain::turns(chat, lost)?;
    plain::last_is_users(&turns)?;
    let mut written = Ok(());
    let text = object(|o| {
        o.text("Model", to.model);
        o.list("Messages", |l| {
            if !system.is_empty() {
                l.object(|o| {
                    o.text("Role", "system");
                    o.text("Content", &system);
                });
            }
            written = turns.iter().try_for_each(|turn| write_turn(l, turn, lost));
        });
        o.flag("Stream", chat.stream);
        let s = &chat.sampling;
        o.opt_number("Temperature", plain::clamped("temperature", s.temperature, 0.0, 2.0, lost));
        o.opt_number("TopP", plain::clamped("top_p", s.top_p, 0.0, 1.0, lost));
        if !s.stop.is_empty() {
            o.list("Stop", |l| s.stop.iter().for_each(|text| l.item().text(text)));
        }
        o.opt_int("Seed", plain::bounded(s.seed, 1, 10_000, lost));
        if !functions.is_empty() {
            o.list("Tools", |l| functions.iter().for_each(|function| l.object(|o| tool(o, function))));
            tool_choice(o, chat, &functions, lost);
        }
        if chat.web_search.is_some() {
            o.flag("EnableEnhancement", true);
        }
        if let Some(ask) = &chat.reasoning {
            let on = !ask.off && ask.effort != Some(Effort::None) && ask.budget != Some(0);
            if on && (ask.effort.is_some() || ask.budget.is_some()) {
                // It thinks or does not; how much is not to be said.
                lost.approximated("reasoning_effort");
            }
            o.flag("EnableThinking", on);
        }
    });
    written.map(|()| text)
}

fn tool(o: &mut Object<'_>, function: &plain::Function<'_>) {
    o.text("Type", "function");
    o.object("Function", |o| {
        o.text("Name", function.name);
        o.opt_text("Description", function.description);
        // A schema is written as a text here.
        o.text("Parameters", &function.schema);
    });
}

fn tool_choice(o: &mut Object<'_>, chat: &ChatRequest, functions: &[plain::Function<'_>], lost: &mut Losses) {
    let named = match &chat.tool_choice {
        Some(ToolChoice::Named(name)) => functions.iter().find(|function| function.name == name.as_str()),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => match functions {
            [only] => Some(only),
            // There is no word for "any of them".
            _ => {
                lost.dropped("tool_choice");
                None
            }
        },
        Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Allowed { .. }) => None,
        None => return,
    };
    match named {
        Some(function) => {
            o.text("ToolChoice", "custom");
            o.object("CustomTool", |o| tool(o, function));
        }
        None => o.text("ToolChoice", "auto"),
    }
}

fn write_turn(l: &mut List<'_>, turn: &Turn<'_>, lost: &mut Losses) -> Result<(), WireError> {
    let mut said: Vec<(Cow<'_, Part>, String)> = Vec::new();
    let mut calls: Vec<&Call> = Vec::new();
    for (part, path) in &turn.parts {
        match &part.body {
            Body::Call(call) => {
                call.check_arguments(path)?;
                calls.push(call);
            }
            Body::Result(result) => {
                let text = plain::result_text(result, path)?;
                let failed = result.is_error && !text.to_ascii_lowercase().starts_with("error");
                l.object(|o| {
                    o.text("Role", "tool");
                    o.text("ToolCallId", &result.call_id);
                    o.text("Content", &if failed { format!("Error: {text}") } else { text });
                });
            }
            _ => said.push((Cow::Borrowed(part.as_ref()), path.clone())),
        }
    }
    if said.is_empty() && calls.is_empty() {
        return Ok(());
    }
    let mut written = Ok(());
    l.object(|o| {
        o.text("Role", if turn.role == Role::Assistant { "assistant" } else { "user" });
        written = content(o, &said, lost);
        if !calls.is_empty() {
            o.list("ToolCalls", |l| calls.iter().for_each(|call| l.object(|o| write_call(o, call))));
        }
    });
    written
}

fn write_call(o: &mut Object<'_>, call: &Call) {
    let arguments = match (call.custom, call.arguments.trim()) {
        (true, _) => object(|o| o.text("input", &call.arguments)),
        (false, "" | "null") => "{}".to_owned(),
        _ => call.arguments.clone(),
    };
    o.text("Id", &call.id);
    o.text("Type", "function");
    o.object("Function", |o| {
        o.text("Name", &call.name);
        o.text("Arguments", &arguments);
    });
}

/// A text, or a list of parts where pictures are shown.
fn content(o: &mut Object<'_>, said: &[(Cow<'_, Part>, String)], lost: &mut Losses) -> Result<(), WireError> {
    if !said.iter().any(|(part, _)| matches!(part.body, Body::Image { .. })) {
        o.text("Content", &plain::texts(said, lost)?);
        return Ok(());
    }
    let mut written = Ok(());
    o.list("Contents", |l| {
        written = said.iter().try_for_each(|(part, path)| {
            if let Body::Image { media, .. } = &part.body {
                let url = plain::data_url(media).ok_or_else(|| plain::refuse_media(&part.body, path))?;
                l.object(|o| {
                    o.text("Type", "image_url");
                    o.object("ImageUrl", |o| o.text("Url", &url));
                });
            } else if let Some(text) = plain::say(part, path, lost)?.filter(|text| !text.is_empty()) {
                l.object(|o| {
                    o.text("Type", "text");
                    o.text("Text", &text);
                });
            }
            Ok(())
        });
    });
    written
}
