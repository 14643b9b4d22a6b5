//! Answers for callers who speak generateContent, streamed and whole: both are made of the same parts.

use super::grounding::Sources;
use super::{carried, contents, logprobs, parts, usage};
use crate::chat::{Call, ChatReply, Dialect, Event, Seal, SealKind, Stop};
use crate::codec::{Echo, EventWriter};
use crate::fault::{FaultClass, VendorFault};
use crate::json::{Json, Object, Out, object, one_line};
use magic_domain::usage::Usage;

/// Writes a whole answer.
pub(super) fn whole(reply: &ChatReply, echo: &Echo) -> String {
    let mut answer = Answer::new(echo);
    let mut texts: Vec<String> = Vec::new();
    for event in reply.events() {
        let (index, more) = answer.take(&event);
        if index.is_some_and(|index| index as usize >= texts.len()) {
            texts.resize(answer.choices.len(), String::new());
        }
        if let Some(text) = index.and_then(|index| texts.get_mut(index as usize)) {
            join(text, &more);
        }
    }
    texts.resize(answer.choices.len(), String::new());
    for (text, choice) in texts.iter_mut().zip(&mut answer.choices) {
        join(text, &choice.rest());
    }
    answer.chunk(&texts, true)
}

/// Adds parts to the inside of a list.
fn join(list: &mut String, more: &str) {
    if !list.is_empty() && !more.is_empty() {
        list.push(',');
    }
    list.push_str(more);
}

/// An answer on its way out.
struct Answer {
    id: String,
    model: String,
    hide_thoughts: bool,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Default)]
struct Choice {
    call: Option<Call>,
    thinking: bool,
    /// What others would have seen of the part that was just written: it follows as text.
    fence: Option<String>,
    refusal: String,
    /// The name of a call whose arguments are no JSON.
    malformed: Option<String>,
    text: String,
    text_open: bool,
    sources: Sources,
    logprobs: Option<Json>,
    stop: Option<Stop>,
    wrote: bool,
}

impl Answer {
    fn new(echo: &Echo) -> Answer {
        let asked = echo.request.as_ref().filter(|request| request.origin == Some(Dialect::Gemini));
        let shows = |request: &crate::chat::ChatRequest| {
            request.reasoning.as_ref().is_some_and(|reasoning| reasoning.show == Some(true))
        };
        Answer {
            id: echo.request_id.clone(),
            model: echo.model.clone(),
            hide_thoughts: asked.is_some_and(|request| !shows(request)),
            choices: Vec::new(),
            usage: None,
        }
    }

    /// Takes an event: the choice it belongs to and the parts it completes.
    fn take(&mut self, event: &Event) -> (Option<u32>, String) {
        let choice = match event {
            Event::Start { id, model, usage, .. } => {
                if !id.is_empty() {
                    self.id.clone_from(id);
                }
                if self.model.is_empty() {
                    self.model.clone_from(model);
                }
                self.usage = usage.or(self.usage);
                return (None, String::new());
            }
            Event::Usage(usage) => {
                self.usage = Some(*usage);
                return (None, String::new());
            }
            Event::Fault(_) => return (None, String::new()),
            Event::Text { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::Annotation { choice, .. }
            | Event::Reasoning { choice, .. }
            | Event::ReasoningEnd { choice, .. }
            | Event::CallStart { choice, .. }
            | Event::CallArguments { choice, .. }
            | Event::CallEnd { choice, .. }
            | Event::Media { choice, .. }
            | Event::Logprobs { choice, .. }
            | Event::Opaque { choice, .. }
            | Event::Stop { choice, .. } => (*choice).min(127),
        };
        while self.choices.len() <= choice as usize {
            self.choices.push(Choice::default());
        }
        let hide = self.hide_thoughts;
        (Some(choice), self.choices[choice as usize].take(event, hide))
    }

    /// The text of a chunk. `texts` are the parts of each choice; the last chunk says how each ended.
    fn chunk(&self, texts: &[String], last: bool) -> String {
        let blocked = self.choices.iter().all(|choice| choice.is_blocked()) && last;
        object(|o| {
            if let (Some(choice), true) = (self.choices.first(), blocked) {
                o.object("promptFeedback", |o| {
                    o.text("blockReason", "OTHER");
                    o.text("blockReasonMessage", &choice.refusal);
                });
            } else if !self.choices.is_empty() {
                o.list("candidates", |l| {
                    for (index, choice) in self.choices.iter().enumerate() {
                        let text = texts.get(index).map(String::as_str).unwrap_or_default();
                        if !last && text.is_empty() {
                            continue;
                        }
                        l.object(|o| {
                            content(o, text);
                            if last {
                                choice.end(o);
                            }
                            o.int("index", index as u64);
                        });
                    }
                });
            }
            if let (Some(usage), true) = (&self.usage, last) {
                o.object("usageMetadata", |o| usage::write_usage(usage, o));
            }
            o.text("modelVersion", &self.model);
            o.text("responseId", &self.id);
        })
    }
}

/// Some clients read the first part without looking whether there is one.
fn content(o: &mut Object<'_>, parts: &str) {
    let parts = if parts.is_empty() { r#"{"text":""}"# } else { parts };
    o.object("content", |o| {
        o.key("parts").raw(&format!("[{parts}]"));
        o.text("role", "model");
    });
}

/// The inside of a list of parts.
fn listed(build: impl FnOnce(&mut crate::json::List<'_>)) -> String {
    let mut text = String::new();
    Out::new(&mut text).list(build);
    text[1..text.len() - 1].to_owned()
}

impl Choice {
    fn take(&mut self, event: &Event, hide: bool) -> String {
        let written = match event {
            Event::Text { text, .. } => self.say(text),
            Event::Refusal { text, .. } => {
                self.refusal.push_str(text);
                return String::new();
            }
            Event::Annotation { annotation, .. } => {
                self.sources.add(annotation, &self.text);
                return String::new();
            }
            Event::Reasoning { text, .. } if !hide && !text.is_empty() => {
                self.text_open = false;
                self.thinking = true;
                listed(|l| {
                    l.object(|o| {
                        o.text("text", text);
                        o.flag("thought", true);
                    });
                })
            }
            Event::ReasoningEnd { seal, id, .. } => {
                let thought = std::mem::take(&mut self.thinking);
                if seal.is_some() {
                    self.text_open = false;
                }
                // Without the text that it signs, a foreign signature is worth nothing.
                let worth = |seal: &&Seal| {
                    !hide || seal.dialect == Dialect::Gemini || seal.kind == SealKind::Encrypted
                };
                let seal = seal.as_ref().filter(worth);
                let id = id.as_deref().filter(|_| seal.is_some() || !hide);
                let signature = carried(seal, id, thought);
                listed(|l| parts::reasoning(l, "", signature.as_deref(), thought || id.is_some()))
            }
            Event::CallStart { id, name, custom, seal, .. } => {
                let before = self.close_call();
                self.text_open = false;
                self.call = Some(Call {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    custom: *custom,
                    seal: seal.clone(),
                });
                before
            }
            Event::CallArguments { text, .. } => {
                if let Some(call) = &mut self.call {
                    call.arguments.push_str(text);
                }
                return String::new();
            }
            Event::CallEnd { .. } => self.close_call(),
            Event::Media { part, .. } => {
                self.text_open = false;
                match parts::media_members(&part.body, false) {
                    Some(members) => listed(|l| l.object(|o| members(o))),
                    None => String::new(),
                }
            }
            Event::Opaque { dialect: Dialect::Gemini, json, .. } => {
                self.text_open = false;
                self.fence = parts::shown(json);
                json.get().to_owned()
            }
            Event::Logprobs { json, .. } => {
                self.logprobs = Some(json.clone());
                return String::new();
            }
            Event::Stop { stop, .. } => {
                self.stop = Some(*stop);
                return String::new();
            }
            _ => return String::new(),
        };
        self.wrote |= !written.is_empty();
        written
    }

    fn say(&mut self, text: &str) -> String {
        let text = match self.fence.take() {
            Some(fence) => text.strip_prefix(fence.as_str()).unwrap_or(text),
            None => text,
        };
        if !std::mem::replace(&mut self.text_open, true) {
            self.text.clear();
        }
        self.text.push_str(text);
        if text.is_empty() { String::new() } else { listed(|l| parts::text(l, text)) }
    }

    fn close_call(&mut self) -> String {
        let Some(call) = self.call.take() else { return String::new() };
        match contents::arguments(&call) {
            Some(arguments) => {
                let id = Some(call.id.as_str()).filter(|id| !id.is_empty());
                let signature = carried(call.seal.as_ref(), None, false);
                listed(|l| l.object(|o| parts::call(o, id, &call.name, &arguments, signature.as_deref())))
            }
            None => {
                self.malformed = Some(call.name);
                String::new()
            }
        }
    }

    /// What was held back: a call that was never ended, and a refusal that is not all there is.
    fn rest(&mut self) -> String {
        let mut rest = self.close_call();
        self.wrote |= !rest.is_empty();
        if !self.refusal.is_empty() && !self.is_blocked() {
            join(&mut rest, &listed(|l| parts::text(l, &self.refusal)));
        }
        rest
    }

    /// Nothing but a refusal: the prompt was blocked.
    fn is_blocked(&self) -> bool {
        !self.refusal.is_empty() && !self.wrote && self.stop == Some(Stop::Filtered)
    }

    fn end(&self, o: &mut Object<'_>) {
        let reason = match (self.stop.unwrap_or_default(), &self.malformed) {
            // Arguments that were cut off: the limit is the reason (C42).
            (Stop::Length, _) => "MAX_TOKENS",
            (_, Some(_)) => "MALFORMED_FUNCTION_CALL",
            (Stop::Filtered, None) => "SAFETY",
            (Stop::End | Stop::StopSequence | Stop::ToolCalls | Stop::Paused, None) => "STOP",
        };
        o.text("finishReason", reason);
        if let Some(name) = &self.malformed {
            o.text(
                "finishMessage",
                &format!("Malformed function call: the arguments of {name} are no JSON object"),
            );
        }
        self.sources.write(o);
        if let Some(json) = &self.logprobs {
            logprobs::write(json, o);
        }
    }
}

/// Writes a stream.
pub(super) struct Writer {
    answer: Answer,
    over: bool,
}

impl Writer {
    pub fn new(echo: Echo) -> Writer {
        Writer { answer: Answer::new(&echo), over: false }
    }
}

impl EventWriter for Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        if let Event::Fault(fault) = event {
            self.over = true;
            return send(&error(fault), out);
        }
        let (index, text) = self.answer.take(event);
        if let (Some(index), false) = (index, text.is_empty()) {
            let mut texts = vec![String::new(); index as usize];
            texts.push(text);
            send(&self.answer.chunk(&texts, false), out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let texts: Vec<String> = self.answer.choices.iter_mut().map(Choice::rest).collect();
        send(&self.answer.chunk(&texts, true), out);
    }
}

fn send(json: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(one_line(json).as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
}

/// The error that ends a stream (vendors' table §8.2).
fn error(fault: &VendorFault) -> String {
    let (code, status) = match fault.class {
        FaultClass::InvalidRequest | FaultClass::ContextLength | FaultClass::ContentFilter => {
            (400, "INVALID_ARGUMENT")
        }
        FaultClass::NotFound => (404, "NOT_FOUND"),
        FaultClass::RateLimit => (429, "RESOURCE_EXHAUSTED"),
        FaultClass::Overloaded => (503, "UNAVAILABLE"),
        FaultClass::Timeout => (504, "DEADLINE_EXCEEDED"),
        // The channel's key and its money are ours, not the caller's.
        FaultClass::Auth | FaultClass::Quota | FaultClass::Server | FaultClass::Unknown => (500, "INTERNAL"),
    };
    object(|o| {
        o.object("error", |o| {
            o.int("code", code);
            o.text("message", &fault.message);
            o.text("status", status);
        });
    })
}

#[cfg(test)]
#[path = "reply/tests.rs"]
mod tests;
