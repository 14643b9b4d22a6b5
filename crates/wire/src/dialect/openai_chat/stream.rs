//! Streams: a vendor's chunks to events, and events to a caller's chunks.

use super::reply::{
    annotations, call_members, citation, id_of, images, picture, plain_id, usage_of, write_usage,
};
use super::{arguments_of, detail_of, stop_of, word_of};
use crate::WireError;
use crate::chat::{Body, Call, Dialect, Event, Media, Part, Seal, SealKind, Stop};
use crate::codec::{Echo, EventReader, EventWriter};
use crate::fault::{self, write_fault_event};
use crate::frame::Frame;
use crate::json::{Members, Object, list_of, object, text_of};
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::usage::Usage;
use serde_json::value::RawValue;

/// Choices of a stream that are followed; OpenAI gives at most so many.
const CHOICES: u64 = 128;
/// Bytes of calls held back at most while another one is being told.
const HELD_MAX: usize = 4 << 20;

/// Follows a vendor's chunks.
#[derive(Default)]
pub struct Reader {
    started: bool,
    finished: bool,
    failed: bool,
    choices: Vec<Chosen>,
    usage: Option<Usage>,
    held: usize,
}

/// What is known of one choice.
#[derive(Default)]
struct Chosen {
    calls: Vec<Told>,
    reasoning: bool,
    stop: Option<Stop>,
    stop_text: Option<String>,
}

/// A call as far as it has been told.
#[derive(Default)]
struct Told {
    index: Option<u64>,
    id: String,
    name: String,
    custom: bool,
    seal: Option<Seal>,
    /// All of its arguments.
    arguments: String,
    /// Bytes of them that have become events.
    sent: usize,
    begun: bool,
    ended: bool,
}

impl EventReader for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), WireError> {
        if self.failed {
            return Ok(());
        }
        if frame.data.as_ref() == b"[DONE]" {
            self.finished = true;
            return Ok(());
        }
        let mut m = Members::of_body(&frame.data)?;
        if m.peek("error").is_some() {
            let value = serde_json::from_slice(&frame.data).unwrap_or_default();
            if let Some(fault) = fault::read_value(200, &value) {
                self.failed = true;
                out.push(Event::Fault(fault));
                return Ok(());
            }
        }
        let choices = m.list("choices")?;
        let id = plain_id(&m.text("id")?.unwrap_or_default());
        let model = m.text("model")?.unwrap_or_default();
        // Azure's first chunk judges the prompt and names neither.
        if !self.started && (!choices.is_empty() || !id.is_empty()) {
            self.started = true;
            let created = m.number("created")?.unwrap_or(0.0) as i64;
            out.push(Event::Start { id, model, created, usage: None });
        }
        let mut usage = m.json("usage");
        if let Some(mut groq) = m.object("x_groq")? {
            usage = usage.or(groq.json("usage"));
        }
        for raw in choices {
            if let Some(own) = self.choice(raw, out)? {
                usage = usage.or(Some(own));
            }
        }
        if let Some(usage) = usage.and_then(|report| usage_of(&report)) {
            self.usage = Some(usage);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> bool {
        if self.failed {
            return true;
        }
        let stopped = self.choices.iter().any(|choice| choice.stop.is_some());
        for index in 0..self.choices.len() {
            self.close_reasoning(index, out);
            self.tell(index, true, out);
            let choice = &mut self.choices[index];
            if let Some(stop) = choice.stop {
                let calls = !choice.calls.is_empty() && stop == Stop::End;
                out.push(Event::Stop {
                    choice: index as u32,
                    stop: if calls { Stop::ToolCalls } else { stop },
                    stop_text: choice.stop_text.take(),
                });
            }
        }
        out.extend(self.usage.map(Event::Usage));
        self.finished || stopped
    }
}

impl Reader {
    /// Reads a choice; the usage some vendors put into it.
    fn choice(
        &mut self,
        raw: &RawValue,
        out: &mut Vec<Event>,
    ) -> Result<Option<crate::json::Json>, WireError> {
        let mut m = Members::of(raw, "choices")?;
        let index = m.count("index")?.unwrap_or(0);
        if index >= CHOICES {
            return Err(WireError::new("a choice has an impossible index"));
        }
        let at = index as usize;
        while self.choices.len() <= at {
            self.choices.push(Chosen::default());
        }
        if let Some(mut delta) = m.object("delta")? {
            self.delta(at, &mut delta, out)?;
        } else if let Some(text) = m.text("text")?.filter(|text| !text.is_empty()) {
            out.push(Event::Text { choice: at as u32, text });
        }
        if let Some(json) = m.json("logprobs") {
            out.push(Event::Logprobs { choice: at as u32, json });
        }
        if let Some(word) = m.text("finish_reason")?.filter(|word| !word.is_empty()) {
            let Some(stop) = stop_of(&word) else {
                return Err(WireError::new(format!("the vendor failed in the middle: {word}")));
            };
            let choice = &mut self.choices[at];
            choice.stop = Some(stop);
            choice.stop_text =
                m.take("stop_reason").and_then(text_of).or(m.take("matched_stop").and_then(text_of));
        }
        Ok(m.json("usage"))
    }

    fn delta(&mut self, at: usize, m: &mut Members<'_>, out: &mut Vec<Event>) -> Result<(), WireError> {
        let choice = at as u32;
        let mut thought = m.text("reasoning_content")?;
        if thought.is_none() {
            thought = m.take("reasoning").and_then(text_of);
        }
        let details = details(m, thought.is_none())?;
        for (text, seal, id) in details {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                self.choices[at].reasoning = true;
                out.push(Event::Reasoning { choice, text, summary: false });
            }
            if seal.is_some() {
                self.choices[at].reasoning = false;
                out.push(Event::ReasoningEnd { choice, seal, id });
            }
        }
        if let Some(text) = thought.filter(|text| !text.is_empty()) {
            self.choices[at].reasoning = true;
            out.push(Event::Reasoning { choice, text, summary: false });
        }
        if let Some(raw) = m.take("content") {
            for (thinking, text) in texts(raw) {
                if thinking {
                    self.choices[at].reasoning = true;
                    out.push(Event::Reasoning { choice, text, summary: false });
                } else {
                    self.close_reasoning(at, out);
                    out.push(Event::Text { choice, text });
                }
            }
        }
        if let Some(text) = m.text("refusal")?.filter(|text| !text.is_empty()) {
            self.close_reasoning(at, out);
            out.push(Event::Refusal { choice, text });
        }
        for annotation in annotations(m)? {
            out.push(Event::Annotation { choice, annotation });
        }
        for part in images(m)? {
            out.push(Event::Media { choice, part });
        }
        if let Some(mut audio) = m.object("audio")?
            && let Some(base64) = audio.text("data")?.filter(|data| !data.is_empty())
        {
            let part = Part::new(Body::Audio(Media::Inline { mime: "audio/wav".into(), base64 }));
            out.push(Event::Media { choice, part });
        }
        for raw in m.list("tool_calls")? {
            self.close_reasoning(at, out);
            self.call(at, raw)?;
        }
        if let Some(mut old) = m.object("function_call")? {
            let arguments = old.take("arguments").map(arguments_of).unwrap_or_default();
            let name = old.text("name")?.unwrap_or_default();
            if !(name.is_empty() && arguments.is_empty()) {
                self.close_reasoning(at, out);
                let told = self.told(at, Some(0), "");
                told.id = "call_0".into();
                told.name.push_str(&name);
                told.arguments.push_str(&arguments);
            }
        }
        self.tell(at, false, out);
        Ok(())
    }

    fn close_reasoning(&mut self, at: usize, out: &mut Vec<Event>) {
        if std::mem::take(&mut self.choices[at].reasoning) {
            out.push(Event::ReasoningEnd { choice: at as u32, seal: None, id: None });
        }
    }

    /// The call a piece belongs to: by its index, else by its id, else the last one.
    fn told(&mut self, at: usize, index: Option<u64>, id: &str) -> &mut Told {
        let calls = &mut self.choices[at].calls;
        let found = match (index, id.is_empty()) {
            (Some(index), _) => calls.iter().position(|call| call.index == Some(index)),
            (None, false) => calls.iter().position(|call| call.id == id),
            (None, true) => calls.len().checked_sub(1),
        };
        // Another id under a known index is another call: some vendors number every call 0 (C1).
        let found =
            found.filter(|found| id.is_empty() || calls[*found].id.is_empty() || calls[*found].id == id);
        let found = found.unwrap_or_else(|| {
            if let Some(index) = index {
                calls.iter_mut().filter(|call| call.index == Some(index)).for_each(|call| call.index = None);
            }
            calls.push(Told { index, ..Told::default() });
            calls.len() - 1
        });
        &mut calls[found]
    }

    fn call(&mut self, at: usize, raw: &RawValue) -> Result<(), WireError> {
        let mut m = Members::of(raw, "tool_calls")?;
        let (index, id) = (m.count("index")?, m.text("id")?.unwrap_or_default());
        let signature = match m.object("extra_content")? {
            Some(mut extra) => match extra.object("google")? {
                Some(mut google) => google.text("thought_signature")?,
                None => None,
            },
            None => None,
        };
        let custom = m.peek("function").is_none() && m.peek("custom").is_some();
        let inner = m.object(if custom { "custom" } else { "function" })?;
        let (mut name, mut arguments) = (String::new(), String::new());
        if let Some(mut inner) = inner {
            name = inner.text("name")?.unwrap_or_default();
            let key = if custom { "input" } else { "arguments" };
            arguments = inner.take(key).map(arguments_of).unwrap_or_default();
        }
        self.held += arguments.len();
        if self.held > HELD_MAX {
            return Err(WireError::new("the calls of the answer are too long"));
        }
        let told = self.told(at, index, &id);
        if told.id.is_empty() {
            told.id = id;
        }
        if told.name.is_empty() {
            told.name = name;
        }
        told.custom |= custom;
        if let Some(data) = signature {
            told.seal = Some(Seal { dialect: Dialect::Gemini, kind: SealKind::Signature, data });
        }
        told.arguments.push_str(&arguments);
        Ok(())
    }

    /// Tells of calls in their order, one after another: the next one when the one before is whole (C5).
    fn tell(&mut self, at: usize, all: bool, out: &mut Vec<Event>) {
        let choice = at as u32;
        let calls = &mut self.choices[at].calls;
        let count = calls.len();
        for (number, told) in calls.iter_mut().enumerate() {
            let (call, more) = (number as u32, number + 1 < count);
            if told.ended {
                continue;
            }
            if !told.begun {
                if told.name.is_empty() && !all {
                    return; // the name may come in the next piece
                }
                told.begun = true;
                if told.id.is_empty() {
                    told.id = format!("call_{number}");
                }
                out.push(Event::CallStart {
                    choice,
                    call,
                    id: told.id.clone(),
                    name: told.name.clone(),
                    custom: told.custom,
                    seal: told.seal.clone(),
                });
            }
            if told.sent < told.arguments.len() {
                let text = told.arguments[told.sent..].to_owned();
                told.sent = told.arguments.len();
                out.push(Event::CallArguments { choice, call, text });
            }
            let whole = told.custom
                || told.arguments.is_empty()
                || serde_json::from_str::<serde::de::IgnoredAny>(&told.arguments).is_ok();
            if !(all || (more && whole)) {
                return;
            }
            told.ended = true;
            told.arguments = String::new();
            told.sent = 0;
            out.push(Event::CallEnd { choice, call });
        }
    }
}

/// `content` of a delta: a text, or Mistral's list of parts. True: thinking.
fn texts(raw: &RawValue) -> Vec<(bool, String)> {
    if let Some(text) = text_of(raw) {
        return if text.is_empty() { Vec::new() } else { vec![(false, text)] };
    }
    let mut found = Vec::new();
    for raw in list_of(raw).unwrap_or_default() {
        let Ok(mut part) = Members::of(raw, "content") else { continue };
        if let Ok(Some(text)) = part.text("text")
            && !text.is_empty()
        {
            found.push((false, text));
        }
        for raw in part.list("thinking").unwrap_or_default() {
            if let Ok(mut inner) = Members::of(raw, "thinking")
                && let Ok(Some(text)) = inner.text("text")
            {
                found.push((true, text));
            }
        }
    }
    found
}

type Detail = (Option<String>, Option<Seal>, Option<String>);

/// OpenRouter's reasoning with its seals. `texts`: the text is not told elsewhere too.
fn details(m: &mut Members<'_>, texts: bool) -> Result<Vec<Detail>, WireError> {
    let mut found = Vec::new();
    for raw in m.list("reasoning_details")? {
        let mut detail = Members::of(raw, "reasoning_details")?;
        let dialect = detail.text("format")?.as_deref().and_then(super::dialect_of);
        let id = detail.text("id")?;
        let signature = detail.text("signature")?.filter(|text| !text.is_empty());
        let data = detail.text("data")?;
        let text = detail.text("text")?.or(detail.text("summary")?).filter(|_| texts);
        let seal = match (signature, data) {
            (Some(data), _) => dialect.map(|dialect| Seal { dialect, kind: SealKind::Signature, data }),
            (None, Some(data)) => dialect.map(|dialect| Seal { dialect, kind: SealKind::Encrypted, data }),
            (None, None) => None,
        };
        found.push((text, seal, id));
    }
    Ok(found)
}

/// Writes chunks.
pub struct Writer {
    echo: Echo,
    id: String,
    model: String,
    created: i64,
    started: Vec<bool>,
    /// Text of the open stretch of reasoning, for the seal that may follow it.
    details: usize,
    usage: Option<Usage>,
    failed: bool,
}

impl Writer {
    pub fn new(echo: Echo) -> Writer {
        Writer {
            id: id_of("", &echo),
            model: echo.model.clone(),
            created: echo.created,
            echo,
            started: Vec::new(),
            details: 0,
            usage: None,
            failed: false,
        }
    }

    fn chunk(&self, out: &mut Vec<u8>, build: impl FnOnce(&mut Object<'_>)) {
        let text = object(|o| {
            o.text("id", &self.id);
            o.text("object", "chat.completion.chunk");
            o.int("created", self.created);
            o.text("model", &self.model);
            build(o);
        });
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\n\n");
    }

    fn delta(&mut self, choice: u32, out: &mut Vec<u8>, build: impl FnOnce(&mut Object<'_>)) {
        let at = choice as usize;
        if self.started.len() <= at {
            self.started.resize(at + 1, false);
        }
        let first = !std::mem::replace(&mut self.started[at], true);
        self.piece(choice, None, out, |o| {
            if first {
                o.text("role", "assistant");
            }
            build(o);
        });
    }

    fn piece(
        &self,
        choice: u32,
        finish: Option<&str>,
        out: &mut Vec<u8>,
        build: impl FnOnce(&mut Object<'_>),
    ) {
        self.chunk(out, |o| {
            o.list("choices", |l| {
                l.object(|o| {
                    o.int("index", choice);
                    o.object("delta", build);
                    match finish {
                        Some(word) => o.text("finish_reason", word),
                        None => o.key("finish_reason").null(),
                    }
                });
            });
            if self.echo.wants_usage {
                o.key("usage").null();
            }
        });
    }
}

impl EventWriter for Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created, usage } => {
                self.id = id_of(id, &self.echo);
                if !model.is_empty() {
                    self.model.clone_from(model);
                }
                if *created > 0 {
                    self.created = *created;
                }
                self.usage = *usage;
                self.delta(0, out, |o| o.text("content", ""));
            }
            Event::Text { choice, text } => self.delta(*choice, out, |o| o.text("content", text)),
            Event::Refusal { choice, text } => self.delta(*choice, out, |o| o.text("refusal", text)),
            Event::Reasoning { choice, text, .. } => {
                self.delta(*choice, out, |o| o.text("reasoning_content", text));
            }
            Event::ReasoningEnd { choice, seal, id } => {
                // The text went out before; clients join the pieces of an index.
                let detail = seal.as_ref().and_then(|seal| detail_of("", seal, id.as_deref(), self.details));
                self.details += 1;
                if let Some(detail) = detail {
                    self.delta(*choice, out, |o| o.list("reasoning_details", |l| l.item().raw(&detail)));
                }
            }
            Event::Annotation { choice, annotation } => self.delta(*choice, out, |o| {
                o.list("annotations", |l| l.object(|o| citation(o, annotation)));
            }),
            Event::CallStart { choice, call, id, name, custom, seal } => {
                let start = Call {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: " ".into(),
                    custom: *custom,
                    seal: seal.clone(),
                };
                let call = *call;
                self.delta(*choice, out, |o| {
                    o.list("tool_calls", |l| {
                        l.object(|o| {
                            o.int("index", call);
                            begin_call(o, &start);
                        });
                    });
                });
            }
            Event::CallArguments { choice, call, text } => self.delta(*choice, out, |o| {
                o.list("tool_calls", |l| {
                    l.object(|o| {
                        o.int("index", *call);
                        o.object("function", |o| o.text("arguments", text));
                    });
                });
            }),
            Event::CallEnd { .. } | Event::Opaque { .. } => {}
            Event::Media { choice, part } => {
                if let Some(picture) = picture(part) {
                    self.delta(*choice, out, |o| o.list("images", |l| l.item().raw(&picture)));
                } else if let Body::Audio(Media::Inline { base64, .. }) = &part.body {
                    self.delta(*choice, out, |o| o.object("audio", |o| o.text("data", base64)));
                }
            }
            Event::Logprobs { choice, json } => {
                let choice = *choice;
                self.chunk(out, |o| {
                    o.list("choices", |l| {
                        l.object(|o| {
                            o.int("index", choice);
                            o.object("delta", |_| {});
                            o.json("logprobs", json);
                            o.key("finish_reason").null();
                        });
                    });
                });
            }
            Event::Stop { choice, stop, .. } => self.piece(*choice, Some(word_of(*stop)), out, |_| {}),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Fault(vendor) => {
                self.failed = true;
                let mut told = Fault::new(Code::UpstreamError, vendor.message.clone());
                told.param.clone_from(&vendor.param);
                let bytes =
                    write_fault_event(Dialect::OpenAiChat, Endpoint::Chat, &told, &self.echo.request_id);
                out.extend_from_slice(&bytes);
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.failed {
            return;
        }
        if let Some(usage) = self.usage.filter(|_| self.echo.wants_usage) {
            self.chunk(out, |o| {
                o.list("choices", |_| {});
                o.object("usage", |o| write_usage(o, &usage));
            });
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// The first piece of a call: everything but its arguments.
fn begin_call(o: &mut Object<'_>, call: &Call) {
    if call.custom {
        return call_members(o, &Call { arguments: String::new(), ..call.clone() });
    }
    o.text("id", &call.id);
    o.text("type", "function");
    o.object("function", |o| {
        o.text("name", &call.name);
        o.text("arguments", "");
    });
    if let Some(seal) = call.seal.as_ref().filter(|seal| seal.dialect == Dialect::Gemini) {
        o.object("extra_content", |o| o.object("google", |o| o.text("thought_signature", &seal.data)));
    }
}
