//! Events to a caller's chunks.

use super::super::reply::{call_members, citation, id_of, picture, write_usage};
use super::super::{detail_of, word_of};
use crate::chat::{Body, Call, Dialect, Event, Media};
use crate::codec::{Echo, EventWriter};
use crate::fault::write_fault_event;
use crate::json::{Object, object, one_line};
use magic_domain::endpoint::Endpoint;
use magic_domain::fault::{Code, Fault};
use magic_domain::usage::Usage;

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
        out.extend_from_slice(one_line(&text).as_bytes());
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
