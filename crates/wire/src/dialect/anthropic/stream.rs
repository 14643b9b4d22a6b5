//! The vendor's stream, followed. Blocks come one after another; one that begins before the last has ended (as
//! some relays do it) is held back until then.

use super::blocks::{annotation, redacted};
use super::reply::{bare_id, explanation, stop};
use super::usage::Report;
use super::{JSON_TOOL, seal};
use crate::WireError;
use crate::chat::{Dialect, Event, Seal, SealKind};
use crate::codec::EventReader;
use crate::fault::{self, FaultClass};
use crate::frame::Frame;
use crate::json::{self, Json, Members};
use std::collections::VecDeque;

/// Blocks that may be open at once.
const OPEN_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    /// The stream has said that it is over.
    over: bool,
    report: Report,
    /// The first is the one that is told; the others wait.
    open: VecDeque<Block>,
    calls: u32,
    /// The answer came as a call of our tool.
    answered: bool,
    /// Characters of the stretch of text so far.
    run: u64,
    reason: Option<String>,
    stop_text: Option<String>,
    refusal: Option<String>,
}

struct Block {
    index: u64,
    start: Json,
    state: Option<State>,
    held: Vec<Delta>,
    closed: bool,
}

/// What is known of the block that is told.
enum State {
    Text {
        start: u64,
        citations: Vec<Json>,
    },
    Thinking {
        signature: String,
    },
    /// `given`: the input that came with the start, for a call whose pieces never come.
    Call {
        number: u32,
        sent: bool,
        given: String,
    },
    /// The answer as a call of our tool.
    Answer {
        sent: bool,
        given: String,
    },
    Opaque {
        input: String,
        content: Option<String>,
    },
    Told,
}

enum Delta {
    Text(String),
    Input(String),
    Thinking(String),
    Signature(String),
    Citation(Json),
    Content(String),
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.over || frame.data.as_ref() == b"[DONE]" {
            return Ok(());
        }
        let mut event = Members::of_body(&frame.data)?;
        match event.text("type")?.as_deref() {
            Some("message_start") => self.message_start(&mut event, out)?,
            Some("content_block_start") => self.block_start(&mut event, out)?,
            Some("content_block_delta") => self.block_delta(&mut event, out)?,
            Some("content_block_stop") => {
                let index = event.count("index")?;
                let block = self.open.iter_mut().find(|block| index.is_none_or(|index| block.index == index));
                if let Some(block) = block {
                    block.closed = true;
                }
                self.advance(false, out);
            }
            Some("message_delta") => self.message_delta(&mut event, out)?,
            Some("message_stop") => {
                self.finish(out);
            }
            Some("error") => self.fault(&frame.data, out),
            // Relays put errors into the stream without saying what they are.
            None if event.peek("error").is_some() => self.fault(&frame.data, out),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> bool {
        self.over
    }
}

impl Reader {
    fn message_start(&mut self, event: &mut Members<'_>, out: &mut Vec<Event>) -> Result<(), WireError> {
        let Some(mut message) = event.object("message")? else { return Ok(()) };
        if let Some(usage) = message.json("usage") {
            self.report.take(&usage.tree());
        }
        if !std::mem::replace(&mut self.started, true) {
            let id = bare_id(&message.text("id")?.unwrap_or_default());
            let model = message.text("model")?.unwrap_or_default();
            out.push(Event::Start { id, model, created: 0, usage: self.report.usage() });
        }
        Ok(())
    }

    /// A relay may leave the start out.
    fn ensure_started(&mut self, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: String::new(), model: String::new(), created: 0, usage: None });
        }
    }

    fn block_start(&mut self, event: &mut Members<'_>, out: &mut Vec<Event>) -> Result<(), WireError> {
        self.ensure_started(out);
        let index = event.count("index")?.unwrap_or(0);
        let Some(start) = event.json("content_block") else { return Ok(()) };
        if self.open.len() >= OPEN_MAX {
            return Err(WireError::new("too many blocks of the stream are open"));
        }
        self.open.push_back(Block { index, start, state: None, held: Vec::new(), closed: false });
        self.advance(false, out);
        Ok(())
    }

    fn block_delta(&mut self, event: &mut Members<'_>, out: &mut Vec<Event>) -> Result<(), WireError> {
        let index = event.count("index")?;
        let Some(mut delta) = event.object("delta")? else { return Ok(()) };
        let mut text = |name: &str| delta.text(name).map(Option::unwrap_or_default);
        let delta = match text("type")?.as_str() {
            "text_delta" => Delta::Text(text("text")?),
            "input_json_delta" => Delta::Input(text("partial_json")?),
            "thinking_delta" => Delta::Thinking(text("thinking")?),
            "signature_delta" => Delta::Signature(text("signature")?),
            "compaction_delta" => Delta::Content(text("content")?),
            "citations_delta" => match delta.json("citation") {
                Some(citation) => Delta::Citation(citation),
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        let at = self.open.iter().position(|block| index.is_none_or(|index| block.index == index));
        match at {
            Some(0) => self.tell(delta, out),
            Some(at) => self.open[at].held.push(delta),
            None => {}
        }
        Ok(())
    }

    fn message_delta(&mut self, event: &mut Members<'_>, out: &mut Vec<Event>) -> Result<(), WireError> {
        self.ensure_started(out);
        if let Some(mut delta) = event.object("delta")? {
            self.reason = delta.text("stop_reason")?.or(self.reason.take());
            self.stop_text = delta.text("stop_sequence")?.or(self.stop_text.take());
            self.refusal = explanation(&mut delta)?.or(self.refusal.take());
        }
        if let Some(usage) = event.json("usage") {
            self.report.take(&usage.tree());
            out.extend(self.report.usage().map(Event::Usage));
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Event>) {
        self.ensure_started(out);
        self.advance(true, out);
        if let Some(text) = self.refusal.take() {
            out.push(Event::Refusal { choice: 0, text });
        }
        let stop = stop(self.reason.as_deref(), self.calls > 0, self.answered);
        out.push(Event::Stop { choice: 0, stop, stop_text: self.stop_text.take() });
        self.over = true;
    }

    fn fault(&mut self, data: &[u8], out: &mut Vec<Event>) {
        let mut fault = fault::read_fault(200, data);
        if fault.class == FaultClass::Unknown {
            fault.class = match fault.kind.as_str() {
                "not_found_error" => FaultClass::NotFound,
                "timeout_error" => FaultClass::Timeout,
                "permission_error" => FaultClass::Auth,
                _ => FaultClass::Server,
            };
        }
        out.push(Event::Fault(fault));
        self.over = true;
    }

    /// Tells the first block as far as it is known, and those after it that were waiting for its end. `all`: the
    /// end of the message ends every block.
    fn advance(&mut self, all: bool, out: &mut Vec<Event>) {
        while let Some(block) = self.open.front_mut() {
            if block.state.is_none() {
                let start = block.start.clone();
                let held = std::mem::take(&mut block.held);
                let state = self.begin(&start, out);
                if let Some(block) = self.open.front_mut() {
                    block.state = Some(state);
                }
                held.into_iter().for_each(|delta| self.tell(delta, out));
            }
            if !all && !self.open.front().is_some_and(|block| block.closed) {
                return;
            }
            if let Some(Block { start, state: Some(state), .. }) = self.open.pop_front() {
                self.close(&start, state, out);
            }
        }
    }

    fn begin(&mut self, start: &Json, out: &mut Vec<Event>) -> State {
        // What can't be read is passed on as what nobody knows.
        let Ok(mut block) = Members::of_body(start.get().as_bytes()) else { return State::Told };
        let mut text = |name: &str| block.text(name).ok().flatten().unwrap_or_default();
        let kind = text("type");
        if kind != "text" {
            self.run = 0;
        }
        match kind.as_str() {
            "text" => {
                let first = text("text");
                let state = State::Text { start: self.run, citations: Vec::new() };
                self.text(first, out);
                state
            }
            "thinking" => {
                let (first, signature) = (text("thinking"), text("signature"));
                if !first.is_empty() {
                    out.push(Event::Reasoning { choice: 0, text: first, summary: false });
                }
                State::Thinking { signature }
            }
            "redacted_thinking" => {
                let seal = redacted(text("data")).seal;
                out.push(Event::ReasoningEnd { choice: 0, seal, id: None });
                State::Told
            }
            "tool_use" => {
                let (id, name) = (text("id"), text("name"));
                let given = block.take("input").map_or("{}", |input| input.get()).to_owned();
                if name == JSON_TOOL {
                    self.answered = true;
                    return State::Answer { sent: false, given };
                }
                let number = self.calls;
                self.calls += 1;
                let id = if id.is_empty() { format!("toolu_{number}") } else { id };
                out.push(Event::CallStart { choice: 0, call: number, id, name, custom: false, seal: None });
                State::Call { number, sent: false, given }
            }
            _ => State::Opaque { input: String::new(), content: None },
        }
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.run += text.chars().count() as u64;
            out.push(Event::Text { choice: 0, text });
        }
    }

    fn tell(&mut self, delta: Delta, out: &mut Vec<Event>) {
        let Some(state) = self.open.front_mut().and_then(|block| block.state.as_mut()) else { return };
        match (state, delta) {
            (State::Text { .. }, Delta::Text(text)) => self.text(text, out),
            (State::Text { citations, .. }, Delta::Citation(citation)) => citations.push(citation),
            (State::Thinking { .. }, Delta::Thinking(text)) if !text.is_empty() => {
                out.push(Event::Reasoning { choice: 0, text, summary: false });
            }
            (State::Thinking { signature }, Delta::Signature(piece)) => signature.push_str(&piece),
            (State::Call { number, sent, .. }, Delta::Input(text)) if !text.is_empty() => {
                *sent = true;
                out.push(Event::CallArguments { choice: 0, call: *number, text });
            }
            (State::Answer { sent, .. }, Delta::Input(text)) if !text.is_empty() => {
                *sent = true;
                self.text(text, out);
            }
            (State::Opaque { input, .. }, Delta::Input(piece)) => input.push_str(&piece),
            (State::Opaque { content, .. }, Delta::Content(piece)) => {
                content.get_or_insert_default().push_str(&piece);
            }
            _ => {}
        }
    }

    fn close(&mut self, start: &Json, state: State, out: &mut Vec<Event>) {
        match state {
            State::Text { start, citations } => {
                let end = self.run;
                let found = citations.iter().filter_map(|citation| {
                    let raw = serde_json::from_str(citation.get()).ok()?;
                    annotation(raw, start, end)
                });
                out.extend(found.map(|annotation| Event::Annotation { choice: 0, annotation }));
            }
            State::Thinking { signature } => {
                // The vendor's own signatures are never ours; one that looks like it is not worth keeping.
                let seal = (!signature.is_empty() && seal::read(&signature, Dialect::Anthropic).is_none())
                    .then_some(Seal {
                        dialect: Dialect::Anthropic,
                        kind: SealKind::Signature,
                        data: signature,
                    });
                out.push(Event::ReasoningEnd { choice: 0, seal, id: None });
            }
            State::Call { number, sent, given } => {
                // Without pieces the input is what came with the start, mostly nothing (C6).
                if !sent {
                    out.push(Event::CallArguments { choice: 0, call: number, text: given });
                }
                out.push(Event::CallEnd { choice: 0, call: number });
            }
            State::Answer { sent, given } => {
                if !sent {
                    self.text(given, out);
                }
            }
            State::Opaque { input, content } => {
                let json = complete(start, &input, content.as_deref());
                out.push(Event::Opaque { choice: 0, dialect: Dialect::Anthropic, json });
            }
            State::Told => {}
        }
    }
}

/// A block of the vendor's own with what came in pieces put in its place.
fn complete(start: &Json, input: &str, content: Option<&str>) -> Json {
    let input = Json::from_text(input).ok();
    if input.is_none() && content.is_none() {
        return start.clone();
    }
    let Ok(members) = Members::of_body(start.get().as_bytes()) else { return start.clone() };
    let text = json::object(|o| {
        // `null` members keep their place too.
        for (name, value) in members.rest() {
            match (name.as_str(), &input, content) {
                ("input", Some(input), _) => o.json("input", input),
                ("content", _, Some(content)) => o.text("content", content),
                _ => o.json(&name, &value),
            }
        }
    });
    Json::from_text(text).unwrap_or_else(|_| start.clone())
}
