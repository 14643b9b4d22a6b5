//! Requests.

use crate::WireError;
use crate::chat::{Body, Call, ChatRequest, Losses, Role, ToolChoice};
use crate::dialect::plain::{self, Turn};
use crate::json::{Json, List, Object, object};

const SAID: &[&str] = &["max_tokens", "temperature", "top_p", "stop", "frequency_penalty", "tools"];
/// The shortest answer that may be asked for, in tokens.
const LEAST_OUTPUT: u64 = 2;

pub(super) fn request(chat: &ChatRequest, lost: &mut Losses) -> Result<String, WireError> {
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    plain::unsaid(chat, SAID, lost)?;
    let functions = plain::functions(chat, lost)?;
    let (system, turns) = plain::turns(chat, lost)?;
    plain::last_is_users(&turns)?;
    let mut messages = Vec::new();
    if turns.first().is_some_and(|turn| turn.role == Role::Assistant) {
        lost.approximated("messages[0]");
        messages.push(Said::User("(the conversation goes on)".to_owned()));
    }
    for turn in &turns {
        push(&mut messages, turn, lost)?;
    }
    Ok(object(|o| {
        o.list("messages", |l| messages.iter().for_each(|message| message.write(l)));
        o.opt_text("system", Some(system.as_str()).filter(|text| !text.is_empty()));
        sampling(o, chat, lost);
        if !functions.is_empty() {
            o.list("functions", |l| {
                functions.iter().for_each(|function| {
                    l.object(|o| {
                        o.text("name", function.name);
                        o.text("description", function.description.unwrap_or(function.name));
                        o.key("parameters").raw(&function.schema);
                    });
                });
            });
            tool_choice(o, chat, &functions, lost);
        }
        o.flag("stream", chat.stream);
        o.opt_text("user_id", chat.end_user.as_deref());
    }))
}

fn sampling(o: &mut Object<'_>, chat: &ChatRequest, lost: &mut Losses) {
    let s = &chat.sampling;
    o.opt_number("temperature", plain::clamped("temperature", s.temperature, 0.01, 1.0, lost));
    o.opt_number("top_p", plain::clamped("top_p", s.top_p, 0.0, 1.0, lost));
    if let Some(penalty) = s.frequency_penalty.filter(|penalty| *penalty != 0.0) {
        // Theirs goes from 1 (none) to 2; ours from -2 over 0 to 2.
        lost.approximated("frequency_penalty");
        o.key("penalty_score").number((1.0 + penalty / 2.0).clamp(1.0, 2.0));
    }
    if let Some(limit) = s.max_output {
        if limit < LEAST_OUTPUT {
            lost.clamped("max_tokens");
        }
        o.int("max_output_tokens", limit.max(LEAST_OUTPUT));
    }
    if !s.stop.is_empty() {
        o.list("stop", |l| s.stop.iter().for_each(|text| l.item().text(text)));
    }
}

fn tool_choice(o: &mut Object<'_>, chat: &ChatRequest, functions: &[plain::Function<'_>], lost: &mut Losses) {
    let named = match (&chat.tool_choice, functions) {
        (Some(ToolChoice::Named(name)), _) => name.as_str(),
        (Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }), [only]) => only.name,
        (Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }), _) => {
            // There is no word for "any of them".
            return lost.dropped("tool_choice");
        }
        _ => return,
    };
    o.object("tool_choice", |o| {
        o.text("type", "function");
        o.object("function", |o| o.text("name", named));
    });
}

/// A message as it is written: those of the model and all others alternate.
enum Said<'c> {
    User(String),
    Assistant(String),
    Call { text: String, call: &'c Call },
    Result { name: &'c str, text: String },
}

impl Said<'_> {
    fn is_models(&self) -> bool {
        matches!(self, Said::Assistant(_) | Said::Call { .. })
    }

    fn write(&self, l: &mut List<'_>) {
        l.object(|o| match self {
            Said::User(text) => {
                o.text("role", "user");
                o.text("content", text);
            }
            Said::Assistant(text) => {
                o.text("role", "assistant");
                o.text("content", text);
            }
            Said::Call { text, call } => {
                o.text("role", "assistant");
                o.text("content", text);
                o.object("function_call", |o| {
                    o.text("name", &call.name);
                    let arguments = match (call.custom, call.arguments.trim()) {
                        (true, _) => object(|o| o.text("input", &call.arguments)),
                        (false, "" | "null") => "{}".to_owned(),
                        _ => call.arguments.clone(),
                    };
                    o.text("arguments", &arguments);
                });
            }
            Said::Result { name, text } => {
                o.text("role", "function");
                o.text("name", name);
                o.text("content", text);
            }
        });
    }
}

/// Adds a turn. One call is made at a time here: each of several is followed by its own result.
fn push<'c>(messages: &mut Vec<Said<'c>>, turn: &'c Turn<'_>, lost: &mut Losses) -> Result<(), WireError> {
    let mut said = Vec::new();
    let mut calls: Vec<&Call> = Vec::new();
    let mut results = Vec::new();
    for (part, path) in &turn.parts {
        match &part.body {
            Body::Call(call) => {
                call.check_arguments(path)?;
                calls.push(call);
            }
            Body::Result(result) => {
                let text = plain::result_text(result, path)?;
                // The content of a result must be JSON.
                let text = match (result.is_error, Json::from_text(text.as_str())) {
                    (true, _) => object(|o| o.text("error", &text)),
                    (false, Ok(_)) => text,
                    (false, Err(_)) => object(|o| o.text("output", &text)),
                };
                let name = result.name.as_deref().unwrap_or_default();
                results.push((result.call_id.as_str(), Said::Result { name, text }));
            }
            _ => said.extend(plain::say(part, path, lost)?),
        }
    }
    let mut text = said.join("\n");
    if turn.role == Role::Assistant {
        if calls.is_empty() {
            // An empty message is refused.
            let text = if text.is_empty() { "(nothing)".to_owned() } else { text };
            messages.push(Said::Assistant(text));
            return Ok(());
        }
        messages.extend(calls.into_iter().map(|call| Said::Call { text: std::mem::take(&mut text), call }));
        return Ok(());
    }
    for (id, result) in results {
        let call = messages.iter().rposition(|m| matches!(m, Said::Call { call, .. } if call.id == id));
        messages.insert(call.map_or(messages.len(), |at| at + 1), result);
    }
    if !text.is_empty() {
        if messages.last().is_some_and(|message| !message.is_models()) {
            lost.approximated("messages");
            messages.push(Said::Assistant("(go on)".to_owned()));
        }
        messages.push(Said::User(text));
    }
    Ok(())
}
