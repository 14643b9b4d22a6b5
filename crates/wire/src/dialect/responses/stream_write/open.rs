//! The item that is being written: its parts, its pieces, and what it is when it is done.

use super::{Wire, reasoning};
use crate::chat::Annotation;
use crate::dialect::responses::history::{annotation_members, raw_items};
use crate::json::{self, Object};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Speech {
    Text,
    Refusal,
}

pub(super) enum Open {
    Message {
        id: String,
        /// Parts that are done.
        parts: Vec<String>,
        open: Option<Saying>,
    },
    Reasoning {
        id: String,
        text: String,
        encrypted: Option<String>,
    },
    Call {
        id: String,
        call_id: String,
        name: String,
        custom: bool,
        text: String,
    },
}

/// The open part of a message.
pub(super) struct Saying {
    speech: Speech,
    text: String,
    annotations: Vec<String>,
}

impl Saying {
    fn part(&self, logprobs: &str) -> String {
        json::object(|o| match self.speech {
            Speech::Text => {
                o.text("type", "output_text");
                o.text("text", &self.text);
                o.list("annotations", |l| raw_items(&self.annotations, l));
                o.key("logprobs").raw(logprobs);
            }
            Speech::Refusal => {
                o.text("type", "refusal");
                o.text("refusal", &self.text);
            }
        })
    }
}

pub(super) fn summary(text: &str, o: &mut Object<'_>) {
    o.text("type", "summary_text");
    o.text("text", text);
}

fn place(o: &mut Object<'_>, id: &str, at: usize, index: &str, part: usize) {
    o.text("item_id", id);
    o.int("output_index", at as u64);
    o.int(index, part as u64);
}

impl Open {
    pub fn message(id: String) -> Open {
        Open::Message { id, parts: Vec::new(), open: None }
    }

    pub fn reasoning(id: String) -> Open {
        Open::Reasoning { id, text: String::new(), encrypted: None }
    }

    pub fn call(id: String, call_id: &str, name: &str, custom: bool) -> Open {
        let (call_id, name) = (call_id.to_owned(), name.to_owned());
        Open::Call { id, call_id, name, custom, text: String::new() }
    }

    pub fn added(&self, at: usize, wire: &mut Wire, out: &mut Vec<u8>) {
        let item = self.item("in_progress");
        wire.send(out, "response.output_item.added", |o| {
            o.int("output_index", at as u64);
            o.key("item").raw(&item);
        });
        if let Open::Reasoning { id, .. } = self {
            wire.send(out, "response.reasoning_summary_part.added", |o| {
                place(o, id, at, "summary_index", 0);
                o.object("part", |o| summary("", o));
            });
        }
    }

    pub fn speak(&mut self, speech: Speech, text: &str, at: usize, wire: &mut Wire, out: &mut Vec<u8>) {
        if matches!(self, Open::Message { open: Some(saying), .. } if saying.speech != speech) {
            self.close_part("[]", at, wire, out);
        }
        let Open::Message { id, parts, open } = self else { return };
        let number = parts.len();
        let saying = open.get_or_insert_with(|| {
            let saying = Saying { speech, text: String::new(), annotations: Vec::new() };
            let part = saying.part("[]");
            wire.send(out, "response.content_part.added", |o| {
                place(o, id, at, "content_index", number);
                o.key("part").raw(&part);
            });
            saying
        });
        saying.text.push_str(text);
        let kind = match speech {
            Speech::Text => "response.output_text.delta",
            Speech::Refusal => "response.refusal.delta",
        };
        wire.send(out, kind, |o| {
            place(o, id, at, "content_index", number);
            o.text("delta", text);
            if speech == Speech::Text {
                o.list("logprobs", |_| {});
            }
        });
    }

    pub fn annotate(&mut self, annotation: &Annotation, at: usize, wire: &mut Wire, out: &mut Vec<u8>) {
        let Open::Message { id, parts, open: Some(saying) } = self else { return };
        if saying.speech != Speech::Text {
            return;
        }
        let json = json::object(|o| annotation_members(annotation, o));
        wire.send(out, "response.output_text.annotation.added", |o| {
            place(o, id, at, "content_index", parts.len());
            o.int("annotation_index", saying.annotations.len() as u64);
            o.key("annotation").raw(&json);
        });
        saying.annotations.push(json);
    }

    pub fn think(&mut self, text: &str, at: usize, wire: &mut Wire, out: &mut Vec<u8>) {
        let Open::Reasoning { id, text: whole, .. } = self else { return };
        whole.push_str(text);
        wire.send(out, "response.reasoning_summary_text.delta", |o| {
            place(o, id, at, "summary_index", 0);
            o.text("delta", text);
        });
    }

    pub fn arguments(&mut self, text: &str, at: usize, wire: &mut Wire, out: &mut Vec<u8>) {
        let Open::Call { id, custom, text: whole, .. } = self else { return };
        if text.is_empty() {
            return;
        }
        whole.push_str(text);
        let kind = if *custom {
            "response.custom_tool_call_input.delta"
        } else {
            "response.function_call_arguments.delta"
        };
        wire.send(out, kind, |o| {
            o.text("item_id", id);
            o.int("output_index", at as u64);
            o.text("delta", text);
        });
    }

    /// Ends what is open in the item, and gives the item as it is now.
    pub fn close(
        &mut self,
        status: &str,
        logprobs: &str,
        at: usize,
        wire: &mut Wire,
        out: &mut Vec<u8>,
    ) -> String {
        // A call without arguments calls with none; one that was cut off is told as it came (C42).
        if matches!(self, Open::Call { custom: false, text, .. } if text.is_empty()) {
            self.arguments("{}", at, wire, out);
        }
        match self {
            Open::Message { .. } => self.close_part(logprobs, at, wire, out),
            Open::Reasoning { id, text, .. } => {
                wire.send(out, "response.reasoning_summary_text.done", |o| {
                    place(o, id, at, "summary_index", 0);
                    o.text("text", text);
                });
                wire.send(out, "response.reasoning_summary_part.done", |o| {
                    place(o, id, at, "summary_index", 0);
                    o.object("part", |o| summary(text, o));
                });
            }
            Open::Call { id, name, custom, text, .. } => {
                let kind = if *custom {
                    "response.custom_tool_call_input.done"
                } else {
                    "response.function_call_arguments.done"
                };
                wire.send(out, kind, |o| {
                    o.text("item_id", id);
                    o.int("output_index", at as u64);
                    if !*custom {
                        o.text("name", name);
                    }
                    o.text(if *custom { "input" } else { "arguments" }, text);
                });
            }
        }
        self.item(status)
    }

    fn close_part(&mut self, logprobs: &str, at: usize, wire: &mut Wire, out: &mut Vec<u8>) {
        let Open::Message { id, parts, open } = self else { return };
        let Some(saying) = open.take() else { return };
        let number = parts.len();
        let (kind, field) = match saying.speech {
            Speech::Text => ("response.output_text.done", "text"),
            Speech::Refusal => ("response.refusal.done", "refusal"),
        };
        wire.send(out, kind, |o| {
            place(o, id, at, "content_index", number);
            o.text(field, &saying.text);
            if saying.speech == Speech::Text {
                o.key("logprobs").raw(logprobs);
            }
        });
        let part = saying.part(logprobs);
        wire.send(out, "response.content_part.done", |o| {
            place(o, id, at, "content_index", number);
            o.key("part").raw(&part);
        });
        parts.push(part);
    }

    /// The item with what it has so far.
    pub fn item(&self, status: &str) -> String {
        match self {
            Open::Message { id, parts, open } => json::object(|o| {
                o.text("id", id);
                o.text("type", "message");
                o.text("status", status);
                o.text("role", "assistant");
                o.list("content", |l| {
                    raw_items(parts, l);
                    if let Some(saying) = open {
                        l.item().raw(&saying.part("[]"));
                    }
                });
            }),
            Open::Reasoning { id, text, encrypted } => {
                let text = Some(text.as_str()).filter(|text| !text.is_empty());
                reasoning(id, text, encrypted.as_deref())
            }
            Open::Call { id, call_id, name, custom, text } => json::object(|o| {
                o.text("id", id);
                o.text("type", if *custom { "custom_tool_call" } else { "function_call" });
                o.text("status", status);
                o.text("call_id", call_id);
                o.text("name", name);
                o.text(if *custom { "input" } else { "arguments" }, text);
            }),
        }
    }
}
