//! A stream for a caller, written: one `message_start`, blocks that never overlap and are opened only when
//! there is something for them, one `message_delta`, one `message_stop`.

use super::reply::{call_id, citation, message_id, placeholder, redacted_block, signature, stop_reason};
use super::{seal, usage};
use crate::chat::{Dialect, Event, Seal, SealKind, Stop};
use crate::codec::{Echo, EventWriter};
use crate::fault::{FaultClass, VendorFault};
use crate::json::{Object, object, one_line};
use magic_domain::usage::Usage;

pub(super) struct Writer {
    echo: Echo,
    started: bool,
    over: bool,
    /// The number of the block that is open, or of the next one.
    index: u32,
    open: Open,
    calls: u32,
    stop: Stop,
    stop_text: Option<String>,
    usage: Usage,
}

/// The block that is open.
#[derive(Clone, PartialEq)]
enum Open {
    Nothing,
    Text,
    /// With its text so far, for a signature of ours.
    Thinking {
        text: String,
        summary: bool,
    },
    /// `custom`: the input is one text, whose JSON is under way.
    Call {
        number: u32,
        custom: bool,
    },
}

impl Writer {
    pub(super) fn new(echo: Echo) -> Writer {
        Writer {
            echo,
            started: false,
            over: false,
            index: 0,
            open: Open::Nothing,
            calls: 0,
            stop: Stop::End,
            stop_text: None,
            usage: Usage::default(),
        }
    }
}

impl EventWriter for Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, usage, .. } => self.start(id, *usage, out),
            Event::Usage(usage) => self.usage = *usage,
            Event::Fault(fault) => self.fault(fault, out),
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => self.text(text, out),
            Event::Annotation { choice: 0, annotation } if self.open == Open::Text => {
                self.delta(out, |o| {
                    o.text("type", "citations_delta");
                    o.object("citation", |o| citation(annotation, o));
                });
            }
            Event::Reasoning { choice: 0, text, summary } if !text.is_empty() => {
                if !matches!(self.open, Open::Thinking { .. }) {
                    self.open_thinking(*summary, out);
                }
                if let Open::Thinking { text: whole, .. } = &mut self.open {
                    whole.push_str(text);
                }
                self.delta(out, |o| {
                    o.text("type", "thinking_delta");
                    o.text("thinking", text);
                });
            }
            Event::ReasoningEnd { choice: 0, seal, id } => self.seal(seal.as_ref(), id.as_deref(), out),
            Event::CallStart { choice: 0, call, id, name, custom, seal } => {
                self.call(*call, id, name, *custom, seal.as_ref(), out);
            }
            Event::CallArguments { choice: 0, call, text } if !text.is_empty() => match self.open {
                Open::Call { number, custom: false } if number == *call => self.input(text, out),
                Open::Call { number, custom: true } if number == *call => {
                    let quoted = serde_json::to_string(text).unwrap_or_default();
                    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
                    self.input(inner, out);
                }
                _ => {}
            },
            Event::CallEnd { choice: 0, call } => {
                if matches!(self.open, Open::Call { number, .. } if number == *call) {
                    self.close(out);
                }
            }
            Event::Media { choice: 0, part } => {
                if let Some(text) = placeholder(part) {
                    self.text(&text, out);
                }
            }
            Event::Opaque { choice: 0, dialect: Dialect::Anthropic, json } => {
                self.whole(json.get(), out);
            }
            Event::Stop { choice: 0, stop, stop_text } => {
                self.stop = *stop;
                self.stop_text.clone_from(stop_text);
            }
            // Answers beside the first have no place in this dialect, nor have probabilities.
            _ => {}
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.ensure_started(out);
        self.close(out);
        let text = self.stop_text.as_deref();
        let reason = stop_reason(self.stop, self.calls > 0, text);
        frame(out, "message_delta", |o| {
            o.object("delta", |o| {
                o.text("stop_reason", reason);
                match text.filter(|_| reason == "stop_sequence") {
                    Some(text) => o.text("stop_sequence", text),
                    None => o.key("stop_sequence").null(),
                }
            });
            o.object("usage", |o| usage::write(&self.usage, o));
        });
        frame(out, "message_stop", |_| {});
    }
}

impl Writer {
    fn start(&mut self, id: &str, usage: Option<Usage>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        self.usage = usage.unwrap_or_default();
        frame(out, "message_start", |o| {
            o.object("message", |o| {
                o.text("id", &message_id(id, &self.echo));
                o.text("type", "message");
                o.text("role", "assistant");
                o.text("model", &self.echo.model);
                o.list("content", |_| {});
                o.key("stop_reason").null();
                o.key("stop_sequence").null();
                o.object("usage", |o| usage::write(&self.usage, o));
            });
        });
        frame(out, "ping", |_| {});
    }

    fn ensure_started(&mut self, out: &mut Vec<u8>) {
        if !self.started {
            self.start("", None, out);
        }
    }

    fn fault(&mut self, fault: &VendorFault, out: &mut Vec<u8>) {
        self.over = true;
        let kind = match fault.class {
            FaultClass::Overloaded => "overloaded_error",
            FaultClass::RateLimit => "rate_limit_error",
            FaultClass::InvalidRequest | FaultClass::ContextLength | FaultClass::ContentFilter => {
                "invalid_request_error"
            }
            FaultClass::NotFound => "not_found_error",
            FaultClass::Timeout => "timeout_error",
            // The key and the money are ours, not the caller's.
            FaultClass::Auth | FaultClass::Quota | FaultClass::Server | FaultClass::Unknown => "api_error",
        };
        frame(out, "error", |o| {
            o.object("error", |o| {
                o.text("type", kind);
                o.text("message", &fault.message);
            });
        });
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.open != Open::Text {
            self.open(Open::Text, out, |o| {
                o.text("type", "text");
                o.text("text", "");
            });
        }
        self.delta(out, |o| {
            o.text("type", "text_delta");
            o.text("text", text);
        });
    }

    fn open_thinking(&mut self, summary: bool, out: &mut Vec<u8>) {
        self.open(Open::Thinking { text: String::new(), summary }, out, |o| {
            o.text("type", "thinking");
            o.text("thinking", "");
            o.text("signature", "");
        });
    }

    fn seal(&mut self, seal: Option<&Seal>, id: Option<&str>, out: &mut Vec<u8>) {
        match seal {
            Some(seal) if seal.dialect == Dialect::Anthropic && seal.kind == SealKind::Encrypted => {
                self.whole(&object(|o| redacted_block(&seal.data, o)), out);
            }
            _ => {
                if !matches!(self.open, Open::Thinking { .. }) {
                    // Signed but without a text is still a block (C13).
                    if seal.is_none() {
                        return;
                    }
                    self.open_thinking(false, out);
                }
                self.close_thinking(seal, id, out);
            }
        }
    }

    /// Ends the thinking; its signature comes just before the end.
    fn close_thinking(&mut self, seal: Option<&Seal>, id: Option<&str>, out: &mut Vec<u8>) {
        let Open::Thinking { text, summary } = std::mem::replace(&mut self.open, Open::Nothing) else {
            return;
        };
        let signature = signature(&text, summary, seal, id);
        self.delta(out, |o| {
            o.text("type", "signature_delta");
            o.text("signature", &signature);
        });
        self.stop_block(out);
    }

    fn call(
        &mut self,
        number: u32,
        id: &str,
        name: &str,
        custom: bool,
        seal: Option<&Seal>,
        out: &mut Vec<u8>,
    ) {
        let id = call_id(id, number, &self.echo);
        if let Some(seal) = seal {
            self.open_thinking(false, out);
            self.open = Open::Nothing;
            let signature = seal::of_call(&id, seal);
            self.delta(out, |o| {
                o.text("type", "signature_delta");
                o.text("signature", &signature);
            });
            self.stop_block(out);
        }
        self.calls += 1;
        self.open(Open::Call { number, custom }, out, |o| {
            o.text("type", "tool_use");
            o.text("id", &id);
            o.text("name", name);
            o.object("input", |_| {});
        });
        if custom {
            self.input(r#"{"input":""#, out);
        }
    }

    fn input(&mut self, text: &str, out: &mut Vec<u8>) {
        self.delta(out, |o| {
            o.text("type", "input_json_delta");
            o.text("partial_json", text);
        });
    }

    fn open(&mut self, open: Open, out: &mut Vec<u8>, block: impl FnOnce(&mut Object<'_>)) {
        self.ensure_started(out);
        self.close(out);
        self.open = open;
        frame(out, "content_block_start", |o| {
            o.int("index", self.index);
            o.object("content_block", block);
        });
    }

    fn delta(&self, out: &mut Vec<u8>, delta: impl FnOnce(&mut Object<'_>)) {
        frame(out, "content_block_delta", |o| {
            o.int("index", self.index);
            o.object("delta", delta);
        });
    }

    /// A block that comes in one piece.
    fn whole(&mut self, json: &str, out: &mut Vec<u8>) {
        self.ensure_started(out);
        self.close(out);
        frame(out, "content_block_start", |o| {
            o.int("index", self.index);
            o.key("content_block").raw(json);
        });
        self.stop_block(out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match self.open {
            Open::Nothing => {}
            Open::Thinking { .. } => self.close_thinking(None, None, out),
            Open::Text | Open::Call { custom: false, .. } => self.stop_block(out),
            Open::Call { custom: true, .. } => {
                self.input("\"}", out);
                self.stop_block(out);
            }
        }
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        frame(out, "content_block_stop", |o| o.int("index", self.index));
        self.index += 1;
        self.open = Open::Nothing;
    }
}

/// One event; its name is also its `type`.
fn frame(out: &mut Vec<u8>, name: &str, build: impl FnOnce(&mut Object<'_>)) {
    let data = object(|o| {
        o.text("type", name);
        build(o);
    });
    for piece in ["event: ", name, "\ndata: ", &one_line(&data), "\n\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
}
