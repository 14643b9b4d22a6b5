//! A request for Cohere.

use crate::WireError;
use crate::chat::{
    Body, Call, ChatRequest, Losses, Media, Message, OutputFormat, Part, Role, Tool, ToolResult,
};
use crate::codec::To;
use crate::dialect::kit::{self, Need};
use crate::json::{Object, list_of, object};
use serde_json::value::RawValue;

/// How many stop sequences are taken.
const STOPS: usize = 5;
/// The most candidates that `k` may name.
const TOP_K: u64 = 500;
/// Members of the dialect that callers of others may set.
const OWN: &[&str] = &["safety_mode", "citation_options", "priority", "strict_tools"];
/// Models that don't reason, by the beginnings of their names: they refuse to be asked for it.
const PLAIN: &[&str] = &[
    "command-r",
    "command-light",
    "command-nightly",
    "command-a-03",
    "command-a-vision",
    "command-a-translate",
    "c4ai-",
    "aya-",
];

pub(super) fn request(chat: &ChatRequest, to: &To<'_>, lost: &mut Losses) -> Result<String, WireError> {
    kit::unsaid(chat, lost)?;
    let mut paired = chat.clone();
    paired.pair_calls()?;
    let chat = &paired;
    let (tools, need) = kit::functions(chat, lost);
    let reasons = to.model != "command" && !PLAIN.iter().any(|begin| to.model.starts_with(begin));
    // Documents and a formatted answer exclude each other: then a document is said where it stands.
    let apart = matches!(chat.output, OutputFormat::Text);
    let mut turns = Turns { reasons, apart, documents: given(chat)?, texts: 0, messages: Vec::new() };
    for (index, message) in chat.messages.iter().enumerate() {
        turns.message(message, &format!("messages[{index}]"), lost)?;
    }
    if turns.messages.is_empty() {
        return Err(WireError::at("messages must not be empty", "messages"));
    }
    Ok(object(|o| {
        o.text("model", to.model);
        o.list("messages", |l| turns.messages.iter().for_each(|message| l.item().raw(message)));
        if !turns.documents.is_empty() {
            o.list("documents", |l| turns.documents.iter().for_each(|document| l.item().raw(document)));
        }
        if !tools.is_empty() {
            o.list("tools", |l| tools.iter().for_each(|(_, tool)| l.item().raw(tool)));
            strict(chat, o, lost);
            match need {
                Need::Free => {}
                Need::Never => o.text("tool_choice", "NONE"),
                Need::Must => o.text("tool_choice", "REQUIRED"),
            }
        }
        output(chat, !tools.is_empty() || !turns.documents.is_empty(), o, lost);
        sampling(chat, o, lost);
        thinking(chat, reasons, o, lost);
        o.flag("stream", chat.stream);
        for (name, json) in &chat.extra {
            match name.as_str() {
                "documents" => {}
                name if OWN.contains(&name) => o.json(name, json),
                name => lost.dropped(name),
            }
        }
    }))
}

/// The documents that a caller of another dialect gives in this one's words.
fn given(chat: &ChatRequest) -> Result<Vec<String>, WireError> {
    let Some((_, json)) = chat.extra.iter().find(|(name, _)| name == "documents") else {
        return Ok(Vec::new());
    };
    let raw: Option<&RawValue> = serde_json::from_str(json.get()).ok();
    let items =
        raw.and_then(list_of).ok_or_else(|| WireError::at("documents must be a list", "documents"))?;
    Ok(items.into_iter().map(|item| item.get().to_owned()).collect())
}

/// Schemas that must be kept to: of all functions, or of none.
fn strict(chat: &ChatRequest, o: &mut Object<'_>, lost: &mut Losses) {
    if chat.extra.iter().any(|(name, _)| name == "strict_tools") {
        return;
    }
    let is = |tool: &Tool| matches!(tool, Tool::Function { strict: Some(true), .. });
    match chat.tools.iter().filter(|tool| is(tool)).count() {
        0 => {}
        count if count == chat.tools.len() => o.flag("strict_tools", true),
        _ => lost.dropped("tools.strict"),
    }
}

fn output(chat: &ChatRequest, excluded: bool, o: &mut Object<'_>, lost: &mut Losses) {
    let Some(schema) = kit::schema(&chat.output) else { return };
    if excluded {
        return lost.dropped("response_format");
    }
    o.object("response_format", |o| {
        o.text("type", "json_object");
        o.opt_json("json_schema", schema);
    });
}

fn sampling(chat: &ChatRequest, o: &mut Object<'_>, lost: &mut Losses) {
    let s = &chat.sampling;
    o.opt_int("max_tokens", s.max_output);
    o.opt_number("temperature", s.temperature);
    o.opt_number("p", kit::bounded(s.top_p, 0.01, 0.99, "top_p", lost));
    o.opt_int("k", s.top_k.map(|k| k.min(TOP_K)));
    if s.top_k.is_some_and(|k| k > TOP_K) {
        lost.clamped("top_k");
    }
    if !s.stop.is_empty() {
        if s.stop.len() > STOPS {
            lost.dropped(format!("stop[{STOPS}]"));
        }
        o.list("stop_sequences", |l| s.stop.iter().take(STOPS).for_each(|text| l.item().text(text)));
    }
    o.opt_int("seed", kit::seed(chat, lost));
    let mut penalty = |number, name| kit::bounded(number, 0.0, 1.0, name, lost);
    o.opt_number("frequency_penalty", penalty(s.frequency_penalty, "frequency_penalty"));
    o.opt_number("presence_penalty", penalty(s.presence_penalty, "presence_penalty"));
    o.opt_flag("logprobs", s.logprobs);
    if s.top_logprobs.is_some_and(|count| count > 0) {
        lost.dropped("top_logprobs");
    }
}

fn thinking(chat: &ChatRequest, reasons: bool, o: &mut Object<'_>, lost: &mut Losses) {
    match kit::thinking(chat.reasoning.as_ref()) {
        None => {}
        // A model that does not reason need not be told so.
        Some(None) if !reasons => {}
        Some(Some(_)) if !reasons => lost.dropped("reasoning_effort"),
        Some(None) => o.object("thinking", |o| o.text("type", "disabled")),
        Some(Some(budget)) => {
            // The limit of the answer counts its thinking: a budget beyond it would leave nothing to say.
            let most = chat.sampling.max_output.unwrap_or(u64::MAX);
            let fits = budget.filter(|budget| *budget < most);
            if fits != budget {
                lost.approximated("reasoning_effort");
            }
            o.object("thinking", |o| {
                o.text("type", "enabled");
                o.opt_int("token_budget", fits);
            });
        }
    }
}

struct Turns {
    reasons: bool,
    apart: bool,
    documents: Vec<String>,
    /// Documents that stood in messages.
    texts: usize,
    messages: Vec<String>,
}

impl Turns {
    fn message(&mut self, message: &Message, path: &str, lost: &mut Losses) -> Result<(), WireError> {
        match message.role {
            Role::Assistant => self.assistant(message, path, lost),
            Role::System => self.say("system", &message.parts.iter().collect::<Vec<_>>(), path, lost),
            Role::User => {
                let mut shown: Vec<&Part> = Vec::new();
                for part in &message.parts {
                    if let Body::Result(result) = &part.body {
                        self.result(result, &mut shown);
                    }
                }
                // What a result can't hold follows when all results are there (C20).
                shown.extend(message.parts.iter().filter(|part| !matches!(part.body, Body::Result(_))));
                self.say("user", &shown, path, lost)
            }
        }
    }

    fn result<'p>(&mut self, result: &'p ToolResult, shown: &mut Vec<&'p Part>) {
        let (text, others) = kit::result(result);
        shown.extend(others);
        self.messages.push(object(|o| {
            o.text("role", "tool");
            o.text("tool_call_id", &result.call_id);
            o.text("content", &text);
        }));
    }

    fn say(&mut self, role: &str, parts: &[&Part], path: &str, lost: &mut Losses) -> Result<(), WireError> {
        let mut items = Vec::new();
        let mut only = None;
        for (index, part) in parts.iter().enumerate() {
            let path = format!("{path}.content[{index}]");
            if let Some(item) = self.part(&part.body, &path, lost)? {
                only = part.as_text().filter(|_| items.is_empty());
                items.push(item);
            }
        }
        if items.is_empty() {
            // A turn that is nothing but documents.
            if parts.iter().any(|part| matches!(part.body, Body::File { .. })) {
                only = Some("(see the documents)");
            } else {
                return Ok(());
            }
        }
        self.messages.push(object(|o| {
            o.text("role", role);
            match only {
                Some(text) => o.text("content", text),
                None => o.list("content", |l| items.iter().for_each(|item| l.item().raw(item))),
            }
        }));
        Ok(())
    }

    fn part(&mut self, body: &Body, path: &str, lost: &mut Losses) -> Result<Option<String>, WireError> {
        if let Some((name, text)) = kit::document(body) {
            if !self.apart {
                return Ok(Some(text_item(&kit::titled(name, &text))));
            }
            let id = format!("document_{}", self.texts);
            self.texts += 1;
            self.documents.push(object(|o| {
                o.text("id", &id);
                o.object("data", |o| {
                    o.opt_text("title", name);
                    o.text("text", &text);
                });
            }));
            return Ok(None);
        }
        Ok(match body {
            Body::Text { text, .. } if text.is_empty() => None,
            Body::Text { text, .. } | Body::Refusal(text) => Some(text_item(text)),
            Body::Image { media, detail } => {
                let url = match media {
                    Media::Inline { mime, base64 } => format!("data:{mime};base64,{base64}"),
                    Media::Url { url, .. } => url.clone(),
                    Media::FileId(_) | Media::Text(_) => return Err(kit::cant(path, kit::kind(body))),
                };
                Some(object(|o| {
                    o.text("type", "image_url");
                    o.object("image_url", |o| {
                        o.text("url", &url);
                        o.opt_text("detail", detail.as_deref());
                    });
                }))
            }
            Body::Audio(_) | Body::Video(_) | Body::File { .. } => {
                return Err(kit::cant(path, kit::kind(body)));
            }
            Body::Opaque { .. } => {
                lost.dropped(path);
                None
            }
            Body::Call(_) | Body::Result(_) | Body::Reasoning(_) => None,
        })
    }

    fn assistant(&mut self, message: &Message, path: &str, lost: &mut Losses) -> Result<(), WireError> {
        let (mut items, mut calls, mut said) = (Vec::new(), Vec::new(), String::new());
        for (index, part) in message.parts.iter().enumerate() {
            let path = format!("{path}.content[{index}]");
            match &part.body {
                Body::Call(call) => calls.push(call_item(call, &path)?),
                Body::Reasoning(reasoning) if self.reasons && !reasoning.text.is_empty() => {
                    items.push(object(|o| {
                        o.text("type", "thinking");
                        o.text("thinking", &reasoning.text);
                    }));
                }
                Body::Text { text, .. } | Body::Refusal(text) if !text.is_empty() => said.push_str(text),
                Body::Image { .. }
                | Body::Audio(_)
                | Body::Video(_)
                | Body::File { .. }
                | Body::Opaque { .. } => {
                    lost.dropped(path);
                }
                _ => {}
            }
        }
        // What is said before a call is its plan; the vendor's own answers tell it there.
        let plan = !calls.is_empty() && !said.is_empty();
        if !plan && !said.is_empty() {
            items.push(text_item(&said));
        }
        if items.is_empty() && calls.is_empty() {
            return Ok(());
        }
        self.messages.push(object(|o| {
            o.text("role", "assistant");
            if !items.is_empty() {
                o.list("content", |l| items.iter().for_each(|item| l.item().raw(item)));
            }
            if plan {
                o.text("tool_plan", &said);
            }
            if !calls.is_empty() {
                o.list("tool_calls", |l| calls.iter().for_each(|call| l.item().raw(call)));
            }
        }));
        Ok(())
    }
}

fn text_item(text: &str) -> String {
    object(|o| {
        o.text("type", "text");
        o.text("text", text);
    })
}

fn call_item(call: &Call, path: &str) -> Result<String, WireError> {
    let arguments = kit::arguments(call, path)?;
    Ok(object(|o| {
        o.text("id", &call.id);
        o.text("type", "function");
        o.object("function", |o| {
            o.text("name", &call.name);
            o.text("arguments", &arguments);
        });
    }))
}
