//! Requests.

use super::names::domain;
use crate::WireError;
use crate::chat::{ChatRequest, Losses, Role, ToolChoice};
use crate::dialect::plain;
use crate::json::object;

/// Most that the choice may be made among.
const TOP_K: u64 = 6;

pub(super) fn request(chat: &ChatRequest, model: &str, lost: &mut Losses) -> Result<String, WireError> {
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    let domain = domain(model);
    let calls = domain.starts_with("generalv3") || domain == "4.0Ultra";
    let said: &[&str] = match calls {
        true => &["max_tokens", "temperature", "top_k", "tools"],
        false => &["max_tokens", "temperature", "top_k"],
    };
    plain::unsaid(chat, said, lost)?;
    let mut functions = if calls { plain::functions(chat, lost)? } else { Vec::new() };
    match &chat.tool_choice {
        // What is not offered is not called; that one must be called is not to be said.
        Some(ToolChoice::Named(name)) if calls => {
            functions.retain(|function| function.name == name.as_str());
            lost.approximated("tool_choice");
        }
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) if !functions.is_empty() => {
            lost.dropped("tool_choice");
        }
        _ => {}
    }
    let (system, turns) = plain::turns(chat, lost)?;
    plain::last_is_users(&turns)?;
    let mut texts = Vec::new();
    for turn in &turns {
        let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
        texts.push((role, plain::texts(&turn.parts, lost)?));
    }
    let s = &chat.sampling;
    let top_k = s.top_k.map(|k| {
        if !(1..=TOP_K).contains(&k) {
            lost.clamped("top_k");
        }
        k.clamp(1, TOP_K)
    });
    let temperature = plain::clamped("temperature", s.temperature, 0.01, 1.0, lost);
    Ok(object(|o| {
        o.object("header", |_| {});
        o.object("parameter", |o| {
            o.object("chat", |o| {
                o.text("domain", &domain);
                o.opt_number("temperature", temperature);
                o.opt_int("top_k", top_k);
                o.opt_int("max_tokens", s.max_output);
            });
        });
        o.object("payload", |o| {
            o.object("message", |o| {
                o.list("text", |l| {
                    let first = (!system.is_empty()).then_some(("system", &system));
                    let rest = texts.iter().map(|(role, text)| (*role, text));
                    for (role, text) in first.into_iter().chain(rest) {
                        l.object(|o| {
                            o.text("role", role);
                            o.text("content", text);
                        });
                    }
                });
            });
            if !functions.is_empty() {
                o.object("functions", |o| {
                    o.list("text", |l| {
                        functions.iter().for_each(|function| {
                            l.object(|o| {
                                o.text("name", function.name);
                                o.text("description", function.description.unwrap_or_default());
                                o.key("parameters").raw(&function.schema);
                            });
                        });
                    });
                });
            }
        });
    }))
}
