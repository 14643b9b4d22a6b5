//! Cohere's streams.

use super::reply::{self, Place};
use super::usage;
use crate::WireError;
use crate::chat::{Event, Stop};
use crate::codec::{Asked, EventReader};
use crate::dialect::kit;
use crate::fault::read_fault;
use crate::frame::Frame;
use crate::json::Members;
use serde_json::Value;
use std::collections::HashSet;

/// Follows a stream.
pub(super) struct Reader {
    asked: Asked,
    customs: HashSet<String>,
    started: bool,
    thinking: bool,
    /// Calls begun so far; the last one may be open.
    calls: u32,
    open: Option<Open>,
    ended: bool,
    failed: bool,
}

/// A call that is being told.
struct Open {
    /// Arguments that are held back, of a custom tool.
    held: Option<String>,
}

impl Reader {
    pub fn new(asked: &Asked) -> Reader {
        let customs = kit::customs(asked);
        Reader {
            asked: asked.clone(),
            customs,
            started: false,
            thinking: false,
            calls: 0,
            open: None,
            ended: false,
            failed: false,
        }
    }
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.failed || self.ended || frame.data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        let kind = m.text("type")?.unwrap_or_default();
        let mut delta = m.object("delta")?;
        match kind.as_str() {
            "message-start" => self.start(m.text("id")?.unwrap_or_default(), out),
            "message-end" => return self.finish(delta, out),
            // The body of an error where events were awaited.
            _ if delta.is_none() && (m.peek("message").is_some() || m.peek("error").is_some()) => {
                self.failed = true;
                self.close(out);
                out.push(Event::Fault(read_fault(200, &frame.data)));
                return Ok(());
            }
            _ => {}
        }
        let mut message = match &mut delta {
            Some(delta) => delta.object("message")?,
            None => None,
        };
        match (kind.as_str(), &mut message) {
            ("tool-plan-delta", Some(message)) => {
                let text = message.text("tool_plan")?.unwrap_or_default();
                self.text(text, out);
            }
            ("content-start" | "content-delta", Some(message)) => {
                if let Some(mut content) = message.object("content")? {
                    self.think(content.text("thinking")?.unwrap_or_default(), out);
                    self.text(content.text("text")?.unwrap_or_default(), out);
                }
                if let Some(json) = m.take("logprobs").and_then(reply::logprobs) {
                    self.start(String::new(), out);
                    out.push(Event::Logprobs { choice: 0, json });
                }
            }
            ("content-end", _) => self.close(out),
            ("citation-start", Some(message)) => {
                if let Some(raw) = message.take("citations") {
                    let citation = reply::citation(raw)?;
                    // Reasoning has none.
                    if !matches!(citation.place, Place::Thinking) {
                        self.start(String::new(), out);
                        self.close(out);
                        let each = citation.sources.into_iter();
                        out.extend(each.map(|annotation| Event::Annotation { choice: 0, annotation }));
                    }
                }
            }
            ("tool-call-start", Some(message)) => {
                if let Some(raw) = message.take("tool_calls") {
                    let call = reply::call(raw, self.calls as usize)?;
                    self.call(call, out);
                }
            }
            ("tool-call-delta", Some(message)) => {
                if let Some(mut call) = message.object("tool_calls")?
                    && let Some(mut function) = call.object("function")?
                {
                    self.arguments(function.text("arguments")?.unwrap_or_default(), out)?;
                }
            }
            ("tool-call-end", _) => self.close(out),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.close(out);
        self.ended || self.failed
    }
}

impl Reader {
    fn start(&mut self, id: String, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id, model: self.asked.model.clone(), created: 0, usage: None });
        }
    }

    /// Ends what is open: a stretch of reasoning or a call.
    fn close(&mut self, out: &mut Vec<Event>) {
        if std::mem::take(&mut self.thinking) {
            out.push(Event::ReasoningEnd { choice: 0, seal: None, id: None });
        }
        if let Some(open) = self.open.take() {
            let call = self.calls.saturating_sub(1);
            if let Some(held) = open.held {
                out.push(Event::CallArguments { choice: 0, call, text: kit::free_text(&held) });
            }
            out.push(Event::CallEnd { choice: 0, call });
        }
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.start(String::new(), out);
            self.close(out);
            out.push(Event::Text { choice: 0, text });
        }
    }

    fn think(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.start(String::new(), out);
            if !self.thinking {
                self.close(out);
            }
            self.thinking = true;
            out.push(Event::Reasoning { choice: 0, text, summary: false });
        }
    }

    fn call(&mut self, call: crate::chat::Call, out: &mut Vec<Event>) {
        self.start(String::new(), out);
        self.close(out);
        let custom = self.customs.contains(&call.name);
        let number = self.calls;
        self.calls += 1;
        self.open = Some(Open { held: custom.then(|| call.arguments.clone()) });
        out.push(Event::CallStart {
            choice: 0,
            call: number,
            id: call.id,
            name: call.name,
            custom,
            seal: None,
        });
        if !custom && !call.arguments.is_empty() {
            out.push(Event::CallArguments { choice: 0, call: number, text: call.arguments });
        }
    }

    fn arguments(&mut self, text: String, out: &mut Vec<Event>) -> Result<(), WireError> {
        let Some(open) = self.open.as_mut().filter(|_| !text.is_empty()) else { return Ok(()) };
        match &mut open.held {
            Some(held) if held.len() + text.len() > kit::HELD_MAX => {
                return Err(WireError::new("the calls of the answer are too long"));
            }
            Some(held) => held.push_str(&text),
            None => out.push(Event::CallArguments { choice: 0, call: self.calls.saturating_sub(1), text }),
        }
        Ok(())
    }

    fn finish(&mut self, delta: Option<Members<'_>>, out: &mut Vec<Event>) -> Result<(), WireError> {
        let mut delta = delta.unwrap_or_default();
        self.start(String::new(), out);
        self.close(out);
        let usage = kit::lenient::<Value>(delta.take("usage")).as_ref().and_then(usage::read);
        let word = delta.text("finish_reason")?.unwrap_or_default();
        let Some(stop) = reply::stop(&word) else {
            self.failed = true;
            out.extend(usage.map(Event::Usage));
            out.push(Event::Fault(reply::failed(&word, delta.text("error")?)));
            return Ok(());
        };
        self.ended = true;
        let calls = self.calls > 0 && matches!(stop, Stop::End | Stop::StopSequence);
        let stop = if calls { Stop::ToolCalls } else { stop };
        let stop_text = if stop == Stop::StopSequence { kit::only_stop(&self.asked) } else { None };
        out.push(Event::Stop { choice: 0, stop, stop_text });
        out.extend(usage.map(Event::Usage));
        Ok(())
    }
}
