//! Google's answers, streamed and whole: a whole one is a stream of a single chunk.

mod ends;

pub(in crate::dialect) use self::ends::seconds;
use self::ends::{is_broken, stop};
use super::fields::Fields;
use super::parts::{self, CallPiece, Piece};
use super::tools::Names;
use super::tree::Node;
use super::usage::Report;
use super::{Signed, grounding, hash, logprobs};
use crate::WireError;
use crate::chat::{ChatReply, Dialect, Event, Fold, Seal, Stop};
use crate::codec::{Asked, EventReader};
use crate::dialect::kit;
use crate::fault::{FaultClass, VendorFault, read_fault};
use crate::frame::Frame;
use crate::json::{Json, text_of};
use magic_domain::usage::Usage;
use serde_json::value::RawValue;

/// Reads a whole answer.
pub(super) fn reply(body: &[u8], asked: &Asked) -> Result<ChatReply, WireError> {
    let mut reader = Reader { whole: true, ..Reader::new(asked) };
    let mut events = Vec::new();
    reader.chunk(body, &mut events)?;
    let ended = reader.finish(&mut events);
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.push(event));
    match fold.fault.take() {
        Some(fault) => Err(WireError::new(fault.message)),
        None if !ended => Err(WireError::new("the vendor's answer has no candidates")),
        None => Ok(fold.finish()),
    }
}

/// Follows a stream.
#[derive(Default)]
pub(super) struct Reader {
    /// The answer comes in one piece: it is over without saying so.
    whole: bool,
    started: bool,
    /// What ids of calls are made of.
    seed: u64,
    ids: Vec<String>,
    calls: u64,
    choices: Vec<Choice>,
    report: Report,
    usage: Option<Usage>,
    /// Why the prompt was refused.
    blocked: Option<String>,
    failed: bool,
    names: Names,
}

#[derive(Default)]
struct Choice {
    calls: u32,
    open: Option<OpenCall>,
    thinking: bool,
    /// The last stretch of text, which sources point into.
    text: String,
    text_open: bool,
    said: bool,
    finish: Option<String>,
    message: Option<String>,
    grounding: Option<Json>,
    logprobs: logprobs::Tokens,
}

/// A call whose arguments come in pieces.
struct OpenCall {
    number: u32,
    custom: bool,
    arguments: Node,
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.failed || frame.data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        self.chunk(&frame.data, out)
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        self.finish(out)
    }
}

impl Reader {
    pub fn new(asked: &Asked) -> Reader {
        Reader { names: Names::of(asked), ..Reader::default() }
    }

    fn chunk(&mut self, data: &[u8], out: &mut Vec<Event>) -> Result<(), WireError> {
        if data.trim_ascii_start().starts_with(b"[") {
            // Errors of streams, and bodies that were not asked for as events, stand in a list.
            let bad = |_| WireError::new("the vendor's answer is no valid JSON");
            let items: Vec<&RawValue> = serde_json::from_slice(data).map_err(bad)?;
            return items.into_iter().try_for_each(|item| self.chunk(item.get().as_bytes(), out));
        }
        if self.failed {
            return Ok(());
        }
        let mut fields = Fields::of_body(data)?;
        if let Some(error) = fields.take("error") {
            let code =
                Fields::of(error, "error").ok().and_then(|mut error| error.count("code").ok().flatten());
            let status = code.and_then(|code| u16::try_from(code).ok()).unwrap_or(200);
            self.fail(read_fault(status, data), out);
            return Ok(());
        }
        let known = ["candidates", "promptFeedback", "usageMetadata", "responseId"];
        if !known.iter().any(|name| fields.has(name)) {
            return Ok(());
        }
        if !self.started {
            self.start(&mut fields, data, out)?;
        }
        if let Some(mut feedback) = fields.object("promptFeedback")?
            && let Some(reason) = feedback.text("blockReason")?
        {
            let message = feedback.text("blockReasonMessage")?.filter(|message| !message.is_empty());
            self.blocked = Some(message.unwrap_or(reason));
        }
        for (at, raw) in fields.list("candidates")?.into_iter().enumerate() {
            self.candidate(at, raw, out)?;
        }
        if let Some(raw) = fields.take("usageMetadata") {
            self.report.take(raw);
            let usage = self.report.usage();
            if usage.is_some() && usage != self.usage {
                self.usage = usage;
                out.extend(usage.map(Event::Usage));
            }
        }
        Ok(())
    }

    fn start(&mut self, fields: &mut Fields<'_>, data: &[u8], out: &mut Vec<Event>) -> Result<(), WireError> {
        self.started = true;
        let id = fields.text("responseId")?.unwrap_or_default();
        let model = fields.text("modelVersion")?.unwrap_or_default();
        let created = fields.text("createTime")?.and_then(|time| seconds(&time)).unwrap_or(0);
        self.seed = hash(if id.is_empty() { data } else { id.as_bytes() });
        out.push(Event::Start { id, model, created, usage: None });
        Ok(())
    }

    fn fail(&mut self, fault: VendorFault, out: &mut Vec<Event>) {
        self.failed = true;
        out.push(Event::Fault(fault));
    }

    fn candidate(&mut self, at: usize, raw: &RawValue, out: &mut Vec<Event>) -> Result<(), WireError> {
        let mut fields = Fields::of(raw, format!("candidates[{at}]"))?;
        let index = fields.count("index")?.map_or(at, |index| index.min(127) as usize).min(127);
        while self.choices.len() <= index {
            self.choices.push(Choice::default());
        }
        if let Some(mut content) = fields.object("content")? {
            for (number, raw) in content.list("parts")?.into_iter().enumerate() {
                let path = format!("candidates[{at}].content.parts[{number}]");
                self.part(index, parts::read(raw, &path)?, out);
            }
        }
        let choice = &mut self.choices[index];
        choice.grounding = fields.json("groundingMetadata").or(choice.grounding.take());
        if let Some(result) = fields.take("logprobsResult") {
            choice.logprobs.take(result);
        }
        choice.message = fields.text("finishMessage")?.or(choice.message.take());
        if let Some(raw) = fields.take("finishReason") {
            // Some relays write the enum's number.
            let reason = text_of(raw).unwrap_or_else(|| match raw.get() {
                "0" => String::new(),
                "1" => "STOP".to_owned(),
                "2" => "MAX_TOKENS".to_owned(),
                _ => "OTHER".to_owned(),
            });
            if !reason.is_empty() && reason != "FINISH_REASON_UNSPECIFIED" {
                choice.finish = Some(reason);
            }
        }
        Ok(())
    }

    fn part(&mut self, index: usize, piece: Piece<'_>, out: &mut Vec<Event>) {
        let choice = index as u32;
        let state = &mut self.choices[index];
        if !matches!(&piece, Piece::Call(call, _) if call.name.is_none()) {
            state.close_call(choice, out);
        }
        match piece {
            Piece::Text { text, thought: true, signed: Signed { seal, .. } } => {
                if !text.is_empty() {
                    state.text_open = false;
                    state.thinking = true;
                    out.push(Event::Reasoning { choice, text, summary: true });
                }
                if seal.is_some() {
                    state.text_open = false;
                    state.thinking = false;
                    out.push(Event::ReasoningEnd { choice, seal, id: None });
                }
            }
            Piece::Text { text, thought: false, signed: Signed { seal, .. } } => {
                if !text.is_empty() {
                    state.text(choice, text, out);
                }
                state.sealed(choice, seal, out);
            }
            Piece::Media(part, seal) => {
                state.end_thoughts(choice, out);
                state.said = true;
                state.text_open = false;
                out.push(Event::Media { choice, part });
                state.sealed(choice, seal, out);
            }
            Piece::Opaque { json, shown } => {
                state.end_thoughts(choice, out);
                state.text_open = false;
                out.push(Event::Opaque { choice, dialect: Dialect::Gemini, json });
                if let Some(shown) = shown {
                    state.text(choice, shown, out);
                }
            }
            Piece::Response { .. } => {}
            Piece::Call(call, seal) => self.call(index, call, seal, out),
        }
    }

    fn call(&mut self, index: usize, call: CallPiece<'_>, seal: Option<Seal>, out: &mut Vec<Event>) {
        let choice = index as u32;
        let CallPiece { id, name, args, pieces, goes_on } = call;
        if let Some(name) = name {
            let id = self.fresh(id);
            let (name, custom) = self.names.callers(name);
            let state = &mut self.choices[index];
            state.end_thoughts(choice, out);
            state.said = true;
            state.text_open = false;
            let number = state.calls;
            state.calls += 1;
            out.push(Event::CallStart { choice, call: number, id, name, custom, seal });
            if args.is_some() || (!goes_on && pieces.is_empty()) {
                let text = arguments(args.map_or("{}", RawValue::get), custom);
                out.push(Event::CallArguments { choice, call: number, text });
                out.push(Event::CallEnd { choice, call: number });
                return;
            }
            state.open = Some(OpenCall { number, custom, arguments: Node::Object(Vec::new()) });
        }
        let state = &mut self.choices[index];
        if let Some(open) = &mut state.open {
            pieces.into_iter().for_each(|piece| open.take(piece));
        }
        if !goes_on {
            state.close_call(choice, out);
        }
    }

    /// An id that no other call of the answer has: the vendor's, or one made of the answer's own (C1, C2).
    fn fresh(&mut self, given: Option<String>) -> String {
        let number = self.calls;
        self.calls += 1;
        let id = given.filter(|id| !self.ids.contains(id));
        let id = id.unwrap_or_else(|| format!("call_{:016x}_{number}", self.seed));
        self.ids.push(id.clone());
        id
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> bool {
        if self.failed {
            return true;
        }
        if self.choices.is_empty()
            && let Some(text) = self.blocked.take()
        {
            out.push(Event::Refusal { choice: 0, text });
            out.push(Event::Stop { choice: 0, stop: Stop::Filtered, stop_text: None });
            return true;
        }
        // A broken call and nothing else is no answer.
        let silent = self.choices.iter().all(|choice| !choice.said);
        let broken = self.choices.iter().find(|choice| choice.finish.as_deref().is_some_and(is_broken));
        if let Some(choice) = broken.filter(|_| silent) {
            let reason = choice.finish.clone().unwrap_or_default();
            let message = choice.message.clone().unwrap_or_else(|| format!("the model failed: {reason}"));
            let fault = VendorFault {
                message: crate::fault::clean(&message),
                kind: "upstream_error".to_owned(),
                code: reason,
                param: None,
                class: FaultClass::Server,
            };
            self.fail(fault, out);
            return true;
        }
        let mut ended = !self.choices.is_empty();
        for (index, choice) in self.choices.iter_mut().enumerate() {
            if choice.finish.is_none() && !self.whole {
                ended = false;
                continue;
            }
            choice.finish(index as u32, out);
        }
        ended
    }
}

impl Choice {
    fn text(&mut self, choice: u32, text: String, out: &mut Vec<Event>) {
        self.end_thoughts(choice, out);
        if !std::mem::replace(&mut self.text_open, true) {
            self.text.clear();
        }
        self.text.push_str(&text);
        self.said = true;
        out.push(Event::Text { choice, text });
    }

    /// Something other than thoughts begins.
    fn end_thoughts(&mut self, choice: u32, out: &mut Vec<Event>) {
        if std::mem::take(&mut self.thinking) {
            out.push(Event::ReasoningEnd { choice, seal: None, id: None });
        }
    }

    fn sealed(&mut self, choice: u32, seal: Option<Seal>, out: &mut Vec<Event>) {
        if seal.is_some() {
            self.end_thoughts(choice, out);
            self.text_open = false;
            out.push(Event::ReasoningEnd { choice, seal, id: None });
        }
    }

    fn close_call(&mut self, choice: u32, out: &mut Vec<Event>) {
        if let Some(open) = self.open.take() {
            let (number, text) = (open.number, arguments(&open.arguments.json(), open.custom));
            out.push(Event::CallArguments { choice, call: number, text });
            out.push(Event::CallEnd { choice, call: number });
        }
    }

    fn finish(&mut self, choice: u32, out: &mut Vec<Event>) {
        self.close_call(choice, out);
        self.end_thoughts(choice, out);
        if let Some(raw) = self.grounding.take()
            && let Ok(raw) = serde_json::from_str::<&RawValue>(raw.get())
        {
            let found = grounding::read(raw, &self.text).into_iter().filter(|_| !self.text.is_empty());
            out.extend(found.map(|annotation| Event::Annotation { choice, annotation }));
        }
        if let Some(json) = self.logprobs.json() {
            out.push(Event::Logprobs { choice, json });
        }
        let stop = stop(self.finish.as_deref().unwrap_or("STOP"), self.calls > 0);
        if let (Stop::Filtered, false, Some(text)) = (stop, self.said, self.message.take()) {
            out.push(Event::Refusal { choice, text });
        }
        out.push(Event::Stop { choice, stop, stop_text: None });
    }
}

/// The arguments of a call, or the text that stands in those of a custom tool.
fn arguments(json: &str, custom: bool) -> String {
    if custom { kit::free_text(json) } else { json.to_owned() }
}

impl OpenCall {
    /// Takes a piece of the arguments: a value for the place its path names; pieces of a text are joined.
    fn take(&mut self, raw: &RawValue) {
        let Ok(mut fields) = Fields::of(raw, "partialArgs") else { return };
        let Ok(Some(path)) = fields.text("jsonPath") else { return };
        let Some(place) = self.arguments.place(&path) else { return };
        if let Ok(Some(text)) = fields.text("stringValue") {
            match place {
                Node::Text(whole) => whole.push_str(&text),
                other => *other = Node::Text(text),
            }
        } else if let Some(raw) = fields.take("numberValue").or_else(|| fields.take("boolValue")) {
            *place = Node::Raw(raw.get().to_owned());
        }
    }
}

#[cfg(test)]
#[path = "stream/tests.rs"]
mod tests;
