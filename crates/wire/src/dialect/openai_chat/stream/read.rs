//! A vendor's chunks to events.

use super::super::reply::{annotations, images, plain_id, usage_of};
use super::super::{arguments_of, stop_of};
use super::calls::Calls;
use super::pieces::{details, texts};
use crate::WireError;
use crate::chat::{Body, Dialect, Event, Media, Part, Seal, SealKind, Stop};
use crate::codec::EventReader;
use crate::fault;
use crate::frame::Frame;
use crate::json::{Json, Members, text_of};
use magic_domain::usage::Usage;
use serde_json::value::RawValue;

/// Choices of a stream that are followed; OpenAI gives at most so many.
const CHOICES: u64 = 128;
/// Bytes of calls, and of what waits for their end, that are kept at most.
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
    calls: Calls,
    reasoning: bool,
    stop: Option<Stop>,
    stop_text: Option<String>,
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
        if self.choices.iter().any(|choice| choice.calls.holds()) {
            self.keep(frame.data.len())?;
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
            let choice = &mut self.choices[index];
            choice.calls.tell(index as u32, true, out);
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
    fn choice(&mut self, raw: &RawValue, out: &mut Vec<Event>) -> Result<Option<Json>, WireError> {
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
            self.say(at, Event::Text { choice: at as u32, text }, out);
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
                self.say(at, Event::Reasoning { choice, text, summary: false }, out);
            }
            if seal.is_some() {
                self.choices[at].reasoning = false;
                self.say(at, Event::ReasoningEnd { choice, seal, id }, out);
            }
        }
        if let Some(text) = thought.filter(|text| !text.is_empty()) {
            self.choices[at].reasoning = true;
            self.say(at, Event::Reasoning { choice, text, summary: false }, out);
        }
        if let Some(raw) = m.take("content") {
            for (thinking, text) in texts(raw) {
                if thinking {
                    self.choices[at].reasoning = true;
                    self.say(at, Event::Reasoning { choice, text, summary: false }, out);
                } else {
                    self.close_reasoning(at, out);
                    self.say(at, Event::Text { choice, text }, out);
                }
            }
        }
        if let Some(text) = m.text("refusal")?.filter(|text| !text.is_empty()) {
            self.close_reasoning(at, out);
            self.say(at, Event::Refusal { choice, text }, out);
        }
        for annotation in annotations(m)? {
            self.say(at, Event::Annotation { choice, annotation }, out);
        }
        for part in images(m)? {
            self.say(at, Event::Media { choice, part }, out);
        }
        if let Some(mut audio) = m.object("audio")?
            && let Some(base64) = audio.text("data")?.filter(|data| !data.is_empty())
        {
            let part = Part::new(Body::Audio(Media::Inline { mime: "audio/wav".into(), base64 }));
            self.say(at, Event::Media { choice, part }, out);
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
                let told = self.choices[at].calls.find(Some(0), "");
                told.id = "call_0".into();
                told.name.push_str(&name);
                told.arguments.push_str(&arguments);
            }
        }
        self.choices[at].calls.tell(choice, false, out);
        Ok(())
    }

    fn keep(&mut self, bytes: usize) -> Result<(), WireError> {
        self.held = self.held.saturating_add(bytes);
        if self.held > HELD_MAX {
            return Err(WireError::new("the calls of the answer are too long"));
        }
        Ok(())
    }

    fn close_reasoning(&mut self, at: usize, out: &mut Vec<Event>) {
        if std::mem::take(&mut self.choices[at].reasoning) {
            self.say(at, Event::ReasoningEnd { choice: at as u32, seal: None, id: None }, out);
        }
    }

    /// Content of a choice, which must not stand inside a call.
    fn say(&mut self, at: usize, event: Event, out: &mut Vec<Event>) {
        self.choices[at].calls.content(at as u32, event, out);
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
        self.keep(arguments.len())?;
        let told = self.choices[at].calls.find(index, &id);
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
}
