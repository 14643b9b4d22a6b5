//! A vendor's stream to events. Items may run side by side: the first open one flows, the others wait for it.

mod item;

use super::seal;
use crate::WireError;
use crate::chat::{Annotation, Event, Stop};
use crate::codec::EventReader;
use crate::fault;
use crate::frame::Frame;
use crate::json::{Json, Members, text_of};
use item::{Item, Kind};
use magic_domain::endpoint::Endpoint;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// A piece of an item, not yet in its place among the others.
enum Step {
    /// Text of a content part.
    Text(usize, String),
    /// A source of a content part's text.
    Note(usize, Annotation),
    Event(Event),
}

#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    over: bool,
    items: Vec<Item>,
    /// The item that flows.
    head: usize,
    calls: u32,
    /// Elements of `logprobs`, as they were written.
    logprobs: Vec<String>,
    /// Seals of calls, where the vendor is a gateway like us.
    seals: HashMap<String, crate::chat::Seal>,
    run: Run,
}

/// The text that the consumer joins to one part, and where the content parts begin in it: sources are told in
/// characters of their own content part.
#[derive(Default)]
struct Run {
    length: u64,
    starts: Vec<(usize, usize, u64)>,
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        let before = out.len();
        let read = self.read(frame, out);
        // Some servers begin with the first item.
        if !self.started && out.get(before).is_some_and(|event| !matches!(event, Event::Fault(_))) {
            self.started = true;
            let (id, model) = (String::new(), String::new());
            out.insert(before, Event::Start { id, model, created: 0, usage: None });
        }
        read
    }

    fn end(&mut self, _: &mut Vec<Event>) -> bool {
        self.over
    }
}

impl Reader {
    fn read(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.over || frame.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        let kind = m.text("type").ok().flatten().unwrap_or_default();
        match kind.as_str() {
            "response.created" | "response.queued" | "response.in_progress" => {
                if let Some(mut response) = m.object("response")? {
                    self.start(&mut response, out);
                }
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                let said = kind.strip_prefix("response.").filter(|said| *said != "done");
                if let Some(response) = m.object("response")? {
                    self.whole(response, said, out)?;
                }
            }
            "response.failed" | "response.cancelled" => self.fail(m.peek("response"), out),
            "error" => self.fail(serde_json::from_slice(&frame.data).ok(), out),
            "" if m.peek("error").is_some() => self.fail(serde_json::from_slice(&frame.data).ok(), out),
            "response.output_item.added" => {
                let index = m.count("output_index").ok().flatten();
                if let Some(raw) = m.take("item") {
                    self.add(index, raw, out)?;
                }
            }
            "response.output_item.done" => {
                let index = m.count("output_index").ok().flatten();
                if let Some(raw) = m.take("item") {
                    self.done(index, raw, out)?;
                }
            }
            kind => {
                let Some(word) = kind.strip_prefix("response.") else { return Ok(()) };
                self.piece(word, &mut m, out)?;
            }
        }
        Ok(())
    }

    fn start(&mut self, response: &mut Members<'_>, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let id = response.text("id").ok().flatten().unwrap_or_default();
        let id = id.strip_prefix("resp_").unwrap_or(&id).to_owned();
        let model = response.text("model").ok().flatten().unwrap_or_default();
        // Some count in fractions.
        let created = response.number("created_at").ok().flatten().unwrap_or(0.0) as i64;
        out.push(Event::Start { id, model, created, usage: None });
    }

    /// The final response object, after a stream or instead of one. `said`: the status that the event tells,
    /// which some servers forget to put into the object.
    pub(super) fn whole(
        &mut self,
        mut response: Members<'_>,
        said: Option<&str>,
        out: &mut Vec<Event>,
    ) -> Result<(), WireError> {
        self.start(&mut response, out);
        let status = response.text("status").ok().flatten();
        let ended =
            status.filter(|status| said.is_none() || !matches!(status.as_str(), "in_progress" | "queued"));
        let status = ended.or(said.map(str::to_owned));
        let failed = response.peek("error").is_some_and(|error| error.get().starts_with(['{', '"']));
        if failed || matches!(status.as_deref(), Some("failed" | "cancelled")) {
            let error = response.take("error").map_or("null", RawValue::get);
            let whole = format!("{{\"error\":{error}}}");
            self.fail(serde_json::from_str(&whole).ok(), out);
            return Ok(());
        }
        if matches!(status.as_deref(), Some("in_progress" | "queued")) {
            return Err(WireError::new("the vendor's answer is not finished"));
        }
        let output = response.list("output")?;
        if self.items.is_empty() {
            for (index, raw) in output.iter().enumerate() {
                self.add(Some(index as u64), raw, out)?;
                self.done(Some(index as u64), raw, out)?;
            }
        }
        // Not every end of an item is told; the whole answer has them all.
        for (index, raw) in output.into_iter().enumerate() {
            let id = Members::of(raw, "item").and_then(|mut item| item.text("id")).ok().flatten();
            let open = |at: usize| !self.items[at].done && self.items[at].id == id;
            if self.find(Some(index as u64)).is_some_and(open) {
                self.done(Some(index as u64), raw, out)?;
            }
        }
        for at in self.head..self.items.len() {
            self.head = at;
            let queue = std::mem::take(&mut self.items[at].queue);
            let rest = self.items[at].close();
            self.emit(at, queue.into_iter().chain(rest), out);
        }
        self.head = self.items.len();
        let reason = response.object("incomplete_details").ok().flatten();
        let reason = reason.and_then(|mut details| details.text("reason").ok().flatten());
        let stop = match (status.as_deref(), reason.as_deref()) {
            (Some("incomplete"), Some("content_filter")) => Stop::Filtered,
            (Some("incomplete"), _) => Stop::Length,
            // A call means that the turn goes on (C7).
            _ if self.calls > 0 => Stop::ToolCalls,
            _ => Stop::End,
        };
        out.push(Event::Stop { choice: 0, stop, stop_text: None });
        let usage = response.take("usage").and_then(|raw| serde_json::from_str(raw.get()).ok());
        out.extend(usage.and_then(|usage| crate::usage::read(Endpoint::Responses, &usage)).map(Event::Usage));
        self.over = true;
        Ok(())
    }

    fn fail(&mut self, raw: Option<&RawValue>, out: &mut Vec<Event>) {
        let value = raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        let mut fault = fault::read_value(200, &value).unwrap_or_else(|| fault::read_fault(502, b""));
        // `type` is the event's here, not the error's.
        if fault.kind == "error" || fault.kind.is_empty() {
            fault.kind = if fault.code.is_empty() { "server_error".to_owned() } else { fault.code.clone() };
        }
        if fault.message.is_empty() {
            fault.message = "the vendor gave up".to_owned();
        }
        self.over = true;
        out.push(Event::Fault(fault));
    }

    /// The item that a frame is about: the last with its index, or the last of all where there is none.
    fn find(&self, index: Option<u64>) -> Option<usize> {
        match index {
            Some(index) => self.items.iter().rposition(|item| item.index == index),
            None => self.items.len().checked_sub(1),
        }
    }

    fn add(&mut self, index: Option<u64>, raw: &RawValue, out: &mut Vec<Event>) -> Result<(), WireError> {
        let mut m = Members::of(raw, "item")?;
        let id = m.text("id").ok().flatten();
        if let Some(at) = self.find(index)
            && !self.items[at].done
            && self.items[at].id == id
        {
            return Ok(());
        }
        let index = index.unwrap_or(self.items.len() as u64);
        let kind = match m.text("type").ok().flatten().as_deref() {
            Some("message") => Kind::message(),
            Some("reasoning") => Kind::reasoning(),
            Some("function_call") => Kind::call(false),
            Some("custom_tool_call") => Kind::call(true),
            _ => Kind::Hosted,
        };
        let mut item = Item::new(index, id, kind);
        let steps = item.begin(&mut m, &mut self.seals);
        self.items.push(item);
        self.pass(self.items.len() - 1, steps, out);
        Ok(())
    }

    fn done(&mut self, index: Option<u64>, raw: &RawValue, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.find(index).is_none_or(|at| self.items[at].done) {
            self.add(index, raw, out)?;
        }
        let Some(at) = self.find(index) else { return Ok(()) };
        let before = self.logprobs.len();
        let mut steps = self.items[at].finish(raw, &mut self.seals, &mut self.logprobs)?;
        if self.logprobs.len() > before {
            let text = format!("{{\"content\":[{}]}}", self.logprobs.join(","));
            let json = Json::from_text(text).ok();
            steps.extend(json.map(|json| Step::Event(Event::Logprobs { choice: 0, json })));
        }
        self.pass(at, steps, out);
        while self.items.get(self.head).is_some_and(|item| item.done) {
            self.head += 1;
            if let Some(next) = self.items.get_mut(self.head) {
                let queue = std::mem::take(&mut next.queue);
                self.emit(self.head, queue, out);
            }
        }
        Ok(())
    }

    /// A frame about a part of an item. What comes for an item that was never announced announces it.
    fn piece(&mut self, word: &str, m: &mut Members<'_>, out: &mut Vec<Event>) -> Result<(), WireError> {
        let index = m.count("output_index").ok().flatten();
        let found = self.find(index).filter(|at| !self.items[*at].done);
        let at = match (found, Kind::of_piece(word)) {
            (Some(at), _) => at,
            (None, Some(kind)) if self.find(index).is_none() => {
                let index = index.unwrap_or(self.items.len() as u64);
                self.items.push(Item::new(index, None, kind));
                self.items.len() - 1
            }
            _ => return Ok(()),
        };
        let steps = self.items[at].piece(word, m)?;
        self.pass(at, steps, out);
        Ok(())
    }

    fn pass(&mut self, at: usize, steps: Vec<Step>, out: &mut Vec<Event>) {
        if at == self.head {
            self.emit(at, steps, out);
        } else {
            self.items[at].queue.extend(steps);
        }
    }

    fn emit(&mut self, item: usize, steps: impl IntoIterator<Item = Step>, out: &mut Vec<Event>) {
        for step in steps {
            match step {
                Step::Text(part, text) => self.run.text(item, part, text, out),
                Step::Note(part, mut annotation) => {
                    let start = self.run.starts.iter().find(|(i, p, _)| (*i, *p) == (item, part));
                    if annotation.end > 0 {
                        let shift = start.map_or(0, |(_, _, start)| *start);
                        annotation.start = annotation.start.saturating_add(shift);
                        annotation.end = annotation.end.saturating_add(shift);
                    }
                    out.push(Event::Annotation { choice: 0, annotation });
                }
                Step::Event(mut event) => {
                    if !matches!(event, Event::Logprobs { .. }) {
                        self.run = Run::default();
                    }
                    match &mut event {
                        Event::CallStart { call, id, .. } => {
                            if id.is_empty() {
                                *id = format!("call_{}", self.calls);
                            }
                            *call = self.calls;
                            self.items[item].number = self.calls;
                            self.calls += 1;
                        }
                        Event::CallArguments { call, .. } | Event::CallEnd { call, .. } => {
                            *call = self.items[item].number;
                        }
                        _ => {}
                    }
                    out.push(event);
                }
            }
        }
    }
}

impl Run {
    fn text(&mut self, item: usize, part: usize, text: String, out: &mut Vec<Event>) {
        if !self.starts.iter().any(|(i, p, _)| (*i, *p) == (item, part)) {
            // Messages are paragraphs of one answer; the parts of a message are one text.
            if self.length > 0 && self.starts.last().is_some_and(|(last, _, _)| *last != item) {
                self.length += 2;
                out.push(Event::Text { choice: 0, text: "\n\n".to_owned() });
            }
            self.starts.push((item, part, self.length));
        }
        self.length += text.chars().count() as u64;
        out.push(Event::Text { choice: 0, text });
    }
}
