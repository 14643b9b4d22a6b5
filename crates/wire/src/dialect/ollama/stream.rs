//! Ollama's answers, streamed and whole: a whole one is a stream of a single line.

use crate::WireError;
use crate::chat::{ChatReply, Event, Fold, Stop};
use crate::codec::{Asked, EventReader};
use crate::dialect::openai_chat::arguments_of;
use crate::dialect::{gemini, kit};
use crate::fault::read_fault;
use crate::frame::Frame;
use crate::json::{Json, Members, text_of};
use magic_domain::usage::{Bucket, Usage};
use serde_json::value::RawValue;
use std::collections::HashSet;

/// No honest report of a single call is larger.
const SANE: u64 = 1_000_000_000;

/// Reads a whole answer.
pub(super) fn reply(body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
    let mut reader = Reader::new(asked);
    let mut events = Vec::new();
    reader.line(body, &mut events)?;
    let ended = reader.end(&mut events);
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    match fold.fault.take() {
        Some(fault) => Err(WireError::new(fault.message)),
        None if !ended => Err(WireError::new("the vendor's answer has no end")),
        None => Ok(fold.finish()),
    }
}

/// Follows a stream.
pub(super) struct Reader {
    model: String,
    customs: HashSet<String>,
    started: bool,
    /// What ids of calls are made of where the vendor gives none.
    seed: u64,
    ids: HashSet<String>,
    thinking: bool,
    calls: u32,
    ended: bool,
    failed: bool,
}

impl Reader {
    pub fn new(asked: &Asked) -> Reader {
        Reader {
            model: asked.model.clone(),
            customs: kit::customs(asked),
            started: false,
            seed: 0,
            ids: HashSet::new(),
            thinking: false,
            calls: 0,
            ended: false,
            failed: false,
        }
    }
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        self.line(&frame.data, out)
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.close(out);
        self.ended || self.failed
    }
}

impl Reader {
    fn line(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.failed || self.ended {
            return Ok(());
        }
        let mut m = Members::of_body(data)?;
        if m.peek("error").is_some() {
            self.failed = true;
            self.close(out);
            let status = m.take("status_code").and_then(|raw| raw.get().parse().ok()).unwrap_or(200);
            out.push(Event::Fault(read_fault(status, data)));
            return Ok(());
        }
        if !self.started && (m.peek("message").is_some() || m.peek("done").is_some()) {
            self.started = true;
            self.seed = gemini::hash(data);
            let model = m.text("model")?.filter(|model| !model.is_empty());
            let created = m.text("created_at")?.and_then(|time| gemini::seconds(&time)).unwrap_or(0);
            out.push(Event::Start {
                id: String::new(),
                model: model.unwrap_or_else(|| self.model.clone()),
                created,
                usage: None,
            });
        }
        if let Some(mut message) = m.object("message")? {
            if let Some(text) = message.text("thinking")?.filter(|text| !text.is_empty()) {
                self.thinking = true;
                out.push(Event::Reasoning { choice: 0, text, summary: false });
            }
            if let Some(text) = message.text("content")?.filter(|text| !text.is_empty()) {
                self.close(out);
                out.push(Event::Text { choice: 0, text });
            }
            for raw in message.list("tool_calls")? {
                self.call(raw, out)?;
            }
        }
        if let Some(json) = m.take("logprobs").and_then(logprobs) {
            out.push(Event::Logprobs { choice: 0, json });
        }
        if m.flag("done")? == Some(true) {
            self.finish(&mut m, out)?;
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Vec<Event>) {
        if std::mem::take(&mut self.thinking) {
            out.push(Event::ReasoningEnd { choice: 0, seal: None, id: None });
        }
    }

    /// Calls come whole.
    fn call(&mut self, raw: &RawValue, out: &mut Vec<Event>) -> Result<(), WireError> {
        let mut m = Members::of(raw, "message.tool_calls")?;
        let given = m.text("id")?.filter(|id| !id.is_empty());
        let Some(mut function) = m.object("function")? else { return Ok(()) };
        let name = function.text("name")?.unwrap_or_default();
        let mut arguments = function.take("arguments").map(arguments_of).unwrap_or_default();
        if arguments.is_empty() {
            arguments = "{}".to_owned(); // C6
        }
        let custom = self.customs.contains(&name);
        if custom {
            arguments = kit::free_text(&arguments);
        }
        let call = self.calls;
        self.calls += 1;
        // C2: two calls never have one id.
        let id = given
            .filter(|id| self.ids.insert(id.clone()))
            .unwrap_or_else(|| format!("call_{:016x}_{call}", self.seed));
        self.close(out);
        out.push(Event::CallStart { choice: 0, call, id, name, custom, seal: None });
        out.push(Event::CallArguments { choice: 0, call, text: arguments });
        out.push(Event::CallEnd { choice: 0, call });
        Ok(())
    }

    fn finish(&mut self, m: &mut Members<'_>, out: &mut Vec<Event>) -> Result<(), WireError> {
        self.ended = true;
        self.close(out);
        let stop = match m.take("done_reason").and_then(text_of).as_deref() {
            Some("length") => Stop::Length,
            _ if self.calls > 0 => Stop::ToolCalls, // C7
            _ => Stop::End,
        };
        out.push(Event::Stop { choice: 0, stop, stop_text: None });
        let mut count = |name: &str| m.count(name).map(|units| units.map(|units| units.min(SANE)));
        let (input, output) = (count("prompt_eval_count")?, count("eval_count")?);
        // A prompt that was cached altogether is not counted.
        if input.is_some() || output.is_some() {
            let usage = Usage::default().with(Bucket::Input, input.unwrap_or(0));
            out.push(Event::Usage(usage.with(Bucket::Output, output.unwrap_or(0))));
        }
        Ok(())
    }
}

/// Log probabilities: the list that OpenAI has in `content`.
fn logprobs(raw: &RawValue) -> Option<Json> {
    let some = raw.get().starts_with('[') && raw.get() != "[]";
    some.then(|| Json::from_text(format!(r#"{{"content":{},"refusal":null}}"#, raw.get())).ok()).flatten()
}
