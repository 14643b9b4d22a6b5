//! One item of a stream: what of it was told in pieces, and what only its end tells.

use super::{Step, seal, text_of};
use crate::WireError;
use crate::chat::{Annotation, Dialect, Event, Seal};
use crate::dialect::responses::items::annotation;
use crate::json::{Json, Members};
use serde_json::value::RawValue;
use std::collections::HashMap;

type Seals = HashMap<String, Seal>;

pub(super) struct Item {
    pub index: u64,
    pub id: Option<String>,
    /// A call's number, which it gets when its turn comes.
    pub number: u32,
    kind: Kind,
    /// What waits for the items before it.
    pub queue: Vec<Step>,
    pub done: bool,
}

pub(super) enum Kind {
    Message {
        /// Content parts that were told.
        told: Vec<u64>,
        notes: Vec<(usize, Annotation)>,
    },
    Reasoning {
        /// What is told of it, the summary or the reasoning itself: not both.
        summary: Option<bool>,
        /// The parts told so far.
        told: Vec<u64>,
        any: bool,
    },
    Call {
        custom: bool,
        started: bool,
        any: bool,
    },
    /// A tool of the vendor's own, and whatever is not known yet.
    Hosted,
}

impl Kind {
    pub fn message() -> Kind {
        Kind::Message { told: Vec::new(), notes: Vec::new() }
    }

    pub fn reasoning() -> Kind {
        Kind::Reasoning { summary: None, told: Vec::new(), any: false }
    }

    pub fn call(custom: bool) -> Kind {
        Kind::Call { custom, started: false, any: false }
    }

    /// What an item must be that a frame tells a piece of. A call has a name, which no piece tells.
    pub fn of_piece(word: &str) -> Option<Kind> {
        match word.split('.').next()? {
            "output_text" | "refusal" => Some(Kind::message()),
            "reasoning_summary_text" | "reasoning_text" => Some(Kind::reasoning()),
            _ => None,
        }
    }
}

impl Item {
    pub fn new(index: u64, id: Option<String>, kind: Kind) -> Item {
        Item { index, id, number: 0, kind, queue: Vec::new(), done: false }
    }

    /// A frame about a part of the item, by its type without `response.`.
    pub fn piece(&mut self, word: &str, m: &mut Members<'_>) -> Result<Vec<Step>, WireError> {
        let mut steps = Vec::new();
        let (subject, moment) = word.rsplit_once('.').unwrap_or((word, ""));
        let field = match (moment, subject) {
            ("delta", _) => "delta",
            ("done", "refusal") => "refusal",
            ("done", "function_call_arguments") => "arguments",
            ("done", "custom_tool_call_input") => "input",
            ("done", _) => "text",
            _ => "",
        };
        match (&mut self.kind, subject) {
            (Kind::Message { notes, .. }, "output_text.annotation") => {
                let part = m.count("content_index").ok().flatten().unwrap_or(0) as usize;
                notes.extend(m.take("annotation").and_then(annotation).map(|note| (part, note)));
            }
            (Kind::Message { told, .. }, "output_text" | "refusal") => {
                let part = m.count("content_index").ok().flatten().unwrap_or(0);
                let text = if field.is_empty() { None } else { m.text(field)? };
                let text =
                    text.filter(|text| !text.is_empty() && (moment == "delta" || !told.contains(&part)));
                if let Some(text) = text {
                    if !told.contains(&part) {
                        told.push(part);
                    }
                    steps.push(if subject == "refusal" {
                        refusal(text)
                    } else {
                        Step::Text(part as usize, text)
                    });
                }
            }
            (Kind::Reasoning { summary, told, any }, "reasoning_summary_text" | "reasoning_text") => {
                let is_summary = subject == "reasoning_summary_text";
                let name = if is_summary { "summary_index" } else { "content_index" };
                let part = m.count(name).ok().flatten().unwrap_or(0);
                let text = if field.is_empty() { None } else { m.text(field)? };
                let wanted = summary.is_none_or(|told| told == is_summary)
                    && (moment == "delta" || !told.contains(&part));
                if let Some(text) = text.filter(|text| wanted && !text.is_empty()) {
                    *summary = Some(is_summary);
                    steps.extend(stretch(told, any, part, text, is_summary));
                }
            }
            (Kind::Call { started: true, any, .. }, "function_call_arguments" | "custom_tool_call_input") => {
                let text = if field.is_empty() { None } else { m.text(field)? };
                let text = text.filter(|text| !text.is_empty() && (moment == "delta" || !*any));
                if let Some(text) = text {
                    *any = true;
                    steps.push(arguments(text));
                }
            }
            _ => {}
        }
        Ok(steps)
    }

    /// The item as it was announced: a call whose name is known begins.
    pub fn begin(&mut self, m: &mut Members<'_>, seals: &mut Seals) -> Vec<Step> {
        let Kind::Call { custom, started: started @ false, .. } = &mut self.kind else {
            return Vec::new();
        };
        let id = m.text("call_id").ok().flatten().or_else(|| self.id.clone()).unwrap_or_default();
        let Some(name) = m.text("name").ok().flatten().filter(|name| !name.is_empty()) else {
            return Vec::new();
        };
        *started = true;
        let seal = seals.remove(&id);
        vec![Step::Event(Event::CallStart { choice: 0, call: 0, id, name, custom: *custom, seal })]
    }

    /// The item as it ended: what no piece told, and what only the end has.
    pub fn finish(
        &mut self,
        raw: &RawValue,
        seals: &mut Seals,
        logprobs: &mut Vec<String>,
    ) -> Result<Vec<Step>, WireError> {
        let mut m = Members::of(raw, "item")?;
        let mut steps = self.begin(&mut m, seals);
        let id = m.text("id").ok().flatten().or_else(|| self.id.clone());
        match &mut self.kind {
            Kind::Message { told, notes } => {
                let mut found = Vec::new();
                for (number, raw) in m.list("content").unwrap_or_default().into_iter().enumerate() {
                    let mut part = Members::of(raw, "content")?;
                    let text = part.text("text").ok().flatten();
                    let refused = part.text("refusal").ok().flatten();
                    if !told.contains(&(number as u64)) {
                        let text = text.filter(|text| !text.is_empty());
                        steps.extend(text.map(|text| Step::Text(number, text)));
                        steps.extend(refused.filter(|text| !text.is_empty()).map(refusal));
                    }
                    let list = part.list("annotations").unwrap_or_default();
                    found.extend(list.into_iter().filter_map(annotation).map(|note| (number, note)));
                    let list = part.list("logprobs").unwrap_or_default();
                    logprobs.extend(list.into_iter().map(|raw| raw.get().to_owned()));
                }
                if found.is_empty() {
                    found = std::mem::take(notes);
                }
                steps.extend(found.into_iter().map(|(part, note)| Step::Note(part, note)));
            }
            Kind::Reasoning { summary, told, any } => {
                if summary.is_none() {
                    for (name, is_summary) in [("summary", true), ("content", false)] {
                        let texts = m.list(name).unwrap_or_default().into_iter().enumerate();
                        for (part, raw) in texts {
                            let text = Members::of(raw, "part")?.text("text").ok().flatten();
                            if let Some(text) = text.filter(|text| !text.is_empty())
                                && summary.is_none_or(|told| told == is_summary)
                            {
                                *summary = Some(is_summary);
                                steps.extend(stretch(told, any, part as u64, text, is_summary));
                            }
                        }
                    }
                }
                let encrypted = m.text("encrypted_content").ok().flatten().filter(|text| !text.is_empty());
                let carried = encrypted.map(seal::open);
                let (mut own, mut id) = (None, id);
                if let Some(carried) = carried {
                    if carried.wrapped {
                        id = carried.id;
                    }
                    match carried.call {
                        Some(call) => drop(seals.insert(call, carried.seal)),
                        None => own = Some(carried.seal),
                    }
                }
                if *any || own.is_some() {
                    steps.push(Step::Event(Event::ReasoningEnd { choice: 0, seal: own, id }));
                }
            }
            Kind::Call { custom, started: true, any } => {
                let text = m.take(if *custom { "input" } else { "arguments" });
                // Some servers give the arguments as the object that they are.
                let text = text.map(|raw| text_of(raw).unwrap_or_else(|| raw.get().to_owned()));
                let text = text.filter(|text| !text.is_empty() && !*any);
                steps.extend(text.map(arguments));
                steps.push(Step::Event(Event::CallEnd { choice: 0, call: 0 }));
            }
            Kind::Call { .. } => {}
            Kind::Hosted => {
                let (dialect, json) = (Dialect::OpenAiResponses, Json::from(raw));
                steps.push(Step::Event(Event::Opaque { choice: 0, dialect, json }));
            }
        }
        self.done = true;
        Ok(steps)
    }

    /// The stream is over and the item's end was not told.
    pub fn close(&mut self) -> Vec<Step> {
        if std::mem::replace(&mut self.done, true) {
            return Vec::new();
        }
        match &mut self.kind {
            Kind::Message { notes, .. } => {
                std::mem::take(notes).into_iter().map(|(part, note)| Step::Note(part, note)).collect()
            }
            Kind::Reasoning { any: true, .. } => {
                vec![Step::Event(Event::ReasoningEnd { choice: 0, seal: None, id: self.id.clone() })]
            }
            Kind::Call { started: true, .. } => {
                vec![Step::Event(Event::CallEnd { choice: 0, call: 0 })]
            }
            _ => Vec::new(),
        }
    }
}

/// Parts of a summary are paragraphs.
fn stretch(told: &mut Vec<u64>, any: &mut bool, part: u64, mut text: String, summary: bool) -> Option<Step> {
    if !told.contains(&part) {
        told.push(part);
        if std::mem::replace(any, true) {
            text.insert_str(0, "\n\n");
        }
    }
    Some(Step::Event(Event::Reasoning { choice: 0, text, summary }))
}

fn refusal(text: String) -> Step {
    Step::Event(Event::Refusal { choice: 0, text })
}

fn arguments(text: String) -> Step {
    Step::Event(Event::CallArguments { choice: 0, call: 0, text })
}
